"""The web backend as its users run it: a process of its own, beside a simulated Akool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest

from akool_async.simulator import Behaviour, Simulator
from tests.servers import held_port

ROOT = Path(__file__).parents[2]
SECRET = "canary-secret-0123456789-abcdefg"
PATIENCE = 60.0
"""Seconds after which a condition is given up: a busy machine is no failure."""

T = TypeVar("T")

_HELD = ExitStack()


def eventually(condition: Callable[[], T]) -> T:
    """Wait until a condition holds; return its value."""
    give_up = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < give_up, condition
        time.sleep(0.02)
    return value


class Server:
    """The web backend in a process that can be killed and started again at the same port."""

    def __init__(self, data: Path, environment: dict[str, str], *options: str) -> None:
        # Held to the end of the test process: a server that is down is started again at its port.
        self.port = _HELD.enter_context(held_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data
        self.log = data.parent / "server.log"
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AKOOL_")
        } | environment
        self._command = [
            *(sys.executable, "-m", "examples.web_backend"),
            *("--port", str(self.port), "--data", str(data), *options),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        eventually(self.is_up)

    def is_up(self) -> bool:
        """Say whether the server answers."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.health())
        except OSError:
            return False

    def health(self) -> dict[str, Any]:
        """Return what the server says about itself."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:  # noqa: S310
            said: dict[str, Any] = json.load(answer)
        return said

    def end(self, number: signal.Signals) -> float:
        """Send a signal; return the seconds until the process has ended."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return time.monotonic() - began

    def runs(self) -> bool:
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does, if it runs."""
        if self.runs():
            self.end(signal.SIGKILL)


Serve: TypeAlias = Callable[..., Server]


@pytest.fixture(scope="module")
def one_akool() -> Iterator[Simulator]:
    """Run a simulated Akool for all tests of a file: a server takes seconds to start."""
    with Simulator(client_secret=SECRET).in_thread() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def one_server(one_akool: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a web backend of that simulated Akool."""
    server = Server(tmp_path_factory.mktemp("backend") / "data", environment_of(one_akool))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def akool(one_akool: Simulator) -> Simulator:
    """Return the simulated Akool, quick and well, with nothing counted."""
    one_akool.world.behaviour = Behaviour(pace=0.3)
    one_akool.world.creates.clear()
    one_akool.webhooks.sent.clear()
    return one_akool


@pytest.fixture
def server(one_server: Server, akool: Simulator) -> Server:
    """Return a web backend that runs; the test may kill and start it."""
    if not one_server.runs():
        one_server.start()
    return one_server


@pytest.fixture
def serve(akool: Simulator, tmp_path: Path) -> Iterator[Serve]:
    """Start a web backend of one test's own."""
    running: list[Server] = []

    def start(*options: str) -> Server:
        server = Server(tmp_path / "data", environment_of(akool), *options)
        running.append(server)
        server.start()
        return server

    yield start
    for server in running:
        server.kill()


def environment_of(akool: Simulator) -> dict[str, str]:
    """Return what a server must know to use a simulated Akool."""
    return {
        "AKOOL_API_KEY": akool.api_key,
        "AKOOL_BASE_URL": akool.url,
        "AKOOL_CLIENT_ID": akool.client_id,
        "AKOOL_CLIENT_SECRET": SECRET,
    }
