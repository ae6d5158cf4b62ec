"""The contact sheet of a demo, `index.html`: what it says, and how it looks in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, expect

from akool_async import Status
from akool_async.cli.demo_ending import IN_CODE
from akool_async.cli.progress import last_of, remaining
from akool_async.simulator import Simulator
from tests.browser_network import CHROMIUM_ARGS
from tests.browsers import Contexts, Open, check_with_axe, launched
from tests.cli.commands import Ended, point_at, run_here, settings_of

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE = '<img src="https://elsewhere.example/x.png" onerror="alert(1)">'


class Parsed(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.text += f"{data} "

    def sources(self, *tags: str) -> set[str | None]:
        """Return the addresses that such tags load."""
        return {attributes["src"] for tag, attributes in self.tags if tag in tags}


def demo(folder: Path, *options: str) -> Ended:
    return run_here("demo", "--out", str(folder), "--pace", "0.1", *options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Return the folder of a demo, and how the demo ended."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    with ThreadPoolExecutor(1) as pool:  # playwright's loop may run in this thread
        return folder, pool.submit(demo, folder, "--jobs", "60", "--fail-rate", "0.2").result()


# What it says


def test_the_sheet_shows_every_file_and_names_every_job(made: tuple[Path, Ended]) -> None:
    folder, ended = made
    page = Parsed(folder / "index.html")
    files = {path.name for path in folder.iterdir()} - {"index.html"}
    assert page.sources("img", "video", "audio") == files
    assert {Path(str(each)).suffix for each in page.sources("img")} == {".png"}
    assert {Path(str(each)).suffix for each in page.sources("video")} == {".mp4"}
    assert {Path(str(each)).suffix for each in page.sources("audio")} == {".wav"}
    ids = set(re.findall(r"[0-9a-f]{24}", page.text))
    assert len(ids) == 60
    assert {Path(name).stem for name in files} < ids
    assert "on purpose" in page.text
    assert f"{60 - len(files)} jobs without a result" in page.text
    assert re.search(r"Open \S*index\.html: every picture", ended.out)


def test_the_sheet_loads_lazily_and_only_what_lies_beside_it(made: tuple[Path, Ended]) -> None:
    page = Parsed(made[0] / "index.html")
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert {each["loading"] for tag, each in page.tags if tag == "img"} == {"lazy"}
    assert {each["preload"] for tag, each in page.tags if tag == "audio"} == {"none"}
    addresses = [each.get("src") or each.get("href") for _, each in page.tags]
    assert not any("/" in address for address in addresses if address)


def test_the_sheet_of_a_paid_demo_escapes_what_akool_says(
    akool_simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def refuse(_name: str, _request: web.Request) -> web.StreamResponse | None:
        jobs = akool_simulator.world.jobs
        for job in jobs.values():
            if job.name.startswith("reage."):
                jobs[job.id] = msgspec.structs.replace(
                    job, outcome=Status.FAILED, reason=HOSTILE, duration=0.0
                )
        return None

    akool_simulator.fault = refuse
    point_at(akool_simulator, monkeypatch)
    ended = run_here("demo", "--live", "--yes", "--out", str(tmp_path))
    page = Parsed(tmp_path / "index.html")
    assert ended.status != 0
    assert HOSTILE in page.text
    assert not any("elsewhere" in str(each) for each in page.sources("img"))
    assert "4 results of 6 jobs" in page.text
    assert "simulat" not in page.text


def test_a_sheet_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    ended = demo(tmp_path, "--jobs", "6")
    assert ended.status == 1
    assert re.fullmatch(r"akool demo: .*index\.html cannot be written: .+\n", ended.err)


# The same in your code


def test_the_code_at_the_end_is_ten_lines_and_saves_three_pictures(
    made: tuple[Path, Ended], tmp_path: Path
) -> None:
    printed = re.findall(
        r"^  (?! *\d)(.*)$", made[1].out.partition("in your code:")[2], re.MULTILINE
    )
    assert [line for line in IN_CODE.splitlines() if line] == [line for line in printed if line]
    assert len([line for line in IN_CODE.splitlines() if line]) == 10
    with Simulator(pace=0.01, omit_rate=0.0).in_thread() as simulator:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", IN_CODE],
            env=settings_of(simulator) | {"PYTHONPATH": ":".join(sys.path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split()) == sorted(map(str, (tmp_path / "aged").iterdir()))
    assert len(ended.stdout.split()) == 3


# The estimate


def test_the_estimate_of_the_tail_is_longer_than_that_of_its_slowest_job() -> None:
    assert last_of([4.0]) == 4.0
    assert last_of([4.0, 1.0, 1.0]) > 4.0
    assert last_of([2.0] * 100) > last_of([2.0] * 10) > 2.0


def test_what_waits_adds_the_time_until_it_starts_and_nothing_is_said_of_the_unknown() -> None:
    assert remaining(30, 10.0, [4.0, 1.0]) == 3.0 + last_of([4.0, 1.0])
    assert remaining(30, 10.0, []) is None


# In a browser


@pytest.fixture(scope="module")
def browser(axe_core: str, inside_loopback: object) -> Iterator[Browser]:
    with launched(*CHROMIUM_ARGS) as running:
        yield running


@pytest.fixture
def open_sheet(browser: Browser, made: tuple[Path, Ended]) -> Iterator[Open]:
    """Open the sheet; at the end it has not complained, and has loaded files beside it only."""
    contexts = Contexts(browser)

    def opened(width: int) -> Page:
        page = contexts.open(width).new_page()
        page.goto((made[0] / "index.html").as_uri())
        return page

    yield opened
    contexts.close()
    assert contexts.complaints == []
    assert {url.rpartition("/")[0] for url in contexts.asked} <= {made[0].as_uri()}


@pytest.mark.usefixtures("nothing_leaves")
def test_a_browser_shows_the_pictures_and_plays_films_and_sounds(open_sheet: Open) -> None:
    page = open_sheet(1280)
    picture = page.locator("img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 320)
    for kind in ("video", "audio"):
        player = page.locator(kind).first
        player.scroll_into_view_if_needed()
        player.evaluate("async (each) => { each.muted = true; await each.play(); }")
        page.wait_for_function("(kind) => document.querySelector(kind).currentTime > 0.2", arg=kind)
        assert player.evaluate("(each) => each.error") is None
        assert 0.4 < player.evaluate("(each) => each.duration") < 4


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("width", [1280, 360])
def test_everybody_can_read_the_sheet(width: int, open_sheet: Open, axe_core: str) -> None:
    page = open_sheet(width)
    page.emulate_media(reduced_motion="reduce")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        check_with_axe(page, axe_core)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, scheme
