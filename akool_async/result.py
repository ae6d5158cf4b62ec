"""A result: a snapshot with media behind it."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, ParamSpec, Self, TypeVar

import msgspec

from akool_async.clock import running_loop
from akool_async.errors import DownloadError, InvalidInput
from akool_async.media.progress import Progress
from akool_async.media.several import Medium, media_of, trimmed
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.token import is_id, reference_to, write
from akool_async.protocol.words import in_line, until_when

if TYPE_CHECKING:
    from akool_async.media import Downloader, MediaStream, Policy, Source

P = ParamSpec("P")
T = TypeVar("T")

LIFETIME: Final = timedelta(days=7)
"""How long Akool keeps media."""

READ_LIMIT: Final = 100 * 2**20
"""Bytes that `Result.read` takes into memory, unless it is told otherwise."""

_PLAYERS: Final = 4
"""Pictures and players that a card shows at most."""

_CHARGED: Final = ("deduction_credit", "deduction_duration")
_SET_ASIDE: Final = "deduction_lock_duration"
"""Names of fields with credits; the older families call them durations."""

_MILLISECONDS: Final = 10**11
"""Numbers from here on are milliseconds since 1970, smaller ones seconds: in milliseconds this is
the year 1973, in seconds the year 5138."""
_END_OF_TIME: Final = 2**33
"""Seconds since 1970, in the year 2242. Later numbers are not read as times."""


class Link:
    """What a result knows of its client and its job; no part of its value.

    Args:
        downloader: Saves media; `None` in a process that got the result in a pickle.
        executor: The client, so that a result can start jobs.
        operation: The operation's name, where this result is a job's.
        accepted_at: When the job was accepted, in seconds since 1970.
        job_id: The vendor's second id of the job.
        fresh: Asks the vendor for the addresses of a result's media once more; returns the result
            with these, or `None`.
        policy: The media that may be fetched where there is no `downloader`.
    """

    __slots__ = (
        "accepted_at",
        "downloader",
        "executor",
        "fresh",
        "job_id",
        "operation",
        "policy",
        "saved",
    )

    def __init__(
        self,
        downloader: Downloader | None,
        executor: Any = None,
        *,
        operation: str = "",
        accepted_at: float | None = None,
        job_id: str | None = None,
        fresh: Callable[[Result], Awaitable[Result | None]] | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.downloader = downloader
        self.executor = executor
        self.operation = operation
        self.accepted_at = accepted_at
        self.job_id = job_id
        self.fresh = fresh
        self.policy = policy
        self.saved: str | None = None
        """Where the client has saved it by itself."""

    def for_elsewhere(self) -> dict[str, Any]:
        """Return what of it makes sense in another process, where there is no client."""
        policy = self.policy if self.downloader is None else self.downloader.policy
        known = {name: getattr(self, name) for name in ("operation", "accepted_at", "job_id")}
        return {**known, "policy": policy}

    def token(self, id: str) -> str | None:
        """Return the job's token; `None` for what is no result of a job."""
        if not self.operation or not is_id(id):
            return None
        return write(reference_to(self.operation, id, self.job_id, self.accepted_at or 0))


