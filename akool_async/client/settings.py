"""The settings of a client: each name, type, default and text stands here, and nowhere else.

`Akool(...)` and `Crun(...)` take them as keyword arguments by `Unpack`, so that editors complete
each name and type checkers know each type. The page docs/settings.md is made from this module.
A new setting is one field below, with its text; a line in `DEFAULTS` if its default is not
`None`; and its use, in `Configuration` or in the runtime.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, cast
from urllib.parse import urlsplit

from akool_async.clock import Clock, LoopClock
from akool_async.engine import Limits, Places, Semaphore, SemaphorePlaces
from akool_async.errors import InvalidInput, JournalError
from akool_async.http.retry import Retry
from akool_async.http.transport import Timeout, check_session
from akool_async.media import Policy, absolute, own_addresses
from akool_async.observers import check_function, is_coroutine_function
from akool_async.protocol.addresses import LOOPBACK, trouble_with
from akool_async.protocol.cells import (
    checked_flag,
    checked_number,
    checked_whole,
)
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.secret import Secret
from akool_async.protocol.words import did_you_mean
from akool_async.schedule.backoff import Backoff

if TYPE_CHECKING:
    import aiohttp

    from akool_async.client.delivery import OnEnd
    from akool_async.client.events import Hook
    from akool_async.client.named_files import FilesBy, NamedFiles
    from akool_async.http.proxy import Proxies, Proxy
    from akool_async.job import Job
    from akool_async.journal import JobStore
    from akool_async.schedule.learner import Schedule
    from akool_async.uploads import Bucket, Uploader
    from akool_async.webhook.credentials import OneOrMore

JOB_TIMEOUT: Final = 4 * 3600.0
"""Seconds. Akool's own message speaks of three hours."""

LARGEST_DOWNLOAD: Final = 4 * 2**30
"""Bytes."""


class Settings(TypedDict, total=False):
    """Settings of every client, of any vendor."""

    base_url: str | None
    """Scheme and host of the API: https, or http on loopback. Else the environment's
    `AKOOL_BASE_URL` (`CRUN_BASE_URL`), else the vendor's own host."""
    max_concurrency: int
    """The most jobs at the vendor at once, from the create request to the end."""
    timeout: float | Timeout
    """Seconds for one HTTP request, body included, or a `Timeout`."""
    job_timeout: float | Mapping[str, float | None] | None
    """Seconds from acceptance to the end of a job, 4 hours by default; `None` for no end; or a
    mapping by operation, such as `{"video.translate": 7200.0}`."""
    retry: Retry | None
    """Which failed requests are repeated, and when."""
    schedule: Schedule | None
    """What a poll of a job may cost. When to poll is learned from how long jobs take."""
    backoff: Backoff | Mapping[str, Backoff] | None
    """A fixed schedule of polls instead; or a mapping by result family."""
    limits: Limits | Mapping[str, int] | None
    """How many HTTP requests may be under way at once, as a `Limits`; or how many jobs of an
    operation in flight, such as `{"video.*": 20}`."""
    semaphore: Semaphore | None
    """A limit of yours on jobs in flight, such as an `asyncio.Semaphore` that several clients
    share; beside `max_concurrency`."""
    on_event: Hook | Sequence[Hook]
    """A function that is notified of each event of each job, at once; or several. A coroutine
    function is awaited in the background."""
    on_end: OnEnd | None
    """A coroutine function that is called with each job with a key that has ended, at least once
    for each key, also across restarts. It is called again, after growing pauses, until it raises
    nothing. Needs a `journal`."""
    session: aiohttp.ClientSession | None
    """A session of yours for API calls, made in the event loop that uses it. The client never
    closes it. What you put into it, such as a recorder, sees the credential in the headers."""
    journal: str | os.PathLike[str] | JobStore | None
    """A file that records every job, so that a crash loses none and a key is one create; for one
    process at a time. A relative path belongs to the directory in which the client was made."""
    save_to: str | os.PathLike[str] | Callable[[Job[Any]], str | os.PathLike[str]] | Bucket | None
    """A folder, or a bucket such as `s3://my-bucket/out`, in which each result is saved in the
    background, as soon as its job completes. `close()` waits for that. A template such as
    `out/{key}{ext}`, or a function that is called with each job, names the files. A relative path
    belongs to the directory in which the client was made."""
    uploads: str | Uploader | None
    """Where files are uploaded to whose paths stand in place of addresses: a bucket of yours, such
    as `s3://my-bucket/akool`, a `Bucket` with options, or any `Uploader`."""
    max_download_bytes: int
    """Bytes of the largest result that is saved."""
    allow_private_downloads: bool
    """Whether results may come from addresses that are not on the public internet. The API's own
    address is allowed without it where the API runs on this machine, as a simulator does."""
    proxy: str | None
    """A proxy for API calls and downloads, such as `http://user:password@proxy.example:3128`."""
    trust_env: bool
    """Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as they are now, name the proxy where
    `proxy` does not. `NO_PROXY` may hold names, addresses and networks, such as `10.0.0.0/8`."""
    on_credit: Literal["raise", "pause"]
    """What happens to jobs without credit: `raise` ends them with `InsufficientCredit`; `pause`
    lets them wait until credit returns, or `akool.resume()` is called."""
    on_outage: Literal["raise", "wait"]
    """What happens to jobs while nothing can be reached: `raise` ends each with `ConnectFailed`, or
    with `UploadError`, once it was tried several times; `wait` lets those wait that were not sent,
    and sends them when the host answers again."""
    on_deprecated: Literal["warn", "ignore"]
    """What happens when a request uses what Akool no longer offers as it did: `warn` warns once for
    each endpoint in a process, with an `AkoolDeprecationWarning`; `ignore` says nothing."""
    clock: Clock | None
    """Where time comes from; for tests."""


