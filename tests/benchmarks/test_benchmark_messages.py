"""The vendor's code for messages, in Python, cuts as the code on the page does."""

from __future__ import annotations

import json

from benchmarks import vendor_chunker

MID = "msg-1723629433573"


def parts_of(some: list[bytes]) -> list[str]:
    return [json.loads(each)["pld"]["text"] for each in some]


def test_a_part_of_the_vendors_code_has_a_quarter_of_the_room_in_utf_16_units() -> None:
    # The empty message has 85 bytes: (950 - 85) // 4.
    some = vendor_chunker.messages("x" * 1000, MID)
    assert [len(part) for part in parts_of(some)] == [216, 216, 216, 216, 136]
    assert [json.loads(each)["fin"] for each in some] == [False] * 4 + [True]


def test_the_vendors_code_cuts_an_emoji_in_half_and_writes_an_escape() -> None:
    some = vendor_chunker.messages("x" * 215 + "\N{PARTY POPPER}", MID)
    assert [each.count(rb"\ud83c") for each in some] == [1, 0]
    assert [each.count(rb"\udf89") for each in some] == [0, 1]


def test_the_vendors_code_halves_a_part_that_is_too_long() -> None:
    some = vendor_chunker.messages("\x01" * 300, MID)
    assert [len(part) for part in parts_of(some)] == [108, 96, 96]


def test_the_vendors_code_waits_after_each_message_in_proportion_to_its_bytes() -> None:
    assert vendor_chunker.moments([b"x" * 600, b"x" * 601, b"x"]) == [0, 0.1, 0.1 + 0.101]
