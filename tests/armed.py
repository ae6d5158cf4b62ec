"""A vendor on loopback that shows the addresses of creates, and clients whose creates have some."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Job
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.protocol.snapshot import Status
from akool_async.webhook import Event, Outcome, WebhookCredentials, sign

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

CREDENTIALS = WebhookCredentials(
    client_id="my-client-id-AAAAAAAAA==", client_secret="canary-secret-0123456789-abcdefg"
)
HOOK = "https://hooks.example/akool"
SPEECH = TTS(input_text="Hello.", voice_id="v")


class Vendor:
    """A vendor that says what is asked, and whose replies to creates may be lost."""

    def __init__(self) -> None:
        self.loses = False
        self.ids: list[str] = []
        self.hooks: dict[str, str | None] = {}
        """The webhook address of each create, by the job's id."""
        self.status: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.gate: asyncio.Event | None = None
        """What a create's reply waits for."""

    async def __call__(self, visit: Visit) -> None:
        if visit.is_create:
            await self._create(visit, json.loads(visit.body))
        else:
            await self._say(visit, visit.target.rpartition("=")[2])

    async def _create(self, visit: Visit, body: dict[str, Any]) -> None:
        job_id = f"{len(self.ids) + 1:024x}"
        self.ids.append(job_id)
        self.hooks[job_id] = body.get("webhookUrl")
        self.status.setdefault(job_id, 1)
        if self.gate is not None:
            await self.gate.wait()
        if self.loses:
            visit.reset()
        else:
            await visit.say({"code": 1000, "msg": "OK", "data": {"_id": job_id, "status": 1}})

    async def _say(self, visit: Visit, job_id: str) -> None:
        self.asked[job_id] += 1
        status = self.status[job_id]
        data = {"_id": job_id, "status": status, "url": f"https://cdn.example/{job_id}.mp3"}
        await visit.say({"code": 1000, "msg": "OK", "data": data})

    def token(self, job_id: str) -> str:
        """Return the last segment of the address that a create was sent with."""
        hook = self.hooks[job_id]
        assert hook is not None
        assert hook.startswith(f"{HOOK}/")
        return hook.rpartition("/")[2]

    def ends(self, job_id: str, status: Status = Status.COMPLETED) -> bytes:
        """End a job, and return the body of the webhook about it."""
        self.status[job_id] = int(status)
        return body(job_id, status)


def body(job_id: str, status: Status = Status.COMPLETED, *, nonce: str | None = None) -> bytes:
    event = Event(id=job_id, status=status, type="audio", url="https://cdn.example/x")
    return sign(event, CREDENTIALS, nonce=nonce)


def connect(url: str, clock: ManualClock | None = None, **given: Any) -> Akool:
    settings: dict[str, Any] = {"webhook_url": HOOK, "webhook_credentials": CREDENTIALS, **given}
    return Akool("key", base_url=url, clock=clock, **settings)


@pytest.fixture
def vendor() -> Vendor:
    """Return the vendor of a test."""
    return Vendor()


@pytest.fixture
async def url(vendor: Vendor, serve: Serve) -> str:
    """Serve the vendor, and return its address."""
    return (await serve(vendor)).url


async def begin(akool: Akool, key: str | None = None) -> tuple[Job[Any], str]:
    """Start a job; return it with its id."""
    job = akool.submit(SPEECH, key=key)
    await job.created()
    assert job.id is not None
    return job, job.id


async def tell(akool: Akool, vendor: Vendor, job_id: str) -> None:
    """End a job, and let a webhook wake it."""
    outcome = await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id))
    assert outcome is Outcome.WOKEN


async def trust(akool: Akool, vendor: Vendor) -> None:
    """Let three webhooks in a row tell of ends."""
    for _ in range(3):
        job, job_id = await begin(akool)
        await tell(akool, vendor, job_id)
        await job