class AkoolSettings(Settings, total=False):
    """Settings of an `Akool`, beside the api key."""

    token: str | None
    """A bearer token. Else the environment's `AKOOL_TOKEN`."""
    client_id: str | None
    """With `client_secret`, exchanged for a token. Else the environment's `AKOOL_CLIENT_ID`."""
    client_secret: str | None
    """See `client_id`. Else the environment's `AKOOL_CLIENT_SECRET`."""
    detect_url: str | None
    """Scheme and host of face detection, if it is not at `base_url`."""
    webhook_url: str | None
    """The address of your receiver on the public internet, https. Each create then gets an address
    of its own below it, so that a webhook wakes its job, and brings the id of a create whose
    reply was lost."""
    webhook_credentials: OneOrMore | None
    """The account's client id and secret, which webhooks are encrypted with; several while the
    secret is replaced. Else `client_id` and `client_secret`, else the environment's."""
    webhook_patience: float
    """Seconds for which a create whose reply was lost waits for a webhook, before it ends with
    `CreateOutcomeUnknown`."""


DEFAULTS: Final[AkoolSettings] = {
    "max_concurrency": 100,
    "timeout": 60.0,
    "job_timeout": JOB_TIMEOUT,
    "on_event": (),
    "max_download_bytes": LARGEST_DOWNLOAD,
    "allow_private_downloads": False,
    "trust_env": False,
    "on_credit": "raise",
    "on_outage": "raise",
    "on_deprecated": "warn",
    "webhook_patience": 900.0,
}
"""The defaults that are not `None`."""

_SECRETS: Final = ("token", "client_secret", "proxy")
_ADDRESSES: Final = ("base_url", "detect_url")
"""They hold no secret, unless a user put a password into them."""


def hide_secrets(settings: Mapping[str, Any]) -> None:
    """Replace secrets, in place, by texts that no traceback shows.

    A text under a name that is no setting may be a secret whose name was misspelt.
    """
    values = cast("dict[str, Any]", settings)
    plain = AkoolSettings.__annotations__.keys() - _SECRETS
    for name, value in values.items():
        if isinstance(value, str) and (name not in plain or (name in _ADDRESSES and "@" in value)):
            values[name] = Secret(value)


def check_names(owner: str, names: Sequence[str], known: type[Settings]) -> None:
    """Refuse settings that do not exist.

    Raises:
        TypeError: there is no such setting; the message names the nearest one.
    """
    for name in names:
        if name not in known.__annotations__:
            hint = did_you_mean(name, ["api_key", *known.__annotations__])
            raise TypeError(f"{owner}() got an unexpected keyword argument {name!r}{hint}")


