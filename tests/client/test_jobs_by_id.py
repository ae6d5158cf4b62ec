"""A job by an id from Akool's website: with its operation, that is as good as a token."""

from __future__ import annotations

from typing import Any

import pytest

from akool_async import Akool, Face, InvalidInput, InvalidToken, JobError, Status
from akool_async.clock import ManualClock
from akool_async.crun import Crun
from akool_async.endpoints import Faceswap, ImageReage
from akool_async.simulator import Simulator
from tests.clients import Connect

ID = "65a0" + 20 * "1"
PHOTO = "https://photos.example/ann.jpg"
REAGE = ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)


async def created(simulator: Simulator, connect: Connect) -> tuple[str, str | None]:
    """Start a job with a client that is closed before the job has ended; return its ids."""
    async with connect(simulator) as akool:
        job = await akool.submit(REAGE).created()
    assert job.id is not None
    return job.id, job.job_id


@pytest.mark.parametrize("operation", ["reage.image", ImageReage])
async def test_an_id_with_its_operation_leads_to_the_result(
    simulator: Simulator, clock: ManualClock, connect: Connect, operation: Any
) -> None:
    known, _ = await created(simulator, connect)
    await clock.advance(60)
    async with connect(simulator) as akool:
        job = akool.job(f" {known}\n", operation=operation)
        result = await job
        assert isinstance(result, Faceswap)
        assert (job.id, job.name, result.status) == (known, "reage.image", Status.COMPLETED)
        assert await akool.job(job.token) == result
    assert simulator.world.creates.total() == 1


async def test_the_age_of_such_a_job_is_not_made_up(
    simulator: Simulator, clock: ManualClock, connect: Connect, akool: Akool
) -> None:
    known, _ = await created(simulator, connect)
    await clock.advance(3600)
    job = akool.job(known, "reage.image")
    assert job.eta is None
    await clock.advance(5)
    result = await job
    # It was over at the first look. That is no sign that such jobs take no time.
    assert akool.stats.jobs["reage.image"].median is None
    assert result.link is not None
    assert result.link.accepted_at is None


async def test_an_id_that_nobody_knows_is_not_watched_for_long(
    clock: ManualClock, akool: Akool
) -> None:
    job = akool.job(ID, "reage.image")
    await clock.advance(120)
    with pytest.raises(JobError, match=r"shows no job of this id: check the id and the operation"):
        await job


async def test_the_job_id_beside_it_lets_the_job_be_cancelled(
    simulator: Simulator, connect: Connect
) -> None:
    known, job_id = await created(simulator, connect)
    async with connect(simulator) as akool:
        job = akool.job(known, ImageReage, job_id=job_id)
        assert job.job_id == job_id
        assert await job.cancel()


def test_an_id_alone_is_told_what_it_lacks() -> None:
    with pytest.raises(InvalidToken, match=r'goes with its operation: akool.job\(id, operation="'):
        Akool(api_key="unused").job(ID)


@pytest.mark.parametrize(
    ("client", "operation", "message"),
    [
        (Akool, "reage.imag", r"Client.job.operation|did you mean 'reage.image'\?"),
        (Crun, "reage.image", "must be an operation, or the name of one, such as"),
        (Akool, dict, "must be an operation"),
    ],
)
def test_an_operation_that_the_client_does_not_have_is_refused(
    client: Any, operation: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        client(api_key="unused").job(ID, operation=operation)


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": ID, "job_id": "x"},
        {"token": ID, "operation": "reage.image", "job_id": "no id!"},
        {"key": "row 7", "operation": "reage.image", "job_id": "x"},
    ],
)
def test_a_job_id_that_goes_with_nothing_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="job_id"):
        Akool(api_key="unused").job(**arguments)


async def test_crun_takes_a_task_id_too(simulator: Simulator) -> None:
    async with Crun(api_key="unused", base_url=simulator.url) as crun:
        name = next(iter(crun.operations))
        assert crun.job("task-1", operation=name).id == "task-1"
