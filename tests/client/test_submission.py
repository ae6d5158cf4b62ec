"""`Submission`: a request and how it is to be run, for `submit` and for `map`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

import akool_async
from akool_async import (
    Face,
    InsufficientCredit,
    InvalidInput,
    JobFailed,
    JobTimeout,
    Submission,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, AgeFaces, Audio, ImageReage, SpeakingPhoto
from akool_async.journal import Journal
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse

PHOTO = "https://media.example/photo.png"


def speech(text: object = "Hello.") -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


def reage(years: int = 10) -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=years, modify_image=PHOTO)


def speaking() -> SpeakingPhoto:
    return SpeakingPhoto(talking_photo_url=PHOTO, input_text="Hello.", voice_id="voice-nicole")


async def later(items: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield the same from an asynchronous stream."""
    for item in items:
        await asyncio.sleep(0)
        yield item


# The value


def test_a_submission_is_a_public_name() -> None:
    assert "Submission" in akool_async.__all__
    assert akool_async.Submission is Submission


def test_a_submission_of_a_request_alone_leaves_all_to_the_client() -> None:
    plain = Submission(speech())
    assert plain == Submission(
        speech(), key=None, priority=0, tag=None, retry_failed=False, timeout=plain.timeout
    )
    assert plain != Submission(speech(), timeout=None)


@pytest.mark.parametrize("field", ["request", "key", "timeout", "priority", "tag", "retry_failed"])
def test_a_submission_is_immutable(field: str) -> None:
    submission = Submission(speech(), key="row 7")
    with pytest.raises(AttributeError, match="immutable"):
        setattr(submission, field, None)
    assert submission.key == "row 7"


def test_a_submission_shows_what_it_holds() -> None:
    shown = repr(Submission(speech("Good morning."), key="row 7", tag=("a", 1)))
    assert shown.startswith("Submission(request=TTS(input_text='Good morning.'")
    assert shown.endswith(", key='row 7', tag=('a', 1))")


# submit


