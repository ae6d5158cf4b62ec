"""A request and how it is to be run; and the way of both to the engine.

How this works
--------------
`Submitter.submit` returns a record at once. What happens next depends on the submission:

* an operation without a key goes into the queue of the engine;
* an operation with a key is claimed first: the store says, a moment later, whether the key is
  new (then the job is queued), used for another request (then the job ends with `KeyConflict`),
  or used for this request before (then the job continues where the journal says it is);
* a request with files has them read before that, and uploaded after it (`uploading.py`);
* a recipe runs its steps first. Each paid step is a submission of its own, under the recipe's
  key and its place in the recipe; the last step is the recipe's own job.

A key that a job of this process has needs no store: that job is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from akool_async.client.settings import checked_seconds
from akool_async.engine import (
    DEFAULT,
    FAIL_FAST,
    NO_OPTIONS,
    ClientDefault,
    Engine,
    JobOptions,
    JobRecord,
)
from akool_async.engine.record import JournalRow
from akool_async.errors import InvalidInput, KeyConflict
from akool_async.protocol.cells import checked_flag, checked_whole
from akool_async.protocol.checking import is_text
from akool_async.protocol.endpoint import Endpoint, Operation, Recipe, Startable
from akool_async.protocol.files import holds_files
from akool_async.protocol.secret_fields import refuse_withheld
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Value

if TYPE_CHECKING:
    from akool_async.client.keyed import KeyedJobs
    from akool_async.client.uploading import FileSteps

_NO_JOURNAL = "key= needs a journal: Akool(journal=...)"

T = TypeVar("T")
S = TypeVar("S", bound=Snapshot)


class Submission(Value, Generic[S], kw_only=False):
    """A request, and how it is to be run; `akool.submit` and `akool.map` take it.

    `Submission(TTS(input_text="Hello.", voice_id="v"), key="row 7", tag=row)`
    """

    request: Startable[S]
    """An operation, such as `ImageReage(...)`, or a recipe."""
    key: str | None = None
    """One key is one create, also after a crash. Needs a journal. `job.key` returns it."""
    timeout: float | ClientDefault | None = DEFAULT
    """Seconds from acceptance to the end of the job; `None` for no end. If not given, the
    client's `job_timeout`."""
    priority: int = 0
    """Among jobs that wait for a place, a higher priority goes first."""
    tag: object = None
    """Anything of yours, such as a row of a table. `job.tag` returns it; nothing else uses it.
    A key that is submitted twice is one job, with the first tag."""
    retry_failed: bool = False
    """Whether a key whose job failed may be sent, and paid for, again."""


