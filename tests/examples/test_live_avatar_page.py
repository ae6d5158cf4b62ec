"""The live avatar's page, in a real browser, with a network of loopback alone."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from examples.live_avatar import Deadlines
from tests.browser_network import CHROMIUM_ARGS
from tests.browsers import Contexts, Open, check_with_axe, launched
from tests.examples.conftest import eventually
from tests.examples.live_demo import (
    AGORA_STUB,
    HASTY,
    PATIENT,
    UNHURRIED,
    Demo,
    demo_in_thread,
)

pytestmark = pytest.mark.usefixtures("nothing_leaves")

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE, PHONE, NARROW = (1280, 800), (390, 844), (320, 640)


@pytest.fixture(scope="module")
def demo(axe_core: str, inside_loopback: object) -> Iterator[Demo]:
    with demo_in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def browser(inside_loopback: object) -> Iterator[Browser]:
    args = [each for each in CHROMIUM_ARGS if "fake-ui" not in each]  # a microphone may be refused
    with launched(*args) as running:
        yield running


@pytest.fixture(scope="module")
def patient(demo: Demo) -> str:
    return demo.serve_loopback(PATIENT, deadlines=UNHURRIED)


@pytest.fixture(scope="module")
def hasty(demo: Demo) -> str:
    return demo.serve_loopback(HASTY, deadlines=UNHURRIED)


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Contexts]:
    opened = Contexts(browser)
    yield opened
    opened.close()


@pytest.fixture
def context(contexts: Contexts) -> BrowserContext:
    return contexts.open(*WIDE)


@pytest.fixture
def open_page(contexts: Contexts, context: BrowserContext, demo: Demo) -> Iterator[Open]:
    """Open pages; at the end none has had an error, and no session is left open."""
    demo.simulator.requests.clear()

    def opened(url: str, size: tuple[int, int] = WIDE) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(url)
        expect(page.locator("#start")).to_be_visible()
        return page

    yield opened
    for page in context.pages if demo.running else []:
        if page.locator("#end").is_visible():
            page.click("#end")
    eventually(lambda: demo.running == 0)
    assert demo.closed == demo.opened
    network = ("Failed to load resource", "WebSocket connection to")
    assert contexts.hosts == {"127.0.0.1"}
    complaints = [each for each in contexts.complaints if not any(text in each for text in network)]
    assert complaints == []


def start(page: Page) -> None:
    page.click("#start")
    is_live(page)


def is_closed(demo: Demo) -> None:
    """Check that the one session is closed, once."""
    eventually(lambda: demo.running == 0)
    assert (demo.opened, demo.closed) == (1, 1)


def is_live(page: Page) -> None:
    expect(page.locator("#main")).to_have_attribute("data-state", "live")


def is_over(page: Page, words: str) -> None:
    expect(page.locator("#main")).to_have_attribute("data-state", "ended")
    expect(page.locator("#step")).to_contain_text(words)


def say(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.keyboard.press("Enter")


def heard(page: Page, text: str) -> None:
    expect(page.locator("#log .bot", has_text=text)).to_have_count(1)


def copy_of(page: Page, context: BrowserContext) -> Page:
    """Return a new tab with the memory of another, as a browser makes it for a duplicate."""
    kept = page.evaluate("sessionStorage.getItem('live-avatar')")
    other = context.new_page()
    other.add_init_script(f"sessionStorage.setItem('live-avatar', {json.dumps(kept)});")
    return other


def picture_moves(page: Page) -> None:
    frames = "video => video.getVideoPlaybackQuality().totalVideoFrames"
    before = page.locator("#video").evaluate(frames)
    eventually(lambda: page.locator("#video").evaluate(frames) > before + 3)


def renderers(browser: Browser) -> list[int]:
    """Return the process ids of the browser's pages."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [each["id"] for each in processes if each["type"] == "renderer"]


# A talk


