"""Commands in a conversation: answered, refused, repeated, given up, cancelled."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from akool_async.clock import ManualClock
from akool_async.errors import CommandRefused, NoAnswer, NotJoined, SessionEnded
from tests.streaming.talking import Talk, is_command, read, reply, talk


async def test_parameters_are_set_when_akool_has_answered(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        changing = asyncio.create_task(talking.conversation.set_params(vid="v-1", lang="fr"))
        await clock.settle()
        assert not changing.done()
        command = await talking.answered("set-params")
        assert command["pld"]["data"] == {"vid": "v-1", "lang": "fr"}
        await changing
        await clock.advance(100)
        assert await talking.heard() == []


async def test_a_mode_is_known_once_it_is_set(clock: ManualClock) -> None:
    async with talk(clock, mode=2) as talking:
        changing = asyncio.create_task(talking.conversation.set_params(mode=1))
        await clock.settle()
        modes = [talking.conversation.mode]
        await talking.answered("set-params")
        await changing
        assert [*modes, talking.conversation.mode] == [2, 1]


async def test_a_refused_command_says_why_and_the_mode_stays(clock: ManualClock) -> None:
    async with talk(clock, mode=2) as talking:
        changing = asyncio.create_task(talking.conversation.set_params(mode=1))
        await talking.answered("set-params", code=1003, msg="no such mode")
        with pytest.raises(CommandRefused, match="no such mode") as caught:
            await changing
        assert (caught.value.cmd, caught.value.code) == ("set-params", 1003)
        assert talking.conversation.mode == 2


@pytest.mark.parametrize("cmd", ["set-params", "interrupt"])
async def test_a_command_is_repeated_twice_with_its_mid_and_then_given_up(
    clock: ManualClock, cmd: str
) -> None:
    async with talk(clock, mode=2) as talking:
        asking = asyncio.create_task(ask(talking, cmd))
        heard = []
        for _ in range(10):
            heard += [(clock.time(), each["mid"]) for each in await talking.heard()]
            await clock.advance(1)
        assert [when for when, _ in heard] == [0.0, 2.0, 4.0]
        assert len({mid for _, mid in heard}) == 1
        with pytest.raises(NoAnswer) as caught:
            await asking
        assert (caught.value.cmd, caught.value.seconds) == (cmd, 6.0)
        assert talking.conversation.mode == (None if cmd == "set-params" else 2)


async def test_an_answer_to_a_repetition_counts_and_a_second_answer_does_nothing(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        asking = asyncio.create_task(talking.conversation.set_params(lang="fr"))
        await clock.advance(2.5)
        first, again = await talking.heard()
        for each in (first, again):
            await talking.avatar.send(reply(each))
        await asking
        await clock.advance(100)
        assert await talking.heard() == []
        assert talking.conversation.joined


async def test_each_command_gets_its_own_answer(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        french = asyncio.create_task(talking.conversation.set_params(lang="fr"))
        german = asyncio.create_task(talking.conversation.set_params(lang="de"))
        first, second = await talking.heard()
        await talking.avatar.send(reply(second))
        await german
        assert not french.done()
        await talking.avatar.send(reply(first, code=1003))
        with pytest.raises(CommandRefused):
            await french


async def test_time_in_which_the_process_was_stopped_gives_no_command_up(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        asking = asyncio.create_task(talking.conversation.set_params(lang="fr"))
        await clock.advance(5)
        command = (await talking.heard())[0]
        await clock.hold_up(60)
        await talking.avatar.send(reply(command))  # it came meanwhile, and is read now
        await clock.settle()
        await asking


async def ask(talking: Talk, cmd: str) -> None:
    if cmd == "interrupt":
        await talking.conversation.interrupt()
    else:
        await talking.conversation.set_params(mode=1)


@pytest.mark.parametrize("cmd", ["set-params", "interrupt"])
async def test_a_command_fails_at_once_when_whoever_carries_it_leaves(
    clock: ManualClock, cmd: str
) -> None:
    async with talk(clock) as talking:
        asking = asyncio.create_task(ask(talking, cmd))
        await clock.settle()
        await talking.avatar.leave()
        with pytest.raises(NotJoined):
            await asking


@pytest.mark.parametrize("cmd", ["set-params", "interrupt"])
async def test_a_command_fails_at_once_when_the_session_ends(clock: ManualClock, cmd: str) -> None:
    async with talk(clock) as talking:
        asking = asyncio.create_task(ask(talking, cmd))
        await clock.settle()
        await talking.conversation.end("expired")
        with pytest.raises(SessionEnded) as caught:
            await asking
        assert caught.value.reason == "expired"


async def test_a_cancelled_command_is_repeated_no_more(clock: ManualClock) -> None:
    async with talk(clock, mode=2) as talking:
        asking = asyncio.create_task(talking.conversation.set_params(mode=1))
        assert len(await talking.heard()) == 1
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await clock.advance(100)
        assert await talking.heard() == []
        assert talking.conversation.mode is None  # it may have been carried out


async def test_a_command_that_is_cancelled_before_it_leaves_does_not_leave(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        many = [asyncio.create_task(talking.conversation.set_params(lang="fr")) for _ in range(40)]
        await clock.settle(200)
        assert len(await talking.heard()) == 30
        for each in many:
            each.cancel()
        await asyncio.wait(many)
        await clock.advance(100)
        assert await talking.heard() == []


async def full(talking: Talk) -> list[asyncio.Task[None]]:
    """Give so many commands that the next one waits for the carrier's next second."""
    given = [asyncio.create_task(talking.conversation.set_params(lang="fr")) for _ in range(40)]
    await talking.clock.settle(200)
    assert len(await talking.heard()) == 30
    return given


