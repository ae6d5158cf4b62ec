"""What a tool replies: plain data, links to media, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.types import CallToolResult, ContentBlock, ResourceLink, TextContent

from akool_async.errors import AkoolError
from akool_async.mcp.advice import advice_for
from akool_async.plain import as_json
from akool_async.protocol.documentation import without_traps


class Refusal(Exception):
    """A tool cannot do what it was asked to do; the text tells the agent why, and what to do."""


def reply(data: Mapping[str, Any], *, links: Sequence[str] = ()) -> CallToolResult:
    """Return data as a reply: as JSON text for models, and as structured content for programs.

    Args:
        data: Plain data.
        links: Addresses of media; clients show those of http and https as links.
    """
    content: list[ContentBlock] = [TextContent(text=as_json(data))]
    # A client may open a link: what Akool replied must not lead to a file of this machine.
    content += [_link(each) for each in links if each.startswith(("http://", "https://"))]
    return CallToolResult(content=content, structured_content=dict(data))


def _link(address: str) -> ResourceLink:
    name = address.partition("?")[0].rstrip("/").rpartition("/")[2]
    return ResourceLink(name=name or "result", uri=address)


def refused(
    problem: AkoolError | Refusal, known: Mapping[str, Any] | None = None
) -> CallToolResult:
    """Return an error as a reply that a model can learn from.

    Args:
        problem: What went wrong.
        known: What is known of the job meanwhile.
    """
    about = about_error(problem)
    words = [about["message"], about.get("advice", ""), (known or {}).get("note", "")]
    if token := about.get("token"):
        words.append(f"The job's token is {token}.")
    text = " ".join(each if each.endswith((".", "?")) else f"{each}." for each in words if each)
    data = {**(known or {}), "error": about}
    return CallToolResult(content=[TextContent(text=text)], structured_content=data, is_error=True)


def about_error(problem: BaseException) -> dict[str, Any]:
    """Return what an agent is told of an error: its type, message, advice, token and steps."""
    message = problem.message if isinstance(problem, AkoolError) else str(problem)
    about: dict[str, Any] = {"type": type(problem).__name__, "message": without_traps(message)}
    if isinstance(problem, AkoolError):
        if advice := advice_for(problem):
            about["advice"] = advice
        if problem.token:
            about["token"] = problem.token
        if problem.steps:
            about["paid_steps"] = list(problem.steps)
    return about
