"""Compare how SDKs treat paid work when a request fails: ours and others, in one run.

A loopback server treats one request wrongly and answers all others well. Three tables show

- how many POSTs one call of a paid create sends (more than 1 may be paid for more than once);
- whether a wait for a job survives one bad reply to a poll;
- the quality of the error of a dropped create: whether it pickles, and whether its traceback with
  locals shows the key.

    python benchmarks/rivals.py

The other SDKs are installed from the package registry, each into a temporary environment of its
own. `rival_calls.py` contains the call of each. An SDK that cannot be installed is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import json
import logging
import pickle
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.rival_calls import KEY, SDKS, abandon_rest

PATIENCE = 60.0
"""Seconds after which a call is cancelled and counts as `Endless`."""

_JSON = "Content-Type: application/json"
_PAGE = b"<html><body>Sorry</body></html>"
_CUT = b'{"id": "j1", "code": 1000, "data": {"_i'


def _answer(status: int, body: bytes, *fields: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} S", f"Content-Length: {size}", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


FAULTS = {
    "dropped after reading": b"",
    "HTTP 500": _answer(500, b"{}", _JSON),
    "HTTP 502, HTML": _answer(502, _PAGE, "Content-Type: text/html"),
    "HTTP 429": _answer(429, b"{}", _JSON, "Retry-After: 0"),
    "HTTP 404": _answer(404, b'{"detail": "not found"}', _JSON),
    "answer cut": _answer(200, _CUT, _JSON, length=500),
    "no answer": None,
}
"""The bytes that the server sends; `None` for no reply, ever."""

ON_CREATES = ("dropped after reading", "HTTP 500", "answer cut", "no answer")
ON_LOOKS = (
    "nothing",
    "HTTP 502, HTML",
    "HTTP 429",
    "dropped after reading",
    "answer cut",
    "HTTP 404",
)


class FaultServer:
    """A server with a fault in all creates, or in the first poll.

    Args:
        name: The SDK that it serves.
        creates: The fault of each create; empty for none.
        looks: The fault of the first poll; "nothing" for none, which checks that a wait works.
    """

    def __init__(self, name: str, creates: str = "", looks: str = "") -> None:
        self.requests: Counter[str] = Counter()
        self.url = ""
        self._sdk = SDKS[name]
        self._creates = creates
        self._looks = looks
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await self._read_body(head, reader)
            method = head.partition(" ")[0].upper()
            self.requests[method] += 1
            answer = self._answer_to(method)
            if answer is None:
                await asyncio.sleep(PATIENCE)
            writer.write(answer or b"")
            await writer.drain()
        writer.close()

    async def _read_body(self, head: str, reader: asyncio.StreamReader) -> None:
        if "transfer-encoding: chunked" in head:
            await reader.readuntil(b"0\r\n\r\n")
        length = head.partition("content-length: ")[2].partition("\r\n")[0]
        await reader.readexactly(int(length or 0))

    def _answer_to(self, method: str) -> bytes | None:
        if method == "POST" and self._creates:
            return FAULTS[self._creates]
        if method == "GET" and self._looks in FAULTS and self.requests["GET"] == 1:
            return FAULTS[self._looks]
        document = self._sdk.created if method == "POST" else self._sdk.done
        text = json.dumps(document).replace("URL", self.url)
        status = self._sdk.status if method == "POST" else 200
        return _answer(status, text.encode(), _JSON)


class Endless(Exception):
    """A call did not end, and was cancelled."""


async def outcome(call: Callable[[str], Any], url: str) -> Exception | None:
    """Return the error that a call raised."""
    try:
        async with asyncio.timeout(PATIENCE) as limit:
            await call(url)
    except Exception as error:  # noqa: BLE001 - what is raised is the finding
        return Endless() if limit.expired() else error
    finally:
        await abandon_rest()
    return None


async def create(name: str, fault: str) -> str:
    """Return how many POSTs one call sent, and the error that its caller got."""
    async with FaultServer(name, creates=fault) as server:
        error = await outcome(SDKS[name].create, server.url)
        return f"{server.requests['POST']} ({type(error).__name__ if error else 'no error'})"


async def wait(name: str, fault: str) -> str:
    """Return whether a wait survived a fault."""
    call = SDKS[name].wait
    if call is None:
        return "no wait"
    async with FaultServer(name, looks=fault) as server:
        error = await outcome(call, server.url)
    return "outlasts" if error is None else f"lost ({type(error).__name__})"


async def error_of(name: str, _fault: str) -> str:
    """Return whether the error of a dropped create pickles and hides the key."""
    async with FaultServer(name, creates="dropped after reading") as server:
        error = await outcome(SDKS[name].create, server.url)
    assert error is not None
    return f"{_pickles(error)} | {'yes' if _shows_key(error) else 'no'}"


def _pickles(error: Exception) -> str:
    try:
        return "yes" if str(pickle.loads(pickle.dumps(error))) == str(error) else "changed"  # noqa: S301
    except Exception as problem:  # noqa: BLE001 - what is raised is the finding
        return f"no ({type(problem).__name__})"


def _shows_key(error: BaseException | None) -> bool:
    """Return whether a frame of the SDK shows the key, in the error or in its causes."""
    if error is None:
        return False
    report = traceback.TracebackException(
        type(error), error, error.__traceback__, capture_locals=True
    )
    ours = str(Path(__file__).parent)
    shown = [
        value
        for frame in report.stack
        if not frame.filename.startswith(ours)
        for value in (frame.locals or {}).values()
    ]
    return (
        any(KEY in text for text in (*shown, repr(error), str(error)))
        or _shows_key(error.__cause__)
        or _shows_key(error.__context__)
    )


TABLES = {
    "create": ("POSTs for one call, and the error", ON_CREATES, create),
    "wait": ("One bad answer to a look", ON_LOOKS, wait),
    "error": ("The error of a dropped create", ("pickles | key in its traceback",), error_of),
}


def environment(name: str, folder: str) -> tuple[str, str] | None:
    """Install an SDK; return its interpreter and version, or `None` if that fails."""
    if name == "akool_async":
        return sys.executable, importlib.metadata.version(name)
    package = SDKS[name].package
    place = Path(folder, name)
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = str(place / "bin" / "python")
    tried = subprocess.run([python, "-m", "pip", "install", "-qq", package], check=False)
    if tried.returncode:
        return None
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    told = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    return python, told.stdout.strip()


def cell(python: str, *arguments: str) -> str:
    """Measure one cell of a table in the environment of an SDK."""
    done = subprocess.run(
        [python, __file__, "--drive", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    said = done.stdout.strip().splitlines()
    return said[-1] if said and not done.returncode else f"?? {done.stderr.strip()[-200:]}"


def compare(names: list[str]) -> None:
    """Install the other SDKs, and print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: environment(name, folder) for name in names}
        for table, (title, faults, _) in TABLES.items():
            print(f"\n| {title} | {' | '.join(faults)} |")
            print("| --- " * (1 + sum(fault.count("|") + 1 for fault in faults)) + "|")
            for name, place in found.items():
                if place is None or (table == "wait" and SDKS[name].wait is None):
                    continue
                python, version = place
                cells = [cell(python, table, name, fault) for fault in faults]
                print(f"| {SDKS[name].package} {version} | {' | '.join(cells)} |", flush=True)
    left_out = [name for name, place in found.items() if place is None]
    if left_out:
        print(f"\nNot to be installed here: {', '.join(left_out)}")


def main() -> None:
    """Run the comparison, or, with `--drive`, one call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="Which SDKs; all without it.")
    parser.add_argument("--drive", nargs=3, metavar=("TABLE", "NAME", "FAULT"))
    given = parser.parse_args()
    if given.drive is None:
        compare(given.names or list(SDKS))
        return
    table, name, fault = given.drive
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    print(asyncio.run(TABLES[table][2](name, fault)))


if __name__ == "__main__":
    main()
