"""The exception tree, and the tables that map Akool's codes to it.

Every error pickles with its fields, and none holds a secret. Python keeps the error that is
being handled as `__context__` of the next one, and aiohttp's errors hold request headers.
So the package raises its errors outside of `except` blocks.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    NoReturn,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
)

from akool_async import advice as what_to_do


class AkoolError(Exception):
    """Base class of every error that this package raises on purpose."""

    token: str | None = None
    """The token of the error's job, if it has one; `akool.job(error.token)` watches it again."""
    steps: tuple[str, ...] = ()
    """Tokens of the paid steps that a recipe had taken before the error."""
    advice: str = ""
    """What to do, in one or two sentences; empty if there is no one thing to do. The first of them
    ends the error's text."""

    _in_process: ClassVar[frozenset[str]] = frozenset()
    """Attributes that a pickle leaves out."""

    def __str__(self) -> str:
        message = self.message
        if not self.advice:
            return message
        return f"{message.rstrip('.')}. {what_to_do.first_sentence(self.advice)}"

    @property
    def message(self) -> str:
        """What happened, in words: the text of the error without `advice`."""
        return super().__str__()

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data: its class as `type`, its `message`, and its attributes.

        It holds no job and no secret. It may hold a request and a token, which are not for
        everybody's eyes.
        """
        fields = {name: _plain_or_shown(getattr(self, name)) for name in self._shown()}
        return {"type": type(self).__name__, "message": _plain_or_shown(self.message), **fields}

    def _repr_html_(self) -> str:
        """Return a card for a notebook: what happened, what to do, and the job's token."""
        from akool_async.notebook import pieces

        return pieces.card(type(self).__name__, "error", "bad", *self.parts_of_card())

    def parts_of_card(self) -> tuple[str, ...]:
        """Return what a card in a notebook shows, as HTML."""
        from akool_async.notebook import pieces

        what = pieces.text(self.message.removeprefix(f"{getattr(self, 'name', '')}: "))
        advice = pieces.text(self.advice)
        again = pieces.quiet("watch it again:") + " " + pieces.code(f"akool.job({self.token!r})")
        return (
            what,
            f"<b>What to do:</b> {advice}" if advice else "",
            again if self.token and not isinstance(self, JobFailed | ResultExpired) else "",
        )

    def to_json(self) -> str:
        """Return what `to_dict` returns, as JSON text on one line."""
        from akool_async.plain import as_json

        return as_json(self.to_dict())

    def _shown(self) -> list[str]:
        """Return the names of the attributes, those included that have their defaults."""
        from inspect import get_annotations

        names: dict[str, None] = {}
        for cls in reversed(type(self).__mro__):
            names |= dict.fromkeys(get_annotations(cls))
        names |= dict.fromkeys(vars(self))
        return [each for each in names if not each.startswith("_") and each not in self._in_process]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """Tell pydantic, and so FastAPI, how to write such errors. None is built of data."""
        from akool_async.pydantic_hook import core_schema_of

        return core_schema_of(cls, cls.__name__, _not_rebuilt)

    @classmethod
    def __get_pydantic_json_schema__(cls, _core_schema: Any, _handler: Any) -> dict[str, Any]:
        """Describe such errors for an OpenAPI page."""
        texts = {
            "type": "The name of its class.",
            "message": "What happened, in words.",
            "advice": "What to do, in words; may be empty.",
        }
        return {
            "type": "object",
            "title": cls.__name__,
            "description": (cls.__doc__ or "").partition("\n")[0],
            "properties": {
                name: {"type": "string", "description": text} for name, text in texts.items()
            },
            "required": list(texts),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: self.__dict__[key] for key in self.__dict__.keys() - self._in_process}
        return remade, (type(self), self.args, state)


def message_of(error: BaseException) -> str:
    """Return what happened, in words, without what to do: for the text of another error."""
    return error.message if isinstance(error, AkoolError) else str(error)


