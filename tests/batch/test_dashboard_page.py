"""The dashboard's page, in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import akool_async.batch.dashboard
from akool_async.journal import Journal
from akool_async.simulator import Behaviour, Simulator
from tests.batch.report_parts import contrast
from tests.browsers import Contexts, launched
from tests.examples.conftest import eventually

STYLE = Path(akool_async.batch.dashboard.__file__).parent / "static" / "page.css"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
ROWS = 120

Akool: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(omit_rate=0.0, instant_audio_rate=0.0).in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights")
    lines = [_row(n) for n in range(ROWS)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _row(n: int) -> dict[str, Any]:
    if n % 3 == 0:
        picture = f"https://photos.example/{n}.jpg"
        target = [{"path": picture, "opts": "262,175:363,175:313,215:272,279"}]
        faces = {"target_image": target, "face_reage": 10, "modify_image": picture}
        return {"operation": "reage.image", "key": f"photo-{n}", **faces}
    text = f"text {n} {HOSTILE}"
    return {"operation": "audio.tts", "key": f"text-{n}", "input_text": text, "voice_id": "v"}


@pytest.fixture(scope="module")
def akool(simulator: Simulator, folder: Path) -> Iterator[Akool]:
    """Start the command in the folder of the manifest."""
    started: list[subprocess.Popen[str]] = []
    settings = {"AKOOL_API_KEY": simulator.api_key, "AKOOL_BASE_URL": simulator.url}

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "akool_async.cli", *arguments],
            cwd=folder,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def over(akool: Akool, simulator: Simulator) -> str:
    """Return the address of the dashboard of a run that is over, with some rows that failed."""
    simulator.world.behaviour = Behaviour(
        pace=0.05, fail_rate=0.2, omit_rate=0.0, instant_audio_rate=0.0
    )
    assert akool("run", "rows.jsonl", "--out", "over.run", "--quiet").wait(110) == 1
    return address_of(akool("dashboard", "over.run"))


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a context; at its end no page has had an error, or asked another host for anything."""
    contexts = Contexts(browser)
    yield contexts.open(height=900)
    contexts.close()
    assert contexts.complaints == []
    assert contexts.hosts <= {"127.0.0.1"}


@pytest.fixture
def page(context: BrowserContext, over: str) -> Page:
    opened = context.new_page()
    opened.goto(over)
    expect(opened.locator("#rows tr").first).to_be_visible()
    expect(opened.locator("#phase")).to_have_text("Over")
    return opened


def keys(page: Page) -> list[str]:
    return page.locator("#rows .key-text").all_inner_texts()


def test_figures_charts_and_errors_of_a_run_that_is_over(page: Page) -> None:
    expect(page.locator("#done-words")).to_have_text(f"{ROWS} of {ROWS} rows ended")
    expect(page.locator("#operations tr")).to_have_count(2)
    expect(page.locator("#errors li")).not_to_have_count(0)
    expect(page.locator("#control-hint")).to_have_text("This run is over.")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    for chart in ("#ended path.good", "#ended path.bad", "#flying path"):
        expect(page.locator(chart)).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+L"))


def test_jobs_are_searched_filtered_and_paged(page: Page) -> None:
    expect(page.locator("#rows tr")).to_have_count(50)
    first = keys(page)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("#where")).to_contain_text("Page 2")
    assert not set(first) & set(keys(page))
    page.get_by_role("button", name="Newer").click()
    expect(page.locator("#rows .key-text").first).to_have_text(first[0])
    page.get_by_label("Search").fill("photo-11")
    expect(page.locator("#rows .key-text")).to_have_text(["photo-117", "photo-114", "photo-111"])
    page.get_by_label("Search").fill("")
    page.get_by_label("Operation", exact=True).select_option("reage.image")
    page.get_by_label("State").select_option("Not completed")
    expect(page.locator("#rows .state").first).to_have_text("Failed")
    assert {each.partition("-")[0] for each in keys(page)} == {"photo"}
    assert set(page.locator("#rows .state").all_inner_texts()) == {"Failed"}
    page.get_by_label("Search").fill("nothing like this")
    expect(page.locator("#none")).to_be_visible()