class MediaSnapshot(Snapshot, abstract=True):
    """A snapshot with media: where that is, until when it is kept, and what it costs."""

    media_field: ClassVar[str] = ""
    """The field that holds the primary media address."""
    more_media: ClassVar[tuple[str, ...]] = ()
    """Fields that hold further media addresses: texts, sequences of texts, or values of texts."""
    no_media: ClassVar[str] = "has no media to save"
    """What an error says of a result without an address."""
    lifetime: ClassVar[timedelta] = LIFETIME
    """How long the media is kept."""
    shown_properties: ClassVar[tuple[str, ...]] = ("url", "urls", "expires_at", "reason", "credits")

    @property
    def media_url(self) -> str:
        """The primary media address, whatever the status is."""
        return trimmed(getattr(self, self.media_field)) if self.media_field else ""

    @property
    def url(self) -> str:
        """The primary media address; empty until COMPLETED.

        Akool often sends the address earlier (T25), when there is no file yet.
        """
        return self.media_url if self.status is Status.COMPLETED else ""

    @property
    def urls(self) -> tuple[str, ...]:
        """All media addresses, the primary one first; empty until COMPLETED.

        Most results have one. Akool may name further ones only some time after it has named the
        first (N43): then a later look at the job shows more.
        """
        return tuple(medium.url for medium in _media_of(self))

    @property
    def shown_in_line(self) -> str:
        """What `one_line` shows beside the status: the address, and until when it is good."""
        if not self.media_field:
            return super().shown_in_line
        if not self.url:
            return ""
        # A signed address is long, and its query is a permission: a log need not show that.
        bare = self.url.partition("?")[0].partition("#")[0]
        more, expires = len(self.urls) - 1, self.expires_at
        parts = [
            in_line(bare if bare == self.url else f"{bare}?…"),
            f"and {more} more" if more else "",
            until_when(expires) if expires else "",
        ]
        return " ".join(filter(None, parts))

    def parts_of_card(self, media: str | None = None) -> tuple[str, ...]:
        """Return the pictures and players of a card, and what else is worth knowing.

        Args:
            media: The kind of media, where the address does not tell: `image`, say.
        """
        from akool_async.notebook import pieces

        if not self.media_field:
            return super().parts_of_card()
        kind: Any = media
        players = [pieces.media(each, kind) for each in self.urls[:_PLAYERS]]
        more, expires, cost = len(self.urls) - len(players), self.expires_at, self.credits
        facts = (
            f"and {more} more" if more else "",
            until_when(expires) if expires and self.url else "",
            "" if cost is None else f"{cost:g} credits",
        )
        known = {self.media_field, "id", "status", *self.more_media}
        rest = [each for each in self.__rich_repr__() if each[0] not in known]
        return *players, pieces.quiet(*facts), pieces.folded("All fields", pieces.fields(rest))

    @property
    def credits(self) -> float | None:
        """What the job costs in credits, as Akool says; `None` if it does not say.

        That is what was charged; else what was set aside when the job was created. See
        `credits_are_final`.
        """
        charged = self._credits_charged
        return getattr(self, _SET_ASIDE, None) if charged is None else charged

    @property
    def credits_are_final(self) -> bool:
        """Whether `credits` is what was charged in the end; 0 is then a refund."""
        return self.status.terminal and self._credits_charged is not None

    @property
    def _credits_charged(self) -> float | None:
        """Credits charged, or to be charged.

        Rows of face swaps print 0 beside a `deduction_status`, whatever they cost: that says
        nothing.
        """
        silent = 0 if getattr(self, "deduction_status", None) is not None else None
        said = (getattr(self, name, None) for name in _CHARGED)
        return next((each for each in said if each is not None and each != silent), None)

    @property
    def creation_time(self) -> datetime | None:
        """When Akool says that the job was created: in `create_time`, in most families."""
        return from_milliseconds(getattr(self, "create_time", 0))

    @property
    def expires_at(self) -> datetime | None:
        """When the media is deleted: 7 days after creation at Akool; `None` if unknown.

        It is `None` for a job without media, too, such as one that failed; and if by Akool's time
        of creation the media was deleted before the job was accepted: one of the two clocks is
        wrong.
        """
        if self.status is Status.FAILED:
            return None
        created = self.creation_time
        accepted = None
        if self.link is not None and self.link.accepted_at is not None:
            accepted = datetime.fromtimestamp(self.link.accepted_at, UTC)
        since = created or accepted
        if since is None:
            return None
        expires = since + self.lifetime
        return None if accepted is not None and expires <= accepted else expires

    @property
    def link(self) -> Link | None:
        """What this result knows of its client and its job."""
        return vars(self).get("link")

    def attach(self, link: Link) -> Self:
        """Give this result a link to its client and job; return it."""
        vars(self)["link"] = link
        return self


def _needs_a_loop(method: Callable[P, T]) -> Callable[P, T]:
    """Refuse at once, in a program without an event loop, what nobody could await there."""

    @functools.wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        result: Any = args[0]
        link: Link | None = result.link
        blocks = link is not None and getattr(link.executor, "in_background", False)
        if blocks and running_loop() is None:
            name = method.__name__
            raise TypeError(
                f"{type(result).__name__}.{name}() is a coroutine; here, use job.{name}(...), or"
                f" akool.{name}(result, ...)"
            )
        return method(*args, **kwargs)

    return checked