E = TypeVar("E", bound=BaseException)


def remade(cls: type[E], args: tuple[Any, ...], state: Mapping[str, Any]) -> E:
    """Recreate an error from `args` and `__dict__`.

    `__init__` is bypassed: its parameters differ from `args`, which hold the finished message.
    """
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInput(AkoolError, ValueError):
    """A value breaks a documented rule; no request was sent.

    Attributes:
        field: Name of the field; the path to it in a nested value, such as `faces[0].path`.
        value: The refused value.
        rule: The rule, as on Akool's page.
    """

    def __init__(self, field: str, value: object, rule: str, *, owner: str = "") -> None:
        where = f"{owner}.{field}" if owner else field
        super().__init__(f"{where}: {rule}{_but_got(value, rule)}")
        self.field = field
        self.value = value
        self.rule = rule

    def told_of(self, method: str, shown: str) -> Self:
        """Return this error, in words about a method.

        Args:
            method: The method's name, as it is called.
            shown: The field, with Akool's spelling.
        """
        got = _but_got(self.value, self.rule)
        self.args = (f"{method}(): {shown} {self.rule}{got}",)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # The value may be of any type: an open file, a lock, a function without a name.
        restore, (cls, args, state) = super().__reduce__()
        return restore, (cls, args, {**state, "value": _portable(state["value"])})


def _but_got(value: object, rule: str) -> str:
    """Return the refused value; a field that is missing has none."""
    missing = value is None and rule.startswith("is required")
    return "" if missing else f"; got {_shortened(value)}"


def _portable(value: object) -> object:
    """Return a value, or its shortened repr if it cannot be pickled."""
    import pickle

    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise any error
        return _shortened(value)
    return value


def _plain_or_shown(value: object) -> Any:
    """Return a value as plain data, or its shortened repr if it is none."""
    from akool_async.plain import plain

    try:
        return plain(value)
    except TypeError:
        return _shortened(value)


def _not_rebuilt(value: object) -> NoReturn:
    raise InvalidInput("error", value, "must be an error of this package")


def _shortened(value: object, limit: int = 80) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise any error
        text = f"a {type(value).__name__} without a repr"
    return text if len(text) <= limit else f"{text[:limit]}..."


class MissingCredentials(AkoolError):
    """Neither the arguments nor the environment hold credentials."""

    advice = "Make a key in your account at the vendor's site, and set it in the environment."


class InvalidToken(AkoolError):
    """A text is no job token of this package, or was altered."""

    advice = "Pass `job.token` or `error.token`, whole and unchanged."


class APIError(AkoolError):
    """Akool answered with an error.

    Attributes:
        code: Akool's business code; 0 if the reply holds none.
        msg: Akool's message, meant for people.
        meaning: What Akool's page says about the code; empty for a code that no page lists.
        endpoint: Dotted name of the endpoint, or its path.
        http_status: HTTP status of the reply; usually 200, even for an error.
        retry_after: Seconds to wait, as the server asked; `None` if it did not.
        attempts: How many requests were sent for this call.
        vague: Whether the refusal says nothing about what was asked for (N1).
    """

    _in_process: ClassVar[frozenset[str]] = frozenset({"vague"})
    retry_after: float | None = None
    attempts: int = 1
    vague: bool = False

    def __init__(
        self,
        code: int,
        msg: str,
        *,
        endpoint: str = "",
        http_status: int = 200,
        meaning: str = "",
    ) -> None:
        reason = _reason(msg, meaning)
        super().__init__(f"{endpoint or 'reply'}: {reason}{_numbers(code, http_status)}")
        self.code = code
        self.msg = msg
        self.meaning = meaning
        self.endpoint = endpoint
        self.http_status = http_status


def _numbers(code: int, http_status: int) -> str:
    if code:
        return f" [code {code}, HTTP {http_status}]"
    return f" [HTTP {http_status}]" if http_status != 200 else ""  # noqa: PLR2004 - OK says nothing


