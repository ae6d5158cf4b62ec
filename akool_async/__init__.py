"""Unofficial asyncio SDK for Akool's generative-media API.

An endpoint is a value, a job is a future, one engine watches them all. Importing this
package loads no more than itself; touching a name loads the module that it lives in.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` calls so; importing that takes longer than all else here
if TYPE_CHECKING:
    from typing import Any

    from akool_async import crun, endpoints, errors, streaming, sync
    from akool_async.client.akool import Akool
    from akool_async.client.events import ClientEvent, Event
    from akool_async.client.stats import JobCounts, Stats
    from akool_async.client.submission import Submission
    from akool_async.endpoints import Face
    from akool_async.engine import Limits
    from akool_async.errors import (
        AccountError,
        AkoolError,
        AlreadySpeaking,
        APIError,
        AuthenticationError,
        CancelNotSupported,
        ClientClosed,
        CommandRefused,
        Conflict,
        ConnectFailed,
        CreateOutcomeUnknown,
        DecryptionFailed,
        DetectionError,
        DownloadError,
        InsufficientCredit,
        InvalidInput,
        InvalidRequest,
        InvalidSignature,
        InvalidToken,
        JobCancelled,
        JobError,
        JobFailed,
        JobTimeout,
        JournalError,
        JournalInUse,
        KeyConflict,
        MissingCredentials,
        NoAnswer,
        NotFound,
        NotJoined,
        NotSearchable,
        PermissionDenied,
        ProcessingError,
        RateLimited,
        ReplyError,
        ResultExpired,
        SessionEnded,
        SessionLeftOpen,
        StaleEvent,
        StreamingError,
        TooMuchWaiting,
        TransportError,
        UncertainMatch,
        UnknownKey,
        UploadError,
        WebhookError,
    )
    from akool_async.http.retry import Retry
    from akool_async.http.transport import Timeout
    from akool_async.job import Job, Jobs
    from akool_async.protocol.deprecation import AkoolDeprecationWarning
    from akool_async.protocol.endpoint import Command, Endpoint, Operation, Query
    from akool_async.protocol.snapshot import Snapshot, Status
    from akool_async.result import Result
    from akool_async.schedule.backoff import Backoff
    from akool_async.schedule.learner import Schedule

__version__ = "0.1.0"

_HOMES = {
    "Akool": "client.akool",
    "AkoolDeprecationWarning": "protocol.deprecation",
    "Backoff": "schedule.backoff",
    "Command": "protocol.endpoint",
    "Endpoint": "protocol.endpoint",
    "ClientEvent": "client.events",
    "Event": "client.events",
    "Face": "endpoints",
    "Job": "job",
    "Jobs": "job",
    "JobCounts": "client.stats",
    "Limits": "engine",
    "Operation": "protocol.endpoint",
    "Query": "protocol.endpoint",
    "Result": "result",
    "Retry": "http.retry",
    "Schedule": "schedule.learner",
    "Snapshot": "protocol.snapshot",
    "Stats": "client.stats",
    "Status": "protocol.snapshot",
    "Submission": "client.submission",
    "Timeout": "http.transport",
}
"""Where each public name lives; those that are not here are errors."""

_MODULES = frozenset({"crun", "endpoints", "errors", "streaming", "sync"})

__all__ = [
    "APIError",
    "AccountError",
    "Akool",
    "AkoolDeprecationWarning",
    "AkoolError",
    "AlreadySpeaking",
    "AuthenticationError",
    "Backoff",
    "CancelNotSupported",
    "ClientClosed",
    "ClientEvent",
    "Command",
    "CommandRefused",
    "Conflict",
    "ConnectFailed",
    "CreateOutcomeUnknown",
    "DecryptionFailed",
    "DetectionError",
    "DownloadError",
    "Endpoint",
    "Event",
    "Face",
    "InsufficientCredit",
    "InvalidInput",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidToken",
    "Job",
    "JobCancelled",
    "JobCounts",
    "JobError",
    "JobFailed",
    "JobTimeout",
    "Jobs",
    "JournalError",
    "JournalInUse",
    "KeyConflict",
    "Limits",
    "MissingCredentials",
    "NoAnswer",
    "NotFound",
    "NotJoined",
    "NotSearchable",
    "Operation",
    "PermissionDenied",
    "ProcessingError",
    "Query",
    "RateLimited",
    "ReplyError",
    "Result",
    "ResultExpired",
    "Retry",
    "Schedule",
    "SessionEnded",
    "SessionLeftOpen",
    "Snapshot",
    "StaleEvent",
    "Stats",
    "Status",
    "StreamingError",
    "Submission",
    "Timeout",
    "TooMuchWaiting",
    "TransportError",
    "UncertainMatch",
    "UnknownKey",
    "UploadError",
    "WebhookError",
    "crun",
    "endpoints",
    "errors",
    "streaming",
    "sync",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
