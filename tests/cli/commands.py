"""The `akool` command as the tests of this folder run it, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from typing import IO, Any, NamedTuple, TypeAlias

import pytest

from akool_async.cli import stopping
from akool_async.cli.tree import run
from akool_async.simulator import Simulator
from tests.strict import STRICT

COMMAND = (*STRICT, "-m", "akool_async.cli")
"""The command as a process of its own."""


class Ended(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed, which is JSON and nothing else."""
        read: dict[str, Any] = json.loads(self.out)
        return read


Command: TypeAlias = Callable[..., Ended]
"""Runs the command that the arguments name: `akool("journal", "list")`."""


def run_here(*arguments: str) -> Ended:
    """Run the command in this process, in whatever thread; it must hear no signals."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    return Ended(status, out.getvalue(), err.getvalue())


def settings_of(simulator: Simulator) -> dict[str, str]:
    """Return the variables that name a simulated Akool."""
    return {"AKOOL_BASE_URL": simulator.url, "AKOOL_API_KEY": simulator.api_key}


def point_at(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a simulated Akool in the environment of this test."""
    for name, value in settings_of(simulator).items():
        monkeypatch.setenv(name, value)


def environment(simulator: Simulator | None = None) -> dict[str, str]:
    """Return an environment without settings of the terminal, that names the simulator if given."""
    wishes = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TERM"}
    kept = {name: value for name, value in os.environ.items() if name not in wishes}
    return kept if simulator is None else kept | settings_of(simulator)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition in a test that has no event loop."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


class Serving(NamedTuple):
    """A command that serves until a signal."""

    out: IO[str]
    """What it prints."""
    err: IO[str]
    """What it prints on stderr."""
    send: Callable[[signal.Signals], object]
    """Sends it a signal."""
    wait: Callable[[], int]
    """Waits for its end, and returns its status."""

    def ended(self) -> Ended:
        """Wait for its end; return how it ended, and the output that nobody has read."""
        out, err = self.out.read(), self.err.read()
        return Ended(self.wait(), out, err)


Serve: TypeAlias = Callable[..., contextlib.AbstractContextManager[Serving]]
"""Runs the command that the arguments name: one of the two below."""


@contextlib.contextmanager
def serving_process(*arguments: str) -> Generator[Serving]:
    """Run a command that serves, in a process of its own."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            yield Serving(
                process.stdout, process.stderr, process.send_signal, lambda: process.wait(30)
            )
        finally:
            process.kill()


@contextlib.contextmanager
def serving(*arguments: str) -> Generator[Serving]:
    """Run a command that serves, in a thread of this process.

    Signals reach only the main thread. So a stand-in sets the event that they would set.
    """
    stops: list[Callable[[], object]] = []
    statuses: list[int] = []

    @contextlib.contextmanager
    def set_by_test(event: asyncio.Event) -> Generator[None]:
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(event.set))
        try:
            yield
        finally:
            stops.clear()

    def send(_number: signal.Signals) -> None:
        for stop in stops:
            stop()

    with contextlib.ExitStack() as files, pytest.MonkeyPatch.context() as patch:
        out, printed = map(files.enter_context, _pipe())
        err, complained = map(files.enter_context, _pipe())

        def command() -> None:
            with printed, complained:  # who reads the rest comes to its end
                statuses.append(run(arguments))

        def wait() -> int:
            thread.join(30)
            return statuses[0]

        patch.setattr(stopping, "set_by_signals", set_by_test)
        patch.setattr("sys.stdout", printed)
        patch.setattr("sys.stderr", complained)
        thread = threading.Thread(target=command)
        thread.start()
        try:
            yield Serving(out, err, send, wait)
        finally:
            send(signal.SIGINT)
            thread.join(30)
            assert not thread.is_alive()


def _pipe() -> tuple[IO[str], IO[str]]:
    """Return the two ends of a pipe: to read from, and to write to."""
    ours, theirs = os.pipe()
    return os.fdopen(ours), os.fdopen(theirs, "w", buffering=1)


class Terminal(io.StringIO):
    """A terminal that takes what is printed, and keeps it."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


@contextlib.contextmanager
def ctrl_c_once(condition: Callable[[], object]) -> Generator[None]:
    """Press Ctrl-C, once a condition holds, on the command that this process runs meanwhile."""

    def press() -> None:
        until(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        thread.join()