class Submitter:
    """Brings submissions to the engine of one event loop.

    Args:
        engine: Runs the jobs.
        call: Sends a query or command; recipes need it.
        keys: The jobs of this process by key, and the journal's answers about others; `None`
            without a journal.
        files: Takes the steps of jobs whose requests name files.
    """

    def __init__(
        self,
        engine: Engine,
        call: Callable[[Endpoint[Any]], Any],
        keys: KeyedJobs | None,
        files: FileSteps,
    ) -> None:
        self._engine = engine
        self._call = call
        self._keys = keys
        self._files = files

    def submit(self, submission: Submission[S], *, fail_fast: bool = False) -> JobRecord[S]:
        """Start a job; return its record at once.

        Args:
            submission: The request, and how it is to be run.
            fail_fast: Whether the job ends unsent if the last create was refused as all would be.

        Raises:
            TypeError: the request starts no job.
            ValueError: a key was given, and the client has no journal.
            InvalidInput: the timeout makes no sense, the key is no valid text, or the request
                names a file and the client has no `uploads`.
        """
        request = submission.request
        check_startable(request)
        options = self._options_of(submission, fail_fast=fail_fast)
        return self.start(request, options)

    def start(self, request: Startable[S], options: JobOptions) -> JobRecord[S]:
        """Start a job with given options, or return the one that has its key."""
        if self._engine.endings.suspended:
            self._engine.endings.go_on()
        if holds_files(request):
            return self._start_with_files(request, options)
        if options.key is None and isinstance(request, Operation):
            record = self._record(request, request, options)
            self._engine.submit(record)
            return record
        return self._start_keyed(request, options)

    def _start_keyed(self, request: Startable[Any], options: JobOptions) -> JobRecord[Any]:
        operation = request if isinstance(request, Operation) else None
        record = self._record(request, operation, options)
        known = None if self._keys is None else self._keys.find_or_register(record, options)
        if isinstance(known, JobRecord):
            return known
        if known is not None:
            self._engine.restore(record, known)
            return record
        if isinstance(request, Recipe):
            self._engine.prepare(record, self._run_steps(record, request))
        else:
            self._queue(record)
        return record

    def _start_with_files(self, request: Startable[Any], options: JobOptions) -> JobRecord[Any]:
        self._files.lane.check(request)
        operation = request if isinstance(request, Operation) else None
        record = self._record(request, operation, options)
        if options.row_key is not None:
            record.journal_row = JournalRow()  # `job.recorded()` waits for it from now on
        self._engine.prepare(record, self._read_files(record, request))
        return record

    async def _read_files(self, record: JobRecord[Any], request: Startable[Any]) -> None:
        """Read the files of a request; then go on as without them."""
        await self._files.inspect(record, request)
        if record.ended:
            return
        owner = self._owner_of_key(record, record.options)
        if owner is not None:
            self._mirror(record, owner)
        elif isinstance(request, Recipe):
            await self._run_steps(record, request)
        else:
            await self._queue_with_files(record)

    async def _queue_with_files(self, record: JobRecord[Any]) -> None:
        """Claim a key first: a known one uploads nothing. Else upload, and queue the job."""
        if self._keys is None or record.options.row_key is None:
            await self._files.upload(record)
        if not record.ended:
            self._queue(record)

    def _owner_of_key(self, record: JobRecord[Any], options: JobOptions) -> JobRecord[Any] | None:
        """Return the job of this process that has a key; else the key is the record's from now on.

        Raises:
            KeyConflict: the key belongs to another request.
            RuntimeError: the key is in use in another event loop.
        """
        known = None if self._keys is None else self._keys.find_or_register(record, options)
        if isinstance(known, KeyConflict):
            raise known
        if known is not None and known.operation.loop is not asyncio.get_running_loop():
            raise RuntimeError(f"the key {options.row_key!r} is in use in another event loop")
        return known

    def _mirror(self, record: JobRecord[Any], owner: JobRecord[Any]) -> None:
        if record.journal_row is not None:
            record.journal_row.owed = 0  # told, though its row is not its own
        self._engine.adoption.follow(record, owner)

    def _record(
        self, startable: Startable[Any], request: Operation[Any] | None, options: JobOptions
    ) -> JobRecord[Any]:
        return self._engine.operations.record(startable, startable.label, request, options)

    def _queue(self, record: JobRecord[Any]) -> None:
        """Queue a job; one with a key once the store has answered."""
        if self._keys is None or record.options.row_key is None:
            self._engine.submit(record)
        else:
            self._engine.reporter.ask()  # the job may end before it is submitted
            self._engine.pending.claim(record)
            self._keys.claim(record)

    async def _run_steps(self, record: JobRecord[Any], recipe: Recipe[Any]) -> None:
        """Run a recipe's steps, and submit the operation that they lead to."""
        from akool_async.client.recipe import RecipeSteps  # not before the first recipe

        steps = RecipeSteps(self, self._engine, self._call, record)
        operation = await recipe.prepare(steps)
        if record.ended:
            return
        options = steps.next_options()
        owner = self._owner_of_key(record, options)
        # The recipe's record becomes that of its last operation.
        record.operation = self._engine.operations.of(operation, operation.label)
        record.request, record.options = operation, options
        if owner is not None:  # such as a job that `recover()` gave back before
            self._mirror(record, owner)
        elif holds_files(operation):
            await self._queue_with_files(record)
        else:
            self._queue(record)

    def check_journal(self) -> None:
        """Refuse a key where there is no journal, with a `ValueError`."""
        if self._keys is None:
            raise ValueError(_NO_JOURNAL)

    def _options_of(self, submission: Submission[Any], *, fail_fast: bool) -> JobOptions:
        timeout, priority, retry_failed = checked_options(
            submission.timeout, submission.priority, submission.retry_failed
        )
        key, fingerprint = submission.key, ""
        if key is None:
            # `tag` is not compared: a row of a table, for one, compares each of its fields.
            options = (timeout is not DEFAULT, priority != 0, submission.tag is not None)
            if not any(options):
                return FAIL_FAST if fail_fast else NO_OPTIONS
        elif self._keys is None:
            raise ValueError(_NO_JOURNAL)
        else:
            check_key(key)
            if not holds_files(submission.request):  # else it is known once they are read
                fingerprint = self._keys.fingerprint(submission.request)
        return JobOptions(
            key=key,
            row_key=key,
            fingerprint=fingerprint,
            timeout=timeout,
            priority=priority,
            tag=submission.tag,
            retry_failed=retry_failed,
            fail_fast=fail_fast,
        )


def checked_options(
    timeout: object, priority: object, retry_failed: object
) -> tuple[float | ClientDefault | None, int, bool]:
    """Return the options of a job, checked.

    Raises:
        InvalidInput: one of them makes no sense.
    """
    if not isinstance(timeout, ClientDefault):
        timeout = checked_seconds("timeout", timeout)
    if type(priority) is not int:
        priority = checked_whole("priority", priority, "must be a whole number")
    return timeout, priority, retry_failed is True or checked_flag("retry_failed", retry_failed)


def check_startable(request: object) -> None:
    """Refuse what starts no job, with a `TypeError`.

    Raises:
        InvalidInput: a secret of the request was left out.
    """
    if not isinstance(request, Operation | Recipe):
        raise TypeError(f"a job is started by an operation, not by {type(request).__name__}")
    refuse_withheld(cast("Startable[Any]", request))  # type: ignore[redundant-cast]


def check_alone(**arguments: object) -> None:
    """Refuse arguments beside a `Submission`, with a `TypeError`: they would be lost."""
    for name, value in arguments.items():
        if value is not getattr(NO_OPTIONS, name):
            raise TypeError(f"{name}= cannot stand beside a Submission: give it to the Submission")


def check_key(key: object) -> None:
    """Refuse a key that no store can hold: it would fail the keys that are asked with it, too.

    Raises:
        InvalidInput: it is no text, or none that can be encoded.
    """
    if not isinstance(key, str):
        raise InvalidInput("key", key, "must be a text")
    if not is_text(key):
        raise InvalidInput("key", key, "must not hold a lone surrogate")
