from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from akool_async.endpoints import TTS
from akool_async.errors import InvalidInput
from akool_async.simulator import Simulator
from akool_async.sync import Akool
from tests.sync.conftest import Connected, speech


def test_map_yields_each_job_once_it_has_ended(akool: Akool) -> None:
    jobs = list(akool.map((speech(str(number)) for number in range(30)), ordered=True))
    assert all(job.done() for job in jobs)
    assert [request.input_text for job in jobs if isinstance(request := job.request, TTS)] == [
        str(number) for number in range(30)
    ]


def test_the_stream_is_read_lazily_in_the_thread_that_asks(connected: Connected) -> None:
    read: list[str] = []

    def requests() -> Iterator[TTS]:
        for number in range(1000):
            read.append(threading.current_thread().name)
            yield speech(str(number))

    with connected(max_concurrency=3) as akool:
        jobs = akool.map(requests())
        assert read == []
        next(jobs)
        next(jobs)
        assert len(read) <= 2 * 3 + 2 + 1
        assert set(read) == {threading.current_thread().name}
        jobs.close()


def test_leaving_early_drops_what_is_queued(connected: Connected, simulator: Simulator) -> None:
    with connected(max_concurrency=2) as akool:
        before = simulator.requests["audio.tts"]
        for job in akool.map(speech(str(number)) for number in range(100)):
            assert job.done()
            break
        assert akool.stats.queued == 0
        assert simulator.requests["audio.tts"] - before <= 2 * 2 + 2


def test_a_map_that_nobody_holds_drops_what_is_queued(connected: Connected) -> None:
    with connected(max_concurrency=2) as akool:
        jobs = akool.map(speech(str(number)) for number in range(100))
        next(jobs)
        del jobs
        assert akool.stats.queued == 0


def test_what_the_stream_raises_comes_after_the_jobs_before_it(akool: Akool) -> None:
    def requests() -> Iterator[TTS]:
        yield speech("first")
        yield speech("second")
        raise LookupError("no such row")

    jobs = akool.map(requests())
    assert next(jobs).done()
    assert next(jobs).done()
    with pytest.raises(LookupError, match="no such row"):
        next(jobs)


def test_rows_may_be_data_and_a_bad_one_is_a_job_that_has_ended(akool: Akool) -> None:
    rows: list[Any] = [
        {"operation": "audio.tts", "input_text": "Hello.", "voice_id": "v", "tag": 1},
        {"operation": "audio.tts", "input_text": 3, "tag": 2},
    ]
    jobs = {job.tag: job for job in akool.map(rows)}
    assert jobs[1].succeeded
    assert isinstance(jobs[2].exception(), InvalidInput)


def test_arguments_are_checked_at_once(akool: Akool) -> None:
    with pytest.raises(InvalidInput, match="timeout"):
        akool.map([], timeout="soon")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        akool.map(3)  # type: ignore[call-overload]


def test_progress_counts_what_map_yields_and_jobs_in_a_list(
    akool: Akool, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = [speech(str(number)) for number in range(4)]
    assert len(list(akool.progress(akool.map(requests), total=4))) == 4
    assert "4 of 4 ended" in capsys.readouterr().err
    jobs = [akool.submit(each) for each in requests]
    assert set(akool.progress(jobs)) == set(jobs)
    assert "4 of 4 ended" in capsys.readouterr().err
    for _ in akool.progress(akool.map(requests)):
        break
    assert akool.stats.queued == 0
