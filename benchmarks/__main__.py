"""Measure akool_async, and write the page that shows it.

python -m benchmarks [--quick] [--only NAME ...] [--out DIR]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import QUICK, Bench, Runs, Size
from benchmarks.experiments import EXPERIMENTS
from benchmarks.machine import conditions
from benchmarks.report import Section, decode, encode, page

HERE = Path(__file__).parent


def run(name: str, size: Size, runs: Runs) -> Section:
    """Run one experiment; whatever happens, there is a section about it."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    bench = Bench(name, size, runs)
    began, load = time.monotonic(), os.getloadavg()[0]
    try:
        section = EXPERIMENTS[name](bench)
    except Exception as error:  # noqa: BLE001 - the others shall run
        section = Section(name, name, "This section could not be measured.")
        bench.failures.append(f"{type(error).__name__}: {error}")
    section.failures = bench.failures
    section.when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    section.seconds, section.load = time.monotonic() - began, load
    return section


def main() -> int:
    """Run what was asked for; return how many experiments had failures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that all of it runs")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--out", type=Path, default=HERE, help="where the page is written")
    parser.add_argument("--soak", type=float, default=60.0, help="seconds of the soak")
    options = parser.parse_args()
    size = QUICK if options.quick else Size(soak=options.soak)
    raw = options.out / "results.json"
    known = {} if not raw.exists() else {each.name: each for each in decode(raw.read_bytes())[1]}
    around = conditions(quick=options.quick)
    options.out.mkdir(parents=True, exist_ok=True)
    runs: Runs = {}
    for name in options.only:
        known[name] = run(name, size, runs)
        sections = [known[each] for each in EXPERIMENTS if each in known]
        raw.write_bytes(encode(around, sections))
        (options.out / "README.md").write_text(page(sections, around), encoding="utf-8")
        print("\n\n".join(map(str, known[name].tables)), flush=True)
        for goal in known[name].goals:
            print(*goal.cells, sep=" | ", flush=True)
    return sum(bool(known[name].failures) for name in options.only)


if __name__ == "__main__":
    sys.exit(main())
