"""What a run would do, and what that would take: nothing is sent, and no lock is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, Final

from akool_async.batch.figures.totals import totals_in
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.money.prices import Prices, learned_in
from akool_async.batch.money.spending import UNPRICED
from akool_async.batch.run_options import RunOptions
from akool_async.batch.sending.retries import Retries
from akool_async.batch.sending.selection import Selection
from akool_async.journal import State
from akool_async.journal.looking import JournalView
from akool_async.journal.outcome_lines import Average, KnownRow
from akool_async.protocol.endpoint import Recipe
from akool_async.protocol.value import Value
from akool_async.protocol.words import counted

_PAGE: Final = 500
_MEGABYTE: Final = 1e6
_ROUNDING: Final = 1e-9
_RECIPE: Final[Any] = Recipe


class OperationPlan(Value):
    """What a run would do with the rows of one operation."""

    rows: int
    done: int
    """Rows that have completed."""
    failed: int
    """Rows that ended otherwise, and stay as they are."""
    at_akool: int
    """Rows whose jobs Akool has: they are watched, and cost nothing more."""
    in_doubt: int
    """Rows of which nobody knows whether Akool made the job: they are not sent."""
    left_out: int
    """Rows that are not chosen."""
    sent: int
    """Rows that would be sent."""
    credits: float | None
    """What those would cost; `None` if a price is not known."""
    documented: float
    """How many of these credits are by Akool's documentation: no price of the operation was given
    or measured."""
    bytes: float | None
    """What their files may need, as those of the rows that are done; `None` if none is."""
    seconds: float | None
    """What their jobs may take together, likewise."""


class _Counts:
    def __init__(self) -> None:
        self.rows = self.done = self.failed = self.at_akool = self.in_doubt = self.left_out = (
            self.sent
        ) = 0
        self.unpriced = 0
        """Rows that would be sent, and whose price is not known."""
        self.credits = self.documented = 0.0


class Plan:
    """Looks at all rows, and at what a run's folder knows of them.

    Args:
        folder: The run's folder, which need not be there.
        options: How the run is to be carried out.
    """

    def __init__(self, folder: RunFolder, options: RunOptions) -> None:
        self._view = JournalView(folder.journal) if folder.journal.exists() else None
        self._options = options
        self._retries = Retries(retry_failed=options.retry_failed)
        self._selection = Selection(
            limit=options.limit, only=options.only, skip=options.skip, sample=options.sample
        )
        learned: Mapping[str, bytes] = {}
        if self._view is not None:
            learned = learned_in(self._view.recall_all)
        self._prices = Prices(options.prices, learned)
        self._operations: dict[str, _Counts] = {}
        self._spent: float | None = None
        """What earlier processes of the run have spent."""
        self._sent = 0
        self._credits = 0.0
        """What the rows that would be sent cost, as far as prices are known."""

    def of(self, rows: Iterable[BatchRow | Fault]) -> Mapping[str, OperationPlan]:
        """Return what would be done with some rows, by operation.

        Raises:
            JournalError: the folder's journal cannot be read.
        """
        found = (row for row in rows if isinstance(row, BatchRow))
        averages: Mapping[str, Average] = {}
        earlier: float | None = None
        try:
            while page := list(islice(found, _PAGE)):
                self._look_at(page)
            if self._view is not None:
                averages = self._view.outcomes.averages()
                earlier = totals_in(self._view).credits_spent
        finally:
            if self._view is not None:
                self._view.close()
        self._spent = earlier
        return {
            name: _plan_of(counts, averages.get(name)) for name, counts in self._operations.items()
        }

    def notes(self) -> Iterator[str]:
        """Yield what else a person is to read, after `of`: what was spent, and what may be."""
        ended = sum(each.done + each.failed for each in self._operations.values())
        if self._spent is not None:
            yield f"earlier runs here: {self._spent:g} credits for {counted(ended, 'row')}"
        most = self._options.max_credits
        if most is not None and any(each.unpriced for each in self._operations.values()):
            yield f"limit: {most:g} credits; it may be exceeded by {UNPRICED} rows of unknown price"

    def _look_at(self, page: list[BatchRow]) -> None:
        known: dict[str, KnownRow] = {}
        if self._view is not None:
            for recipes in (False, True):
                keys = [row.key for row in page if isinstance(row.request, _RECIPE) is recipes]
                known |= self._view.outcomes.known_now(keys, recipes=recipes)
        for row in page:
            counts = self._operations.setdefault(row.operation, _Counts())
            counts.rows += 1
            self._count(row, known.get(row.key), counts)

    def _count(self, row: BatchRow, known: KnownRow | None, counts: _Counts) -> None:
        state = None if known is None else known.state
        if state is State.CREATED:
            counts.at_akool += 1
        elif state in {State.INTENT, State.UNKNOWN}:
            counts.in_doubt += 1
        elif known is not None and self._stays(row, known):
            counts.done += state is State.COMPLETED
            counts.failed += state is not State.COMPLETED
        elif not self._selection.takes(row) or self._sent == self._options.max_creates:
            counts.left_out += 1
        else:
            self._send(row, counts)

    def _send(self, row: BatchRow, counts: _Counts) -> None:
        """Count a row as sent, unless its price is known, and exceeds the limit."""
        price = self._prices.of(row.operation, row.request)
        total, most = self._credits + (price or 0.0), self._options.max_credits
        if price is not None and most is not None and total > most + _ROUNDING:
            counts.left_out += 1
            return
        self._sent += 1
        self._credits = total
        counts.sent += 1
        counts.unpriced += price is None
        counts.credits += price or 0.0
        if self._prices.measured(row.operation) is None:
            counts.documented += price or 0.0

    def _stays(self, row: BatchRow, known: KnownRow) -> bool:
        if known.state is State.COMPLETED and isinstance(row.request, _RECIPE):
            return known.status == State.COMPLETED  # else it was a step, and others follow
        refused = known.state is State.REFUSED
        return known.state.finished and not refused and not self._retries.take(known)


def _plan_of(counts: _Counts, average: Average | None) -> OperationPlan:
    size = None if average is None or average.bytes is None else average.bytes * counts.sent
    took = None if average is None or average.seconds is None else average.seconds * counts.sent
    return OperationPlan(
        rows=counts.rows,
        done=counts.done,
        failed=counts.failed,
        at_akool=counts.at_akool,
        in_doubt=counts.in_doubt,
        left_out=counts.left_out,
        sent=counts.sent,
        credits=None if counts.unpriced else counts.credits,
        documented=counts.documented,
        bytes=size if counts.sent else 0.0,
        seconds=took if counts.sent else 0.0,
    )


def lines_of(plan: Mapping[str, OperationPlan], places: int) -> Iterator[str]:
    """Yield what a person is to read of a plan.

    Args:
        plan: By operation, what would be done.
        places: The most jobs at Akool at once.
    """
    for name, each in plan.items():
        parts = {
            "would be sent": each.sent,
            "completed": each.done,
            "failed": each.failed,
            "at Akool": each.at_akool,
            "in doubt": each.in_doubt,
            "left out": each.left_out,
        }
        shown = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        yield f"{name}: {counted(each.rows, 'row')}: {shown}"
    sent = {name: each for name, each in plan.items() if each.sent}
    yield "credits: " + _sum_of({n: e.credits for n, e in sent.items()}, "{:g}".format)
    documented = sum(each.documented for each in sent.values())
    if documented:
        yield f"documented: {documented:g} of these credits; what is charged may differ"
    yield "disk: " + _sum_of({n: e.bytes for n, e in sent.items()}, _megabytes)
    yield "time: " + _sum_of(
        {n: e.seconds for n, e in sent.items()},
        partial(_clock, min(places, sum(each.sent for each in sent.values()))),
    )


def _sum_of(values: Mapping[str, float | None], shown: Callable[[float], str]) -> str:
    """Return a sum in words; what is not known is named, and never counted as 0."""
    missing = [name for name, value in values.items() if value is None]
    known = [value for value in values.values() if value is not None]
    parts = [shown(sum(known))] if known or not missing else []
    if missing:
        parts.append(f"unknown for {', '.join(missing)}, of which nothing was learned yet")
    return "; ".join(parts)


def _megabytes(size: float) -> str:
    return f"about {size / 1e6:.1f} MB" if size >= _MEGABYTE else f"about {size / 1e3:.0f} kB"


def _clock(places: int, seconds: float) -> str:
    if not places:
        return "none"
    took = timedelta(seconds=math.ceil(seconds / places))
    return f"about {took} (h:mm:ss), with {counted(places, 'job')} at once"
