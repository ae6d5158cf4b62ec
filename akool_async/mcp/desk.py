"""The jobs that agents started: found by token or key, and described as plain data."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from akool_async import Akool, Job
from akool_async.errors import AkoolError, CreateOutcomeUnknown, InvalidToken, JobFailed, UnknownKey
from akool_async.journal import Entry, Journal, State
from akool_async.mcp.answers import Refusal, about_error
from akool_async.protocol import token as tokens
from akool_async.protocol.endpoint import Recipe, Startable
from akool_async.result import Result

MOST_LISTED: Final = 200
MOST_HELD: Final = 1000
"""Jobs that are held in memory, beside those that go on."""

_UNPAID: Final = frozenset({State.QUEUED, State.REFUSED})
"""States of a row whose key may be sent, and paid for, once more."""


class Desk:
    """Knows the jobs of a server: those that it runs, and those of its journal.

    Args:
        akool: The client.
        journal: The client's journal.
    """

    def __init__(self, akool: Akool, journal: Journal) -> None:
        self.akool = akool
        self.journal = journal
        self._jobs: dict[str, Job[Any]] = {}

    def add(self, key: str, job: Job[Any]) -> None:
        """Take note of a job that was started; forget an old one, which the journal knows."""
        self._jobs[key] = job
        if len(self._jobs) > MOST_HELD:
            ended = next((each for each, held in self._jobs.items() if held.done()), None)
            if ended is not None:
                del self._jobs[ended]

    def is_started(self, key: str, rows: Sequence[str]) -> bool:
        """Say whether the job of a key was sent, or is about to be: it costs nothing again.

        Args:
            key: The key.
            rows: The keys of its rows in the journal.
        """
        job = self._jobs.get(key)
        if job is not None:
            # The journal is told a moment later of how it ended.
            goes_on = job.id is not None or not job.done()
            return goes_on or isinstance(job.exception(), CreateOutcomeUnknown)
        entries = [self.journal.find(row) for row in rows]
        return all(each is not None and each.state not in _UNPAID for each in entries)

    def find(self, name: object) -> Job[Any]:
        """Return the job of a token, or of a key.

        Raises:
            Refusal: there is none.
            AkoolError: the journal cannot be read.
        """
        if not isinstance(name, str) or not name:
            raise Refusal("`token` must be the token of a job, or its key.")
        if (job := self._jobs.get(name)) is not None:
            return job
        try:
            wanted = tokens.read(name).id
        except InvalidToken:
            return self._by_key(name)
        held = next((each for each in self._jobs.values() if each.id == wanted), None)
        return held or self.akool.job(name)

    def _by_key(self, name: str) -> Job[Any]:
        # A recipe has a row for each of its paid steps; the last one is its own job.
        for key in (name, f"{name}/2", f"{name}/1"):
            with suppress(UnknownKey):
                return self.akool.job(key=key)
        raise Refusal(
            f"{name!r} is neither the token of a job nor the key of one that this server started:"
            " job_list shows them."
        )

    def latest(self, count: int) -> list[dict[str, Any]]:
        """Return the latest rows of the journal, the newest first."""
        rows = deque(self.journal.entries(), maxlen=count)
        return [row_of(entry) for entry in reversed(rows)]


def rows_of(request: Startable[Any], key: str) -> list[str]:
    """Return the keys of the rows that a request has in the journal: one for each paid step."""
    if not isinstance(request, Recipe):
        return [key]
    return [f"{key}/{step + 1}" for step in range(request.paid_steps)]


def row_of(entry: Entry) -> dict[str, Any]:
    """Return a row of the journal as an agent sees it."""
    row: dict[str, Any] = {"operation": entry.name, "key": entry.key, "status": entry.state.value}
    if entry.id and entry.created_at is not None:
        reference = tokens.reference_to(entry.name, entry.id, entry.job_id, entry.created_at)
        row |= {"id": entry.id, "token": tokens.write(reference)}
    row["started_at"] = datetime.fromtimestamp(entry.intended_at, UTC).isoformat()
    if entry.reason:
        row["reason"] = entry.reason
    if entry.saved:
        row["saved"] = entry.saved
    return row


def status_of(job: Job[Any]) -> str:
    """Return the state of a job in a word."""
    if not job.done():
        return "waiting" if job.id is None else job.status.name.lower()
    if job.succeeded:
        return "completed"
    return "cancelled" if job.cancelled() else "failed"


def description_of(job: Job[Any]) -> dict[str, Any]:
    """Return what is known of a job, as plain data."""
    known: dict[str, Any] = {"operation": job.name, "status": status_of(job)}
    known |= {"id": job.id, "token": job.token if job.id else None, "key": job.key}
    told = {"credits": job.credits, "eta_seconds": job.eta, "position": job.position}
    known |= {name: value for name, value in told.items() if value is not None}
    if not job.done():
        return known
    if (problem := job.exception()) is not None:
        return known | {"error": about_error(problem)}
    outcome = job.result()
    if isinstance(outcome, Result):
        until = outcome.expires_at
        known |= {"urls": list(outcome.urls), "expires_at": until.isoformat() if until else None}
    result = {name: value for name, value in outcome.to_dict().items() if value is not None}
    return known | {"result": result}


def problem_of(job: Job[Any]) -> AkoolError | None:
    """Return the error that ended a job, if one has."""
    problem = job.exception() if job.done() else None
    if problem is None or isinstance(problem, AkoolError):
        return problem
    return JobFailed(str(problem) or type(problem).__name__, name=job.name)
