"""The jobs of one run, and the progress of each, from submission to the file on disk."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from anyio import to_thread

from akool_async import Akool, AkoolError, Job, JobFailed, Operation, Snapshot, Stats, Status
from akool_async.cli.inspection import flaw_of

_SHORTEST_ETA = 1.0
"""Seconds: a job younger than that is not judged by its age."""


class Stage(Enum):
    """The stages of a job, in the words that users see."""

    WAITING = "waiting"
    QUEUED = "queued"
    PROCESSING = "working"
    DONE = "done"
    FAILED = "failed"
    ERROR = "error"


ENDED = frozenset({Stage.DONE, Stage.FAILED, Stage.ERROR})
"""The last stages."""


@dataclass(slots=True, eq=False)
class RunJob:
    """One job of a run, and its outcome. Times are those of `time.monotonic`."""

    job: Job[Any]
    accepted_at: float | None = None
    ended_at: float | None = None
    path: Path | None = None
    """The saved result's file; `None` before it is on disk."""
    size: int = 0
    """Size of the file, in bytes."""
    flaw: str = ""
    """What is wrong with the file, or why a completed job has none; empty if all is well."""

    @property
    def error(self) -> BaseException | None:
        """The error that ended the job; `None` if there is none (yet)."""
        return self.job.exception() if self.job.done() else None

    @property
    def stage(self) -> Stage:
        """The job's stage; ERROR if it ended with neither a result nor `JobFailed`."""
        if self.job.done():
            if self.error is None:
                return Stage.DONE
            return Stage.FAILED if isinstance(self.error, JobFailed) else Stage.ERROR
        if self.job.id is None:
            return Stage.WAITING
        return Stage.QUEUED if self.job.status is Status.QUEUED else Stage.PROCESSING

    @property
    def reason(self) -> str:
        """Why the job has no result, in one line."""
        if self.error is None:
            return "it has not ended"
        snapshot = self.error.snapshot if isinstance(self.error, JobFailed) else None
        reason = snapshot.reason if isinstance(snapshot, Snapshot) else ""
        return " ".join((reason or str(self.error)).split())

    def eta(self, now: float) -> float | None:
        """Return the seconds in which half of such jobs end; `None` if that is not known.

        Of ages that no job has reached yet, little can be learned. There, a job that has lasted
        long is taken to last as long again, and no longer.
        """
        if self.accepted_at is None or self.ended_at is not None or self.job.done():
            return None
        age, eta = now - self.accepted_at, self.job.eta
        return None if eta is None else min(eta, max(age, _SHORTEST_ETA))

    @property
    def seconds(self) -> float | None:
        """Seconds from acceptance to the end; `None` if one of them has not happened."""
        if self.accepted_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.accepted_at


@dataclass(slots=True)
class Tally:
    """All jobs of one run."""

    folder: Path
    """Folder for the results."""
    limit: int
    """Most jobs in flight at once."""
    simulated: bool
    """Whether the jobs run against the simulator."""
    entries: list[RunJob] = field(default_factory=list[RunJob])
    begun_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    stats: Stats | None = None
    """The client's statistics, once the run has ended."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began; the duration of a run that has ended."""
        return (self.ended_at or time.monotonic()) - self.begun_at

    @property
    def by_operation(self) -> dict[str, list[RunJob]]:
        """The jobs by their operation's name, in alphabetical order."""
        groups: dict[str, list[RunJob]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.job.name):
            groups.setdefault(entry.job.name, []).append(entry)
        return groups

    @property
    def stages(self) -> Counter[Stage]:
        """How many jobs are at each stage."""
        return Counter(entry.stage for entry in self.entries)

    @property
    def saved(self) -> list[RunJob]:
        """The jobs whose files are on disk."""
        return [entry for entry in self.entries if entry.path is not None]

    @property
    def etas(self) -> list[float]:
        """Of each running job, the seconds in which half of such jobs end, as far as known."""
        now = time.monotonic()
        return [eta for entry in self.entries if (eta := entry.eta(now)) is not None]

    @property
    def problems(self) -> list[str]:
        """A line for each job with a problem. `JobFailed` is none: simulated jobs may fail."""
        found = ((entry, _problem_of(entry)) for entry in self.entries)
        return [f"{_label_of(entry)}: {problem}" for entry, problem in found if problem]


def _problem_of(entry: RunJob) -> str:
    if entry.stage is Stage.DONE:
        where = f"{entry.path}: " if entry.path else ""
        missing = "" if entry.path else "its result was not saved"
        return where + entry.flaw if entry.flaw else missing
    if entry.stage is Stage.FAILED:
        return ""
    return entry.reason


def _label_of(entry: RunJob) -> str:
    return f"{entry.job.name} {entry.job.id or '(not created)'}"


async def carry_out(akool: Akool, requests: Iterable[Operation[Any]], tally: Tally) -> None:
    """Run all requests; save and inspect each result as soon as its job ends.

    An error is kept with its job; the other jobs continue.
    """
    tally.begun_at = time.monotonic()
    tally.entries.extend(RunJob(akool.submit(request)) for request in requests)
    try:
        async with asyncio.TaskGroup() as group:
            for entry in tally.entries:
                group.create_task(_follow(entry, tally))
    finally:
        tally.ended_at = time.monotonic()
        tally.stats = akool.stats


async def _follow(entry: RunJob, tally: Tally) -> None:
    try:
        await entry.job.created()
        entry.accepted_at = time.monotonic()
        result = await entry.job
    except Exception:  # noqa: BLE001 - the job keeps its error, and the report prints it
        entry.ended_at = time.monotonic()
        return
    entry.ended_at = time.monotonic()
    try:
        path: Path = await result.save(tally.folder)
        entry.path = path
        await to_thread.run_sync(_inspect, entry, path, tally.simulated)
    except (AkoolError, OSError) as error:
        entry.flaw = f"its file could not be saved and read back: {error}"


def _inspect(entry: RunJob, path: Path, simulated: bool) -> None:  # noqa: FBT001 - run_sync
    entry.flaw = flaw_of(path, entry.job.id or "", simulated=simulated)
    entry.size = path.stat().st_size
