"""What a webhook costs its receiver: the verification alone, and the whole handler."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from akool_async import AkoolError
from akool_async.endpoints import TTS
from akool_async.webhook import WebhookCredentials, verify
from benchmarks.contestants.armed import Told, client
from benchmarks.hooks import CLIENT_ID, SECRET, encrypted, event, post, signed
from benchmarks.meter import Figures, Meter, ask

_ROUND = 200
"""Bodies of one turn; the two sides take turns."""


def page(body: bytes) -> dict[str, Any]:
    """Do what the example on Akool's page does: json and pycryptodome."""
    from Crypto.Cipher import AES

    fields = json.loads(body)
    ciphertext = fields["dataEncrypt"]
    parts = "".join(sorted([CLIENT_ID, str(fields["timestamp"]), str(fields["nonce"]), ciphertext]))
    signature = hashlib.sha1(parts.encode()).hexdigest()  # noqa: S324 - as on the page
    if signature != fields["signature"]:
        raise ValueError("signature")
    vector = CLIENT_ID.encode()[:16].ljust(16, b"\0")
    text = AES.new(SECRET.encode(), AES.MODE_CBC, vector).decrypt(base64.b64decode(ciphertext))
    said: dict[str, Any] = json.loads(text[: -text[-1]].decode())
    return said


async def verifying(_meter: Meter, *, count: int) -> Figures:
    """Measure the seconds of one verification: ours, the page's, and of what is forged."""
    credentials = WebhookCredentials(client_id=CLIENT_ID, client_secret=SECRET)

    def ours(body: bytes) -> None:
        with contextlib.suppress(AkoolError):
            verify(body, credentials)

    media = "https://d2qf6ukcym4kn9.cloudfront.net/final_material__d71fad6e-a464-43a5-9820.jpg"
    good = [event(f"{number:024x}", media=media) for number in range(_ROUND)]
    forged = [each.replace(b'"signature": "', b'"signature": "0')[:-1] + b"}" for each in good]
    kinds: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
        "ours": (ours, good),
        "page": (page, good),
        "forged": (ours, forged),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(max(3, count // _ROUND)):
        for name, (check, bodies) in kinds.items():
            times[name].append(_seconds(check, bodies))
    found = {name: 1e6 * statistics.median(each) for name, each in times.items()}
    return {**found, **telling(ours, count)}


def _seconds(check: Callable[[bytes], object], bodies: Sequence[bytes]) -> float:
    began = time.perf_counter()
    for body in bodies:
        check(body)
    return (time.perf_counter() - began) / len(bodies)


def telling(check: Callable[[bytes], object], count: int) -> Figures:
    """Compare the times of wrong padding with those of right padding around what is no JSON."""
    chance = random.Random(1)
    pairs = []
    for _ in range(count):
        text = b"no JSON, 16 byte" + chance.randbytes(31)
        # Who forges cannot choose: most wrong paddings end in a byte above 16.
        wrong, right = bytes([chance.randint(17, 255)]), b"\x01"
        pairs.append([signed(encrypted(text + last), "1529") for last in (wrong, right)])
    times: tuple[list[float], list[float]] = ([], [])
    for pair in pairs:
        for side in chance.sample((0, 1), 2):
            began = time.perf_counter_ns()
            check(pair[side])
            times[side].append(time.perf_counter_ns() - began)
    return {
        "p": mann_whitney(*times),
        "apart": abs(statistics.median(times[0]) - statistics.median(times[1])),
    }


def mann_whitney(one: Sequence[float], two: Sequence[float]) -> float:
    """Return the probability that two samples of one distribution differ as much as these."""
    every = sorted([(value, 0) for value in one] + [(value, 1) for value in two])
    ranks, ties, place = 0.0, 0.0, 0
    while place < len(every):
        equal = place
        while equal < len(every) and every[equal][0] == every[place][0]:
            equal += 1
        mean = (place + 1 + equal) / 2
        ranks += mean * sum(side == 0 for _, side in every[place:equal])
        ties += (equal - place) ** 3 - (equal - place)
        place = equal
    n, m, total = len(one), len(two), len(every)
    surprise = abs(ranks - n * (total + 1) / 2)
    deviation = (n * m / 12 * (total + 1 - ties / (total * (total - 1)))) ** 0.5
    normal = statistics.NormalDist()
    return 1.0 if deviation == 0 else 2 * (1 - normal.cdf(surprise / deviation))


async def handling(meter: Meter, *, count: int) -> Figures:
    """Measure the CPU of one post: to the whole handler, and to one that does nothing.

    Both are in one server, and posts to them take turns. The sender runs in the same process, and
    does the same for both: what it costs is measured with no server's work, and taken off.
    """

    async def empty(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async with client(meter.url, 3, Told(), armed=True) as akool:
        await akool.submit(TTS(input_text="seconds=0.01", voice_id="v"))
        token = str(ask(meter.url)["hook"]).rpartition("/")[2]
        app = web.Application()
        app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
        app.router.add_post("/empty/{token}", empty)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        root = f"http://127.0.0.1:{runner.addresses[0][1]}"
        sinks = await asyncio.start_server(_sink, "127.0.0.1", 0)
        sink = f"http://127.0.0.1:{sinks.sockets[0].getsockname()[1]}"
        addresses = {"whole": f"{root}/akool", "empty": f"{root}/empty", "sender": f"{sink}/sink"}
        found = await _posted(addresses, token, count)
        sinks.close()
        await runner.cleanup()
    for name in ("whole", "empty"):
        found[name] -= found["sender"]
    return found


async def _posted(addresses: dict[str, str], token: str, count: int) -> Figures:
    """Post to each address in turn; return the median CPU of one post, in microseconds."""
    ends = {
        name: await asyncio.open_connection("127.0.0.1", int(address.split(":")[2].split("/")[0]))
        for name, address in addresses.items()
    }
    times: dict[str, list[float]] = {name: [] for name in addresses}
    for turn in range(max(3, count // _ROUND)):
        bodies = [event(f"{turn:012x}{number:012x}") for number in range(_ROUND)]
        for name, address in addresses.items():
            cpu = time.process_time()
            for body in bodies:
                assert await post(*ends[name], f"{address}/{token}", body) == 200
            times[name].append((time.process_time() - cpu) / _ROUND)
    for _, writer in ends.values():
        writer.close()
    return {name: 1e6 * statistics.median(each) for name, each in times.items()}


async def _sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every post with the answer of a handler, at once."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    except (OSError, EOFError):
        writer.close()
