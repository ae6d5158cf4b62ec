"""What the page on live avatars says of figures, hosts and sentences, compared with the code."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from akool_async import Akool, NotJoined
from akool_async.streaming import Ended, Joined, Speaking
from akool_async.streaming.backend.frames import FromPage
from akool_async.streaming.backend.rules import Rules
from akool_async.streaming.sentences import LONGEST, Sentences
from examples.live_avatar.door import AGORA
from tests.docs.pages import ROOT, blocks_of, text_of

PATH = ROOT / "docs/live_avatars.md"
PAGE = text_of(PATH)
STARTS = b'{"v": 2, "type": "event", "pld": {"event": "audio_start"}}'
ENDS = STARTS.replace(b"start", b"end")


def rows_under(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    below = PAGE.split(f"{heading}\n", 1)[1]
    table = re.search(r"^\| ---.*\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def test_the_limits_of_the_backend_have_the_defaults_that_the_page_shows() -> None:
    required = {"authorize", "avatars", "durations"}
    rules = Rules(authorize=lambda _asked: None, avatars=["a"], durations=[60])
    shown = dict[str, float]()
    for names, default, _ in rows_under("### Limits and timers"):
        if default != "none":
            shown[names.strip("`")] = float(default.removesuffix(" s"))
    numbers = {
        name: float(value)
        for name in rules.__struct_fields__
        if isinstance(value := getattr(rules, name), int | float) and name not in required
    }
    assert shown == numbers


def test_the_policy_of_the_page_allows_the_hosts_that_are_shown() -> None:
    shown = re.findall(r"`(\*\.[a-z.-]+)`", PAGE)
    assert shown == list(AGORA)


def test_the_frames_of_a_page_are_those_that_are_read() -> None:
    cells = [row[0] for row in rows_under("### What goes over the websocket") if row[0]]
    shown = {name for cell in cells for name in re.findall(r"^`(\w+)`", cell)}
    assert shown == {each.__struct_config__.tag for each in FromPage.__args__}


@pytest.mark.parametrize("text", ["Dr.", "z. B.", "e.g.", "U.S.", "1.", "am 3. Mai", "akool.com"])
def test_nothing_ends_where_the_page_says_so(text: str) -> None:
    assert f"`{text}`" in PAGE
    assert Sentences().feed(f"{text} and") == []


@pytest.mark.parametrize("text", ["etc.", "No.", "...", "It is 42.", '"Really?"'])
def test_the_next_letter_decides_where_the_page_says_so(text: str) -> None:
    assert f"`{text.removeprefix('It is ')}`" in PAGE
    assert Sentences().feed(f"{text} and") == []
    assert Sentences().feed(f"{text} And") == [text]


def test_a_sentence_has_as_many_characters_as_the_page_says() -> None:
    assert f"the {LONGEST}th character" in PAGE


# Transports of one's own, over stand-ins of the carriers' packages


def run(name: str, patch: pytest.MonkeyPatch, **modules: dict[str, Any]) -> dict[str, Any]:
    """Run the page's block with a class of that name, where these modules can be imported."""
    for path, content in modules.items():
        module = ModuleType(path.replace("__", "."))
        vars(module).update(content)
        patch.setitem(sys.modules, path.replace("__", "."), module)
    (block,) = [each for each in blocks_of(PATH, "py") if f"class {name}" in each]
    namespace: dict[str, Any] = {}
    exec(block, namespace)  # noqa: S102 - our own page
    return namespace


class Room:
    """LiveKit's room, with an avatar that says each message at once."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.connected = False
        self._calls: dict[str, Callable[[Any], None]] = {}

    def on(self, event: str, call: Callable[[Any], None]) -> None:
        self._calls[event] = call

    def isconnected(self) -> bool:
        return self.connected

    async def connect(self, _url: str, token: str) -> None:
        assert token == "for this process"
        self.connected = True

    @property
    def local_participant(self) -> Room:
        return self

    async def publish_data(self, payload: bytes, *, reliable: bool) -> None:
        assert reliable
        self.heard.append(payload)
        for data in (STARTS, ENDS):
            packet: Any = ModuleType("packet")
            packet.data = data
            self._calls["data_received"](packet)

    async def disconnect(self) -> None:
        self.connected = False


async def test_a_room_of_livekit_carries_a_session(
    akool: Akool, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()
    rtc: Any = ModuleType("livekit.rtc")
    rtc.Room = lambda: room
    page = run("LiveKitTransport", monkeypatch, livekit={"rtc": rtc})
    await page["talk"](akool, "wss://rtc.example.com", "for this process", "for the avatar")
    assert [b"Hello." in each for each in room.heard] == [True]
    assert not room.connected


class Connection:
    """A service of Agora's SDK, and its one connection; `connect` runs in another thread."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.observer: Any = None
        self.released = False

    def create_rtc_connection(self, _connection: object, _publish: object) -> Connection:
        return self

    def register_observer(self, observer: Any) -> int:
        self.observer = observer
        return 0

    def register_local_user_observer(self, observer: Any) -> int:
        assert observer is self.observer
        return 0

    def connect(self, _token: str, _channel: str, _uid: str) -> int:
        self.observer.on_connected(self, None, 1)
        return 0

    def send_stream_message(self, data: bytes) -> int:
        self.heard.append(data)
        self.observer.on_stream_message(None, "7", 1, STARTS, len(STARTS))
        return 0

    def disconnect(self) -> int:
        return 0

    def release(self) -> None:
        self.released = True


async def test_a_connection_of_agora_carries_a_session(
    akool: Akool, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection()
    page = run(
        "AgoraTransport",
        monkeypatch,
        agora={},
        agora__rtc={},
        agora__rtc__agora_base={"RTCConnConfig": dict, "RtcConnectionPublishConfig": dict},
        agora__rtc__agora_service={"AgoraService": object},
        agora__rtc__local_user_observer={"IRTCLocalUserObserver": type("One", (), {})},
        agora__rtc__rtc_connection_observer={"IRTCConnectionObserver": type("Two", (), {})},
    )
    transport = page["AgoraTransport"](connection)
    async with akool.streaming.open(avatar_id="a", duration=60, transport=transport) as session:
        events = aiter(session)
        with pytest.raises(NotJoined):
            await session.say("Too early.")
        await asyncio.to_thread(transport.connect, "token", "channel", "1")
        assert await anext(events) == Joined()
        await session.say("Hello.")
        assert await anext(events) == Speaking()
    assert [b"Hello." in each for each in connection.heard] == [True]
    assert [each async for each in events] == [Ended(reason="closed")]
    assert connection.released
