"""One text of which not all parts have arrived. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from akool_async.streaming.messages.reading import Part, whole
from akool_async.streaming.messages.received import Caption

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class _Waiting(NamedTuple):
    """A part that waits for an earlier one."""

    text: str
    size: int
    arrived: float


class TextUnderWay:
    """One text: it keeps the parts that wait for earlier ones, and half a character at most.

    Args:
        speaker: Who says it.
        mid: The message that the text belongs to.
    """

    def __init__(self, speaker: Literal["bot", "user"], mid: str) -> None:
        self._speaker: Literal["bot", "user"] = speaker
        self._mid = mid
        self._next = 0
        """The number of the first part that was not told."""
        self.last: int | None = None
        """The number of the last part, once that has arrived."""
        self._half = ""
        """The first half of a character that the last part told ended with."""
        self._waiting: dict[int, _Waiting] = {}
        """By number, in the order of their arrival."""
        self.heard = 0.0
        """When the last new part arrived."""

    @property
    def ended(self) -> bool:
        """Whether all of it was told."""
        return self.last is not None and self._next > self.last

    @property
    def waiting(self) -> int:
        """How many parts wait for an earlier one."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """The bytes of the messages of the parts that wait."""
        return sum(part.size for part in self._waiting.values())

    @property
    def waits_since(self) -> float | None:
        """When the first of the parts arrived that wait for an earlier one."""
        return next((part.arrived for part in self._waiting.values()), None)

    def knows(self, part: Part) -> bool:
        """Say whether a part of this number has come, or was left out."""
        return part.number is not None and (
            part.number < self._next or part.number in self._waiting
        )

    def fits(self, part: Part) -> bool:
        """Say whether no part stands behind the last one, if this one is added."""
        number = self._next if part.number is None else part.number
        if self.last is not None:
            return number < self.last and not part.final
        return not part.final or all(number > each for each in self._waiting)

    def add(self, part: Part, size: int, now: float) -> Iterator[Caption]:
        """Add a part that fits and is new; yield what it makes whole."""
        number = self._next if part.number is None else part.number
        self._waiting[number] = _Waiting(part.text, size, now)
        self.heard = now
        if part.final:
            self.last = number
        if number == self._next:
            yield from self._told(gap=False)

    def skip(self) -> Iterator[Caption]:
        """Leave out the parts that are missing before the first one that waits; yield what follows.

        If none waits, the text ends.
        """
        if self._half:  # what follows is not its other half
            self._half = _REPLACEMENT
        if self._waiting:
            self._next = min(self._waiting)
        else:
            self.last = self._next - 1
        yield from self._told(gap=True)

    def _told(self, *, gap: bool) -> Iterator[Caption]:
        pieces = [self._half]
        while part := self._waiting.pop(self._next, None):
            pieces.append(part.text)
            self._next += 1
        text, self._half = "".join(pieces), ""
        if text and "\ud800" <= text[-1] <= "\udbff" and not self.ended:
            text, self._half = text[:-1], text[-1]
        if text or gap or self.ended:
            yield Caption(
                speaker=self._speaker, mid=self._mid, text=whole(text), final=self.ended, gap=gap
            )
