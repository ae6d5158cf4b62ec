"""`akool simulate`, run as the command that users run."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
from collections.abc import Generator
from typing import NamedTuple

import pytest

from akool_async import Akool, JobFailed, Status
from akool_async.simulator import Simulator
from tests.cli.commands import Command, Serve, Serving, serving, serving_process
from tests.servers import held_port


class Running(NamedTuple):
    """A simulator that runs, and the output at its start."""

    serving: Serving
    greeting: str

    @property
    def variables(self) -> dict[str, str]:
        """The variables that its output says to export."""
        line = re.search(r"^ *export (.+)$", self.greeting, re.MULTILINE)
        assert line is not None
        return dict(pair.split("=", 1) for pair in line[1].split())


@contextlib.contextmanager
def simulator(*options: str, run: Serve = serving) -> Generator[Running]:
    """Simulate; in a thread of this process, or as `run` says."""
    with run("simulate", *options) as served:
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(served.out.readline())
            assert lines[-1], "it ended before it served"
        yield Running(served, "".join(lines))


@pytest.mark.parametrize(
    ("run", "number"),
    [(serving_process, signal.SIGINT), (serving_process, signal.SIGTERM), (serving, signal.SIGINT)],
)
async def test_it_serves_until_a_signal_and_then_prints_its_requests(
    run: Serve, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with simulator("--pace", "0.1", run=run) as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        async with Akool() as akool:
            speech = await akool.audio.tts(input_text="Hello.", voice_id="voice-nicole")
            left = await akool.account.credit()
        running.serving.send(number)
        status, written, complaints = await asyncio.to_thread(running.serving.ended)
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
    with held_port() as port, simulator("--port", str(port)) as running:
        assert running.variables["AKOOL_BASE_URL"] == f"http://127.0.0.1:{port}"


def test_a_port_in_use_is_reported_in_one_line(bare: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = bare("simulate", "--port", str(port))
    assert (ended.status, ended.out) == (1, "")
    assert re.fullmatch(rf"akool: port {port} cannot be listened on: .+\n", ended.err)


@pytest.mark.parametrize(
    "options", [("--port", "65536"), ("--seed", "x"), ("--fail-rate", "2"), ("--pace", "-1")]
)
def test_a_wrong_option_is_refused_in_one_line(options: tuple[str, str], bare: Command) -> None:
    ended = bare("simulate", *options)
    assert ended.status == 2
    assert re.fullmatch(rf"akool simulate: .*{options[0]}.*\n", ended.err)
