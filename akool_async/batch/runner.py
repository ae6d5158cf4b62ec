"""One run: rows in, jobs at Akool, files on disk, a line for each row.

How it works
------------
Rows come from a thread, some hundred ahead (`sending/feed.py`). Those that have ended are skipped
by pages of the journal (`sending/feeding.py`). The others are submitted under their keys, as many
as there are places (`live.py`). The run itself counts the places: so their number can be changed,
and no queue has to be dropped. What becomes of each row is written down in groups
(`outcomes/writing.py`), and its result is saved in a lane of its own (`files/saving.py`). So memory
depends on the number of places, and not on the number of rows.

The journal is the truth. A process may die at any moment. The next one begins with the jobs that
Akool has already, so that they hold their places before others are sent. Each other row goes on
from its state in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from akool_async.batch.control.server import controlled
from akool_async.batch.figures.counts import Counts
from akool_async.batch.figures.measuring import figures_of
from akool_async.batch.figures.run_figures import Phase, RunFigures
from akool_async.batch.figures.totals import leave_totals
from akool_async.batch.files.missing import Missing
from akool_async.batch.files.names import FileNames
from akool_async.batch.files.saving import SavingLane
from akool_async.batch.folder import RunFolder
from akool_async.batch.live import LiveRows
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.money.prices import Prices, learned_in
from akool_async.batch.money.spending import Money
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.outcomes.results import ResultFiles
from akool_async.batch.outcomes.writing import OutcomeWriter
from akool_async.batch.row_jobs import RowJobs
from akool_async.batch.run_options import RunOptions
from akool_async.batch.sending.feed import Feed
from akool_async.batch.sending.feeding import Feeding
from akool_async.batch.sending.gate import Gate
from akool_async.journal import Journal
from akool_async.journal.outcome_lines import OutcomeLines
from akool_async.observers import logger

if TYPE_CHECKING:
    from akool_async.client.akool import Akool
    from akool_async.client.stats import Stats

_NO_LIMIT: Final = 1_000_000


class Run:
    """Carries out the rows of a manifest in a folder.

    Args:
        folder: The run's folder; it exists.
        options: How the run is to be carried out.
        planned: The rows of each operation, where the manifest was read beforehand.
        tell: Called with the outcome of each row whose line is on disk.

    Raises:
        JournalInUse: another process uses the folder.
        JournalError: the folder's journal cannot be used.
        InvalidInput: the template of the names makes no sense.
    """

    def __init__(
        self,
        folder: RunFolder,
        options: RunOptions,
        *,
        planned: Mapping[str, int] | None = None,
        tell: Callable[[Outcome], object] | None = None,
    ) -> None:
        self.folder = folder
        self.options = options
        self.counts = Counts(planned)
        self.stopped_by = ""
        """Why the run stopped before its last row; empty if it did not."""
        self.in_doubt: list[str] = []
        """Keys of the journal's rows of which nobody knows whether Akool made the job."""
        self.left = False
        """Whether it was left before its last job had ended."""
        self.changed = False
        """Whether this process has changed anything that a report shows."""
        self._names = FileNames(options.name)
        self._tell = tell
        self._journal = Journal(folder.journal)
        self._lines = self._journal.outcomes
        self.prices = Prices(options.prices, learned_in(self._journal.recall_all))
        self.money: Money | None = None
        self._files = ResultFiles(folder, self._lines)
        self._phase: Phase = "starting"
        self._paused = False
        self._operations: Mapping[str, Any] = {}

    # From the first row to the last

    async def carry_out(self, rows: Iterable[BatchRow | Fault], akool: Akool) -> None:
        """Bring all rows to their ends. A cancelled call leaves at once; nothing is lost by that.

        Args:
            rows: The rows; read in a thread.
            akool: Whose account pays. A client of the run's own takes its settings.
        """
        async with self._opened(akool), controlled(self, self.folder.control):
            await self._work(rows)

    async def fetch(self, akool: Akool) -> None:
        """Save the results of an earlier run that have no file, and create nothing.

        Args:
            akool: The account that has them.
        """
        async with self._opened(akool, looks_anew=False):
            missing = Missing(self.folder, self._lines, self._operations)
            await self._lines.put_behind(await missing.numbers())
            self.counts.expired = missing.expired
            await self._count_saved()  # without those whose files are gone
            self._writer.rewrite_at_end()
            await self._lane.begin()
            await self._jobs.take_up_completed()
            await self._jobs.adopt_gone()
            self._phase = "running"
            await self._lane.drained()

    @asynccontextmanager
    async def _opened(self, akool: Akool, *, looks_anew: bool = True) -> AsyncGenerator[None, None]:
        self._live = LiveRows(self.counts, akool.stats.places, akool.stats.limits)
        own = akool.with_settings(
            journal=self._journal,
            save_to=None,
            max_concurrency=_NO_LIMIT,
            on_event=self._live.hear,
            on_credit="pause" if self.options.on_credit == "pause" else "raise",
            on_outage="wait",  # a minute without network is not to end a night's rows
        )
        try:
            async with own:
                if looks_anew:
                    await _look_anew(self._lines, saves=self.options.save)
                await self._begin(own)
                try:
                    # Events about the run's jobs come to the receiver of the given client.
                    with akool.webhooks.passing_on_to(own.webhooks):
                        yield
                except asyncio.CancelledError:
                    self.left = True
                    raise
                finally:
                    self._gate.leave()
                    await self._lane.stop()
                    await self._close_money()
                    await self._writer.close(hurry=self.left)
                    if not self.left:  # not before all is written: the disk may have been full
                        self.in_doubt = await self._jobs.in_doubt()
        finally:
            self._phase = "over"
            await self._journal.close()

    async def _begin(self, akool: Akool) -> None:
        self._akool = akool
        self._operations = akool.operations
        await self._count_saved()
        for name in await asyncio.to_thread(self._files.mend):
            logger.info("%s was written anew from the journal", name)
        self._writer = OutcomeWriter(self._lines, self._files, self._written)
        self._lane = SavingLane(
            akool,
            self.folder,
            names=self._names,
            lines=self._lines,
            writer=self._writer,
            counts=self.counts,
            at_once=self.options.downloads,
            stop=self.stop_for,
        )
        self._begin_feeding(akool)

    def _begin_feeding(self, akool: Akool) -> None:
        self._jobs = RowJobs(
            akool,
            self._journal,
            live=self._live,
            counts=self.counts,
            writer=self._writer,
            lane=self._lane if self.options.save else None,
            prices=self.prices,
            drain=self.stop_for,
            tell=self._tell,
        )
        self.money = Money(
            partial(_credit_of, akool),
            self.prices,
            most=self.options.max_credits,
            changed=self._live.wake,
        )
        self._feeding = Feeding(
            self._lines,
            self.counts,
            self._live,
            self._jobs,
            money=self.money,
            options=self.options,
            tells=self._tell is not None,
        )
        self._jobs.feeding = self._feeding
        self._gate = Gate(akool, self._feeding, self._live)

    async def _count_saved(self) -> None:
        self.counts.saved, self.counts.bytes = await self._lines.saved()
        self.counts.saved_before = self.counts.saved

    async def _close_money(self) -> None:
        if self.money is not None:
            await self.money.close()
        for name, value in self.prices.dump().items():
            self._journal.remember(name, value)
        self.changed = leave_totals(self._journal, self.figures(), self.stopped_by)
        self.changed |= self.counts.news > 0 or self.counts.saved != self.counts.saved_before

    async def _work(self, rows: Iterable[BatchRow | Fault]) -> None:
        if self.options.save:
            await self._lane.begin()
        await self._jobs.take_up_earlier()
        self._phase = "running"
        if self._paused:  # somebody was faster
            self.pause()
        if self.stopped_by:
            self.drain(self.stopped_by)
        await self._feeding.take_all(Feed(rows))
        self.stopped_by = self.stopped_by or self._feeding.spent
        await self._jobs.adopt_gone(all_read=not self._feeding.stopped)
        while len(self._live):
            await self._live.changed()
        self.counts.skip_rest()
        await self._lane.drained()

    def _written(self, outcome: Outcome) -> None:
        self._lane.written(outcome)
        if self._tell is not None:
            self._tell(outcome)

    # What somebody asks for meanwhile

    def figures(self) -> RunFigures:
        """Return the figures of this moment. Called in the thread of the loop."""
        if self._phase == "starting":
            return figures_of(self.counts, self._phase)
        stats = self._akool.stats
        return figures_of(
            self.counts,
            _phase_of(self._phase, stats),
            stats,
            behind=self._lane.behind,
            places=self._live.places,
            money=self.money,
        )

    def stop_for(self, problem: str) -> None:
        """Drain because of a problem that nobody has asked for, and say so at once."""
        if self._phase not in {"draining", "over"}:
            logger.error("nothing more is created: %s", problem)
            self.drain(problem)

    def drain(self, why: str) -> None:
        """Create nothing more; what is in flight is awaited and saved.

        Args:
            why: The reason, for the end of the run.
        """
        if self._phase in {"draining", "over"}:
            return
        self.stopped_by = why
        if self._phase == "starting":
            return
        self._phase = "draining"
        self._gate.shut()

    def pause(self) -> None:
        """Create nothing until `resume` is called; what is in flight goes on."""
        self._paused = True
        if self._phase == "running":
            self._phase = "paused"
            self._gate.hold()

    def resume(self) -> None:
        """Create again, unless the run is being drained."""
        self._paused = False
        if self._phase == "paused":
            self._phase = "running"
        if self._phase == "running":
            self._gate.open()

    def set_concurrency(self, places: int) -> None:
        """Change the most jobs at Akool at once; those that are there stay."""
        self._live.places = places
        self._live.wake()


def _phase_of(phase: Phase, stats: Stats) -> Phase:
    """Return what a run does that is not paused or drained: its client may wait."""
    if phase == "running" and stats.out_of_credit:
        return "out of credit"
    return "no connection" if phase == "running" and stats.unreachable else phase


async def _look_anew(lines: OutcomeLines, *, saves: bool) -> None:
    """Let the rows be judged again that became no job, and what was given up be saved."""
    await lines.forget_jobless()
    if saves:
        await lines.put_unsaved_behind()
    else:
        await lines.settle_behind()


async def _credit_of(akool: Akool) -> float:
    return (await akool.account.credit()).credit
