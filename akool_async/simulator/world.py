"""The simulated jobs, without HTTP: their durations, outcomes and media.

A job is decided in full when it is created, by one generator of random numbers with a fixed seed.
So the same seed gives the same durations and failures, however often a client polls. The family
says the rest: the kind of media, which also sets the median duration; whether the address is named
early; and the class of the result.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from akool_async.clock import Clock, Timer
from akool_async.endpoints import Face, FaceMapping, OpenSession
from akool_async.protocol.endpoint import Media, Operation
from akool_async.protocol.fields import inner_of, plan_of
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Input, Value
from akool_async.result import LIFETIME
from akool_async.simulator import media
from akool_async.simulator.avatar import AvatarBehaviour
from akool_async.simulator.knowledge import KnowledgeBases
from akool_async.simulator.particulars import particulars

MEDIANS: Mapping[Media | None, float] = {"audio": 0.5, "image": 1.0, "video": 2.0, None: 1.0}
"""Median seconds that a job takes, by the kind of its media; scaled by `Behaviour.pace`."""

_LONGEST_WAIT = 1.0
"""The most seconds until a session starts."""

_MAKERS: Mapping[Media | None, Callable[[str, str], media.Media]] = {
    "audio": media.sound,
    "image": media.picture,
    "video": media.clip,
    None: media.picture,
}

MEDIA_REASONS = ("the media could not be downloaded", "the content was refused by moderation")
FACE_REASONS = ("no face was found in the picture", "the face is too small or too blurred")
REASONS = MEDIA_REASONS + FACE_REASONS
"""Why simulated jobs fail; the last two are for operations that take faces."""


class Behaviour(Input):
    """The behaviour of the simulated Akool."""

    shows_defaults = True

    seed: int = 0
    """The same seed draws the same durations and failures."""
    fail_rate: float = 0.0
    """Share of the jobs that fail, from 0 to 1."""
    pace: float = 1.0
    """Factor of all durations."""
    spread: float = 0.5
    """Sigma of the lognormal distribution of durations."""
    instant_audio_rate: float = 0.1
    """Share of the audio jobs that are COMPLETED at creation (T25), from 0 to 1."""
    omit_rate: float = 0.05
    """Share of the rows that a list leaves out, drawn anew each time (T9), from 0 to 1."""
    credit: float = 10_000.0
    """The account's credit at the start; a create costs 1."""
    drop_reply_rate: float = 0.0
    """Share of the creates whose reply is lost, though the job runs, from 0 to 1."""
    webhook_loss_rate: float = 0.0
    """Share of the webhooks that are never sent, from 0 to 1."""
    webhook_duplicate_rate: float = 0.0
    """Share of the webhooks that are sent twice, from 0 to 1."""
    webhook_late_rate: float = 0.0
    """Share of the webhooks that come late, and so out of order, from 0 to 1."""
    webhook_lateness: float = 1.0
    """The most seconds by which a webhook comes late."""
    webhook_early_rate: float = 0.0
    """Share of the creates whose reply comes after the last webhook, from 0 to 1."""
    webhook_retries: Sequence[float] = (0.5, 1.0, 2.0, 4.0)
    """Seconds after which a webhook without an answer of 200 is sent again, each time."""
    faces: int = 1
    """Number of faces in a picture, unless its address sets it: `?faces=3`."""
    sessions_at_once: int = 1000
    """Sessions with live avatars that run at once; one more is refused as busy (1215)."""
    sessions_look_over: bool = False
    """Whether a lookup says of a session that it is over while it lives (T29)."""
    close_reply_losses: int = 0
    """Closes of each session whose reply is lost, though the session is closed."""
    avatar: AvatarBehaviour = AvatarBehaviour()
    """The behaviour of the avatars, and of the channels that lead to them."""

    def check(self) -> None:
        """Refuse rates that are not from 0 to 1, and NaN."""
        for name in ("pace", "spread", "credit"):
            if math.isnan(getattr(self, name)):
                raise self.refuse(name, "must be a number")
        rates = [name for name in self.__struct_fields__ if name.endswith("_rate")]
        for name in rates:
            if not 0 <= getattr(self, name) <= 1:
                raise self.refuse(name, "must be from 0 to 1")
        if not self.webhook_lateness >= 0:
            raise self.refuse("webhook_lateness", "must be at least 0 seconds")
        if not all(pause >= 0 for pause in self.webhook_retries):
            raise self.refuse("webhook_retries", "must be at least 0 seconds each")
        for name in ("faces", "sessions_at_once", "close_reply_losses"):
            if getattr(self, name) < 0:
                raise self.refuse(name, "must be at least 0")


