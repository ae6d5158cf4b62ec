"""The face of a simulated avatar: media and messages by WebRTC, on loopback alone.

The page is another peer of aiortc here; `test_live_peer_page.py` has a real browser.
"""

from __future__ import annotations

import asyncio
import json
import socket
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from av import AudioFrame, VideoFrame

from akool_async import Akool
from akool_async.simulator import AvatarBehaviour, Behaviour, Refusal, Simulator
from akool_async.simulator.loopback_turn import LoopbackTurn
from tests.clocks import Until


class Microphone(MediaStreamTrack):
    """A microphone that one can speak into."""

    kind = "audio"
    loud = 0
    """Pieces of 20 ms that are loud from now on."""
    _count = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        self._count += 1
        frame = AudioFrame("s16", "mono", 960)
        frame.planes[0].update(
            (b"\xff\x1f" * 24 + b"\x00\xe0" * 24) * 20 if self.loud else bytes(1920)
        )
        self.loud = max(0, self.loud - 1)
        frame.pts, frame.sample_rate, frame.time_base = (
            self._count * 960,
            48_000,
            Fraction(1, 48_000),
        )
        return frame


class Page:
    """A peer that joins as a page does."""

    def __init__(self, relay: LoopbackTurn) -> None:
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(urls=relay.url, username="", credential="")],
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            )
        )
        self.channel = self.connection.createDataChannel(
            "stream-message", ordered=False, maxRetransmits=0
        )
        self.messages: list[dict[str, Any]] = []
        self.channel.on("message", lambda each: self.messages.append(json.loads(each)))
        self.opened = asyncio.Event()
        self.channel.on("open", self.opened.set)
        self.closed = asyncio.Event()
        self.channel.on("close", self.closed.set)
        self.microphone = Microphone()
        self.connection.addTrack(self.microphone)
        self.connection.addTransceiver("video", direction="recvonly")
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.connection.on("track", lambda track: self.tracks.update({track.kind: track}))

    async def join(self, simulator: Simulator, **credentials: Any) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        # A browser that has not asked for the microphone hides its addresses.
        lines = self.connection.localDescription.sdp.splitlines()
        offer = "\r\n".join([*(each for each in lines if "candidate" not in each), ""])
        answer = await simulator.join(**credentials, sdp=offer)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.opened.wait()

    def say(self, text: str) -> None:
        message = {"v": 2, "type": "chat", "mid": "m", "idx": 0, "fin": True, "pld": {"text": text}}
        self.channel.send(json.dumps(message).encode())

    def interrupt(self) -> None:
        self.channel.send(b'{"v": 2, "type": "command", "mid": "c", "pld": {"cmd": "interrupt"}}')

    async def shows(self, condition: Callable[[VideoFrame, VideoFrame], bool]) -> None:
        """Wait for two pictures, one after the other, of which a condition holds."""
        before = await self.tracks["video"].recv()
        assert isinstance(before, VideoFrame)
        while True:
            picture = await self.tracks["video"].recv()
            assert isinstance(picture, VideoFrame)
            if condition(before, picture):
                return
            before = picture

    async def sounds(self, *, loud: bool) -> None:
        """Wait until the avatar is heard, or is silent."""
        while True:
            frame = await self.tracks["audio"].recv()
            assert isinstance(frame, AudioFrame)
            if (max(map(abs, array("h", bytes(frame.planes[0])))) > 1000) is loud:
                return


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(Behaviour()) as running:
        yield running


@pytest.fixture
async def page(until: Until) -> AsyncIterator[Page]:
    relay = LoopbackTurn()
    await relay.start()
    page = Page(relay)
    yield page
    await page.connection.close()
    relay.stop()
    await until(lambda: len(asyncio.all_tasks()) == 1)  # aiortc waits for none of its own


class Opened:
    """A session that is open, and what a page needs to join it."""

    def __init__(self, akool: Akool, session: Any) -> None:
        self.akool = akool
        self.id: str = session.id
        said = session.credentials
        self.join: dict[str, Any] = {
            "channel": said.agora_channel,
            "token": str(said.agora_token),
            "uid": said.agora_uid,
        }