class Configuration:
    """The settings of one client, checked.

    Args:
        settings: What the user gave.
        hosts: Scheme and host of each part of the API, by its name; `api` is one of them.
        operations: Returns the operations that a `job_timeout` may name. Called only if it names
            some: they load slowly.

    Raises:
        InvalidInput: a setting makes no sense.
        JournalError: the journal's path is relative, and the working folder is gone.
    """

    def __init__(
        self,
        settings: Settings,
        hosts: Mapping[str, str],
        operations: Callable[[], Mapping[str, type[Operation[Any]]]],
    ) -> None:
        value = cast("Callable[[str], Any]", {**DEFAULTS, **settings}.get)
        self.hosts = hosts
        self.max_concurrency = checked_count("max_concurrency", value("max_concurrency"))
        timeout = value("timeout")
        self.timeout = timeout if isinstance(timeout, Timeout) else Timeout(total=timeout)
        self._job_timeout = _checked_job_timeout(value("job_timeout"), operations)
        self.retry: Retry = _checked("retry", value("retry"), _is(Retry), "a Retry") or Retry()
        self.schedule: Schedule | None = _checked_schedule(value("schedule"))
        self._backoff: Backoff | Mapping[str, Backoff] | None = _checked_backoff(value("backoff"))
        self.limits = _checked_limits(value("limits"))
        self.places = _places_of(value("semaphore"))
        self.session = _checked_session(value("session"))
        self.journal: str | os.PathLike[str] | JobStore | None = _place_of_journal(value("journal"))
        self.on_event: Hook | Sequence[Hook] = value("on_event")
        self.on_end: OnEnd | None = _checked_on_end(value("on_end"), self.journal)
        self.clock = _checked_clock(value("clock"))
        self.save_to: str | Bucket | None = _place_to_save(value("save_to"))
        self.uploads: Uploader | None = _checked_uploads(value("uploads"), self._job_timeout)
        self.waits_for_credit = _is_chosen("on_credit", value("on_credit"), "pause")
        self.waits_for_host = _is_chosen("on_outage", value("on_outage"), "wait")
        self.warns = _is_chosen("on_deprecated", value("on_deprecated"), "warn", "ignore")
        self.downloads = Policy(
            allow_private=value("allow_private_downloads"),
            own=own_addresses(hosts["api"]),
            largest=checked_count("max_download_bytes", value("max_download_bytes")),
        )
        receiver = checked_text("webhook_url", value("webhook_url"))
        self.webhook_url = checked_webhook_url(receiver, hosts["api"])
        self.webhook_credentials = _checked_credentials(value("webhook_credentials"))
        patience = checked_seconds("webhook_patience", value("webhook_patience"))
        self.webhook_patience = patience or math.inf
        trust_env = checked_flag("trust_env", value("trust_env"))
        self.all_proxies = _proxies(checked_text("proxy", value("proxy")), trust_env=trust_env)
        """What says which proxy an address has; `None` where none has one."""
        self.proxies = _proxies_of(hosts, self.all_proxies)

    def job_timeout(self, operation: str) -> float | None:
        """Return the seconds that an operation's jobs may take; `None` for no end."""
        if isinstance(self._job_timeout, Mapping):
            return self._job_timeout.get(operation, JOB_TIMEOUT)
        return self._job_timeout

    def backoff(self, family: str) -> Backoff | None:
        """Return the fixed schedule of a family, if the user gave one."""
        if isinstance(self._backoff, Mapping):
            return self._backoff.get(family)
        return self._backoff


def _checked_uploads(given: Any, job_timeout: float | Mapping[str, float | None] | None) -> Any:
    if isinstance(given, str):
        given = _bucket_at("uploads", given)
    _checked("uploads", given, _has("upload"), "the address of a bucket, or an Uploader")
    lasts: timedelta | None = getattr(given, "valid_for", None)
    times = job_timeout.values() if isinstance(job_timeout, Mapping) else [job_timeout]
    longest = max(filter(None, times), default=JOB_TIMEOUT)
    # An address is handed to jobs for an hour, and a job has its time from then on.
    if lasts is not None and lasts.total_seconds() < longest + 3600:
        rule = "must sign addresses for an hour longer than the longest job_timeout"
        raise InvalidInput("uploads", given, rule)
    return given


def _bucket_at(field: str, address: str) -> Bucket:
    from akool_async.uploads import Bucket  # few clients have one

    try:
        return Bucket(address)
    except InvalidInput as error:
        rule = error.rule
    raise InvalidInput(field, address, rule)


def _places_of(given: Semaphore | None) -> Places | None:
    """Return the places that a semaphore has for jobs."""
    _checked("semaphore", given, _has("acquire", "release"), "a semaphore")
    return None if given is None else SemaphorePlaces(given)