def _reason(msg: str, meaning: str) -> str:
    if not msg or msg.lower() == meaning.lower():
        return meaning or "no reason given"
    return f"{msg} ({meaning})" if meaning else msg


class AuthenticationError(APIError):
    """The credential is missing, wrong or expired.

    Attributes:
        credential: Which one was used, and where it came from, such as `the api key from the
            environment's AKOOL_API_KEY (32 characters)`; nothing of its text.
    """

    advice = what_to_do.CREDENTIAL
    credential: str = ""

    @property
    def message(self) -> str:
        """What happened, in words: the text of the error without `advice`."""
        return f"{super().message}; used: {self.credential}" if self.credential else super().message


class AccountError(APIError):
    """The account is blocked, unverified or unpaid, or has no subscription."""

    advice = what_to_do.ACCOUNT


class InsufficientCredit(APIError):
    """The account has no credit or quota left."""

    advice = what_to_do.CREDIT


class RateLimited(APIError):
    """Too many requests; Akool refused this one and started nothing."""

    advice = what_to_do.SLOWER


class InvalidRequest(APIError):
    """Akool refused the parameters, or the media at their addresses."""

    advice = what_to_do.PARAMETERS


class NotFound(APIError):
    """The thing that the request names does not exist, or no longer."""

    advice = what_to_do.IDS


class PermissionDenied(APIError):
    """The account has no right to the thing that the request names."""

    advice = what_to_do.RIGHTS


class Conflict(APIError):
    """The state of the thing that the request names forbids the request."""

    advice = what_to_do.STATE


class ProcessingError(APIError):
    """Akool failed while processing."""

    advice = what_to_do.LATER


class DetectionError(APIError):
    """Face detection failed, or did not find the faces asked for."""

    advice = "Give a picture in which each face is seen whole, from the front."


Cause: TypeAlias = Literal["host", "certificate", "machine", "client"]
"""What kept a request from its answer."""


class TransportError(AkoolError):
    """No usable answer arrived.

    Attributes:
        endpoint: Dotted name of the endpoint, or its path.
        attempts: How many requests were tried for this call.
        cause: What kept the request from its answer: the `host`, or the network on the way to it;
            its `certificate`, which is refused; this `machine`, such as its limit of open files;
            or the `client`, which can send nothing any more, such as on a session that is closed.
    """

    attempts: int = 1
    cause: Cause = "host"

    def __init__(self, message: str, *, endpoint: str = "") -> None:
        super().__init__(message)
        self.endpoint = endpoint  # those of the transport get it later

    @property
    def message(self) -> str:
        """What happened, in words: the text of the error without `advice`."""
        return f"{self.endpoint}: {super().message}" if self.endpoint else super().message


class ConnectFailed(TransportError):
    """No connection was made, so no request was sent; a retry is safe."""

    advice = what_to_do.CAUSES["host"]


class ReplyError(TransportError):
    """A reply arrived, but cannot be read.

    Attributes:
        problem: Why the reply cannot be read.
        http_status: HTTP status of the reply.
        excerpt: The beginning of its body.
        retry_after: Seconds to wait, as the server asked; `None` if it did not.
        ids: Of a create that started several jobs: all of their ids.
    """

    retry_after: float | None = None
    ids: tuple[str, ...] = ()

    def __init__(
        self, message: str, *, endpoint: str = "", http_status: int = 200, excerpt: str = ""
    ) -> None:
        shown = f": {excerpt!r}" if excerpt else ""
        super().__init__(f"{message} [HTTP {http_status}]{shown}", endpoint=endpoint)
        self.problem = message
        self.http_status = http_status
        self.excerpt = excerpt