def test_a_person_sees_the_avatar_types_reads_and_ends(
    open_page: Open, patient: str, demo: Demo
) -> None:
    page = open_page(patient)
    start(page)
    picture_moves(page)
    expect(page.locator("#video")).to_have_js_property("muted", False)
    expect(page.locator("#sound")).to_be_hidden()
    expect(page.locator("#left")).to_contain_text(" left")
    say(page, "Hello there")
    expect(page.locator("#log .user")).to_have_text("You: Hello there")
    heard(page, "You said: Hello there")
    page.locator("#text").evaluate("text => { text.value = 'Half of \\ud83c a face'; }")
    page.keyboard.press("Enter")
    heard(page, "You said: Half of \ufffd a face")
    assert demo.closed == 0
    page.click("#end")
    is_over(page, "You ended the session.")
    is_closed(demo)
    page.click("#start")  # and once more
    is_live(page)
    expect(page.locator("#log p")).to_have_count(0)


def test_the_avatar_stops_when_it_is_told_to(open_page: Open, patient: str) -> None:
    page = open_page(patient)
    start(page)
    text = "one two three four five six seven eight nine ten " * 20
    say(page, text)
    expect(page.locator("#growing")).to_contain_text("one two")
    page.click("#interrupt")
    expect(page.locator("#growing")).to_be_hidden()
    expect(page.locator("#log .bot")).to_have_count(1)  # as far as it came
    assert len(page.locator("#log .bot").inner_text()) < len(text) / 2


def test_the_keyboard_alone_is_enough(open_page: Open, patient: str, demo: Demo) -> None:
    page = open_page(patient)
    keys = page.keyboard

    def tab_to(selector: str, key: str = "Tab") -> None:
        for _ in range(12):
            keys.press(key)
            if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        pytest.fail(f"the {key} key does not reach {selector}")

    tab_to("#start")
    keys.press("Enter")
    is_live(page)
    expect(page.locator("#text")).to_be_focused()
    keys.type("Tell me a long story of a fox and a hare, and do not stop before the evening.")
    keys.press("Enter")
    expect(page.locator("#growing")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#growing")).to_be_hidden()
    for each in ("#send", "#microphone", "#interrupt"):
        tab_to(each)
    tab_to("#end", "Shift+Tab")
    keys.press("Enter")
    is_over(page, "You ended the session.")
    expect(page.locator("#title")).to_be_focused()
    tab_to("#start")
    is_closed(demo)


# The microphone


def test_the_avatar_hears_the_microphone(
    open_page: Open, context: BrowserContext, patient: str
) -> None:
    context.grant_permissions(["microphone"])
    page = open_page(patient)
    sent: set[str] = set()
    page.on("websocket", lambda each: each.on("framesent", lambda frame: sent.add(str(frame))))
    start(page)
    button = page.get_by_role("button", name="Microphone")
    expect(button).to_have_attribute("aria-pressed", "false")

    def heard_something() -> int:
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.wait_for_timeout(1000)  # the browser's own microphone beeps
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        page.wait_for_timeout(1000)  # a pause ends what is said
        return page.locator("#log .user", has_text="of speech").count()

    eventually(heard_something)
    assert '{"type":"pong"}' in sent  # a page that answers no ping is given up


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("", "does not let this page use the microphone"),  # the browser itself refuses
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "Another program uses the microphone"),
    ],
)
def test_without_a_microphone_typing_goes_on(
    error: str, words: str, open_page: Open, context: BrowserContext, patient: str
) -> None:
    if error:
        context.add_init_script(
            "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () =>"
            f" {{ throw new DOMException('', '{error}'); }};"
        )
    page = open_page(patient)
    start(page)
    page.click("#microphone")
    expect(page.locator("#notice")).to_contain_text(words)
    expect(page.locator("#notice")).to_contain_text("go on typing")
    expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "false")
    say(page, "I type")
    heard(page, "You said: I type")


# Leaving, and coming back


def test_a_reload_goes_on_with_the_same_session(open_page: Open, patient: str, demo: Demo) -> None:
    page = open_page(patient)
    start(page)
    page.reload()
    is_live(page)
    picture_moves(page)
    say(page, "Still there?")
    heard(page, "You said: Still there?")
    assert (demo.opened, demo.closed) == (1, 0)
    page.click("#end")
    is_over(page, "You ended the session.")
    is_closed(demo)