async def test_a_submission_is_submitted_with_all_that_it_brings(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    tag = object()
    async with connect(quick, journal=path) as akool:
        job = akool.submit(Submission(speech(), key="row 7", tag=tag))
        assert (job.key, job.tag, job.request) == ("row 7", tag, speech())
        assert (await job).input_text == "Hello."
        assert (job.key, job.tag) == ("row 7", tag)
        assert akool.submit(speech(), key="row 7") == job


async def test_arguments_do_the_same_as_a_submission(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        job = akool.submit(speech(), key="row 7", tag="mine")
        assert (job.key, job.tag) == ("row 7", "mine")
        assert akool.submit(Submission(speech(), key="row 7")) == job
        await job


async def test_a_job_has_no_key_and_no_tag_unless_it_was_given_them(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        assert (job.key, job.tag) == (None, None)
        token = (await job.created()).token
        assert (akool.job(token).key, akool.job(token).tag) == (None, None)
        await job


async def test_a_tag_needs_no_journal_and_may_be_anything(
    quick: Simulator, connect: Connect
) -> None:
    tag: dict[str, list[int]] = {"unhashable": [1]}
    async with connect(quick) as akool:
        job = akool.submit(speech(), tag=tag)
        await job
        assert job.tag is tag
        assert akool.submit(reage(), tag=0).tag == 0


async def test_the_job_of_a_recipe_has_the_users_own_key_and_not_that_of_a_step(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    keys: set[str | None] = set()
    tags: set[object] = set()

    def hook(event: akool_async.Event) -> None:
        keys.add(event.job.key)
        tags.add(event.job.tag)

    async with connect(quick, journal=path, on_event=hook) as akool:
        job = akool.submit(Submission(speaking(), key="K", tag="mine"))
        assert (job.key, job.tag) == ("K", "mine")
        await job
        assert (job.key, job.tag) == ("K", "mine")
        assert job.steps
        assert (keys, tags) == ({"K"}, {"mine"})
    journal = Journal(path)
    assert {entry.key for entry in journal.entries()} == {"K/1", "K/2"}
    journal.close_now()


async def test_a_recipe_without_a_key_keeps_its_tag(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        job = akool.submit(AgeFaces(PHOTO), tag="mine")
        await job
        assert (job.key, job.tag) == (None, "mine")


@pytest.mark.parametrize(
    "beside",
    [{"key": "k"}, {"timeout": None}, {"priority": 1}, {"tag": 0}, {"retry_failed": True}],
    ids=lambda beside: next(iter(beside)),
)
async def test_an_argument_beside_a_submission_is_a_mistake(
    beside: dict[str, Any], simulator: Simulator, connect: Connect, path: Path
) -> None:
    (name,) = beside
    async with connect(simulator, journal=path) as akool:
        with pytest.raises(TypeError, match=f"^{name}= cannot stand beside a Submission: "):
            akool.submit(Submission(speech()), **beside)
        assert akool.stats.jobs == {}
        assert simulator.requests.total() == 0


async def test_a_submission_of_no_operation_starts_no_job(
    simulator: Simulator, connect: Connect
) -> None:
    nothing: Any = Submission(PHOTO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with connect(simulator) as akool:
        with pytest.raises(TypeError, match="started by an operation, not by str"):
            akool.submit(nothing)
        with pytest.raises(TypeError, match="started by an operation, not by Submission"):
            akool.submit(Submission(nothing))


async def test_the_key_of_a_submission_needs_a_journal(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        with pytest.raises(ValueError, match="key= needs a journal"):
            akool.submit(Submission(speech(), key="k"))


@pytest.mark.parametrize("seconds", [0, -1.0, True, "1"])
async def test_the_timeout_of_a_submission_is_checked(
    seconds: Any, simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        with pytest.raises(InvalidInput, match="must be more than 0 seconds"):
            akool.submit(Submission(speech(), timeout=seconds))


async def test_the_timeout_of_a_submission_counts(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, job_timeout=10_000.0) as akool:
        late = akool.submit(Submission(speech(), timeout=0.5))
        fine = akool.submit(Submission(speech()))
        await elapse(clock, late.done, step=0.1)
        assert isinstance(late.exception(), JobTimeout)
        await elapse(clock, fine.done)
        assert fine.exception() is None


@pytest.mark.parametrize("mapped", [False, True], ids=["submitted", "mapped"])
async def test_the_priority_of_a_submission_counts(
    *, simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse, mapped: bool
) -> None:
    async with connect(simulator, clock=clock, max_concurrency=2) as akool:
        rising = [Submission(speech(n), priority=n) for n in range(4)]
        ended = 0

        async def run() -> None:
            nonlocal ended
            jobs = akool.map(rising) if mapped else later([akool.submit(each) for each in rising])
            async for job in jobs:
                await job
                ended += 1

        running = asyncio.create_task(run())
        await elapse(clock, lambda: ended == 4)
        await running
        created = [job.request for job in simulator.world.jobs.values()]
    # The first two find a place at once; then the highest priority goes first.
    assert created[2:] == [speech(3), speech(2)]


async def test_retry_failed_counts_in_a_submission(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    world = quick.world
    well, world.behaviour = world.behaviour, structs.replace(world.behaviour, fail_rate=1.0)
    async with connect(quick, journal=path) as akool:
        with pytest.raises(JobFailed):
            await akool.submit(speech(), key="K")
        world.behaviour = well
        with pytest.raises(JobFailed):
            await akool.submit(Submission(speech(), key="K"))
        assert (await akool.submit(Submission(speech(), key="K", retry_failed=True))).url
    assert world.creates == {"audio.tts": 2}


# map


def mixed() -> list[Any]:
    """One of each kind that a stream may hold, with the key, tag and request of its job."""
    return [
        (speech("plain"), (None, None, "audio.tts")),
        (("pair", speech("pair")), ("pair", None, "audio.tts")),
        (Submission(speech("tag"), tag=4), (None, 4, "audio.tts")),
        (Submission(speech("both"), key="both", tag=[5]), ("both", [5], "audio.tts")),
        (("recipe", AgeFaces(PHOTO, 20)), ("recipe", None, "reage.image")),
        (Submission(AgeFaces(PHOTO, 30), key="r", tag=6), ("r", 6, "reage.image")),
        (AgeFaces(PHOTO), (None, None, "reage.image")),
        (reage(), (None, None, "reage.image")),
    ]


@pytest.mark.parametrize("stream", [iter, later], ids=["sync", "async"])
@pytest.mark.parametrize("ordered", [False, True])
async def test_a_stream_may_mix_requests_pairs_submissions_and_recipes(
    *,
    quick: Simulator,
    connect: Connect,
    path: Path,
    stream: Callable[[Iterable[Any]], Any],
    ordered: bool,
) -> None:
    items = mixed()
    expected = [about for _, about in items]
    async with connect(quick, journal=path, max_concurrency=3) as akool:
        found = []
        async for job in akool.map(stream([item for item, _ in items]), ordered=ordered):
            assert job.exception() is None
            found.append((job.key, job.tag, job.name))
    if not ordered:
        found.sort(key=expected.index)
    assert found == expected
    assert quick.world.creates == {"audio.tts": 4, "reage.image": 4}


async def test_tags_tell_to_which_row_of_a_table_each_job_of_a_stream_belongs(
    quick: Simulator, connect: Connect
) -> None:
    table = {f"row {n}": speech(n) for n in range(20)}
    async with connect(quick) as akool:
        stream = (Submission(request, tag=row) for row, request in table.items())
        found = {job.tag: job.request async for job in akool.map(stream)}
    assert found == table


async def test_the_timeout_of_a_submission_counts_in_a_stream(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, job_timeout=10_000.0) as akool:
        stream = [Submission(speech(), timeout=0.5, tag="late"), Submission(speech(), tag="fine")]
        ended: dict[object, BaseException | None] = {}

        async def run() -> None:
            async for job in akool.map(stream):
                ended[job.tag] = job.exception()

        running = asyncio.create_task(run())
        await elapse(clock, lambda: len(ended) == 2, step=0.1)
        await running
    assert isinstance(ended["late"], JobTimeout)
    assert ended["fine"] is None


async def test_a_submission_in_a_stream_fails_fast_as_a_request_does(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.world.credit = 0.0
    refused = asyncio.Event()

    async def stream() -> AsyncIterator[Submission[Audio]]:
        yield Submission(speech(0), tag="sent")
        await refused.wait()
        yield Submission(speech(1), tag="unsent")

    errors: dict[object, BaseException | None] = {}
    async with connect(simulator) as akool:
        async for job in akool.map(stream()):
            errors[job.tag] = job.exception()
            refused.set()
    assert errors.keys() == {"sent", "unsent"}
    assert all(isinstance(error, InsufficientCredit) for error in errors.values())
    assert simulator.requests["audio.tts"] == 1


async def test_what_is_neither_is_the_mistake_of_its_own_row(
    quick: Simulator, connect: Connect
) -> None:
    stream: Any = [Submission(speech()), Submission("a text")]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with connect(quick) as akool:
        good, bad = [job async for job in akool.map(stream, ordered=True)]
        assert good.exception() is None
        assert isinstance(bad.exception(), InvalidInput)
