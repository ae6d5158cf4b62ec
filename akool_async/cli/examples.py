"""The example that ends the help of a command.

Those of commands that an endpoint makes stand in `examples.json`, which is made from the exchanges
that Akool's pages print: `docs/build_examples.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

import click

_WIDTH: Final = 76
"""Columns of a line, without its indent."""

BY_HAND: Final[Mapping[str, str]] = {
    "akool": "akool demo",
    "akool completion": "akool completion bash",
    "akool dashboard": "akool dashboard rows.run",
    "akool demo": "akool demo --jobs 60 --out akool-demo",
    "akool drain": "akool drain rows.run",
    "akool errors": "akool errors 1015",
    "akool fetch": "akool fetch rows.run --dry-run",
    "akool job": "akool job $TOKEN --save out/",
    "akool jobs": "akool jobs --failed rows.run",
    "akool journal": "akool journal list --file jobs.sqlite",
    "akool journal compact": "akool journal compact --file jobs.sqlite --days 7",
    "akool journal find": "akool journal find --file jobs.sqlite",
    "akool journal list": "akool journal list --file jobs.sqlite --unfinished",
    "akool journal resolve": "akool journal resolve order-7 --file jobs.sqlite --resend",
    "akool mcp": "akool mcp --tools image,reage --limit 20 --folder pictures",
    "akool pause": "akool pause rows.run",
    "akool report": "akool report rows.run --portable run.zip",
    "akool resume": "akool resume rows.run",
    "akool run": "akool run rows.csv --max-credits 50",
    "akool schema": "akool schema reage.image",
    "akool set": "akool set rows.run concurrency=50",
    "akool simulate": "akool simulate --port 8800",
    "akool streaming demo": "akool streaming demo",
    "akool streaming reap": "akool streaming reap --file jobs.sqlite",
    "akool verify": "akool verify rows.run",
    "akool webhooks": "akool webhooks listen --port 8899",
    "akool webhooks listen": "akool webhooks listen --forward-to http://127.0.0.1:8000/akool",
    "akool webhooks replay": "akool webhooks replay hooks.jsonl --to http://127.0.0.1:8000/akool"
    " --fresh",
    "akool webhooks send": "akool webhooks send --id ID --status completed"
    " --to http://127.0.0.1:8000/akool",
}
"""The examples of all other commands, by the command."""


@cache
def _of_endpoints() -> Mapping[str, Sequence[str]]:
    import msgspec  # not before it is needed: `akool --help` needs none of it

    text = resources.files("akool_async.cli").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, list[str]])


def add_example(command: click.Command, path: str) -> None:
    """Put an example at the end of a command's help, and of those of its commands.

    Args:
        command: The command.
        path: Its words, such as `akool journal list`.
    """
    if path in BY_HAND:
        _add(command, [BY_HAND[path]])
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        add_example(each, f"{path} {name}")


def add_documented_example(command: click.Command, path: str, endpoint: str) -> None:
    """Do the same for the command of an endpoint."""
    _add(command, [path, *_of_endpoints().get(endpoint, ())])


def _add(command: click.Command, words: Sequence[str]) -> None:
    if "Example" in f"{command.help} {command.epilog}":
        return  # it has one of its own, or was asked for before
    # After \b click does not wrap lines.
    example = "\n".join(["\b", "Example:", *(f"  {line}" for line in lines_of(words))])
    command.epilog = "\n\n".join(filter(None, [example, command.epilog]))


def lines_of(words: Sequence[str]) -> list[str]:
    r"""Return words as lines that a shell reads as one: each but the last ends with a \.

    Args:
        words: Texts that are kept whole, such as an option with its value.
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 3 <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}" if lines else word)
    return [*(f"{line} \\" for line in lines[:-1]), *lines[-1:]]
