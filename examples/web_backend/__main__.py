"""Starts the web backend: `python -m examples.web_backend`, or `--help`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from akool_async import AkoolError
from akool_async.webhook import WebhookCredentials

from .app import Setup, build_app
from .simulated import attached

NEEDS_A_SITE = """\
Akool fetches each photo from an address, so this server needs one that the world can reach:
start a tunnel to it, and name its address, such as --site https://me.example
Only /photos and /akool are answered there; the page itself stays on this machine."""

POLLED = """\
Without AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET there are no webhooks: jobs are polled."""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, or given ones."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.web_backend",
        description="Serve a page that makes faces in photos older, younger, or somebody else's."
        " With AKOOL_API_KEY it uses Akool, and each job costs credit; without, a simulated one.",
    )
    parser.add_argument("--port", type=int, default=8765, help="0 for any free port")
    parser.add_argument("--data", type=Path, default=Path("web-backend-data"), help="a folder")
    parser.add_argument("--site", help="https address under which the world reaches this server")
    parser.add_argument("--no-webhooks", action="store_true", help="poll the jobs instead")
    parser.add_argument(
        "--at-once", type=int, default=10, metavar="N", help="how many jobs Akool works on at once"
    )
    return parser.parse_args(given)


def _listening(port: int) -> socket.socket:
    """Listen on loopback only; what comes from now on waits until the app is ready."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        problem = f"port {port} cannot be used ({error.strerror}); choose another with --port"
    sys.exit(problem)


def setup_of(given: argparse.Namespace, here: str) -> Setup:
    """Return how to run: with Akool if there is a key, else with a simulated one."""
    key = os.environ.get("AKOOL_API_KEY")
    return _simulated(given, here) if key is None else _real(given, here, key)


def _simulated(given: argparse.Namespace, here: str) -> Setup:
    folder: Path = given.data / "simulated"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    akool = attached(folder)
    credentials = WebhookCredentials(client_id=akool.client_id, client_secret=akool.client_secret)
    return Setup(
        folder,
        site=here,
        account=akool.name,
        simulated=True,
        api_key=akool.api_key,
        api=akool.url,
        credentials=None if given.no_webhooks else credentials,
        lease=akool.lease,
        at_once=given.at_once,
    )


def _real(given: argparse.Namespace, here: str, key: str) -> Setup:
    api = os.environ.get("AKOOL_BASE_URL")
    on_loopback = urlsplit(api or "").hostname in {"127.0.0.1", "localhost"}
    site: str | None = given.site or (here if on_loopback else None)
    if site is None:
        sys.exit(NEEDS_A_SITE)
    folder: Path = given.data / "akool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    client_id, secret = os.environ.get("AKOOL_CLIENT_ID"), os.environ.get("AKOOL_CLIENT_SECRET")
    credentials = None
    if client_id and secret and not given.no_webhooks:
        credentials = WebhookCredentials(client_id=client_id, client_secret=secret)
    elif not given.no_webhooks:
        print(POLLED, file=sys.stderr)
    return Setup(
        folder,
        site=site.rstrip("/"),
        account="akool",  # also after its key was replaced
        simulated=on_loopback,
        api_key=key,
        api=api,
        credentials=credentials,
        at_once=given.at_once,
    )


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    given = arguments()
    with _listening(given.port) as listening:
        here = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            app = build_app(setup_of(given, here))
        except (AkoolError, OSError) as error:
            sys.exit(str(error))
        print(f"{here} is ready: open it in a browser. Ctrl-C ends it.", flush=True)
        # No access log: addresses of photos and webhooks are secrets.
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        with suppress(KeyboardInterrupt):  # Ctrl-C, after all has been closed
            uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
