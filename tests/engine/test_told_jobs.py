"""Jobs whose ends a webhook told, before their replies, or before the lookup shows them."""

from __future__ import annotations

import asyncio
import functools
import logging
import tracemalloc

import pytest

from akool_async.clock import ManualClock
from akool_async.protocol.snapshot import Status
from tests.armed import SPEECH, Vendor, begin, body, connect, tell, trust
from tests.clocks import Elapse, Until


async def test_an_event_that_overtakes_the_reply_wakes_the_job_with_the_reply(
    vendor: Vendor, url: str, clock: ManualClock, until: Until
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)  # else a poll by the schedule would hide it
        vendor.gate = asyncio.Event()
        job = akool.submit(SPEECH)
        await until(lambda: len(vendor.ids) == 4)
        await tell(akool, vendor, vendor.ids[3])
        begun = clock.time()
        vendor.gate.set()
        await until(job.done)
        assert job.result().id == vendor.ids[3]
        assert clock.time() - begun < 1


async def test_a_job_that_was_told_does_not_wait_in_the_net_for_a_slow_result_endpoint(
    vendor: Vendor, url: str, clock: ManualClock, elapse: Elapse, until: Until
) -> None:
    async with connect(url, clock) as akool:
        await trust(akool, vendor)
        job, job_id = await begin(akool)
        await tell(akool, vendor, job_id)
        vendor.status[job_id] = 2  # the result endpoint is behind the webhook
        await until(lambda: vendor.asked[job_id] == 1)
        begun = clock.time()
        await elapse(clock, lambda: vendor.asked[job_id] == 3)
        vendor.status[job_id] = 3
        await elapse(clock, job.done)
        assert clock.time() - begun < 30


async def test_ends_that_were_told_before_the_lookup_showed_them_are_no_misses(
    vendor: Vendor,
    url: str,
    *,
    clock: ManualClock,
    elapse: Elapse,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "akool_async"):
        async with connect(url, clock) as akool:
            await trust(akool, vendor)
            for _ in range(3):
                job, job_id = await begin(akool)
                await tell(akool, vendor, job_id)
                vendor.status[job_id] = 2
                await until(functools.partial(_was_asked, vendor, job_id))
                vendor.status[job_id] = 3
                await elapse(clock, job.done)
    assert "webhooks do not arrive" not in caplog.text


async def test_events_of_known_jobs_leave_nothing_behind(
    vendor: Vendor, url: str, clock: ManualClock
) -> None:
    number = 300
    async with connect(url, clock) as akool:

        async def run() -> None:
            for _ in range(number):
                job, job_id = await begin(akool)
                event = body(job_id, Status.PROCESSING)
                await akool.webhooks.feed(event, vendor.token(job_id))
                await tell(akool, vendor, job_id)
                await job

        assert akool.stats.in_flight == 0
        engine = tracemalloc.Filter(True, "*/engine/armed_creates.py")
        tracemalloc.start()
        try:
            await run()
            kept = tracemalloc.take_snapshot().filter_traces([engine]).statistics("filename")
        finally:
            tracemalloc.stop()
        assert sum(each.size for each in kept) < 20 * number


def _was_asked(vendor: Vendor, job_id: str) -> bool:
    return vendor.asked[job_id] == 1
