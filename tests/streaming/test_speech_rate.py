"""How long a text takes, and which words are said by then."""

# ruff: noqa: RUF001 - marks of many scripts are meant

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async.streaming.speech_rate import part_said, seconds_of

TEXTS = st.text(st.sampled_from("ab  ,漢字。e\u0301か\u3099👍🏽\n"), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, ""),
        (4 / 14, ""),
        (5.5 / 14, "Hello"),
        (12 / 14, "Hello brave"),
        (16.5 / 14, "Hello brave"),
        (17.5 / 14, "Hello brave world"),
    ],
)
def test_words_are_said_whole(seconds: float, said: str) -> None:
    assert part_said("Hello brave world", seconds) == said


def test_a_chinese_text_has_a_word_in_each_character() -> None:
    assert part_said("你好。我是阿库！", 3.1 / 4.5) == "你好。"


@given(TEXTS, st.floats(0, 20))
def test_what_is_said_is_a_beginning_without_blanks_at_its_end(text: str, seconds: float) -> None:
    said = part_said(text, seconds)
    assert text.startswith(said)
    assert said in {text, said.rstrip()}
    assert not said or text[len(said) : len(said) + 1] not in {"\u0301", "\u3099", "🏽"}


@given(TEXTS, st.floats(0, 20), st.floats(0, 20))
def test_more_is_said_later(text: str, earlier: float, later: float) -> None:
    earlier, later = sorted((earlier, later))
    assert part_said(text, later).startswith(part_said(text, earlier))


@given(TEXTS)
def test_all_is_said_when_its_time_is_over(text: str) -> None:
    assert part_said(text, seconds_of(text) + 1e-6) == text