def test_a_job_s_page_has_its_request_as_text_and_its_media(page: Page, over: str) -> None:
    page.get_by_label("Operation", exact=True).select_option("audio.tts")
    page.get_by_label("State").select_option("Completed")
    expect(page.locator("#rows .state[data-tone=bad]")).to_have_count(0)
    page.locator("#rows .key-text").first.click()
    expect(page.locator("#job-key")).to_be_focused()
    expect(page.locator("#job-request")).to_contain_text("document.title='taken'")
    assert page.locator("#job-request *").count() == 0
    assert "taken" not in page.title()
    sound = page.locator("#job-media audio")
    eventually(lambda: sound.evaluate("each => each.readyState") >= 1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    assert download.value.suggested_filename.endswith(".wav")
    page.go_back()
    expect(page.locator("#overview")).to_be_visible()
    page.get_by_label("Operation", exact=True).select_option("reage.image")
    expect(page.locator("#rows .what").first).to_have_text("reage.image")
    page.locator("#rows .key-text").first.click()
    picture = page.locator("#job-media img")
    eventually(lambda: picture.evaluate("each => each.naturalWidth") > 0)
    address = page.url
    page.goto("about:blank")
    page.goto(address)  # a job has an address of its own
    expect(page.locator("#job-facts")).to_contain_text("SHA-256")


def test_a_run_that_goes_on_is_shown_live_and_controlled(
    context: BrowserContext, akool: Akool, simulator: Simulator, folder: Path
) -> None:
    simulator.world.behaviour = Behaviour(pace=1.0, omit_rate=0.0, instant_audio_rate=0.0)
    command = ("run", "rows.jsonl", "--out", "live.run", "--concurrency", "2", "--quiet")
    run = akool(*command)
    eventually((folder / "live.run" / "control.sock").exists)
    page = context.new_page()
    page.goto(address_of(akool("dashboard", "live.run")))
    expect(page.locator("#phase")).to_have_text("Running")
    expect(page.locator("#places")).to_have_value("2")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#phase")).to_have_text("Paused")
    expect(page.locator("#said")).to_have_text("Paused.")  # to a screen reader
    page.get_by_label("Jobs at once").fill("3")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#said")).to_have_text("3 jobs at once.")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#phase")).to_have_text("Running")
    expect(page.locator("#rows .state[data-tone=good]").first).to_be_visible()  # by itself
    page.get_by_role("button", name="Drain").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#phase")).to_have_text("Running")
    page.get_by_role("button", name="Drain").click()
    page.locator("#sure").get_by_role("button", name="Drain").click()
    assert run.wait(60) == 3
    expect(page.locator("#phase")).to_have_text(re.compile("Over|Stopped"))


def test_a_run_that_waits_for_credit_says_so_and_can_be_resumed(
    context: BrowserContext, akool: Akool, simulator: Simulator, folder: Path
) -> None:
    simulator.world.behaviour = Behaviour(pace=0.05, omit_rate=0.0, instant_audio_rate=0.0)
    simulator.world.credit = 2.0
    command = ("run", "rows.jsonl", "--out", "poor.run", "--concurrency", "2", "--quiet")
    run = akool(*command, "--limit", "20")
    eventually((folder / "poor.run" / "control.sock").exists)
    page = context.new_page()
    page.goto(address_of(akool("dashboard", "poor.run")))
    expect(page.locator("#phase")).to_have_text("Out of credit")
    expect(page.locator("#control-hint")).to_contain_text("The account has no credit.")
    simulator.world.credit = 1000.0
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#said")).to_have_text("Resumed.")
    assert run.wait(60) == 0


def test_a_hidden_tab_closes_its_stream_and_opens_it_again(page: Page) -> None:
    closed = page.evaluate_handle(
        """() => { const closed = []; const close = EventSource.prototype.close;
        EventSource.prototype.close = function () { closed.push(1); return close.call(this); };
        return closed; }"""
    )
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange")); }"""
    page.evaluate(hide, True)
    assert closed.json_value() == [1]
    with page.expect_request("**/api/events"):
        page.evaluate(hide, False)


def test_the_keyboard_alone_suffices(page: Page) -> None:
    def tab_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the jobs")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#jobs")).to_be_focused()
    tab_to("#search")
    page.keyboard.type("photo-3 ")
    tab_to("#state")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_label("Search").fill("photo-33")
    expect(page.locator("#rows tr")).to_have_count(1)
    tab_to("#rows a")
    page.keyboard.press("Enter")
    expect(page.locator("#job-key")).to_have_text("photo-33")
    tab_to("#job a")
    page.keyboard.press("Enter")
    expect(page.locator("#overview")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_fits_its_window_and_its_scheme(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (sum(map(int, re.findall(r"\d+", ink))) > 3 * 128) == (scheme == "dark")
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40
    page.locator("#rows .key-text").first.click()
    expect(page.locator("#job-key")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_scripts_it_says_what_shows_the_same(browser: Browser, over: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(over)
    note = page.locator("noscript p")
    expect(note).to_contain_text("This page needs JavaScript.")
    expect(note).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)  # none that does nothing
    box = note.bounding_box()
    assert box is not None
    assert box["x"] >= 16
    context.close()


def test_a_run_without_jobs_says_so(context: BrowserContext, akool: Akool, folder: Path) -> None:
    (folder / "empty.run").mkdir()
    Journal(folder / "empty.run" / "journal.sqlite").close_now()
    page = context.new_page()
    page.goto(address_of(akool("dashboard", "empty.run")))
    expect(page.locator("#none")).to_have_text("No job has been submitted yet.")
    page.get_by_label("Search").fill("anything")
    expect(page.locator("#none")).to_have_text("No such job.")


def test_a_long_name_of_an_operation_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    what = page.locator("#rows .what").first
    one_line = what.evaluate("each => each.getBoundingClientRect().height")
    what.evaluate("each => { each.textContent = 'video.talking_photo' }")
    assert what.evaluate("each => each.getBoundingClientRect().height") == one_line


def test_in_print_it_is_black_on_white_and_has_no_controls(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(0, 0, 0)"
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 with margins
    table = page.locator("#operations")
    paper = "each => each.getBoundingClientRect().right <= innerWidth"
    assert table.evaluate(paper)
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.locator("#rows tr").first).to_be_visible()


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_can_be_read(scheme: int) -> None:
    block = re.findall(r":root \{([^}]*)\}", STYLE.read_text())[scheme]
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]+);", block))
    pairs = [(ink, "paper") for ink in ("ink", "quiet", "main", "good", "bad", "busy")]
    pairs += [(ink, "back") for ink in ("ink", "quiet", "main", "bad")]
    pairs += [(ink, f"{ink}-back") for ink in ("good", "bad", "busy")]
    pairs += [("ink", "frame"), ("quiet", "frame"), ("on-main", "main")]
    assert {
        pair: contrast(*map(colours.__getitem__, pair))
        for pair in pairs
        if contrast(*map(colours.__getitem__, pair)) < 4.5
    } == {}


def test_every_control_has_a_name(page: Page) -> None:
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, a, svg[role=img], table")]
        .filter((each) => !(each.labels?.length || each.textContent.trim()
            || each.getAttribute("aria-labelledby") || each.getAttribute("aria-label")))
        .map((each) => each.outerHTML)"""
    )
    assert unnamed == []


def test_no_script_runs_that_is_not_the_page_s_own(browser: Browser, over: str) -> None:
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda each: refused.append(each.text))
    page.goto(over)
    page.evaluate(
        """() => { const made = document.createElement("script");
        made.textContent = "window.taken = true"; document.body.append(made); }"""
    )
    assert page.evaluate("window.taken") is None
    assert any("Content Security Policy" in text for text in refused)
    page.close()
