"""What passes is tried again, for so long and no longer; what is over is told as it is."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError, JobError, ResultExpired, Retry
from akool_async.clock import ManualClock
from akool_async.media.failures import AttemptFailed
from akool_async.media.retry_budget import MAX_REQUESTS, RetryBudget

if TYPE_CHECKING:
    from tests.clocks import Elapse
    from tests.media.conftest import Bench
    from tests.servers import Visit


@pytest.mark.parametrize("status", [403, 404, 408, 425, 429, 500, 502, 503, 504])
async def test_a_refusal_that_may_pass_is_waited_out(status: int, bench: Bench) -> None:
    media = bench.media()

    async def refuse_twice(visit: Visit) -> None:
        await (media(visit) if len(server.visits) > 2 else visit.answer(b"no", status))

    server = await bench.serve(refuse_twice)
    assert await bench.save(f"{server.url}/a") == bench.content


async def test_a_refusal_midway_costs_nothing_of_what_is_here(bench: Bench) -> None:
    media = bench.media()

    async def refuse_midway(visit: Visit) -> None:
        if len(server.visits) == 2:
            await visit.answer(b"busy", 503)
        else:
            await media(visit, cut=None if media.starts else 500_000)
            await visit.close()

    server = await bench.serve(refuse_midway)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 500_000]


@pytest.mark.parametrize(
    ("status", "requests"),
    [(403, 4), (404, 4), (500, 4), (503, 4), (429, 10), (410, 1), (400, 1), (401, 1), (204, 1)],
)
async def test_a_refusal_that_stays_is_given_up(status: int, requests: int, bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", status))
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == requests
    assert bench.left() == []


async def test_a_server_is_given_the_time_that_it_asks_for(
    clock: ManualClock, elapse: Elapse, bench: Bench
) -> None:
    media = bench.media()

    async def refuse_once(visit: Visit) -> None:
        first = len(server.visits) == 1
        await (visit.answer(b"", 503, retry_after="20") if first else media(visit))

    server = await bench.serve(refuse_once)
    saving = asyncio.create_task(
        bench.result(f"{server.url}/a", clock=clock).save(bench.folder / "a")
    )
    await elapse(clock, saving.done)
    await saving
    assert len(server.visits) == 2
    assert 20 <= clock.time() < 40


async def test_a_server_that_asks_for_too_much_time_is_given_up(
    bench: Bench, clock: ManualClock, elapse: Elapse
) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", 429, retry_after="121"))
    saving = asyncio.create_task(bench.save(f"{server.url}/a", clock=clock))
    await elapse(clock, saving.done)
    with pytest.raises(DownloadError, match="HTTP 429"):
        await saving
    assert len(server.visits) == 1
    assert clock.time() < 121


# Time


async def hang(visit: Visit) -> None:
    await visit.hang()


async def trickle(visit: Visit) -> None:
    await visit.send(b'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: 1000000\r\n\r\n')
    while True:
        await visit.send(b".")
        await asyncio.sleep(0.001)


async def trickle_headers(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\n")
    for _ in range(50):
        await visit.send(b"X-Header: 1\r\n")
        await asyncio.sleep(0.001)
    await visit.hang()


@pytest.mark.parametrize("fault", [hang, trickle, trickle_headers])
async def test_a_server_that_brings_next_to_nothing_is_given_up(
    fault: Callable[[Visit], Awaitable[None]], clock: ManualClock, elapse: Elapse, bench: Bench
) -> None:
    server = await bench.serve(fault)
    result = bench.result(f"{server.url}/a", clock=clock)
    saving = asyncio.create_task(result.save(bench.folder / "a"))
    await elapse(clock, saving.done)
    with pytest.raises(DownloadError, match="took too long"):
        await saving
    assert len(server.visits) == 4
    assert 4 * 30 <= clock.time() < 4 * 30 + 60
    assert bench.left() == []


async def test_a_server_that_hangs_midway_is_left_and_asked_for_the_rest(
    clock: ManualClock, elapse: Elapse, bench: Bench
) -> None:
    media = bench.media()

    async def hang_once(visit: Visit) -> None:
        first = not media.starts
        await media(visit, cut=500_000 if first else None)
        if first:
            await visit.hang()

    server = await bench.serve(hang_once)
    result = bench.result(f"{server.url}/a", clock=clock)
    saving = asyncio.create_task(result.save(bench.folder / "a"))
    await elapse(clock, saving.done)
    assert (await saving).read_bytes() == bench.content
    assert media.starts == [0, 500_000]


async def test_a_download_as_a_whole_has_an_end(
    clock: ManualClock, elapse: Elapse, bench: Bench
) -> None:
    media = bench.media()

    async def cut_soon(visit: Visit) -> None:
        await media(visit, cut=100)
        await visit.close()

    server = await bench.serve(cut_soon)
    slow = Retry(initial=8.0, maximum=8.0)
    result = bench.result(f"{server.url}/a", clock=clock, retry=slow, timeout=100.0)
    saving = asyncio.create_task(result.save(bench.folder / "a"))
    await elapse(clock, saving.done)
    with pytest.raises(DownloadError):
        await saving
    assert 50 < clock.time() < 110
    assert 10 < len(media.starts) < 100
    assert bench.left() == []


async def test_a_request_that_may_take_its_time_ends_with_the_download(
    bench: Bench, clock: ManualClock, elapse: Elapse
) -> None:
    server = await bench.serve(hang)
    patient = {"clock": clock, "slowest": 0.0, "timeout": 100.0}
    saving = asyncio.create_task(bench.save(f"{server.url}/a", **patient))
    await elapse(clock, saving.done)
    with pytest.raises(DownloadError, match="took too long"):
        await saving
    assert 100 <= clock.time() < 110
    assert len(server.visits) == 1


async def test_a_caller_who_takes_time_is_not_the_server_s_fault(
    clock: ManualClock, bench: Bench
) -> None:
    async def think(received: int, total: int | None) -> None:
        await clock.advance(100.0)

    server = await bench.serve(bench.media())
    path = await bench.result(f"{server.url}/a", clock=clock).save(
        bench.folder / "a", progress=think
    )
    assert path.read_bytes() == bench.content
    assert len(server.visits) == 1


def test_delays_grow_with_requests_in_vain_and_fall_back_after_progress() -> None:
    budget = RetryBudget(Retry(attempts=6, initial=1.0, maximum=8.0))
    failure = AttemptFailed("")

    def longest(reached: int) -> float:
        delays = [copy.copy(budget).delay(failure, reached) or 0.0 for _ in range(300)]
        budget.delay(failure, reached)
        return max(delays)

    assert [round(longest(0)) for _ in range(4)] == [1, 2, 4, 8]
    assert round(longest(10)) == 1
    assert round(longest(10)) == 1


def test_a_download_that_always_gets_a_little_further_has_an_end_all_the_same() -> None:
    budget = RetryBudget(Retry())
    delays = [budget.delay(AttemptFailed(""), reached) for reached in range(1, MAX_REQUESTS + 1)]
    assert None not in delays[:-1]
    assert delays[-1] is None


# The end of the seven days


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_media_that_is_gone_after_its_time_has_expired(
    status: int, clock: ManualClock, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", status))
    result = bench.result(f"{server.url}/a", clock=clock, accepted_at=clock.now())
    await clock.advance(timedelta(days=7).total_seconds())
    with pytest.raises(ResultExpired, match=f"2026-01-08 00:00 UTC.*HTTP {status}") as caught:
        await result.save(bench.folder / "a")
    assert len(server.visits) == 1
    assert bench.left() == []
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, JobError)
    assert (error.name, error.token, error.snapshot) == ("audio.tts", bench.token(), result)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_media_that_is_gone_before_its_time_is_a_failed_download(
    status: int, clock: ManualClock, elapse: Elapse, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", status))
    result = bench.result(f"{server.url}/a", clock=clock, accepted_at=clock.now())
    await clock.advance(timedelta(days=6.9).total_seconds())
    saving = asyncio.create_task(result.save(bench.folder / "a"))
    await elapse(clock, saving.done)
    with pytest.raises(DownloadError, match=f"HTTP {status}") as caught:
        await saving
    assert caught.value.token == bench.token()


async def test_media_that_is_still_there_after_its_time_is_fetched(
    clock: ManualClock, bench: Bench
) -> None:
    server = await bench.serve(bench.media())
    result = bench.result(f"{server.url}/a", clock=clock, accepted_at=clock.now())
    await clock.advance(timedelta(days=30).total_seconds())
    assert (await result.save(bench.folder / "a")).read_bytes() == bench.content


async def test_media_of_unknown_age_that_is_gone_is_a_failed_download(bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", 410))
    with pytest.raises(DownloadError):
        await bench.save(f"{server.url}/a")
