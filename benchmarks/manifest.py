"""Measure what a check of a manifest costs, beside reading and building the values alone.

    python benchmarks/manifest.py [--rows 100000]

The first line is a loop by hand: each line of JSON is decoded, and its request is built. The other
lines are `batch.check` over the same rows: with keys of their own, without keys, and with the names
of files. CPU time of this process, the best of three. Memory is the peak above what was there
before, from one more run under tracemalloc.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec

from akool_async import batch
from akool_async.endpoints import ImageReage

OPTS = "262,175:363,175:313,215:272,279"
RUNS = 3
ALONE = "read and built alone"


def main() -> None:
    """Print a line for each way to look at a manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    count: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), count)
    alone = found[ALONE][0]
    for title, (spent, held) in found.items():
        times = f"{spent * 1e6:6.2f} us a row, {spent / alone:4.2f} times"
        print(f"{title:32} {times}, {held:4.0f} B a row")


def measured(folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """Measure each way to look at a manifest.

    Returns:
        CPU time in seconds, and peak memory in bytes, for each row.
    """
    keyed = written(folder / "keyed.jsonl", count, keyed=True)
    bare = written(folder / "bare.jsonl", count, keyed=False)
    ways: dict[str, Callable[[], object]] = {
        ALONE: lambda: by_hand(keyed),
        "check, keys of their own": lambda: batch.check(keyed),
        "check, no keys": lambda: batch.check(bare),
        "check, names {key}{ext}": lambda: batch.check(keyed, name_of="{key}{ext}"),
        "check, names from a function": lambda: batch.check(keyed, name_of=name_of),
    }
    return {title: (best(look) / count, peak(look) / count) for title, look in ways.items()}


def name_of(row: batch.BatchRow) -> str:
    """Return a name that has to be compared with all others."""
    return f"{row.operation}-{row.line}"


def written(path: Path, count: int, *, keyed: bool) -> Path:
    """Write a manifest of requests that are all different."""
    with path.open("wb") as file:
        for number in range(count):
            row = {"operation": "reage.image", "face_reage": number % 60 - 30}
            row |= {"key": f"row-{number}"} if keyed else {}
            face = {"path": f"https://photos.example.com/face/{number}.jpg", "opts": OPTS}
            photo = f"https://photos.example.com/{number}.jpg"
            row |= {"target_image": [face], "modify_image": photo}
            file.write(msgspec.json.encode(row) + b"\n")
    return path


def by_hand(path: Path) -> None:
    """Do no more than each program has to."""
    decoder = msgspec.json.Decoder(dict)
    with path.open("rb") as file:
        for line in file:
            row = decoder.decode(line)
            del row["operation"], row["key"]
            ImageReage(**row)


def best(look: Callable[[], object]) -> float:
    """Return the CPU time of the fastest of some runs, in seconds."""
    times: list[float] = []
    for _ in range(RUNS):
        began = time.process_time()
        look()
        times.append(time.process_time() - began)
    return min(times)


def peak(look: Callable[[], object]) -> int:
    """Return the most memory that a run has had, in bytes."""
    tracemalloc.start()
    look()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    main()
