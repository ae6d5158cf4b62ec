"""What the page on live avatars says of figures, hosts and sentences, compared with the code."""

from __future__ import annotations

import re

import pytest

from akool_async.streaming.backend.frames import FromPage
from akool_async.streaming.backend.rules import Rules
from akool_async.streaming.sentences import LONGEST, Sentences
from examples.live_avatar.door import AGORA
from tests.docs.pages import ROOT, text_of

PAGE = text_of(ROOT / "docs/live_avatars.md")


def rows_under(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    below = PAGE.split(f"{heading}\n", 1)[1]
    table = re.search(r"^\| ---.*\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def test_the_limits_of_the_backend_have_the_defaults_that_the_page_shows() -> None:
    required = {"authorize", "avatars", "durations"}
    rules = Rules(authorize=lambda _asked: None, avatars=["a"], durations=[60])
    shown = dict[str, float]()
    for names, default, _ in rows_under("### Limits and timers"):
        if default != "none":
            shown[names.strip("`")] = float(default.removesuffix(" s"))
    numbers = {
        name: float(value)
        for name in rules.__struct_fields__
        if isinstance(value := getattr(rules, name), int | float) and name not in required
    }
    assert shown == numbers


def test_the_policy_of_the_page_allows_the_hosts_that_are_shown() -> None:
    shown = re.findall(r"`(\*\.[a-z.-]+)`", PAGE)
    assert shown == list(AGORA)


def test_the_frames_of_a_page_are_those_that_are_read() -> None:
    cells = [row[0] for row in rows_under("### What goes over the websocket") if row[0]]
    shown = {name for cell in cells for name in re.findall(r"^`(\w+)`", cell)}
    assert shown == {each.__struct_config__.tag for each in FromPage.__args__}


@pytest.mark.parametrize("text", ["Dr.", "z. B.", "e.g.", "U.S.", "1.", "am 3. Mai", "akool.com"])
def test_nothing_ends_where_the_page_says_so(text: str) -> None:
    assert f"`{text}`" in PAGE
    assert Sentences().feed(f"{text} and") == []


@pytest.mark.parametrize("text", ["etc.", "No.", "...", "It is 42.", '"Really?"'])
def test_the_next_letter_decides_where_the_page_says_so(text: str) -> None:
    assert f"`{text.removeprefix('It is ')}`" in PAGE
    assert Sentences().feed(f"{text} and") == []
    assert Sentences().feed(f"{text} And") == [text]


def test_a_sentence_has_as_many_characters_as_the_page_says() -> None:
    assert f"the {LONGEST}th character" in PAGE
