"""Webhooks that are forged, replayed, cut anew, or that stop: they reach and cost nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from akool_async import Akool, AkoolError
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.journal import Journal
from akool_async.protocol.snapshot import Status
from akool_async.receivers.answers import REFUSED
from akool_async.webhook import Event, Outcome, WebhookCredentials, sign, verify
from akool_async.webhook.signed import SignedBody, parsed
from tests.armed import CREDENTIALS, SPEECH, Vendor, begin, body, connect
from tests.clocks import Elapse, Until

FORGED = 10_000
SECRET = "canary-secret-0123456789-abcdefg"
OTHERS = WebhookCredentials(
    client_id=CREDENTIALS.client_id, client_secret="another-secret-012345678"
)


# Forgeries

Forge = Callable[[random.Random, SignedBody], bytes]


def resigned(ciphertext: str, timestamp: int | str | None = None, nonce: str = "1234") -> bytes:
    """Sign a ciphertext as anybody can who knows the client id."""
    now = int(time.time() * 1000) if timestamp is None else timestamp
    parts = sorted([CREDENTIALS.client_id, str(now), nonce, ciphertext])
    signature = sha1("".join(parts))
    return msgspec.json.encode(
        {"signature": signature, "dataEncrypt": ciphertext, "timestamp": now, "nonce": nonce}
    )


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def encrypted(text: bytes) -> str:
    """Encrypt blocks with the right secret, whatever they hold."""
    encryptor = CREDENTIALS.cipher.encryptor()
    return base64.b64encode(encryptor.update(text) + encryptor.finalize()).decode()


def padded(text: bytes) -> bytes:
    missing = 16 - len(text) % 16
    return text + bytes([missing]) * missing


def changed_byte(chance: random.Random, real: SignedBody) -> bytes:
    data = bytearray(base64.b64decode(real.ciphertext))
    data[chance.randrange(len(data))] ^= chance.randint(1, 255)
    return resigned(base64.b64encode(data).decode())


def random_blocks(chance: random.Random, _real: SignedBody) -> bytes:
    return resigned(base64.b64encode(chance.randbytes(16 * chance.randint(1, 12))).decode())


def unsigned(chance: random.Random, real: SignedBody) -> bytes:
    forged = json.loads(resigned(real.ciphertext))
    return msgspec.json.encode(forged | {"signature": f"{chance.getrandbits(160):040x}"})


def of_another_secret(chance: random.Random, _real: SignedBody) -> bytes:
    return sign(Event(id=f"{chance.randint(1, 9):024x}", status=Status.COMPLETED), OTHERS)


def stale(chance: random.Random, real: SignedBody) -> bytes:
    late = chance.choice([-1, 1]) * chance.randint(301_000, 10**12)
    return resigned(real.ciphertext, int(time.time() * 1000) + late)


def no_event(chance: random.Random, _real: SignedBody) -> bytes:
    """Hold what only Akool could encrypt, and what is still no event."""
    texts = (b"", b"{}", b"[" * 40, b"null", b"\xff\xfe", b'{"_id":1,"status":3}', b'{"status":3}')
    more = (b'{"_id":"%024x","status":9}' % 1, b'{"_id":"x","status":true}', chance.randbytes(30))
    return resigned(encrypted(padded(chance.choice(texts + more))))


def wrong_padding(chance: random.Random, _real: SignedBody) -> bytes:
    return resigned(encrypted(b'{"_id":"1","status":3}' + chance.randbytes(9) + b"\x02"))


def not_base64(chance: random.Random, real: SignedBody) -> bytes:
    place = chance.randrange(len(real.ciphertext))
    sign_of = chance.choice("-_ é\n=%")
    return resigned(real.ciphertext[:place] + sign_of + real.ciphertext[place + 1 :])


def junk(chance: random.Random, _real: SignedBody) -> bytes:
    return chance.choice([b"", b"{", b"null", b"[]", b'"text"', b"[" * 5000, chance.randbytes(99)])


def other_parts(chance: random.Random, real: SignedBody) -> bytes:
    """Leave parts out, or give them another type."""
    forged = json.loads(resigned(real.ciphertext))
    name = chance.choice(list(forged))
    if chance.random() < 0.5:
        del forged[name]
    else:
        forged[name] = chance.choice([None, [], {}, True, 1.5, -1, 2**70])
    return msgspec.json.encode(forged) if forged.get(name) != 2**70 else json.dumps(forged).encode()


FORGERIES: tuple[Forge, ...] = (
    changed_byte,
    random_blocks,
    unsigned,
    of_another_secret,
    stale,
    no_event,
    wrong_padding,
    not_base64,
    junk,
    other_parts,
)


def forgeries(number: int, real: bytes) -> Iterator[bytes]:
    chance, signed = random.Random(5), parsed(real)
    for each in range(number):
        yield FORGERIES[each % len(FORGERIES)](chance, signed)


async def post_to_app(app: Any, token: str, sent: bytes) -> tuple[Any, ...]:
    """Post to an ASGI app; return all that the sender sees."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/akool/{token}",
        "headers": [(b"content-type", b"application/json")],
    }
    seen: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent}

    async def send(message: dict[str, Any]) -> None:
        seen.append((message.get("status"), str(message.get("headers")), message.get("body")))

    await app(scope, receive, send)
    return tuple(seen)


