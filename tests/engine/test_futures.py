"""A job that is awaited is a plain future: cancelled in the turn of its end, it answers the same.

Each story is told twice, about a plain `asyncio.Future` and about a job, and has to end the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import anyio
import pytest

from akool_async import Akool, Face, Status
from akool_async.endpoints import ImageReage
from akool_async.endpoints.faceswap_family import Faceswap
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Act: TypeAlias = Literal["end", "cancel", "turn"]

FACE = Face("https://photos.example/face.png")


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=10, modify_image=photo)


class Story:
    """A task that awaits something, an end of it, and a cancel of the wait."""

    def __init__(self, awaited: Any, end: Callable[[], object], *, shielded: bool = False) -> None:
        self.awaited = awaited
        self.end = end
        self.log: list[object] = []
        self.scope = anyio.CancelScope()
        self.shielded = shielded
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        with anyio.move_on_after(600) as self.scope:
            try:
                await self._outcome()
            except asyncio.CancelledError:
                self.log.append("cancelled")
                raise
        self.log.append(("caught", self.scope.cancelled_caught, self.scope.cancel_called))
        await asyncio.sleep(0)
        self.log.append("went on")

    async def _outcome(self) -> None:
        with anyio.CancelScope(shield=self.shielded):
            try:
                await self.awaited
            except Exception:  # noqa: BLE001 - that it is an error is all that is compared
                self.log.append("error")
            else:
                self.log.append("result")

    def cancel_scope(self, _awaited: object = None) -> None:
        self.scope.cancel()

    def cancel_task(self, _awaited: object = None) -> None:
        assert self.task is not None
        self.task.cancel()

    async def ended(self) -> tuple[list[object], bool, int]:
        """Return what was seen, whether the task was cancelled, and how many turns it took."""
        assert self.task is not None
        number = 0
        while not self.task.done():
            await asyncio.sleep(0)
            number += 1
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        return self.log, self.task.cancelled(), number


Cancel: TypeAlias = Callable[[Story], None]
Tell: TypeAlias = Callable[[Story], Awaitable[None]]

cancels = pytest.mark.parametrize(
    "cancel", [Story.cancel_scope, Story.cancel_task], ids=["a scope", "the task"]
)
outcomes = pytest.mark.parametrize("fails", [False, True], ids=["result", "error"])


async def told_of_both(
    simulator: Simulator, connect: Connect, tell: Tell, *, fails: bool, shielded: bool = False
) -> tuple[Any, Any]:
    """Tell a story about a future and about a job; return how each ended."""
    plain: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end_future() -> None:
        if plain.done():  # a task that is cancelled cancels the future it waits for, but no job
            return
        if fails:
            plain.set_exception(ValueError("no"))
        else:
            plain.set_result("yes")

    about_future = Story(plain, end_future, shielded=shielded)
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        engine, record = job._engine, job._record  # noqa: SLF001 - so that it ends in this turn

        def end_job() -> None:
            status = Status.FAILED if fails else Status.COMPLETED
            engine.finish(record, Faceswap(id=job.id or "", status=status))

        about_job = Story(job, end_job, shielded=shielded)
        ends: list[Any] = []
        for story in (about_future, about_job):
            await tell(story)
            ends.append(await story.ended())
        assert plain.done()
        assert job.done()
        if fails:
            assert plain.cancelled() or plain.exception()
            assert job.exception()
        return ends[0], ends[1]


ORDERS: list[list[Act]] = [
    ["end"],
    ["end", "cancel"],
    ["cancel", "end"],
    ["end", "turn", "cancel"],
    ["cancel", "turn", "end"],
    ["end", "turn", "turn", "cancel"],
    ["cancel", "cancel", "end"],
]


@cancels
@outcomes
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
async def test_a_wait_that_is_cancelled_about_the_turn_of_the_end_ends_as_that_of_a_future(
    *,
    simulator: Simulator,
    connect: Connect,
    cancel: Cancel,
    fails: bool,
    order: list[Act],
) -> None:
    async def tell(story: Story) -> None:
        story.begin()
        await asyncio.sleep(0)
        for act in order:
            if act == "turn":
                await asyncio.sleep(0)
            elif act == "end":
                story.end()
            else:
                cancel(story)

    of_future, of_job = await told_of_both(simulator, connect, tell, fails=fails)
    assert of_job == of_future


@cancels
@outcomes
@pytest.mark.parametrize("first", ["callback", "wait"])
async def test_a_wait_that_a_done_callback_cancels_ends_as_that_of_a_future(
    *,
    simulator: Simulator,
    connect: Connect,
    cancel: Cancel,
    fails: bool,
    first: str,
) -> None:
    async def tell(story: Story) -> None:
        if first == "callback":
            story.awaited.add_done_callback(lambda _: cancel(story))
        story.begin()
        await asyncio.sleep(0)
        if first == "wait":
            story.awaited.add_done_callback(lambda _: cancel(story))
        story.end()

    of_future, of_job = await told_of_both(simulator, connect, tell, fails=fails)
    assert of_job == of_future


@outcomes
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
async def test_a_shielded_wait_in_a_cancelled_scope_ends_as_that_of_a_future(
    *,
    simulator: Simulator,
    connect: Connect,
    fails: bool,
    order: list[Act],
) -> None:
    async def tell(story: Story) -> None:
        story.begin()
        await asyncio.sleep(0)
        for act in order:
            if act == "turn":
                await asyncio.sleep(0)
            elif act == "end":
                story.end()
            else:
                story.cancel_scope()

    ends = await told_of_both(simulator, connect, tell, fails=fails, shielded=True)
    assert ends[1] == ends[0]
    assert ends[1][0][0] == ("error" if fails else "result")


async def test_a_scope_that_is_cancelled_right_after_the_end_loses_no_result(
    simulator: Simulator, connect: Connect
) -> None:
    """What the stories compare, spelled out: the result was there first, so it counts."""

    async def tell(story: Story) -> None:
        story.begin()
        await asyncio.sleep(0)
        story.end()
        story.cancel_scope()

    _, (seen, cancelled, _) = await told_of_both(simulator, connect, tell, fails=False)
    assert seen == ["result", ("caught", False, True), "went on"]
    assert not cancelled
