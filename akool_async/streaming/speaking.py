"""The bridge to a language model: the avatar says what the model writes, while it writes.

How this works
--------------
All happens in the caller's task: it reads the model, and says each sentence as soon as its end is
certain. While two sentences are not said to their ends, it reads no further. What cuts the avatar
off (an interrupt, the end of the session, a page that leaves) also ends the wait for the model, by
a time limit that is over at that moment; so a stream is read and closed by one task only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager, suppress
from inspect import isawaitable
from typing import Any, Final, Literal, Protocol

from akool_async.errors import AlreadySpeaking, InvalidInput
from akool_async.observers import logger
from akool_async.protocol.value import Value
from akool_async.streaming.messages.writing import is_blank
from akool_async.streaming.sentences import Sentences
from akool_async.streaming.speech import Speech

MOST_UNSPOKEN: Final = 2
"""The most sentences that are sent and not said to their ends."""


class Spoken(Value):
    """What an avatar has said of a language model's text."""

    text: str = ""
    """A beginning of the model's text: whole sentences, and the words of the one under way."""
    cut_off: bool = False
    """Whether `speak` ended before the whole text was said: by an interrupt, a cancel, an error."""
    estimated: bool = False
    """Whether the text is estimated from the time: its last words, where a sentence was cut off, or
    all of it, where the carrier does not say when the avatar speaks."""


class Speaker(Protocol):
    """A conversation, as far as `speak` uses it."""

    mode: Literal[1, 2] | None
    model_text: ModelText | None

    def check_joined(self) -> None:
        """Raise an error if nothing can be sent now."""
        ...

    def next_cut(self) -> asyncio.Future[None]:
        """Return what is done when all that waits is cut off next."""
        ...

    async def set_params(self, *, mode: Literal[1, 2] | None = None) -> None:
        """Set the mode."""
        ...

    async def say(self, text: str) -> Speech:
        """Let the avatar say a text."""
        ...


async def speak(conversation: Speaker, deltas: AsyncIterable[str]) -> str:
    """Let the avatar say what a language model writes, while it writes.

    It returns when all was said, or when it was cut off: by an interrupt, the end of the session,
    or a page that leaves. However it ends, it closes the iterator (`aclose`). A cancel, or an error
    of the model, does not stop the avatar: it says the sentences that were sent, at most two, and
    `conversation.spoken` goes on telling what was said.

    Args:
        conversation: Where it is said. It is set to mode 1 first, unless it is known to be.
        deltas: The pieces of the text. It reads at most two sentences ahead of what was said.

    Returns:
        What was said: a beginning of the text, as `Spoken.text` says.

    Raises:
        InvalidInput: the conversation is in mode 2, in which the avatar would answer what it should
            say; or `deltas` yields something else than texts.
        AlreadySpeaking: another `speak` is under way.
        CommandRefused, NoAnswer: the mode could not be set.
        NotJoined, SessionEnded: nothing can be sent.
    """
    given: Any = deltas
    if not isinstance(given, AsyncIterable):
        raise InvalidInput("deltas", given, "must be an async iterator of texts")
    iterator = aiter(deltas)
    try:
        conversation.check_joined()
        if conversation.model_text is not None and conversation.model_text.under_way:
            raise AlreadySpeaking("another `speak` is under way: interrupt it, or wait")
        text = conversation.model_text = ModelText(conversation)
        await text.read(iterator)
        return text.spoken.text
    finally:
        await _close(iterator, deltas)


class ModelText:
    """A language model's text, and what was spoken of it."""

    def __init__(self, conversation: Speaker) -> None:
        self._conversation = conversation
        self._cut = conversation.next_cut()
        self._sentences = Sentences()
        self._said: list[str] = []
        self._waiting: deque[tuple[str, Speech]] = deque()
        self._blank = ""
        """Blanks that stand before the next sentence."""
        self._estimated = False
        self._over = False
        self._complete = False

    @property
    def under_way(self) -> bool:
        """Whether it is being spoken, and nobody has cut it off."""
        return not self._over and not self._cut.done()

    @property
    def spoken(self) -> Spoken:
        """What was spoken so far."""
        text, estimated = "".join(self._said), self._estimated
        for sentence, speech in self._waiting:
            said = speech.said
            if said:
                text += sentence[: sentence.index(speech.text) + len(said)]
                estimated = True
            if said != speech.text:
                break
        cut_off = self._over and not self._complete
        return Spoken(text=text, cut_off=cut_off, estimated=estimated)

    async def read(self, deltas: AsyncIterable[str]) -> None:
        """Say what is read, until it was said or cut off."""
        try:
            async with _until(self._cut):
                self._check_mode()
                if self._conversation.mode is None:
                    await self._conversation.set_params(mode=1)
                await self._read(deltas)
        finally:
            self._over = True

    async def _read(self, deltas: AsyncIterable[Any]) -> None:
        async for delta in deltas:
            if not isinstance(delta, str):
                raise InvalidInput("deltas", delta, "must yield texts only")
            for sentence in self._sentences.feed(delta):
                await self._say(sentence)
            await self._wait_for_fewer_than(MOST_UNSPOKEN)
            if self._cut.done():
                return
        await self._say(self._sentences.finish())
        await self._wait_for_fewer_than(1)
        if not self._waiting:
            self._said.append(self._blank)
            self._complete = True

    async def _say(self, sentence: str) -> None:
        if is_blank(sentence):
            self._blank += sentence
            return
        await self._wait_for_fewer_than(MOST_UNSPOKEN)
        if self._cut.done():
            return
        self._check_mode()
        speech = await self._conversation.say(sentence.strip())
        self._waiting.append((self._blank + sentence, speech))
        self._blank = ""

    async def _wait_for_fewer_than(self, number: int) -> None:
        """Wait until fewer sentences are unspoken, or until they are cut off."""
        while len(self._waiting) >= number and not self._cut.done():
            sentence, speech = self._waiting[0]
            if await speech.spoken():
                self._waiting.popleft()
                self._said.append(sentence)
                self._estimated = self._estimated or speech.estimated

    def _check_mode(self) -> None:
        if self._conversation.mode == 2:  # noqa: PLR2004 - dialogue
            rule = "must be 1 while a language model speaks: `await session.set_params(mode=1)`"
            raise InvalidInput("mode", 2, rule)


@asynccontextmanager
async def _until(stop: asyncio.Future[None]) -> AsyncGenerator[None]:
    """Leave the block, wherever it waits, when a future is done."""
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)

    def leave(_: object) -> None:
        with suppress(RuntimeError):  # the block was left in the same turn
            limit.reschedule(loop.time())

    try:
        async with limit:
            stop.add_done_callback(leave)
            try:
                yield
            finally:
                stop.remove_done_callback(leave)
    except TimeoutError:
        if not limit.expired():  # the model's own
            raise


async def _close(*iterators: AsyncIterable[str]) -> None:
    """Close what was read: an async generator, and others that can be closed, by `close` too."""
    for each in dict.fromkeys(iterators):
        close: Any = getattr(each, "aclose", None) or getattr(each, "close", None)
        try:
            closing = None if close is None else close()
            if isawaitable(closing):
                await closing
        except Exception:  # what was said is worth more than how a stream ends
            logger.warning("a stream of a language model was not closed", exc_info=True)
