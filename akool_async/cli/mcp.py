"""`akool mcp`: what Akool offers, as tools for agents."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akool_async.cli import stopping
from akool_async.cli.messages import Problem
from akool_async.cli.opening import client
from akool_async.cli.options import Number
from akool_async.cli.places import check_folder
from akool_async.journal import Journal

if TYPE_CHECKING:
    from akool_async.mcp.rules import Rules

_CREDITS = Number(min=0)
_TOKEN = "AKOOL_MCP_TOKEN"  # noqa: S105 - the name of a variable
_SHORTEST = 16
"""Characters of a token that nobody guesses."""


@click.command("mcp")
@click.option("--tools", help="Namespaces and tools to offer, such as reage,voice_tts; else all.")
@click.option("--read-only", is_flag=True, help="Offer only tools that read: nothing can be paid.")
@click.option(
    "--compact", is_flag=True, help="Offer three general tools: less for a model to read."
)
@click.option(
    "--limit",
    type=_CREDITS,
    default=10.0,
    show_default=True,
    help="Credits for 24 hours; the person is asked before more are spent.",
)
@click.option(
    "--unpriced",
    type=_CREDITS,
    help="Credits that a job without a known price counts; else the person is asked.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for files: the only one that agents may write to and read from.",
)
@click.option(
    "--journal",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that records jobs and spending, so that a restart knows them.",
)
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    help="Serve HTTP at this port of 127.0.0.1, not stdio; 0 is a free one.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The file of the token that HTTP clients need; made if it is missing. Else {_TOKEN}.",
)
def command(
    *, path: Path | None, port: int | None, token_file: Path | None, **allowed: Any
) -> None:
    """Serve what Akool offers as tools for agents.

    A client of the Model Context Protocol, such as Claude, Cursor or VS Code, starts this command
    and speaks to it by stdin and stdout. With --http it serves clients that know a token, until
    Ctrl-C.
    """
    if find_spec("mcp") is None:
        raise Problem("the server for agents needs mcp: pip install 'akool_async[mcp]'", {})
    rules = _rules(**allowed)
    token = None if port is None else token_of(token_file)
    if path is None:
        click.echo("akool mcp: without --journal, a restart forgets jobs and spending", err=True)
    asyncio.run(_serve(rules, Journal(path or ":memory:"), port, token))


def _rules(*, tools: str | None, folder: Path | None, limit: float, **others: Any) -> Rules:
    from akool_async.mcp.rules import Rules

    if folder is not None:
        check_folder(folder)
        folder = folder.resolve()
    names = tuple(filter(None, (each.strip() for each in (tools or "").split(","))))
    takes_files = folder is not None and bool(os.environ.get("AKOOL_UPLOADS"))
    return Rules(tools=names, folder=folder, limit=limit, takes_files=takes_files, **others)


def token_of(file: Path | None) -> str:
    """Return the token that HTTP clients need; write one to the file if that is missing."""
    if file is None:
        token = os.environ.get(_TOKEN, "")
    else:
        try:
            with suppress(FileExistsError):
                handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w") as opened:
                    opened.write(secrets.token_urlsafe(32))
            token = file.read_text(encoding="latin-1").strip()
        except OSError as error:
            raise Problem(f"{file} cannot be used: {error.strerror}", {}) from None
    if len(token) < _SHORTEST:
        where = f"{file} has to hold" if file else f"give --token-file FILE, or set {_TOKEN} to"
        raise Problem(f"{where} a token of {_SHORTEST} characters at least", {})
    return token


async def _serve(rules: Rules, journal: Journal, port: int | None, token: str | None) -> None:
    from akool_async.mcp.server import server_of
    from akool_async.mcp.serving import serve_http, serve_stdio

    stop, left, problem = asyncio.Event(), True, ""
    with stopping.set_by_signals(stop):
        try:
            async with client(journal=journal) as akool:
                server = await server_of(akool, journal, rules, stop)
                if port is None:
                    left = await serve_stdio(server, stop)
                else:
                    assert token is not None
                    await serve_http(
                        *(server, port, token, stop),
                        hearing=stopping.set_by_signals,
                        started=_announce,
                    )
        except OSError as error:
            problem = f"port {port} cannot be listened on: {error.strerror}"
        finally:
            await journal.close()
    if problem:
        raise Problem(problem, {})
    if not left:
        # A thread still reads standard input, and nothing else ends that.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def _announce(address: str) -> None:
    click.echo(f"{address} is served; Ctrl-C stops it, and jobs go on at Akool", err=True)
