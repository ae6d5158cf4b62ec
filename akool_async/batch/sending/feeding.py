"""Brings rows to their jobs: those that have ended are skipped, the others are submitted in turn.

A page of rows is looked up in the journal with one question. A row whose job has ended becomes no
job: it is counted, and that is all. So a run that is started again is at its first create after
some microseconds for each row that is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from akool_async.batch.figures.counts import Counts
from akool_async.batch.live import LiveRow, LiveRows
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.rows import NO_ROWS, BatchRow
from akool_async.batch.money.spending import Money, Verdict
from akool_async.batch.outcomes.endings import decoder, end_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.outcomes.steps import creates_left
from akool_async.batch.run_options import RunOptions
from akool_async.batch.sending.feed import Feed
from akool_async.batch.sending.held import HeldRows, WaitingRow
from akool_async.batch.sending.looking_up import KnownRows
from akool_async.batch.sending.retries import Retries
from akool_async.batch.sending.selection import Selection
from akool_async.errors import InvalidInput
from akool_async.journal import State
from akool_async.journal.outcome_lines import KnownRow, OutcomeLines
from akool_async.protocol.endpoint import Recipe

_RECIPE: Final[Any] = Recipe
_IN_A_ROW: Final = 64
"""Rows that are judged before the event loop gets a turn."""


class Sender(Protocol):
    """What the run does with rows."""

    def send(self, row: BatchRow, known: KnownRow | None, *, retry: bool, creates: int) -> object:
        """Submit a row's job, which may need some creates."""
        ...

    def refuse(self, line: int, key: str, operation: str, error: str, msg: str) -> object:
        """Write down that a row cannot be sent."""
        ...

    async def restore(self, row: BatchRow, known: KnownRow) -> object:
        """Write down how a row has ended, as the journal says."""
        ...

    def number(self, outcome: Outcome, *, recipe: bool) -> object:
        """Write down the line of a row that ended before its row was met."""
        ...

    def told(self, outcome: Outcome) -> object:
        """Take note of the outcome of a row that an earlier process brought to its end."""
        ...


