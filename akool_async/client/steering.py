"""A client is paused, and its limits are changed, while its jobs run."""

from __future__ import annotations

from collections.abc import Mapping

from akool_async.client.holding import Holding
from akool_async.client.settings import checked_count
from akool_async.clock import running_loop
from akool_async.engine import Limits


class Steered(Holding):
    """Creates as many jobs at a time as the program allows at the moment."""

    def pause(self) -> None:
        """Create no further job until `resume` is called, in all event loops of this client.

        Jobs that were sent go on, and their results are saved. Jobs that are submitted wait;
        `akool.stats.paused` says so, and the log. It may be called in any thread, and before the
        first job.
        """
        self._change("client.paused", paused=True)

    def resume(self) -> None:
        """Create jobs again, after `pause`, or where they wait for credit (`on_credit="pause"`)."""
        runtime = self._runtime("resume()") if running_loop() is not None else None
        self._change("client.resumed", paused=False)
        if runtime is not None:
            runtime.engine.credit_returned()

    def set_concurrency(self, jobs: int) -> None:
        """Set how many jobs may be in flight in each event loop, in place of `max_concurrency`.

        A higher limit takes effect at once. A lower one ends nothing: no job is created until
        enough have ended. It may be called in any thread.

        Raises:
            InvalidInput: `jobs` is no whole number of at least 1.
        """
        self._change("client.limits", limit=checked_count("jobs", jobs))

    def set_limits(self, operations: Mapping[str, int]) -> None:
        """Set how many jobs may be in flight by pattern of operation names; see `limits=`.

        All patterns are replaced: `{}` leaves the limit of `set_concurrency` alone. It takes effect
        as that does.

        Raises:
            InvalidInput: a number is less than 1.
        """
        quotas = dict(Limits(operations=operations).operations)
        self._change("client.limits", quotas=quotas)

    def _change(
        self,
        event: str,
        *,
        paused: bool | None = None,
        limit: int | None = None,
        quotas: Mapping[str, int] | None = None,
    ) -> None:
        room = self._shared.room
        before = room.paused, room.limit, room.quotas
        room.paused = room.paused if paused is None else paused
        room.limit = room.limit if limit is None else limit
        room.quotas = room.quotas if quotas is None else quotas
        if before != (room.paused, room.limit, room.quotas):
            self._shared.tell_limits(event)
            room.tell()
            self._runtimes.pump()