def _checked_session(given: aiohttp.ClientSession | None) -> aiohttp.ClientSession | None:
    if given is not None:
        check_session(given)
    return given


def _checked_clock(given: Any) -> Clock:
    clock: Clock | None = _checked("clock", given, _has("time", "now", "call_at"), "a Clock")
    return LoopClock() if clock is None else clock


def _checked_on_end(given: Any, journal: object) -> Any:
    if given is None:
        return None
    check_function("on_end", given)
    if journal is None:
        raise InvalidInput("on_end", given, "needs a journal: Akool(journal=...)")
    if not isinstance(journal, str | os.PathLike):
        from akool_async.journal import Outbox  # with a store of the user's, it is loaded already

        if not isinstance(journal, Outbox):
            raise InvalidInput("on_end", given, "needs a job store that keeps an Outbox")
    return given


def _place_of_journal(given: Any) -> Any:
    """Return a path as an absolute one: a client outlives the working directory it was made in.

    Entered again in another one, it would open another file, and pay once more for its keys.
    """
    _checked("journal", given, _is_journal, "a path, or a JobStore")
    if not _is_path(given) or os.fspath(given) in {"", ":memory:"}:
        return given
    try:
        return absolute(given)
    except OSError as error:
        problem = _lost(error)
    raise JournalError(f"journal {os.fspath(given)!r}: {problem}")


def _place_to_save(given: Any) -> Any:
    """Return a folder as an absolute one, for the same reason; or the bucket of an address."""
    if _has("save", "lacks")(given):
        return given
    what = "a path, a template, a function, or the address of a bucket"
    place: Any = _checked("save_to", given, lambda each: _is_path(each) or _names(each), what)
    if not place:
        return place
    try:
        if callable(place):
            return _files_by(place)
        text = os.fspath(cast("str | os.PathLike[str]", place))
        if "://" in text:
            if "{" in text:
                problem = "must be no template: a bucket names its objects"
                raise InvalidInput("save_to", given, problem)
            return _bucket_at("save_to", text)
        return _named_files(text) if "{" in text else absolute(text)
    except OSError as error:
        problem = _lost(error)
    raise InvalidInput("save_to", given, problem)


def _names(given: object) -> bool:
    return callable(given) and not isinstance(given, type)


def _named_files(template: str) -> NamedFiles:
    from akool_async.client.named_files import NamedFiles  # few clients name files

    return NamedFiles(template)


def _files_by(given: Callable[..., Any]) -> FilesBy:
    from akool_async.client.named_files import FilesBy

    check_function("save_to", given)
    if is_coroutine_function(given):
        raise InvalidInput("save_to", given, "must be a plain function: it is not awaited")
    return FilesBy(given)


def _lost(error: OSError) -> str:
    return f"its folder cannot be found ({error.strerror or error})"


def _proxies(proxy: str | None, *, trust_env: bool) -> Proxies | None:
    if proxy is None and not trust_env:
        return None
    from akool_async.http.proxy import Proxies  # few clients have a proxy

    return Proxies(proxy, trust_env=trust_env)


def _proxies_of(hosts: Mapping[str, str], proxies: Proxies | None) -> Mapping[str, Proxy]:
    """Return the proxy of each base address that has one."""
    if proxies is None:
        return {}
    found = {host: proxies.of(host) for host in hosts.values()}
    return {host: proxy for host, proxy in found.items() if proxy is not None}


def _is_chosen(field: str, value: object, choice: str, other: str = "raise") -> bool:
    """Say whether a setting with two values has the one."""
    if not isinstance(value, str) or value not in {other, choice}:
        raise InvalidInput(field, value, f'must be "{other}" or "{choice}"')
    return value == choice


def _checked(field: str, value: Any, holds: Callable[[Any], bool], what: str) -> Any:
    """Return a value that is `None` or fits; raise `InvalidInput` for any other."""
    if value is not None and not holds(value):
        raise InvalidInput(field, value, f"must be {what}, or None")
    return value


def _is(cls: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, cls)


def _has(*methods: str) -> Callable[[Any], bool]:
    return lambda value: all(callable(getattr(value, name, None)) for name in methods)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_journal(value: Any) -> bool:
    return _is_path(value) or _has("claim", "intend", "note_soon")(value)


def _checked_schedule(value: Any) -> Any:
    if value is None:
        return None
    from akool_async.schedule.learner import Schedule

    return _checked("schedule", value, _is(Schedule), "a Schedule")


