from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import Future, as_completed, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import Face
from akool_async.endpoints import TTS, Audio, Faceswap, Video
from akool_async.errors import (
    APIError,
    CancelNotSupported,
    ClientClosed,
    InvalidInput,
    JobCancelled,
    KeyConflict,
)
from akool_async.protocol.snapshot import Status
from akool_async.simulator import Simulator
from akool_async.sync import Akool, Job, Jobs
from tests.sync.conftest import Connected, hold, speech

PHOTO = "https://photos.example/ann.jpg"
LONG = 30.0
"""Seconds. No test takes so long, unless it fails."""


def reage(akool: Akool) -> Job[Faceswap]:
    return akool.reage.image(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)


def test_a_method_returns_a_job_at_once_and_its_result_is_of_the_same_class(akool: Akool) -> None:
    job = reage(akool)
    assert isinstance(job, Future)
    assert job.running()
    result = job.result(LONG)
    assert type(result) is Faceswap
    assert result.url.startswith("http://127.0.0.1")
    assert job.done()
    assert job.succeeded
    assert not job.running()
    assert (job.status, job.snapshot, job.exception()) == (Status.COMPLETED, result, None)
    assert repr(job).startswith("<Job reage.image ")


def test_wait_and_as_completed_take_jobs(akool: Akool) -> None:
    jobs: dict[Future[Audio], int]
    jobs = {akool.submit(speech(str(number))): number for number in range(10)}
    assert wait(jobs, LONG).not_done == set()
    assert {jobs[job] for job in as_completed(jobs, LONG)} == set(range(10))
    assert all(job.done() for job in jobs)


def test_a_wait_ends_after_its_timeout_and_the_job_goes_on(
    connected: Connected, simulator: Simulator
) -> None:
    with _held(simulator) as gate, connected() as akool:
        job = akool.submit(speech())
        with pytest.raises(TimeoutError, match=r"<Job audio\.tts .* within 0\.01 s; it goes on"):
            job.result(timeout=0.01)
        with pytest.raises(TimeoutError):
            job.exception(0)
        with pytest.raises(InvalidInput, match="timeout"):
            job.result("soon")  # type: ignore[arg-type]
        gate.set()
        assert job.result(LONG).status is Status.COMPLETED


@contextmanager
def _held(
    simulator: Simulator, arrived: threading.Event | None = None
) -> Iterator[threading.Event]:
    """Hold back the answers to creates until the gate opens."""
    gate = threading.Event()
    simulator.fault = hold("audio.tts", arrived or threading.Event(), gate)
    yield gate
    gate.set()


@pytest.fixture
def refusing(simulator: Simulator) -> None:
    """Let the simulated Akool refuse each create of a speech."""

    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        return web.json_response({"code": 1003, "msg": "no"}) if name == "audio.tts" else None

    simulator.fault = refuse


@pytest.mark.usefixtures("refusing")
def test_a_refused_job_raises_its_error_where_it_is_asked_for(akool: Akool) -> None:
    job = akool.submit(speech())
    error = job.exception(LONG)
    with pytest.raises(APIError, match="no") as raised:
        job.result()
    assert raised.value is error
    assert isinstance(error, APIError)
    assert not job.succeeded
    frames = [each.path for each in raised.traceback]
    assert str(frames[0]) == __file__


@pytest.mark.usefixtures("refusing")
def test_an_error_that_is_raised_again_and_again_grows_no_traceback(akool: Akool) -> None:
    job = akool.submit(speech())
    lengths = set()
    for _ in range(3):
        with pytest.raises(Exception, match="no") as raised:
            job.result(LONG)
        lengths.add(len(raised.traceback))
    assert len(lengths) == 1


@pytest.mark.usefixtures("refusing")
def test_an_error_that_nobody_asked_for_is_logged(
    connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "asyncio"), connected() as akool:
        asked, unasked = akool.submit(speech("asked")), akool.submit(speech("unasked"))
        asked.exception(LONG)
        while not unasked.done():
            threading.Event().wait(0.002)
        del asked, unasked
        gc.collect()
    assert caplog.text.count("never retrieved") == 1


def test_callbacks_get_the_job_in_the_thread_of_the_loop_where_nothing_may_wait(
    connected: Connected, simulator: Simulator
) -> None:
    called: list[tuple[object, str, object]] = []
    ready = threading.Event()

    def note(job: Job[Any]) -> None:
        try:
            job.save("nowhere")
        except RuntimeError as error:
            refused: object = str(error)
        called.append((job, threading.current_thread().name, refused))
        ready.set()

    with _held(simulator) as gate, connected() as akool:
        job = akool.submit(speech())
        job.add_done_callback(note)
        with pytest.raises(InvalidInput, match="fn"):
            job.add_done_callback("no function")  # type: ignore[arg-type]
        gate.set()
        assert ready.wait(LONG)
        ((given, thread, refused),) = called
        assert given is job
        assert thread == "akool-sync"
        assert "waits for nothing" in str(refused)


def test_iterating_over_a_job_yields_its_snapshots(akool: Akool) -> None:
    *_, last = iter(akool.submit(speech()))
    assert isinstance(last, Audio)
    assert last.status is Status.COMPLETED
    job = akool.submit(speech())
    for _snapshot in job:
        break  # left early
    assert job.result(LONG)