class Result(MediaSnapshot, abstract=True):
    """The result of a job: `.id`, `.status`, `.url`, `.expires_at`, and `.save()`.

    `.read()` and `.stream()` bring the media without a file.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a pickle hold the fields, the token's contents, and what may be fetched.

        So the result saves itself in another process. No secret is among that.
        """
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return _unpickled, (type(self), fields, self.link and self.link.for_elsewhere())

    def __copy__(self) -> Self:
        """Return a copy with the same client."""
        copied = msgspec.structs.replace(self)
        return copied if self.link is None else copied.attach(self.link)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy with the same client, and fields of its own."""
        fields = {name: deepcopy(getattr(self, name), memo) for name in self.__struct_fields__}
        copied = type(self)(**fields)
        return copied if self.link is None else copied.attach(self.link)

    @_needs_a_loop
    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Download the media to a file, whole or not at all, and return its path.

        Failures that pass are tried again, from where they broke off if the server can tell
        that the media is still the same. If the address is refused, the job is looked up once
        more, for a fresh address. Cancelled, or given up, it leaves no file.

        A result with several media (`urls`) is saved with all of them. The others stand beside the
        primary one, and are named after it: `out.png`, `out-2.png`, `out-3.png`; or
        `out.original.srt` for a field `original_srt_url`. If one of them fails, those that are
        there stay, the error names them, and the next `save` of this result to this path fetches
        what is missing.

        Args:
            path: A file; or a folder (it exists, or the path ends in `/`), in which the
                file is named after the job's id.
            overwrite: Whether files of these names may be replaced.
            progress: Called with the bytes received so far, of all files together, and with how
                many there are, or `None`: of several files that is known once the last one has
                begun. A function or a coroutine function.

        Raises:
            DownloadError: there is no media, it could not be fetched whole, or the disk is full.
            ResultExpired: the media is kept no longer.
            OSError: a file cannot be written, or is there and may not be replaced.
        """
        return (await self.save_all(path, overwrite=overwrite, progress=progress))[0]

    @_needs_a_loop
    async def save_all(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> tuple[Path, ...]:
        """Do what `save` does, and return the paths of all files, in the order of `urls`.

        Args:
            path: A file, the primary one; or a folder.
            overwrite: Whether files of these names may be replaced.
            progress: Called as by `save`.

        Raises:
            DownloadError: there is no media, it could not be fetched whole, or the disk is full.
            ResultExpired: the media is kept no longer.
            OSError: a file cannot be written, or is there and may not be replaced.
        """
        from akool_async.media.saving import FilesOfResult

        primary, downloader = self._source(), self._downloader
        others = [self._source_of(medium) for medium in _media_of(self)[1:]]
        if not others:
            return (await downloader.save(primary, path, overwrite=overwrite, progress=progress),)
        files: FilesOfResult = vars(self).setdefault("files", FilesOfResult())
        return await files.save(
            downloader, [primary, *others], path, overwrite=overwrite, progress=progress
        )

    @_needs_a_loop
    async def read(self, *, limit: int = READ_LIMIT) -> bytes:
        """Download the media to memory, and return it.

        Failures that pass are tried again, as by `save`. For large media, such as long videos,
        there is `stream`.

        Args:
            limit: The most bytes that the media may have; 100 MiB if left out.

        Raises:
            DownloadError: there is no media, it could not be fetched whole, or it is larger than
                `limit`.
            ResultExpired: the media is kept no longer.
            InvalidInput: `limit` is less than 1.
        """
        if limit < 1:
            raise InvalidInput("limit", limit, "must be at least 1 byte", owner="Result.read")
        return await self._downloader.read(self._source(), limit)

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[MediaStream, None]:
        """Download the media, and hand it out as it comes: `async with result.stream() as chunks`.

        `chunks` is an asynchronous iterator of bytes, with `media_type`, `size` and `filename` for
        the headers of a reply. The first bytes are there when the context is entered: until then,
        failures are tried again. A connection that breaks later is resumed, if the server can
        tell that the media is still the same; else the stream ends with an error. A slow reader
        makes the server wait, and keeps one of the client's places for downloads.

        Raises:
            DownloadError: there is no media, or it could not be fetched; while reading: the rest
                could not, or what came was damaged.
            ResultExpired: the media is kept no longer.
        """
        async with self._downloader.stream(self._source()) as chunks:
            yield chunks

    @property
    def _downloader(self) -> Downloader:
        from akool_async.media import StandaloneDownloader

        link = self.link
        if link is not None and link.downloader is not None:
            return link.downloader
        return StandaloneDownloader(None if link is None else link.policy)

    def _source(self) -> Source:
        """Return the primary media to download.

        Raises:
            DownloadError: there is none.
        """
        if not self.url:
            missing = DownloadError(f"{type(self).__name__} {self.id} {self.no_media}")
            missing.token = self.link.token(self.id) if self.link and self.id else None
            raise missing
        return self._source_of(Medium(self.url, ""))

    def _source_of(self, medium: Medium) -> Source:
        from akool_async.media import Source

        link = self.link or Link(None)
        token = link.token(self.id) if self.id else None
        ask = link.fresh
        fresh = None if ask is None else partial(_fresh_address, ask, self, medium.mark)
        return Source(
            medium.url,
            self.id,
            link.operation,
            token,
            self.expires_at,
            fresh,
            self,
            mark=medium.mark,
        )


R = TypeVar("R", bound=Result)


def _unpickled(cls: type[R], fields: dict[str, Any], known: dict[str, Any] | None) -> R:
    """Return a result as it was pickled in another process."""
    result = cls(**fields)
    return result if known is None else result.attach(Link(None, **known))


def _media_of(result: MediaSnapshot) -> tuple[Medium, ...]:
    """Return the media of a completed job, the primary one first."""
    if result.status is not Status.COMPLETED:
        return ()
    more = [(name, getattr(result, name)) for name in result.more_media]
    return media_of(result.media_url, more)


async def _fresh_address(
    ask: Callable[[Result], Awaitable[Result | None]], result: Result, mark: str
) -> str:
    """Ask for one of a result's addresses once more; return an empty text if nobody tells."""
    fresh = await ask(result)
    media = () if fresh is None else _media_of(fresh)
    return next((each.url for each in media if each.mark == mark), "")


def from_milliseconds(value: int) -> datetime | None:
    """Read a vendor's time in milliseconds (T14), or in seconds where the number is too small.

    Returns `None` for 0, and for numbers that are no time.
    """
    unit = 1 if value < _MILLISECONDS else 1000
    return datetime.fromtimestamp(value / unit, UTC) if 0 < value < _END_OF_TIME * unit else None
