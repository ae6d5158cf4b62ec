"""A listening command, and a receiver of webhooks, for the tests of `akool webhooks`."""

from __future__ import annotations

import contextlib
import http.server
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from akool_async.protocol.snapshot import Status
from akool_async.webhook import Event, WebhookCredentials, sign

COMMAND = (sys.executable, "-W", "error", "-m", "akool_async.cli", "webhooks")
CLIENT_ID, SECRET = "my-client-id-AAAAAAAAA==", "canary-secret-0123456789-abcdefg"
CREDENTIALS = WebhookCredentials(client_id=CLIENT_ID, client_secret=SECRET)


def webhook(job_id: str, status: Status = Status.COMPLETED, **given: Any) -> bytes:
    event = Event(id=job_id, status=status, type="audio", url="https://cdn.example/x.mp3")
    return sign(event, CREDENTIALS, **given)


class Listening:
    """`akool webhooks listen` as a process of its own."""

    def __init__(self, process: subprocess.Popen[str], greeting: str) -> None:
        self.process = process
        self.greeting = greeting
        found = re.search(r"Listening for webhooks at (\S+)", greeting)
        assert found is not None
        self.url = found[1]

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it ended"
        return line.rstrip("\n")

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal; return the exit status and the output since then."""
        self.process.send_signal(number)
        written, complaints = self.process.communicate(timeout=30)
        return self.process.returncode, written, complaints


@contextlib.contextmanager
def listening(*options: str) -> Iterator[Listening]:
    """Listen on a free port."""
    command = [*COMMAND, "listen", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    greets = process.stderr if "--json" in options else process.stdout
    assert greets is not None
    with process:
        try:
            lines: list[str] = []
            while "Ctrl-C stops it.\n" not in lines:
                lines.append(greets.readline())
                assert lines[-1], f"it ended: {process.communicate()}"
            assert greets.readline() == "\n"
            yield Listening(process, "".join(lines))
        finally:
            process.kill()


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
