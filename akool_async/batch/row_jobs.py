"""Rows become jobs, and jobs that have ended become outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from akool_async.batch.figures.counts import Counts
from akool_async.batch.files.saving import SavingLane
from akool_async.batch.live import LiveRow, LiveRows
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.money.prices import Prices
from akool_async.batch.outcomes.endings import end_of, outcome_in, outcome_of, refusal_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.outcomes.steps import is_step, last_steps, row_key
from akool_async.batch.outcomes.writing import OutcomeWriter
from akool_async.client.submission import Submission
from akool_async.engine.credit_guard import stops_all
from akool_async.errors import AkoolError, JobCancelled, JournalError
from akool_async.journal import Journal, State
from akool_async.journal.outcome_lines import KnownRow
from akool_async.protocol.endpoint import Recipe
from akool_async.result import Result

if TYPE_CHECKING:
    from akool_async.batch.sending.feeding import Feeding
    from akool_async.client.akool import Akool

_RECIPE: Final[Any] = Recipe
_NOT_READ: Final[Any] = None
"""The request of a row that is in the journal, and not, or not yet, in the manifest."""


class RowJobs:
    """Submits the jobs of rows, and writes down what becomes of them.

    Args:
        akool: Runs the jobs.
        journal: The run's journal.
        live: The rows whose jobs go on.
        counts: Counts the rows.
        writer: Writes outcomes down.
        lane: Saves results; `None` if they are not saved.
        prices: Learns from replies that tell a price.
        drain: Called with the reason if nothing more can be created.
        tell: Called with outcomes of rows that an earlier process brought to their ends.
    """

    feeding: Feeding
    """What asks for jobs; set before the first one."""

    def __init__(
        self,
        akool: Akool,
        journal: Journal,
        *,
        live: LiveRows,
        counts: Counts,
        writer: OutcomeWriter,
        lane: SavingLane | None,
        prices: Prices,
        drain: Callable[[str], object],
        tell: Callable[[Outcome], object] | None,
    ) -> None:
        self._akool = akool
        self._journal = journal
        self._lines = journal.outcomes
        self._live = live
        self._counts = counts
        self._writer = writer
        self._lane = lane
        self._prices = prices
        self._drain = drain
        self._tell = tell
        self._earlier: dict[str, LiveRow] = {}
        """By key, rows that are still to come, and whose jobs Akool has."""
        self._without_line: dict[str, KnownRow] = {}
        """By key, rows that are still to come, and whose jobs have completed without a line."""

    async def take_up_earlier(self) -> None:
        """Watch the jobs that Akool has: they hold their places before others are sent."""
        operations = self._akool.operations
        for known in await self._lines.undecided():
            if known.state is State.CREATED and known.name in operations:
                key = row_key(known)
                row = BatchRow(0, key, known.name, _NOT_READ)
                live = LiveRow(row, known, counted=False, found=known.key)
                live.job = self._akool.job(key=known.key)
                self._earlier[key] = live
                self._live.hold(live)
        await self.take_up_completed()

    async def take_up_completed(self) -> None:
        """Look for jobs that completed just before a process died: nobody wrote their lines."""
        found = await self._lines.without_line(last_steps(self._akool.operations))
        self._without_line = {row_key(known): known for known in found}

    async def adopt_gone(self, *, all_read: bool = True) -> None:
        """Await, and save, what is paid for and whose rows are not in the manifest any more.

        Args:
            all_read: Whether all rows were read. Else the next run meets those whose jobs have
                completed, and writes their lines with the number of the row.
        """
        ends = last_steps(self._akool.operations)
        for live in self._earlier.values():
            # A step in the middle is awaited, too, so that the journal has its result.
            if live.found == live.row.key or live.row.operation in ends:
                self._live.let_go(live)
                self._follow(live)
        self._earlier.clear()
        for key, known in self._without_line.items() if all_read else ():
            row = BatchRow(0, key, known.name, _NOT_READ)
            outcome = await self._outcome_in_journal(row, known)
            self._conclude(outcome, known.key, None, recipe=is_step(known))
        self._without_line.clear()

    async def in_doubt(self) -> list[str]:
        """Return the keys of jobs of which nobody knows whether Akool has them."""
        undecided = await self._lines.undecided()
        return [known.key for known in undecided if known.state is not State.CREATED]

    # What `Feeding` asks for

    def send(self, row: BatchRow, known: KnownRow | None, *, retry: bool, creates: int) -> None:
        """Submit a row's job, which may need some creates."""
        live = LiveRow(row, known, reserved=creates)
        earlier = self._met(row)
        if earlier is not None and not creates:  # whatever its files are by now, it is paid for
            live.job, live.found = earlier.job, earlier.found
            self._live.resumed(live)
            self._follow(live)
            return
        try:
            live.job = self._akool.submit(
                Submission(
                    row.request,
                    key=row.key,
                    priority=row.priority,
                    tag=live,
                    retry_failed=retry,
                )
            )
        except AkoolError as error:  # such as a key that no journal can hold
            self.feeding.ended(live)
            self.refuse(row.line, row.key, row.operation, type(error).__name__, error.message)
            return
        if known is not None and known.state is State.CREATED:
            self._live.resumed(live)
        self._follow(live)

    def _met(self, row: BatchRow) -> LiveRow | None:
        """Take note that a row is in the manifest; return its job that Akool has, if it has one."""
        self._without_line.pop(row.key, None)
        earlier = self._earlier.pop(row.key, None)
        if earlier is not None:
            self._live.let_go(earlier)
        return earlier

    def _follow(self, live: LiveRow) -> None:
        assert live.job is not None
        self._live.add(live)
        live.job.add_done_callback(lambda _job: self._ended(live))

    def refuse(self, line: int, key: str, operation: str, error: str, msg: str) -> None:
        """Write down that a row cannot be sent."""
        outcome = refusal_of(line, key, operation, error, msg)
        self._counts.ended(operation, "failed", error, msg)
        self._writer.add(outcome, jobless=True)

    async def restore(self, row: BatchRow, known: KnownRow) -> None:
        """Write down how a row has ended, as the journal says: its line was never written."""
        self._met(row)
        outcome = await self._outcome_in_journal(row, known)
        end = end_of(outcome.status)
        self._counts.known(row.operation, end, outcome.error or "", outcome.msg or "")
        # A file that was saved just before the process died is fetched again: nobody wrote down
        # what its bytes are.
        self._conclude(outcome, known.key, None, recipe=isinstance(row.request, _RECIPE))

    def number(self, outcome: Outcome, *, recipe: bool) -> None:
        """Write down the line of a row that ended before its row was met."""
        self._writer.add(outcome, recipe=recipe)

    async def _outcome_in_journal(self, row: BatchRow, known: KnownRow) -> Outcome:
        entry = await asyncio.to_thread(self._journal.get, known.number)
        operation = self._akool.operations.get(known.name)
        if entry is None or operation is None:
            raise JournalError(f"row {known.number} of the journal cannot be read")
        return outcome_in(entry, row, operation.family)

    def told(self, outcome: Outcome) -> None:
        """Pass on the outcome of a row that an earlier process brought to its end."""
        if self._tell is not None:
            self._tell(outcome)

    # What becomes of a row

    def _ended(self, live: LiveRow) -> None:
        """Take note that a row's job has ended. Called in the loop, soon after."""
        try:
            self._take_end(live)
        finally:
            self._live.remove(live)
            live.job = live.part = None  # whose tag is the row: they would hold each other

    def _take_end(self, live: LiveRow) -> None:
        job, row = live.job, live.row
        assert job is not None
        error = job.exception()
        if isinstance(error, JobCancelled) and job.id is None and self.feeding.stopped:
            return  # dropped before it was sent: it waits for the next run
        outcome = outcome_of(live)
        if outcome is None:
            return
        if outcome.status is State.REFUSED:
            live.refused()
        self.feeding.ended(live)
        if isinstance(error, JournalError) or (isinstance(error, AkoolError) and stops_all(error)):
            self._drain(error.message)
        if live.counted:
            self._counts.ended(
                row.operation, end_of(outcome.status), outcome.error or "", outcome.msg or ""
            )
        recipe = isinstance(row.request, _RECIPE) or live.found not in {"", row.key}
        key = live.found or (f"{row.key}/{len(job.steps) + 1}" if recipe else row.key)
        result = None if error is not None else job.result()
        if isinstance(result, Result) and result.credits and result.credits_are_final:
            self._prices.told(row.operation, result.credits)
        self._conclude(outcome, key, result if isinstance(result, Result) else None, recipe=recipe)

    def _conclude(self, outcome: Outcome, key: str, result: Result | None, *, recipe: bool) -> None:
        """Write a row's outcome down; let its result be saved, if there is one."""
        lane = self._lane
        if outcome.status is not State.COMPLETED or outcome.url is None:
            lane = None
        self._writer.add(outcome, recipe=recipe, behind=lane is not None)
        if lane is not None:
            lane.add(key, outcome, result, recipe=recipe)