def test_a_reload_for_which_the_token_is_too_old_ends_the_session(
    open_page: Open, patient: str, demo: Demo
) -> None:
    page = open_page(patient)
    start(page)
    page.evaluate(
        """() => {
            const kept = JSON.parse(sessionStorage.getItem("live-avatar"));
            kept.credentials.agora_token = "one that has expired";
            kept.join_before = "2026-01-01T00:00:00Z";
            sessionStorage.setItem("live-avatar", JSON.stringify(kept));
        }"""
    )
    page.reload()
    is_over(page, "can be joined in the first minutes only")
    is_closed(demo)


# A browser that plays no sound without a gesture on that very button.
STRICT = """
const play = HTMLMediaElement.prototype.play;
let touched = false;
addEventListener("click", ({ target }) => { touched ||= target.id === "sound"; }, true);
HTMLMediaElement.prototype.play = function () {
    if (this.muted || touched) return play.call(this);
    return Promise.reject(new DOMException("", "NotAllowedError"));
};
"""


def test_where_sound_may_not_play_a_button_says_so(
    open_page: Open, context: BrowserContext, patient: str
) -> None:
    context.add_init_script(STRICT)
    page = open_page(patient)
    start(page)
    picture_moves(page)
    expect(page.locator("#video")).to_have_js_property("muted", True)
    page.get_by_role("button", name="Turn on the sound").click()
    expect(page.locator("#sound")).to_be_hidden()
    expect(page.locator("#video")).to_have_js_property("muted", False)


def test_a_lost_connection_to_the_server_comes_back(
    open_page: Open, patient: str, demo: Demo
) -> None:
    page = open_page(patient)
    start(page)
    noticed = page.evaluate_handle(
        """() => {
            const noticed = [], notice = document.getElementById("notice");
            new MutationObserver(() => noticed.push(notice.textContent))
                .observe(notice, { childList: true });
            return noticed;
        }"""
    )
    demo.cut()
    eventually(lambda: len(noticed.json_value()) == 2)
    down, up = noticed.json_value()
    assert "is down" in down
    assert up == ""
    say(page, "Back again")
    heard(page, "You said: Back again")
    assert (demo.opened, demo.closed) == (1, 0)


def test_a_page_that_is_closed_ends_its_session_once(
    open_page: Open, context: BrowserContext, demo: Demo
) -> None:
    # The websocket alone would end it after minutes: the beacon is the faster way. Its seconds are
    # enough for a busy machine to close the websocket meanwhile.
    rules = PATIENT | {"back_within": 600.0, "reload_within": 3.0}
    url = demo.serve_loopback(rules, deadlines=UNHURRIED)
    page = open_page(url)
    start(page)
    page.close()
    is_closed(demo)


def test_a_page_that_is_killed_ends_its_session_once(
    open_page: Open, browser: Browser, hasty: str, demo: Demo
) -> None:
    page = open_page(hasty)
    start(page)
    for each in renderers(browser):
        os.kill(each, signal.SIGKILL)
    is_closed(demo)


def test_a_page_that_is_frozen_ends_its_session_once_and_says_so_later(
    open_page: Open, browser: Browser, hasty: str, demo: Demo
) -> None:
    page = open_page(hasty)
    start(page)
    frozen = renderers(browser)
    for each in frozen:
        os.kill(each, signal.SIGSTOP)
    try:
        eventually(lambda: demo.running == 0)
    finally:
        for each in frozen:
            os.kill(each, signal.SIGCONT)
    is_over(page, "")
    is_closed(demo)


def test_a_copy_of_the_tab_leaves_the_session_to_the_first(
    open_page: Open, context: BrowserContext, demo: Demo
) -> None:
    impatient = Deadlines(relay=0.2)
    url = demo.serve_loopback(PATIENT, deadlines=impatient)
    page = open_page(url)
    start(page)
    other = copy_of(page, context)
    other.goto(url)
    is_over(other, "This session is open in another tab.")
    say(page, "Mine")
    heard(page, "You said: Mine")
    assert demo.closed == 0


