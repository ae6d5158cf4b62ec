"""A fast Akool server on loopback, in a process of its own, that stores no jobs.

    python -m benchmarks.server [--rtt 0.05] [--cap 10 --refusal 414] [--faults bad=.02,reset=.01]

A job's id contains the moment of its completion: 14 hex digits of microseconds on the monotonic
clock that all processes share, then 10 digits of a counter. So its awaiter knows the exact delay.
Durations are drawn from a seeded lognormal distribution whose longest half percent is cut short,
unless the body of the create names a duration, as in `seconds=1.5`. The server prints its address
when it listens. It ends when its standard input ends, and so with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import math
import random
import sys
import time
from collections import Counter
from typing import Any, NamedTuple

from benchmarks.cores import pin
from benchmarks.hooks import Fates, Hooks

OK = b'{"code":1000,"msg":"OK","data":%s}'
HEAD = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 414: b"URI Too Long"}
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 11\r\n\r\nBad gateway"

FILES = b"/media/"
"""Where the server keeps the media, if it has any."""

MEDIA = (
    b"https://cdn.example/final_material__d71fad6e-a464-43a5-9820-6e4347dce228-80554b9d-0356.jpg"
)

ROW = (
    b'{"faceswap_type":1,"faceswap_quality":2,"faceswap_status":%d,"deduction_status":1,"image":1'
    b',"video_duration":0,"deduction_duration":0,"update_time":0,"_id":"'
)
"""A row of `listbyids` as Akool's page prints it, up to the id."""


def rest_of_row(media: bytes) -> bytes:
    """Return the rest of the row, after the id."""
    return (
        b'","userId":"64d985c5571729d3e2999477","uid":378337,"url":"'
        + media
        + b'","createdAt":"2023-08-15T02:43:38.536Z"}'
    )


REST = rest_of_row(MEDIA)

UNDER_WAY, COMPLETED = ROW % 2, ROW % 3

CREATED = {
    b"faceswap": b'{"_id":"%s","url":"' + MEDIA + b'","job_id":"%s"}',
    b"audio": b'{"_id":"%s","create_time":1691637155736,"uid":378337,"status":1,"url":"",'
    b'"gender":"Female","name":"%s","input_text":"Good morning."}',
    b"content": b'{"_id":"%s","create_time":1691637155736,"uid":378337,"type":5,"from":2,'
    b'"video_status":1,"video":"","video_id":"%s"}',
}
"""Data of a create's reply, by the first word of its path below `v3/`."""

LOOKED_UP = {
    b"audio": b'{"_id":"%s","create_time":1691637155736,"uid":378337,"status":%d,"url":"%s",'
    b'"gender":"Female","name":"Nicole","input_text":"Good morning."}',
    b"content": b'{"_id":"%s","create_time":1691637155736,"uid":378337,"type":5,"from":2,'
    b'"video_status":%d,"video":"%s","video_id":"64dae65af6e250d4fb2bca63"}',
}