def _checked_backoff(value: Any) -> Any:
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[str, object]", value).items():
            if not isinstance(each, Backoff):
                raise InvalidInput(f"backoff[{name!r}]", each, "must be a Backoff")
        return cast("Any", value)
    return _checked("backoff", value, _is(Backoff), "a Backoff, or a mapping by result family")


def _checked_limits(value: Any) -> Limits:
    if isinstance(value, Mapping):
        return Limits(operations=cast("Mapping[str, int]", value))
    limits: Limits | None = _checked(
        "limits", value, _is(Limits), "a Limits, or a mapping by operation"
    )
    return limits or Limits()


def _checked_job_timeout(
    value: object, operations: Callable[[], Mapping[str, type[Operation[Any]]]]
) -> float | Mapping[str, float | None] | None:
    if not isinstance(value, Mapping):
        return checked_seconds("job_timeout", value)
    by_name = cast("Mapping[str, object]", value)
    known = operations()
    for name in by_name:
        if name not in known:
            raise InvalidInput(f"job_timeout[{name!r}]", name, "is no operation")
    return {name: checked_seconds(f"job_timeout[{name!r}]", each) for name, each in by_name.items()}


def checked_count(field: str, value: object) -> int:
    """Return a whole number of at least 1; raise `InvalidInput` for anything else."""
    rule = "must be a whole number of at least 1"
    count = checked_whole(field, value, rule)
    if count < 1:
        raise InvalidInput(field, value, rule)
    return count


def checked_seconds(field: str, value: object) -> float | None:
    """Return more than 0 seconds, or `None`; raise `InvalidInput` for anything else."""
    if value is None:
        return None
    rule = "must be more than 0 seconds, or None"
    seconds = float(checked_number(field, value, rule))
    if not seconds > 0:
        raise InvalidInput(field, value, rule)
    return seconds


def checked_text(field: str, value: object) -> str | None:
    """Return a text, or `None`; raise `InvalidInput`, which shows no value, for anything else."""
    if value is not None and not isinstance(value, str):
        raise InvalidInput(field, f"a {type(value).__name__}", "must be a text")
    return value


def _checked_credentials(given: OneOrMore | None) -> OneOrMore | None:
    if given is not None:
        from akool_async.webhook.credentials import each_of  # few clients have webhooks

        each_of(given, "webhook_credentials")
    return given


def checked_webhook_url(url: str | None, api: str) -> str | None:
    """Return an address that the API can send webhooks to.

    Raises:
        InvalidInput: it is something else, or no address on the public internet.
    """
    if url is None:
        return None
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        rule = "must be an address without a user, a query or a fragment"
        raise InvalidInput("webhook_url", url, rule)
    if urlsplit(api).hostname in LOOPBACK:
        return url  # a simulator reaches what this machine reaches
    if parts.scheme != "https":
        raise InvalidInput("webhook_url", url, "must be https")
    if not _is_on_the_internet(parts.hostname):
        raise InvalidInput("webhook_url", url, "must be on the public internet: Akool calls it")
    return url


def _is_on_the_internet(host: str) -> bool:
    if ":" in host or host.replace(".", "").isdigit():
        from akool_async.media import is_public

        return is_public(host)
    name, _, domain = host.rstrip(".").rpartition(".")
    return name != "" and domain not in {"localhost", "local", "internal", "lan", "home", "test"}


def checked_url(field: str, url: object) -> str:
    """Return a scheme and host that credentials may be sent to.

    Raises:
        InvalidInput: it is something else, or not safe, or no server can have it.
    """
    if not isinstance(url, str):
        raise InvalidInput(field, url, "must be a text: a scheme and a host")
    if "@" in url:  # a user's name before it may come with a password
        raise InvalidInput(field, "***", "must be a scheme and a host, without a user")
    trouble = trouble_with(url)
    if trouble:
        raise InvalidInput(field, url, f"must be an address that a server can have; {trouble}")
    parts = urlsplit(url)
    loopback = parts.hostname in LOOPBACK
    if not parts.hostname or parts.scheme not in ({"https", "http"} if loopback else {"https"}):
        raise InvalidInput(field, url, "must be https, or http on loopback")
    nothing_else = not (parts.path.strip("/") or parts.query or parts.fragment)
    if not nothing_else or parts.netloc.endswith(":"):
        raise InvalidInput(field, url, "must be a scheme and a host, and nothing else")
    return f"{parts.scheme}://{parts.netloc}"
