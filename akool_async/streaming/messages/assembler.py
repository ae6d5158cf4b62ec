"""Puts together what a live avatar says: parts in any order, twice, or never. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from akool_async.streaming.messages.reading import Part, read, unrecognized, whole
from akool_async.streaming.messages.received import Caption, Received
from akool_async.streaming.messages.text_under_way import TextUnderWay

_REMEMBERED: Final = 256
"""How many ended texts are remembered, so that a part that comes twice is no new text."""

Key: TypeAlias = tuple[Literal["bot", "user"], str]
"""Speaker and `mid`: an answer may have the `mid` of its question."""


class Assembler:
    """Reads messages, and puts the parts of texts together.

    Each text is told piece by piece, as soon as its parts are there in their order. A part that
    comes twice is told once. Half a character waits for its other half in the next part.

    A part that is missing is waited for, then left out; the caption after it says `gap`. A text
    whose last part never comes ends with an empty caption that is `final` and says `gap`. The same
    happens, only earlier, where more waits than may: whatever a peer sends, memory stays small.

    Args:
        patience: Seconds to wait for a part, since a later one came.
        silence: Seconds to wait for the next part of a text, while none is missing.
        texts: The most texts that are under way at once.
        parts: The most parts that wait for earlier ones.
        size: The most bytes of the messages of these parts.
    """

    def __init__(
        self,
        *,
        patience: float = 2.0,
        silence: float = 30.0,
        texts: int = 64,
        parts: int = 512,
        size: int = 2**18,
    ) -> None:
        self._patience, self._silence = patience, silence
        self._texts, self._parts, self._size = texts, parts, size
        self._open: OrderedDict[Key, TextUnderWay] = OrderedDict()
        """The texts under way; the one that heard nothing for the longest time is the first."""
        self._ended: OrderedDict[Key, int] = OrderedDict()
        """The texts that ended last, with the numbers of their last parts."""

    @property
    def next_expiry(self) -> float | None:
        """The time at which `expire` has something to do; `None` while nothing waits."""
        return min(map(self._expiry, self._open.values()), default=None)

    def take(self, data: bytes, now: float) -> list[Received]:
        """Read a message that arrived; return what is new.

        Args:
            data: The message.
            now: A monotonic clock, in seconds.
        """
        found = read(data)
        news = list(self._added(found, data, now)) if isinstance(found, Part) else [found]
        return [*news, *self._bounded(), *self.expire(now)]

    def expire(self, now: float) -> list[Received]:
        """Leave out what was waited for long enough; return what is new.

        Args:
            now: The clock of `take`.
        """
        news: list[Received] = []
        for key, text in list(self._open.items()):
            while not text.ended and self._expiry(text) <= now:
                news.extend(self._told(key, text.skip()))
        return news

    def _expiry(self, text: TextUnderWay) -> float:
        since = text.waits_since
        return text.heard + self._silence if since is None else since + self._patience

    def _added(self, part: Part, data: bytes, now: float) -> Iterator[Received]:
        key: Key = (part.speaker, part.mid)
        if not part.mid:  # nobody knows what else belongs to it
            text = whole(part.text)
            yield Caption(speaker=part.speaker, mid="", text=text, final=part.final)
        elif key in self._ended:
            if part.number is not None and part.number > self._ended[key]:
                yield unrecognized(data, "it comes after the last part of its text")
        else:
            yield from self._heard(key, part, data, now)

    def _heard(self, key: Key, part: Part, data: bytes, now: float) -> Iterator[Received]:
        """Add a part to a text that has not ended."""
        text = self._open.get(key) or TextUnderWay(*key)
        if text.knows(part):
            return
        if not text.fits(part):
            yield unrecognized(data, "its number does not fit that of the last part of its text")
            return
        self._open[key] = text
        self._open.move_to_end(key)
        yield from self._told(key, text.add(part, len(data), now))

    def _told(self, key: Key, captions: Iterator[Caption]) -> Iterator[Received]:
        """Yield what is told of a text; then, if it has ended, remember only its end."""
        yield from captions
        text = self._open[key]
        if text.ended and text.last is not None:
            del self._open[key]
            self._ended[key] = text.last
            if len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)

    def _bounded(self) -> Iterator[Received]:
        """Leave out what is missing, and end texts, until no more waits than may."""
        while len(self._open) > self._texts:
            key, text = next(iter(self._open.items()))
            while not text.ended:
                yield from self._told(key, text.skip())
        while self._waits_too_much():
            waiting = [(key, text) for key, text in self._open.items() if text.waiting]
            key, text = min(waiting, key=lambda each: self._expiry(each[1]))
            yield from self._told(key, text.skip())

    def _waits_too_much(self) -> bool:
        texts = self._open.values()
        parts, size = sum(text.waiting for text in texts), sum(text.size for text in texts)
        return parts > self._parts or size > self._size
