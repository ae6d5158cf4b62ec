"""A tunnel from the internet to this machine: any program that prints the address it serves."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import click

from akool_async.cli.display import text_of

PATIENCE: Final = 30.0
"""Seconds in which a tunnel must have printed its address."""
_GRACE: Final = 3.0
"""Seconds in which it must have ended after it was asked to."""
_KEPT: Final = 10
"""Lines of its output that are shown if it fails."""
_LONGEST: Final = 1 << 20

# Tunnels greet with links to their terms and their help before they print their address. Those
# have a path; a tunnel's address has none, or is alone on its line.
_ADDRESS: Final = re.compile(r"https://[\w.-]+(?::\d+)?(?![\w.:/?#@-])")
_ALONE: Final = re.compile(r"\W*(https://[\w.-]+(?::\d+)?)/\W*")


def address_in(line: str) -> str | None:
    """Return the address of a tunnel, if a line of its output holds it.

    >>> address_in("Help: https://tunnel.example/docs")
    >>> address_in("INF |  https://blue-cat.tunnel.example  |")
    'https://blue-cat.tunnel.example'
    """
    if (alone := _ALONE.fullmatch(line)) is not None:
        return alone[1]
    found = _ADDRESS.search(line)
    return None if found is None else found[0].rstrip(".")


class Tunnel:
    """A running tunnel."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Read all that it prints until its end: it would stand still if nobody did."""
        output = self._process.stdout
        assert output is not None
        while line := await output.readline():
            text = text_of(line.decode(errors="replace").strip())
            if text:
                self._last.append(text)
            if not self._found.done() and (address := address_in(text)) is not None:
                self._found.set_result(address)

    async def address(self) -> str:
        """Wait for the address that it prints, and return it.

        Raises:
            click.ClickException: it ended before, or printed none in time.
        """
        first: list[asyncio.Future[Any]] = [self._found, self._reading]
        await asyncio.wait(first, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if self._found.done():
            return self._found.result()
        if not self._reading.done():
            problem = f"printed no https address in {PATIENCE:g} s"
            raise click.ClickException(f"the tunnel {problem}; {self._said()}")
        raise click.ClickException(await self.end())

    async def end(self) -> str:
        """Wait for it to end by itself, and return what to say about that."""
        status = await self._process.wait()
        await self._reading
        return f"the tunnel ended with status {status}; {self._said()}"

    def _said(self) -> str:
        return f"it said: {' | '.join(self._last)}" if self._last else "it said nothing"

    async def stop(self) -> None:
        """End it, and whatever it started."""
        self._signal(signal.SIGTERM)
        await asyncio.wait([self._reading], timeout=_GRACE)
        if not self._reading.done():  # somebody of its group still runs
            self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        await self._process.wait()
        await asyncio.wait([self._reading], timeout=_GRACE)
        self._reading.cancel()
        self._found.cancel()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is not None and self._reading.done():
            return  # nobody of its group is left, and another may have got its number
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.send_signal(number)
            else:
                os.killpg(self._process.pid, number)


@asynccontextmanager
async def running_tunnel(command: str, port: int) -> AsyncGenerator[Tunnel, None]:
    """Start a tunnel, and end it with the context.

    It sees no credential of ours, and Ctrl-C reaches only us: we end it.

    Args:
        command: How to start it; `{port}` stands for the port that it has to lead to.
        port: The port.

    Raises:
        click.ClickException: it cannot be started.
    """
    tunnel = Tunnel(await _started(command, port))
    try:
        yield tunnel
    finally:
        await tunnel.stop()


async def _started(command: str, port: int) -> Process:
    try:
        words = shlex.split(command.replace("{port}", str(port))) or [""]
        return await asyncio.create_subprocess_exec(
            *words,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            limit=_LONGEST,
            env={name: value for name, value in os.environ.items() if name[:6] != "AKOOL_"},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
    raise click.ClickException(f"the tunnel {command!r} cannot be started: {problem}")