class Faults(NamedTuple):
    """Fractions of the requests that fail."""

    bad: float = 0.0
    """Answered with HTTP 502, and not carried out."""
    reset: float = 0.0
    """Carried out; then the connection is dropped."""
    hang: float = 0.0
    """Carried out, and never answered."""

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read `bad=.02,reset=.01`."""
        pairs = (part.split("=") for part in text.split(",") if part)
        return cls(**{name: float(value) for name, value in pairs})

    def draw(self, chance: random.Random) -> str:
        """Return the fault of the next request; an empty text for none."""
        drawn = chance.random() if any(self) else 1.0
        for name, part in self._asdict().items():
            drawn -= part
            if drawn < 0:
                return str(name)
        return ""


class Akool:
    """Answers requests. A job is only its id."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.half_trip: float = options.rtt / 2
        self.faults = Faults.parse(options.faults)
        self.requests: Counter[str] = Counter()
        self.created = 0
        self.last_create = 0.0
        self.connections = self.most_connections = 0
        self.chance = random.Random(options.seed + 1)
        self.hooks = Hooks(Fates.parse(options.hooks), self.half_trip, options.seed + 2)
        self.link: float = options.link
        self.file = reply(b"\xff\xd8\xff" + bytes(max(0, options.media - 3)))
        self.keep_media(MEDIA)
        self._cap: int = options.cap
        self._refusal: int = options.refusal
        self._micros = drawn(options.median, options.sigma, options.seed)

    def keep_media(self, address: bytes) -> None:
        """Name an address for the media of all jobs."""
        self._media = address
        self._rest = rest_of_row(address)

    def answer(self, method: bytes, target: bytes, body: bytes) -> bytes:
        """Return the reply to one request."""
        path, _, query = target.partition(b"?")
        if path.endswith(b"listbyids"):
            return self._listed(query)
        family = path.removeprefix(b"/api/open/v3/").partition(b"/")[0]
        if method == b"GET":
            if path.endswith(b"quota/info"):
                return reply(OK % b'{"credit":99999.5}')
            return self._looked_up(family, query)
        if path.endswith((b"byids", b"job/del")):
            return reply(b'{"code":1000,"msg":"OK"}')
        if family not in CREATED:
            return reply(b"{}", 404)
        return self._create(family, body)

    def _create(self, family: bytes, body: bytes) -> bytes:
        now = time.monotonic()
        number = self.created
        self.created += 1
        self.last_create = now
        seconds, until = named(body, b"seconds="), named(body, b"until=")
        if until is not None:
            micros = max(0, int(1e6 * (until - now)))
        elif seconds is not None:
            micros = int(1e6 * seconds)
        else:
            micros = self._micros[number % len(self._micros)]
        job = b"%014x%010x" % (int(now * 1e6) + micros, number)
        self._plan(job, now + micros / 1e6, body)
        return reply(OK % (CREATED[family] % (job, job[::-1])))

    def _plan(self, job: bytes, ends: float, body: bytes) -> None:
        """Send a webhook at the end of a job whose create has an address for it."""
        place = body.find(b'"webhookUrl":"')
        url = body[place + 14 :].partition(b'"')[0] if place >= 0 else b""
        if url:
            self.hooks.plan(job.decode(), ends, url.decode())

    def _listed(self, query: bytes) -> bytes:
        ids = query.removeprefix(b"_ids=").replace(b"%2C", b",").split(b",")
        if self._cap and len(ids) > self._cap:
            return self._refused()
        now = b"%014x" % int(time.monotonic() * 1e6)
        rows = b",".join(
            [(COMPLETED if each < now else UNDER_WAY) + each + self._rest for each in ids]
        )
        return reply(OK % (b'{"result":[' + rows + b"]}"))

    def _refused(self) -> bytes:
        if self._refusal == 1003:
            return reply(b'{"code":1003,"msg":"params error"}')
        return reply(b"<html>too many</html>", self._refusal)

    def _looked_up(self, family: bytes, query: bytes) -> bytes:
        job = query.rpartition(b"=")[2]
        if family not in LOOKED_UP or len(job) != 24:
            return reply(b"{}", 404)
        over = job < b"%014x" % int(time.monotonic() * 1e6)
        data = (job, 3, self._media) if over else (job, 2, b"")
        return reply(OK % (LOOKED_UP[family] % data))

    def statistics(self) -> bytes:
        """Return the server's own counters."""
        known = {
            "requests": self.requests,
            "created": self.created,
            "last_create": self.last_create,
            "cpu": time.process_time(),
            "most_connections": self.most_connections,
            "hooks": self.hooks.sent,
            "hook": self.hooks.last,
        }
        return reply(json.dumps(known).encode())


def named(body: bytes, name: bytes) -> float | None:
    """Return the number that a request names, such as `seconds=0.5` in an address or a text."""
    place = body.find(name)
    if place < 0:
        return None
    return float(body[place + len(name) :].partition(b'"')[0].partition(b"&")[0])