def test_a_job_has_a_token_once_it_is_created_and_another_client_watches_it(
    akool: Akool, connected: Connected
) -> None:
    job = akool.submit(speech())
    assert job.created() is job
    with connected() as other:
        same = other.job(job.token, TTS)
        assert same.result(LONG).id == job.result(LONG).id
        assert other.job(str(job.id), "audio.tts").result(LONG).id == job.id


def test_with_a_journal_a_job_is_recorded_and_found_by_its_key(
    connected: Connected, tmp_path: Path
) -> None:
    with connected(journal=tmp_path / "jobs.db") as akool:
        job = akool.submit(speech(), key="a")
        assert job.recorded() is job
        assert (job.key, akool.job(key="a") == job) == ("a", True)
        result = job.result(LONG)
        with pytest.raises(KeyConflict):
            akool.submit(speech("Another"), key="a").recorded()
    with connected(journal=tmp_path / "jobs.db") as akool:
        assert akool.job(key="a", operation=TTS).result(LONG).id == result.id
        assert list(akool.recover()) == []


def test_a_queued_job_is_cancelled_and_what_akool_cannot_cancel_goes_on(
    connected: Connected, simulator: Simulator
) -> None:
    with _held(simulator) as gate, connected(max_concurrency=1) as akool:
        first, second = akool.submit(speech("first")), akool.submit(speech("second"))
        assert (first.position, second.position) == (None, 1)
        assert second.cancel()
        assert second.cancelled()
        with pytest.raises(JobCancelled) as cancelled:
            second.result()
        assert id(cancelled.value.job) == id(second)
        gate.set()
        first.created()
        if not first.done():
            with pytest.raises(CancelNotSupported):
                first.cancel()
        assert first.result(LONG)


def test_a_job_is_neither_pickled_nor_copied(akool: Akool) -> None:
    job = akool.submit(speech())
    for copied in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match=r"job\.token"):
            copied(job)
    job.result(LONG)


def test_jobs_that_are_left_end_with_the_client(connected: Connected, simulator: Simulator) -> None:
    arrived = threading.Event()
    with _held(simulator, arrived) as gate:
        with connected(max_concurrency=1) as akool:
            sent, queued = akool.submit(speech()), akool.submit(speech())
            assert arrived.wait(LONG)
            # Closing ends what is queued, and then waits for the answer to a create.
            queued.add_done_callback(lambda _job: gate.set())
        with pytest.raises(ClientClosed, match="not sent"):
            queued.result()
        assert isinstance(sent.exception(), ClientClosed)
        assert sent.token


def test_a_job_saves_reads_and_streams_its_media(akool: Akool, tmp_path: Path) -> None:
    job = reage(akool)
    seen: list[int] = []
    path = job.save(tmp_path / "out.png", progress=lambda received, _all: seen.append(received))
    content = path.read_bytes()
    assert (path, seen[-1]) == (tmp_path / "out.png", len(content))
    assert job.save_all(f"{tmp_path}/") == (tmp_path / f"{job.id}.png",)
    assert job.read() == content
    with job.stream() as chunks:
        assert (chunks.media_type, chunks.size) == ("image/png", len(content))
        assert chunks.filename == f"{job.id}.png"
        assert b"".join(chunks) == content


def test_results_are_saved_by_the_client_too_and_after_it_was_closed(
    connected: Connected, tmp_path: Path
) -> None:
    with connected() as akool:
        job = akool.submit(speech())
        result = job.result(LONG)
        row = akool.audio.get(id=result.id)
        with pytest.raises(TypeError, match=r"Audio\.save\(\) is a coroutine; here, use job\.save"):
            result.save("nowhere")  # type: ignore[unused-coroutine]
        with pytest.raises(TypeError, match=r"akool\.read\(result"):
            row.read()  # type: ignore[unused-coroutine]
        content = akool.read(row)
        assert akool.save(row, tmp_path / "a.wav").read_bytes() == content
        assert akool.save_all(row, tmp_path / "b.wav") == (tmp_path / "b.wav",)
        with akool.stream(row) as chunks:
            assert b"".join(chunks) == content
    assert job.save(tmp_path / "c.wav").read_bytes() == content


def test_an_image_says_how_it_is_refined_here(akool: Akool) -> None:
    image = akool.image.generate(prompt="A hill", scale="1:1").result(LONG)
    with pytest.raises(RuntimeError, match=r"use akool\.image\.refine"):
        image.upscale(2)
    assert akool.image.refine(id=image.id, button="U2").result(LONG).url


def test_several_languages_are_several_jobs(akool: Akool) -> None:
    jobs = akool.video.translate(
        url=PHOTO, source_language="en", language=["fr", "de"], lipsync=True
    )
    assert isinstance(jobs, Jobs)
    assert [type(each) for each in jobs.result(LONG)] == [Video, Video]
    assert [each.language for each in jobs.result()] == ["fr", "de"]
    one = akool.video.translate(url=PHOTO, source_language="en", language="fr", lipsync=True)
    assert isinstance(one, Job)
    one.result(LONG)


async def test_a_coroutine_of_another_loop_awaits_a_job(akool: Akool) -> None:
    job = await asyncio.to_thread(akool.submit, speech())
    assert (await asyncio.wrap_future(job)).status is Status.COMPLETED
    # Where a loop runs, as in a notebook, a job may be waited for, too.
    assert akool.submit(speech()).result(LONG)