class CreateOutcomeUnknown(AkoolError):
    """A create was sent, and no readable answer arrived: Akool may have charged for it.

    The package never sends the create again. `akool.find(error)` looks for its job, where a list
    of Akool's shows it. Check the account before you send it again.

    Attributes:
        name: Name of the operation.
        request: The request that was sent.
        sent_at: Time of sending, in UTC.
        reason: What happened instead of a readable answer.
        ids: The ids of the jobs that run, where the answer named several for one request.
        row: The number of its row in the journal, if there is one.
    """

    advice = "Look for its job with `await akool.find(error)` before you send it again."

    ids: tuple[str, ...] = ()
    row: int | None = None

    def __init__(self, name: str, request: object, sent_at: datetime, reason: str) -> None:
        super().__init__(
            f"{name}: sent at {sent_at:%Y-%m-%d %H:%M:%S}Z, but no readable answer came ({reason});"
            " it may have been started and charged, so it is not sent again"
        )
        self.name = name
        self.request = request
        self.sent_at = sent_at
        self.reason = reason


class NotSearchable(AkoolError):
    """A create whose reply was lost cannot be looked for: no list of Akool's would show its job.

    Attributes:
        name: Name of the operation.
    """

    advice = "Look at your account at akool.com before you send it again."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


class UncertainMatch(AkoolError):
    """Akool lists jobs that a lost create may have started, and nothing tells which it is.

    Attributes:
        name: Name of the operation.
        request: The request that was sent.
        candidates: The tokens of the jobs; `akool.job(token)` watches one.
    """

    advice = (
        "Look at each candidate: `await akool.job(token)` for the tokens in `error.candidates`."
    )

    def __init__(self, name: str, request: object, candidates: Sequence[str], why: str) -> None:
        super().__init__(f"{name}: {why}; nothing was decided")
        self.name = name
        self.request = request
        self.candidates = tuple(candidates)


class JobLike(Protocol):
    """The members of `Job` that a handler of a `JobError` needs.

    `Job` itself lives in a layer above the errors. `isinstance(error.job, Job)` narrows
    `error.job` to it.
    """

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result."""
        ...

    @property
    def name(self) -> str:
        """The operation's dotted name, such as `reage.image`."""
        ...

    @property
    def request(self) -> Any:
        """The request; `None` for a job resumed by its token."""
        ...

    @property
    def id(self) -> str | None:
        """Akool's `_id`; `None` before Akool accepts the job."""
        ...

    @property
    def job_id(self) -> str | None:
        """Akool's `job_id`, which cancelling needs; `None` if there is none (yet)."""
        ...

    @property
    def token(self) -> str:
        """The token, with which any process can watch the job.

        Raises:
            asyncio.InvalidStateError: Akool has not accepted the job.
        """
        ...

    @property
    def status(self) -> int:
        """The last known status, a member of `Status`."""
        ...

    @property
    def snapshot(self) -> Any:
        """The last observation; `None` before the first."""
        ...

    async def wait(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as `Job.wait`
        """Wait for the result, for at most `timeout` seconds."""
        ...

    def done(self) -> bool:
        """Return whether the job has ended."""
        ...

    def cancelled(self) -> bool:
        """Return whether the job ended because it was cancelled."""
        ...

    def result(self) -> Any:
        """Return the result, or raise the error, of a job that has ended."""
        ...

    def exception(self) -> BaseException | None:
        """Return the error of a job that has ended; `None` if it has a result."""
        ...

    async def cancel(self) -> bool:
        """Cancel the job; return whether the cancel ended it."""
        ...


class JobError(AkoolError):
    """A job ended without a result, or cannot do what it was asked to do.

    Attributes:
        name: Name of the operation.
        token: The job's token; `akool.job(token)` watches the job again. `None` if Akool has
            not accepted the job.
        snapshot: The last observation; `None` if there was none.
        request: The request; `None` if another process made it.
        job: The job, in the process that ran it; a pickle leaves it out.
    """

    _in_process: ClassVar[frozenset[str]] = frozenset({"job"})
    job: JobLike | None = None

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        token: str | None = None,
        snapshot: object = None,
        request: object = None,
    ) -> None:
        super().__init__(f"{name}: {message}" if name else message)
        self.name = name
        self.token = token
        self.snapshot = snapshot
        self.request = request


