"""One row of a stream that cannot be sent: it is the error of its own job, and stops no other."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from akool_async import (
    Akool,
    AkoolError,
    Event,
    InvalidInput,
    Job,
    JobFailed,
    JobTimeout,
    KeyConflict,
    Submission,
)
from akool_async.crun import Crun
from akool_async.endpoints import OPERATIONS, RECIPES, TTS, SwapFaces
from akool_async.simulator import Simulator
from tests.clients import Connect

PICTURE = "https://photos.example/a.png"


def speech(text: object) -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


async def run(akool: Akool, rows: Any, **options: Any) -> list[Job[Any]]:
    return [job async for job in akool.map(rows, ordered=True, **options)]


def errors_of(jobs: list[Job[Any]]) -> list[type[BaseException] | None]:
    return [None if (error := job.exception()) is None else type(error) for job in jobs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


BAD_ROWS: dict[str, Any] = {
    "nothing": None,
    "a number": 7,
    "a text": "audio.tts",
    "a list of one": [speech(1)],
    "a tuple of four": ("k", "audio.tts", {}, 1),
    "no request in a pair": ("k", None),
    "no request in a Submission": Submission(None),  # type: ignore[arg-type]
    "a key that is no text": (7, speech(1)),
    "a key that no store can hold": ("\ud800", speech(1)),
    "a timeout of less than nothing": Submission(speech(1), timeout=-1),
    "a priority that is no number": Submission(speech(1), priority="high"),  # type: ignore[arg-type]
    "no such operation": ("k", "audio.tss", {}),
    "an operation that is no text": ("k", 7, {}),
    "a query": ("k", "account.credit", {}),
    "parameters that are none": ("k", "audio.tts", 7),
    "a missing parameter": ("k", "audio.tts", {"voice_id": "v"}),
    "an unknown parameter": ("k", "audio.tts", {"voice": "v"}),
    "a parameter without a name": ("k", "audio.tts", {1: "v"}),
    "a parameter that breaks a rule": ("k", "audio.tts", {"input_text": "", "voice_id": "v"}),
    "a rule that joins fields": ("k", "audio.clone", {"input_text": "Hello."}),
    "a recipe that breaks a rule": ("k", "faceswap.swap", {"source": "a.png", "target": PICTURE}),
    "a dict without an operation": {"key": "k", "input_text": "Hello.", "voice_id": "v"},
    "a dict with a wrong option": {"operation": "audio.tts", "timeout": 0, "parameters": {}},
    "a dict with more than parameters": {"operation": "audio.tts", "parameters": {}, "kye": "k"},
    "an empty dict": {},
}


@pytest.mark.parametrize("later", [False, True])
async def test_a_row_that_cannot_be_sent_is_a_job_that_ended_with_its_error(
    quick: Simulator, connect: Connect, path: Path, *, later: bool
) -> None:
    rows: list[Any] = [each for bad in BAD_ROWS.values() for each in (speech("good"), bad)]

    async def stream() -> AsyncIterator[Any]:
        for row in rows:
            yield row

    async with connect(quick, journal=path) as akool:
        jobs = await run(akool, stream() if later else rows)
        assert errors_of(jobs) == [None, InvalidInput] * len(BAD_ROWS)
        assert quick.world.creates == {"audio.tts": len(BAD_ROWS)}
        assert all(job.id is None and job.done() for job in jobs[1::2])
        assert akool.stats.in_flight == akool.stats.queued == 0


async def test_an_edited_row_is_a_key_conflict_of_its_own_job_in_this_and_a_later_process(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    rows = [(f"row {n}", speech(n)) for n in range(5)]
    edited: list[Any] = [*rows[:2], ("row 2", speech("edited")), *rows[3:], ("row 0", speech(9))]
    expected = [None, None, KeyConflict, None, None, KeyConflict]
    async with connect(quick, journal=path) as akool:
        await run(akool, rows)
        assert errors_of(await run(akool, edited)) == expected
    async with connect(quick, journal=path) as akool:
        jobs = await run(akool, edited)
        assert errors_of(jobs) == expected
        assert [job.key for job in jobs] == [key for key, _ in edited]
    assert quick.world.creates.total() == 5


async def test_a_key_of_another_event_loop_is_a_conflict_of_its_own_job(
    simulator: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(simulator, journal=path) as akool:
        job = await akool.submit(speech(1), key="K").created()

        async def elsewhere() -> list[Job[Any]]:
            rows: list[Any] = [("K", speech(1)), ("L", 7)]
            return [each async for each in akool.map(rows, ordered=True)]

        found: list[type[BaseException] | None] = []
        thread = threading.Thread(target=lambda: found.extend(errors_of(asyncio.run(elsewhere()))))
        thread.start()
        await asyncio.to_thread(thread.join)
        assert found == [KeyConflict, InvalidInput]
        assert not job.done()


async def test_keys_without_a_journal_are_a_mistake_of_the_call(
    simulator: Simulator, connect: Connect
) -> None:
    row: Any
    for row in (("k", speech(1)), ("k", "audio.tts", {}), {"key": "k", "operation": "audio.tts"}):
        async with connect(simulator) as akool:
            with pytest.raises(ValueError, match="journal"):
                await run(akool, [row])


async def test_an_error_of_a_generator_is_raised_after_the_jobs_before_it_and_loses_none(
    quick: Simulator, connect: Connect
) -> None:
    def rows() -> Iterator[TTS]:
        for n in range(10):
            yield speech("" if n == 7 else n)

    done: list[Job[Any]] = []
    note = done.append

    async def consume(jobs: AsyncIterator[Job[Any]]) -> None:
        async for job in jobs:
            note(job)

    async with connect(quick, max_concurrency=3) as akool:
        with pytest.raises(InvalidInput, match="input_text"):
            await consume(akool.map(rows()))
    assert errors_of(done) == [None] * 7
    assert quick.world.creates.total() == 7


# Rows as data


async def test_rows_are_taken_as_data_and_built_one_by_one(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    parameters = {"input_text": "Hello.", "voice_id": "v"}
    rows: list[Any] = [
        ("a", "audio.tts", parameters),
        ["b", "audio.tts", parameters],
        (None, TTS, parameters),
        {"key": "c", "operation": "audio.tts", "parameters": parameters, "tag": 7},
        {"key": "d", "operation": "audio.tts", **parameters},
        {"key": "e", "request": speech("Hello."), "priority": 2, "timeout": None},
        ("f", "faceswap.swap", {"source": PICTURE, "target": PICTURE}),
    ]
    async with connect(quick, journal=path) as akool:
        jobs = await run(akool, rows)
        assert errors_of(jobs) == [None] * len(rows)
        assert [job.key for job in jobs] == ["a", "b", None, "c", "d", "e", "f"]
        assert [job.tag for job in jobs] == [*rows[:3], 7, *rows[4:]]
        assert jobs[0].request == TTS(input_text="Hello.", voice_id="v")
    assert quick.world.creates == {"audio.tts": 6, "faceswap.image": 1}


async def test_a_refused_row_can_be_told_by_its_name_key_and_tag(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    rows: list[Any] = [
        ("a", "audio.tts", {}),
        {"key": "b", "operation": "audio.tss", "voice_id": "v"},
        Submission(speech(1), key="c", timeout=-1, tag="mine"),
        ("d", "faceswap.swap", {}),
        (9, speech(1)),
    ]
    async with connect(quick, journal=path) as akool:
        jobs = await run(akool, rows)
    assert [job.key for job in jobs] == ["a", "b", "c", "d", None]
    assert [job.tag for job in jobs] == [rows[0], rows[1], "mine", rows[3], None]
    assert [job.name for job in jobs] == [
        "audio.tts",
        "audio.tss",
        "audio.tts",
        "faceswap.swap",
        "audio.tts",
    ]
    assert "did you mean 'audio.tts'?" in str(jobs[1].exception())
    for job in jobs:
        with pytest.raises(InvalidInput):
            await job.created()


async def test_a_refused_row_has_one_event_and_is_counted_like_a_refused_job(
    quick: Simulator, connect: Connect
) -> None:
    events: list[Event] = []
    async with connect(quick, on_event=events.append) as akool:
        jobs = await run(akool, [(None, "audio.tts", {}), None, speech(1)])
        assert errors_of(jobs) == [InvalidInput, InvalidInput, None]
        assert akool.stats.jobs["audio.tts"].refused == 1
        assert akool.stats.jobs["audio.tts"].completed == 1
    ends = [(event.operation, event.name) for event in events if event.job.id is None]
    assert ends.count(("audio.tts", "job.refused")) == ends.count(("unknown", "job.refused")) == 1


def test_no_parameter_has_the_name_of_an_option_of_a_row() -> None:
    names = {"key", "timeout", "priority", "tag", "retry_failed"}
    names |= {"operation", "parameters", "request"}
    for cls in (*OPERATIONS.values(), *RECIPES.values()):
        assert not names & set(cls.__struct_fields__)


async def test_crun_takes_rows_as_data_too(quick: Simulator) -> None:
    async with Crun("the-key", base_url=quick.url) as crun:
        rows: list[Any] = [(None, "crun.detect_faces", {"image_url": "nowhere"})]
        (job,) = [job async for job in crun.map(rows)]
        assert (job.name, errors_of([job])) == ("crun.detect_faces", [InvalidInput])


async def test_a_hundred_thousand_refused_rows_are_read_no_further_than_they_are_taken(
    quick: Simulator, connect: Connect
) -> None:
    read: Counter[str] = Counter()

    def rows() -> Iterator[Any]:
        for _ in range(100_000):
            read["rows"] += 1
            yield (None, "audio.tts", {})

    async with connect(quick, max_concurrency=5) as akool:
        taken = 0
        async for job in akool.map(rows()):
            assert isinstance(job.exception(), InvalidInput)
            taken += 1
            assert read["rows"] <= taken + 10
            if taken == 2_000:
                break


# Options of the whole call


async def test_a_call_has_options_for_the_rows_that_name_none(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    parameters = {"input_text": "Hello.", "voice_id": "v"}
    rows: list[Any] = [
        speech(1),
        ("a", "audio.tts", parameters),
        Submission(speech(2), priority=9),
        {"operation": "audio.tts", "priority": 4, **parameters},
        SwapFaces(source=PICTURE, target=PICTURE),
    ]
    async with connect(quick, journal=path) as akool:
        jobs = await run(akool, rows, priority=3, timeout=1e-9, retry_failed=True)
        assert errors_of(jobs) == [JobTimeout] * len(rows)
    options = [job._record.options for job in jobs]  # noqa: SLF001 - no user can read them
    assert [each.priority for each in options] == [3, 3, 9, 4, 3]
    assert {each.timeout for each in options} == {1e-9}
    assert all(each.retry_failed for each in options)


async def test_a_stream_sends_failed_keys_again_if_asked_to(connect: Connect, path: Path) -> None:
    rows = [("a", speech(1)), ("b", speech(2))]
    async with (
        Simulator(pace=0.02, fail_rate=1.0) as failing,
        connect(failing, journal=path) as one,
    ):
        assert errors_of(await run(one, rows)) == [JobFailed] * 2
    async with Simulator(pace=0.02) as quick:
        async with connect(quick, journal=path) as two:
            assert errors_of(await run(two, rows)) == [JobFailed] * 2
            assert quick.world.creates.total() == 0
            assert errors_of(await run(two, rows, retry_failed=True)) == [None] * 2
        assert quick.world.creates.total() == 2


async def test_an_option_of_a_call_that_makes_no_sense_is_refused_at_once(
    simulator: Simulator, connect: Connect
) -> None:
    nothing: list[TTS] = []
    async with connect(simulator) as akool:
        for wrong in ({"timeout": 0}, {"priority": 1.5}, {"retry_failed": "yes"}):
            options: dict[str, Any] = wrong
            with pytest.raises(AkoolError, match=next(iter(wrong))):
                akool.map(nothing, **options)
