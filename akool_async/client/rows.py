"""The rows that `map` takes, and the jobs that they become.

A row is a request, a request with options, or data from which a request is built. What is wrong
with one row is the error of that row's job: it never keeps the rows after it from being sent. Only
what is wrong with the whole call is raised, such as keys without a journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from akool_async.client.submission import Submission, Submitter
from akool_async.engine import (
    DEFAULT,
    FAIL_FAST,
    ClientDefault,
    Engine,
    JobOptions,
    JobRecord,
    OperationState,
)
from akool_async.errors import AkoolError, InvalidInput, KeyConflict
from akool_async.protocol.endpoint import Operation, Recipe, Startable
from akool_async.protocol.fields import plan_of
from akool_async.protocol.files import holds_files
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.words import did_you_mean

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime

S = TypeVar("S", bound=Snapshot)

Item: TypeAlias = Startable[S] | tuple[str, Startable[S]] | Submission[S]
"""A request, a pair of key and request, or a `Submission`."""

Row: TypeAlias = tuple[str | None, str, Mapping[str, Any]] | Mapping[str, Any]
"""A request as data: key, operation name and parameters; or a dict."""

Startables: TypeAlias = Mapping[str, type[Startable[Any]]]
"""Operations and recipes, by dotted name."""

# Rows may be anything. Classes in variables of type `Any` keep what is asked of them simple.
_OPERATION: Final[Any] = Operation
_STARTABLE: Final[Any] = (Operation, Recipe)
_SUBMISSION: Final[Any] = Submission
_MAPPING: Final[Any] = Mapping

_OPTIONS: Final = ("key", "timeout", "priority", "tag", "retry_failed")
_WHAT: Final = (
    "must be a request, (key, request), (key, operation name, parameters), a dict with an"
    " operation, or a Submission"
)


class Defaults(NamedTuple):
    """The options of each row that does not name its own."""

    timeout: float | ClientDefault | None = DEFAULT
    priority: int = 0
    retry_failed: bool = False


class _Draft(NamedTuple):
    """A row that was read, and whose request may still have to be built."""

    request: Any
    """A request; or the name of an operation, or its class."""
    parameters: Any = None
    """The fields of the request that is to be built; `None` for a request."""
    options: Mapping[str, Any] = {}


class RowSubmitter:
    """Makes a job of each row.

    Args:
        runtime: Runs the jobs.
        startables: Returns the operations and recipes that a row may name.
        defaults: The options of rows without their own.
        warn: Called with each request that was built, before it is sent.
    """

    def __init__(
        self,
        runtime: Runtime,
        startables: Callable[[], Startables],
        defaults: Defaults,
        warn: Callable[[Startable[Any]], object],
    ) -> None:
        self._runtime = runtime
        self._submitter: Submitter = runtime.submitter
        self._engine: Engine = runtime.engine
        self._load = startables
        self._known: Startables | None = None
        self._defaults = defaults
        self._warn = warn
        self._plain = defaults == Defaults()
        self._loop = asyncio.get_running_loop()

    def __call__(self, row: Any) -> JobRecord[Any]:
        """Start the job of a row; one that cannot be sent has ended already.

        Raises:
            RuntimeError: the client is closed.
            ValueError: the row has a key, and the client has no journal.
        """
        if self._runtime.closed:
            raise RuntimeError("the client is closed")
        if self._plain and isinstance(row, _OPERATION) and not holds_files(row):
            self._warn(row)
            return self._submitter.start(row, FAIL_FAST)
        draft = _Draft(row)
        try:
            draft = _read(row)
            return self._submitted(draft)
        except AkoolError as error:
            problem = error
        return self._refused(draft, problem)

    def _submitted(self, draft: _Draft) -> JobRecord[Any]:
        options = {**self._defaults._asdict(), **draft.options}
        if options.get("key") is not None:
            self._submitter.check_journal()
        submission = Submission(self._request(draft), **options)
        self._warn(submission.request)
        record = self._submitter.submit(submission, fail_fast=True)
        if record.operation.loop is not self._loop:
            raise KeyConflict(f"the key {submission.key!r} is in use in another event loop")
        return record

    def _request(self, draft: _Draft) -> Startable[Any]:
        if draft.parameters is None:
            if not isinstance(draft.request, _STARTABLE):
                raise InvalidInput("row", draft.request, _WHAT)
            request: Startable[Any] = draft.request
            return request
        cls = self._named(draft.request)
        if cls is None:
            raise InvalidInput(
                "operation", draft.request, f"is no operation{self._hint(draft.request)}"
            )
        return _built(cls, draft.parameters)

    def _startables(self) -> Startables:
        if self._known is None:
            self._known = self._load()
        return self._known

    def _named(self, operation: Any) -> type[Startable[Any]] | None:
        if isinstance(operation, str):
            return self._startables().get(operation)
        is_class = isinstance(operation, type) and issubclass(operation, _STARTABLE)
        return operation if is_class else None

    def _hint(self, name: Any) -> str:
        return did_you_mean(name, self._startables()) if isinstance(name, str) else ""

    def _refused(self, draft: _Draft, problem: AkoolError) -> JobRecord[Any]:
        """Return the job of a row that cannot be sent; it has ended with the reason."""
        key = draft.options.get("key")
        options = JobOptions(
            key=key if isinstance(key, str) else None, tag=draft.options.get("tag")
        )
        request = draft.request if isinstance(draft.request, _OPERATION) else None
        record: JobRecord[Any] = JobRecord(self._operation_of(draft.request), request, options)
        self._engine.restore(record, problem)
        return record

    def _operation_of(self, request: Any) -> OperationState[Any]:
        operations = self._engine.operations
        if isinstance(request, _STARTABLE):
            return operations.of(request, request.label)
        cls = self._named(request)
        if cls is None:
            return operations.unknown(request if isinstance(request, str) else "")
        return operations.of(cls, cls.name or cls.__name__)


def _read(row: Any) -> _Draft:
    """Tell a row's request, or what it is to be built from, from its options."""
    if isinstance(row, _STARTABLE):
        return _Draft(row)
    if isinstance(row, _SUBMISSION):
        return _Draft(row.request, options=_own_options(row))
    if isinstance(row, _MAPPING):
        return _read_mapping(row)
    match row:
        case (key, request):
            return _Draft(request, options={"key": key})
        case (key, operation, parameters):
            return _Draft(operation, _given(parameters), {"key": key, "tag": row})
        case _:
            return _Draft(row)