def drawn(median: float, sigma: float, seed: int) -> list[int]:
    """Return durations in microseconds, the same ones for the same seed.

    A duration beyond two and a half sigmas is cut short, so that no run waits for one long job.
    """
    chance = random.Random(seed)
    steps = (chance.gauss(0.0, sigma) for _ in range(1 << 14))
    return [int(1e6 * median * math.exp(min(step, 2.5 * sigma))) for step in steps]


def reply(body: bytes, status: int = 200) -> bytes:
    """Return a whole HTTP reply."""
    return HEAD % (status, REASONS[status], len(body)) + body


class Connection(asyncio.Protocol):
    """One connection, with one request after the other."""

    def __init__(self, akool: Akool, loop: asyncio.AbstractEventLoop) -> None:
        self._akool = akool
        self._loop = loop
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self._transport = transport
        self._akool.connections += 1
        self._akool.most_connections = max(self._akool.most_connections, self._akool.connections)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Count the end of the connection."""
        self._akool.connections -= 1

    def data_received(self, data: bytes) -> None:
        """Collect bytes until a request is whole."""
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            self._received = received
            return
        method, target, _ = received[: received.find(b"\r\n")].split(b" ")
        body_end = end + 4
        if method == b"POST":
            head = received[:end].lower()
            body_end += int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(received) < body_end:
            self._received = received
            return
        self._received = received[body_end:]
        self._accept(method, target, received[end + 4 : body_end])

    def _accept(self, method: bytes, target: bytes, body: bytes) -> None:
        if target == b"/statistics":
            self._write(self._akool.statistics())
        elif self._akool.link and target.startswith(FILES):
            self._loop.call_later(self._akool.link, self._evaluate, method, target, body)
        elif self._akool.half_trip:
            self._loop.call_later(self._akool.half_trip, self._evaluate, method, target, body)
        else:
            self._evaluate(method, target, body)

    def _evaluate(self, method: bytes, target: bytes, body: bytes) -> None:
        self._akool.requests[target.partition(b"?")[0].decode()] += 1
        fate = self._akool.faults.draw(self._akool.chance)
        if fate == "bad":
            self._write(BAD_GATEWAY)
            return
        kept = target.startswith(FILES)
        answer = self._akool.file if kept else self._akool.answer(method, target, body)
        if fate == "reset":
            self._transport.abort()
        elif fate != "hang" and self._akool.half_trip:
            self._loop.call_later(self._akool.half_trip, self._write, answer)
        elif fate != "hang":
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(akool: Akool, *, own_media: bool) -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(akool, loop), "127.0.0.1", 0, backlog=4096)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if own_media:
        akool.keep_media(url.encode() + FILES + b"result.jpg")
    print(url, flush=True)
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and no pause may slow the server
    await loop.run_in_executor(None, sys.stdin.read)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop if it is installed: the server must not be the bottleneck."""
    try:
        loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    except ImportError:
        return asyncio.new_event_loop()
    return loop


def main() -> None:
    """Run the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rtt", type=float, default=0.0, help="seconds, half each way")
    parser.add_argument("--median", type=float, default=2.0, help="seconds a job takes")
    parser.add_argument("--sigma", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cap", type=int, default=0, help="most ids in one request")
    parser.add_argument("--refusal", type=int, default=414, choices=(400, 414, 1003))
    parser.add_argument("--faults", default="", help="fractions: bad=.02,reset=.01,hang=.005")
    parser.add_argument("--media", type=int, default=0, help="bytes of each result, served here")
    parser.add_argument("--link", type=float, default=0.0, help="seconds until one is sent")
    parser.add_argument("--hooks", default="", help="of webhooks: lost=.1,twice=1,late=.5")
    options = parser.parse_args()
    pin(1)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(Akool(options), own_media=options.media > 0))


if __name__ == "__main__":
    main()
