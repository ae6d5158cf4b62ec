"""Sentences of a text that arrives piece by piece."""

# ruff: noqa: RUF001 - marks of many scripts are meant

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akool_async.streaming.sentences import LONGEST, Sentences

CLUSTERS = (
    "a",
    "漢",
    "e\u0301",
    "👍🏽",
    "👩\u200d👩\u200d👧",
    "🇩🇪",
    "❤\ufe0f",
    "\u1112\u1161\u11ab",
    "\u1112\uac00",
    "\ua960\u1100\u1161",
    "\uac00\ud7cb",
    "น\u0e33",
    "क्षि",
    "ｶﾞ",
)
"""What a reader sees as one character."""

PIECES = st.lists(st.text(st.sampled_from("ab A1.!?。…\"'’)»*-\n\r\u0301é👍🏽"), max_size=9))
"""A text as a model writes it, with all that decides where a sentence ends."""


def all_of(pieces: Iterable[str]) -> list[str]:
    sentences = Sentences()
    found = [sentence for piece in pieces for sentence in sentences.feed(piece)]
    return [*found, sentences.finish()]


def ended_by(text: str) -> list[str]:
    """Return the sentences that have left when the last character of a text has come."""
    sentences = Sentences()
    return [sentence for character in text for sentence in sentences.feed(character)]


# Where a sentence ends


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Hello. ", "Hello."),
        ("Really?! ", "Really?!"),
        ("What?\n", "What?"),
        ("A line\n", "A line"),
        ("A line\r", "A line"),
        ("你好。我", "你好。"),
        ("真的？！好", "真的？！"),
        ("「行く。」と", "「行く。」"),
        ("「行く。」 ", "「行く。」"),
        ("「OK。」a", "「OK。」"),
        ("हाँ। ", "हाँ।"),
        ("네. ", "네."),
        ("It was 1999. ", "It was 1999."),
        ("Es begann im 2001. ", "Es begann im 2001."),
        ("Pi is 3.14. ", "Pi is 3.14."),
        ("So do I. ", "So do I."),
        ("I can't. ", "I can't."),
        ("See akool.com. T", "See akool.com."),
        ("Vraiment ? ", "Vraiment ?"),
        ('He said "Go." T', 'He said "Go."'),
        ("(Or not.) Y", "(Or not.)"),
        ("**Bold.** N", "**Bold.**"),
        ("Well... I", "Well..."),
        ("Well… I", "Well…"),
        ("Apples, pears, etc. T", "Apples, pears, etc."),
        ("Is it? No. I", " No."),
        ("It was Henry V. of England. ", "It was Henry V. of England."),
        ("There are 42. T", "There are 42."),
    ],
)
def test_a_sentence_leaves_with_the_character_that_proves_its_end(text: str, sentence: str) -> None:
    assert ended_by(text)[-1] == sentence
    assert sentence not in ended_by(text[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Lee and Mrs. Smith of St. Louis",
        "Das gilt z. B. für Berlin, d.h. hier",
        "Fruit, e.g. apples, i.e. these",
        "J. R. R. Tolkien in the U.S. Senate",
        "Pi is 3.14 and 1.000.000 is more",
        "A B.Sc. in physics",
        "5 Mio. Euro, d.h. 4 Mio. Dollar bzw. Pfund",
        "1. First",
        "- 2. Second",
        "Am 3. Mai und am 24. Dezember",
        "Write to me@akool.com or akool.com/?q=1",
        "Well... maybe… perhaps",
        'It said "Stop!" and "Really?" — twice',
        "Use apples, etc. and No. 5, Fig. 3, Jan. 7",
        "King Henry II. of England",
        "The 2. place is not the first",
        "Not between 好。\u0301 and its accent",
        "Wait",
    ],
)
def test_nothing_ends_inside_a_sentence(text: str) -> None:
    assert ended_by(f"{text}.") == []
    assert all_of([f"{text}! ", "Next."]) == [f"{text}!", " Next."]


@given(st.lists(st.text("abc", min_size=2, max_size=9), min_size=1), st.sampled_from(".!?。！？"))
def test_a_blank_behind_a_mark_is_proof_at_once(words: list[str], mark: str) -> None:
    sentence = " ".join(words) + mark
    assert ended_by(sentence) == []
    assert ended_by(f"{sentence} ") == [sentence]


# What holds for every text


@given(PIECES)
def test_joined_again_the_sentences_are_the_text(pieces: list[str]) -> None:
    assert "".join(all_of(pieces)) == "".join(pieces)


@given(PIECES, st.integers(1, 40))
def test_a_text_has_the_same_sentences_however_it_is_split(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    again = [text[at : at + size] for at in range(0, len(text), size)]
    assert all_of(pieces) == all_of(text) == all_of(again)


@given(st.lists(st.sampled_from(["a", "word ", "漢", " ", "x" * 150, " " * 150, "e\u0301"])))
def test_no_sentence_has_more_than_four_hundred_characters(parts: list[str]) -> None:
    found = all_of(["".join(parts) * 10])
    assert max(map(len, found)) <= LONGEST


@settings(max_examples=15)
@given(st.lists(st.text("abc", min_size=1, max_size=30), min_size=300, max_size=400))
def test_a_long_sentence_is_cut_at_a_blank(words: list[str]) -> None:
    found = all_of([" ".join(words)])
    assert len(found) > 1
    assert [word for sentence in found for word in sentence.split()] == words
    assert all(len(sentence) > LONGEST - 32 for sentence in found[:-1])


def test_the_end_of_a_line_is_not_cut_in_half() -> None:
    assert all_of([" " + "\r\n" * 300])[0] == " " + "\r\n" * 199


@given(st.integers(0, 12), st.lists(st.sampled_from(CLUSTERS), min_size=40, max_size=80))
def test_what_has_no_blank_is_cut_between_what_a_reader_sees(
    shift: int, clusters: list[str]
) -> None:
    parts = ["x"] * shift + clusters * 11
    found = all_of(["".join(parts)])
    assert len(found) > 1
    assert ends_of(found) <= ends_of(parts)


def ends_of(parts: Sequence[str]) -> set[int]:
    return set(itertools.accumulate(map(len, parts)))


def test_a_character_without_an_end_is_cut_all_the_same() -> None:
    assert [*map(len, all_of(["a" + "\u0301" * 1000]))] == [400, 400, 201]


@given(st.text(st.sampled_from("a.。 👍🏽漢\u0301"), max_size=40))
def test_halves_of_characters_are_joined(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [chr(units[at] + 256 * units[at + 1]) for at in range(0, len(units), 2)]
    assert all_of(halves) == all_of([text])


@pytest.mark.parametrize("pieces", [["a\ud83d", "b."], ["a", "\udc4d", "b."]])
def test_a_half_character_alone_is_shown_as_unknown(pieces: list[str]) -> None:
    assert all_of(pieces) == ["a\ufffdb."]


def test_a_half_character_at_the_end_is_shown_as_unknown() -> None:
    assert all_of(["a\ud83d"]) == ["a\ufffd"]


@given(PIECES)
def test_only_the_last_sentence_may_be_blank(pieces: list[str]) -> None:
    assert all(sentence.strip() for sentence in all_of(pieces)[:-1])