def test_a_silent_session_is_announced_and_ended(open_page: Open, demo: Demo) -> None:
    url = demo.serve_loopback(PATIENT | {"silent_for": 6.0}, deadlines=UNHURRIED)
    page = open_page(url)
    start(page)
    expect(page.locator("#notice")).to_contain_text("Are you still there?")
    is_over(page, "Nobody said anything for a while")
    is_closed(demo)


def test_a_session_whose_time_is_over_says_so(open_page: Open, demo: Demo) -> None:
    page = open_page(demo.serve_loopback(PATIENT, durations=(6,), deadlines=UNHURRIED))
    start(page)
    expect(page.locator("#left")).to_have_text(re.compile(r"0:0[0-6] left"))
    is_over(page, "The time of this session is over.")
    eventually(lambda: demo.running == 0)


def test_a_start_that_is_clicked_twice_is_one_start(
    open_page: Open, patient: str, demo: Demo
) -> None:
    page = open_page(patient)
    page.locator("#start").dblclick()
    is_live(page)
    page.click("#end")
    is_over(page, "You ended the session.")
    page.focus("#start")
    page.keyboard.down("Enter")
    page.keyboard.down("Enter")  # it is held down
    page.keyboard.up("Enter")
    is_live(page)
    assert (demo.opened, demo.closed) == (2, 1)


def test_the_newest_caption_stays_in_view_while_a_message_grows(
    open_page: Open, patient: str
) -> None:
    page = open_page(patient, PHONE)
    start(page)
    for number in range(6):
        say(page, f"Number {number}")
    page.fill("#text", "one\ntwo\nthree\nfour\nfive\nsix")
    hidden = "said => said.scrollHeight - said.scrollTop - said.clientHeight"
    eventually(lambda: page.locator("#said").evaluate(hidden) < 2)


# What does not work


def test_a_start_that_is_cancelled_ends_the_session(
    open_page: Open, context: BrowserContext, patient: str, demo: Demo
) -> None:
    page = open_page(patient)
    page.route("**/loopback/join", lambda _route: None)  # nobody answers
    page.click("#start")
    expect(page.locator("#step")).to_contain_text("Joining")
    page.get_by_role("button", name="Cancel").click()
    is_over(page, "You cancelled the start.")
    is_closed(demo)


def test_a_channel_that_refuses_is_said_in_words(open_page: Open, patient: str, demo: Demo) -> None:
    page = open_page(patient)
    page.route(
        "**/loopback/join",
        lambda route: route.fulfill(status=403, json={"message": "The token has expired."}),
    )
    page.click("#start")
    is_over(page, "The token has expired.")
    expect(page.locator("#title")).to_have_text("The session did not start")
    is_closed(demo)


def test_a_channel_that_does_not_open_is_said_in_words(open_page: Open, demo: Demo) -> None:
    page = open_page(demo.serve_loopback(PATIENT, deadlines=Deadlines(join=0.2)))
    page.route("**/loopback/join", lambda _route: None)  # nobody answers
    page.click("#start")
    is_over(page, "A browser needs a network for it")
    is_closed(demo)


def test_a_server_that_refuses_is_said_in_words(open_page: Open, demo: Demo) -> None:
    page = open_page(demo.serve_loopback(PATIENT | {"starts_per_minute": 1}))
    start(page)
    page.click("#end")
    is_over(page, "You ended the session.")
    page.click("#start")
    is_over(page, "")
    expect(page.locator("#step")).not_to_have_text("You ended the session.")
    assert demo.opened == 1


def test_a_server_that_is_gone_is_said_in_words(open_page: Open, patient: str) -> None:
    page = open_page(patient)
    page.route("**/api/sessions", lambda route: route.abort())
    page.click("#start")
    is_over(page, "The server cannot be reached")
    page.route("**/settings.json", lambda route: route.abort())
    page.reload()
    expect(page.locator("#step")).to_contain_text("Reload this page")


# Agora


@pytest.fixture(scope="module")
def agora(demo: Demo) -> str:
    return demo.serve(sdk=AGORA_STUB, rules=PATIENT, deadlines=UNHURRIED)


