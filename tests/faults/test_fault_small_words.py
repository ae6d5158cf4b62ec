"""Small things that are told wrongly: "1 jobs", a limit that is infinite, an expiry of nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from akool_async import Status
from akool_async.client.stats import Stats, together
from akool_async.endpoints import TTS, Analysis, Faceswap
from akool_async.endpoints.detection import paired
from akool_async.endpoints.face import Face
from akool_async.errors import DetectionError
from akool_async.media import SessionDownloader
from akool_async.result import Link
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Until

SPEECH = TTS(input_text="Hello.", voice_id="v")
CREATED = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("number", "words"), [(1, "1 job that"), (2, "2 jobs that")])
async def test_one_job_that_nobody_awaited_is_one_job(
    connect: Connect, until: Until, caplog: pytest.LogCaptureFixture, number: int, words: str
) -> None:
    async with Simulator(pace=1000.0) as simulator, connect(simulator) as akool:
        _jobs = [akool.submit(SPEECH) for _ in range(number)]
        await until(lambda: simulator.world.creates.total() == number)
    assert words in caplog.text


def test_one_face_is_one_face() -> None:
    face = Face("https://photos.example/a.png")
    with pytest.raises(DetectionError, match="1 face was found in the source, and 2 in the target"):
        paired((face,), (face, face))


async def test_a_rate_that_is_not_limited_is_none(simulator: Simulator, connect: Connect) -> None:
    async with connect(simulator) as akool:
        assert (akool.stats.creates_per_second, akool.stats.reads_per_second) == (None, None)
        assert "inf" not in repr(akool.stats)
    slow = Stats(creates_per_second=2.0)
    assert together(slow, Stats()).creates_per_second == 2.0
    assert together(slow, Stats(creates_per_second=1.0)).creates_per_second == 1.0
    assert together(Stats(), Stats()).reads_per_second is None


def test_a_result_without_media_has_no_expiry() -> None:
    verdict = Analysis(id="a", status=Status.COMPLETED, create_time=1_700_000_000_000)
    failed = Faceswap(id="a", status=Status.FAILED, created_at=CREATED)
    for result in (verdict, failed):
        link = Link(SessionDownloader(), accepted_at=CREATED.timestamp())
        assert result.expires_at is None
        assert result.attach(link).expires_at is None
