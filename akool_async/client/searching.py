"""`akool.find`: looks for the job of a create whose reply was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akool_async.client.settings import checked_seconds
from akool_async.client.steering import Steered
from akool_async.errors import CreateOutcomeUnknown

if TYPE_CHECKING:
    from akool_async.job import Job


class Searching(Steered):
    """Looks for jobs in the lists that the vendor has."""

    async def find(
        self,
        error: CreateOutcomeUnknown | None = None,
        /,
        *,
        key: str | None = None,
        within: float = 900.0,
    ) -> Job[Any] | None:
        """Look for the job of a create whose reply was lost, in the list that would show it.

        A job is the one if the list shows what the request asked for, at about the time of the
        create, and if no other create may have started it. It is watched, as `akool.job(token)`
        watches one. With a journal, it is written down as its row's job first: from then on its
        key gives this job. Nothing is sent but reads.

        `None` means that the list does not show it. That is no proof that it does not exist: some
        lists show a job only after a while, or once it has ended.

        Args:
            error: What ended the job. It may come from another process.
            key: In place of the error, the key of a row that is in doubt. Needs a journal.
            within: The most seconds between the create and the job's time, since clocks differ.

        Raises:
            NotSearchable: no list shows jobs of this operation, or what its request asked for.
            UncertainMatch: jobs are there that may be it, and nothing tells which; it names them.
            UnknownKey: nothing was submitted under the key.
            InvalidInput: the row of the key is not in doubt; or an argument makes no sense.
            JournalError: the journal cannot be read or written.
            APIError: Akool refused to show the list.
            TransportError: the list could not be read.
            ValueError: a key was given, and the client has no journal.
            TypeError: not exactly one of an error and a key was given.
        """
        if (error is None) == (key is None):
            raise TypeError("find() takes a CreateOutcomeUnknown, or a key")
        if error is not None:
            _check(error)
        seconds = checked_seconds("within", within)
        from akool_async.client.lost import LostCreates

        runtime = self._runtime("akool.find()")
        lost = LostCreates(runtime, self._shared, self.operations, seconds)
        return await (lost.find(error) if error is not None else lost.find_key(str(key)))


def _check(error: object) -> None:
    if not isinstance(error, CreateOutcomeUnknown):
        raise TypeError(f"find() takes a CreateOutcomeUnknown, not {type(error).__name__}")
