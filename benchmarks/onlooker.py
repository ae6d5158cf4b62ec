"""Somebody who looks at a run's dashboard: the figures, and a page of rows each half second."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Generator
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.meter import quantile
from benchmarks.station import ROOT

_EVERY = 0.2
"""Seconds between two pages."""
_PAGES = ("api/rows", "api/rows?state=trouble", "api/rows?search=row-12", "api/rows?before=500")


@contextlib.contextmanager
def looking(run: Path) -> Generator[list[float]]:
    """Open a run's dashboard as soon as there is a run; yield what pages took, in seconds."""
    over = threading.Event()
    took: list[float] = []
    thread = threading.Thread(target=_look, args=(run, over, took))
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def p95(took: list[float]) -> float:
    """Return the time that 95 % of the pages do not exceed, in milliseconds; NaN without pages."""
    return math.nan if not took else 1000 * quantile(sorted(took), 0.95)


def _look(run: Path, over: threading.Event, took: list[float]) -> None:
    while not (run / "results.jsonl").exists():
        if over.wait(0.05):
            return
    command = [sys.executable, "-m", "akool_async.cli", "dashboard", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            page = process.stdout.readline().strip()
            _read(page, over, took)
        finally:
            process.terminate()


def _read(page: str, over: threading.Event, took: list[float]) -> None:
    address = urllib.parse.urlsplit(page)
    stream, pages = (HTTPConnection(address.netloc, timeout=30) for _ in range(2))
    with contextlib.closing(stream), contextlib.closing(pages):
        stream.request("GET", f"{address.path}api/events")  # the figures, as they change
        number = 0
        while not over.wait(_EVERY):
            began = time.perf_counter()
            pages.request("GET", address.path + _PAGES[number % len(_PAGES)])
            pages.getresponse().read()
            took.append(time.perf_counter() - began)
            number += 1