class JobFailed(JobError):
    """Akool reports that the job failed: status 4."""

    def __init__(self, message: str, *, snapshot: object = None, **about: Any) -> None:
        super().__init__(message, snapshot=snapshot, **about)
        if advice := what_to_do.of_failure(getattr(snapshot, "error_code", 0), message):
            self.advice = advice


class JobTimeout(JobError, TimeoutError):
    """The job did not end within `job_timeout`; it continues at Akool."""

    advice = "Watch it on with `akool.job(error.token)`, or give a longer `job_timeout`."


class JobCancelled(JobError):
    """`job.cancel()` ended the job."""


class ClientClosed(JobError):
    """The client was closed before the job ended; a job with a token continues at Akool."""

    advice = (
        "Wait for jobs before the client is closed. Another client watches a job that has a token:"
        " `akool.job(error.token)`."
    )


class CancelNotSupported(JobError):
    """Akool offers no way to cancel this job."""


class SessionLeftOpen(AkoolError):
    """A session could not be closed: it goes on at Akool, which may charge for it.

    Attributes:
        name: Name of the operation that opened it.
        id: Akool's `_id` of the session.
        reason: What happened instead of a close.
        seconds: The seconds that are still paid; `None` where a session has no fixed end.
    """

    def __init__(self, name: str, id: str, reason: str, seconds: float | None = None) -> None:
        paid = "" if seconds is None else f"; {seconds:.0f} s are still paid"
        super().__init__(f"{name}: session {id} could not be closed, and goes on{paid}: {reason}")
        self.name = name
        self.id = id
        self.reason = reason
        self.seconds = seconds


class StreamingError(AkoolError):
    """What was to be said in a live session was not."""


class NotJoined(StreamingError):
    """Nobody carries messages to the avatar's channel: no transport, or its page has left."""


class SessionEnded(StreamingError):
    """The live session is over, so nothing can be sent.

    Attributes:
        reason: Why it is over.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the live session is over: {reason}")
        self.reason = reason


class CommandRefused(StreamingError):
    """Akool refused a command to a live avatar.

    Attributes:
        cmd: The command, such as `set-params`.
        code: Akool's code.
        msg: Akool's words.
    """

    def __init__(self, cmd: str, code: int, msg: str) -> None:
        super().__init__(f"{cmd} was refused: code {code}, {msg or 'no reason given'}")
        self.cmd = cmd
        self.code = code
        self.msg = msg


class NoAnswer(StreamingError):
    """No answer to a command came, though it was repeated. It may have been carried out.

    Attributes:
        cmd: The command, such as `set-params`.
        seconds: How long was waited.
    """

    def __init__(self, cmd: str, seconds: float) -> None:
        super().__init__(f"no answer to {cmd} came within {seconds:g} s")
        self.cmd = cmd
        self.seconds = seconds


class AlreadySpeaking(StreamingError):
    """The avatar still says what another `speak` reads: interrupt it, or wait for its end."""


class TooMuchWaiting(StreamingError):
    """More texts wait to be said than a live session keeps.

    Attributes:
        waiting: The bytes that wait.
        most: How many may wait.
    """

    def __init__(self, waiting: int, most: int) -> None:
        super().__init__(f"{waiting} bytes of texts wait to be said, and {most} may wait")
        self.waiting = waiting
        self.most = most


class ResultExpired(JobError):
    """The result's media no longer exists: Akool keeps media for 7 days.

    Attributes:
        saved: Of a result with several files, those that were saved before.
    """

    advice = "Create it again, and save results within 7 days, such as by `save_to=`."

    saved: tuple[str, ...] = ()


class KeyConflict(AkoolError):
    """One key was used for two different requests."""

    advice = "Give each request a key of its own."


class UnknownKey(AkoolError, LookupError):
    """No job was submitted under the key, as far as the journal knows."""

    advice = "Open the journal that the key was submitted with."


class JournalError(AkoolError):
    """The journal cannot be opened, read or written."""


class JournalInUse(JournalError):
    """Another process, or another client in this one, uses the journal."""

    advice = (
        "Close that first, or give each process, such as each worker of a web server, a journal of"
        " its own."
    )


class DownloadError(AkoolError):
    """A result's media could not be downloaded completely.

    Attributes:
        final: Whether trying again cannot help, such as with a certificate that is not valid.
        disk_full: Whether the disk of this machine has no room for it.
        saved: Of a result with several files, those that are there, whole; the next attempt to
            save the same result there fetches the others.
    """

    final: bool = False
    disk_full: bool = False
    saved: tuple[str, ...] = ()


class UploadError(AkoolError):
    """A file could not be uploaded, so nothing was sent that needs its address.

    Attributes:
        final: Whether trying again cannot help, such as with a bucket that is not there.
    """

    final: bool = False


class WebhookError(AkoolError):
    """A webhook cannot be trusted, and must be ignored."""


class InvalidSignature(WebhookError):
    """The webhook's signature does not match its body."""

    advice = (
        "Compare `webhook_credentials` with the client id and secret in your account at akool.com."
    )


