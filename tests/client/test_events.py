"""Hooks and the log are told of each step of each job, once and in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    Backoff,
    ClientClosed,
    CreateOutcomeUnknown,
    Event,
    Face,
    InvalidInput,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobTimeout,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, AgeFaces, ImageReage
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until

PHOTO = "https://photos.example/photo.png"
BEGINNING = ["job.queued", "job.creating", "job.created"]


def speech(text: str = "hello") -> TTS:
    return TTS(input_text=text, voice_id="voice")


def reage() -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)


def refusing(name: str, code: int = 1003) -> Callable[[str, web.Request], Awaitable[Any]]:
    async def fault(asked: str, _request: web.Request) -> web.Response | None:
        return web.json_response({"code": code, "msg": "no"}) if asked == name else None

    return fault


def is_part(some: Sequence[str], whole: Sequence[str]) -> bool:
    """Say whether some steps occur in a whole in their order."""
    rest = iter(whole)
    return all(step in rest for step in some)


class Recorder(list[Event]):
    """A hook that remembers."""

    def __call__(self, event: Event) -> None:
        """Remember an event."""
        self.append(event)

    def names(self, job: object = None) -> list[str]:
        """Return the steps so far, of one job or of all."""
        return [event.name for event in self if job is None or event.job == job]

    def ends(self, job: object) -> list[str]:
        """Return the steps of one job, but for changes of status, which a look may bring or not."""
        return [name for name in self.names(job) if name != "job.status"]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_a_completed_job_is_told_of_from_the_queue_to_its_end(
    quick: Simulator, connect: Connect, recorder: Recorder
) -> None:
    async with connect(quick, on_event=recorder) as akool:
        before = datetime.now(UTC)
        job = akool.submit(speech())
        assert recorder.names() == ["job.queued"]
        await job
        after = datetime.now(UTC)
    names = recorder.names(job)
    assert names[:3] == BEGINNING
    assert names[-2:] == ["job.status", "job.completed"]
    assert set(names[3:-1]) == {"job.status"}
    assert {event.operation for event in recorder} == {"audio.tts"}
    times = [event.at for event in recorder]
    assert times == sorted(times)
    slack = timedelta(milliseconds=5)
    assert before - slack <= times[0] <= times[-1] <= after + slack


async def test_an_event_of_a_status_has_it_and_so_has_its_job(
    quick: Simulator, connect: Connect
) -> None:
    told: list[tuple[Status | None, Status]] = []

    def hook(event: Event) -> None:
        if event.name == "job.status":
            told.append((event.status, event.job.status))

    async with connect(
        quick, on_event=hook, backoff=Backoff(initial=0.002, maximum=0.002)
    ) as akool:
        await akool.submit(reage())
    assert told
    assert [before for before, _ in told] == [after for _, after in told]
    assert told[-1][0] is Status.COMPLETED


async def test_a_job_that_is_finished_when_it_is_created_has_no_change_of_status(
    clock: ManualClock, connect: Connect, recorder: Recorder
) -> None:
    async with (
        Simulator(clock=clock, instant_audio_rate=1.0) as simulator,
        connect(simulator, on_event=recorder) as akool,
    ):
        await akool.submit(speech())
    assert recorder.names() == [*BEGINNING, "job.completed"]


async def test_a_failed_job_is_told_of_with_its_error(connect: Connect, recorder: Recorder) -> None:
    async with (
        Simulator(pace=0.02, fail_rate=1.0, instant_audio_rate=0.0) as simulator,
        connect(simulator, on_event=recorder) as akool,
    ):
        job = akool.submit(speech())
        with pytest.raises(JobFailed) as caught:
            await job
    assert recorder[-1].name == "job.failed"
    assert recorder[-1].error is caught.value
    assert recorder[-1].job == job


async def test_each_way_to_an_end_has_its_name(
    simulator: Simulator, connect: Connect, recorder: Recorder, until: Until
) -> None:
    async def told(job: Any) -> list[str]:
        await asyncio.gather(job, return_exceptions=True)
        return recorder.names(job)

    async with connect(simulator, on_event=recorder) as akool:
        simulator.fault = refusing("audio.tts")
        refused = akool.submit(speech())
        assert await told(refused) == ["job.queued", "job.creating", "job.refused"]
        assert isinstance(refused.exception(), InvalidRequest)

        async def drop(_name: str, _request: web.Request) -> None:
            raise ConnectionResetError

        simulator.fault = drop
        unknown = akool.submit(speech())
        assert await told(unknown) == ["job.queued", "job.creating", "job.unknown"]
        assert isinstance(unknown.exception(), CreateOutcomeUnknown)
        simulator.fault = None
        late = akool.submit(speech(), timeout=0.05)
        await told(late)
        assert recorder.ends(late) == [*BEGINNING, "job.timed_out"]
        assert isinstance(late.exception(), JobTimeout)
        cancelled = akool.submit(reage())
        await cancelled.created()
        assert await cancelled.cancel()
        assert recorder.ends(cancelled) == [*BEGINNING, "job.cancelled"]
        assert isinstance(cancelled.exception(), JobCancelled)
        closed = akool.submit(speech())
        await closed.created()
    assert recorder.ends(closed) == [*BEGINNING, "job.closed"]
    assert isinstance(closed.exception(), ClientClosed)


async def test_a_job_that_is_cancelled_in_the_queue_was_only_queued(
    simulator: Simulator, connect: Connect, recorder: Recorder
) -> None:
    async with connect(simulator, on_event=recorder, max_concurrency=1) as akool:
        first, second = akool.submit(reage()), akool.submit(reage())
        await first.created()
        await second.cancel()
        assert recorder.names(second) == ["job.queued", "job.cancelled"]
        await first.cancel()


async def test_a_job_that_waits_for_credit_is_queued_and_created_once_more(
    quick: Simulator, connect: Connect, recorder: Recorder, until: Until
) -> None:
    quick.fault = refusing("audio.tts", 1006)
    async with connect(quick, on_event=recorder, on_credit="pause") as akool:
        job = akool.submit(speech())
        await until(lambda: len(recorder) == 3)
        assert recorder.names(job) == ["job.queued", "job.creating", "job.queued"]
        quick.fault = None
        akool.resume()
        await job
    assert recorder.names(job)[3:5] == ["job.creating", "job.created"]
    assert recorder.names(job).count("job.completed") == 1


async def test_a_job_that_is_cancelled_while_it_is_created_does_not_wait_for_credit(
    quick: Simulator, connect: Connect, recorder: Recorder, until: Until
) -> None:
    gate = asyncio.Event()

    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        if name != "audio.tts":
            return None
        await gate.wait()
        return web.json_response({"code": 1006, "msg": "no"})

    quick.fault = refuse
    async with connect(quick, on_event=recorder, on_credit="pause") as akool:
        job = akool.submit(speech())
        await until(lambda: quick.requests["audio.tts"])
        cancelling = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        gate.set()
        async with asyncio.timeout(5):
            assert await cancelling
        akool.resume()
        await asyncio.sleep(0.02)
    assert recorder.names(job) == ["job.queued", "job.creating", "job.cancelled"]
    assert quick.requests["audio.tts"] == 1


async def test_a_recipe_is_told_of_from_its_submission_and_so_are_its_steps(
    quick: Simulator, connect: Connect, recorder: Recorder
) -> None:
    async with connect(quick, on_event=recorder) as akool:
        job = akool.submit(AgeFaces(PHOTO))
        assert recorder.names() == ["job.preparing"]
        assert recorder[0].operation == "reage.photo"
        await job
    names = recorder.names(job)
    assert names[:4] == ["job.preparing", *BEGINNING]
    assert names[-1] == "job.completed"
    assert recorder[-1].operation == "reage.image"


async def test_a_recipe_whose_steps_fail_has_an_end(
    quick: Simulator, connect: Connect, recorder: Recorder
) -> None:
    quick.fault = refusing("faceswap.detect")
    async with connect(quick, on_event=recorder) as akool:
        job = akool.submit(AgeFaces(PHOTO))
        await asyncio.gather(job, return_exceptions=True)
    assert recorder.names(job) == ["job.preparing", "job.refused"]


async def test_a_recipe_that_goes_as_a_recovered_job_goes_has_an_end_of_its_own(
    quick: Simulator, connect: Connect, path: Path, recorder: Recorder, until: Until
) -> None:
    gate = asyncio.Event()

    async def hold(name: str, _request: web.Request) -> None:
        if name == "faceswap.results":
            await gate.wait()

    quick.fault = hold
    akool = connect(quick, journal=path)
    first = akool.submit(AgeFaces(PHOTO), key="K")
    await first.created()
    await akool.close()
    first.exception()
    async with connect(quick, journal=path, on_event=recorder) as another:
        recovered = [each async for each in another.recover()]
        again = another.submit(AgeFaces(PHOTO), key="K")
        await again.created()
        gate.set()
        quick.fault = None
        await asyncio.gather(again, *recovered)
    assert again != recovered[0]
    for job in (again, *recovered):
        names = recorder.names(job)
        assert is_part(["job.resumed", "job.status", "job.completed"], names)
        assert [names.count(each) for each in ("job.resumed", "job.completed")] == [1, 1]
    assert recorder.names(again)[0] == "job.preparing"


async def test_a_job_whose_end_a_journal_remembers_has_no_more_than_that_end(
    quick: Simulator, connect: Connect, path: Path, recorder: Recorder
) -> None:
    async with connect(quick, journal=path) as akool:
        first = await akool.submit(speech(), key="K")
    async with connect(quick, journal=path, on_event=recorder) as akool:
        again = akool.submit(speech(), key="K")
        assert await again == first
        assert akool.submit(speech(), key="K") == again
        assert again.status is Status.COMPLETED
    assert recorder.names() == ["job.completed"]


async def test_a_resumed_job_is_told_of_as_such_and_only_once(
    quick: Simulator, connect: Connect, recorder: Recorder
) -> None:
    akool = connect(quick)
    job = akool.submit(speech())
    await job.created()
    await akool.close()
    async with connect(quick, on_event=recorder) as another:
        resumed = another.job(job.token)
        assert another.job(job.token) == resumed
        await resumed
    names = recorder.names()
    assert names[0] == "job.resumed"
    assert names.count("job.resumed") == names.count("job.completed") == 1


async def test_two_jobs_with_one_id_have_an_end_each(
    simulator: Simulator, clock: ManualClock, connect: Connect, recorder: Recorder, until: Until
) -> None:
    async with connect(simulator, on_event=recorder) as akool:
        first = akool.submit(reage())
        await first.created()
        receipt = {"_id": first.id, "job_id": first.job_id, "url": ""}

        async def same(name: str, _request: web.Request) -> web.Response | None:
            reply = {"code": 1000, "msg": "OK", "data": receipt}
            return web.json_response(reply) if name == "reage.image" else None

        simulator.fault = same
        second, third = akool.submit(reage()), akool.submit(reage())
        await asyncio.gather(second.created(), third.created())
        simulator.fault = refusing("faceswap.cancel", 1000)
        await third.cancel()
        await clock.advance(60)
        await asyncio.gather(first, second)
    for job in (first, second):
        assert recorder.names(job)[-2:] == ["job.status", "job.completed"]
        assert recorder.names(job).count("job.completed") == 1
    assert recorder.names(third)[-1] == "job.cancelled"


async def test_of_several_jobs_with_one_id_none_is_forgotten_when_the_watched_one_ends(
    simulator: Simulator, clock: ManualClock, connect: Connect, recorder: Recorder
) -> None:
    async with connect(simulator, on_event=recorder) as akool:
        first = akool.submit(reage())
        await first.created()
        receipt = {"_id": first.id, "job_id": first.job_id, "url": ""}

        async def same(name: str, _request: web.Request) -> web.Response | None:
            if name not in {"reage.image", "faceswap.cancel"}:
                return None
            return web.json_response({"code": 1000, "msg": "OK", "data": receipt})

        simulator.fault = same
        others = [akool.submit(reage()) for _ in range(3)]
        await asyncio.gather(*(job.created() for job in others))
        assert await first.cancel()
        await clock.advance(60)
        async with asyncio.timeout(5):
            await asyncio.gather(*others)
    for job in others:
        assert recorder.names(job).count("job.completed") == 1


async def test_a_saved_result_is_told_of_with_its_path(
    quick: Simulator, connect: Connect, recorder: Recorder, tmp_path: Path
) -> None:
    async with connect(quick, on_event=recorder, save_to=tmp_path) as akool:
        job = akool.submit(speech())
        await job
    assert recorder.names(job)[-2:] == ["job.completed", "job.saved"]
    assert recorder[-1].path is not None
    assert os.listdir(tmp_path) == [os.path.basename(recorder[-1].path)]  # noqa: PTH119, PTH208 - no wait


async def test_a_result_that_is_not_saved_is_told_of_with_the_reason(
    quick: Simulator, connect: Connect, recorder: Recorder, tmp_path: Path, until: Until
) -> None:
    async def fail(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=500) if name == "media" else None

    quick.fault = fail
    akool = connect(quick, on_event=recorder, save_to=tmp_path)
    job = akool.submit(speech())
    await job
    await until(lambda: quick.requests["media"])
    closing = asyncio.create_task(akool.close())
    await turns()
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert recorder.names(job)[-2:] == ["job.completed", "job.unsaved"]
    assert isinstance(recorder[-1].error, ClientClosed)


async def test_a_hook_that_raises_harms_neither_the_job_nor_the_next_hook(
    quick: Simulator, connect: Connect, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_event: Event) -> None:
        raise ValueError("broken")

    async with connect(quick, on_event=[broken, recorder]) as akool:
        result = await akool.submit(speech())
        assert result.status is Status.COMPLETED
        assert akool.stats.in_flight == 0
    assert recorder.names()[-1] == "job.completed"
    failures = [each for each in caplog.records if "a hook at" in each.message]
    assert len(failures) == len(recorder)
    assert all(each.exc_info for each in failures)


async def test_a_hook_may_submit_the_next_job(quick: Simulator, connect: Connect) -> None:
    more: list[Any] = []

    def chain(event: Event) -> None:
        if event.name == "job.completed" and not more:
            more.append(akool.submit(speech("more")))

    async with connect(quick, on_event=chain, max_concurrency=1) as akool:
        await akool.submit(speech())
        assert (await more[0]).status is Status.COMPLETED


@pytest.mark.parametrize("hook", ["no function", 7, [print, None]])
def test_a_hook_that_cannot_be_called_is_refused(hook: Any) -> None:
    with pytest.raises(InvalidInput, match="on_event"):
        Akool("key", on_event=hook)


def test_a_hook_that_yields_is_refused() -> None:
    async def hook(_event: Event) -> AsyncIterator[None]:
        yield

    class Hook:
        async def __call__(self, _event: Event) -> AsyncIterator[None]:
            yield

    for each in (hook, Hook()):
        with pytest.raises(InvalidInput, match="must not yield"):
            Akool("key", on_event=each)


async def test_every_step_is_a_log_record_with_its_name_and_fields(
    quick: Simulator,
    connect: Connect,
    recorder: Recorder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "akool_async")
    async with connect(quick, on_event=recorder, save_to=tmp_path) as akool:
        job = akool.submit(reage())
        await job
    records: list[Any] = [each for each in caplog.records if hasattr(each, "akool_event")]
    assert [each.akool_event for each in records] == recorder.names(job)
    assert {each.akool_operation for each in records} == {"reage.image"}
    assert [each.akool_job_id for each in records] == [None, None] + [job.id] * (len(records) - 2)
    assert {each.akool_job_token for each in records[2:]} == {job.token}
    assert [each.akool_status for each in records if each.akool_event == "job.status"] == [
        event.status for event in recorder if event.status is not None
    ]
    assert records[-1].akool_path == recorder[-1].path
    assert all(each.message.startswith(f"{each.akool_event} reage.image") for each in records)


async def test_a_log_record_of_a_failure_names_the_error_and_nothing_of_the_request(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "akool_async")
    quick.fault = refusing("audio.tts")
    async with connect(quick) as akool:
        await asyncio.gather(akool.submit(speech("between us")), return_exceptions=True)
    record: Any = next(each for each in caplog.records if vars(each).get("akool_error"))
    assert (record.akool_event, record.akool_error) == ("job.refused", "InvalidRequest")
    assert "between us" not in caplog.text


# As plain data


async def test_an_event_as_plain_data_names_its_job_and_its_error(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    quick.fault = refusing("reage.image")
    told: list[Event] = []
    async with connect(quick, journal=tmp_path / "journal", on_event=told.append) as akool:
        job = akool.submit(speech(), key="row 17")
        await job
        with pytest.raises(InvalidRequest):
            await akool.submit(reage())
    done = next(each for each in told if each.name == "job.completed").to_dict()
    assert (done["key"], done["id"], done["operation"]) == ("row 17", job.id, "audio.tts")
    assert datetime.fromisoformat(done["at"]).tzinfo is UTC
    assert "job" not in done
    refused = told[-1].to_dict()
    assert (refused["key"], refused["id"]) == (None, None)
    assert refused["error"]["type"] == "InvalidRequest"
