"""Asks the person at the client whether an agent may spend more than was allowed."""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

from mcp.server import ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from akool_async.clock import Clock
from akool_async.mcp.answers import Refusal
from akool_async.protocol.endpoint import Startable

_NAME: Final = "spend"
_NO_FIELDS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
"""The form has no fields: the person accepts or declines."""
_PATIENCE: Final = 3600.0
"""Seconds for which an answer is taken."""


class Call(NamedTuple):
    """One call of a tool."""

    context: ServerRequestContext[Any, Any]
    params: CallToolRequestParams

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments; the caller may change them."""
        return dict(self.params.arguments or {})


class Subject(NamedTuple):
    """What a person is asked about; an answer is good for nothing else."""

    key: str
    request: Startable[Any] | None
    credits: float


class _Question(NamedTuple):
    subject: Subject
    until: float


class Consent:
    """Asks, and takes each answer once.

    Older clients are sent the question while the tool runs. Since the protocol of 2026-07-28 the
    tool replies with the question, and is called again with the answer.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, _Question] = {}

    async def ask(self, call: Call, subject: Subject, message: str) -> InputRequiredResult | None:
        """Return `None` once the person has agreed; or the question, as the reply of the tool.

        Args:
            call: The call of the tool.
            subject: The job, which the answer is good for.
            message: The question.

        Raises:
            Refusal: the person declined, or the client cannot ask.
        """
        if not _can_ask(call):
            raise Refusal(
                f"{message} This client cannot ask the person (it has no elicitation), so nothing"
                " was sent, and nothing is paid. A person can allow it: restart `akool mcp` with a"
                " higher `--limit CREDITS`, and with `--unpriced CREDITS` for jobs without a known"
                " price."
            )
        if call.context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            answer = self._answered(call, subject)
            if answer is None:
                return self._question(subject, message)
        else:
            answer = await call.context.session.elicit_form(
                message, _NO_FIELDS, related_request_id=call.context.request_id
            )
        if answer.action != "accept":
            raise Refusal("The person did not allow it: nothing was sent, and nothing is paid.")
        return None

    def _question(self, subject: Subject, message: str) -> InputRequiredResult:
        now = self._clock.time()
        self._open = {name: each for name, each in self._open.items() if each.until > now}
        ticket = secrets.token_urlsafe()
        self._open[ticket] = _Question(subject, now + _PATIENCE)
        params = ElicitRequestFormParams(message=message, requested_schema=_NO_FIELDS)
        requests: Any = {_NAME: ElicitRequest(params=params)}
        return InputRequiredResult(input_requests=requests, request_state=ticket)

    def _answered(self, call: Call, subject: Subject) -> ElicitResult | None:
        """Return the answer to a question that this server has asked about this job."""
        question = self._open.pop(call.params.request_state or "", None)
        answer = (call.params.input_responses or {}).get(_NAME)
        if question is None or not isinstance(answer, ElicitResult):
            return None
        is_good = question.subject == subject and question.until > self._clock.time()
        return answer if is_good else None


def _can_ask(call: Call) -> bool:
    capabilities = call.context.session.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    # A client without modes is an older one, whose questions are forms.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
