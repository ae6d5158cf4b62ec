"""The sessions with live avatars, by the clock of their world.

A session waits, runs, and is over when its duration is, or when it is closed. It is a job like
all others of the world: what is here is what Akool says of sessions alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from akool_async.endpoints import OpenSession, Session, SessionCredentials
from akool_async.protocol.snapshot import Status
from akool_async.simulator.particulars import credentials_of
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.world import SimulatedJob, World

TOKEN_LIFETIME: Final = 300.0
"""Seconds for which a token of a channel is valid (T31)."""


class Sessions:
    """The sessions of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._closes: Counter[str] = Counter()
        self._at_end: dict[str, list[Callable[[], object]]] = {}
        world.when_ended.append(self._ended)

    @property
    def running(self) -> list[SimulatedJob]:
        """The sessions that are not over, oldest first."""
        now = self._world.clock.time()
        return [
            job
            for job in self._world.jobs.values()
            if isinstance(job.request, OpenSession) and not job.status_at(now).terminal
        ]

    def check_room(self) -> None:
        """Refuse one more session while as many run as may.

        Raises:
            Refusal: 1215.
        """
        if len(self.running) >= self._world.behaviour.sessions_at_once:
            raise Refusal(1215, "liveAvatar processing is busy")

    def look_up(self, id: str) -> Session:
        """Return what a lookup says of a session: that it is over, too, while it lives (T29).

        Raises:
            Refusal: 1216.
        """
        session: Session = self._world.snapshot(self._job(id), "")
        if self._world.behaviour.sessions_look_over:
            return msgspec.structs.replace(session, status=Status.COMPLETED)
        return session

    def close(self, id: str) -> None:
        """Close a session, once.

        Raises:
            Refusal: 1216, or 1219 if it is over.
            ConnectionResetError: the answer is lost, as `close_reply_losses` says.
        """
        job = self._job(id)
        over = job.status_at(self._world.clock.time()).terminal
        self._world.close(id)
        self._closes[id] += 1
        if self._closes[id] <= self._world.behaviour.close_reply_losses:
            raise ConnectionResetError
        if over:
            raise Refusal(1219, "liveAvatar closed")

    def credentials(self, job: SimulatedJob) -> SessionCredentials:
        """Return the credentials of a session's channel, with the token."""
        assert isinstance(job.request, OpenSession)
        return credentials_of(job.request, job.id)

    def admitted(self, channel: str, token: str, uid: int) -> SimulatedJob:
        """Return the session of a channel that somebody joins.

        Raises:
            Refusal: the channel is unknown, its session is over, or the token does not open it.
        """
        for job in self.running:
            known = self.credentials(job)
            if known.agora_channel == channel:
                self._check_token(job, known, token, uid)
                return job
        raise Refusal(1216, f"no session runs in the channel {channel}")

    def _check_token(
        self, job: SimulatedJob, known: SessionCredentials, token: str, uid: int
    ) -> None:
        if token != known.agora_token:
            raise Refusal(1101, "the token is not the one of this channel")
        if self._world.clock.time() >= job.begun + TOKEN_LIFETIME:
            raise Refusal(1101, f"the token has expired: it is valid for {TOKEN_LIFETIME:g} s")
        if uid != known.agora_uid:
            raise Refusal(1101, f"the token is for the uid {known.agora_uid}")

    def call_at_end(self, id: str, callback: Callable[[], object]) -> None:
        """Call a function when a session that runs is over."""
        self._at_end.setdefault(id, []).append(callback)

    def _ended(self, id: str) -> None:
        for callback in self._at_end.pop(id, ()):
            callback()

    def _job(self, id: str) -> SimulatedJob:
        job = self._world.jobs.get(id)
        if job is None or not isinstance(job.request, OpenSession):
            raise Refusal(1216, "liveAvatar session not exist")
        return job
