"""The job that a webhook is about, as the user's journal has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akool_async.cli.webhook_listener import Arrival
from akool_async.client.inbox import OWNER_NAME
from akool_async.journal.entry import Entry
from akool_async.journal.looking import JournalView
from akool_async.protocol.value import Value
from akool_async.receivers.answers import last_segment
from akool_async.webhook.address import OWNER, Addresses
from akool_async.webhook.credentials import WebhookCredentials


class JobSeen(Value):
    """What is known about the job of an event."""

    entry: Entry | None
    """Its row; `None` if the journal has none."""

    def sentence(self, now: float) -> str:
        """Describe the job, and its age at a moment, in one line."""
        entry = self.entry
        if entry is None:
            return "the journal does not have this job"
        name = f"row #{entry.number}" if entry.key is None else f"key {entry.key}"
        return f"{entry.name}, {name}: {self._age(entry, now):.1f} s after its creation"

    def fields(self, now: float) -> Mapping[str, Any] | None:
        """Return the same for `--json`."""
        entry = self.entry
        if entry is None:
            return None
        return {
            "row": entry.number,
            "key": entry.key,
            "operation": entry.name,
            "state": entry.state.value,
            "seconds": round(self._age(entry, now), 3),
        }

    def _age(self, entry: Entry, now: float) -> float:
        """Return the seconds since the create was sent, which is known more exactly."""
        return max(0.0, now - entry.intended_at)


class Jobs:
    """Finds the jobs of events in a journal.

    Args:
        view: The journal.
        credentials: What the tokens of armed jobs are made with.
    """

    def __init__(self, view: JournalView, credentials: WebhookCredentials) -> None:
        self._view = view
        self._addresses = Addresses("", credentials, bytes(OWNER))

    def find(self, arrival: Arrival) -> JobSeen | None:
        """Return the job of a verified event; blocks while it reads.

        Raises:
            JournalError: the file cannot be read.
        """
        if arrival.event is None:
            return None
        return JobSeen(entry=self._armed(arrival) or self._view.of_job(arrival.event.id))

    def _armed(self, arrival: Arrival) -> Entry | None:
        """Return the row that the token of an address names, if it is one of this journal."""
        last = last_segment(arrival.target.partition("?")[0])
        owned = self._addresses.read(last)
        if owned is None or owned.owner != self._view.recall(OWNER_NAME):
            return None
        return self._view.row(owned.attempt.row)