def _own_options(submission: Submission[Any]) -> dict[str, Any]:
    """Return the options that a `Submission` brings; what it leaves out, the call may set."""
    options = {name: getattr(submission, name) for name in _OPTIONS}
    if submission.timeout is DEFAULT:
        del options["timeout"]
    for name, unset in (("priority", 0), ("retry_failed", False)):
        if options[name] is unset:
            del options[name]
    return options


def _read_mapping(row: Mapping[Any, Any]) -> _Draft:
    """Read a dict: options, `operation`, and the parameters in a dict or beside the rest."""
    options: dict[str, Any] = {"tag": row}
    rest: dict[str, Any] = {}
    for name, value in row.items():
        (options if name in _OPTIONS else rest)[name] = value
    if "request" in rest and "operation" not in rest:
        return _Draft(rest["request"], options=options)
    if "operation" not in rest:
        return _Draft(row, options=options)
    operation = rest.pop("operation")
    if "parameters" not in rest:
        return _Draft(operation, rest, options)
    parameters = _given(rest.pop("parameters"))
    return _Draft(operation, parameters if not rest else {**rest, "parameters": None}, options)


def _given(parameters: Any) -> Any:
    return {} if parameters is None else parameters


def _built(cls: type[Startable[Any]], parameters: Any) -> Startable[Any]:
    """Build a request from its parameters by name.

    Raises:
        InvalidInput: one is unknown, missing, of the wrong type, or breaks a rule.
    """
    if not isinstance(parameters, _MAPPING):
        raise InvalidInput("parameters", parameters, "must be a mapping by name")
    given: Mapping[Any, Any] = parameters
    plans = {plan.name: plan for plan in plan_of(cls)}
    for name in given:
        if name not in plans:
            raise InvalidInput(str(name), given[name], "is not a field", owner=cls.__name__)
    for plan in plans.values():
        if plan.required and plan.name not in given:
            raise InvalidInput(plan.name, None, "is required", owner=cls.__name__)
    return cls(**given)