async def test_ten_thousand_forged_bodies_get_one_answer_and_ask_nothing(
    vendor: Vendor, url: str, clock: ManualClock
) -> None:
    async with connect(url, clock) as akool:
        job, job_id = await begin(akool)
        app, token = akool.webhooks.asgi_app(), vendor.token(job_id)
        real = vendor.ends(job_id)
        answers = Counter[Any]()
        for forged in forgeries(FORGED, real):
            answers[await post_to_app(app, token, forged)] += 1
        assert len(answers) == 1
        ((answer,),) = [list(answers)]
        assert answer[0][0] == 400
        assert answer[1][2] == REFUSED
        assert not vendor.asked
        assert not job.done()
        assert akool.stats.webhooks == {"refused": FORGED}
        assert (await post_to_app(app, token, real))[0][0] == 200  # the real one is not shut out
        await job


@pytest.fixture
async def receiver() -> AsyncIterator[Callable[[Akool], Any]]:
    """Serve a client's aiohttp handler on loopback; call it to get its address."""
    runners: list[web.AppRunner] = []

    async def serve_handler(akool: Akool) -> str:
        app = web.Application()
        app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
        runner = web.AppRunner(app)  # with its access log
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/akool"

    yield serve_handler
    for runner in runners:
        await runner.cleanup()


async def test_forged_bodies_get_one_answer_over_http_too(
    vendor: Vendor, url: str, clock: ManualClock, receiver: Callable[[Akool], Any]
) -> None:
    async with connect(url, clock) as akool, aiohttp.ClientSession() as session:
        _, job_id = await begin(akool)
        address = f"{await receiver(akool)}/{vendor.token(job_id)}"
        answers = Counter[Any]()
        for forged in forgeries(100, vendor.ends(job_id)):
            headers = {"Content-Type": "application/json"}
            async with session.post(address, data=forged, headers=headers) as answer:
                shown = {name: value for name, value in answer.headers.items() if name != "Date"}
                answers[answer.status, str(shown), await answer.read()] += 1
        assert len(answers) == 1
        assert not vendor.asked


# Time

Steps = list[tuple[str, str]]


def steps(sent: bytes) -> Steps:
    """Return the calls that the verification of a body makes, in order."""
    made: Steps = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event in {"call", "c_call"}:
            name = frame.f_code.co_name if event == "call" else argument.__qualname__
            made.append((event, name))

    sys.setprofile(note)
    try:
        verify(sent, CREDENTIALS)
    except AkoolError:
        pass
    finally:
        sys.setprofile(None)
    return made


@pytest.mark.parametrize(
    "last",
    [
        b"\x00" * 16,
        b"\x01" * 14 + b"\x07\x02",
        b"\x01" * 15 + b"\x11",
        b"\xff" * 16,
        b"\x0f" * 15 + b"\x10",
    ],
    ids=["zero", "two that differ", "seventeen", "255", "sixteen that differ"],
)
def test_wrong_padding_takes_the_same_steps_as_no_json(last: bytes) -> None:
    # Which steps, and not how long: seconds depend on what else the machine does. The benchmarks
    # compare the seconds.
    beginning = b"no JSON, 16 byte"
    no_json = steps(resigned(encrypted(padded(beginning))))
    assert ("c_call", "compare_digest") in no_json
    assert steps(resigned(encrypted(beginning + last))) == no_json


