"""What becomes of a client at the end of its program, and in children after a fork."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from akool_async.protocol.snapshot import Status
from akool_async.simulator import Simulator
from tests.sync.conftest import Connected

OPEN = """
import multiprocessing, os, sys, threading, time
from akool_async.endpoints import SpeakText
from akool_async.errors import JournalInUse
from akool_async.sync import Akool

SPEECH = SpeakText(input_text="Hello.", voice_id="v")
akool = Akool({key!r}, base_url={url!r}{settings})
"""

QUIET = ("-W", "always::ResourceWarning", "-W", "ignore:This process:DeprecationWarning")
"""From Python 3.12 on, it warns of a fork beside any thread."""


def run(
    simulator: Simulator, program: str, *, settings: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    program = OPEN.replace("{settings}", settings) + program
    program = program.replace("{key!r}", repr(simulator.api_key))
    program = program.replace("{url!r}", repr(simulator.url))
    return subprocess.run(
        [sys.executable, *QUIET, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


LEFT_OPEN = """
print(akool.submit(SPEECH, key="a").result(30).status.name)
second = akool.with_settings(journal=None, save_to=None)
print(second.submit(SPEECH).created().token[:5])  # it is under way at the end
sent = akool.stats.requests["voice.tts"]
akool.submit(SPEECH, key="b")
while akool.stats.requests["voice.tts"] == sent:  # its create has left, and is not answered
    time.sleep(0.002)
"""


class SlowCreate:
    """Lets a simulated Akool take its time for the answer to one of the creates that it gets.

    Args:
        number: Which one; the first has number 1.
    """

    def __init__(self, number: int) -> None:
        self._before = number

    async def __call__(self, name: str, _request: object) -> None:
        """Answer at once, or after a second."""
        self._before -= name == "voice.tts"
        if name == "voice.tts" and not self._before:
            await asyncio.sleep(1.0)  # in which a busy machine gets as far as the program's end


def test_the_end_of_a_program_closes_clients_and_journals_without_a_word(
    simulator: Simulator, connected: Connected, tmp_path: Path
) -> None:
    simulator.fault = SlowCreate(3)
    settings = f", journal={str(tmp_path / 'jobs.db')!r}, save_to={str(tmp_path / 'out/')!r}"
    ended = run(simulator, LEFT_OPEN, settings=settings)
    assert (ended.returncode, ended.stdout) == (0, "COMPLETED\nakj1.\n")
    assert ended.stderr == "1 job that nobody awaited ended with the client; accepted ones go on\n"
    assert len(list((tmp_path / "out").iterdir())) == 1
    # The journal was closed as it should be: nothing is left to be written into it.
    assert not (tmp_path / "jobs.db-wal").exists()
    # The answer to the last create was waited for: its job is known, and not in doubt.
    with connected(journal=tmp_path / "jobs.db") as akool:
        assert akool.job(key="b").result(30).status is Status.COMPLETED


HALF_READ = """
class Service:
    def __init__(self):
        self.akool = Akool({key!r}, base_url={url!r})
        self.done = self.akool.submit(SPEECH).result(30)
        self.akool.account.credit()

    def __del__(self):  # at the end of the program, the loop's thread stands still
        for late in (self.akool.account.credit, lambda: self.akool.save(self.done, "late/")):
            try:
                late()
            except RuntimeError as error:
                print(error)
        self.akool.close()

service = Service()
jobs = akool.map([SPEECH] * 50)
job = next(jobs)
opened = job.stream()
content = iter(opened.__enter__())
next(content)
"""


def test_the_end_of_a_program_waits_for_nothing_that_was_left_half_read(
    simulator: Simulator,
) -> None:
    ended = run(simulator, HALF_READ)
    assert ended.returncode == 0
    # How many jobs of the map go on is a matter of time; nothing else is said.
    assert all(each.endswith("accepted ones go on") for each in ended.stderr.splitlines())
    told = ended.stdout.splitlines()
    assert told == ["the client is closed; enter it again with `with`", "the program is at its end"]


FORK = """
ended = akool.submit(SPEECH)
ended.result(30)
akool.pause()
left = akool.submit(SPEECH)
child = os.fork()
if child == 0:
    assert [each.name for each in threading.enumerate()] == ["MainThread"]
    assert ended.result().id == ended.id
    try:
        left.result()
    except RuntimeError as error:
        print(error)
    assert akool.account.credit().credit
    assert akool.submit(SPEECH).result(30).id not in {ended.id, None}
    assert akool.job(ended.token).result(30).id == ended.id
    ended.save("saved.wav")
    with akool:
        assert list(akool.map([SPEECH]))[0].succeeded
    del left, ended
    sys.exit(3)
print(os.waitpid(child, 0)[1] >> 8, flush=True)
akool.resume()
assert left.result(30)
akool.close()

def work(number):
    return other.submit(SPEECH).result(30).status.name

other = Akool({key!r}, base_url={url!r})  # made before its workers are forked
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, range(4)) == ["COMPLETED"] * 4
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_the_child_works_on_with_a_loop_of_its_own(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run(simulator, FORK)
    assert ended.returncode == 0, ended.stderr
    told, code = ended.stdout.splitlines()
    assert "belongs to process" in told
    assert code == "3"
    assert ended.stderr == ""
    assert (tmp_path / "saved.wav").exists()


JOURNAL_FORK = """
akool.account.credit()
child = os.fork()
if child == 0:
    try:
        akool.account.credit()
    except JournalInUse as error:
        print("another process" in str(error))
    akool.close()
    sys.exit(0)
os.waitpid(child, 0)
with akool:
    print(akool.submit(SPEECH, key="b").result(30).status.name)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_journal_stays_with_the_process_that_opened_it(
    simulator: Simulator, tmp_path: Path
) -> None:
    settings = f", journal={str(tmp_path / 'jobs.db')!r}"
    ended = run(simulator, JOURNAL_FORK, settings=settings)
    assert (ended.stdout, ended.stderr) == ("True\nCOMPLETED\n", "")
