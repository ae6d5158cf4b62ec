"""The other end of a live avatar's channel on this machine, by WebRTC; with the extra `live`.

The page that joins makes the offer. Everything goes through a relay that sends on loopback only: no
packet leaves the machine, and a machine without a network will do.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from contextlib import suppress
from typing import Final, Protocol

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from av import AudioFrame

from akool_async.simulator.avatar import Avatar
from akool_async.simulator.face import Face, Voice
from akool_async.simulator.loopback_turn import HOST, LoopbackTurn

CHANNEL: Final = "stream-message"
"""The label of the data channel."""

_LOUD: Final = 800
"""The least amplitude of speech, of 32767."""
_PAUSE: Final = 0.8
"""Seconds of silence that end a turn of speech."""
_SHORTEST: Final = 0.3
"""Seconds; a shorter sound is no speech."""
_LONGEST: Final = 15.0
"""Seconds after which a turn is taken as over."""
_CANDIDATE: Final = re.compile(r"^a=(candidate:|end-of-candidates).*\r?\n", re.MULTILINE)
_ANYBODY: Final = f"a=candidate:1 1 udp 1 {HOST} 9 typ host\r\na=end-of-candidates\r\n"
_KIND: Final = re.compile(r"^m=(\w+)", re.MULTILINE)
_MEDIA: Final = re.compile(r"^m=.*\r?\n(?:(?!m=).*\r?\n?)*", re.MULTILINE)


class _Heard(Protocol):
    async def recv(self) -> object: ...


class Peer:
    """One page and its avatar.

    Args:
        avatar: The avatar that the page meets; what it sends goes to `send`.
        relay: What all packets go through.
    """

    def __init__(self, avatar: Avatar, relay: LoopbackTurn) -> None:
        self._avatar = avatar
        self._channel: RTCDataChannel | None = None
        self._early: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(urls=relay.url, username="", credential="")],
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            )
        )
        self._connection.on("datachannel", self._opened)
        self._connection.on("track", self._heard)
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: str) -> str:
        """Return the answer to an offer, both as SDP.

        Raises:
            ValueError: it is no offer of video, audio and a data channel.
        """
        problem = "sdp must be an offer of video, audio and a data channel"
        if not {"video", "audio", "application"} <= set(_KIND.findall(offer)):
            raise ValueError(problem)
        description = RTCSessionDescription(sdp=_from_anybody(offer), type="offer")
        try:
            await self._connection.setRemoteDescription(description)
        except Exception as error:  # the reader of aiortc has no errors of its own
            raise ValueError(problem) from error
        self._connection.addTrack(Face(self._speaking))
        self._connection.addTrack(Voice(self._speaking))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._connection.localDescription.sdp

    async def close(self) -> None:
        """Leave the channel."""
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    def _speaking(self) -> bool:
        return self._avatar.speaking

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL:
            return
        self._channel = channel
        channel.on("message", self._arrived)
        early, self._early = self._early, []
        for message in early:
            channel.send(message)

    def _arrived(self, message: str | bytes) -> None:
        self._avatar.take(message.encode() if isinstance(message, str) else message)

    def send(self, message: bytes) -> None:
        """Send a message to the page."""
        if self._channel is None:
            self._early.append(message)
        elif self._channel.readyState == "open":
            self._channel.send(message)

    def _heard(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            task = asyncio.get_running_loop().create_task(self._listen(track))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _listen(self, track: _Heard) -> None:
        # The sound's own time counts: on a busy machine pieces come late, and several at once.
        ears, now = _Ears(), 0.0
        with suppress(MediaStreamError):
            while True:
                piece: object = None
                with suppress(TimeoutError):  # a microphone that is switched off sends nothing
                    async with asyncio.timeout(_PAUSE):
                        piece = await track.recv()
                now = (piece.time or 0.0) if isinstance(piece, AudioFrame) else now + _PAUSE
                seconds = ears.hear(now, loud=_is_loud(piece))
                if seconds is not None:
                    self._avatar.hear(seconds)

    async def _changed(self) -> None:
        if self._connection.connectionState in {"failed", "closed"}:
            await self.close()


class _Ears:
    """Tells how long somebody has spoken, once he is silent."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._last = 0.0

    def hear(self, now: float, *, loud: bool) -> float | None:
        """Take a piece of sound; return the seconds of a turn that has just ended."""
        if loud:
            self._begun = now if self._begun is None else self._begun
            self._last = now
        if self._begun is None or not (now - self._last >= _PAUSE or now - self._begun >= _LONGEST):
            return None
        seconds, self._begun = self._last - self._begun, None
        return seconds if seconds >= _SHORTEST else None


def _is_loud(frame: object) -> bool:
    if not isinstance(frame, AudioFrame):
        return False
    samples = array("h", bytes(frame.planes[0]))[::16]  # a part is enough
    return max(map(abs, samples), default=0) >= _LOUD


def _from_anybody(offer: str) -> str:
    """Replace the candidates of an offer: the relay takes packets of the whole machine.

    A candidate may be a name that has to be asked for by multicast, or an address of a network.
    """
    bare = _CANDIDATE.sub("", offer)
    return _MEDIA.sub(lambda media: media[0] + _ANYBODY, bare)
