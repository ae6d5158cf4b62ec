"""akool_async with a journal, with and without keys, beside akool_async without one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akool_async import Akool, Backoff
from benchmarks.contestants.ours import requests
from benchmarks.meter import KEY, Figures, Meter

SECONDS = 0.2
"""How long a job takes."""


async def run(
    meter: Meter, *, count: int, mode: str = "plain", places: int = 100, folder: str | None = None
) -> Figures:
    """Run jobs through `akool.map`: without a journal (`plain`), with one, or `keyed`, too.

    Args:
        meter: Measures.
        count: Jobs.
        mode: `plain`, `journal` or `keyed`.
        places: Jobs at once.
        folder: Where the journal is made; the machine's folder for temporary files if left out.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        paths = [None if mode == "plain" else Path(place, name) for name in ("warm", "jobs")]
        await _mapped(meter.url, paths[0], places, _rows(3, mode))
        with meter:
            ended = await _mapped(meter.url, paths[1], places, _rows(count, mode))
    return meter.figures(count, ended=ended)


async def _mapped(url: str, journal: Path | None, places: int, rows: Iterable[Any]) -> int:
    backoff = Backoff(initial=0.1, multiplier=1.0, maximum=0.1, jitter=0.0)
    completed = 0
    async with Akool(
        KEY, base_url=url, max_concurrency=places, backoff=backoff, journal=journal
    ) as akool:
        async for job in akool.map(rows):
            completed += job.exception() is None
    return completed


def _rows(count: int, mode: str) -> Iterable[Any]:
    stream = requests(count, f"?seconds={SECONDS}")
    if mode != "keyed":
        return stream
    return ((f"row {number}", request) for number, request in enumerate(stream))
