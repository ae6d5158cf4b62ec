"""A language model's text, spoken while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Self

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async.clock import ManualClock
from akool_async.errors import (
    AlreadySpeaking,
    CommandRefused,
    InvalidInput,
    NoAnswer,
    NotJoined,
    SessionEnded,
)
from akool_async.simulator import AvatarBehaviour, AvatarTransport
from akool_async.streaming import Spoken
from akool_async.streaming.conversation import Conversation
from tests.streaming.talking import Talk, begun, is_command, talk, voice

SENTENCE = "One two three four five six seven eight nine ten."
SECONDS = len(SENTENCE) / 14
"""How long it takes to say the sentence, as estimated."""


class Model:
    """A language model that writes sentences, word by word; it knows how far it was read."""

    def __init__(self, sentences: int = 1000, *, then: BaseException | None = None) -> None:
        words = SENTENCE.split(" ") * sentences
        self.deltas = [*(f"{word} " for word in words[:-1]), words[-1]]
        self.read = 0
        self.closed = False
        self._then = then

    @property
    def text(self) -> str:
        return "".join(self.deltas)

    async def write(self) -> AsyncIterator[str]:
        try:
            for delta in self.deltas:
                self.read += 1
                yield delta
            if self._then is not None:
                raise self._then
        finally:
            self.closed = True


async def written(deltas: Iterable[str]) -> AsyncIterator[str]:
    for delta in deltas:
        yield delta


def texts(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [each["pld"]["text"] for each in messages if each["type"] == "chat"]


# What is said, and when


async def test_a_sentence_is_on_its_way_before_the_model_has_written_the_next_one(
    clock: ManualClock,
) -> None:
    more = asyncio.Event()

    async def write() -> AsyncIterator[str]:
        for delta in ("Hello", " there.", " "):
            yield delta
        await more.wait()
        yield "How are you?"

    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(write()))
        assert texts(await talking.heard()) == ["Hello there."]
        more.set()
        assert texts(await talking.heard()) == ["How are you?"]
        await clock.advance(60)
        assert await speaking == "Hello there. How are you?"


async def test_each_sentence_is_a_message_of_its_own(clock: ManualClock) -> None:
    deltas = ["One. Two!", " Three?\n\n", "Four"]
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(written(deltas)))
        await clock.advance(60)
        messages = await talking.heard()
        assert texts(messages) == ["One.", "Two!", "Three?", "Four"]
        assert len({each["mid"] for each in messages}) == 4
        assert await speaking == "".join(deltas)
        assert talking.conversation.spoken == Spoken(text="".join(deltas), estimated=True)


async def test_at_most_two_sentences_wait_and_the_model_is_read_no_further(
    clock: ManualClock,
) -> None:
    model = Model()
    assert len(model.deltas) == 10_000
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        assert texts(await talking.heard()) == [SENTENCE] * 2
        assert model.read == 20
        await clock.advance(0.9)
        assert await talking.heard() == []
        assert model.read == 20
        await clock.advance(0.2 + SECONDS)
        assert texts(await talking.heard()) == [SENTENCE]
        assert model.read == 30
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        assert (model.read, model.closed) == (30, True)


async def test_many_sentences_in_one_piece_wait_here(clock: ManualClock) -> None:
    async with talk(clock, mode=1) as talking:
        text = "First. Second. Third. Fourth."
        speaking = asyncio.create_task(talking.conversation.speak(written([text])))
        assert texts(await talking.heard()) == ["First.", "Second."]
        await clock.advance(60)
        assert await speaking == text


async def test_the_carriers_news_of_the_voice_decide_when_the_next_sentence_leaves(
    clock: ManualClock,
) -> None:
    model = Model(4)
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        heard = texts(await talking.heard())
        for number in range(4):
            await talking.avatar.send(voice("audio_start"))
            await clock.advance(0.5)
            assert len(heard) == min(number + 2, 4)
            await talking.avatar.send(voice("audio_end"))
            heard += texts(await talking.heard())
            early = " ".join([SENTENCE] * (number + 1))
            assert talking.conversation.spoken == Spoken(text=early)
        assert await speaking == model.text
        assert talking.conversation.spoken == Spoken(text=model.text)
        assert clock.time() == 2.0


async def test_blanks_are_kept_and_not_said(clock: ManualClock) -> None:
    deltas = ["\n", "", "  Hello.", " \n\u200b\n", " " * 900, "Bye.", "\n\ufeff"]
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(written(deltas)))
        await clock.advance(60)
        assert texts(await talking.heard()) == ["Hello.", "Bye."]
        assert await speaking == "".join(deltas)


@pytest.mark.parametrize("deltas", [[], [""], [" ", "\n"]])
async def test_a_model_that_writes_nothing_is_no_error(
    clock: ManualClock, deltas: list[str]
) -> None:
    async with talk(clock, mode=1) as talking:
        assert await talking.conversation.speak(written(deltas)) == "".join(deltas)
        assert await talking.heard() == []


@given(
    st.lists(st.text(st.sampled_from("ab. !\n漢。👍🏽"), max_size=12), max_size=12),
    st.floats(0, 30),
)
async def test_whenever_it_is_cut_off_the_return_value_begins_the_models_text(
    deltas: list[str], after: float
) -> None:
    clock, text = ManualClock(), "".join(deltas)
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(written(deltas)))
        await clock.advance(after)
        whole, sent = speaking.done(), texts(await talking.heard())
        await interrupted(talking)
        spoken = await speaking
        assert text.startswith(spoken)
        assert (spoken == text) == whole
        assert talking.conversation.spoken.cut_off == (not whole)
        if whole:
            assert "".join("".join(sent).split()) == "".join(text.split())


@pytest.mark.parametrize("events", [True, False])
async def test_an_avatar_of_the_simulator_has_said_what_is_returned(
    *, clock: ManualClock, events: bool
) -> None:
    model = Model()
    behaviour = AvatarBehaviour(events=events, double_rate=0.5)
    transport = AvatarTransport(behaviour, mode=2, clock=clock)
    async with begun(transport, clock) as conversation:
        speaking = asyncio.create_task(conversation.speak(model.write()))
        await clock.advance(1 + 2.5 * SECONDS)
        assert transport.avatar.mode == 1
        await conversation.interrupt()
        spoken = await speaking
        assert spoken.startswith(f"{SENTENCE} {SENTENCE}")
        assert not transport.avatar.speaking
        told = [said.text for said in transport.avatar.told]
        assert told == [SENTENCE] * len(told)
        assert spoken.count(SENTENCE) < len(told) <= 4
        assert model.read <= 40
        assert model.closed


# The mode


async def test_mode_1_is_set_before_the_model_is_read_and_once(clock: ManualClock) -> None:
    model = Model(1)
    async with talk(clock) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        (command,) = await talking.heard()
        assert command["pld"] == {"cmd": "set-params", "data": {"mode": 1}}
        assert model.read == 0
        await talking.avatar.send(
            b'{"v":2,"type":"command","mid":"%s","pld":{"cmd":"set-params","code":1000}}'
            % command["mid"].encode()
        )
        assert texts(await talking.heard()) == [SENTENCE]
        await clock.advance(60)
        assert await speaking == SENTENCE
        again = asyncio.create_task(talking.conversation.speak(Model(1).write()))
        assert texts(await talking.heard()) == [SENTENCE]
        await clock.advance(60)
        assert await again == SENTENCE


async def test_in_mode_2_nothing_is_said(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock, mode=2) as talking:
        with pytest.raises(InvalidInput, match="mode: must be 1 while a language model speaks"):
            await talking.conversation.speak(model.write())
        assert model.read == 0
        assert await talking.heard() == []


async def test_a_mode_that_changes_meanwhile_ends_it(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.settle()
        change = asyncio.create_task(talking.conversation.set_params(mode=2))
        await talking.answered("set-params")
        await change
        await clock.advance(60)
        with pytest.raises(InvalidInput, match="mode: must be 1"):
            await speaking
        assert model.closed
        assert talking.conversation.spoken.text == f"{SENTENCE} {SENTENCE}"


async def test_a_mode_that_is_refused_closes_the_model(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(closed))
        await talking.answered("set-params", code=1003, msg="no")
        with pytest.raises(CommandRefused):
            await speaking
        assert closed.times == 1


async def test_a_mode_that_nobody_confirms_is_an_error(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(Closed()))
        await clock.advance(6)
        with pytest.raises(NoAnswer):
            await speaking


# Ends before the end


class Closed:
    """An iterator that is no generator: it waits for ever, and counts how often it is closed."""

    def __init__(self) -> None:
        self.times = 0

    def __aiter__(self) -> Closed:
        return self

    async def __anext__(self) -> str:
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.times += 1


async def interrupted(talking: Talk) -> None:
    stopping = asyncio.create_task(talking.conversation.interrupt())
    await talking.answered("interrupt")
    await stopping


async def test_an_interrupt_in_the_third_sentence_closes_the_model(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.advance(1 + 2 * SECONDS + 1)
        assert texts(await talking.heard()) == [SENTENCE] * 4
        await interrupted(talking)
        spoken = await speaking
        assert spoken == f"{SENTENCE} {SENTENCE} One two three"
        assert model.text.startswith(spoken)
        assert model.closed
        assert model.read == 40
        assert talking.conversation.spoken == Spoken(text=spoken, cut_off=True, estimated=True)
        await clock.advance(60)
        assert await talking.heard() == []


async def test_an_interrupt_between_two_sentences_leaves_whole_sentences(
    clock: ManualClock,
) -> None:
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(Model().write()))
        await talking.heard()
        await talking.avatar.send(voice("audio_start"))
        await clock.advance(2)
        await talking.avatar.send(voice("audio_end"))
        await talking.heard()
        await interrupted(talking)
        assert await speaking == SENTENCE
        assert talking.conversation.spoken == Spoken(text=SENTENCE, cut_off=True)


async def test_an_interrupt_ends_the_wait_for_a_model_that_thinks(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(closed))
        await clock.settle()
        await interrupted(talking)
        assert await speaking == ""
        assert closed.times == 1


async def test_an_interrupt_while_the_mode_is_set_ends_it(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        (command,) = await talking.heard()
        assert is_command(command, "set-params")
        await interrupted(talking)
        assert await speaking == ""
        assert model.read == 0


async def test_an_end_while_the_mode_is_set_ends_it(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.settle()
        await talking.conversation.end("expired")
        assert await speaking == ""
        assert model.read == 0


async def test_an_interrupt_that_comes_with_a_delta_says_nothing_more(clock: ManualClock) -> None:
    ready = asyncio.Event()

    async def write() -> AsyncIterator[str]:
        await ready.wait()
        yield "Too late. "

    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(write()))
        await clock.settle()
        stopping = asyncio.create_task(talking.conversation.interrupt())
        ready.set()
        await talking.answered("interrupt")
        await stopping
        assert await speaking == ""
        await clock.advance(60)
        assert await talking.heard() == []


async def test_a_model_that_ignores_a_cancel_is_left_all_the_same(clock: ManualClock) -> None:
    async def write() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield "I go on. "
            yield "And on. "

    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(write()))
        await clock.settle()
        await interrupted(talking)
        assert await speaking == ""
        assert await talking.heard() == []


async def test_the_end_of_the_session_ends_it_with_what_was_said(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.advance(1 + SECONDS + 0.1)
        await talking.conversation.end("expired")
        assert await speaking == SENTENCE
        assert talking.conversation.spoken.cut_off
        assert model.closed


async def test_a_page_that_leaves_ends_it_with_what_was_said(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(closed))
        await clock.settle()
        await talking.avatar.leave()
        await clock.settle()
        assert speaking.done()
        assert await speaking == ""
        assert closed.times == 1


@pytest.mark.parametrize("after", [0.0, 1.5, 1 + SECONDS + 1])
async def test_a_cancel_closes_the_model_and_the_text_is_still_known(
    clock: ManualClock, after: float
) -> None:
    model = Model()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.advance(after)
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        assert model.closed
        sent = len(texts(await talking.heard()))
        early = talking.conversation.spoken
        assert early.cut_off
        await clock.advance(60)  # the avatar goes on with what was sent
        late = talking.conversation.spoken
        assert late.text == " ".join([SENTENCE] * sent)
        assert late.text.startswith(early.text)
        assert len(early.text) < len(late.text)


async def test_a_time_limit_of_the_programs_own_is_raised(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock, mode=1) as talking:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await talking.conversation.speak(closed)
        assert closed.times == 1


async def test_a_deadline_of_anyio_closes_the_model(clock: ManualClock) -> None:
    model = Model()
    async with talk(clock, mode=1) as talking:
        with anyio.move_on_after(0.01) as scope:
            await talking.conversation.speak(model.write())
        assert scope.cancelled_caught
        assert model.closed
        assert model.read == 20


@pytest.mark.parametrize("error", [RuntimeError("no tokens left"), TimeoutError("too slow")])
async def test_what_the_model_raises_is_raised_and_the_text_is_still_known(
    clock: ManualClock, error: Exception
) -> None:
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(Model(1, then=error).write()))
        await clock.settle()
        with pytest.raises(type(error)) as caught:
            await speaking
        assert caught.value is error
        assert talking.conversation.spoken == Spoken(cut_off=True)


async def test_sentences_that_were_sent_before_an_error_are_said(clock: ManualClock) -> None:
    model = Model(2, then=RuntimeError("no tokens left"))
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(model.write()))
        await clock.settle()
        with pytest.raises(RuntimeError, match="no tokens left"):
            await speaking
        await clock.advance(60)
        assert texts(await talking.heard()) == [SENTENCE]
        assert talking.conversation.spoken == Spoken(text=SENTENCE, cut_off=True, estimated=True)


async def test_an_error_in_closing_the_model_hides_no_text(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Closed):
        async def aclose(self) -> None:
            raise RuntimeError("the connection is gone")

    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(Broken()))
        await clock.settle()
        await interrupted(talking)
        assert await speaking == ""
        assert "a stream of a language model was not closed" in caplog.text


async def test_an_iterable_and_its_iterator_are_both_closed(clock: ManualClock) -> None:
    model = Model(1)

    class Stream(Closed):
        def __aiter__(self) -> Any:
            return model.write()

    stream = Stream()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(stream))
        await clock.settle()
        await interrupted(talking)
        await speaking
        assert (model.closed, stream.times) == (True, 1)


async def test_a_stream_that_has_close_only_is_closed_by_that(clock: ManualClock) -> None:
    class Stream:
        """As openai's and anthropic's streams: an iterator that is no generator."""

        closed = 0

        def __aiter__(self) -> Self:
            return self

        async def __anext__(self) -> str:
            return "One more sentence. "

        async def close(self) -> None:
            self.closed += 1

    stream = Stream()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(stream))
        await clock.settle()
        await interrupted(talking)
        await speaking
    assert stream.closed == 1


# One after the other


async def test_a_second_text_while_one_is_spoken_is_refused(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock, mode=1) as talking:
        speaking = asyncio.create_task(talking.conversation.speak(Model().write()))
        await clock.settle()
        with pytest.raises(AlreadySpeaking, match="another `speak` is under way"):
            await talking.conversation.speak(closed)
        assert closed.times == 1
        await interrupted(talking)
        assert await speaking == ""


async def test_after_an_interrupt_the_next_text_needs_not_wait(clock: ManualClock) -> None:
    leave = asyncio.Event()

    class Slow(Closed):
        async def __anext__(self) -> str:
            try:
                return await super().__anext__()
            finally:
                await leave.wait()

    async with talk(clock, mode=1) as talking:
        first = asyncio.create_task(talking.conversation.speak(Slow()))
        await clock.settle()
        await interrupted(talking)
        assert not first.done()
        second = asyncio.create_task(talking.conversation.speak(Model(1).write()))
        await clock.advance(60)
        assert await second == SENTENCE
        leave.set()
        assert await first == ""


# Bad input


@pytest.mark.parametrize("deltas", ["text", ["text"], (each for each in ["text"]), None])
async def test_what_is_no_async_iterator_is_refused(clock: ManualClock, deltas: Any) -> None:
    async with talk(clock) as talking:
        with pytest.raises(InvalidInput, match="deltas: must be an async iterator of texts"):
            await talking.conversation.speak(deltas)
        assert await talking.heard() == []


async def test_a_delta_that_is_no_text_is_refused(clock: ManualClock) -> None:
    nothing: Any = None
    async with talk(clock, mode=1) as talking:
        with pytest.raises(InvalidInput, match="deltas: must yield texts only"):
            await talking.conversation.speak(written(["Hello. ", nothing]))
        assert texts(await talking.heard()) == ["Hello."]


async def test_with_nobody_in_the_channel_the_model_is_not_read(clock: ManualClock) -> None:
    closed = Closed()
    async with talk(clock, joined=False, mode=1) as talking:
        with pytest.raises(NotJoined):
            await talking.conversation.speak(closed)
        await talking.conversation.end("closed")
        with pytest.raises(SessionEnded):
            await talking.conversation.speak(closed)
        assert closed.times == 2


def test_before_anything_is_spoken_nothing_is(clock: ManualClock) -> None:
    assert Conversation(None, clock).spoken == Spoken()