class SimulatedJob(Value):
    """One job, decided in full at its creation."""

    id: str
    job_id: str
    name: str
    """The operation's dotted name."""
    request: Operation[Any]
    begun: float
    """Moment of creation, in the clock's seconds."""
    duration: float
    """Seconds until it ends."""
    longest_wait: float = math.inf
    """The most seconds that it waits until it runs."""
    outcome: Status
    reason: str
    created_at: datetime

    @property
    def ends(self) -> float:
        """Moment of the end, in the clock's seconds."""
        return self.begun + self.duration

    def status_at(self, now: float) -> Status:
        """Return the status at a moment: it waits a fifth of its duration, or less, then runs."""
        if now >= self.ends:
            return self.outcome
        wait = min(self.duration / 5, self.longest_wait)
        return Status.QUEUED if now < self.begun + wait else Status.PROCESSING

    def media(self) -> media.Media:
        """Return the result's file, which shows the job's name."""
        return _maker_of(self)(f"{self.name} {self.id}", "made by the akool_async simulator")


def _media_of(request: Operation[Any]) -> Media | None:
    return request.family.media_of(request)


def _maker_of(job: SimulatedJob) -> Callable[[str, str], media.Media]:
    return _MAKERS[_media_of(job.request)]


@cache
def _extension_of(maker: Callable[[str, str], media.Media]) -> str:
    """Return the extension of a maker's files; files themselves are made on demand."""
    return maker("", "").extension


_SHOTS = 4


def _shots(request: Operation[Any], url: str | None) -> tuple[str, ...] | None:
    """Return the addresses of a result of several files."""
    if url is None or not getattr(request, "multi_shot", False):
        return None
    return (url, *(f"{url}?shot={number}" for number in range(2, _SHOTS + 1)))


def _reasons_for(request: Operation[Any]) -> tuple[str, ...]:
    return REASONS if _takes_faces(type(request)) else MEDIA_REASONS


@cache
def _takes_faces(cls: type[Operation[Any]]) -> bool:
    return any({Face, FaceMapping} & {*inner_of(plan.type)} for plan in plan_of(cls))


