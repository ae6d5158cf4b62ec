"""Tools of an experiment: sizes, repetitions, progress, and failures that do not end the run."""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.meter import Figures
from benchmarks.station import Failed, contest, server


class Size(msgspec.Struct, frozen=True):
    """Sizes of all measurements."""

    few: int = 1_000
    many: int = 10_000
    most: int = 100_000
    repeats: int = 3
    median: float = 2.0
    """Median duration of a job, in seconds."""
    window: float = 15.0
    """Seconds for which pending jobs are polled."""
    soak: float = 15.0
    """Duration of the soak, in seconds."""
    trips: tuple[float, ...] = (0.0, 0.05)
    """Simulated round trips, in seconds."""
    calls: int = 5_000
    """Requests from which the overhead of one is computed."""


QUICK = Size(
    few=30,
    many=60,
    most=120,
    repeats=1,
    median=0.1,
    window=0.5,
    soak=2.0,
    trips=(0.05,),
    calls=100,
)


class Entry(msgspec.Struct, frozen=True):
    """One contestant of a comparison, with its options."""

    label: str
    name: str
    options: Mapping[str, Any] = {}
    repeats: int = 0
    """Number of runs; 0 for the number of the comparison."""


Runs = dict[str, list[Figures]]
"""All runs so far, by contestant and options."""


class Bench:
    """Runs contestants for one experiment.

    Args:
        experiment: Its name.
        size: Its sizes.
        runs: The runs of other experiments. A run that two experiments share is measured once.
    """

    def __init__(self, experiment: str, size: Size, runs: Runs | None = None) -> None:
        self.size = size
        self.failures: list[str] = []
        self._experiment = experiment
        self._runs: Runs = {} if runs is None else runs

    def compare(
        self, entries: Sequence[Entry], *, repeats: int = 1, **served: Any
    ) -> dict[str, Figures]:
        """Run all entries in turn, several times; return the medians of each by its label.

        Each figure of a failed entry is NaN.
        """
        for number in range(repeats):
            for entry in entries:
                runs = self._known(entry, served)
                if len(runs) <= number < (entry.repeats or repeats):
                    runs.extend(self._measured(entry, served))
        return {entry.label: medians(self._known(entry, served)) for entry in entries}

    def one(self, name: str, *, served: Mapping[str, Any] | None = None, **options: Any) -> Figures:
        """Run one contestant once."""
        return self.compare([Entry(name, name, options)], **(served or {}))[name]

    def _known(self, entry: Entry, served: Mapping[str, Any]) -> list[Figures]:
        what = (entry.name, {**entry.options}, self._served(served))
        return self._runs.setdefault(json.dumps(what, sort_keys=True), [])

    def _served(self, served: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"median": self.size.median, "rtt": 0.0, **served}

    def _measured(self, entry: Entry, served: Mapping[str, Any]) -> list[Figures]:
        began = time.monotonic()
        try:
            with server(**self._served(served)) as url:
                figures = contest(entry.name, url=url, **entry.options)
        except (Failed, OSError) as error:
            self.failures.append(f"{entry.label}: {error}")
            self.say(f"{entry.label} FAILED: {error}")
            return []
        self.say(f"{entry.label} {_told(served)}: {time.monotonic() - began:.1f} s")
        return [figures]

    def say(self, text: str) -> None:
        """Print a line of progress."""
        print(f"  {self._experiment}: {text}", file=sys.stderr, flush=True)


def _told(options: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items())


def medians(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure; a missing figure is NaN."""
    found: Figures = defaultdict(lambda: math.nan)
    for name in runs[0] if runs else ():
        found[name] = statistics.median(run[name] for run in runs)
    return found
