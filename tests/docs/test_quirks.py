"""Akool's quirks have numbers, and one page explains every number that is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, text_of

QUIRKS = ROOT / "docs/quirks.md"
NUMBER = re.compile(r"\b[TNW][1-9]\d?\b")
HEADING = re.compile(r"^### (\w+): .+$", re.MULTILINE)
LINKED = re.compile(r"\[([^\]]*)\]\([^)]*quirks\.md#(\w+)\)")

PLACES = ("akool_async", "benchmarks", "docs", "examples", "tests")
WRITTEN_BY_HAND = {".json", ".md", ".py", ".toml"}


def explained() -> list[str]:
    return HEADING.findall(text_of(QUIRKS))


def files() -> Iterator[Path]:
    """Yield what may name a quirk, except for the page itself."""
    for place in PLACES:
        for path in (ROOT / place).rglob("*"):
            if path.suffix in WRITTEN_BY_HAND and path not in {QUIRKS, Path(__file__)}:
                yield path


def test_every_number_that_is_used_is_explained_and_none_is_explained_in_vain() -> None:
    used = {number for path in files() for number in NUMBER.findall(text_of(path))}
    assert used == set(explained())


def test_a_quirk_is_explained_once_so_that_its_address_is_its_own() -> None:
    assert len(explained()) == len(set(explained()))
    assert [each for each in explained() if not NUMBER.fullmatch(each)] == []
    anchors = re.findall(r'^<a id="(.+)"></a>\n\n### (\w+): ', text_of(QUIRKS), re.MULTILINE)
    assert anchors == [(each.lower(), each) for each in explained()]
    assert len(anchors) == text_of(QUIRKS).count("\n### ")


def test_a_page_written_by_hand_links_every_number() -> None:
    reference = ROOT / "docs/reference"
    for page in PAGES:
        if page in {QUIRKS, ROOT / "CONTRIBUTING.md"} or page.is_relative_to(reference):
            continue
        links = LINKED.findall(text_of(page))
        assert [anchor for _, anchor in links] == [name.lower() for name, _ in links]
        bare = LINKED.sub("", text_of(page))
        assert NUMBER.findall(bare) == [], page
