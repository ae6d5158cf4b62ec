"""Measure what the report of a run costs: to make it, and to open it in a browser.

    python benchmarks/run_report.py [--rows 10000 100000] [--keep DIR]

The journal is made up: rows of three operations, 3 % of them failed, some in flight. Each report is
made in a process of its own; its seconds are those of `write_report` with all imports, and its
memory is the process's peak above that of Python with the package imported. Painted is the time
from the request for the page to its first contentful paint in Debian's chromium, and until the
whole page is there; a keystroke is the time until the next frame after a letter was typed into the
search of the page. Without chromium or playwright these are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from akool_async.batch.folder import RunFolder
from akool_async.journal import Journal

MAKE = """
import sys, time
from pathlib import Path
from akool_async.batch import load, run
from akool_async.journal.looking import JournalView
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
before, began = peak(), time.perf_counter()
from akool_async.batch.folder import RunFolder
from akool_async.batch.report.page import write_report
write_report(RunFolder.at(sys.argv[1]), gallery=int(sys.argv[2]))
print(time.perf_counter() - began, peak() - before)
"""
TYPE = """(word) => new Promise((done) => {
    const field = document.querySelector("input[type=search]");
    const began = performance.now();
    field.value = word;
    field.dispatchEvent(new Event("input", {bubbles: true}));
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
TITLES = {
    "made": "made (s)",
    "memory": "memory (MB)",
    "size": "page (MB)",
    "painted": "first paint (s)",
    "whole": "whole page (s)",
    "search": "first search (ms)",
    "keystroke": "a keystroke (ms)",
}
BEGUN = 1_790_000_000.0
OPERATIONS = ("reage.image", "audio.tts", "video.talking_photo")


def main() -> None:
    """Print a line for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--keep", type=Path, help="where the folders of the runs stay")
    parser.add_argument("--gallery", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for count in options.rows:
            folder = Path(options.keep or place) / f"{count}.run"
            found = measured(folder, count, gallery=options.gallery)
            shown = ", ".join(f"{TITLES[name]} {value:.2f}" for name, value in found.items())
            print(f"{count:,} rows: {shown}")


def measured(place: Path, count: int, *, gallery: int = 200) -> dict[str, float]:
    """Make up a run, make its report, and open it.

    Returns:
        The figures of `TITLES`; those of the browser are NaN if there is none.
    """
    folder = RunFolder.at(place)
    made_up(folder, count)
    ended = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder.root), str(gallery)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, memory = map(float, ended.stdout.split())
    found = dict.fromkeys(TITLES, math.nan)
    found |= {"made": seconds, "memory": memory, "size": folder.report.stat().st_size / 1e6}
    if shutil.which("chromium") and find_spec("playwright"):
        found |= opened(folder.report)
    return found


def made_up(folder: RunFolder, count: int) -> None:
    """Write the folder of a run that never was."""
    folder.media.mkdir(parents=True, exist_ok=True)
    for number in range(20):
        (folder.media / f"{number}.png").write_bytes(picture(number * 12))
    folder.journal.unlink(missing_ok=True)
    journal = Journal(folder.journal)
    del journal  # it made the tables
    rows = [row(number) for number in range(1, count + 1)]
    with closing(sqlite3.connect(folder.journal)) as connection, connection:
        connection.executemany(
            "INSERT INTO job (number, key, name, fingerprint, state, attempt, id, created_at,"
            " reason, saved, intended_at, updated_at, request)"
            " VALUES (?, ?, ?, '', ?, 1, ?, ?, '', ?, ?, ?, ?)",
            [job for job, _ in rows],
        )
        connection.executemany(
            "INSERT INTO outcome (job, status, changed, line) VALUES (?, ?, ?, ?)",
            [line for _, line in rows if line is not None],
        )


def row(number: int) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """Return the row of a job, and that of its line."""
    dice = random.Random(number)
    operation, key = OPERATIONS[number % 3], f"row-{number:06}"
    queued, took = dice.uniform(0.1, 3), dice.lognormvariate(2, 0.5)
    begun = BEGUN + number / 20
    status = "completed" if dice.random() > 0.03 else "failed"
    state = status if dice.random() > 0.0005 else "created"
    kind = {"reage.image": "png", "audio.tts": "mp3"}.get(operation, "mp4")
    path = f"media/{number % 20}.{kind}"
    request = {
        "reage.image": {
            "targetImage": [{"path": f"https://example.com/{key}.jpg"}],
            "face_reage": 9,
        },
        "audio.tts": {"input_text": f"Good morning, number {number}, <b>dear</b> listener."},
        "video.talking_photo": {"talking_photo_url": f"https://example.com/{key}.png"},
    }[operation]
    outcome = {
        "key": key,
        "line": number,
        "operation": operation,
        "status": status,
        "id": f"{number:024x}",
        "queued_seconds": round(queued, 3),
        "akool_seconds": round(took, 3),
    }
    if status == "completed":
        outcome |= {"path": path, "bytes": 70_000, "sha256": "0" * 64}
    else:
        outcome |= {"error": "JobFailed", "msg": f"no face in picture {number % 7} of 7"}
    job = (
        *(number, key, operation, state, f"{number:024x}", int(begun), path),
        *(begun, begun + queued + took, json.dumps(request).encode()),
    )
    line = (number, status, number, json.dumps(outcome).encode() + b"\n")
    return job, line if state == status else None


def picture(grey: int) -> bytes:
    """Return a small PNG."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + name + data + check

    side = 64
    head = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    lines = b"".join(b"\0" + bytes((grey + x + y) % 256 for x in range(side)) for y in range(side))
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def opened(page: Path) -> dict[str, float]:
    """Open a page in a browser; return what that took."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(120_000)
        tab.goto(page.absolute().as_uri(), wait_until="load")
        first, whole = tab.evaluate(
            """() => new Promise((done) => new PerformanceObserver((list) => {
                const paint = list.getEntriesByName("first-contentful-paint")[0];
                if (!paint) return;
                const whole = performance.getEntriesByType("navigation")[0].loadEventEnd;
                requestAnimationFrame(() => setTimeout(() => done([paint.startTime, whole])));
            }).observe({type: "paint", buffered: true}))"""
        )
        keys: list[float] = [tab.evaluate(TYPE, word) for word in ("0", "00", "007", "no face")]
        browser.close()
    return {
        "painted": first / 1000,
        "whole": whole / 1000,
        "search": keys[0],
        "keystroke": max(keys[1:]),
    }


if __name__ == "__main__":
    main()
