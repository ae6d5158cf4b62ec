"""The report in a real browser: with and without scripts, by keyboard, on a phone, in print."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import akool_async.batch.report
from akool_async.batch.folder import RunFolder
from akool_async.batch.report.page import write_report
from akool_async.endpoints import OPERATIONS
from akool_async.simulator import Simulator
from benchmarks.run_report import made_up, picture
from tests.batch.report_parts import FAILING, carried_out, contrast, portrait, speech, told
from tests.batch.report_parts import Page as Parsed
from tests.browsers import Contexts, Open, launched

STYLE = Path(akool_async.batch.report.__file__).parent / "templates" / "page.css"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a small run of everything: pictures, sounds, failures, hostile texts."""
    place = tmp_path_factory.mktemp("reports")
    folder = RunFolder.at(place / "night.run")
    photo = place / "before.png"
    photo.write_bytes(picture(7))

    async def made() -> None:
        async with Simulator(pace=0.01, omit_rate=0.0) as simulator:
            rows = [portrait("ann", photo), portrait("bob", "https://elsewhere.example.com/b.png")]
            await carried_out(simulator, [*rows, *map(speech, range(5))], folder.root)
            await carried_out(simulator, [*map(speech, range(5, 8))], folder.root, FAILING)

    with ThreadPoolExecutor(1) as pool:  # Playwright's loop runs in this thread already
        pool.submit(asyncio.run, made()).result()
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a run of 1 000 rows, without players, whose files are not there."""
    folder = RunFolder.at(tmp_path_factory.mktemp("reports") / "many.run")
    made_up(folder, 1000)
    write_report(folder, gallery=0)
    return folder


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a run of every operation, in seconds, with keys that are too long for their column."""
    folder = RunFolder.at(tmp_path_factory.mktemp("reports") / "operations.run")
    names = sorted(OPERATIONS)
    keys = {number: f"{'x' * 60}-{number}" for number in range(1, 400, 17)}
    made_up(folder, 400)
    with closing(sqlite3.connect(folder.journal)) as connection, connection:
        for number, line in connection.execute("SELECT job, line FROM outcome").fetchall():
            outcome = json.loads(line) | {"operation": names[number % len(names)]}
            outcome["key"] = keys.get(number, outcome["key"])
            if number in keys:
                outcome |= {"status": "failed", "error": "JobFailed", "msg": "no face"}
            connection.execute(
                "UPDATE outcome SET line = ?, status = ? WHERE job = ?",
                (json.dumps(outcome).encode() + b"\n", outcome["status"], number),
            )
    told(folder)
    write_report(folder, gallery=0)
    return folder


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open reports; at the end none has complained, or asked any host for anything."""
    contexts = Contexts(browser)

    def opened(
        folder: RunFolder, *, scripts: bool = True, width: int = 1280, scheme: str = "light"
    ) -> Page:
        context = contexts.open(width, java_script_enabled=scripts, color_scheme=scheme)
        page = context.new_page()
        page.goto(folder.report.absolute().as_uri())
        return page

    yield opened
    contexts.close()
    assert contexts.complaints == []
    assert [each for each in contexts.asked if not each.startswith("file:")] == []


def test_it_is_whole_without_scripts(open_page: Open, night: RunFolder) -> None:
    page = open_page(night, scripts=False)
    expect(page.locator("#all tbody tr")).to_have_count(10)
    expect(page.locator("#time svg")).to_have_count(4)
    expect(page.locator("#time svg").first).to_be_visible()
    expect(
        page.get_by_role("heading", name=re.compile(r"\d failed, JobFailed")).first
    ).to_be_visible()
    expect(page.locator("#gallery audio, #gallery video")).not_to_have_count(0)
    expect(page.locator("#filter")).to_be_hidden()


def test_pictures_before_and_after_are_loaded_from_the_disk(
    open_page: Open, night: RunFolder
) -> None:
    page = open_page(night)
    pair = page.locator("#gallery li", has_text="ann").first
    pair.scroll_into_view_if_needed()
    pictures = pair.locator("img")
    expect(pictures).to_have_count(2)
    for at in range(2):
        page.wait_for_function(
            "each => each.naturalWidth > 0", arg=pictures.nth(at).element_handle()
        )
    other = page.locator("#gallery li", has_text="bob").first
    expect(other.locator("img")).to_have_count(1)
    link = other.get_by_role("link", name="at its address").first
    assert link.get_attribute("href") == "https://elsewhere.example.com/b.png"


def test_a_hostile_prompt_does_nothing(open_page: Open, night: RunFolder) -> None:
    page = open_page(night)
    expect(page.locator("#all")).to_contain_text("document.title='taken'")
    assert page.title() == "night.run: report of a run"
    expect(page.locator("script")).to_have_count(1)


def test_rows_are_searched_filtered_and_sorted(open_page: Open, many: RunFolder) -> None:
    page = open_page(many)
    said, found = page.get_by_role("status"), page.locator("#found tbody tr")
    page.get_by_label("Search").fill("number 12")
    texts = [each.text.lower() for each in Parsed(many.report).rows.values()]
    fitting = sum("number" in text and "12" in text for text in texts)
    expect(said).to_have_text(f"{fitting} of 1,000 rows")
    expect(found).to_have_count(fitting)
    expect(page.locator("#all")).to_be_hidden()
    page.get_by_label("Search").fill("")
    form = page.locator("#filter")
    form.get_by_label("Status").select_option("failed")
    form.get_by_label("Operation").select_option("reage.image")
    expect(said).to_have_text(re.compile(r"^\d+ of 1,000 rows$"))
    assert set(found.locator("td.p").all_inner_texts()) == {"✗ failed"}
    for operation in found.locator("td:nth-child(3)").all_inner_texts():
        assert operation == "reage.image"
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#all")).to_be_visible()
    form.get_by_label("Order").select_option("longest at Akool")
    expect(said).to_have_text("1,000 of 1,000 rows")
    seconds = [float(text) for text in found.locator("td:nth-child(8)").all_inner_texts() if text]
    assert seconds[:50] == sorted(seconds[:50], reverse=True)
    more = page.get_by_role("button", name="Show more")
    more.scroll_into_view_if_needed()  # it shows more by itself, too
    page.wait_for_function("() => document.querySelectorAll('#found tbody tr').length >= 400")


def test_a_failure_leads_to_its_row_also_while_only_some_are_shown(
    open_page: Open, many: RunFolder
) -> None:
    page = open_page(many)
    page.get_by_label("Search").fill("nothing has this")
    expect(page.get_by_role("status")).to_have_text("0 of 1,000 rows")
    link = page.locator("#failures li a").first
    link.click()
    target = page.locator(str(link.get_attribute("href")))
    expect(target).to_be_in_viewport()


def test_the_keyboard_reaches_rows_and_search(open_page: Open, night: RunFolder) -> None:
    page = open_page(night)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to all rows")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All rows")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("ann")
    expect(page.get_by_role("status")).to_have_text("1 of 10 rows")


@pytest.mark.parametrize("scripts", [True, False])
def test_nothing_is_wider_than_a_phone(open_page: Open, night: RunFolder, scripts: bool) -> None:  # noqa: FBT001
    page = open_page(night, width=390, scripts=scripts)
    for part in ("#totals", "#time", "#failures", "#gallery", "#rows"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
    if scripts:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_tables_and_controls_have_names(open_page: Open, night: RunFolder) -> None:
    page = open_page(night)
    assert page.locator("th:not([scope])").count() == 0
    for control in page.locator("#filter input, #filter select").all():
        assert control.evaluate("each => each.labels.length") == 1
    for picture_ in page.locator("img").all():
        assert picture_.get_attribute("alt")
    for player in page.locator("audio, video").all():
        assert player.get_attribute("aria-label")
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_it_prints_all_rows_without_controls(open_page: Open, many: RunFolder) -> None:
    page = open_page(many)
    page.emulate_media(media="print")
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("nav")).to_be_hidden()
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 with margins
    paper = "each => each.getBoundingClientRect().right <= innerWidth"
    assert page.locator("#totals table").evaluate(paper)
    assert page.pdf().count(b"/Type /Page\n") + page.pdf().count(b"/Type /Page ") >= 5


@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_of_a_chart_lies_over_another_or_is_cut_off(
    open_page: Open, operations: RunFolder, width: int
) -> None:
    page = open_page(operations, width=width)
    expect(page.locator("#time svg")).to_have_count(4)
    assert (
        page.evaluate(
            """() => [...document.querySelectorAll("#time svg")].flatMap((svg) => {
            const outer = svg.getBoundingClientRect();
            const texts = [...svg.querySelectorAll("text")].filter((each) => each.textContent);
            const boxes = texts.map((each) => [each.textContent, each.getBoundingClientRect()]);
            const cut = boxes.filter(([, box]) => box.left < outer.left || box.right > outer.right);
            const over = boxes.filter(([, one], at) => boxes.slice(at + 1).some(([, other]) =>
                one.left < other.right - 1 && other.left < one.right - 1
                && one.top < other.bottom - 3 && other.top < one.bottom - 3));
            return [...cut, ...over].map(([text]) => text);
        })"""
        )
        == []
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_key_and_a_long_command_stay_in_their_places(
    open_page: Open, operations: RunFolder, width: int
) -> None:
    page = open_page(operations, width=width)
    sized = "each => each.scrollWidth <= each.clientWidth"
    for cell in page.locator("#all tbody th", has_text="xxxx").all():
        assert cell.evaluate(sized)
    command = page.locator("#failures pre").first
    assert command.evaluate(sized)
    words = command.locator("span", has_text="--retry-failed").first
    box = words.bounding_box()
    assert box is not None
    assert box["height"] < 30  # no line breaks in it


def test_the_note_about_durations_fits_a_phone(open_page: Open, operations: RunFolder) -> None:
    box = open_page(operations, width=390).locator("#p-operations").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_colour_of_text_can_be_read(scheme: int) -> None:
    block = re.findall(r":root \{([^}]*)\}", STYLE.read_text())[scheme]
    colours = dict(re.findall(r"--(\w+): #([0-9a-f]+);", block))
    assert len(colours) >= 10
    for ground in ("page", "band"):
        for name in ("ink", "soft", "link", "done", "bad", "doubt", "flight", "queue"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
