"""The webhooks of the benchmarks' server: written from Akool's page, not from the package."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
from typing import NamedTuple, Self
from urllib.parse import urlsplit

CLIENT_ID = "benchmark-client-id-=="
SECRET = "benchmark-secret-0123456789-abcd"  # noqa: S105 - it opens nothing
"""The account's; 32 bytes of secret, so that the key has 256 bits."""

_LANES = 64
"""Connections over which webhooks are sent."""
_PAUSE = 0.5
"""Seconds after which a webhook that was not answered with 200 is sent again."""


class Fates(NamedTuple):
    """What becomes of webhooks."""

    lost: float = 0.0
    """Fraction that is never sent."""
    twice: float = 0.0
    """Fraction that is sent twice."""
    late: float = 0.0
    """The most seconds by which each is late, and so out of order."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `lost=.1,late=.5`."""
        pairs = (part.split("=") for part in text.split(",") if part)
        return cls(**{name: float(value) for name, value in pairs})


def encrypted(text: bytes) -> str:
    """Encrypt as Akool does: AES-CBC, the padded client id as the initialization vector."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    vector = CLIENT_ID.encode()[:16].ljust(16, b"\0")
    encryptor = Cipher(algorithms.AES(SECRET.encode()), modes.CBC(vector)).encryptor()
    return base64.b64encode(encryptor.update(text) + encryptor.finalize()).decode()


def signed(ciphertext: str, nonce: str) -> bytes:
    """Return a body; anyone who knows the client id can sign."""
    now = int(time.time() * 1000)
    parts = "".join(sorted([CLIENT_ID, str(now), nonce, ciphertext]))
    signature = hashlib.sha1(parts.encode(), usedforsecurity=False).hexdigest()
    fields = {"signature": signature, "dataEncrypt": ciphertext, "timestamp": now, "nonce": nonce}
    return json.dumps(fields).encode()


def event(job: str, nonce: str = "1529", media: str = "") -> bytes:
    """Return the body that says that a job is complete."""
    text = json.dumps({"_id": job, "status": 3, "type": "faceswap", "url": media}).encode()
    missing = 16 - len(text) % 16
    return signed(encrypted(text + bytes([missing]) * missing), nonce)


class Hooks:
    """Sends the webhooks of a server's jobs.

    Args:
        fates: What becomes of them.
        half_trip: Seconds that each is under way.
        seed: The same one draws the same fates.
    """

    def __init__(self, fates: Fates, half_trip: float, seed: int) -> None:
        self._fates = fates
        self._half_trip = half_trip
        self._chance = random.Random(seed)
        self._posts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._lanes: list[asyncio.Task[None]] = []
        self.last = ""
        """The address of the last create that had one."""
        self.sent = 0
        """Webhooks that were answered with 200; each repetition counts."""

    def plan(self, job: str, ends: float, url: str) -> None:
        """Send the webhook of a job that ends at a moment of the monotonic clock."""
        self.last = url
        if not self._lanes:
            self._lanes = [asyncio.create_task(self._lane()) for _ in range(_LANES)]
        draw, fates = self._chance.random, self._fates
        if draw() < fates.lost:
            return
        for _ in range(2 if draw() < fates.twice else 1):
            pause = ends + self._half_trip + fates.late * draw() - time.monotonic()
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, pause), self._posts.put_nowait, (job, url))

    async def _lane(self) -> None:
        """Send webhooks, one after the other, over one connection."""
        ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            job, url = await self._posts.get()
            try:
                if ends is None:
                    address = urlsplit(url)
                    ends = await asyncio.open_connection(address.hostname, address.port)
                status = await post(*ends, url, event(job))
            except (OSError, EOFError, ValueError):
                status, ends = 0, None
            if status == 200:
                self.sent += 1
            else:
                loop = asyncio.get_running_loop()
                loop.call_later(_PAUSE, self._posts.put_nowait, (job, url))


async def post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str, body: bytes
) -> int:
    """Post a body, and return the status of the answer."""
    address = urlsplit(url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    await reader.readexactly(length)
    return int(answer.split(b" ", 2)[1])