class Feeding:
    """Takes rows from a manifest for as long as there are rows, and room for them.

    Args:
        lines: The journal's table of lines.
        counts: Counts the rows.
        live: The rows whose jobs go on.
        sender: What the run does with rows.
        money: Knows what may be spent.
        options: How the run is to be carried out.
        tells: Whether somebody wants to know the outcomes of rows that ended earlier.
    """

    def __init__(
        self,
        lines: OutcomeLines,
        counts: Counts,
        live: LiveRows,
        sender: Sender,
        *,
        money: Money,
        options: RunOptions,
        tells: bool,
    ) -> None:
        self._known = KnownRows(lines, brief=not tells)
        self._counts = counts
        self._live = live
        self._sender = sender
        self._money = money
        self._tells = tells
        self._selection = Selection(
            limit=options.limit, only=options.only, skip=options.skip, sample=options.sample
        )
        self._retries = Retries(retry_failed=options.retry_failed)
        self._interval = 0.0 if options.rate is None else 1 / options.rate
        self._next_at = 0.0
        self._most = options.max_creates
        self._reserved = 0
        """Creates that were sent, or may be."""
        self._faulty = -1
        """The line of the last row that was wrong."""
        self._feed: Feed[BatchRow | Fault] | None = None
        self._held = HeldRows(live)
        self._sending: asyncio.Task[None] | None = None
        """Sends the rows that others went past."""
        self.paused = False
        self.stopped = False
        """Whether nothing more is sent."""
        self.spent = ""
        """Which limit on creates or credits is reached; then nothing more is created."""

    async def take_all(self, rows: Feed[BatchRow | Fault]) -> None:
        """Take all rows; return once the last one was submitted, or sending was stopped."""
        self._feed = rows
        try:
            while not self.stopped and (page := await rows.page()):
                await self._take(page)
            if not self.stopped:
                self._counts.read_all()
            if self._sending is not None:
                await self._sending
        finally:
            rows.stop()
            if self._sending is not None:
                self._sending.cancel()

    def ended(self, live: LiveRow) -> None:
        """Take note that the job of a row has ended; the creates it did not need are free again."""
        self._reserved -= max(0, live.reserved - live.creates)
        # Where nothing was reserved, an earlier process has created it.
        self._money.end(live.row.key, created=live.creates > 0 or not live.reserved)

    def stop(self) -> None:
        """Send nothing more."""
        self.stopped = True
        if self._feed is not None:
            self._feed.stop()
        self._live.wake()

    async def _take(self, page: Sequence[BatchRow | Fault]) -> None:
        rows = [each for each in page if isinstance(each, BatchRow)]
        await self._known.look_up(rows)
        for each in page:
            if isinstance(each, Fault):
                self._refuse_fault(each)
        for number, row in enumerate(rows):
            if number % _IN_A_ROW == 0:
                await asyncio.sleep(0)
            self._counts.of(row.operation).read += 1
            found = self._known.get(row)
            if found is not None and self._is_done(row, found):
                self._counts.known(row.operation, "completed")
            elif not await self._judge(row, found):
                return

    def _is_done(self, row: BatchRow, known: KnownRow) -> bool:
        """Say whether a row has completed, and nobody wants to know.

        Most rows have, of a run that is started again: so this test comes first, and is short.
        """
        completed = known.state is State.COMPLETED and known.status == "completed"
        if not completed or self._tells or known.line is not None:  # that one lacks its number
            return False
        return self._known.is_same(row, known)

    def _refuse_fault(self, fault: Fault) -> None:
        """Write down a row that is wrong. One in a file is found before; one in a stream is not.

        Raises:
            InvalidInput: it is no row, but the whole manifest.
        """
        if fault.notice or fault.sentence == NO_ROWS:
            return
        if fault.kind == "file":
            raise InvalidInput("rows", fault.file, fault.sentence)
        if fault.line == self._faulty:  # a row may have several faults
            return
        self._faulty = fault.line
        self._counts.of("").read += 1
        self._sender.refuse(fault.line, f"line {fault.line}", "", "InvalidInput", str(fault))

    async def _judge(self, row: BatchRow, known: KnownRow | None) -> bool:
        """Do with a row what is to be done; return whether to go on with the next one."""
        retry = False
        if known is not None:
            if not self._known.is_same(row, known):
                problem = f"the key {row.key!r} was used for another request"
                self._sender.refuse(row.line, row.key, row.operation, "KeyConflict", problem)
                return True
            if _has_ended(row, known):
                retry = self._retries.take(known)
                if not retry:
                    await self._done(row, known)
                    return True
        if not _was_sent(known) and (self.spent or not self._selection.takes(row)):
            self._counts.of(row.operation).skipped += 1
            return True
        waiting = WaitingRow(row, known, retry)
        if _was_sent(known) or not self._held.holds_back(row.operation):
            return await self._send(waiting)
        return await self._let_others_past(waiting)

    async def _let_others_past(self, waiting: WaitingRow) -> bool:
        while self._held.full and not self.stopped:
            await self._live.changed()
        self._held.add(waiting)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_held())
        return not self.stopped

    async def _send_held(self) -> None:
        try:
            while self._held and not self.stopped:
                waiting = self._held.next()
                if waiting is None:
                    await self._live.changed()
                elif await self._send(waiting, held=True):
                    self._held.drop(waiting)
                    self._live.wake()
        except BaseException:
            self.stop()  # `take_all` may wait for a row, and is to raise this
            raise

    async def _send(self, waiting: WaitingRow, *, held: bool = False) -> bool:
        """Send a row once it may be sent; return whether to go on with the next one."""
        row, known, retry = waiting
        creates = _creates_of(row, known, retry=retry)
        turn = await self._turn(row, creates, held=held)
        if turn == "now":
            self._sender.send(row, known, retry=retry, creates=creates)
            return True
        if turn == "never" and self._counts.of(row.operation).planned:
            self._counts.of(row.operation).skipped += 1
            return True  # the others are read on, and counted
        self.stop()
        return False

    async def _done(self, row: BatchRow, known: KnownRow) -> None:
        """Count a row that has ended."""
        if known.status != known.state:
            await self._sender.restore(row, known)
            return
        assert known.line is not None
        outcome = decoder.decode(known.line)
        if not outcome.line and not known.behind:
            outcome = msgspec.structs.replace(outcome, line=row.line)
            self._sender.number(outcome, recipe=isinstance(row.request, _RECIPE))
        end = end_of(known.state)
        error = "" if end == "completed" else outcome.error or ""
        self._counts.known(row.operation, end, error, outcome.msg or "")
        if self._tells and not known.behind:  # else it is told once it is saved
            self._sender.told(outcome)

    async def _turn(
        self, row: BatchRow, creates: int, *, held: bool
    ) -> Literal["now", "never", "stopped"]:
        """Wait until a row may be sent, or it is known that it may not."""
        while not self.stopped:
            if not creates and not self.paused:
                break  # its job has a place already, or needs none
            if self.paused or self._live.full or not (held or self._held.next() is None):
                await self._live.changed()  # one that others went past goes first
            elif (wait := self._next_at - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(wait)
            elif not self._money.begun:
                await self._money.begin()
            elif (verdict := self._verdict(row, creates)) == "yes":
                break
            elif verdict == "no":
                return "never"
            else:
                await self._live.changed()
        if self.stopped:
            return "stopped"
        if creates:
            self._reserve(row, creates)
        return "now"

    def _verdict(self, row: BatchRow, creates: int) -> Verdict:
        """Say whether the limits on creates and credits let a row be sent."""
        if self._most is not None and self._reserved + creates > self._most:
            if len(self._live):
                return "wait"  # one that is refused makes room
            self.spent = f"{self._most} creates were allowed, and are sent"
            return "no"
        verdict = self._money.verdict(row.operation, row.request)
        if verdict == "no":
            self.spent = "the credits that were allowed are spent"
        return verdict

    def _reserve(self, row: BatchRow, creates: int) -> None:
        self._reserved += creates
        self._money.send(row.key, row.operation, row.request)
        if self._interval:
            now = asyncio.get_running_loop().time()
            self._next_at = max(self._next_at, now - self._interval) + self._interval * creates


_BEGUN: Final = frozenset({State.CREATED, State.INTENT, State.UNKNOWN, State.COMPLETED})
"""States of a row of the journal whose create was, or may have been, paid for."""


def _creates_of(row: BatchRow, known: KnownRow | None, *, retry: bool) -> int:
    """Return how many creates a row may still need."""
    others = creates_left(row, known)
    if known is None or known.state in _BEGUN:
        return others
    if known.state.finished and known.state is not State.REFUSED and not retry:
        return 0  # a step that failed fails its recipe again
    return others + 1


def _was_sent(known: KnownRow | None) -> bool:
    return known is not None and known.state in {State.CREATED, State.INTENT, State.UNKNOWN}


def _has_ended(row: BatchRow, known: KnownRow) -> bool:
    """Say whether a row stays as it is. What was refused costs nothing, and is sent again."""
    if not known.state.finished or known.state is State.REFUSED:
        return False
    if not isinstance(row.request, _RECIPE):
        return True
    # A step may have ended, and the recipe have stopped there: only its line says that it has a
    # result. The line may be older than the step, which was then retried.
    return known.status == "completed" or (
        known.status is not None and known.state is not State.COMPLETED
    )