class DecryptionFailed(WebhookError):
    """The webhook's payload does not decrypt to an event."""

    advice = (
        "Compare `webhook_credentials` with the client id and secret in your account at akool.com."
    )


class StaleEvent(WebhookError):
    """The webhook's time is further from now than the tolerance allows."""

    advice = "Set the clock of this machine."


class CodeMeaning(NamedTuple):
    """The meaning of one of Akool's codes."""

    error: type[APIError]
    """The class of the error that the code raises."""
    sentence: str
    """Akool's description of the code."""
    unless: str = ""
    """A word in a reply's message by which the code has the meaning of `CODES`, not this one."""
    advice: str = ""
    """What to do, where that is not what `advice.CODES` says."""

    def advice_on(self, code: int) -> str:
        """Return what to do about the code; empty if no page lists it."""
        return self.advice or what_to_do.CODES.get(code, "")


def _processing(sentence: str) -> CodeMeaning:
    return CodeMeaning(ProcessingError, sentence)


CODES: Mapping[int, CodeMeaning] = {
    1003: CodeMeaning(InvalidRequest, "Parameter error"),
    1004: CodeMeaning(AccountError, "Requires verification"),
    1005: CodeMeaning(RateLimited, "Frequent operation"),
    1006: CodeMeaning(InsufficientCredit, "Insufficient quota balance"),
    1007: CodeMeaning(InvalidRequest, "Face count changes exceed"),
    1008: CodeMeaning(NotFound, "content not exist"),
    1009: CodeMeaning(PermissionDenied, "permission denied"),
    1010: CodeMeaning(Conflict, "This content cannot be operated"),
    1011: CodeMeaning(Conflict, "This content has been operated"),
    1013: CodeMeaning(InvalidRequest, "Use audio in video"),
    1014: CodeMeaning(NotFound, "Resource does not exist"),
    1015: _processing("Video processing error"),
    1016: _processing("Face swapping error"),
    1017: _processing("Audio not created"),
    1101: CodeMeaning(AuthenticationError, "Illegal token"),
    1102: CodeMeaning(AuthenticationError, "token cannot be empty"),
    1103: CodeMeaning(AccountError, "Not paid or payment is overdue"),
    1104: CodeMeaning(InsufficientCredit, "Insufficient credit balance"),
    1105: _processing("avatar processing error"),
    1108: _processing("image processing error"),
    1109: CodeMeaning(AuthenticationError, "account not exist"),  # N42: the api key is wrong
    1110: _processing("audio processing error"),
    1111: _processing("avatar callback processing error"),
    1112: _processing("voice processing error"),
    1200: CodeMeaning(AccountError, "Account blocked"),
    1201: _processing("create audio processing error"),
    1202: CodeMeaning(Conflict, "Video lip sync same language out of range"),
    1203: CodeMeaning(InvalidRequest, "Using Video and Audio"),
    1204: CodeMeaning(InvalidRequest, "video duration exceed"),
    1205: _processing("create video processing error"),
    1206: _processing("backgroound change processing error"),  # T37: the page's own spelling
    1207: CodeMeaning(InvalidRequest, "video size exceed"),
    1208: CodeMeaning(InvalidRequest, "video parsing error"),
    1209: CodeMeaning(InvalidRequest, "The video encoding format is not supported"),
    1210: CodeMeaning(InvalidRequest, "video fps exceed"),
    1211: _processing("Creating lip sync errors"),
    1212: _processing("Sentiment analysis fails"),
    1213: CodeMeaning(AccountError, "Requires subscription user to use"),
    1214: CodeMeaning(Conflict, "liveAvatar in processing"),
    1215: CodeMeaning(RateLimited, "liveAvatar processing is busy"),
    1216: CodeMeaning(NotFound, "liveAvatar session not exist"),
    1217: _processing("liveAvatar callback error"),
    1218: _processing("liveAvatar processing error"),
    1219: CodeMeaning(NotFound, "liveAvatar closed"),
    1220: _processing("liveAvatar upload avatar error"),
    1221: CodeMeaning(AccountError, "Account not subscribed"),
    1222: CodeMeaning(Conflict, "Resource already exist"),
    1223: CodeMeaning(InsufficientCredit, "liveAvatar upload exceed"),
}
"""Akool's ErrorCode page (https://docs.akool.com/ai-tools-suite/error-code), row by row."""

