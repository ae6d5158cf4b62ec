"""Programs that are killed while they work, and started again until all is done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.meter import KEY, Figures, ask
from benchmarks.station import PATIENCE, ROOT, Failed

_WELL = (0, 4)


def killed(command: Sequence[str], url: str, count: int, kills: int) -> Figures:
    """Run a Python module; kill it some times, after equal numbers of creates; let it end then.

    Returns:
        CPU of all its processes by row, in microseconds; its requests and creates.

    Raises:
        Failed: it does not end, or not well. A run ends with 4 if rows are in doubt.
    """
    cpu = 0.0
    for number in range(1, kills + 2):
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | {"AKOOL_API_KEY": KEY, "AKOOL_BASE_URL": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if number <= kills:
            _kill_at(process, url, count * number // (kills + 1))
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
        if number > kills and process.returncode not in _WELL:
            raise Failed(f"{command[0]} ended with {process.returncode}")
    counters = ask(url)
    requests = sum(counters["requests"].values())
    return {"cpu": cpu / count * 1e6, "requests": requests / count, "created": counters["created"]}


def _kill_at(process: subprocess.Popen[bytes], url: str, creates: int) -> None:
    until = time.monotonic() + PATIENCE
    while ask(url)["created"] < creates and time.monotonic() < until:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return  # it was faster than we looked
        time.sleep(0.02)
    process.kill()


def lines(path: Path) -> int:
    """Count the lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)
