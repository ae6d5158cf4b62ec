"""Measure akool_async, and write the page that shows it.

python -m benchmarks [--quick] [--only NAME ...] [--out DIR]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.bench import QUICK, Bench, Runs, Size
from benchmarks.charts import svg
from benchmarks.cores import PINNED
from benchmarks.experiments import EXPERIMENTS, ON_REQUEST
from benchmarks.machine import conditions
from benchmarks.report import Conditions, Section, decode, encode, page

RAW = "results.json"
HERE = Path(__file__).parent


def run(name: str, size: Size, runs: Runs) -> Section:
    """Run one experiment. Its section exists even if it fails."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    bench = Bench(name, size, runs)
    began, load = time.monotonic(), os.getloadavg()[0]
    try:
        section = EXPERIMENTS[name](bench)
    except Exception as error:  # noqa: BLE001 - the other experiments must run
        section = Section(name, name, "This section could not be measured.")
        bench.failures.append(f"{type(error).__name__}: {error}")
    section.failures = bench.failures
    section.when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    section.seconds, section.load = time.monotonic() - began, load
    return section


def main() -> int:
    """Run the chosen experiments; return how many of them had failures."""
    options = _options()
    size = QUICK if options.quick else Size(soak=options.soak)
    around = conditions(quick=options.quick)
    known = {section.name: section for section in earlier(options.out)}
    options.out.mkdir(parents=True, exist_ok=True)
    runs: Runs = {}
    if options.quick:  # its figures mean nothing: several run at once, on any core
        os.environ[PINNED] = "no"
    with ThreadPoolExecutor(4 if options.quick else 1) as pool:
        for section in pool.map(lambda name: run(name, size, runs), options.only):
            known[section.name] = section
            sections = [known[name] for name in EXPERIMENTS if name in known]
            write(options.out, around, sections)
            if not options.quick:
                show(section)
    return sum(bool(known[name].failures) for name in options.only)


def earlier(out: Path) -> list[Section]:
    """Return the sections of earlier runs, which stay on the page."""
    try:
        return decode((out / RAW).read_bytes())[1]
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        print(f"{out / RAW} is left out: {error}", file=sys.stderr)
        return []


def write(out: Path, around: Conditions, sections: list[Section]) -> None:
    """Write the page, its charts, and the raw results, which the next run reads."""
    (out / RAW).write_bytes(encode(around, sections))
    (out / "README.md").write_text(page(sections, around), encoding="utf-8")
    (out / "charts").mkdir(exist_ok=True)
    for chart in (chart for section in sections for chart in section.charts):
        (out / "charts" / f"{chart.name}.svg").write_text(svg(chart), encoding="utf-8")


def show(section: Section) -> None:
    """Print the tables and goals of a section."""
    print(f"\n## {section.title}\n")
    print("\n\n".join(map(str, section.tables)))
    for goal in section.goals:
        print(*goal.cells, sep=" | ", flush=True)


def _options() -> argparse.Namespace:
    usual = [name for name in EXPERIMENTS if name not in ON_REQUEST]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that all of it runs")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=usual)
    parser.add_argument("--out", type=Path, default=HERE, help="where the page is written")
    parser.add_argument("--soak", type=float, default=Size().soak, help="seconds of the soak")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
