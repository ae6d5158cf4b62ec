"""The web backend's page, in a real browser."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from akool_async.journal import Journal, State
from akool_async.simulator import Behaviour, Simulator
from tests.browsers import Contexts, chromium, launched
from tests.examples.conftest import Serve, Server, eventually

PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc"
    b"\xf8\xcf\xc0\xf0\x1f\0\5\0\1\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)
HOSTILE = "<img src=x onerror=\"document.title='taken'\">\"'& ${7*7} ../../etc/passwd .png"

Open: TypeAlias = Callable[[Server], Page]


def photo(name: str = "ann.png") -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": PIXEL}


def photos(count: int) -> list[FilePayload]:
    return [photo(f"photo {number}.png") for number in range(1, count + 1)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Contexts]:
    opened = Contexts(browser)
    yield opened
    opened.close()


@pytest.fixture
def context(contexts: Contexts) -> BrowserContext:
    return contexts.open(height=900)


@pytest.fixture
def open_page(contexts: Contexts, context: BrowserContext) -> Iterator[Open]:
    """Open pages; at the end none has had an error, or asked another host for anything."""

    def opened(server: Server) -> Page:
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator("#mode")).to_contain_text("nothing is paid")
        return page

    yield opened
    # A server that is killed, and one that refuses, is an error to the browser's console too.
    theirs = ("net::ERR_", "the server responded with a status of")
    complaints = [each for each in contexts.complaints if not any(text in each for text in theirs)]
    assert complaints == []
    assert contexts.hosts <= {"127.0.0.1", ""}


def order(page: Page, files: list[FilePayload]) -> None:
    page.set_input_files("#photos", files)
    page.click("#start")


def states(page: Page) -> list[str]:
    return page.locator(".state").all_inner_texts()


def all_are(page: Page, state: str, count: int) -> None:
    expect(page.locator(f".state[data-state={state}]")).to_have_count(count)


def test_a_photo_goes_from_queued_to_done_live(
    open_page: Open, server: Server, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(pace=1.5)
    page = open_page(server)
    seen = page.evaluate_handle(
        """() => { const seen = []; new MutationObserver(() => {
            const state = document.querySelector(".state")?.textContent;
            if (state && state !== seen.at(-1)) seen.push(state);
        }).observe(document.body, {subtree: true, childList: true, characterData: true});
        return seen; }"""
    )
    order(page, [photo()])
    all_are(page, "done", 1)
    assert seen.json_value() == ["Uploading", "Queued", "Processing", "Done"]
    before, after = page.locator("img.before"), page.locator("img.after")
    for picture in (before, after):
        expect(picture).to_be_visible()
        eventually(partial(picture.evaluate, "each => each.naturalWidth > 0"))
    left, right = before.bounding_box(), after.bounding_box()
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    expect(page.locator("#said")).to_contain_text("ann.png: Done.")  # to a screen reader
    with page.expect_download() as download:
        page.get_by_role("link", name="Download ann.png").click()
    assert download.value.suggested_filename == "ann-age.png"


def answered(server: Server) -> int:
    """Return how many creates have an answer that is on disk."""
    (path,) = server.data.rglob("journal-*.sqlite")
    with Journal.reader(path) as journal:
        counts = journal.counts()
    return counts.get(State.CREATED, 0) + counts.get(State.COMPLETED, 0)


@pytest.mark.parametrize("options", [(), ("--no-webhooks",), ("--at-once", "3")])
def test_ten_orders_go_on_when_the_server_is_killed(
    open_page: Open, serve: Serve, akool: Simulator, options: tuple[str, ...]
) -> None:
    # With `--at-once`, no job ends before the kill. Its end would let the next create go, and one
    # that is noted but not yet sent stays in doubt for ever: no webhook tells of it.
    slow, quick = Behaviour(pace=20.0, spread=0.0), Behaviour(pace=2.0)
    first = slow if "--at-once" in options else quick
    retries = (0.2,) * 300
    akool.world.behaviour = msgspec.structs.replace(first, webhook_retries=retries)
    server = serve(*options)
    page = open_page(server)
    order(page, photos(10))
    expect(page.locator("[data-state=uploading]")).to_have_count(0)
    if "--at-once" in options:  # the others stand in line, and have cost nothing yet
        eventually(lambda: akool.world.creates.total() >= 3)
        assert akool.world.creates.total() < 10
    else:
        eventually(lambda: akool.world.creates.total() == 10)
    if "--no-webhooks" in options:  # a create whose answer dies with the server stays in doubt
        eventually(lambda: answered(server) == 10)
    server.kill()
    akool.world.behaviour = msgspec.structs.replace(quick, webhook_retries=retries)
    expect(page.locator("#link")).to_be_visible()
    server.start()
    expect(page.locator("#link")).to_be_hidden()
    all_are(page, "done", 10)
    assert akool.world.creates == {"reage.image": 10}
    page.reload()
    all_are(page, "done", 10)


def test_an_order_in_line_shows_its_number_which_moves_up(
    open_page: Open, serve: Serve, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(pace=1.0, spread=0.0)
    page = open_page(serve("--at-once", "1"))
    seen = page.evaluate_handle(
        """() => { const seen = []; new MutationObserver(() => {
            const last = [...document.querySelectorAll(".order")].find(
                (each) => each.querySelector("h3").textContent === "photo 3.png");
            const text = last?.querySelector(".nothing:not([hidden])")?.textContent;
            if (text && text !== seen.at(-1)) seen.push(text);
        }).observe(document.querySelector("#list"), {subtree: true, childList: true});
        return seen; }"""
    )
    order(page, photos(3))
    all_are(page, "done", 3)
    assert seen.json_value() == ["Number 2 in line", "Number 1 in line"]
    assert "line" not in page.locator("#said").inner_text()  # a screen reader is not told of each


def test_a_failed_order_says_why_and_is_tried_again(
    open_page: Open, server: Server, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(fail_rate=1.0, pace=0.1)
    page = open_page(server)
    order(page, [photo()])
    all_are(page, "failed", 1)
    expect(page.locator(".note")).not_to_be_empty()
    akool.world.behaviour = Behaviour(pace=0.1)
    page.get_by_role("button", name="Try again: ann.png").click()
    expect(page.locator("h3")).to_be_focused()
    all_are(page, "done", 1)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    assert akool.world.creates == {"reage.image": 2}


def test_eight_tabs_share_one_stream(open_page: Open, server: Server) -> None:
    tabs = [open_page(server) for _ in range(8)]
    eventually(lambda: server.health()["streams"] == 1)
    order(tabs[7], [photo("one.png")])
    for tab in tabs:
        all_are(tab, "done", 1)
    tabs[0].close()  # it held the stream
    eventually(lambda: server.health()["streams"] == 1)
    order(tabs[1], [photo("two.png")])
    for tab in tabs[1:]:
        all_are(tab, "done", 2)


def test_a_server_that_is_told_to_end_does_so_with_streams_open(
    open_page: Open, server: Server, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(pace=2.0)
    page = open_page(server)
    eventually(lambda: server.health()["streams"] == 1)
    order(page, photos(2))
    expect(page.locator("[data-state=uploading]")).to_have_count(0)
    began = server.log.read_text()
    server.end(signal.SIGTERM)
    assert server.log.read_text() == began  # it was not forced, and complained of nothing
    server.start()
    all_are(page, "done", 2)
    assert akool.world.creates == {"reage.image": 2}


def test_the_keyboard_alone_suffices(open_page: Open, server: Server) -> None:
    page = open_page(server)
    keys = page.keyboard
    chosen = [photo("ann.png"), photo("bob.png")]
    page.on("filechooser", lambda chooser: chooser.set_files(chosen))

    def tab_to(selector: str) -> None:
        for _ in range(20):
            keys.press("Tab")
            if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to your pictures")).to_be_focused()
    tab_to("#photos")
    keys.press("Enter")
    expect(page.locator("#chosen li")).to_have_count(2)
    tab_to("#chosen li:nth-child(2) button")
    keys.press("Enter")
    expect(page.locator("#chosen li")).to_have_count(1)
    expect(page.locator("#photos")).to_be_focused()
    tab_to("#years")
    keys.press("ArrowLeft")
    expect(page.locator("#years-words")).to_have_text("9 years older")
    tab_to("#start")
    keys.press("Enter")
    all_are(page, "done", 1)
    tab_to(".download")
    with page.expect_download() as download:
        keys.press("Enter")
    assert download.value.suggested_filename == "ann-age.png"


def test_a_face_is_chosen_and_used_for_all_photos(
    open_page: Open, server: Server, akool: Simulator
) -> None:
    page = open_page(server)
    page.get_by_label("Face", exact=True).check()
    page.set_input_files("#photos", photos(2))
    page.click("#start")
    expect(page.get_by_role("alert")).to_have_text("Choose a photo with the new face.")
    expect(page.locator("#new-face")).to_be_focused()
    page.set_input_files("#new-face", [photo("bob.png")])
    page.click("#start")
    all_are(page, "done", 2)
    requests = [job.request for job in akool.world.jobs.values()][-2:]
    assert len({each.modify_image for each in requests}) == 2  # type: ignore[attr-defined]
    assert akool.world.creates == {"faceswap.image": 2}


def test_a_photo_can_be_pasted_or_dropped(open_page: Open, server: Server) -> None:
    page = open_page(server)
    page.evaluate(
        """bytes => { for (const kind of ["paste", "drop"]) {
            const held = new DataTransfer();
            held.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, {type: "image/png"}));
            const how = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(kind === "paste"
                ? new ClipboardEvent(kind, {...how, clipboardData: held})
                : new DragEvent(kind, {...how, dataTransfer: held}));
        } }""",
        list(PIXEL),
    )
    expect(page.locator("#chosen span")).to_have_text(["paste.png", "drop.png"])


def test_a_file_that_is_no_photo_is_refused_with_a_reason_and_can_be_removed(
    open_page: Open, server: Server, akool: Simulator
) -> None:
    page = open_page(server)
    order(page, [{"name": "ann.png", "mimeType": "image/png", "buffer": b"<html>"}])
    all_are(page, "failed", 1)
    expect(page.locator(".note")).to_have_text("The file is no photo in JPEG, PNG or WebP.")
    page.get_by_role("button", name="Remove: ann.png").click()
    expect(page.locator("#empty")).to_be_visible()
    assert akool.world.creates == {}


def test_a_hostile_file_name_shows_as_text(open_page: Open, server: Server) -> None:
    page = open_page(server)
    order(page, [photo(HOSTILE)])
    all_are(page, "done", 1)
    page.reload()
    expect(page.locator("h3")).to_have_text(HOSTILE)
    expect(page.locator("#list img")).to_have_count(2)
    assert page.title() == "Another age, another face"
    with page.expect_download() as download:
        page.locator(".download").click()
    name = download.value.suggested_filename
    assert name.endswith("-age.png")
    assert not set(name) & set("<>\"'/\\&$")


def test_the_page_runs_no_script_that_is_not_the_server_s_own(
    context: BrowserContext, server: Server
) -> None:
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda each: refused.append(each.text))
    answer = page.goto(server.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page.evaluate(
        """() => { const made = document.createElement("script");
        made.textContent = "window.taken = true"; document.body.append(made); }"""
    )
    assert page.evaluate("window.taken") is None
    assert any("Content Security Policy" in text for text in refused)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_fits_its_window_and_its_scheme(
    open_page: Open, server: Server, width: int, scheme: str
) -> None:
    page = open_page(server)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    order(page, [photo("a-very-long-name-without-any-space-" * 5 + ".png")])
    all_are(page, "done", 1)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (sum(map(int, re.findall(r"\d+", ink))) > 3 * 128) == (scheme == "dark")
    for button in page.locator("button:visible, .button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40


@pytest.mark.parametrize(
    ("required", "outcome"), [("required", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_chromium_these_tests_are_skipped_and_the_gate_fails(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_TESTS", required)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(outcome, match="apt-get install chromium fonts-dejavu-core"):
        chromium()
