"""The messages that are written: texts that are cut to fit, and commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import InvalidInput
from akool_async.streaming.messages import (
    AGORA,
    LIMITS,
    LIVEKIT,
    Limits,
    chat,
    interrupt,
    new_mid,
    set_params,
)

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}\u200d\N{BOY}"
CLUSTERS = [
    "a",
    '"',
    "\\",
    "\x01",
    "\r\n",
    "漢",
    "e\u0301",  # e and an accent
    "\u1112\u1161\u11ab",  # the letters of one Korean syllable
    "क्ष",  # two Indian letters that are one
    "か\u3099",  # a kana and its voice mark
    "1\ufe0f\u20e3",  # a key
    FAMILY,
    "\N{WAVING HAND SIGN}\U0001f3fd",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland
    "\U0001f1eb\U0001f1f7",  # France, in two flag letters
]
"""Each is what one reads as one character."""

characters = st.characters(exclude_categories=["Cs"])
pieces = st.one_of(
    st.sampled_from([*CLUSTERS, " ", "word ", "\n", "z" * 300, '"' * 40, "\0" * 30, " " * 50]),
    st.text(characters, max_size=8),
)
texts = st.builds(
    lambda some, other, times: "x" + "".join(some) * times + "".join(other),
    st.lists(pieces, min_size=5, max_size=20),
    st.lists(pieces, max_size=20),
    st.integers(60, 90),
).map(lambda text: text if len(text) > 2000 else text + "y" * 2000)
"""They need several messages, and have at most 64 KB: a list holds some hundred characters."""

words = st.text("abcdefghijklmnopqrstuvwxyzäöü漢", min_size=1, max_size=12)
carriers = st.sampled_from(
    [AGORA, Limits(carrier="own", largest=256), Limits(carrier="own", largest=97)]
)


def parts_of(messages: tuple[bytes, ...]) -> list[str]:
    return [json.loads(message)["pld"]["text"] for message in messages]


def short(text: str) -> str:
    """Return as much of a text as may be sent."""
    return text.encode()[:60_000].decode("utf-8", "ignore")


@given(texts, carriers)
def test_no_message_is_larger_than_its_carrier_takes(text: str, limits: Limits) -> None:
    messages = chat(short(text), "m-1", limits=limits)
    assert len(messages) > 1
    assert max(map(len, messages)) <= limits.largest


@given(texts, carriers)
def test_the_parts_joined_are_the_text(text: str, limits: Limits) -> None:
    messages = chat(short(text), "m-1", limits=limits)
    assert len(messages) > 1
    assert "".join(parts_of(messages)) == short(text)


@given(texts, carriers)
def test_parts_are_numbered_and_only_the_last_one_says_so(text: str, limits: Limits) -> None:
    written = [json.loads(each) for each in chat(short(text), "m-1", limits=limits)]
    last = len(written) - 1
    assert last > 0
    assert [each | {"pld": None} for each in written] == [
        {"v": 2, "type": "chat", "mid": "m-1", "idx": idx, "fin": idx == last, "pld": None}
        for idx in range(len(written))
    ]


@given(st.lists(st.sampled_from(CLUSTERS), min_size=20, max_size=40), st.integers(0, 3))
def test_no_cut_divides_what_one_reads_as_one_character(some: list[str], shift: int) -> None:
    clusters = ["x"] * shift + some * 25
    ends, end = set[int](), 0
    for cluster in clusters:
        end += len(cluster)
        ends.add(end)
    messages = chat("".join(clusters), "m-1", limits=Limits(carrier="own", largest=180))
    assert len(messages) > 2
    cut = 0
    for part in parts_of(messages):
        cut += len(part)
        assert cut in ends


@given(st.lists(words, min_size=20, max_size=30))
def test_words_are_cut_only_at_a_blank(some: list[str]) -> None:
    messages = chat(" ".join(some * 40), "m-1")
    assert len(messages) > 1
    assert [word for part in parts_of(messages) for word in part.split()] == some * 40


@given(texts)
def test_every_message_but_the_last_is_nearly_full(text: str) -> None:
    messages = chat(short(text), "m-1")
    assert len(messages) > 1
    # A blank is looked for in the last eighth, one character in the last 64 code points.
    assert min(map(len, messages[:-1])) >= AGORA.part - (AGORA.part // 8) - 64


def test_a_blank_is_near_by_bytes_not_by_characters() -> None:
    # Forty characters before the end of the part, but 240 bytes.
    messages = chat("x" * 680 + " " + "\0" * 40 + "x" * 1000, "m-1")
    assert len(messages[0]) > AGORA.part - 6


def test_a_text_that_fits_is_one_message() -> None:
    room = 1024 - len(chat("x", "m")[0]) + 1
    assert len(chat("x" * room, "m")) == 1
    assert len(chat("x" * (room + 1), "m")) == 2
    assert len(chat('"' * (room // 2), "m")) == 1
    assert len(chat('"' * (room // 2 + 1), "m")) == 2
    assert len(chat("x" * 15_000, limits=LIVEKIT)) == 1


def test_one_endless_character_is_cut_after_all() -> None:
    text = "e" + "\u0301" * 20_000
    messages = chat(text)
    assert "".join(parts_of(messages)) == text
    assert max(map(len, messages)) <= AGORA.largest


def test_a_long_row_of_flags_is_cut_between_flags() -> None:
    parts = parts_of(chat("\U0001f1eb\U0001f1f7" * 2000))
    assert len(parts) > 10
    assert all(len(part) % 2 == 0 for part in parts)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must not be blank"),
        (" \t\n\u3000", "must not be blank"),
        ("\u200b\ufeff", "must not be blank"),
        ("half \ud83c", "half a character"),
        ("\udf89 half", "half a character"),
        ("x" * 65_537, "at most 65536 bytes"),
        ("é" * 32_769, "at most 65536 bytes"),
        (b"bytes", "must be a text"),
        (None, "must be a text"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_a_text_that_nobody_can_say_is_refused(text: Any, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as caught:
        chat(text)
    assert caught.value.field == "text"


def test_a_text_of_64_kb_is_taken() -> None:
    text = "é" * 32_768
    assert "".join(parts_of(chat(text))) == text


@pytest.mark.parametrize("mid", ["", 7, "\ud83c", "m" * 1000], ids=lambda each: repr(each)[:40])
def test_a_mid_that_cannot_be_sent_is_refused(mid: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        chat("Hello", mid)
    assert caught.value.field == "mid"
    if mid != "m" * 1000:
        with pytest.raises(InvalidInput, match="mid"):
            interrupt(mid=mid)


def test_parts_carry_one_new_mid_unless_one_is_given() -> None:
    mids = {json.loads(each)["mid"] for each in chat("word " * 1000)}
    assert len(mids) == 1
    assert mids != {json.loads(chat("word")[0])["mid"]}


def test_mids_are_unique_in_each_process_also_after_a_fork() -> None:
    script = (
        "import os\n"
        "from akool_async.streaming.messages import new_mid\n"
        "first = new_mid()\n"
        "os.fork() and os.wait()\n"
        "print(*[new_mid() for _ in range(500)], sep='\\n', flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    here = Path(__file__).parents[3]
    mids = [new_mid() for _ in range(1000)]
    mids += subprocess.check_output(command, text=True, cwd=here).split()
    assert len(mids) == len(set(mids)) == 2000


def test_a_command_is_written_as_the_page_shows_it() -> None:
    assert json.loads(interrupt(mid="m-1")) == {
        "v": 2,
        "type": "command",
        "mid": "m-1",
        "pld": {"cmd": "interrupt"},
    }
    command = set_params(
        vid="v-1",
        vurl="https://example.com/voice.mp3",
        lang="en",
        mode=2,
        bgurl="http://example.com/a.jpg",
        mid="m-2",
    )
    assert json.loads(command) == {
        "v": 2,
        "type": "command",
        "mid": "m-2",
        "pld": {
            "cmd": "set-params",
            "data": {
                "vid": "v-1",
                "vurl": "https://example.com/voice.mp3",
                "lang": "en",
                "mode": 2,
                "bgurl": "http://example.com/a.jpg",
            },
        },
    }


def test_a_command_holds_only_what_is_given() -> None:
    assert json.loads(set_params(mode=1))["pld"]["data"] == {"mode": 1}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "vid"),
        ({"mode": 0}, "mode"),
        ({"mode": 3}, "mode"),
        ({"mode": "1"}, "mode"),
        ({"mode": True}, "mode"),
        ({"vid": 7}, "vid"),
        ({"vid": ""}, "vid"),
        ({"vid": b"v"}, "vid"),
        ({"vid": ["v"]}, "vid"),
        ({"vid": "\ud83c"}, "vid"),
        ({"lang": ""}, "lang"),
        ({"lang": 1}, "lang"),
        ({"vurl": "ftp://example.com/a"}, "vurl"),
        ({"vurl": ""}, "vurl"),
        ({"vurl": Path("voice.mp3")}, "vurl"),
        ({"bgurl": "javascript:alert(1)"}, "bgurl"),
        ({"bgurl": "//example.com/a.jpg"}, "bgurl"),
        ({"bgurl": "https://exa mple.com/a.jpg"}, "bgurl"),
        ({"bgurl": f"https://example.com/{'a' * 1024}", "mode": 1}, "bgurl"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_parameters_that_break_a_rule_are_refused(given: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        set_params(**given)
    assert caught.value.field == field


def test_a_command_is_as_large_as_its_carrier_takes_and_no_larger() -> None:
    small = len(set_params(vid="v", mid="m"))
    exact = set_params(vid="v" * (1025 - small), mid="m")
    assert len(exact) == 1024
    with pytest.raises(InvalidInput, match="1025 bytes; it must have at most 1024"):
        set_params(vid="v" * (1026 - small), mid="m")
    with pytest.raises(InvalidInput, match="at most 40"):
        interrupt(limits=Limits(carrier="own", largest=40))


def test_the_limits_are_those_of_the_vendors_pages() -> None:
    assert {
        name: (each.largest, each.bytes_per_second, each.messages_per_second, each.ordered)
        for name, each in LIMITS.items()
    } == {
        "agora": (1024, 6000, 30, False),
        "livekit": (15_360, None, None, True),
        "trtc": (1024, 8000, 30, False),
    }


@pytest.mark.parametrize(
    ("second", "part"), [(6000, 995), (8000, 996), (1024, 1024), (2047, 1024), (2048, 1024)]
)
def test_whole_parts_fill_what_commands_leave_of_a_second(second: int, part: int) -> None:
    limits = Limits(carrier="own", largest=1024, bytes_per_second=second)
    assert limits.part == part
    assert max(map(len, chat("x" * 5000, limits=limits))) == part


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"largest": 0}, "largest"),
        ({"largest": 1024, "bytes_per_second": 1023}, "bytes_per_second"),
        ({"largest": 1024, "messages_per_second": 0}, "messages_per_second"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_limits_under_which_nothing_could_leave_are_refused(given: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Limits(carrier="own", **given)
    assert caught.value.field == field
