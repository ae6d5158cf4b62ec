"""The CPU time of imports, in fresh interpreters."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys

from benchmarks.bench import Bench
from benchmarks.report import Goal, Section, Table, shown
from benchmarks.station import ROOT

TEXT = """\
CPU time of a statement, each time in a fresh interpreter; the median of several runs. *Ready to
send* is importing the package, making a client, and entering it, so that its session exists."""

READY = """\
import asyncio, akool_async
async def enter():
    async with akool_async.Akool("key", base_url="http://127.0.0.1:9"):
        pass
asyncio.run(enter())"""

BASE, OURS, SEND = "import aiohttp, msgspec", "import akool_async", "ready to send"
STATEMENTS = {
    BASE: BASE,
    OURS: OURS,
    SEND: READY,
    "import httpx": "import httpx",
    "import requests": "import requests",
    "import openai": "import openai",
}

TIMED = """\
import sys, time
began = time.process_time()
exec({statement!r})
print(1000 * (time.process_time() - began), len(sys.modules))"""


def importing(bench: Bench) -> Section:
    """Time imports, and a client that is ready to send."""
    section = Section("imports", "Importing", TEXT)
    found: dict[str, list[tuple[float, float]]] = {each: [] for each in STATEMENTS}
    for statement in STATEMENTS.values():
        _timed(statement)  # so that all bytecode is on disk, as for an installed package
    for number in range(3 * bench.size.repeats if bench.size.repeats > 1 else 1):
        for name, statement in STATEMENTS.items():
            if number < 3 or name in {BASE, OURS, SEND}:
                found[name].extend(_timed(statement))
    medians = {
        name: statistics.median(cpu for cpu, _ in runs) if runs else math.nan
        for name, runs in found.items()
    }
    table = Table(["", "CPU (ms)", "×", "modules"])
    for name, runs in found.items():
        if runs:
            ratio = shown("{:.3f}", medians[name] / medians[BASE])
            table.rows.append((name, f"{medians[name]:.1f}", ratio, f"{runs[0][1]:.0f}"))
    section.tables = [table]
    base = f"× `{BASE}`"
    section.goals = [
        Goal(f"CPU of `{OURS}`, {base}", 0.10, medians[OURS] / medians[BASE], "{:.3f}"),
        Goal(f"CPU of `{OURS}`, ms", 15, medians[OURS], "{:.1f}"),
        Goal(f"CPU until a client is ready to send, {base}", 1.10, medians[SEND] / medians[BASE]),
    ]
    return section


def _timed(statement: str) -> list[tuple[float, float]]:
    """Return the milliseconds and the number of modules; an empty list if the statement fails."""
    code = TIMED.format(statement=statement)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        return []
    cpu, modules = done.stdout.split()
    return [(float(cpu), float(modules))]
