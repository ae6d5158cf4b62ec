"""The tools for jobs that were started: status, result, files, cancelling, and a list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mcp.types import CallToolResult

from akool_async import Job
from akool_async.clock import Clock
from akool_async.errors import AkoolError, InvalidInput
from akool_async.mcp.answers import Refusal, refused, reply
from akool_async.mcp.consent import Call
from akool_async.mcp.desk import MOST_LISTED, Desk, description_of, problem_of
from akool_async.mcp.folder import picture, place_in
from akool_async.protocol.cells import checked_number, checked_whole
from akool_async.result import Result

LONGEST_WAIT: Final = 50.0
"""Seconds that one call waits at most: many clients give up after 60."""
USUAL_WAIT: Final = 25.0
_ONE_LOOK: Final = 10.0
"""Seconds in which a job of another process has been looked up."""
_BETWEEN: Final = 1.0
"""Seconds between two notifications of progress."""
_LISTED: Final = 20


class Watcher:
    """Looks after jobs for agents.

    Args:
        desk: The jobs.
        clock: Where time comes from.
        folder: Where files are saved; `None` if nothing is.
        stop: Set when the server stops: waits end then.
    """

    def __init__(self, desk: Desk, clock: Clock, folder: Path | None, stop: asyncio.Event) -> None:
        self._desk = desk
        self._stop = stop
        self._clock = clock
        self._folder = folder

    async def status(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """Return what is known of a job now; a job of another process is looked up once."""
        return reply(description_of(await self._looked_up(given)))

    async def _looked_up(self, given: Mapping[str, Any]) -> Job[Any]:
        job = self._desk.find(given.get("token"))
        if job.snapshot is None and not job.done() and job.receipt is None and job.id is not None:
            with suppress(TimeoutError, AkoolError):
                async with asyncio.timeout(_ONE_LOOK):
                    async for _ in job:
                        break
                    await asyncio.sleep(0)  # a terminal snapshot ends the job a moment later
        return job

    async def result(self, call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """Wait for a job, and return its result; or how far it is, if the time is over."""
        job = self._desk.find(given.get("token"))
        wanted = checked_number(
            "wait_seconds", given.get("wait_seconds", USUAL_WAIT), "must be a number of seconds"
        )
        seconds = min(max(wanted, 0.0), LONGEST_WAIT)
        await self._wait(job, seconds, call)
        return _described(job)

    async def _wait(self, job: Job[Any], seconds: float, call: Call) -> None:
        """Wait until the job has ended, the time is over, or the server stops; tell of it."""
        begun = self._clock.time()
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not (job.done() or self._stop.is_set()):
                left = begun + seconds - self._clock.time()
                if left <= 0:
                    break
                await _first_of(job, stopping, min(left, _BETWEEN))
                passed = min(self._clock.time() - begun, seconds)
                await call.context.session.report_progress(passed, seconds, _progress_of(job))
        finally:
            stopping.cancel()

    async def save(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """Save the files of a completed job in the folder."""
        job = await self._looked_up(given)
        result = self._finished(job)
        assert self._folder is not None
        path, show = given.get("path"), given.get("show", False)
        if path is not None and not isinstance(path, str):
            raise InvalidInput("path", path, "must be a text")
        # Files that are named after the job are its own, and may be written again.
        place = place_in(self._folder, path or ".")
        own = place.is_dir()
        try:
            files = await result.save_all(place, overwrite=own)
        except FileExistsError:
            files = ()
        if not files:
            raise Refusal(f"{path} is there already: give another `path`, or none.")
        return self._saved(job, files, show=show is True)

    def _saved(self, job: Job[Any], files: Sequence[Path], *, show: bool) -> CallToolResult:
        assert self._folder is not None
        names = [str(file) for file in files]
        answer = reply(
            {"operation": job.name, "status": "completed", "token": job.token, "saved": names}
        )
        if show and (shown := picture(files[0])) is not None:
            answer.content.append(shown)
        return answer

    def _finished(self, job: Job[Any]) -> Result:
        if not job.done():
            raise Refusal("The job has not ended yet: wait for it with job_result.")
        problem = problem_of(job)
        if problem is not None:
            raise problem
        outcome = job.result()
        if not isinstance(outcome, Result) or not outcome.url:
            raise Refusal("The job has no media to save; job_result shows what it found.")
        return outcome

    async def cancel(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """Cancel a job, where Akool can."""
        job = self._desk.find(given.get("token"))
        cancelled = await job.cancel()
        return reply(description_of(job) | {"cancelled": cancelled})

    async def list(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """List the latest jobs of this server's journal."""
        count = checked_whole("count", given.get("count", _LISTED), "must be a whole number")
        return reply({"jobs": self._desk.latest(min(max(count, 1), MOST_LISTED))})


async def _first_of(job: Job[Any], stopping: asyncio.Task[Any], seconds: float) -> None:
    waiting = asyncio.create_task(job.wait())
    try:
        await asyncio.wait(
            {waiting, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        waiting.cancel()  # the job itself goes on
        await asyncio.gather(waiting, return_exceptions=True)


def _described(job: Job[Any]) -> CallToolResult:
    known = description_of(job)
    problem = problem_of(job)
    if problem is not None:
        return refused(problem, known)
    if not job.done():
        known["note"] = "It goes on. Call job_result again with this token."
    return reply(known, links=known.get("urls", ()))


def _progress_of(job: Job[Any]) -> str:
    known = description_of(job)
    left = known.get("eta_seconds")
    return f"{job.name}: {known['status']}" + ("" if left is None else f", about {left:.0f} s left")
