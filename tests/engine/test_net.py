"""Where webhooks arrive, jobs are polled rarely; where they stop, as before."""

from __future__ import annotations

import gc
import logging
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from akool_async import Akool
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from tests.armed import SPEECH, Vendor, begin, connect, tell, trust
from tests.clocks import Elapse, Until


async def test_a_trusted_job_is_polled_first_after_a_minute(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        job, job_id = await begin(akool)
        begun = clock.time()
        vendor.status[job_id] = 3  # and nobody tells
        await elapse(clock, job.done)
        assert 60 <= clock.time() - begun <= 63
        assert vendor.asked[job_id] == 1


async def test_a_job_is_polled_by_its_schedule_until_webhooks_are_trusted(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse
) -> None:
    async with connect(url, clock) as akool:
        for _ in range(2):
            job, job_id = await begin(akool)
            await tell(akool, vendor, job_id)
            await job
        job, job_id = await begin(akool)
        begun = clock.time()
        vendor.status[job_id] = 3
        await elapse(clock, job.done)
        assert clock.time() - begun < 60


async def test_two_ends_that_nobody_told_bring_the_schedule_back(
    vendor: Vendor,
    url: str,
    clock: ManualClock,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "akool_async"):
        async with connect(url, clock) as akool:
            await trust(akool, vendor)
            assert "webhooks arrive" in caplog.text
            jobs = [await begin(akool) for _ in range(2)]
            waiting, waiting_id = await begin(akool)
            for _, job_id in jobs:
                vendor.status[job_id] = 3
            await elapse(clock, lambda: all(job.done() for job, _ in jobs))
            assert "webhooks do not arrive" in caplog.text
            released = clock.time()
            vendor.status[waiting_id] = 3
            await elapse(clock, waiting.done)
            assert clock.time() - released < 60
            job, job_id = await begin(akool)
            begun = clock.time()
            vendor.status[job_id] = 3
            await elapse(clock, job.done)
            assert clock.time() - begun < 60
            await trust(akool, vendor)
            job, job_id = await begin(akool)
            begun = clock.time()
            vendor.status[job_id] = 3
            await elapse(clock, job.done)
            assert clock.time() - begun >= 60


async def test_lost_webhooks_do_not_end_the_trust_while_those_of_younger_jobs_arrive(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        lost = [await begin(akool) for _ in range(5)]
        await clock.advance(1.0)
        told, told_id = await begin(akool)
        await tell(akool, vendor, told_id)
        await told
        for _, job_id in lost:
            vendor.status[job_id] = 3
        await elapse(clock, lambda: all(job.done() for job, _ in lost))
        job, job_id = await begin(akool)
        begun = clock.time()
        vendor.status[job_id] = 3
        await elapse(clock, job.done)
        assert clock.time() - begun >= 60  # in the net


async def test_after_five_minutes_without_any_webhook_each_untold_end_counts(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        lost = [await begin(akool) for _ in range(2)]
        await clock.advance(1.0)
        told, told_id = await begin(akool)
        await tell(akool, vendor, told_id)
        await told
        silent = clock.time()
        await elapse(clock, lambda: clock.time() > silent + 301)
        for _, job_id in lost:
            vendor.status[job_id] = 3
        await elapse(clock, lambda: all(job.done() for job, _ in lost))
        job, job_id = await begin(akool)
        begun = clock.time()
        vendor.status[job_id] = 3
        await elapse(clock, job.done)
        assert clock.time() - begun < 60


async def test_polls_of_a_trusted_job_grow_to_five_minutes(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        job, job_id = await begin(akool)
        times: list[float] = []
        for number in range(1, 9):
            await elapse(clock, lambda number=number: vendor.asked[job_id] == number)
            times.append(clock.time())
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert 58 <= pauses[0] <= 63
        assert max(pauses) <= 303
        assert pauses[-1] >= 298
        await tell(akool, vendor, job_id)
        await job


async def test_an_ended_job_is_let_go_at_once_though_a_later_poll_was_planned(
    vendor: Vendor, url: str, clock: ManualClock
) -> None:
    async with connect(url, clock) as akool:
        for number in range(6):  # polled by the schedule first, and later in the net
            request = TTS(input_text=f"Number {number}.", voice_id="v")
            unheld = sys.getrefcount(request)
            job = akool.submit(request)
            await job.created()
            assert job.id is not None
            await tell(akool, vendor, job.id)
            await job
            del job
            gc.collect()
            assert sys.getrefcount(request) == unheld


async def test_an_event_that_comes_too_early_leads_to_a_second_poll_soon(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse, until: Until
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        job, job_id = await begin(akool)
        await tell(akool, vendor, job_id)
        vendor.status[job_id] = 2  # the result endpoint is behind the webhook
        await until(lambda: vendor.asked[job_id] == 1)
        begun = clock.time()
        vendor.status[job_id] = 3
        await elapse(clock, job.done)
        assert clock.time() - begun < 30


@pytest.mark.parametrize("armed", [True, False])
async def test_only_a_job_whose_create_had_an_address_is_polled_rarely_after_a_restart(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse, tmp_path: Path, *, armed: bool
) -> None:
    path = tmp_path / "jobs.db"
    earlier = (
        connect(url, clock, journal=path) if armed else Akool("key", base_url=url, journal=path)
    )
    async with earlier as akool:
        await akool.submit(SPEECH).created()
    (job_id,) = vendor.ids
    async with connect(url, clock, journal=path) as akool:
        await trust(akool, vendor)
        (again,) = [job async for job in akool.recover()]
        await elapse(clock, lambda: vendor.asked[job_id] >= 1)
        begun = clock.time()
        vendor.status[job_id] = 3
        await elapse(clock, again.done)
        assert (clock.time() - begun >= 50) is armed
