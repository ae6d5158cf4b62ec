"""The upper part of the report: totals, money, what is to be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.figures.totals import RunTotals, added
from akool_async.batch.money.prices import Prices
from akool_async.batch.report.again import Advice, Commands
from akool_async.batch.report.rows import PLACES
from akool_async.batch.report.tally import OperationTally, Tally
from akool_async.protocol.words import counted

_UNKNOWN: Final = "unknown"


class Figure(NamedTuple):
    """A figure, and what is said about it."""

    name: str
    value: str
    note: str = ""


class OperationLine(NamedTuple):
    """The line of one operation in the table of figures."""

    name: str
    rows: int
    counts: Sequence[int]
    """Rows at each of `PLACES`, and those that were never sent."""
    durations: Sequence[float | None]
    """Median and p95 in the queue, median and p95 at Akool, in seconds."""
    price: str
    cost: str


class Summary:
    """What a report says about all rows together.

    Args:
        tally: The sums over all rows.
        totals: What processes that have ended left.
        figures: Those of the process that carries the run out, if one does.
        prices: What rows cost.
        commands: The commands to go on with.
    """

    def __init__(
        self,
        tally: Tally,
        totals: RunTotals,
        figures: RunFigures | None,
        prices: Prices,
        commands: Commands,
    ) -> None:
        self._tally = tally
        self._totals = totals
        self._figures = figures
        self._prices = prices
        self._commands = commands
        planned: Mapping[str, int] = totals.rows
        if figures is not None:
            planned = {name: each.rows for name, each in figures.operations.items()}
        empty = OperationTally(0)
        names = dict.fromkeys((*planned, *tally.operations))
        self.operations = [
            self._line_of(name, tally.operations.get(name, empty), planned.get(name, 0))
            for name in names
        ]
        """A line for each operation."""

    @property
    def state(self) -> str:
        """What the run does, and when it did, in a sentence or two."""
        span = self._tally.span
        when = "" if span is None else f" From {moment(span.begun)} to {moment(span.changed)}."
        if self._figures is not None:
            eta = self._figures.eta
            left = "" if not eta else f", about {duration(eta)} left"
            return f"The run goes on ({self._figures.phase}{left}).{when}"
        if self._totals.stopped_by:
            return f"The run stopped early: {self._totals.stopped_by}.{when}"
        if not self._tally.rows:
            return "No row has been sent."
        if not self._left and not self._tally.total("in flight"):
            return f"The run is over.{when}"
        return f"No process carries the run out now.{when}"

    def unsent(self, operation: str) -> int:
        """Return how many rows of an operation were not sent."""
        waiting = self._tally.waiting(operation)
        return waiting + sum(line.counts[-1] for line in self.operations if line.name == operation)

    @property
    def figures(self) -> list[Figure]:
        """The figures that stand first."""
        tally = self._tally
        rows = sum(each.rows for each in self.operations)
        found = [Figure("rows", f"{rows:,}")]
        counts = [sum(line.counts[at] for line in self.operations) for at in range(len(PLACES) + 1)]
        for place, count in zip((*PLACES, "not sent"), counts, strict=True):
            if count or place in {"completed", "failed"}:
                found.append(Figure(place, f"{count:,}", share(count, rows)))
        found.append(Figure("files", f"{tally.files:,}", size(tally.bytes) if tally.files else ""))
        if tally.span is not None:
            seconds = tally.span.changed - tally.span.begun
            done = tally.total("completed")
            rate = f"{done / seconds * 60:,.0f} completed a minute" if done and seconds > 1 else ""
            found.append(Figure("from first to last", duration(seconds), rate))
        return found

    @property
    def notices(self) -> list[Advice]:
        """What a person should do next, beside what stands with the failures."""
        tally, notices = self._tally, list[Advice]()
        if tally.unsaved and self._figures is not None:
            notices.append(Advice(f"{counted(tally.unsaved, 'result')} not saved yet.", ""))
        elif tally.unsaved:
            sentence = f"{counted(tally.unsaved, 'result')} without a file."
            if tally.expired:
                sentence += f" Akool has deleted {tally.expired:,} of them by now."
            if tally.expiring:
                sentence += f" Within 24 hours, Akool deletes {tally.expiring:,} of them."
            some_left = tally.unsaved > tally.expired
            notices.append(Advice(sentence, self._commands.fetch() if some_left else ""))
        left = self._left
        if self._figures is None and left + tally.total("in flight"):
            parts = [f"{counted(left, 'row')} to be sent"] if left else []
            if flying := tally.total("in flight"):
                parts.append(f"{counted(flying, 'job')} at Akool to wait for")
            command = self._commands.run()
            ending = "This goes on:" if command else "The same program goes on."
            notices.append(Advice(f"{', and '.join(parts)}. {ending}", command))
        return notices

    @property
    def _left(self) -> int:
        """How many rows were not sent."""
        return sum(line.counts[-1] for line in self.operations) + self._tally.total("waiting")

    @property
    def money(self) -> list[Figure]:
        """What was spent, as far as is known."""
        now = self._figures
        spent = added(self._totals.credits_spent, None if now is None else now.credits_spent)
        left = self._totals.credits_left
        if now is not None and now.credits_left is not None:
            left = now.credits_left
        costs = [
            None if price is None else price * each.places["completed"]
            for name, each in self._tally.operations.items()
            if each.places["completed"]
            for price in [self._prices.of(name)]
        ]
        known = [cost for cost in costs if cost is not None]
        by_price = f"about {sum(known):,.6g}" if known else _UNKNOWN
        if known and len(known) < len(costs):
            by_price = f"at least {sum(known):,.6g}"
        return [
            Figure(
                "credits spent",
                _UNKNOWN if spent is None else f"{spent:,.6g}",
                "by the account" if spent is not None else "nobody has read the account",
            ),
            Figure("credits by price", by_price, "of completed rows"),
            Figure("credits left", _UNKNOWN if left is None else f"{left:,.6g}", "as last read"),
        ]

    def _line_of(self, name: str, tally: OperationTally, planned: int) -> OperationLine:
        counts = [tally.places[place] for place in PLACES]
        unsent = max(0, planned - sum(counts))
        price = self._prices.of(name)
        completed = tally.places["completed"]
        return OperationLine(
            name,
            sum(counts) + unsent,
            (*counts, unsent),
            [
                spread.quantile(part)
                for spread in (tally.in_queue, tally.at_akool)
                for part in (0.5, 0.95)
            ],
            _UNKNOWN if price is None else f"{price:,.4g}",
            _UNKNOWN if price is None else f"{price * completed:,.6g}",
        )


def moment(at: float) -> str:
    """Return a time of this machine's clock, in seconds since 1970, in figures."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def duration(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:  # noqa: PLR2004 - an hour and a half
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def share(count: int, whole: int) -> str:
    """Return a part in percent. All is 100 %, and none 0 %; what only comes close is neither."""
    if count in {0, whole}:
        return "" if not whole else "100%" if count else "0%"
    return f"{min(max(count / whole * 100, 0.1), 99.9):.1f}%"


def size(count: int) -> str:
    """Return a number of bytes in words."""
    for unit in ("kB", "MB", "GB"):
        count_in = count / {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
        if count_in < 1000 or unit == "GB":  # noqa: PLR2004
            return f"{count_in:,.1f} {unit}"
    return ""
