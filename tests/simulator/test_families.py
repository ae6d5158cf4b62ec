"""What the simulator does with an operation follows from what its family says, not from a name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from akool_async import Operation, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import OPERATIONS
from akool_async.protocol.endpoint import Family, Media
from akool_async.protocol.fields import Id
from akool_async.protocol.reply import Reply
from akool_async.result import Result
from akool_async.simulator import Behaviour, World
from akool_async.simulator.world import FACE_REASONS

URL = "http://127.0.0.1:1"


class Poster(Result):
    """Something new of Akool's."""

    media_field = "poster"

    poster: str = ""


def operation(**facts: Any) -> Operation[Poster]:
    """Return a request of an operation whose family says these facts."""

    class Print(Operation[Poster]):
        path = "v9/poster/print"
        family = Family(name="poster", result=Poster, lookup=lambda _ids: Print(text="a"), **facts)
        parse = Reply(Poster)

        text: Id

    return Print(text="A hill.")


def world(clock: ManualClock, **behaviour: Any) -> World:
    return World(Behaviour(**behaviour), clock)


@pytest.mark.parametrize(
    ("media", "extension"), [("image", ".png"), ("video", ".mp4"), ("audio", ".wav")]
)
def test_the_file_is_of_the_family_s_kind(media: Media, extension: str, clock: ManualClock) -> None:
    simulated = world(clock)
    job = simulated.create(operation(media=media))
    assert simulated.snapshot(job, URL).poster == f"{URL}/media/{job.id}{extension}"
    assert job.media().extension == extension


@pytest.mark.parametrize("predicts_url", [True, False])
async def test_the_address_is_named_early_only_where_the_family_predicts_it(
    predicts_url: bool,  # noqa: FBT001
    clock: ManualClock,
) -> None:
    simulated = world(clock)
    job = simulated.create(operation(media="image", predicts_url=predicts_url))
    assert bool(simulated.snapshot(job, URL, receipt=True).poster) is predicts_url
    await clock.advance(job.duration)
    ended = simulated.snapshot(simulated.jobs[job.id], URL)
    assert ended.status is Status.COMPLETED
    assert ended.url


def test_a_video_takes_longer_than_a_picture_and_a_recording_less(clock: ManualClock) -> None:
    durations = {
        media: world(clock, spread=0.0, instant_audio_rate=0.0).create(operation(media=media))
        for media in ("image", "video", "audio")
    }
    assert durations["audio"].duration < durations["image"].duration < durations["video"].duration


def test_only_recordings_may_be_ready_when_they_are_created(clock: ManualClock) -> None:
    simulated = world(clock, instant_audio_rate=1.0)
    instant = {
        media: simulated.create(operation(media=media)).duration == 0
        for media in ("image", "video", "audio")
    }
    assert instant == {"image": False, "video": False, "audio": True}


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_operations_that_take_faces_fail_for_want_of_one(
    name: str, example: Any, clock: ManualClock
) -> None:
    simulated = world(clock, fail_rate=1.0)
    reasons = {simulated.create(example(name)).reason for _ in range(60)}
    takes_faces = any(
        "Face" in str(field.type) for field in msgspec.structs.fields(OPERATIONS[name])
    )
    assert bool(reasons & {*FACE_REASONS}) is takes_faces
