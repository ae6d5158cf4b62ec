"""What arrives is put together: parts in any order, twice, or never."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async.streaming.messages import Assembler, Caption, Received, Unrecognized

EMOJI = "\N{PARTY POPPER}"
HIGH, LOW = "\ud83c", "\udf89"
"""The halves of a party popper, as JavaScript counts characters."""
LOST = "\N{REPLACEMENT CHARACTER}"

texts = st.text(st.sampled_from('ab \n"é漢' + EMOJI * 3 + "\N{MAN}\u200d"), min_size=6, max_size=60)


def message(
    text: str,
    idx: int | None = 0,
    *,
    fin: bool | None = True,
    mid: str | None = "m-1",
    speaker: str = "bot",
    **more: Any,
) -> bytes:
    """Write a message as JavaScript does: half a character is an escape."""
    fields = {"v": 2, "type": "chat", "mid": mid, "idx": idx, "fin": fin} | more
    given = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(given | {"pld": {"from": speaker, "text": text}}).encode()


def units(text: str) -> list[str]:
    """Return what JavaScript takes for the characters of a text."""
    wide = text.encode("utf-16-le")
    return [wide[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(wide), 2)]


def whole(text: str) -> str:
    """Return a text as Unicode: halves that meet are joined, the others are lost."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def cut(text: str, size: int) -> list[str]:
    """Return the parts of a text as the vendor's code cuts it: by halves."""
    some = units(text)
    return ["".join(some[at : at + size]) for at in range(0, len(some), size)]


def messages_of(parts: list[str], **more: Any) -> list[bytes]:
    last = len(parts) - 1
    return [message(part, idx, fin=idx == last, **more) for idx, part in enumerate(parts)]


def captions(news: Iterable[Received]) -> list[Caption]:
    found = list(news)
    captions = [each for each in found if isinstance(each, Caption)]
    assert captions == found
    return captions


def taken(some: Iterable[bytes], assembler: Assembler | None = None) -> list[Caption]:
    assembler = assembler or Assembler()
    return captions(each for one in some for each in assembler.take(one, 0.0))


@given(texts, st.integers(1, 4), st.data())
def test_parts_in_any_order_and_twice_are_the_text(
    text: str, size: int, data: st.DataObject
) -> None:
    parts = messages_of(cut(text, size))
    assert len(parts) > 1
    doubled = parts + data.draw(st.lists(st.sampled_from(parts)))
    found = taken(data.draw(st.permutations(doubled)))
    assert "".join(each.text for each in found) == text
    assert [each.final for each in found] == [False] * (len(found) - 1) + [True]
    assert not any(each.gap for each in found)


@given(texts, st.integers(1, 4), st.data())
def test_where_parts_never_came_the_others_are_told_with_gaps(
    text: str, size: int, data: st.DataObject
) -> None:
    parts = cut(text, size)
    arrived = sorted(
        data.draw(st.sets(st.sampled_from(range(len(parts))), min_size=1, max_size=len(parts)))
    )
    runs, gaps, before = [""], 0, -1
    for number in arrived:
        if number != before + 1:
            gaps += 1
            runs.append("")
        runs[-1] += parts[number]
        before = number
    gaps += before != len(parts) - 1
    every, assembler = messages_of(parts), Assembler()
    found = taken([every[number] for number in data.draw(st.permutations(arrived))], assembler)
    while (when := assembler.next_expiry) is not None:
        found += captions(assembler.expire(when))
    assert "".join(each.text for each in found) == "".join(map(whole, runs))
    assert sum(each.gap for each in found) == gaps
    assert [each.final for each in found] == [False] * (len(found) - 1) + [True]


