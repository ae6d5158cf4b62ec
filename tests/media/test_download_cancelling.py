"""A download may be cancelled at every step: it leaves a whole file or none, and nothing open."""

from __future__ import annotations

import asyncio
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from akool_async import Retry
from akool_async.media import Policy, SessionDownloader, Source

if TYPE_CHECKING:
    from tests.clocks import Until
    from tests.media.conftest import Bench
    from tests.servers import Visit

SOON = Retry(initial=0.001, throttled=0.001, maximum=0.002)


async def interrupted(work: Coroutine[Any, Any, Path], *steps: int) -> Path:
    """Run a coroutine, and cancel its task as it waits for the n-th time, for each step n."""
    path: Path = await _driven(work, steps)
    return path


@types.coroutine
def _driven(work: Coroutine[Any, Any, Path], steps: tuple[int, ...]) -> Generator[Any, Any, Path]:
    task = asyncio.current_task()
    assert task is not None
    thrown: BaseException | None = None
    for step in itertools.count(1):
        try:
            awaited = work.send(None) if thrown is None else work.throw(thrown)
        except StopIteration as stop:
            path: Path = stop.value
            return path
        if step in steps:
            task.cancel()
        try:
            yield awaited
            thrown = None
        except BaseException as error:  # noqa: BLE001 - it is handed on
            thrown = error
    raise AssertionError


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux does")
@pytest.mark.parametrize("again", [0, 1, 3], ids=["once", "and at the next", "and soon again"])
async def test_a_download_cancelled_at_any_step_leaves_all_or_nothing(
    again: int, leftovers: Callable[[], set[asyncio.Task[Any]]], until: Until, bench: Bench
) -> None:
    media = bench.media()

    async def cut_often(visit: Visit) -> None:
        if visit.target == "/a":
            await visit.answer(b"", 302, location="/b")
            return
        await media(visit, cut=400_000)
        await visit.close()

    server = await bench.serve(cut_often)
    source = Source(f"{server.url}/a", "a")
    open_before = descriptors()
    done, k = False, 0
    while not done:
        k, folder = k + 1, bench.folder / str(k)
        downloader = SessionDownloader(1, Policy(allow_private=True), SOON)
        saving = interrupted(downloader.save(source, folder / "a"), k, k + again)
        (outcome,) = await asyncio.gather(saving, return_exceptions=True)
        done = isinstance(outcome, Path)
        assert done or isinstance(outcome, asyncio.CancelledError)
        assert bench.left(folder) in ([], ["a"])
        assert not (done and bench.left(folder) == [])
        # The one place that there is has become free, and whatever lies there is whole.
        if bench.left(folder) == []:
            await downloader.save(source, folder / "a")
        assert (folder / "a").read_bytes() == bench.content
        await downloader.close()
    assert k > 20
    await until(lambda: not server.tasks)
    assert leftovers() == set()
    await until(lambda: descriptors() <= open_before)


async def test_a_scope_of_anyio_ends_a_download_and_leaves_nothing(
    bench: Bench, until: Until
) -> None:
    media = bench.media()

    async def hang_midway(visit: Visit) -> None:
        await media(visit, cut=500_000)
        await visit.hang()

    server = await bench.serve(hang_midway)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.save, f"{server.url}/a")
        await until(bench.left)
        group.cancel_scope.cancel()
    assert bench.left() == []


async def test_what_the_caller_s_callback_raises_ends_the_download_and_comes_back(
    bench: Bench,
) -> None:
    class Enough(Exception):
        pass

    def tell(received: int, total: int | None) -> None:
        raise Enough

    server = await bench.serve(bench.media())
    with pytest.raises(Enough):
        await bench.result(f"{server.url}/a").save(bench.folder / "a", progress=tell)
    assert len(server.visits) == 1
    assert bench.left() == []


@pytest.mark.parametrize("error", [TimeoutError, OSError, ValueError, RuntimeError])
async def test_an_error_of_the_caller_s_is_not_taken_for_the_network_s(
    error: type[Exception], bench: Bench
) -> None:
    async def tell(received: int, total: int | None) -> None:
        raise error("the caller's")

    server = await bench.serve(bench.media())
    with pytest.raises(error, match="the caller's"):
        await bench.result(f"{server.url}/a").save(bench.folder / "a", progress=tell)
    assert len(server.visits) == 1
    assert bench.left() == []


async def test_a_client_that_is_closed_lets_a_save_of_its_result_go_on(bench: Bench) -> None:
    media, gate = bench.media(), asyncio.Event()

    async def hold_once(visit: Visit) -> None:
        first = not media.starts
        await media(visit, cut=500_000 if first else None)
        if first:
            gate.set()
            await visit.hang()

    server = await bench.serve(hold_once)
    downloader = SessionDownloader(1, Policy(allow_private=True), SOON)
    source = Source(f"{server.url}/a", "a")
    saving = asyncio.create_task(downloader.save(source, bench.folder / "a"))
    await gate.wait()
    await downloader.close()
    assert (await saving).read_bytes() == bench.content


async def test_a_save_that_waits_for_its_turn_as_the_client_is_closed_gets_it_all_the_same(
    bench: Bench,
) -> None:
    media, arrived, gate = bench.media(), asyncio.Event(), asyncio.Event()

    async def hold(visit: Visit) -> None:
        arrived.set()
        await gate.wait()
        await media(visit)

    server = await bench.serve(hold)
    downloader = SessionDownloader(1, Policy(allow_private=True), SOON)
    source = Source(f"{server.url}/a", "a")
    saves = [asyncio.create_task(downloader.save(source, bench.folder / name)) for name in "ab"]
    await arrived.wait()
    await downloader.close()
    gate.set()
    for path in await asyncio.gather(*saves):
        assert path.read_bytes() == bench.content