class World:
    """All simulated jobs of one account."""

    def __init__(self, behaviour: Behaviour, clock: Clock) -> None:
        self.behaviour = behaviour
        self.clock = clock
        self.jobs: dict[str, SimulatedJob] = {}
        self.creates: Counter[str] = Counter()
        """Jobs created, by operation."""
        self.credit = behaviour.credit
        self.knowledge = KnowledgeBases()
        self.peak_in_flight = 0
        self.when_ended: list[Callable[[str], object]] = []
        """Called with the id of each job that has ended."""
        self._running: dict[str, Timer] = {}
        self._random = random.Random(behaviour.seed)
        # Lists have a generator of their own: polling must not change the jobs' outcomes.
        self._omissions = random.Random(~behaviour.seed)
        self._losses = random.Random(behaviour.seed + 2)

    @property
    def in_flight(self) -> int:
        """Jobs that have not ended."""
        return len(self._running)

    def create(self, request: Operation[Any]) -> SimulatedJob:
        """Start a job."""
        name = request.label
        number = len(self.jobs) + 1
        duration = self._draw_duration(request)
        failed = self._random.random() < self.behaviour.fail_rate
        job = SimulatedJob(
            id=f"{self._random.getrandbits(64):016x}{number:08x}",
            job_id=f"{self.clock.now():%Y%m%d%H%M%S}{number:06d}-{self._random.randint(0, 9999)}",
            name=name,
            request=request,
            begun=self.clock.time(),
            duration=duration,
            longest_wait=_LONGEST_WAIT if isinstance(request, OpenSession) else math.inf,
            outcome=Status.FAILED if failed else Status.COMPLETED,
            reason=self._random.choice(_reasons_for(request)) if failed else "",
            created_at=self.clock.now(),
        )
        self.jobs[job.id] = job
        self.creates[name] += 1
        self.credit -= 1
        self._count_in_flight(job)
        return job

    def _draw_duration(self, request: Operation[Any]) -> float:
        kind = _media_of(request)
        instant = self._random.random() < self.behaviour.instant_audio_rate
        drawn = self._random.lognormvariate(math.log(MEDIANS[kind]), self.behaviour.spread)
        if isinstance(request, OpenSession) and request.duration is not None:
            return request.duration * self.behaviour.pace
        return 0.0 if kind == "audio" and instant else drawn * self.behaviour.pace

    def _count_in_flight(self, job: SimulatedJob) -> None:
        if job.duration > 0:
            self._running[job.id] = self.clock.call_at(job.ends, lambda: self._count_ended(job.id))
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def _count_ended(self, id: str) -> None:
        timer = self._running.pop(id, None)
        if timer is not None:
            timer.cancel()
            for told in self.when_ended:
                told(id)

    def shown(self, ids: list[str]) -> list[SimulatedJob]:
        """Return the jobs that a list shows: shuffled, and sometimes not all of them."""
        known = [self.jobs[each] for each in ids if each in self.jobs]
        shown = [job for job in known if self._omissions.random() >= self.behaviour.omit_rate]
        self._omissions.shuffle(shown)
        return shown

    def remove(self, ids: list[str]) -> None:
        """Delete jobs by `id`."""
        for each in ids:
            self.jobs.pop(each, None)
            self._count_ended(each)

    def cancel(self, job_ids: list[str]) -> None:
        """Cancel jobs by `job_id`."""
        for job in [job for job in self.jobs.values() if job.job_id in job_ids]:
            if not job.status_at(self.clock.time()).terminal:
                self.jobs[job.id] = msgspec.structs.replace(
                    job, outcome=Status.FAILED, reason="cancelled", duration=0.0
                )
                self._count_ended(job.id)

    def close(self, id: str) -> None:
        """End a job now as COMPLETED, unless it has ended."""
        job, now = self.jobs[id], self.clock.time()
        if not job.status_at(now).terminal:
            self.jobs[id] = msgspec.structs.replace(
                job, outcome=Status.COMPLETED, duration=now - job.begun
            )
            self._count_ended(id)

    def loses_reply(self) -> bool:
        """Draw whether the reply to a create is lost."""
        rate = self.behaviour.drop_reply_rate
        return rate > 0 and self._losses.random() < rate

    def media_url(self, job: SimulatedJob, base_url: str) -> str:
        """Return the address of a job's media."""
        return f"{base_url}/media/{job.id}{_extension_of(_maker_of(job))}"

    def expired(self, job: SimulatedJob) -> bool:
        """Say whether a job's media has been deleted."""
        return self.clock.now() > job.created_at + LIFETIME

    def snapshot(self, job: SimulatedJob, base_url: str, *, receipt: bool = False) -> Any:
        """Return a job's snapshot as its family's result; `receipt` for the create reply."""
        result = job.request.family.result
        # A create reply shows the job's beginning, however long this machine took for it.
        status = job.status_at(job.begun if receipt else self.clock.time())
        # T25: most families name the address long before the file is there.
        named = job.request.family.predicts_url or status is Status.COMPLETED
        url = self.media_url(job, base_url) if named else None
        known = {
            "id": job.id,
            "job_id": job.job_id if receipt and job.request.family.cancel else None,
            "status": status,
            "error_reason": job.reason if status is Status.FAILED else "",
            "created_at": job.created_at,
            "create_time": int(job.created_at.timestamp() * 1000),
            **particulars(job.request, job.id, status, base_url, receipt=receipt),
            "outputs": _shots(job.request, url),
            result.media_field: url,
        }
        names: tuple[str, ...] = result.__struct_fields__
        return result(**{name: known[name] for name in names if known.get(name) is not None})
