"""The tools that start jobs: they check, ask about the money, start, and return at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from mcp.types import CallToolResult, InputRequiredResult

from akool_async import Job
from akool_async.errors import AkoolError, InvalidInput
from akool_async.journal import fingerprint
from akool_async.mcp.answers import refused, reply
from akool_async.mcp.consent import Call, Consent
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
        rows, estimate = rows_of(request, key), request.estimate()
        repeated = self._desk.is_started(key, rows)
        about: dict[str, Any] = {"estimated_credits": estimate}
        if dry_run:
            return reply(self._preview(request, key, repeated=repeated) | about)
        if repeated:
            about |= {"repeated": True, "note": _REPEATED}
        else:
            question = await self._allowed(call, request.label, key, estimate)
            if question is not None:
                return question
            if not self._desk.is_started(key, rows):  # meanwhile: a person takes time to answer
                self._spending.reserve(key, self._counted(estimate))
        return await self._answer(self._submitted(request, key, rows), about)

    async def recover(self) -> None:
        """Watch the jobs that an earlier server with this journal did not bring to an end."""
        async for job in self._desk.akool.recover():
            if job.key is not None:
                self._watch(job, job.key, [job.key])

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

    def _counted(self, estimate: float | None) -> float:
        """Return the credits that a job counts."""
        return estimate if estimate is not None else self._rules.unpriced or 0.0

    def _preview(self, request: Startable[Any], key: str, *, repeated: bool) -> dict[str, Any]:
        estimate = request.estimate()
        known = estimate is not None or self._rules.unpriced is not None
        return {
            "dry_run": True,
            "operation": request.label,
            "status": "not sent",
            "key": key,
            "request": request.to_dict(),
            "repeated": repeated,
            "would_ask": not repeated
            and not (known and self._spending.fits(self._counted(estimate))),
            "spent_credits": self._spending.spent,
            "limit_credits": self._spending.limit,
        }

    async def _allowed(
        self, call: Call, label: str, key: str, estimate: float | None
    ) -> InputRequiredResult | None:
        """Return `None` if the job may be started, or the question that has to be answered."""
        counted = self._counted(estimate)
        spent, limit = self._spending.spent, self._spending.limit
        if estimate is None and self._rules.unpriced is None:
            cost = "costs credits, and no page of Akool's says how many"
        elif self._spending.fits(counted):
            return None
        else:
            cost = f"costs about {counted:g} credits"
        message = (
            f"{label} {cost}. {spent:g} of {limit:g} credits that agents may spend in 24 hours are"
            " spent. Start it?"
        )
        return await self._consent.ask(call, (key, counted), message)

    def _submitted(self, request: Startable[Any], key: str, rows: Sequence[str]) -> Job[Any]:
        job = self._desk.akool.submit(request, key=key)
        self._watch(job, key, rows)
        return job

    def _watch(self, job: Job[Any], key: str, rows: Sequence[str]) -> None:
        self._desk.add(key, job)
        job.add_done_callback(partial(self._settled, key, rows))

    def _settled(self, key: str, rows: Sequence[str], job: Job[Any]) -> None:
        """Count what the job cost in the end."""
        job.exception()  # agents are told of it when they ask: asyncio need not complain
        if job.credits is not None:
            self._spending.settle(key, job.credits)
        elif not self._desk.is_started(key, rows):
            self._spending.release(key)

    async def _answer(self, job: Job[Any], about: dict[str, Any]) -> CallToolResult:
        with suppress(AkoolError, TimeoutError):
            async with asyncio.timeout(ACCEPTED_WITHIN):
                await job.created()
        known = description_of(job) | about
        problem = problem_of(job)
        return reply(known) if problem is None else refused(problem, known)
