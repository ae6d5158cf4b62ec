"""What a vendor says about a job at one moment: a status and a snapshot."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, Literal, Self

import msgspec
from msgspec import field

from akool_async.protocol.secret_fields import without_secrets
from akool_async.protocol.value import Value
from akool_async.protocol.words import in_line


class Status(IntEnum):
    """The state of a job; Akool uses these four numbers everywhere, under five field names.

    An unknown number (T17) becomes a member of its own: readable, and not terminal.
    """

    QUEUED = 1
    PROCESSING = 2
    COMPLETED = 3
    FAILED = 4

    def __str__(self) -> str:
        """Return the name: a number says nothing to who prints it."""
        return self.name

    def __format__(self, format_spec: str) -> str:
        """Format the name, as a text."""
        return format(self.name, format_spec)

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self is Status.COMPLETED or self is Status.FAILED

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        if isinstance(value, str):
            return _WORDS.get(value.strip().lower())
        if not isinstance(value, int):
            return None
        unknown = int.__new__(cls, value)
        unknown._name_ = f"UNKNOWN_{value}"
        unknown._value_ = value
        return unknown


_WORDS: Final = {
    **dict.fromkeys(("queued", "queueing", "queuing", "pending", "waiting"), Status.QUEUED),
    **dict.fromkeys(("processing", "running", "in_progress", "started"), Status.PROCESSING),
    **dict.fromkeys(("completed", "complete", "succeeded", "finished", "done"), Status.COMPLETED),
    **dict.fromkeys(("failed", "failure", "error"), Status.FAILED),
    "closed": Status.COMPLETED,  # a live session
}
"""What stands in place of the number, now and then. "success" does not: it may be the reply's."""

_SAYS_NOTHING: Final = frozenset(
    {
        *("", "-", "n/a", "none", "null", "nil", "undefined", "true", "false", "0", "200", "1000"),
        *("ok", "success", "succeed", "succeeded", "successful", "successfully"),
        *("error", "fail", "failed", "failure"),
    }
)
"""Texts that stand where a reason does, and give none."""


def tone_of(status: Status) -> Literal["waiting", "running", "good", "bad"]:
    """Return the colour of a status on a card."""
    if status is Status.FAILED:
        return "bad"
    return "good" if status is Status.COMPLETED else "running"


def telling(text: str) -> str:
    """Return a reason in one line; empty if it gives none, such as `success` (T34)."""
    line = " ".join(text.split())
    return "" if line.strip(" .!").lower() in _SAYS_NOTHING else line


_ELSEWHERE: Final = ("id=", "job_id=", "status=", "error_reason=")
"""Fields that a line shows elsewhere, or not at all."""

ID: Any = field(name="_id", default="")
"""The field of Akool's id, for classes that choose its position."""


class Snapshot(Value, dict=True, abstract=True):
    """What Akool says about a job at one moment.

    `dict=True` leaves room for what is not data: a result's link to its client.
    """

    id: str = ID
    """Akool's id of the job, 24 hex digits: the one that result endpoints take."""
    job_id: str | None = None
    """Akool's second id of the job, the one that cancelling takes; few families have it."""
    status: Status = Status.QUEUED
    """The state of the job."""
    error_reason: str = ""
    """Why the job failed, where Akool says so, under this name or another. A text here alone is
    no failure (T34)."""

    def __repr__(self) -> str:
        """Show what matters, in a line; `to_dict` has all."""
        return f"<{in_line(f'{type(self).__name__} {self.id}')} {self.one_line}>"

    def _repr_html_(self) -> str:
        """Return a card for a notebook."""
        from akool_async.notebook import pieces

        parts = self.parts_of_card()
        reason = pieces.text(self.reason) if self.status is Status.FAILED else ""
        tone = tone_of(self.status)
        head = pieces.code(self.id)
        return pieces.card(type(self).__name__, self.status.name, tone, head, reason, *parts)

    def parts_of_card(self, _media: str | None = None) -> tuple[str, ...]:
        """Return what a card in a notebook shows beside the status, as HTML: here, the fields."""
        from akool_async.notebook import pieces

        held = [each for each in self.__rich_repr__() if f"{each[0]}=" not in _ELSEWHERE]
        return (pieces.fields(held),)

    @property
    def one_line(self) -> str:
        """The status and what matters most, such as the address or the reason, in a line."""
        if self.status is Status.FAILED:
            return f"FAILED: {in_line(self.reason)}" if self.reason else "FAILED"
        return f"{self.status.name} {self.shown_in_line}".rstrip()

    @property
    def shown_in_line(self) -> str:
        """What `one_line` shows beside the status: here the fields that hold something."""
        shown = [f"{name}={value!r}" for name, value in self.__rich_repr__()]
        return in_line(" ".join(each for each in shown if not each.startswith(_ELSEWHERE)))

    @property
    def told(self) -> str:
        """Why the job failed in the vendor's words; empty if these give no reason."""
        return telling(self.error_reason)

    @property
    def reason(self) -> str:
        """Why the job failed, in one line; may be empty."""
        return self.told

    @property
    def lacks_part(self) -> bool:
        """Whether a part of the result is still missing, though the status is COMPLETED."""
        return False

    def following(self, receipt: Snapshot | None) -> Self:
        """Return this snapshot with the data that only the create reply holds."""
        if self.job_id is None and receipt is not None and receipt.job_id is not None:
            return msgspec.structs.replace(self, job_id=receipt.job_id)
        return self

    def answering(self, _request: Any) -> Self:
        """Return this snapshot as the answer to its request.

        Args:
            _request: The request as it was sent, or with paths in place of uploaded files.
        """
        return self

    def without_secrets(self) -> Self:
        """Return this snapshot without its secrets, as a journal may keep it."""
        return without_secrets(self)