def test_with_agora_the_page_is_the_same(
    open_page: Open, context: BrowserContext, agora: str, demo: Demo
) -> None:
    context.grant_permissions(["microphone"])
    page = open_page(agora)
    expect(page.locator("#money")).to_contain_text("paid by the second")
    start(page)
    picture_moves(page)
    say(page, "Hello")
    heard(page, "You said: Hello")
    did = page.evaluate("({ ...window.agora, client: null })")
    assert did["logUpload"] is False
    app, channel, token, uid = did["joined"]
    assert all((app, channel, token, uid))
    ((message, repeats),) = [each for each in did["sent"] if each[0]["type"] == "chat"]
    assert message["pld"] == {"text": "Hello"}
    assert repeats is False
    page.click("#microphone")
    expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.agora.published") == 1
    page.click("#end")
    is_over(page, "You ended the session.")
    assert page.evaluate("window.agora.left") == 1
    is_closed(demo)


def test_an_avatar_that_leaves_ends_the_session(open_page: Open, agora: str, demo: Demo) -> None:
    page = open_page(agora)
    start(page)
    page.evaluate("window.agora.client.emit('user-left', { uid: 2 })")  # somebody else
    is_live(page)
    page.evaluate("window.agora.client.emit('user-left', { uid: 1 })")
    is_over(page, "The avatar has left.")
    is_closed(demo)


def test_a_join_that_goes_on_for_ever_is_ended_by_our_deadline(
    open_page: Open, context: BrowserContext, demo: Demo
) -> None:
    context.add_init_script("window.agoraHangs = true;")
    page = open_page(demo.serve(sdk=AGORA_STUB, rules=PATIENT, deadlines=Deadlines(join=0.2)))
    page.click("#start")
    is_over(page, "did not open in time")
    is_closed(demo)
    assert page.evaluate(JOIN_ALONE) == "did not open in time, and left"


JOIN_ALONE = """async () => {
    const { join } = await import("/static/agora.js");
    const before = window.agora.left;
    const { message } = await join({}, 0.1).catch((error) => error);
    const left = window.agora.left === before + 1 ? "and left" : "and did not leave";
    return `${message.match(/did not open in time/)}, ${left}`;
}"""


def test_both_carriers_have_the_same_five_functions(open_page: Open, patient: str) -> None:
    page = open_page(patient)
    names = "async (file) => Object.keys(await import(`/static/${file}.js`)).sort()"
    wanted = ["join", "leave", "microphone", "receive", "send"]
    assert page.evaluate(names, "agora") == page.evaluate(names, "loopback") == wanted


def test_an_sdk_that_cannot_send_is_refused_before_it_joins(
    open_page: Open, context: BrowserContext, agora: str, demo: Demo
) -> None:
    context.add_init_script("window.agoraIsOld = true;")
    page = open_page(agora)
    page.click("#start")
    is_over(page, "serve another one")
    assert page.evaluate("window.agora.joined") is None
    is_closed(demo)


# How it looks


@pytest.mark.parametrize("size", [WIDE, PHONE, NARROW])
def test_everybody_can_use_it(
    size: tuple[int, int], open_page: Open, patient: str, axe_core: str
) -> None:
    page = open_page(patient, size)
    page.emulate_media(reduced_motion="reduce")
    is_sound(page, axe_core)
    start(page)
    say(page, "What is a fox? " * 8)
    expect(page.locator("#growing")).to_be_visible()
    is_sound(page, axe_core)
    page.click("#end")
    is_over(page, "You ended the session.")
    is_sound(page, axe_core)


def is_sound(page: Page, axe_core: str) -> None:
    """Check what a browser can tell: axe, targets of 44 px, no scrolling to the side, no motion."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        check_with_axe(page, axe_core)
        found = page.evaluate(
            """() => {
                const targets = [...document.querySelectorAll("button, select, textarea")]
                    .filter((each) => each.checkVisibility())
                    .map((each) => [each.id, each.getBoundingClientRect()]);
                return {
                    small: targets.filter(([, { width, height }]) => width < 44 || height < 44),
                    wider: document.documentElement.scrollWidth - innerWidth,
                    moving: document.getAnimations().length,
                };
            }"""
        )
        assert found == {"small": [], "wider": 0, "moving": 0}, scheme
