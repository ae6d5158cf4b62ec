"""Pieces of HTML for notebooks: what is shown is escaped, and only web addresses are followed."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async.notebook import pieces
from akool_async.protocol.secret import Confidential

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")


def everything(text: str) -> str:
    """Return all pieces with a text in each place where one can stand."""
    return pieces.card(
        text,
        text,
        "good",
        pieces.quiet(text, text),
        pieces.code(text),
        pieces.media(text, "image"),
        pieces.media(text, "video"),
        pieces.media(text, "audio"),
        pieces.link(text),
        pieces.table([text], [[text]]),
        pieces.folded(text, pieces.fields([(text, text)])),
        pieces.bar(1, 2, text),
    )


HARMLESS = Tags(everything("harmless")).tags


@given(
    st.text(min_size=1, max_size=60) | st.sampled_from([HOSTILE, "\ud800", "a\u202eb", "\x1b[31m"])
)
def test_no_text_adds_a_tag_or_an_attribute(text: str) -> None:
    html = everything(text)
    html.encode()  # half of a surrogate pair could not be sent to a browser
    seen = Tags(html)
    assert [tag for tag in seen.tags if tag not in {"img", "video", "audio", "a"}] == [
        tag for tag in HARMLESS if tag not in {"img", "video", "audio", "a"}
    ]
    assert not [name for name in seen.attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JaVaScRiPt:alert(1)//.png",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "file:///etc/passwd.png",
        "//host.example/a.png",
        "https:a.png",
        "https://[bad.png",
        "",
    ],
)
def test_what_is_no_address_of_the_web_is_neither_link_nor_player(address: str) -> None:
    seen = Tags(pieces.media(address, "image") + pieces.link(address))
    assert not {"a", "img", "video", "audio"} & {*seen.tags}
    assert not {"href", "src"} & {*seen.attributes}


def test_quotes_in_an_address_stay_inside_their_attribute() -> None:
    address = f"https://cdn.example/a.png?{HOSTILE}"
    seen = Tags(pieces.media(address))
    assert seen.attributes["src"] == [address]
    assert seen.attributes["href"] == [address]
    assert "script" not in seen.tags


@pytest.mark.parametrize(
    ("address", "hint", "tag"),
    [
        ("https://cdn.example/a.PNG?x=1.mp4", None, "img"),
        ("https://cdn.example/a.mp4", "image", "video"),
        ("https://cdn.example/a.wav", None, "audio"),
        ("https://cdn.example/a", "audio", "audio"),
    ],
)
def test_an_address_says_itself_what_is_played_and_else_its_operation(
    address: str, hint: pieces.Kind | None, tag: str
) -> None:
    assert tag in Tags(pieces.media(address, hint)).tags


def test_media_of_no_known_kind_is_a_link_alone() -> None:
    assert Tags(pieces.media("https://cdn.example/a.srt")).tags == ["div", "a"]


def test_a_secret_hides_itself_in_every_piece() -> None:
    assert "canary" not in everything(Confidential("canary"))


def test_a_long_text_is_cut() -> None:
    assert len(pieces.text(10_000 * "a")) < 600


def test_a_bar_without_a_total_shows_the_count_alone() -> None:
    assert "37" in pieces.bar(37, None, "2 failed")
    assert "width:37%" in pieces.bar(37, 100, "")
