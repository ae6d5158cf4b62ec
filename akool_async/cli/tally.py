"""The jobs of one run, from submission to the file on disk, and how far each has come."""

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


class Stage(Enum):
    """How far a job has come, as a person would say it."""

    WAITING = "waiting"
    QUEUED = "queued"
    PROCESSING = "working"
    DONE = "done"
    FAILED = "failed"
    ERROR = "error"


ENDED = frozenset({Stage.DONE, Stage.FAILED, Stage.ERROR})


@dataclass(slots=True, eq=False)
class Entry:
    """One job, and what became of it. Times are those of `time.monotonic`."""

    job: Job[Any]
    accepted_at: float | None = None
    ended_at: float | None = None
    path: Path | None = None
    """Where the result is, once it is on disk."""
    size: int = 0
    """Bytes on disk."""
    flaw: str = ""
    """What is wrong with the file, or why there is none although the job is done."""

    @property
    def error(self) -> BaseException | None:
        """What ended the job instead of a result."""
        return self.job.exception() if self.job.done() else None

    @property
    def stage(self) -> Stage:
        """How far the job has come: ERROR if neither a result nor a failure ended it."""
        if self.job.done():
            if self.error is None:
                return Stage.DONE
            return Stage.FAILED if isinstance(self.error, JobFailed) else Stage.ERROR
        if self.job.id is None:
            return Stage.WAITING
        return Stage.QUEUED if self.job.status is Status.QUEUED else Stage.PROCESSING

    @property
    def reason(self) -> str:
        """Why there is no result, in one line."""
        snapshot = self.error.snapshot if isinstance(self.error, JobFailed) else None
        said = snapshot.reason if isinstance(snapshot, Snapshot) else ""
        return " ".join((said or str(self.error)).split())

    @property
    def seconds(self) -> float | None:
        """Seconds from acceptance to the end; `None` if there was no such time."""
        if self.accepted_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.accepted_at


@dataclass(slots=True)
class Tally:
    """All jobs of one run."""

    folder: Path
    """Where results are saved."""
    limit: int
    """The most jobs in flight at once."""
    simulated: bool
    """Whether the simulator does the work."""
    entries: list[Entry] = field(default_factory=list[Entry])
    begun_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    stats: Stats | None = None
    """What the client has counted, once the run is over."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, or that it took."""
        return (self.ended_at or time.monotonic()) - self.begun_at

    @property
    def by_operation(self) -> dict[str, list[Entry]]:
        """The jobs of each operation, by name."""
        groups: dict[str, list[Entry]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.job.name):
            groups.setdefault(entry.job.name, []).append(entry)
        return groups

    @property
    def stages(self) -> Counter[Stage]:
        """How many jobs have come how far."""
        return Counter(entry.stage for entry in self.entries)

    @property
    def saved(self) -> list[Entry]:
        """The jobs whose files are on disk."""
        return [entry for entry in self.entries if entry.path is not None]

    @property
    def problems(self) -> list[str]:
        """What must not happen, and did: a line for each job."""
        told = ((entry, _problem_of(entry)) for entry in self.entries)
        return [f"{_label_of(entry)}: {problem}" for entry, problem in told if problem]


def _problem_of(entry: Entry) -> str:
    if entry.stage is Stage.DONE:
        where = f"{entry.path}: " if entry.path else ""
        missing = "" if entry.path else "its result was not saved"
        return where + entry.flaw if entry.flaw else missing
    if entry.stage is Stage.FAILED:
        return ""
    return entry.reason if entry.error else "it has not ended"


def _label_of(entry: Entry) -> str:
    return f"{entry.job.name} {entry.job.id or '(not created)'}"


async def carry_out(akool: Akool, requests: Iterable[Operation[Any]], tally: Tally) -> None:
    """Run all requests; save and inspect each result as soon as its job ends.

    What goes wrong with a job is noted in its entry, and stops no other.
    """
    tally.begun_at = time.monotonic()
    tally.entries.extend(Entry(akool.submit(request)) for request in requests)
    try:
        async with asyncio.TaskGroup() as group:
            for entry in tally.entries:
                group.create_task(_follow(entry, tally))
    finally:
        tally.ended_at = time.monotonic()
        tally.stats = akool.stats


async def _follow(entry: Entry, tally: Tally) -> None:
    try:
        await entry.job.created()
        entry.accepted_at = time.monotonic()
        result = await entry.job
    except Exception:  # noqa: BLE001 - the job keeps what ended it, and the report tells it
        entry.ended_at = time.monotonic()
        return
    entry.ended_at = time.monotonic()
    try:
        path: Path = await result.save(tally.folder)
        entry.path = path
        await to_thread.run_sync(_inspect, entry, path, tally.simulated)
    except (AkoolError, OSError) as error:
        entry.flaw = f"its file could not be saved and read back: {error}"


def _inspect(entry: Entry, path: Path, simulated: bool) -> None:  # noqa: FBT001 - run_sync
    entry.flaw = flaw_of(path, entry.job.id or "", simulated=simulated)
    entry.size = path.stat().st_size