_SENTENCES: Mapping[int, str] = {
    1003: "Parameter error or Parameter can not be empty",
    1005: "Operation is too frequent",
    1006: "Your quota is not enough",
    1007: "The number of people who can have their faces changed cannot exceed 8",
    1008: "The content you get does not exist",
    1009: "You do not have permission to operate",
    1010: "You can not operate this content",
    1101: "Invalid authorization or The request token has expired",
    1102: "Authorization cannot be empty",
    1200: "The account has been banned",
    1201: "create audio error, please try again later",
    1202: "The same video cannot be translated lipSync in the same language more than 1 times",
    1203: "video should be with audio",
    1204: "Your video duration is exceed 60s!",
    1205: "Create video error, please try again later",
    1207: "The video you are using exceeds the size limit allowed by the system by 300M",
    1209: "Please upload a video in another encoding format",
    1210: "The video you are using exceeds the value allowed by the system by 60fp",
    1211: "Create lipsync error, please try again later",
}
"""Descriptions in the code tables of the endpoints' own pages, where those pages agree."""


def _page(*codes: int, **others: str) -> Mapping[int, CodeMeaning]:
    sentences = {code: _SENTENCES[code] for code in codes}
    sentences |= {int(name.removeprefix("c")): sentence for name, sentence in others.items()}
    return {code: CodeMeaning(CODES[code].error, text) for code, text in sentences.items()}


_SITE = "https://docs.akool.com"
_SWAPS = _page(1003, 1005, 1006, 1007, 1101, 1102, 1200)
_LIVE = _page(
    *(1003, 1008, 1009, 1101, 1102, 1200, 1201, 1202, 1203, 1204, 1205, 1207, 1209, 1210, 1211)
)

