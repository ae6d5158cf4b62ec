"""What one message says; and what becomes of a message that nobody can read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from akool_async.streaming.messages import (
    Assembler,
    Caption,
    CommandReply,
    Received,
    Silent,
    Speaking,
    Unrecognized,
    chat,
    interrupt,
)

CHAT = {"v": 2, "type": "chat", "mid": "m-1", "idx": 0, "fin": True}
SAID = {"from": "bot", "text": "Hello"}
REPLY = {"v": 2, "type": "command", "mid": "m-1"}
EVENT = {"v": 2, "type": "event", "mid": "e-1"}


def read(fields: object) -> list[Received]:
    data = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return Assembler().take(data, 0.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (CHAT | {"pld": SAID}, Caption(speaker="bot", mid="m-1", text="Hello", final=True)),
        (
            CHAT | {"pld": SAID | {"from": "user"}},
            Caption(speaker="user", mid="m-1", text="Hello", final=True),
        ),
        (
            {"type": "chat", "pld": SAID},
            Caption(speaker="bot", mid="", text="Hello", final=True),
        ),
        (
            {"type": "chat", "mid": "m-1", "pld": SAID | {"idx": 0, "fin": False}},
            Caption(speaker="bot", mid="m-1", text="Hello", final=False),
        ),
        (
            CHAT | {"pld": {"from": "bot"}},
            Caption(speaker="bot", mid="m-1", text="", final=True),
        ),
        (
            REPLY | {"pld": {"cmd": "set-params", "code": 1000, "msg": "OK"}},
            CommandReply(mid="m-1", cmd="set-params", code=1000, msg="OK"),
        ),
        (
            REPLY | {"v": None, "pld": {"cmd": "interrupt", "code": 1003}},
            CommandReply(mid="m-1", cmd="interrupt", code=1003),
        ),
        (EVENT | {"pld": {"event": "audio_start"}}, Speaking()),
        (EVENT | {"pld": {"event": "audio_end"}}, Silent()),
    ],
    ids=lambda each: repr(each)[:60],
)
def test_a_message_of_akools_pages_is_read(fields: Any, expected: Received) -> None:
    assert read(fields) == [expected]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (b"Hello", "no JSON"),
        (b"", "no JSON"),
        (b"\xff\x00", "no JSON"),
        (b'{"v": 2', "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b'{"v": 2} {"v": 2}', "no JSON"),
        (b"9" * 5000, "no JSON"),
        ([], "no JSON object"),
        ("chat", "no JSON object"),
        (2, "no JSON object"),
        ({}, "its type is None"),
        (CHAT | {"v": 1, "pld": SAID}, "its version is 1, not 2"),
        (CHAT | {"v": 3, "pld": SAID}, "its version is 3, not 2"),
        (CHAT | {"v": "2", "pld": SAID}, "its version is '2'"),
        (CHAT | {"v": True, "pld": SAID}, "its version is True"),
        (CHAT | {"type": "song", "pld": SAID}, "its type is 'song'"),
        (CHAT | {"type": ["chat"], "pld": SAID}, "its type is an array"),
        (CHAT, "its `pld` is None, no object"),
        (CHAT | {"pld": "Hello"}, "its `pld` is 'Hello', no object"),
        (CHAT | {"mid": 7, "pld": SAID}, "its `mid` is 7, no text"),
        (CHAT | {"mid": "m" * 257, "pld": SAID}, "its `mid` has more than 256"),
        (CHAT | {"idx": -1, "pld": SAID}, "its `idx` is -1"),
        (CHAT | {"idx": "0", "pld": SAID}, "its `idx` is '0'"),
        (CHAT | {"idx": True, "pld": SAID}, "its `idx` is True"),
        (CHAT | {"idx": 0.5, "pld": SAID}, "its `idx` is 0.5"),
        (CHAT | {"fin": "true", "pld": SAID}, "its `fin` is 'true'"),
        (CHAT | {"pld": {"text": "Hello"}}, "its `pld.from` is None"),
        (CHAT | {"pld": {"from": "bot", "text": ["Hello"]}}, "its `text` is an array"),
        (CHAT | {"fin": False, "pld": {"from": "bot"}}, "its `text` is None"),
        (REPLY | {"pld": {"cmd": "interrupt"}}, "its `pld.code` is None"),
        (REPLY | {"pld": {"code": 1000}}, "its `cmd` is None"),
        (EVENT | {"pld": {"event": "leave_channel"}}, "its event is 'leave_channel'"),
        (EVENT | {"pld": {"event": {}}}, "its event is an object"),
        (b'{"v": 2, "type": "' + b"x" * 70_000 + b'"}', "longer than 65536 bytes"),
    ],
    ids=lambda each: repr(each)[:60],
)
def test_a_message_that_nobody_can_read_is_kept(fields: Any, why: str) -> None:
    (found,) = read(fields)
    assert isinstance(found, Unrecognized)
    assert why in found.why
    data = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    assert found.data == data[:1024]


def test_the_reason_and_what_is_kept_are_short_however_long_the_message_is() -> None:
    (found,) = read(CHAT | {"type": "x" * 50_000})
    assert isinstance(found, Unrecognized)
    assert len(found.data) == 1024
    assert len(found.why) < 100


def test_a_message_that_is_nested_very_deep_is_kept() -> None:
    for depth in range(100, 1000, 50):
        nested = b"[" * depth + b"]" * depth
        (found,) = read(b'{"v": ' + nested + b', "type": "chat"}')
        assert isinstance(found, Unrecognized)


def test_half_a_character_outside_of_texts_is_replaced() -> None:
    (found,) = read(REPLY | {"mid": "\ud83c", "pld": {"cmd": "\ud83c", "code": 1, "msg": "\ud83c"}})
    assert found == CommandReply(mid="\ufffd", cmd="\ufffd", code=1, msg="\ufffd")


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    (found,) = read(json.dumps(CHAT | {"pld": SAID}).encode().replace(b"Hello", b"Hel\xfflo"))
    assert isinstance(found, Caption)
    assert found.text == "Hel\ufffdlo"


def test_what_we_send_ourselves_is_no_answer() -> None:
    for message in (*chat("Hello"), interrupt()):
        (found,) = read(message)
        assert isinstance(found, Unrecognized)
