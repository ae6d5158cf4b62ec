"""The tools that start jobs: they check, ask about the money, start, and return at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from mcp.types import CallToolResult, InputRequiredResult

from akool_async import Job
from akool_async.errors import (
    AkoolError,
    ClientClosed,
    CreateOutcomeUnknown,
    InvalidInput,
    KeyConflict,
)
from akool_async.journal import fingerprint
from akool_async.mcp.answers import refused, reply
from akool_async.mcp.consent import Call, Consent, Subject
from akool_async.mcp.desk import Desk, description_of, problem_of, rows_of
from akool_async.mcp.folder import check_inside
from akool_async.mcp.rules import Rules
from akool_async.mcp.spending import Spending
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.files import files_in, with_paths

ACCEPTED_WITHIN: Final = 20.0
"""Seconds for which a start waits until Akool has accepted the job; clients wait 60 at most."""
_DIGITS: Final = 16
"""Characters of a request's fingerprint in the key that is made of it."""

_REPEATED: Final = (
    "This job was started before, and is not paid for again. To make another one, pass another"
    " `key`."
)


class Start:
    """A job that is to be started, or was.

    Args:
        request: The request; `None` if it is not known any more.
        key: The key of the job.
    """

    def __init__(self, request: Startable[Any] | None, key: str) -> None:
        self.request = request
        self.key = key
        self.rows: Sequence[str] = [key] if request is None else rows_of(request, key)
        """The keys of its rows in the journal, one for each paid step."""
        self.label = "" if request is None else request.label
        self.estimate = None if request is None else request.estimate()

    def counted(self, rules: Rules) -> float:
        """Return the credits that it counts before Akool says what it costs."""
        unpriced = (rules.unpriced or 0.0) * len(self.rows)
        return unpriced if self.estimate is None else self.estimate


class Starter:
    """Starts jobs for agents.

    Args:
        desk: The jobs.
        spending: What was spent.
        consent: Asks the person.
        rules: What is allowed.
    """

    def __init__(self, desk: Desk, spending: Spending, consent: Consent, rules: Rules) -> None:
        self._desk = desk
        self._spending = spending
        self._consent = consent
        self._rules = rules

    async def start(
        self, cls: type[Startable[Any]], call: Call, given: dict[str, Any]
    ) -> CallToolResult | InputRequiredResult:
        """Start a job, or say what it would cost.

        Args:
            cls: The class of the request.
            call: The call of the tool.
            given: The fields of the request, with `key` and `dry_run` beside them.

        Raises:
            Refusal: it costs more than is allowed.
            AkoolError: an argument is wrong, or Akool refused it.
        """
        key, dry_run = given.pop("key", None), given.pop("dry_run", False)
        request = self._request(cls, given)
        key = self._key(request, key)
        if not isinstance(dry_run, bool):
            raise InvalidInput("dry_run", dry_run, "must be true or false")
        start = Start(request, key)
        if dry_run:
            return reply(self._preview(start))
        if not self._desk.is_started(key, start.rows):
            question = await self._allowed(call, start)
            if question is not None:
                return question
        # Asked once more: a person takes time to answer.
        repeated = self._desk.is_started(key, start.rows)
        if not repeated:
            self._spending.reserve(key, start.counted(self._rules))
        job = self._desk.akool.submit(request, key=key)
        self._watch(job, start, known=repeated)
        return await self._answer(job, start, repeated=repeated)

    async def recover(self) -> None:
        """Watch the jobs that an earlier server with this journal did not bring to an end."""
        async for job in self._desk.akool.recover():
            if job.key is not None:
                self._watch(job, Start(job.request, job.key), known=False)

    def _request(self, cls: type[Startable[Any]], given: Mapping[str, Any]) -> Startable[Any]:
        if given.get("webhook_url") is not None:
            raise InvalidInput("webhook_url", given["webhook_url"], "is not for agents")
        folder = self._rules.folder
        if folder is None or not self._rules.takes_files:
            return cls.from_dict(given)
        request = cls.from_dict(with_paths(cls, given, folder=folder))
        for file in files_in(request):
            check_inside(folder, file.path)
        return request

    def _key(self, request: Startable[Any], key: object) -> str:
        if key is None:
            mark = fingerprint(request.label, request.unarmed_wire())[:_DIGITS]
            return f"{request.label}-{mark}"
        if not isinstance(key, str) or not key.strip():
            raise InvalidInput("key", key, "must be a text that is not empty")
        return key

    def _preview(self, start: Start) -> dict[str, Any]:
        repeated = self._desk.is_started(start.key, start.rows)
        return {
            "dry_run": True,
            "operation": start.label,
            "status": "not sent",
            "key": start.key,
            "request": None if start.request is None else start.request.to_dict(),
            "repeated": repeated,
            "estimated_credits": start.estimate,
            "would_ask": not repeated and bool(self._reason_to_ask(start)),
            "spent_credits": self._spending.spent,
            "limit_credits": self._spending.limit,
        }

    def _reason_to_ask(self, start: Start) -> str:
        """Return what is to be said of the price; empty if there is no question."""
        counted = start.counted(self._rules)
        if start.estimate is None and self._rules.unpriced is None:
            return "costs credits, and no page of Akool's says how many"
        return "" if self._spending.fits(counted) else f"costs about {counted:g} credits"

    async def _allowed(self, call: Call, start: Start) -> InputRequiredResult | None:
        """Return `None` if the job may be started, or the question that has to be answered."""
        reason = self._reason_to_ask(start)
        if not reason:
            return None
        spent, limit = self._spending.spent, self._spending.limit
        message = (
            f"{start.label} {reason}. {spent:g} of {limit:g} credits that agents may spend in 24"
            " hours are spent. Start it?"
        )
        subject = Subject(start.key, start.request, start.counted(self._rules))
        return await self._consent.ask(call, subject, message)

    def _watch(self, job: Job[Any], start: Start, *, known: bool) -> None:
        if not known:  # else this job may be no job at all, but a conflict of keys
            self._desk.add(start.key, job)
        job.add_done_callback(partial(self._settled, start))

    def _settled(self, start: Start, job: Job[Any]) -> None:
        """Count what the job cost in the end."""
        problem = job.exception()  # asked for, so that asyncio does not complain
        if not self._desk.is_started(start.key, start.rows):
            # A job that was queued when the server stopped is sent once it runs again.
            if not isinstance(problem, ClientClosed):
                self._spending.release(start.key)
        elif job.credits is not None and len(start.rows) == 1:  # else it is that of the last step
            self._spending.settle(start.key, job.credits)

    async def _answer(self, job: Job[Any], start: Start, *, repeated: bool) -> CallToolResult:
        with suppress(AkoolError, TimeoutError):
            async with asyncio.timeout(ACCEPTED_WITHIN):
                await job.created()
        known = description_of(job) | {"estimated_credits": start.estimate}
        problem = problem_of(job)
        if repeated and not isinstance(problem, KeyConflict):
            known["repeated"] = True
            if not isinstance(problem, CreateOutcomeUnknown):  # that says: under no other key
                known["note"] = _REPEATED
        return reply(known) if problem is None else refused(problem, known)
