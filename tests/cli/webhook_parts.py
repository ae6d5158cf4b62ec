"""A listening command, and a receiver of webhooks, for the tests of `akool webhooks`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import os
import re
import signal
import threading
from collections.abc import Generator, Iterator
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from akool_async.protocol.snapshot import Status
from akool_async.webhook import Event, WebhookCredentials, sign
from tests.cli.commands import Ended, Serve, Serving, serving

CLIENT_ID, SECRET = "my-client-id-AAAAAAAAA==", "canary-secret-0123456789-abcdefg"
API_KEY = "canary-api-key-0123456789"
CREDENTIALS = WebhookCredentials(client_id=CLIENT_ID, client_secret=SECRET)


HIDDEN = {"AKOOL_CLIENT_ID": CLIENT_ID, "AKOOL_CLIENT_SECRET": SECRET, "AKOOL_API_KEY": API_KEY}
"""The variables of what must never be shown."""


def set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put everything that must never be shown into the environment of this test."""
    for name, value in HIDDEN.items():
        monkeypatch.setenv(name, value)


def webhook(job_id: str, status: Status = Status.COMPLETED, **given: Any) -> bytes:
    event = Event(id=job_id, status=status, type="audio", url="https://cdn.example/x.mp3")
    return sign(event, CREDENTIALS, **given)


def post(url: str, body: bytes, *, method: str = "POST", **headers: str) -> int:
    """Send a request, and return the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    fields = {"Content-Type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, f"{parts.path or '/'}?{parts.query}".rstrip("?"), body, fields)
        return connection.getresponse().status
    finally:
        connection.close()


def assert_hides(shown: str) -> None:
    """Fail if a text holds a credential, as it is or in a code that anyone can read."""
    ours = (value for name, value in os.environ.items() if name in HIDDEN and len(value) >= 12)
    for secret in {CLIENT_ID, SECRET, API_KEY, *ours}:
        for spelling in _spellings(secret):
            assert spelling.casefold() not in shown.casefold()


def _spellings(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield from (secret, data.hex(), data.hex(" "))
    for ahead in range(3):  # what stands before a text in base64 shifts all its signs
        for coded in (base64.b64encode, base64.urlsafe_b64encode):
            yield coded(b"\0" * ahead + data)[4:-4].decode()


class Listening:
    """`akool webhooks listen`, as it runs. Nothing that it prints may hold a credential.

    Args:
        serving: The command.
        greets: Where it greets.
    """

    def __init__(self, serving: Serving, greets: IO[str]) -> None:
        self._serving = serving
        lines: list[str] = []
        while "Ctrl-C stops it.\n" not in lines:
            lines.append(greets.readline())
            assert lines[-1], f"it ended: {serving.ended()}"
        assert greets.readline() == "\n"
        self.greeting = "".join(lines)
        self._shown = self.greeting
        found = re.search(r"Listening for webhooks at (\S+)", self.greeting)
        assert found is not None
        self.url = found[1]

    def line(self) -> str:
        """Wait for the next line that it prints."""
        line = self._serving.out.readline()
        assert line, "it ended"
        self._shown += line
        return line.rstrip("\n")

    def stop(self, number: signal.Signals = signal.SIGINT) -> Ended:
        """Send it a signal; return its status, and what it has printed since the last line."""
        self._serving.send(number)
        return self.ended()

    def ended(self) -> Ended:
        """Wait for its end; return the same."""
        ended = self._serving.ended()
        assert_hides(self._shown + ended.out + ended.err)
        return ended


@contextlib.contextmanager
def listening(*options: str, run: Serve = serving) -> Generator[Listening]:
    """Listen on a free port; in a thread of this process, or as `run` says."""
    with run("webhooks", "listen", "--port", "0", *options) as served:
        yield Listening(served, served.err if "--json" in options else served.out)


class Request(NamedTuple):
    """A request that a receiver got."""

    target: str
    kind: str
    body: bytes


class Receiver:
    """A receiver of webhooks that answers as it is told, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.status = 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(Request(self.path, self.headers["Content-Type"], body))
                self.send_response(receiver.status)
                if receiver.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                if receiver.status != 200:
                    self.wfile.write(b"not today\x1b[2J")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/akool"

    @contextlib.contextmanager
    def running(self) -> Iterator[Receiver]:
        """Serve until the end of the context."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
