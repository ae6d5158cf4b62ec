"""The server of `akool dashboard`: what it shows, and whom it refuses."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from akool_async import Akool, batch
from akool_async.batch import RunOptions
from akool_async.batch.control.server import controlled
from akool_async.batch.dashboard import Dashboard
from akool_async.batch.figures.run_figures import OperationFigures, RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.runner import Run
from akool_async.simulator import Simulator
from tests.batch.run_parts import speeches
from tests.clients import Connect
from tests.clocks import Until


@pytest.fixture
def akool(quick: Simulator, connect: Connect) -> Akool:
    return connect(quick, max_concurrency=8)


class Silent:
    """A run of 90 rows that does nothing."""

    def figures(self) -> RunFigures:
        return RunFigures(
            phase="running", operations={"audio.tts": OperationFigures(rows=90, waiting=90)}
        )

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def drain(self, why: str) -> None: ...

    def set_concurrency(self, places: int) -> None: ...


@pytest.fixture
async def folder(akool: Akool, tmp_path: Path) -> RunFolder:
    """Return the folder of a run of 60 rows that is over."""
    out = tmp_path / "night.run"
    async for _ in batch.run(speeches(60), akool, out=out):
        pass
    return RunFolder.at(out)


@pytest.fixture
async def dashboard(folder: RunFolder) -> AsyncIterator[Dashboard]:
    serving = Dashboard(folder)
    yield serving
    await serving.stop()


@pytest.fixture
async def address(dashboard: Dashboard) -> str:
    return await dashboard.start()


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        yield session


async def got(browser: aiohttp.ClientSession, address: str) -> Any:
    async with browser.get(address) as answer:
        assert answer.status == 200
        return json.loads(await answer.read())


async def status_of(
    browser: aiohttp.ClientSession, address: str, method: str = "GET", **given: Any
) -> int:
    async with browser.request(method, address, **given) as answer:
        return answer.status


async def next_picture(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    async for line in stream.content:
        if line.startswith(b"data:"):
            picture: dict[str, Any] = json.loads(line[5:])
            return picture
    pytest.fail("the stream has ended")


def origin_of(address: str) -> str:
    return address.rpartition("/")[0].rpartition("/")[0]


async def test_rows_come_by_pages_and_are_found(
    browser: aiohttp.ClientSession, address: str
) -> None:
    page = await got(browser, f"{address}api/rows")
    assert len(page["rows"]) == 50
    rest = await got(browser, f"{address}api/rows?before={page['next']}")
    assert (len(rest["rows"]), rest["next"]) == (10, None)
    keys = {row["key"] for row in page["rows"] + rest["rows"]}
    assert keys == {key for key, _ in speeches(60)}
    found = await got(browser, f"{address}api/rows?search=TEXT+7%22&operation=audio.tts")
    assert [row["key"] for row in found["rows"]] == ["row-7"]
    assert (await got(browser, f"{address}api/rows?state=trouble"))["rows"] == []


@pytest.mark.parametrize("query", ["state=nonsense", "before=x"])
async def test_a_page_that_makes_no_sense_is_refused(
    browser: aiohttp.ClientSession, address: str, query: str
) -> None:
    assert await status_of(browser, f"{address}api/rows?{query}") == 400


async def test_a_job_is_shown_with_its_request_times_and_file(
    browser: aiohttp.ClientSession, address: str, folder: RunFolder
) -> None:
    (row,) = (await got(browser, f"{address}api/rows?search=row-42"))["rows"]
    job = await got(browser, f"{address}api/rows/{row['number']}")
    assert json.loads(job["request"])["input_text"] == "text 42"
    assert job["accepted"] <= job["changed"]
    assert (job["state"], job["medium"]) == ("completed", "audio")
    path = job["outcome"]["path"]
    async with browser.get(address + path) as answer:
        assert await answer.read() == (folder.root / path).read_bytes()
        assert answer.headers["Content-Type"].startswith("audio/")
    async with browser.get(address + path, headers={"Range": "bytes=0-3"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"RIFF")
    assert await status_of(browser, f"{address}api/rows/999") == 404


async def test_nothing_outside_of_the_media_is_served(
    browser: aiohttp.ClientSession, address: str, folder: RunFolder
) -> None:
    (folder.media / "link.wav").symlink_to(folder.journal)
    (folder.media / "inside.wav").symlink_to(next(folder.media.glob("*.wav")))
    for path in ("..%2Fjournal.sqlite", "%2Fetc%2Fpasswd", "link.wav", "a%00b", ".", "x" * 300):
        assert await status_of(browser, f"{address}media/{path}") == 404, path
    assert await status_of(browser, f"{address}media/inside.wav") == 200


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "script.js", "unknown"])
async def test_what_may_hold_scripts_is_never_shown(
    browser: aiohttp.ClientSession, address: str, folder: RunFolder, name: str
) -> None:
    (folder.media / name).write_text("<script>alert(1)</script>")
    async with browser.get(f"{address}media/{name}") as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_only_who_knows_the_token_gets_in(
    browser: aiohttp.ClientSession, address: str
) -> None:
    origin = origin_of(address)
    for path in ("/", "/api/rows", "/wrong/", f"/{'x' * 32}/api/rows", "/%ff/"):
        assert await status_of(browser, origin + path) == 404, path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_other_sites_are_refused(
    browser: aiohttp.ClientSession, address: str, headers: dict[str, str], status: int
) -> None:
    assert await status_of(browser, f"{address}api/rows", headers=headers) == status


async def test_a_command_needs_the_page_s_own_origin(
    browser: aiohttp.ClientSession, address: str
) -> None:
    origin = {"Origin": origin_of(address)}
    pause = {"do": "pause"}
    where = f"{address}api/do"
    assert await status_of(browser, where, "POST", json=pause) == 403
    assert await status_of(browser, where, "POST", data="{}", headers=origin) == 415
    assert await status_of(browser, where, "POST", json={"do": "x"}, headers=origin) == 400
    # The run is over: there is nobody to tell.
    assert await status_of(browser, where, "POST", json=pause, headers=origin) == 409


async def test_every_answer_forbids_scripts_that_are_not_the_page_s(
    browser: aiohttp.ClientSession, address: str
) -> None:
    for path in ("", "page.js", "api/rows", "nothing", "api/events"):
        async with browser.get(address + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_a_run_that_is_over_is_shown_from_its_journal(
    browser: aiohttp.ClientSession, address: str
) -> None:
    async with browser.get(f"{address}api/events") as stream:
        picture = await next_picture(stream)
    assert picture["running"] is False
    figures = picture["figures"]["operations"]["audio.tts"]
    assert (figures["rows"], figures["completed"]) == (60, 60)
    assert picture["figures"]["saved"] == 60
    history = await got(browser, f"{address}api/history")
    assert sum(history["completed"]) == 60
    assert (await got(browser, f"{address}api/run"))["name"] == "night.run"


async def test_a_run_that_goes_on_is_watched_and_told_what_to_do(
    browser: aiohttp.ClientSession, akool: Akool, tmp_path: Path, until: Until
) -> None:
    folder = RunFolder.at(tmp_path / "live")
    folder.root.mkdir()
    run = Run(folder, RunOptions(), planned={"audio.tts": 500})
    work = asyncio.create_task(run.carry_out(read(speeches(500)), akool))
    await until(lambda: run.figures().phase == "running")
    dashboard = Dashboard(folder)
    address = await dashboard.start()
    origin = {"Origin": origin_of(address)}

    async def do(**command: Any) -> dict[str, Any]:
        async with browser.post(f"{address}api/do", json=command, headers=origin) as answer:
            said: dict[str, Any] = await answer.json()
            assert answer.status == 200, said
            return said

    async with browser.get(f"{address}api/events") as stream:
        picture = await next_picture(stream)
        assert picture["running"] is True
        assert sum(each["rows"] for each in picture["figures"]["operations"].values()) == 500
        assert (await do(do="pause"))["phase"] == "paused"
        while (await next_picture(stream))["figures"]["phase"] != "paused":
            pass
        assert (await do(do="set", concurrency=3))["concurrency"] == 3
        assert (await do(do="resume"))["phase"] == "running"
        assert dashboard.watch.watchers == 1
        await do(do="drain")
        await work
        while (await next_picture(stream))["running"]:
            pass
    await until(lambda: dashboard.watch.watchers == 0)  # nobody looks: nothing is asked for
    assert run.stopped_by == "it was asked to drain"
    await dashboard.stop()


async def test_rows_that_were_never_sent_wait_also_when_the_process_was_killed(
    browser: aiohttp.ClientSession, akool: Akool, tmp_path: Path
) -> None:
    folder = RunFolder.at(tmp_path / "short")
    async for _ in batch.run(speeches(60), akool, out=folder.root, limit=20):
        pass
    dashboard = Dashboard(folder)
    address = await dashboard.start()

    async def shown() -> tuple[int, int]:
        async with browser.get(f"{address}api/events") as stream:
            picture = await next_picture(stream)
        each = picture["figures"]["operations"]["audio.tts"]
        return each["rows"], each["waiting"]

    assert await shown() == (60, 40)
    # A process told of more rows, and left nothing: only who watched it knows.
    async with controlled(Silent(), folder.control), browser.get(f"{address}api/events") as stream:
        picture = await next_picture(stream)
        while not picture["running"]:
            picture = await next_picture(stream)
    assert await shown() == (90, 70)
    await dashboard.stop()


async def test_a_process_that_does_not_answer_is_not_a_run_that_is_over(
    browser: aiohttp.ClientSession,
    dashboard: Dashboard,
    address: str,
    folder: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("akool_async.batch.control.client._PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder.control))
        silent.listen()
        async with browser.get(f"{address}api/events") as stream:
            picture = await next_picture(stream)
    assert (picture["running"], picture["hangs"]) == (False, True)
    assert picture["figures"]["operations"]["audio.tts"]["completed"] == 60
    folder.control.unlink()
    async with browser.get(f"{address}api/events") as stream:
        assert (await next_picture(stream))["hangs"] is False
    assert dashboard.watch.watchers <= 1


async def test_a_page_of_rows_waits_for_nothing_that_reads_all_rows(
    browser: aiohttp.ClientSession, dashboard: Dashboard, address: str
) -> None:
    go_on = threading.Event()
    counting = asyncio.create_task(
        asyncio.to_thread(dashboard.watch.view.read, lambda _: go_on.wait())
    )
    try:
        async with asyncio.timeout(30):
            assert len((await got(browser, f"{address}api/rows"))["rows"]) == 50
    finally:
        go_on.set()
        await counting


async def test_it_ends_with_pages_open(browser: aiohttp.ClientSession, folder: RunFolder) -> None:
    dashboard = Dashboard(folder)
    address = await dashboard.start()
    async with browser.get(f"{address}api/events") as stream:
        await next_picture(stream)
        await asyncio.wait_for(dashboard.stop(), 30)