# Replays


async def test_a_replayed_webhook_asks_once_however_it_is_signed(
    vendor: Vendor, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    async with connect(url, journal=path) as akool:
        job, job_id = await begin(akool)
        token, event = vendor.token(job_id), vendor.ends(job_id)
        assert await akool.webhooks.feed(event, token) is Outcome.WOKEN
        for _ in range(100):
            assert await akool.webhooks.feed(event, token) is Outcome.REPEATED
            again = resigned(parsed(event).ciphertext)
            assert await akool.webhooks.feed(again, token) is Outcome.REPEATED
        await job
    async with connect(url, journal=path) as akool:  # and in the next process
        assert await akool.webhooks.feed(event, token) is Outcome.REPEATED
    assert vendor.asked[job_id] == 1


async def test_a_webhook_for_one_job_wakes_no_other_by_its_address(
    vendor: Vendor, url: str, clock: ManualClock
) -> None:
    async with connect(url, clock) as akool:
        _, first = await begin(akool)
        other, second = await begin(akool)
        assert await akool.webhooks.feed(vendor.ends(first), vendor.token(second)) is Outcome.WOKEN
        assert not other.done()
        assert vendor.asked[second] == 0


def splits(signed: SignedBody) -> Iterator[bytes]:
    """Yield the same ciphertext with timestamp and nonce cut at other places: all are signed."""
    both = "".join(sorted([str(signed.timestamp), str(signed.nonce)]))
    for place in range(len(both) + 1):
        for timestamp, nonce in (
            (both[:place], both[place:]),
            (both[place:], both[:place]),
        ):
            parts = {
                "signature": signed.signature,
                "dataEncrypt": signed.ciphertext,
                "timestamp": timestamp,
                "nonce": nonce,
            }
            forged = msgspec.json.encode(parts)
            if parsed(forged).is_by(CREDENTIALS):
                yield forged


async def test_a_captured_webhook_with_timestamp_and_nonce_cut_anew_is_a_repetition(
    vendor: Vendor, url: str
) -> None:
    async with connect(url) as akool:
        job, job_id = await begin(akool)
        vendor.ends(job_id)
        # With this nonce no part of the signature stands between it and the timestamp.
        token, event = vendor.token(job_id), body(job_id, nonce="1529")
        await akool.webhooks.feed(event, token)
        await job
        cut = list(splits(parsed(event)))
        assert len(cut) > 10  # the signature shuts none of them out
        outcomes = [await akool.webhooks.feed(each, token, tolerance=None) for each in cut]
        assert set(outcomes) == {Outcome.REPEATED}
        assert vendor.asked[job_id] == 1


# Secrets


def disguises(secret: str) -> list[bytes]:
    """Return the spellings of a secret, and of the key for tokens that is made from it."""
    key = hmac.digest(secret.encode(), b"akool_async: webhook address, version 1", "sha256")
    plain = [secret.encode(), key]
    return [*plain, *map(base64.b64encode, plain), *(each.hex().encode() for each in plain)]


def contents(folder: Path) -> list[bytes]:
    return [each.read_bytes() for each in folder.rglob("*") if each.is_file()]


async def test_the_secret_is_in_nothing_that_leaves_the_process(
    vendor: Vendor,
    url: str,
    *,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    receiver: Callable[[Akool], Any],
    until: Until,
) -> None:
    assert str(CREDENTIALS.client_secret) == SECRET
    path, shown = tmp_path / "jobs.db", list[str]()
    vendor.loses = True
    with caplog.at_level(logging.DEBUG):
        async with connect(url, journal=path) as akool, aiohttp.ClientSession() as session:
            job = akool.submit(SPEECH, key="k")
            await until(lambda: "lost" in repr(job))
            (job_id,) = vendor.ids
            address, token = await receiver(akool), vendor.token(job_id)
            real = vendor.ends(job_id)
            for each in (*forgeries(20, real), real, real):
                headers = {"Content-Type": "application/json"}
                for target in (token, token[::-1]):
                    async with session.post(
                        f"{address}/{target}", data=each, headers=headers
                    ) as answer:
                        shown.append(f"{answer.headers} {await answer.text()}")
                try:
                    await akool.webhooks.feed(each, token)
                except AkoolError as error:
                    shown += [repr(error), *traceback.format_exception(error)]
            await job
            shown += [repr(akool), repr(akool.webhooks), repr(akool.stats), repr(job), token]
        for wrong in (SECRET + "x", SECRET[:-1]):
            with pytest.raises(AkoolError) as refused:
                WebhookCredentials(client_id="id", client_secret=wrong)
            shown += [repr(refused.value), str(refused.value)]
    assert "/akool/" in caplog.text  # the access log was written
    files = contents(tmp_path)
    leaves = [*files, *(each.encode() for each in shown), caplog.text.encode()]
    for secret in (*disguises(SECRET), SECRET[:-1].encode()):
        assert not any(secret in each for each in leaves)
    packed = base64.urlsafe_b64decode(token + "=")
    assert not any(secret in packed for secret in disguises(SECRET))


# With and without an address


@pytest.mark.parametrize("armed_first", [True, False])
async def test_a_key_is_one_job_with_and_without_a_webhook_url(
    vendor: Vendor, url: str, tmp_path: Path, *, armed_first: bool
) -> None:
    path = tmp_path / "jobs.db"
    without: dict[str, Any] = {"webhook_url": None}
    first, second = ({}, without) if armed_first else (without, {})
    async with connect(url, journal=path, **first) as akool:
        _, job_id = await begin(akool, key="k")
    assert (vendor.hooks[job_id] is not None) is armed_first
    vendor.status[job_id] = 3
    async with connect(url, journal=path, **second) as akool:
        assert (await akool.submit(SPEECH, key="k")).id == job_id
        assert (await akool.submit(SPEECH, key="k")).id == job_id
    assert vendor.ids == [job_id]
    journal = Journal(path)
    assert len(list(journal.entries())) == 1
    await journal.close()


# Webhooks that stop


async def run_jobs(
    akool: Akool, vendor: Vendor, number: int, elapse: Elapse, clock: ManualClock, *, told: bool
) -> float:
    """Run jobs of ten seconds one after the other; return the longest delay of an end."""
    longest = 0.0
    for _ in range(number):
        job, job_id = await begin(akool)
        await clock.advance(10.0)
        event, ended = vendor.ends(job_id), clock.time()
        if told:
            await akool.webhooks.feed(event, vendor.token(job_id))
        await elapse(clock, job.done)
        longest = max(longest, clock.time() - ended)
    return longest


async def test_webhooks_that_stop_and_come_back_cost_no_job_and_little_time(
    vendor: Vendor,
    url: str,
    clock: ManualClock,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "akool_async"):
        async with connect(url, clock) as akool:
            assert await run_jobs(akool, vendor, 8, elapse, clock, told=True) <= 1.0
            calm = vendor.asked.total()
            await run_jobs(akool, vendor, 2, elapse, clock, told=True)
            assert vendor.asked.total() - calm == 2  # one question for each job
            await run_jobs(akool, vendor, 2, elapse, clock, told=False)  # in the net
            assert "webhooks do not arrive" in caplog.text
            assert await run_jobs(akool, vendor, 5, elapse, clock, told=False) < 30
            caplog.clear()
            assert await run_jobs(akool, vendor, 5, elapse, clock, told=True) <= 1.0
            assert "webhooks arrive" in caplog.text
            back = vendor.asked.total()
            await run_jobs(akool, vendor, 2, elapse, clock, told=True)
            assert vendor.asked.total() - back == 2
            assert akool.stats.in_flight == 0


async def test_every_event_twice_and_out_of_order_costs_one_question_for_each_job(
    vendor: Vendor, url: str, clock: ManualClock, until: Until
) -> None:
    chance = random.Random(3)
    async with connect(url, clock, max_concurrency=100) as akool:
        jobs = [
            akool.submit(TTS(input_text=f"text {number}", voice_id="v")) for number in range(100)
        ]
        for job in jobs:
            await job.created()
        running = [(each, body(each, Status.PROCESSING)) for each in vendor.ids]
        events = [(each, vendor.ends(each)) for each in vendor.ids]
        mixed = (running + events) * 2
        chance.shuffle(mixed)
        for job_id, event in mixed:
            await akool.webhooks.feed(event, vendor.token(job_id))
        await until(lambda: all(job.done() for job in jobs))
        assert vendor.asked.total() == 100
