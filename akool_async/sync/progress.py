"""The progress of many jobs, in programs without an event loop."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import as_completed
from typing import Any, TextIO, TypeVar, cast

from akool_async.client.progress import Progress, display_on, total_of
from akool_async.client.settings import checked_seconds
from akool_async.clock import bound
from akool_async.protocol.cells import checked_whole
from akool_async.protocol.snapshot import Snapshot
from akool_async.sync.background import Background
from akool_async.sync.behind import Behind
from akool_async.sync.job import Job

S = TypeVar("S", bound=Snapshot)


def shown(
    jobs: Iterable[Job[S]],
    behind: Behind,
    *,
    total: int | None,
    every: float,
    to: TextIO | None,
) -> Generator[Job[S], None, None]:
    """Return a generator of jobs as they end, which shows how many have."""
    if total is not None:
        total = checked_whole("total", total, "must be a whole number")
    seconds = checked_seconds("every", every)
    display = display_on(to, math.inf if seconds is None else seconds)

    def begun() -> Progress:
        akool = behind.akool
        progress = Progress(display, akool.figures, total_of(jobs, total), bound(akool.clock))
        progress.begin()
        return progress

    background = behind.background()
    return _counted(jobs, background.run(begun), background)


def _counted(
    jobs: Iterable[Job[S]], progress: Progress, background: Background
) -> Generator[Job[S], None, None]:
    given = isinstance(jobs, Iterator)
    source = cast("Iterator[Job[S]]", jobs if given else as_completed(jobs))
    try:
        for job in source:
            progress.count(job)
            yield job
    finally:
        background.finish(progress.close)
        if given and isinstance(source, Generator):  # so that `map` drops what it has queued
            cast("Generator[Any, None, None]", source).close()
