"""Commands that take something away: once it is gone, sending them again is no error."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from akool_async.errors import NotFound
from akool_async.protocol.endpoint import Command
from akool_async.protocol.reply import Nothing
from akool_async.protocol.snapshot import ID
from akool_async.protocol.value import Value
from akool_async.protocol.wire import HttpResponse


class Removal(Command[None]):
    """Deletes or closes something; "not found" is no error.

    An earlier request, whose answer was lost, may have done it.
    """

    repeatable = True
    parse = Nothing()
    gone: ClassVar[int | None] = None
    """The one code that says "gone already"; `None` where each `NotFound` does."""

    def decode(self, response: HttpResponse) -> None:
        """Accept "not found"."""
        try:
            super().decode(response)
        except NotFound as error:
            if self.gone not in {None, error.code}:
                raise


class Kept(Value):
    """Something that was not deleted, and why."""

    id: str = ID
    msg: str = ""


class Deleted(Value, abstract=True):
    """What was deleted. Its class names the field of what was not."""

    success_ids: tuple[str, ...] = field(name="successIds", default=())
    """The `id`s of those that are gone."""
