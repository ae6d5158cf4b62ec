"""Cards in a real browser: no text of a reply runs as a script, and a phone shows them whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from akool_async import Status
from akool_async.endpoints import Audio, Faceswap
from akool_async.endpoints.audio import Voice
from akool_async.endpoints.paging import Page as Listed
from akool_async.notebook.display import html_of
from tests.browsers import launched

SCRIPT = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
HOSTILE = (
    f'"{SCRIPT}',
    f"'>{SCRIPT}",
    "javascript:document.title='taken'",
    "data:text/html,<script>document.title='taken'</script>",
    "https://cdn.example/a.png?\" onerror=\"document.title='taken'",
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with launched() as browser:
        opened = browser.new_page(viewport={"width": 360, "height": 740})
        opened.route("**/*", lambda route: route.abort())  # nothing is asked for
        yield opened


def show(page: Page, *shown: object, dark: bool = False) -> None:
    colours = "background:#111;color:#eee" if dark else "background:#fff;color:#111"
    cards = "".join(map(html_of, shown))
    page.set_content(f'<!doctype html><body style="{colours}">{cards}</body>')


def test_no_text_of_a_reply_runs_as_a_script(page: Page) -> None:
    for text in HOSTILE:
        show(
            page,
            Faceswap(id=text, status=Status.COMPLETED, predicted_url=text),
            Faceswap(id=text, status=Status.FAILED, error_reason=text),
            Audio(id=text, status=Status.COMPLETED, media=text),
            Listed(items=(Voice(voice_id=text, name=text),)),
        )
        for link in page.query_selector_all("a"):
            assert (link.get_attribute("href") or "").startswith("https://cdn.example/")
        page.evaluate("document.querySelectorAll('summary').forEach(each => each.click())")
        assert page.title() == ""


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_cards_whole_and_in_the_colour_of_the_page(page: Page, dark: bool) -> None:  # noqa: FBT001
    address = f"https://cdn.example/{'long' * 40}.png"
    wide = Voice(voice_id=60 * "v", name=60 * "n", gender="Female")
    show(
        page,
        Faceswap(id=24 * "6", status=Status.COMPLETED, predicted_url=address),
        Listed(items=(wide,)),
        dark=dark,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    colour = page.evaluate("getComputedStyle(document.querySelector('b')).color")
    assert colour == ("rgb(238, 238, 238)" if dark else "rgb(17, 17, 17)")
