"""The live avatar's backend: who may ask, what the page is told, and how it stops."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from akool_async import Akool
from akool_async.cli.streaming_demo import AVATARS
from akool_async.simulator import Simulator
from akool_async.streaming.backend.connection import GONE_AFTER, PING_EVERY
from akool_async.streaming.backend.rules import Rules
from examples.live_avatar import Deadlines, Setup, build_app, serving
from examples.live_avatar.__main__ import arguments, avatars_of
from examples.live_avatar.app import authorize
from examples.live_avatar.door import AGORA
from tests.examples.conftest import ROOT

DEFAULTS = Rules(authorize=authorize, avatars=["a"], durations=[300])


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def akool(simulator: Simulator) -> AsyncIterator[Akool]:
    async with Akool(simulator.api_key, base_url=simulator.url) as client:
        yield client


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def nobody(**_offer: object) -> str:
    raise ValueError("Nobody is there.")


async def directives(session: aiohttp.ClientSession, url: str) -> dict[str, list[str]]:
    """Return the content security policy of a page."""
    async with session.get(url) as answer:
        assert answer.status == 200
        parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, *sources in (part.split() for part in parts)}


async def test_the_policy_names_agoras_hosts_only_where_agora_is_the_carrier(
    akool: Akool, session: aiohttp.ClientSession
) -> None:
    async with serving(build_app(akool, Setup(AVATARS, [300], sdk=Path(__file__)))) as url:
        agora = await directives(session, url)
    async with serving(build_app(akool, Setup(AVATARS, [300], join=nobody))) as url:
        loopback = await directives(session, url)
    assert loopback["connect-src"] == ["'self'"]
    wanted = {f"{kind}://{host}:*" for host in AGORA for kind in ("https", "wss")}
    assert set(agora["connect-src"]) == {"'self'"} | wanted
    for each in (agora, loopback):
        assert each["default-src"] == ["'none'"]
        assert each["script-src"] == each["style-src"] == ["'self'"]
        assert each["frame-ancestors"] == ["'none'"]


async def test_the_page_names_no_address_outside_its_own_origin() -> None:
    static = ROOT / "examples" / "live_avatar" / "static"
    texts = {each.name: each.read_text(encoding="utf-8") for each in static.iterdir()}
    assert len(texts) > 8
    for name, text in texts.items():
        addresses = text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in addresses, name
        assert '="//' not in addresses, name


async def test_only_this_machine_is_answered(akool: Akool, session: aiohttp.ClientSession) -> None:
    async with serving(build_app(akool, Setup(AVATARS, [300], join=nobody))) as url:
        for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "192.0.2.1"}):
            for path in ("", "settings.json", "static/page.js", "api/sessions"):
                async with session.get(url + path, headers=headers) as answer:
                    assert answer.status == 404, (headers, path)
                    assert "Content-Security-Policy" in answer.headers


async def test_the_page_is_told_what_it_may_ask_for_and_when_it_gives_up(
    akool: Akool, session: aiohttp.ClientSession
) -> None:
    setup = Setup(AVATARS, [300, 60], join=nobody)
    async with (
        serving(build_app(akool, setup)) as url,
        session.get(f"{url}settings.json") as answer,
    ):
        told = await answer.json()
    assert told["carrier"] == "loopback"
    assert told["simulated"] is True
    assert told["scripts"] == []
    assert told["durations"] == [300, 60]
    assert told["avatars"] == [{"id": "dvp_Tristan_cloth2_1080P", "name": "Tristan"}]
    assert all(seconds > 0 for seconds in told["deadlines"].values())


NO_SDP = '{"channel": "a", "token": "b", "uid": 1, "sdp": 7}'


@pytest.mark.parametrize(
    "offer", ["{", "[]", '{"channel": "a"}', "null", NO_SDP, NO_SDP.replace("7", '"\\ud83c"')]
)
async def test_a_channel_refuses_what_is_no_offer(
    offer: str, akool: Akool, session: aiohttp.ClientSession
) -> None:
    async with (
        serving(build_app(akool, Setup(AVATARS, [300], join=nobody))) as url,
        session.post(f"{url}loopback/join", data=offer) as answer,
    ):
        assert answer.status == 400


async def test_a_refusal_of_the_channel_is_told_in_its_words(
    akool: Akool, session: aiohttp.ClientSession
) -> None:
    offer = {"channel": "a", "token": "b", "uid": 1, "sdp": "c"}
    async with (
        serving(build_app(akool, Setup(AVATARS, [300], join=nobody))) as url,
        session.post(f"{url}loopback/join", json=offer) as answer,
    ):
        assert answer.status == 403
        assert await answer.json() == {"message": "Nobody is there."}


def test_a_page_that_freezes_is_given_up_within_20_seconds() -> None:
    # The tests of the page have shorter seconds; these are the ones that users get.
    assert GONE_AFTER + DEFAULTS.back_within < 20
    assert PING_EVERY * 2 <= GONE_AFTER
    assert DEFAULTS.reload_within < DEFAULTS.back_within == Deadlines().back
    assert Setup(AVATARS, [300]).rules == {}


async def test_when_the_app_stops_it_closes_its_sessions(
    akool: Akool, simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    async with serving(build_app(akool, Setup(AVATARS, [300], join=nobody))) as url:
        headers = {"Origin": url.rstrip("/")}
        async with session.post(f"{url}api/sessions", json={}, headers=headers) as answer:
            assert answer.status == 201
        assert len(simulator.sessions.running) == 1
    assert simulator.sessions.running == []
    assert simulator.requests["streaming.close"] == 1


def test_the_options_name_avatars_and_durations() -> None:
    given = arguments(["--avatar", "a=Ann", "--avatar", "b", "--duration", "60"])
    assert avatars_of(given.avatar) == {"a": "Ann", "b": "b"}
    assert given.duration == [60]
    assert avatars_of(None) == {"dvp_Tristan_cloth2_1080P": "Tristan"}


def served(folder: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Run the example as its users do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AKOOL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "examples.live_avatar", "--port", "0", *options],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [((), "npm pack agora-rtc-sdk-ng"), (("--agora", "sdk.js"), "akool streaming demo")],
)
def test_without_the_sdk_or_a_key_it_says_what_to_do(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    (tmp_path / "sdk.js").touch()
    process = served(tmp_path, {}, *options)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert words in complaint
    assert "Traceback" not in complaint


def test_a_copy_of_the_folder_runs_under_its_own_name(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "live_avatar", tmp_path / "my_avatar")
    process = subprocess.run(
        [sys.executable, "-m", "my_avatar"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "python -m my_avatar --agora" in process.stderr
    assert process.returncode == 1


async def test_with_a_key_it_serves_until_a_signal_and_closes_its_sessions(
    simulator: Simulator, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "sdk.js").write_text("// the SDK", encoding="utf-8")
    settings = {"AKOOL_API_KEY": simulator.api_key, "AKOOL_BASE_URL": simulator.url}
    process = served(tmp_path, settings, "--agora", "sdk.js")
    assert process.stdout is not None
    url = (await asyncio.to_thread(process.stdout.readline)).split()[0]
    async with session.get(f"{url}vendor/AgoraRTC_N.js") as answer:
        assert await answer.text() == "// the SDK"
    headers = {"Origin": url.rstrip("/")}
    async with session.post(f"{url}api/sessions", json={}, headers=headers) as answer:
        assert answer.status == 201
    process.send_signal(signal.SIGTERM)
    _, complaint = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, complaint) == (0, "")
    assert simulator.sessions.running == []
    assert simulator.requests["streaming.close"] == 1
    assert (tmp_path / "live-avatar.sqlite").exists()
