"""Sessions that the client closes, such as those with live avatars."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from akool_async.client.caller import Caller
from akool_async.client.submission import check_startable
from akool_async.engine import HELD_JOB, NO_OPTIONS
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.snapshot import Snapshot
from akool_async.streaming.session_job import SessionJob

if TYPE_CHECKING:
    from akool_async.client.session_rows import JournalSessions

S = TypeVar("S", bound=Snapshot)


class Holding(Caller):
    """Opens sessions, and closes them with itself."""

    def hold(self, request: Startable[S], /, *, rarely: bool = True) -> SessionJob[S]:
        """Start the job of a session; for the package's own sessions, which close it again.

        Args:
            request: The operation that opens it.
            rarely: Whether its job goes on until the session is closed, and is looked up each 30 s
                only; else it is looked up, and ends, as every job.

        Raises:
            RuntimeError: no event loop runs here, or the client is closed.
            TypeError: the request starts no job.
        """
        check_startable(request)
        self._warn_of(request)
        runtime = self._runtime(type(request).__name__)
        held = rarely and request.family.watch == "polled"  # else all jobs of the family are
        record = runtime.submitter.start(request, HELD_JOB if held else NO_OPTIONS)
        return SessionJob(record, runtime.engine)

    @property
    def session_rows(self) -> JournalSessions | None:
        """The rows of sessions in the journal; `None` without a journal."""
        records = self._shared.records
        if records is None:
            return None
        from akool_async.client.session_rows import JournalSessions  # few programs need it

        return JournalSessions(records, self._runtime("streaming.reap()"))
