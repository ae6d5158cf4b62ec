"""`akool simulate`, run as the command that users run."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Generator
from typing import NamedTuple

import pytest

from akool_async import Akool, JobFailed, Status
from akool_async.simulator import Simulator
from tests.cli import commands

COMMAND = (*commands.COMMAND, "simulate")


class Running(NamedTuple):
    """A simulator that runs as a process, and the output at its start."""

    process: subprocess.Popen[str]
    greeting: str

    @property
    def variables(self) -> dict[str, str]:
        """The variables that its output says to export."""
        line = re.search(r"^ *export (.+)$", self.greeting, re.MULTILINE)
        assert line is not None
        return dict(pair.split("=", 1) for pair in line[1].split())

    def stop(self, number: signal.Signals) -> tuple[int, str, str]:
        """Send a signal; return the exit status and the output since the start."""
        self.process.send_signal(number)
        written, complaints = self.process.communicate(timeout=30)
        return self.process.returncode, written, complaints


@contextlib.contextmanager
def simulator(*options: str) -> Generator[Running]:
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or not lines[-1].startswith("Ctrl-C"):
                lines.append(process.stdout.readline())
                assert lines[-1], "it ended before it served"
            yield Running(process, "".join(lines))
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_and_then_prints_its_requests(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with simulator("--pace", "0.1") as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        async with Akool() as akool:
            speech = await akool.audio.tts(input_text="Hello.", voice_id="voice-nicole")
            left = await akool.account.credit()
        status, written, complaints = running.stop(number)
    assert speech.status is Status.COMPLETED
    assert left.credit == 9_999
    assert (status, complaints) == (0, "")
    counts = dict(re.findall(r"^  (\S+) +(\d+)$", written, re.MULTILINE))
    assert counts.pop("audio.tts") == counts.pop("account.credit") == "1"
    assert counts.keys() <= {"audio.get"}


async def test_jobs_fail_at_the_given_rate() -> None:
    with simulator("--fail-rate", "1", "--pace", "0.01") as running:
        variables = running.variables
        async with Akool(variables["AKOOL_API_KEY"], base_url=variables["AKOOL_BASE_URL"]) as akool:
            with pytest.raises(JobFailed):
                await akool.audio.tts(input_text="Hello.", voice_id="voice-nicole")


def test_it_prints_the_credentials_of_its_webhooks() -> None:
    with simulator() as running:
        (line,) = re.findall(r"^ *export (AKOOL_CLIENT_ID=.+)$", running.greeting, re.MULTILINE)
        variables = dict(pair.split("=", 1) for pair in line.split())
    assert variables == {
        "AKOOL_CLIENT_ID": Simulator().client_id,
        "AKOOL_CLIENT_SECRET": Simulator().client_secret,
    }
    assert all(f" {value}" in running.greeting for value in variables.values())


def test_it_listens_on_the_given_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with simulator("--port", str(port)) as running:
        assert running.variables["AKOOL_BASE_URL"] == f"http://127.0.0.1:{port}"


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
        )
    assert ended.returncode == 1
    assert re.fullmatch(rf"akool: port {port} cannot be listened on: .+\n", ended.stderr)
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "options", [("--port", "65536"), ("--seed", "x"), ("--fail-rate", "2"), ("--pace", "-1")]
)
def test_a_wrong_option_is_refused_in_one_line(options: tuple[str, str]) -> None:
    ended = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert re.fullmatch(rf"akool simulate: .*{options[0]}.*\n", ended.stderr)
