"""Serves the page with a key of your own: `python -m akool_async.live_avatar`, or `--help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from akool_async import Akool, AkoolError, MissingCredentials

from . import Setup, build_app, serving

COMMAND = f"python -m {__package__}"
NO_KEY = """\
Set AKOOL_API_KEY to your key at Akool. Every session costs credit.
`akool streaming demo` shows the page without a key."""
NO_SDK = """\
{path} is missing. It is Agora's SDK for browsers, and your server gives it to the page:
  npm pack agora-rtc-sdk-ng
  tar xzf agora-rtc-sdk-ng-*.tgz package/AgoraRTC_N-production.js
  {command} --agora package/AgoraRTC_N-production.js"""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, or given ones."""
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Serve a page on which people talk with a live avatar of Akool, on this"
        " machine only. Every session costs credit, by the second.",
    )
    parser.add_argument("--port", type=int, default=8766, help="0 for any free port")
    parser.add_argument(
        "--agora",
        type=Path,
        default=Path("AgoraRTC_N-production.js"),
        metavar="FILE",
        help="Agora's SDK for browsers, of the npm package agora-rtc-sdk-ng",
    )
    parser.add_argument(
        "--avatar",
        action="append",
        metavar="ID[=NAME]",
        help="an avatar that people may choose; may be repeated",
    )
    parser.add_argument(
        "--duration",
        type=int,
        action="append",
        metavar="SECONDS",
        help="the most seconds of a session that people may choose; may be repeated",
    )
    parser.add_argument(
        "--journal",
        type=Path,
        default=Path("live-avatar.sqlite"),
        metavar="FILE",
        help="what a crash leaves open: `akool streaming reap --file FILE` closes it",
    )
    return parser.parse_args(given)


def avatars_of(given: list[str] | None) -> Mapping[str, str]:
    """Return the name of each avatar."""
    named = [each.partition("=") for each in given or ["dvp_Tristan_cloth2_1080P=Tristan"]]
    return {each: name or each for each, _, name in named}


async def serve(given: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM; then every session is closed."""
    setup = Setup(avatars_of(given.avatar), given.duration or [300, 900, 1800], sdk=given.agora)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends `asyncio.run`
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        Akool(journal=given.journal) as akool,
        serving(build_app(akool, setup), given.port) as address,
    ):
        print(f"{address} is ready: open it in a browser. Ctrl-C ends it.", flush=True)
        await stop.wait()


def main() -> None:
    """Serve, or say what is missing."""
    given = arguments()
    if not given.agora.is_file():
        sys.exit(NO_SDK.format(path=given.agora, command=COMMAND))
    try:
        asyncio.run(serve(given))
    except MissingCredentials:
        problem = NO_KEY
    except (AkoolError, OSError) as error:
        problem = str(error)
    except KeyboardInterrupt:
        return
    else:
        return
    sys.exit(problem)


if __name__ == "__main__":
    main()