@asynccontextmanager
async def opened(simulator: Simulator, **fields: Any) -> AsyncIterator[Opened]:
    async with Akool(simulator.api_key, base_url=simulator.url) as akool:
        job = await akool.streaming.session(avatar_id="Alma", duration=600, **fields).created()
        yield Opened(akool, job.receipt)
        await akool.streaming.close(id=job.id or "")


def mouth(picture: VideoFrame) -> int:
    """Return how many of the pixels around the mouth are dark."""
    plane = picture.planes[0]
    rows, line = bytes(plane), plane.line_size
    return sum(rows[row * line + picture.width // 2] < 80 for row in range(180, 220))


async def test_a_page_that_joins_sees_and_hears_the_avatar(
    simulator: Simulator, page: Page
) -> None:
    # It speaks for minutes, so that a busy machine, too, shows enough of it.
    simulator.world.behaviour = Behaviour(avatar=AvatarBehaviour(speed=0.5))
    async with opened(simulator, mode_type=1) as session:
        await page.join(simulator, **session.join)
        await page.shows(lambda before, now: bytes(before.planes[0]) != bytes(now.planes[0]))
        await page.sounds(loud=False)
        page.say("Its mouth moves until it is told to stop.")
        await page.shows(lambda before, now: mouth(now) - mouth(before) > 5)
        await page.sounds(loud=True)
        page.interrupt()
        await page.sounds(loud=False)


async def test_a_page_that_joins_talks_with_the_avatar(
    simulator: Simulator, page: Page, until: Until
) -> None:
    simulator.world.behaviour = Behaviour(avatar=AvatarBehaviour(speed=80))

    def caption() -> str:
        parts = [each for each in page.messages if each["type"] == "chat"]
        parts.sort(key=lambda each: int(each["idx"]))
        return "".join(each["pld"]["text"] for each in parts)

    async with opened(simulator, mode_type=1) as session:
        await page.join(simulator, **session.join)
        text = "This is said to its end, and so it takes a second, and its mouth moves."
        page.say(text)
        await until(lambda: caption() == text)
        page.microphone.loud = 25
        await until(lambda: any(each["pld"].get("from") == "user" for each in page.messages))

        avatar = simulator.channels.avatar(session.id)
        await session.akool.streaming.close(id=session.id)
        await page.closed.wait()
        assert avatar.left


async def test_who_joins_again_takes_the_place_of_the_first_and_meets_the_same_avatar(
    simulator: Simulator, page: Page, until: Until
) -> None:
    relay = LoopbackTurn()
    await relay.start()
    second = Page(relay)
    async with opened(simulator, mode_type=1) as session:
        await page.join(simulator, **session.join)
        page.say("Hello.")
        await until(lambda: page.messages)
        avatar = simulator.channels.avatar(session.id)
        await second.join(simulator, **session.join)
        await page.closed.wait()
        assert simulator.channels.avatar(session.id) is avatar
        assert [each.text for each in avatar.told] == ["Hello."]
        second.interrupt()
        await until(lambda: second.messages)
    await second.connection.close()
    relay.stop()


async def test_who_has_no_token_does_not_join(simulator: Simulator) -> None:
    async with opened(simulator) as session:
        with pytest.raises(Refusal, match="the token is not the one of this channel"):
            await simulator.join(**session.join | {"token": "wrong"}, sdp="")
        with pytest.raises(KeyError):
            simulator.channels.avatar(session.id)


@pytest.mark.parametrize("sdp", ["", "hello", "v=0\r\nm=audio\r\nm=video\r\nm=application\r\n"])
async def test_what_is_no_offer_is_refused_in_words(simulator: Simulator, sdp: str) -> None:
    async with opened(simulator) as session:
        with pytest.raises(
            Refusal, match="sdp must be an offer of video, audio and a data channel"
        ):
            await simulator.join(**session.join, sdp=sdp)


async def test_the_offer_may_have_no_candidates_and_the_answer_has_loopback_only(
    simulator: Simulator, page: Page
) -> None:
    await page.connection.setLocalDescription(await page.connection.createOffer())
    offer = page.connection.localDescription.sdp
    named = "a=candidate:1 1 udp 2113937151 0b7c6f2a-1.local 50000 typ host\r\na=end-of-candidates"
    lines = [each for each in offer.splitlines() if "candidate" not in each]
    async with opened(simulator) as session:
        for sdp in ("\r\n".join([*lines, ""]), "\r\n".join([*lines, named, ""])):
            answer = await simulator.join(**session.join, sdp=sdp)
            candidates = [each for each in answer.splitlines() if each.startswith("a=candidate")]
            assert candidates
            assert all(each.split()[4] == "127.0.0.1" for each in candidates)


# The relay


_COOKIE = b"\x21\x12\xa4\x42"


def _ask(client: socket.socket, kind: int, attributes: bytes = b"") -> bytes:
    header = kind.to_bytes(2) + len(attributes).to_bytes(2) + _COOKIE + b"t" * 12
    client.send(header + attributes)
    return client.recv(2000)


def _peer(host: str, port: int) -> bytes:
    """Return the attribute that names a peer."""
    hidden = bytes(a ^ b for a, b in zip(socket.inet_aton(host), _COOKIE, strict=True))
    return b"\x00\x12\x00\x08\x00\x01" + (port ^ 0x2112).to_bytes(2) + hidden


def _number(channel: int) -> bytes:
    return b"\x00\x0c\x00\x04" + channel.to_bytes(2) + b"\0\0"


@asynccontextmanager
async def relayed() -> AsyncIterator[Callable[[], socket.socket]]:
    """Start a relay; yield a function that connects to it."""
    relay = LoopbackTurn()
    await relay.start()
    port = int(relay.url.split(":")[2].partition("?")[0])

    def connected() -> socket.socket:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(10)
        client.connect(("127.0.0.1", port))
        return client

    yield connected
    relay.stop()


async def test_the_relay_serves_no_address_but_loopback() -> None:
    def asked(connected: Callable[[], socket.socket]) -> list[bytes]:
        with connected() as client:
            allocated = _ask(client, 0x003)
            peers = [_peer(host, 9) for host in ("127.0.0.1", "192.0.2.1", "127.0.0.2")]
            return [allocated, *(_ask(client, 0x009, _number(0x4000) + each) for each in peers)]

    async with relayed() as connected:
        allocated, loopback, *others = await asyncio.to_thread(asked, connected)
    assert allocated[:2] == b"\x01\x03"
    assert loopback[:2] == b"\x01\x09"
    assert [(each[:2], each[24:28]) for each in others] == [(b"\x01\x19", b"\0\0\x04\x03")] * 2


async def test_a_browser_that_sends_from_another_address_of_this_machine_is_shown_as_loopback() -> (
    None
):
    def asked(connected: Callable[[], socket.socket]) -> tuple[bytes, bytes]:
        with connected() as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
            port = int.from_bytes(_ask(client, 0x003)[26:28]) ^ 0x2112
            browser.settimeout(10)
            browser.bind(("127.0.0.2", 0))
            browser.sendto(b"hello", ("127.0.0.1", port))
            shown = client.recv(2000)
            _ask(client, 0x009, _number(0x4001) + _peer("127.0.0.1", 1))
            client.send(b"\x40\x01\x00\x06answer")
            return shown, browser.recv(2000)

    async with relayed() as connected:
        shown, answer = await asyncio.to_thread(asked, connected)
    assert shown[:2] == b"\x00\x17"
    assert _peer("127.0.0.1", 1) in shown
    assert b"hello" in shown
    assert answer == b"answer"


async def test_the_relay_goes_on_after_junk() -> None:
    bind = b"\0\x09\0\x08" + _COOKIE + b"t" * 12
    junk = (b"", b"\x40", b"\x40\x00\x00\x01x", b"\0" * 20, bind, bind + b"\0\x0c\0\x09")

    def asked(connected: Callable[[], socket.socket]) -> bytes:
        with connected() as client:
            for _ in range(2):  # before and after there is an allocation
                for each in junk:
                    client.send(each)
                _ask(client, 0x003)
            answer = _ask(client, 0x009, _number(0x4000) + _peer("127.0.0.1", 9))
            while answer[:2] != b"\x01\x09":
                answer = client.recv(2000)
            return answer

    async with relayed() as connected:
        await asyncio.to_thread(asked, connected)
