"""A run that is killed at any moment, and at the worst: each row is paid for once, and has a line.

`akool run` is killed with SIGKILL: at random, and by the server, after it has noted a create and
before it answers. `AKOOL_TEST_KILLED_ROWS=20000` makes it a long night.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async.journal import Journal

if TYPE_CHECKING:
    from tests.faults.conftest import Scripted
    from tests.servers import Visit

ROWS = int(os.environ.get("AKOOL_TEST_KILLED_ROWS", "400"))
SECONDS = 0.1
"""How long a job takes at the server."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def media_of(job: str) -> bytes:
    return b"RIFF0000WAVE" + hashlib.sha256(job.encode()).digest() * 100


class Shop:
    """A server that sells speeches and serves them, keeps the books, and may shoot its customer."""

    def __init__(self) -> None:
        self.url = ""
        self.sold: list[tuple[str, str]] = []
        """Text and id of every job that was created, in order."""
        self.shot: list[str] = []
        """Texts whose creates were noted and never answered."""
        self.customer: asyncio.subprocess.Process | None = None
        self.visited = asyncio.Event()
        self.shoots_at = -1
        self._begun: dict[str, float] = {}

    async def __call__(self, visit: Visit) -> None:
        """Create a job, say where one stands, or serve its file."""
        if "/media/" in visit.target:
            job = visit.target.rpartition("/")[2].partition(".")[0]
            await visit.answer(media_of(job), content_type="audio/wav")
            return
        if "quota" in visit.target:
            await visit.say({"code": 1000, "data": {"credit": 10_000 - len(self.sold)}})
            return
        if not visit.is_create:
            job = visit.target.rpartition("=")[2]
            ended = time.monotonic() - self._begun[job] > SECONDS
            data = {"_id": job, "status": 3 if ended else 2, "url": f"{self.url}/media/{job}.wav"}
            await visit.say({"code": 1000, "data": data})
            return
        text = json.loads(visit.body)["input_text"]
        job = f"{len(self.sold):024x}"
        self.sold.append((text, job))
        self.visited.set()
        self._begun[job] = time.monotonic()
        if len(self.sold) == self.shoots_at:
            assert self.customer is not None
            self.customer.send_signal(signal.SIGKILL)
            self.shot.append(text)
            await visit.hang()
        await visit.say({"code": 1000, "data": {"_id": job, "status": 1}})


async def start(shop: Shop, manifest: Path, out: Path) -> asyncio.subprocess.Process:
    shop.visited.clear()
    at_once = str(max(8, ROWS // 400))
    arguments = ["run", str(manifest), "--out", str(out), "--concurrency", at_once, "--no-report"]
    shop.customer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "akool_async.cli", *arguments),
        env=os.environ | {"AKOOL_API_KEY": "the-key", "AKOOL_BASE_URL": shop.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return shop.customer


async def ended(process: asyncio.subprocess.Process) -> tuple[int, bytes, str]:
    output, errors = await asyncio.wait_for(process.communicate(), max(90, ROWS / 10))
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_a_run_killed_at_any_moment_pays_for_each_row_once(
    tmp_path: Path, scripted: Scripted
) -> None:
    chance, shop = random.Random(7), Shop()
    server = await scripted(shop)
    shop.url = server.url
    manifest, out = tmp_path / "rows.jsonl", tmp_path / "run"
    row = {"operation": "audio.tts", "voice_id": "voice"}
    manifest.write_text(
        "".join(
            json.dumps({**row, "key": f"row-{n}", "input_text": f"text {n}"}) + "\n"
            for n in range(ROWS)
        )
    )
    for moment in ("random", "worst", "random", "random"):
        shop.shoots_at = (
            len(shop.sold) + chance.randint(ROWS // 40, ROWS // 7) if moment == "worst" else -1
        )
        customer = await start(shop, manifest, out)
        if moment == "random":
            await asyncio.wait_for(shop.visited.wait(), 30)
            await asyncio.sleep(chance.uniform(0.2, 1.0) * max(1, ROWS / 1000))
            customer.send_signal(signal.SIGKILL)
        code, _, errors = await ended(customer)
        assert code == -signal.SIGKILL, errors
    shop.shoots_at = -1
    code, output, errors = await ended(await start(shop, manifest, out))
    assert code == 4, errors  # the create that was shot is in doubt
    assert shop.shot[0] in "".join(f"text {n}" for n in range(ROWS))
    assert "akool journal resolve row-" in errors
    decide(shop, out)
    code, output, errors = await ended(await start(shop, manifest, out))
    assert code == 0, errors
    check(shop, out, json.loads(output.splitlines()[-1]))
    results = out / "results.jsonl"
    lines = sorted(results.read_bytes().splitlines())
    results.unlink()
    code, output, errors = await ended(await start(shop, manifest, out))
    assert code == 0, errors
    assert sorted(results.read_bytes().splitlines()) == lines
    assert len(shop.sold) == ROWS


def decide(shop: Shop, out: Path) -> None:
    """Decide about each create in doubt, as a person who looks at the account does."""
    journal, sold = Journal(out / "journal.sqlite"), dict(shop.sold)
    for outcome in lines_of(out / "errors.jsonl"):
        text = f"text {outcome['key'].removeprefix('row-')}"
        if text in sold:
            journal.resolve(outcome["key"], accept=sold[text])
        else:
            journal.resolve(outcome["key"], resend=True)
    journal.close_now()


def check(shop: Shop, out: Path, figures: dict[str, Any]) -> None:
    """Compare the run's folder with the books of the shop."""
    sold = dict(shop.sold)
    assert max(Counter(text for text, _ in shop.sold).values()) == 1  # none was paid for twice
    assert len(shop.sold) == ROWS
    results = lines_of(out / "results.jsonl")
    assert sorted(each["key"] for each in results) == sorted(f"row-{n}" for n in range(ROWS))
    assert lines_of(out / "errors.jsonl") == []
    for each in results:
        assert each["status"] == "completed"
        assert each["id"] == sold[f"text {each['key'].removeprefix('row-')}"]
        content = (out / each["path"]).read_bytes()
        assert content == media_of(each["id"])
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
        assert each["bytes"] == len(content)
    counts = figures["operations"]["audio.tts"]
    assert counts["rows"] == counts["completed"] == ROWS
