"""`akool streaming demo`: a page on which people talk with a simulated live avatar."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import click

from akool_async import Akool
from akool_async.cli import stopping
from akool_async.cli.messages import Problem
from akool_async.simulator import Simulator

AVATARS: Final = {"dvp_Tristan_cloth2_1080P": "Tristan"}
DURATIONS: Final = (300, 60)
"""Seconds that the page offers; the first is the default."""
_RULES: Final = {"starts_per_minute": 60, "seconds_per_day": 24 * 3600}
"""Nothing is paid, so nobody has to be kept from trying."""

_PACKAGE: Final = Path(__file__).parents[1]
MODULE: Final = "akool_async_live_avatar"
"""The name under which the example is imported."""
PLACES: Final = (_PACKAGE / "live_avatar", _PACKAGE.parent / "examples" / "live_avatar")
"""Where the example is: in an installed wheel, or in the repository."""


@click.command("demo")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any free port",
    help="Port to listen on, at 127.0.0.1.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
def command(port: int, *, opens: bool) -> None:
    """Talk with a simulated live avatar in the browser.

    It prints the address of a page. There you start a session, see and hear the avatar, type to
    it, speak to it, interrupt it, and end the session. No account is needed, and nothing is paid.
    It serves the page on this machine, until Ctrl-C.
    """
    if find_spec("aiortc") is None:
        raise Problem("the demo needs aiortc: pip install 'akool_async[live]'", {})
    asyncio.run(_serve(example(), port, opens=opens))


def example() -> ModuleType:
    """Import the example with the page, from where it is.

    It is an example that people copy and change, so no module of the package imports it by name.

    Raises:
        Problem: neither the wheel nor the repository has it.
    """
    for place in PLACES:
        path = place / "__init__.py"
        spec = importlib.util.spec_from_file_location(MODULE, path)
        if path.is_file() and spec is not None and spec.loader is not None:
            module = sys.modules[MODULE] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise Problem("the files of the page are missing: install akool_async again", {})


def media_peer(simulator: Simulator) -> Callable[..., Awaitable[str]]:
    """Return what the page's server asks when the page joins a channel."""
    from akool_async.simulator.refusal import Refusal

    async def join(**offer: Any) -> str:
        try:
            return await simulator.join(**offer)
        except Refusal as refusal:
            words = refusal.msg
        raise ValueError(words)

    return join


async def _serve(page: ModuleType, port: int, *, opens: bool) -> None:
    stop, problem = asyncio.Event(), ""
    with stopping.set_by_signals(stop):
        async with (
            Simulator() as simulator,
            Akool(simulator.api_key, base_url=simulator.url) as akool,
        ):
            setup = page.Setup(AVATARS, DURATIONS, join=media_peer(simulator), rules=_RULES)
            try:
                async with page.serving(page.build_app(akool, setup), port) as address:
                    click.echo(f"Open {address} in a browser. Ctrl-C stops it.")
                    if opens:
                        await asyncio.to_thread(click.launch, address)
                    await stop.wait()
            except OSError as error:
                problem = f"port {port} cannot be listened on: {error.strerror}"
    if problem:
        raise Problem(problem, {})