PAGE_CODES: Mapping[str, Mapping[int, CodeMeaning]] = {
    f"{_SITE}/authentication/usage": _page(1101, 1102, 1200),
    f"{_SITE}/ai-tools-suite/background-change": _SWAPS,
    f"{_SITE}/ai-tools-suite/character-swap/character-swap": _page(
        *(1003, 1008, 1009, 1101, 1102, 1200),
        c1015="Create video error, please try again later",
    ),
    f"{_SITE}/ai-tools-suite/faceswap": _SWAPS,
    f"{_SITE}/ai-tools-suite/head-swap/head-swap": {
        **_page(
            1102,
            c1003="Parameter error, validation failed, or unsupported feature for the account",
            c1014="Resource not found (invalid analysis or task id, or no access)",
            c1101="Invalid authorization",
            c1104="Insufficient credits",
        ),
        2001: CodeMeaning(APIError, "Server error"),
    },
    f"{_SITE}/ai-tools-suite/image-generate": _page(
        *(1003, 1008, 1009, 1010, 1101, 1102, 1200),
        c1108="image generate error,please try again later",
    ),
    f"{_SITE}/ai-tools-suite/jarvis-moderator": _page(
        1003, 1008, 1009, 1101, 1102, 1200, 1201, 1202, 1203
    ),
    f"{_SITE}/ai-tools-suite/knowledge-base": {
        1003: CodeMeaning(InvalidRequest, "Parameter validation error"),
        1232: CodeMeaning(NotFound, "Knowledge not found"),
        1233: CodeMeaning(Conflict, "Knowledge already exists"),
        1234: _processing("Knowledge creation error"),
        1235: _processing("Knowledge update error"),
        1236: _processing("Knowledge detail error"),
    },
    f"{_SITE}/ai-tools-suite/lip-sync": _LIVE,
    f"{_SITE}/ai-tools-suite/live-avatar": _LIVE,
    f"{_SITE}/ai-tools-suite/reage": _SWAPS,
    f"{_SITE}/ai-tools-suite/talking-avatar": {
        **_page(1003, 1006, 1102, 1200, 1201),
        # T27, N42: elsewhere, and with a wrong api key here too, 1109 says "account not exist".
        1109: CodeMeaning(
            *(ProcessingError, "create avatar video error"),
            unless="account",
            advice=what_to_do.LATER,
        ),
    },
    f"{_SITE}/ai-tools-suite/talking-photo": _page(
        *(1003, 1008, 1009, 1101, 1102, 1200, 1201),
        c1015="Create video error, please try again later",
    ),
    f"{_SITE}/ai-tools-suite/video-translation": _page(
        *(1003, 1008, 1009, 1101, 1102, 1200, 1201, 1202, 1203, 1204, 1205, 1207, 1209),
        c1210="The video you are using exceeds the value allowed by the system by 30fp",
    ),
}
"""Each page's own table of codes. An endpoint's pages take precedence over `CODES`."""

UNCLEAR_CODES: Final = frozenset({2001})
"""Codes that report trouble of Akool's own, and not what became of the request: after a create
with one of them, a job may run."""

_UNKNOWN = CodeMeaning(APIError, "")


def meaning_of(pages: Sequence[str], code: int, msg: str = "") -> CodeMeaning:
    """Return the meaning of a code at an endpoint.

    Args:
        pages: Addresses of the pages that document the endpoint; the first has precedence.
        code: Akool's code.
        msg: What the reply says beside the code.
    """
    general = CODES.get(code, _UNKNOWN)
    tables = (PAGE_CODES.get(page, {}) for page in pages)
    own = next((table[code] for table in tables if code in table), general)
    return general if own.unless and own.unless in msg.lower() else own


def api_error(
    code: int, msg: str, *, endpoint: str = "", http_status: int = 200, pages: Sequence[str] = ()
) -> APIError:
    """Build the error of a code; an `APIError` if no page lists the code."""
    meaning = meaning_of(pages, code, msg)
    about = {"endpoint": endpoint, "meaning": meaning.sentence}
    error = meaning.error(code, msg, http_status=http_status, **about)
    error.advice = meaning.advice_on(code) or error.advice
    return error