@given(texts, texts, st.data())
def test_the_same_mid_of_avatar_and_user_are_two_texts(
    answer: str, question: str, data: st.DataObject
) -> None:
    mixed = messages_of(cut(answer, 3)) + messages_of(cut(question, 2), speaker="user")
    found = taken(data.draw(st.permutations(mixed)))
    assert "".join(each.text for each in found if each.speaker == "bot") == answer
    assert "".join(each.text for each in found if each.speaker == "user") == question


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(HIGH),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "from", "event", "cmd", "code"]), inner)
    ),
    max_leaves=5,
)
nearly = st.fixed_dictionaries(
    {},
    optional={
        "v": st.sampled_from([2, 2.0, 3]) | json_values,
        "type": st.sampled_from(["chat", "command", "event"]) | json_values,
        "mid": st.sampled_from(["a", "b", HIGH]) | json_values,
        "idx": st.integers(-1, 5) | json_values,
        "fin": st.booleans() | json_values,
        "pld": st.fixed_dictionaries(
            {},
            optional={
                "from": st.sampled_from(["bot", "user"]) | json_values,
                "text": st.sampled_from(["x", "", HIGH, LOW]) | json_values,
                "event": st.sampled_from(["audio_start", "other"]) | json_values,
                "cmd": st.just("interrupt") | json_values,
                "code": st.just(1000) | json_values,
                "msg": json_values,
            },
        )
        | json_values,
    },
)


@given(
    st.lists(st.binary(max_size=40) | nearly.map(lambda each: json.dumps(each).encode())),
    st.floats(0, 100),
)
def test_whatever_arrives_nothing_is_raised_and_all_text_is_text(
    some: list[bytes], later: float
) -> None:
    assembler = Assembler(texts=2, parts=3)
    news = [each for one in some for each in assembler.take(one, 0.0)]
    news += assembler.expire(later)
    for each in news:
        json.loads(each.to_json().encode())  # half a character could not be encoded
        if isinstance(each, Caption):
            (each.text + each.mid).encode()


def test_a_text_is_told_piece_by_piece_as_it_becomes_whole() -> None:
    assembler = Assembler()
    one, two, three, four = messages_of(["One ", "two ", "three ", "four."])
    assert [each.text for each in taken([one], assembler)] == ["One "]
    assert taken([three], assembler) == []
    assert [each.text for each in taken([two], assembler)] == ["two three "]
    last = Caption(speaker="bot", mid="m-1", text="four.", final=True)
    assert taken([four], assembler) == [last]


def test_half_a_character_waits_for_its_other_half() -> None:
    first, last = taken([message(f"Hi {HIGH}", 0, fin=False), message(f"{LOW}!", 1)])
    assert (first.text, last.text) == ("Hi ", f"{EMOJI}!")


def test_half_a_character_alone_is_no_caption_yet() -> None:
    assembler = Assembler()
    assert taken([message(HIGH, 0, fin=False)], assembler) == []
    (last,) = taken([message(LOW, 1)], assembler)
    assert last.text == EMOJI


def test_half_a_character_whose_other_half_never_comes_is_replaced() -> None:
    assert "".join(each.text for each in taken([message(f"a{HIGH}", 0, fin=True)])) == f"a{LOST}"
    next_is_other = taken([message(HIGH, 0, fin=False), message("b", 1)])
    assert "".join(each.text for each in next_is_other) == f"{LOST}b"
    assembler = Assembler(silence=30)
    assert taken([message(HIGH, 0, fin=False)], assembler) == []
    (last,) = assembler.expire(30)
    assert last == Caption(speaker="bot", mid="m-1", text=LOST, final=True, gap=True)


def test_halves_on_both_sides_of_a_gap_are_no_character() -> None:
    assembler = Assembler(patience=2)
    assert taken([message(HIGH, 0, fin=False), message(LOW, 2)], assembler) == []
    (last,) = assembler.expire(2)
    assert last == Caption(speaker="bot", mid="m-1", text=LOST * 2, final=True, gap=True)


def test_a_missing_part_is_waited_for_and_no_longer() -> None:
    assembler = Assembler(patience=2)
    assert assembler.take(message("there.", 1), 10.0) == []
    assert assembler.next_expiry == 12.0
    assert assembler.expire(11.9) == []
    late = Caption(speaker="bot", mid="m-1", text="there.", final=True, gap=True)
    assert assembler.expire(12.0) == [late]
    assert assembler.take(message("Hello ", 0, fin=False), 12.1) == []


def test_while_no_text_is_under_way_nothing_expires() -> None:
    assembler = Assembler()
    taken(messages_of(["Hello ", "there."]), assembler)
    assert assembler.next_expiry is None
    assert assembler.expire(1000.0) == []


def test_a_message_that_arrives_notices_that_another_is_overdue() -> None:
    assembler = Assembler(patience=2)
    assert assembler.take(message("there.", 1), 10.0) == []
    texts = [each.text for each in captions(assembler.take(message("Hi.", mid="m-2"), 13.0))]
    assert texts == ["Hi.", "there."]


