"""Gives results what they need to be saved: `akool_async.result.Link`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from akool_async.client.fresh import FreshAddress
from akool_async.client.shared import Vendor
from akool_async.engine import JobRecord
from akool_async.media import SessionDownloader
from akool_async.result import Link, Result

if TYPE_CHECKING:
    from akool_async.client.saving import Saver


class ResultLinker:
    """Links the results of one event loop to its client.

    Args:
        vendor: What the vendor's own client does.
        downloader: Saves media.
        fresh: Asks for the address of a result's media once more.
        saver: Saves the results of jobs by itself, with `save_to`.
        note_ended: Called with the operation of each completed job.
    """

    def __init__(
        self,
        vendor: Vendor,
        downloader: SessionDownloader,
        fresh: FreshAddress,
        *,
        saver: Saver | None,
        note_ended: Callable[[str], object] | None,
    ) -> None:
        self._vendor = vendor
        self._downloader = downloader
        self._fresh = fresh
        self._saver = saver
        self._note_ended = note_ended

    def finish(self, record: JobRecord[Any], last: Any) -> Any:
        """Make a completed job's last snapshot its result; begin to save it, if that is set."""
        result = self.linked(record, last)
        if self._note_ended is not None:
            self._note_ended(record.name)
        if self._saver is not None and isinstance(result, Result):
            self._saver.add(record, result)
        return result

    def linked(self, record: JobRecord[Any], last: Any) -> Any:
        """Return a completed job's last snapshot as its result."""
        result = self._vendor.completed(last, record.request)
        if isinstance(result, Result):
            link = Link(
                self._downloader,
                self._vendor.client,
                operation=record.name,
                accepted_at=record.created or None,
                job_id=result.job_id,
                fresh=self._fresh,
            )
            result.attach(link)
        return result

    def attach(self, reply: Any) -> Any:
        """Link the results in the reply to a lookup; return the reply."""
        if isinstance(reply, Result):
            reply.attach(Link(self._downloader, self._vendor.client, fresh=self._fresh))
        elif isinstance(reply, tuple):
            for row in cast("Any", reply):
                self.attach(row)
        return cast("Any", reply)
