"""Jobs that were started before: by token, by the vendor's id, by key, or all of a journal."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar, overload

from akool_async.client.searching import Searching
from akool_async.client.submission import check_key
from akool_async.errors import InvalidInput, InvalidToken
from akool_async.job import Job
from akool_async.protocol import token as tokens
from akool_async.protocol.arguments import explains_arguments
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.words import did_you_mean

S = TypeVar("S", bound=Snapshot)


class Resuming(Searching):
    """Finds jobs that this process, or an earlier one, has started."""

    @overload
    def job(
        self, token: str, operation: type[Operation[S]], *, job_id: str | None = None
    ) -> Job[S]: ...
    @overload
    def job(
        self, token: str, operation: str | None = None, *, job_id: str | None = None
    ) -> Job[Any]: ...
    @overload
    def job(self, *, key: str, operation: type[Operation[S]]) -> Job[S]: ...
    @overload
    def job(self, *, key: str, operation: str | None = None) -> Job[Any]: ...
    @explains_arguments
    def job(
        self,
        token: str | None = None,
        operation: type[Operation[Any]] | str | None = None,
        *,
        key: str | None = None,
        job_id: str | None = None,
    ) -> Job[Any]:
        """Watch a job by its token, in any process of the same account; or find it by its key.

        An id from Akool's website, or from a list of Akool's, does in place of the token, together
        with the operation. When such a job began is not known: it is looked at now, polled as if
        it began now, and its time of `timeout` runs from now on.

        A key finds a job of this process, or of an earlier one with the same journal. One that
        was submitted and never sent is queued, and sent when its turn comes. Nothing that ended
        is sent again.

        Args:
            token: A job's `.token`, or an error's; or Akool's `_id` of the job.
            operation: The class of its request, for the type of its result; or its name, such as
                `reage.image`. An id needs it.
            key: The key that it was submitted under, in place of a token.
            job_id: Beside an id: Akool's `job_id`, where the job is to be cancelled.

        Raises:
            InvalidToken: it is no token, or not one of that operation; or an id without its
                operation. No request is made.
            UnknownKey: nothing was submitted under the key.
            InvalidInput: there is no such operation, or the job of the key is of another one; or
                `job_id` is no id, or stands beside what is no id.
            JournalError: the journal cannot be read.
            ValueError: a key was given, and the client has no journal.
            TypeError: a token and a key were given.
        """
        cls = None if operation is None else self._operation(operation)
        if job_id is not None and not (cls and token and tokens.is_id(job_id)):
            raise InvalidInput("job_id", job_id, "goes with an id of Akool's and its operation")
        if key is not None:
            if token is not None:
                raise TypeError("job() takes a token or a key, not both")
            return self._job_of(key, cls)
        if token is None:
            raise InvalidToken("None is no job token")
        if cls is not None and (known := tokens.id_in(token)) is not None:
            name = next(name for name, each in self.operations.items() if each is cls)
            reference = tokens.reference_to(name, known, job_id, 0)
        elif job_id is not None:
            raise InvalidInput("job_id", job_id, "stands in the token already: leave it out")
        else:
            reference = tokens.read(token)
            named = self.operations.get(reference.name)
            if named is None:
                raise InvalidToken(f"the token is for {reference.name}, which is no operation")
            if cls is not None and named is not cls:
                raise InvalidToken(f"the token is for {named.__name__}, not {cls.__name__}")
            cls = named
        engine = self._runtime("akool.job(token)").engine
        record = engine.operations.record(cls, reference.name)
        return Job(engine.adoption.adopt(record, reference), engine)

    def _operation(self, given: type[Operation[Any]] | str) -> type[Operation[Any]]:
        """Return the class of an operation, by itself or by its name.

        Raises:
            InvalidInput: this client has no such operation.
        """
        known = self.operations
        if isinstance(given, str):
            found = known.get(given)
        else:
            found = next((each for each in known.values() if each is given), None)
        if found is not None:
            return found
        name = given if isinstance(given, str) else getattr(given, "__name__", "")
        rule = f"must be an operation, or the name of one, such as {next(iter(known))!r}"
        raise InvalidInput("operation", given, f"{rule}{did_you_mean(name, known)}")

    def _job_of(self, key: str, operation: type[Operation[Any]] | None) -> Job[Any]:
        runtime = self._runtime("akool.job(key=...)")
        runtime.submitter.check_journal()
        check_key(key)
        record = runtime.finder.find(key, self.operations)
        if operation is not None and self.operations.get(record.name) is not operation:
            problem = f"the job of the key is of {record.name}, not {operation.__name__}"
            raise InvalidInput("key", key, problem)
        return Job(record, runtime.engine)

    async def recover(self) -> AsyncGenerator[Job[Any], None]:
        """Yield every job that an earlier process did not bring to an end, and watch it.

        A job whose create was sent, but whose answer was never written down, is not sent again. If
        the create had a webhook address, and this client has a `webhook_url`, the job waits up to
        `webhook_patience` seconds for the webhook that brings its id. Else it has ended already,
        as `CreateOutcomeUnknown`: `find` looks for its job, and `akool journal resolve` decides.
        Jobs that were submitted and never sent come last: they are queued, and sent when their
        turn comes. A recipe goes on when its key is submitted again.
        With `save_to`, results that were complete but not saved are saved too, and those whose
        saved files are gone.

        Raises:
            ValueError: the client has no journal.
        """
        if self._shared.records is None:
            raise ValueError("recover() needs a journal: Akool(journal=...)")
        from akool_async.client.recovery import recover

        async for job in recover(self._shared.records, self._runtime("recover()"), self.operations):
            yield job