def test_each_missing_part_has_its_own_time() -> None:
    assembler = Assembler(patience=2)
    assembler.take(message("b", 1, fin=False), 0.0)
    assembler.take(message("d", 3, fin=False), 1.0)
    assert [(each.text, each.gap) for each in captions(assembler.expire(2.0))] == [("b", True)]
    assert assembler.next_expiry == 3.0
    assert [(each.text, each.gap) for each in captions(assembler.expire(3.0))] == [("d", True)]
    assert assembler.next_expiry == 31.0


def test_a_text_whose_end_never_comes_is_ended() -> None:
    assembler = Assembler(silence=30)
    taken([message("Hello", 0, fin=False)], assembler)
    assert assembler.next_expiry == 30.0
    end = Caption(speaker="bot", mid="m-1", text="", final=True, gap=True)
    assert assembler.expire(30.0) == [end]
    (after,) = assembler.take(message(" again", 1), 31.0)
    assert isinstance(after, Unrecognized)


def test_a_message_without_number_or_end_is_whole() -> None:
    for idx, fin in [(None, None), (None, True), (0, None)]:
        (found,) = taken([message("Hello", idx, fin=fin)])
        assert found == Caption(speaker="bot", mid="m-1", text="Hello", final=True)


def test_parts_without_numbers_are_taken_in_their_order() -> None:
    assembler = Assembler()
    found = taken(
        [message("a", None, fin=False), message("b", None, fin=False), message("c", None)],
        assembler,
    )
    assert [(each.text, each.final) for each in found] == [("a", False), ("b", False), ("c", True)]


def test_a_message_without_mid_is_told_at_once() -> None:
    assembler = Assembler()
    found = taken(
        [message("a", mid=None), message("a", mid=None), message("b", 3, mid="")], assembler
    )
    assert [(each.mid, each.text) for each in found] == [("", "a"), ("", "a"), ("", "b")]


def test_a_part_behind_the_last_one_is_kept_as_it_came() -> None:
    for some in (
        [message("a", 0), message("b", 1)],
        [message("b", 1), message("c", 2), message("a", 0, fin=False)],
    ):
        assembler = Assembler()
        news = [each for one in some for each in assembler.take(one, 0.0)]
        assert sum(isinstance(each, Unrecognized) for each in news) == 1
        told = captions(each for each in news if not isinstance(each, Unrecognized))
        assert told[-1].final
        assert assembler.next_expiry is None


ATTACKS: dict[str, Callable[[int], bytes]] = {
    "texts that never end": lambda n: message("x", 0, fin=False, mid=f"m-{n}"),
    "texts that never begin": lambda n: message("x" * 900, 1, mid=f"m-{n}"),
    "texts that ended": lambda n: message("x", mid=f"{n:0256}"),
    "one text full of holes": lambda n: message("x", 2 * n + 2, fin=False),
    "large parts": lambda n: message("x" * 15_000, 2 * n + 2, fin=False),
    "many texts of large parts": lambda n: message(
        "x" * 15_000, n + 1, fin=False, mid=f"m-{n % 50}"
    ),
}
"""The message of a number."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_peer_makes_it_grow(attack: str) -> None:
    assembler, texts = Assembler(), 0
    for number in range(2000):
        texts += len(captions(assembler.take(ATTACKS[attack](number), 0.0)))
    assert len(pickle.dumps(assembler)) < 400_000
    while (when := assembler.next_expiry) is not None:
        texts += len(assembler.expire(when))
    assert texts >= 1000, "what was held back was told, not lost"


def test_what_is_held_back_when_too_much_waits_is_told_with_a_gap() -> None:
    assembler = Assembler(parts=2)
    found = taken([message(f"{n} ", n, fin=False) for n in (2, 4, 6)], assembler)
    assert [(each.text, each.gap) for each in found] == [("2 ", True)]
    assembler = Assembler(texts=1)
    found = taken(
        [message("a", 0, fin=False, mid="m-1"), message("b", 0, fin=False, mid="m-2")], assembler
    )
    assert [(each.mid, each.text, each.final) for each in found] == [
        ("m-1", "a", False),
        ("m-2", "b", False),
        ("m-1", "", True),
    ]
