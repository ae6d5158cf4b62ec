"""The simulated avatar, without media: messages in, messages out, on a clock."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from akool_async.clock import ManualClock
from akool_async.errors import InvalidInput
from akool_async.simulator import Avatar, AvatarBehaviour

PAGE = "An avatar that speaks is paid by the second, so close its session when you are done."


class Line:
    """An avatar, and what it has sent."""

    def __init__(self, *, mode: Literal[1, 2] = 1, seed: int = 0, **behaviour: Any) -> None:
        self.clock = ManualClock()
        self.messages: list[dict[str, Any]] = []
        said = AvatarBehaviour(**behaviour)
        self.avatar = Avatar(self.clock, self._take, said, mode=mode, seed=seed)

    def _take(self, message: bytes) -> None:
        assert len(message) <= 1024
        self.messages.append(json.loads(message))

    def say(self, text: str, *, mid: str = "m", idx: int = 0, fin: bool = True) -> None:
        said = {"v": 2, "type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": {"text": text}}
        self.avatar.take(json.dumps(said).encode())

    def command(self, cmd: str, data: Any = None, *, mid: str = "c") -> dict[str, Any]:
        """Send a command; return the reply to it."""
        content = {"cmd": cmd} | ({} if data is None else {"data": data})
        message = {"v": 2, "type": "command", "mid": mid, "pld": content}
        self.avatar.take(json.dumps(message).encode())
        (reply,) = [
            each for each in self.messages if (each["type"], each["mid"]) == ("command", mid)
        ]
        pld: dict[str, Any] = reply["pld"]
        return pld

    def speaks(self) -> bool:
        return self.avatar.speaking

    def captions(self, speaker: str = "bot") -> list[dict[str, Any]]:
        return [each for each in self.messages if each["pld"].get("from") == speaker]

    def events(self) -> list[str]:
        return [each["pld"]["event"] for each in self.messages if each["type"] == "event"]


async def test_it_says_what_it_is_told_in_captions_while_it_speaks() -> None:
    line = Line(speed=10)
    line.say(PAGE)
    assert line.speaks()
    assert (line.events(), len(line.captions())) == (["audio_start"], 1)
    await line.clock.advance(len(PAGE) / 10 - 0.1)
    assert line.speaks()
    await line.clock.advance(0.1)
    assert not line.speaks()
    assert line.events() == ["audio_start", "audio_end"]
    captions = line.captions()
    assert "".join(each["pld"]["text"] for each in captions) == PAGE
    assert [each["idx"] for each in captions] == list(range(len(captions)))
    assert [each["fin"] for each in captions] == [False] * (len(captions) - 1) + [True]
    assert {(each["v"], each["mid"]) for each in captions} == {(2, "m")}


async def test_it_says_one_text_after_the_other() -> None:
    line = Line(speed=1)
    line.say("one", mid="1")
    line.say("two", mid="2")
    assert [each["mid"] for each in line.captions()] == ["1"]
    await line.clock.advance(3)
    assert [each["mid"] for each in line.captions()] == ["1", "2"]
    await line.clock.advance(3)
    assert line.events() == ["audio_start", "audio_end"] * 2


async def test_parts_are_put_together_in_any_order_and_twice() -> None:
    line = Line()
    for idx in (2, 0, 0, 1, 1, 2):
        line.say(("a", "b", "c")[idx], idx=idx, fin=idx == 2)
    assert [each.text for each in line.avatar.told] == ["abc"]


async def test_a_part_that_never_comes_leaves_nothing_to_say() -> None:
    line = Line()
    line.say("a", idx=0, fin=False)
    line.say("c", idx=2, fin=True)
    assert (line.avatar.told, line.messages) == ([], [])


async def test_a_text_that_is_sent_twice_is_said_once() -> None:
    line = Line()
    for _ in range(2):
        line.say("once")
    assert len(line.avatar.told) == 1


async def test_two_halves_of_a_character_become_one() -> None:
    line = Line()
    line.say("\ud83c", idx=0, fin=False)
    line.say("\udf89", idx=1)
    line.say("\ud83c", mid="half")
    assert [each.text for each in line.avatar.told] == ["\U0001f389", "\ufffd"]


async def test_in_dialogue_it_answers() -> None:
    line = Line(mode=2)
    line.say("Hello.")
    await line.clock.advance(10)
    assert "".join(each["pld"]["text"] for each in line.captions()) == "You said: Hello."


async def test_an_interrupt_ends_the_speech_and_what_waits() -> None:
    line = Line(speed=10)
    line.say(PAGE, mid="1")
    line.say("never", mid="2")
    await line.clock.advance(3)
    assert line.command("interrupt") == {"cmd": "interrupt", "code": 1000, "msg": "OK"}
    assert not line.speaks()
    assert line.events() == ["audio_start", "audio_end"]
    *_, last = line.captions()
    assert (last["mid"], last["fin"], last["pld"]["text"]) == ("1", True, "")
    assert not any(each["fin"] for each in line.captions()[:-1])
    before = len(line.messages)
    await line.clock.advance(60)
    assert len(line.messages) == before
    line.say("again", mid="3")
    assert line.speaks()


async def test_parameters_are_set() -> None:
    line = Line(mode=2)
    assert line.command("set-params", {"mode": 1, "lang": "de"})["code"] == 1000
    assert (line.avatar.mode, line.avatar.params) == (1, {"mode": 1, "lang": "de"})


@pytest.mark.parametrize("data", [None, {}, {"mode": 3}, {"mode": "1"}, {"mode": [1]}, "mode"])
async def test_parameters_that_are_none_are_refused(data: Any) -> None:
    line = Line(mode=2)
    assert line.command("set-params", data)["code"] == 1003
    assert line.avatar.mode == 2


async def test_a_command_that_nobody_knows_is_refused() -> None:
    assert Line().command("dance")["code"] == 1003


async def test_commands_are_refused_on_request() -> None:
    line = Line(refusal=1009)
    line.say(PAGE)
    assert line.command("interrupt", mid="1")["code"] == 1009
    assert line.speaks()
    assert line.command("set-params", {"mode": 2}, mid="2")["code"] == 1009
    assert line.avatar.mode == 1


async def test_it_tells_what_it_hears() -> None:
    line = Line()
    line.avatar.hear(2.04)
    (caption,) = line.captions("user")
    assert (caption["pld"]["text"], caption["fin"]) == ("(heard 2.0 s of speech)", True)
    assert not line.speaks()


async def test_in_dialogue_speech_interrupts_it_and_is_answered() -> None:
    line = Line(mode=2)
    line.say(PAGE)
    line.avatar.hear(2.0)
    await line.clock.advance(30)
    *_, last = line.captions()
    answer = [each["pld"]["text"] for each in line.captions() if each["mid"] == last["mid"]]
    assert "".join(answer) == "You spoke for 2.0 seconds."
    assert line.events() == ["audio_start", "audio_end"] * 2


async def test_not_every_carrier_says_when_it_speaks() -> None:
    line = Line(events=False)
    line.say("quiet")
    await line.clock.advance(5)
    assert (line.events(), len(line.captions())) == ([], 1)


@pytest.mark.parametrize(
    "junk",
    [
        *(b"", b"\xff", b"hello", b"[]", b"7", b"{}", b"[" * 1024),
        b'{"type": "chat", "pld": {}}',
        b'{"type": "chat", "pld": {"text": "a"}, "idx": "x"}',
        b'{"type": "command", "pld": "x"}',
    ],
)
async def test_junk_is_left_alone(junk: bytes) -> None:
    line = Line()
    line.avatar.take(junk)
    assert (line.messages, line.avatar.told) == ([], [])


async def test_it_hangs_up_after_its_time_and_then_says_nothing() -> None:
    line = Line(hangs_up_after=2, speed=1)
    await line.clock.advance(1)
    for _ in range(2):
        line.avatar.meet()
    left: list[float] = []
    line.avatar.when_left.append(lambda: left.append(line.clock.time()))
    line.say(PAGE)
    await line.clock.advance(2)
    assert (left, line.avatar.left) == ([3.0], True)
    before = len(line.messages)
    line.say("still there?", mid="2")
    line.avatar.hear(1.0)
    line.avatar.hang_up()
    await line.clock.advance(60)
    assert (len(line.messages), left) == (before, [3.0])


# The channel


def told(line: Line, count: int = 200) -> list[str]:
    """Send texts; return those that arrived."""
    for number in range(count):
        line.say(str(number), mid=str(number))
    return [each.text for each in line.avatar.told]


async def test_messages_are_lost_by_their_share_and_by_the_seed() -> None:
    arrived = told(Line(loss_rate=0.25))
    assert 120 < len(arrived) < 180
    assert arrived == told(Line(loss_rate=0.25))
    assert arrived != told(Line(loss_rate=0.25, seed=1))


async def test_replies_are_lost_too() -> None:
    line = Line(loss_rate=1.0)
    line.avatar.hear(1.0)
    assert line.messages == []


async def test_messages_arrive_twice() -> None:
    line = Line(double_rate=1.0)
    line.avatar.hear(1.0)
    assert line.messages[0] == line.messages[1]
    assert told(line, 10) == [str(number) for number in range(10)]


async def test_messages_arrive_late_and_so_in_another_order() -> None:
    line = Line(late_rate=1.0, lateness=5.0)
    assert told(line, 20) == []
    await line.clock.advance(5)
    arrived = [each.text for each in line.avatar.told]
    assert arrived != sorted(arrived, key=int)
    assert sorted(arrived, key=int) == [str(number) for number in range(20)]


async def test_messages_change_places_with_the_next() -> None:
    line = Line(swap_rate=1.0)
    assert told(line, 4) == ["1", "0", "3", "2"]


async def test_nothing_arrives_late_once_it_has_left() -> None:
    line = Line(late_rate=1.0)
    line.say("late")
    line.avatar.hear(1.0)
    line.avatar.hang_up()
    await line.clock.advance(5)
    assert (line.messages, line.avatar.told) == ([], [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("speed", 0), ("loss_rate", 1.5), ("late_rate", -0.1), ("lateness", -1), ("swap_rate", "x")],
)
def test_behaviour_that_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=name):
        AvatarBehaviour(**{name: value})
