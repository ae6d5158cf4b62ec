"""Habits of people who gather: what works with tasks and plain values works with jobs, too."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import io
import json
import logging
import operator
import pickle
import pprint
import typing
import weakref
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import aclosing
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import msgspec
import pytest
from rich.console import Console

from akool_async import (
    Akool,
    AkoolError,
    InvalidInput,
    Job,
    JobError,
    JobFailed,
    Result,
    Status,
    endpoints,
)
from akool_async.endpoints import TTS, SpeakText, VoiceResource
from akool_async.simulator import Simulator
from tests.clients import Connect

VOICE = "voice-nicole"


@pytest.fixture(scope="module")
def akool_nearby() -> Iterator[Simulator]:
    with Simulator(pace=0.01, omit_rate=0.0, instant_audio_rate=0.0).in_thread() as simulator:
        yield simulator


@pytest.fixture
async def akool(akool_nearby: Simulator, connect: Connect) -> AsyncIterator[Akool]:
    async with connect(akool_nearby) as client:
        yield client


def speak(akool: Akool, text: str = "Hello.") -> Job[VoiceResource]:
    return akool.voice.tts(input_text=text, voice_id=VOICE)


@pytest.fixture
async def result(akool: Akool) -> VoiceResource:
    return await speak(akool)


# Waiting


async def test_gather_gives_the_results_in_order(akool: Akool) -> None:
    texts = ["one", "two", "three"]
    results = await asyncio.gather(*(speak(akool, text) for text in texts))
    assert [each.input_text for each in results] == texts


async def test_gather_puts_errors_in_their_places(akool: Akool) -> None:
    refused = akool.submit(SpeakText(input_text="Hello.", voice_id=VOICE), timeout=1e-9)
    first, second = await asyncio.gather(speak(akool), refused, return_exceptions=True)
    assert isinstance(first, VoiceResource)
    assert isinstance(second, AkoolError)


async def test_results_are_unpacked(akool: Akool) -> None:
    one, two = await asyncio.gather(speak(akool, "one"), speak(akool, "two"))
    assert (one.input_text, two.input_text) == ("one", "two")


async def test_jobs_in_a_dict_are_gathered_under_their_names(akool: Akool) -> None:
    jobs = {name: speak(akool, name) for name in ("ann", "bob")}
    results = dict(zip(jobs, await asyncio.gather(*jobs.values()), strict=True))
    assert results["bob"].input_text == "bob"


async def test_wait_for_ends_the_wait_and_not_the_job(akool: Akool) -> None:
    job = speak(akool)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(job, 0.0)
    assert (await job).status is Status.COMPLETED


async def test_wait_for_takes_a_gather(akool: Akool) -> None:
    assert len(await asyncio.wait_for(asyncio.gather(speak(akool), speak(akool)), 30)) == 2


async def test_a_timeout_block_ends_the_wait_and_not_the_job(akool: Akool) -> None:
    job = speak(akool)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await job
    assert await job == job.result()


async def test_as_completed_takes_jobs(akool: Akool) -> None:
    jobs = [speak(akool, str(number)) for number in range(3)]
    texts = {(await each).input_text for each in asyncio.as_completed(jobs)}
    assert texts == {"0", "1", "2"}


async def test_wait_takes_jobs_and_gives_them_back(akool: Akool) -> None:
    jobs: list[Any] = [speak(akool), speak(akool)]
    done, pending = await asyncio.wait(jobs, return_when=asyncio.ALL_COMPLETED)
    assert (done, pending) == ({*jobs}, set())


async def test_wait_returns_at_the_first_end(akool: Akool) -> None:
    jobs: list[Any] = [speak(akool), speak(akool)]
    done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    assert done <= {*jobs}
    await asyncio.gather(*jobs)


async def test_a_task_group_takes_the_wait_of_a_job(akool: Akool) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(speak(akool).wait()) for _ in range(2)]
    assert all(task.result().status is Status.COMPLETED for task in tasks)


async def test_a_task_of_a_job_is_refused_with_its_name(akool: Akool) -> None:
    job: Any = speak(akool)
    with pytest.raises(TypeError, match=r"coroutine was expected, got <Job voice\.tts"):
        asyncio.create_task(job)  # noqa: RUF006
    await job


async def test_ensure_future_and_shield_take_a_job(akool: Akool) -> None:
    job = speak(akool)
    assert await asyncio.ensure_future(job) == await asyncio.shield(job)


async def test_a_job_is_awaited_by_many_and_more_than_once(akool: Akool) -> None:
    job = speak(akool)
    results = await asyncio.gather(job, job, job.wait())
    first = await job
    assert all(each is first for each in results)


async def test_cancelling_who_waits_leaves_the_job(akool: Akool) -> None:
    job = speak(akool)
    waiting = asyncio.ensure_future(job)
    await asyncio.sleep(0)
    waiting.cancel()
    assert await job
    assert not job.cancelled()


async def test_a_semaphore_around_an_await_works(akool: Akool) -> None:
    semaphore = asyncio.Semaphore(1)

    async def limited(text: str) -> VoiceResource:
        async with semaphore:
            return await speak(akool, text)

    assert len(await asyncio.gather(limited("a"), limited("b"))) == 2


async def test_jobs_travel_in_a_queue(akool: Akool) -> None:
    queue: asyncio.Queue[Job[VoiceResource]] = asyncio.Queue()
    queue.put_nowait(speak(akool))
    assert await (await queue.get())


async def test_a_result_before_the_end_is_an_invalid_state_as_of_a_future(akool: Akool) -> None:
    job = speak(akool)
    with pytest.raises(asyncio.InvalidStateError):
        job.result()
    await job


async def test_a_done_callback_gets_the_job(akool: Akool) -> None:
    job, seen = speak(akool), asyncio.Event()
    called: list[object] = []
    job.add_done_callback(functools.partial(called.append))
    job.add_done_callback(lambda _job: seen.set())
    await asyncio.wait_for(seen.wait(), 30)
    assert called == [job]


async def test_another_thread_waits_by_run_coroutine_threadsafe(akool: Akool) -> None:
    loop, job = asyncio.get_running_loop(), speak(akool)

    def outside() -> VoiceResource:
        return asyncio.run_coroutine_threadsafe(job.wait(), loop).result(30)

    with ThreadPoolExecutor(1) as pool:
        assert await loop.run_in_executor(pool, outside) == await job


async def test_map_in_a_comprehension_and_in_aclosing(akool: Akool) -> None:
    requests = [SpeakText(input_text=str(number), voice_id=VOICE) for number in range(3)]
    assert len([job.result() async for job in akool.map(requests)]) == 3
    async with aclosing(akool.map(requests)) as jobs:
        async for job in jobs:
            assert job.succeeded
            break


# Jobs as values


async def test_a_job_is_true_from_the_beginning(akool: Akool) -> None:
    job = speak(akool)
    assert bool(job)
    await job


async def test_two_handles_of_one_job_are_equal_and_one_key_of_a_dict(akool: Akool) -> None:
    job = await speak(akool).created()
    again = akool.job(job.token)
    assert job == again
    assert {job: "row 1"}[again] == "row 1"
    assert len({job, again}) == 1
    assert again in [speak(akool), job]
    assert job != speak(akool)
    assert job != job.id


async def test_jobs_have_no_order(akool: Akool) -> None:
    jobs: list[Any] = [speak(akool), speak(akool)]
    with pytest.raises(TypeError, match="'Job' and 'Job'"):
        sorted(jobs)
    await asyncio.gather(*jobs)
    assert sorted(jobs, key=operator.attrgetter("id")) is not None


async def test_what_a_job_is_can_be_asked(akool: Akool) -> None:
    job = speak(akool)
    assert isinstance(job, Job)
    assert isinstance(job, Awaitable)
    assert inspect.isawaitable(job)
    assert weakref.ref(job)() is job
    await job


async def test_a_job_is_neither_pickled_nor_copied_and_says_what_to_do(akool: Akool) -> None:
    job = await speak(akool).created()
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"pass on job\.token"):
            copied(job)


async def test_a_failed_job_prints_its_reason_and_its_error_leads_back_to_it(
    akool_nearby: Simulator, akool: Akool
) -> None:
    kept = akool_nearby.world.behaviour
    akool_nearby.world.behaviour = msgspec.structs.replace(kept, fail_rate=1.0)
    job = await speak(akool).created()
    akool_nearby.world.behaviour = kept
    with pytest.raises(JobFailed) as caught:
        await job
    assert f" {job.id} failed: " in repr(job)
    assert caught.value.job == job
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), JobError)


# Printing


async def test_a_job_prints_its_state_in_a_line(akool: Akool) -> None:
    job = speak(akool)
    assert str(job).startswith("<Job voice.tts not created: ")
    await job.created()
    assert f"{job}" == f"<Job voice.tts {job.id} QUEUED>"
    await job
    assert repr(job).startswith(f"<Job voice.tts {job.id} COMPLETED http://")
    assert "\n" not in repr(job)


async def test_a_result_prints_its_address_and_when_it_expires(result: VoiceResource) -> None:
    assert str(result).startswith(f"<VoiceResource {result.id} COMPLETED {result.url} expires ")
    assert len(str(result)) < 160
    assert "None" not in str(result)


async def test_a_status_prints_as_a_word(result: VoiceResource) -> None:
    assert f"{result.status}" == str(result.status) == "COMPLETED"
    assert f"{result.status:>12}" == "   COMPLETED"
    assert result.status == 3


async def test_a_list_of_results_prints_a_line_each(result: VoiceResource) -> None:
    assert len(pprint.pformat([result, result]).splitlines()) == 2


async def test_a_log_line_with_a_result_is_one_line(
    result: VoiceResource, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("app").info("done: %s", result)
    assert caplog.messages[-1] == f"done: {result}"


async def test_rich_prints_all_fields_that_are_set(result: VoiceResource) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(result)
    assert "input_text='Hello.'" in out.getvalue()
    assert "None" not in out.getvalue()


async def test_a_request_prints_what_was_set_and_is_python(akool: Akool) -> None:
    request = TTS(input_text="Hello.", voice_id="v")
    assert repr(request) == "TTS(input_text='Hello.', voice_id='v')"
    assert eval(repr(request), vars(endpoints)) == request  # noqa: S307 - it is our own text


async def test_a_row_of_a_list_prints_only_what_is_set(akool: Akool) -> None:
    page = await akool.voice.video_translation()
    assert "None" not in repr(page[0])
    assert "''" not in repr(page[0])
    assert repr(page).startswith("<Page of 8 TranslationVoice, 8 in all: ")


async def test_the_client_prints_what_goes_on_and_no_secret(
    akool_nearby: Simulator, akool: Akool
) -> None:
    job = await speak(akool).created()
    assert "1 in flight" in repr(akool)
    assert akool_nearby.api_key not in repr(akool)
    assert repr(akool.stats).startswith("<Stats 1 in flight")
    assert repr(akool.reage) == "<akool.reage: cancel, delete, image, photo, results, video>"
    assert repr(akool_nearby).startswith(f"<Simulator {akool_nearby.url}, ")
    await job


# Results as values


async def test_a_result_is_data_for_json(result: VoiceResource) -> None:
    assert json.loads(json.dumps(result.to_dict()))["url"] == result.url
    assert json.loads(json.dumps([result], default=lambda value: value.to_dict()))


async def test_results_are_equal_by_value_and_members_of_sets(result: VoiceResource) -> None:
    same = copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))
    assert {result, *same} == {result}


async def test_results_are_sorted_and_summed_by_their_fields(result: VoiceResource) -> None:
    assert max([result, result], key=operator.attrgetter("create_time")) == result
    assert sum(each.credits or 0 for each in (result, result)) == 2 * (result.credits or 0)


async def test_a_result_matches_a_pattern(result: Result) -> None:
    match result:
        case VoiceResource(status=Status.COMPLETED, url=url):
            assert url == result.url
        case _:
            pytest.fail("no match")


async def test_results_are_rows_of_a_data_frame(result: VoiceResource) -> None:
    pd: Any = import_module("pandas")  # it has no types of its own
    frame = pd.DataFrame([each.to_dict() for each in (result, result)])
    assert list(frame["url"]) == [result.url, result.url]
    assert str(pd.Series([result, result])[1]) == str(result)


async def test_a_page_is_a_sequence_and_becomes_a_data_frame(akool: Akool) -> None:
    pd: Any = import_module("pandas")
    page = await akool.voice.video_translation()
    assert len(page) == len([*page]) == len(page[:8])
    frame = pd.DataFrame(page.to_dict()["items"])
    assert list(frame["voice_id"]) == [each.voice_id for each in page]


async def test_a_result_is_changed_into_another_one_by_replace(result: VoiceResource) -> None:
    renamed = msgspec.structs.replace(result, name="Nicole")
    assert (renamed.name, result.id) == ("Nicole", renamed.id)
    assert msgspec.structs.asdict(result)["id"] == result.id
    with pytest.raises(AttributeError, match="immutable"):
        result.name = "Nicole"  # type: ignore[misc]


async def test_a_result_goes_to_another_process_and_back(result: VoiceResource) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        back = await asyncio.get_running_loop().run_in_executor(pool, copy.copy, result)
    assert back == result
    assert back.expires_at == result.expires_at


async def test_a_result_outlives_its_client(akool_nearby: Simulator, connect: Connect) -> None:
    async with connect(akool_nearby) as akool:
        job = speak(akool)
        await job
    assert await job == job.result()
    assert await job.result().read()


# Types


def test_type_hints_can_be_read() -> None:
    for cls in (Job, Result, VoiceResource, SpeakText):
        typing.get_type_hints(cls)
    for method in (Job.result, Job.wait, Akool.submit, Result.save, Result.read):
        assert "return" in typing.get_type_hints(method)


async def test_a_method_refuses_a_wrong_argument_at_once(akool: Akool) -> None:
    with pytest.raises(InvalidInput):
        akool.voice.tts(input_text="", voice_id=VOICE)
