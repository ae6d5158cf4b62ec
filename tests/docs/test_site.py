"""The site in a real browser: at three widths, light and dark, from the disk, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser_network import CHROMIUM_ARGS
from tests.browsers import Contexts, Open, check_with_axe, launched

pytest_plugins = ["tests.docs.built_site"]
pytestmark = [
    pytest.mark.usefixtures("nothing_leaves"),
    pytest.mark.timeout(600),  # the first of them may build the site, on however busy a machine
]

PHONE, TABLET, DESK = 360, 768, 1280
SAMPLE: Final = (
    "index.html",
    "tutorials/first_job.html",
    "errors.html",
    "python/jobs.html",
    "reference/reage.html",
)
LEFT_OUT: Final = ("decisions/0", "examples/")
"""Pages that a phone is not tried with: dozens of plain ones, and one that needs a server."""
PARTS: Final = 4
"""The pages are looked at in so many tests, which run beside each other."""
NOTHING_TO_FIND: Final = 'var __index = {"config": {"lang": ["en"], "separator": "-"}, "items": []}'


@pytest.fixture(scope="module")
def browser(axe_core: str, inside_loopback: object, site: Path) -> Iterator[Browser]:
    with launched(*CHROMIUM_ARGS) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, site: Path) -> Iterator[Open]:
    """Open pages from the disk; at the end none has complained, or asked any host for anything."""
    contexts = Contexts(browser)

    def opened(name: str, width: int) -> Page:
        context = contexts.open(width, 800, color_scheme="light", reduced_motion="reduce")
        page = context.new_page()
        page.goto(address(site, name))
        return page

    yield opened
    contexts.close()
    assert [each for each in contexts.complaints if not each.startswith("info: ")] == []
    assert [each for each in contexts.asked if not each.startswith(("file:", "data:"))] == []


def address(site: Path, name: str) -> str:
    return (site / name).as_uri()


def wider(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.body.clientWidth")
    return pixels


@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_is_wider_than_a_phone(part: int, open_page: Open, site: Path) -> None:
    every = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    names = [name for name in every if not name.startswith(LEFT_OUT)]
    page = open_page("index.html", PHONE)
    # Each page starts the search anew. Without what it searches, that costs half as much.
    page.route(re.compile(r"/search\.js$"), lambda route: route.fulfill(body=NOTHING_TO_FIND))
    found: list[str] = []
    for name in names[part::PARTS]:
        page.goto(address(site, name), wait_until="domcontentloaded")
        if wider(page) > 0:
            found.append(name)
    assert found == []


@pytest.mark.parametrize("name", SAMPLE)
def test_everybody_can_use_a_page(name: str, open_page: Open, axe_core: str) -> None:
    page = open_page(name, PHONE)
    is_sound(page, axe_core)
    page.set_viewport_size({"width": TABLET, "height": 800})
    is_sound(page, axe_core)
    page.set_viewport_size({"width": DESK, "height": 800})
    is_sound(page, axe_core)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    is_sound(page, axe_core)


def is_sound(page: Page, axe_core: str) -> None:
    """Check what a browser can tell: axe, and no scrolling to the side."""
    check_with_axe(page, axe_core, preload=False)
    assert wider(page) <= 0


@pytest.mark.parametrize("word", ["retry", "idempotency"])
def test_the_search_finds_what_people_look_for_without_a_server(word: str, open_page: Open) -> None:
    page = open_page("index.html", DESK)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type(word)
    found = page.get_by_role("option").filter(has_text=re.compile(word, re.IGNORECASE)).first
    expect(found).to_be_visible()
    found.click()
    expect(page.locator("article mark").first).to_have_text(re.compile(word, re.IGNORECASE))