async def test_an_interrupt_goes_out_ahead_of_other_commands(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        given = await full(talking)
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await clock.advance(1.2)
        heard = await talking.heard()
        assert is_command(heard[0], "interrupt")
        assert is_command(heard[1], "set-params")
        await talking.conversation.end("closed")
        await asyncio.wait([stopping, *given])
        assert all(isinstance(each.exception(), SessionEnded) for each in (stopping, *given))


async def test_an_interrupt_that_is_cancelled_while_it_waits_still_leaves_once(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        given = await full(talking)
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await clock.settle()
        for each in (stopping, *given):
            each.cancel()
        await asyncio.wait([stopping, *given])
        await clock.advance(100)
        (message,) = await talking.heard()
        assert is_command(message, "interrupt")


async def test_commands_that_wait_when_the_page_leaves_are_not_sent_to_the_next_one(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        given = await full(talking)
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await clock.settle()
        await talking.avatar.leave()
        await talking.avatar.join()
        await asyncio.wait([stopping, *given])
        await clock.advance(100)
        assert await talking.heard() == []
        assert all(isinstance(each.exception(), NotJoined) for each in (stopping, *given))


async def test_an_interrupt_that_is_cancelled_in_its_first_step_still_leaves(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say("A long story. " * 500)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await talking.conversation.interrupt()
        assert scope.cancelled_caught
        assert speech.cut_off
        (message,) = await talking.heard()
        assert is_command(message, "interrupt")
        later = await talking.conversation.say("Something else")  # nothing holds it back
        assert [each["mid"] for each in await talking.heard()] == [later.mid]
        await clock.advance(10)
        assert await talking.heard() == []


@pytest.mark.parametrize("cmd", ["set-params", "interrupt"])
async def test_a_cancel_at_any_step_leaves_a_conversation_that_works(
    clock: ManualClock, cmd: str
) -> None:
    for step in range(12):
        async with talk(clock) as talking:
            before = asyncio.all_tasks()
            asking = asyncio.create_task(ask(talking, cmd))
            answering = asyncio.create_task(answers_one(talking))
            for _ in range(step):
                await asyncio.sleep(0)
            asking.cancel()
            answering.cancel()
            await asyncio.wait([asking, answering])
            assert asyncio.all_tasks() == before
            speech = await talking.conversation.say("Hello")
            await talking.heard()
            assert speech.sent
            changing = asyncio.create_task(talking.conversation.set_params(lang="fr"))
            await talking.answered("set-params")
            await changing
            await clock.advance(10)
            assert await talking.heard() == []


async def answers_one(talking: Talk) -> None:
    await talking.avatar.send(reply(read(await talking.avatar.receive())))
