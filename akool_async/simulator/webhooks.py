"""The webhooks that the simulated Akool sends: signed, encrypted, and sent again until a 200.

They go to loopback only: the simulator never sends anything to another machine.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp

from akool_async.clock import sleep
from akool_async.protocol.addresses import LOOPBACK
from akool_async.protocol.endpoint import Operation, Webhook
from akool_async.protocol.snapshot import Status

if TYPE_CHECKING:
    from akool_async.simulator.world import SimulatedJob, World
    from akool_async.webhook import WebhookCredentials

_OK: Final = 200


class SimulatedWebhooks:
    """Sends the webhooks of all simulated jobs, and counts them.

    Args:
        world: The jobs, and how the simulated Akool behaves.
        credentials: Returns what the webhooks are signed and encrypted with.
        url_of: Returns the address of a job's media.
    """

    def __init__(
        self,
        world: World,
        credentials: Callable[[], WebhookCredentials],
        url_of: Callable[[SimulatedJob], str],
    ) -> None:
        self._world = world
        self._credentials = credentials
        self._url_of = url_of
        # A generator of its own: webhooks must not change the jobs' outcomes.
        self._random = random.Random(world.behaviour.seed + 1)
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent: Counter[int] = Counter()
        """Events sent, by status; each repetition counts."""
        self.lost: int = 0
        """Events that were never sent, as `webhook_loss_rate` says."""
        self.answers: Counter[int | str] = Counter()
        """The receivers' answers, by HTTP status, or by the name of the error without one;
        `not on loopback` where nothing was sent."""

    async def created(self, job: SimulatedJob) -> None:
        """Send a job's events in time; wait for the last one if it is to overtake the reply."""
        url = _address_of(job.request)
        if url is None:
            return
        if urlsplit(url).hostname not in LOOPBACK:
            self.answers["not on loopback"] += 1
            return
        draw, behaviour = self._random.random, self._world.behaviour
        early = draw() < behaviour.webhook_early_rate
        task = asyncio.get_running_loop().create_task(self._tell(job.id, url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if early:
            await asyncio.wait([task])

    async def _tell(self, id: str, url: str) -> None:
        """Send a job's two events, each in time."""
        job, clock = self._world.jobs[id], self._world.clock
        if job.duration > 0:
            await sleep(clock, job.begun + job.duration / 5 - clock.time())
            await self._deliver(id, Status.PROCESSING, url)
        while id in self._world.jobs:  # it may be deleted, or end sooner
            left = self._world.jobs[id].ends - clock.time()
            if left <= 0:
                await self._deliver(id, self._world.jobs[id].outcome, url)
                return
            await sleep(clock, left)

    async def _deliver(self, id: str, status: Status, url: str) -> None:
        """Send an event, as often and as late as the behaviour says."""
        behaviour, draw = self._world.behaviour, self._random.random
        lost, late = draw() < behaviour.webhook_loss_rate, draw() < behaviour.webhook_late_rate
        twice = draw() < behaviour.webhook_duplicate_rate
        if lost:
            self.lost += 1
            return
        if late:
            await sleep(self._world.clock, behaviour.webhook_lateness * draw())
        for _ in range(2 if twice else 1):
            await self._send(id, status, url)

    async def _send(self, id: str, status: Status, url: str) -> None:
        """Send an event until it is answered by 200, or the schedule of repetitions is over."""
        from akool_async.webhook import Event, sign

        job = self._world.jobs.get(id)
        if job is None:
            return
        media = self._url_of(job) if status is Status.COMPLETED else ""
        event = Event(id=id, status=status, type=_type_of(job.name), url=media)
        for pause in (*self._world.behaviour.webhook_retries, None):
            body = sign(event, self._credentials())
            self.sent[int(status)] += 1
            if await self._post(url, body) == _OK or pause is None:
                return
            await sleep(self._world.clock, pause)

    async def _post(self, url: str, body: bytes) -> int | str:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=10.0), cookie_jar=aiohttp.DummyCookieJar()
            )
        answer: int | str
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = type(error).__name__
        self.answers[answer] += 1
        return answer

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None


def _address_of(request: Operation[Any]) -> str | None:
    field: object = request
    return field.webhook_url if isinstance(field, Webhook) else None


def _type_of(name: str) -> str:
    """Return Akool's word for an operation's events; the operation's name where none is known."""
    from akool_async.webhook.event import type_of

    return type_of(name) or name
