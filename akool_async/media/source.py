"""The media that a download fetches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from akool_async.errors import DownloadError, ResultExpired


class Source(NamedTuple):
    """One file at a URL, and the job that it is the result of."""

    url: str
    name: str
    """The name of the file in a folder, without an extension."""
    operation: str = ""
    token: str | None = None
    expires_at: datetime | None = None
    """When Akool stops keeping the file, if that is known."""
    fresh: Callable[[], Awaitable[str]] | None = None
    """Asks for the file's address once more; returns an empty text if nobody tells."""
    snapshot: object = None
    """The result that names the file."""
    mark: str = ""
    """What follows the name, before the extension, if it is a further file of its result."""

    def expired(self, now: datetime) -> bool:
        """Return whether Akool may have deleted the file by now."""
        return self.expires_at is not None and now >= self.expires_at

    def failed(
        self, reason: str, requests: int, *, final: bool, stale: bool = False
    ) -> DownloadError:
        """Return the error that says that the file could not be fetched.

        Args:
            reason: Why.
            requests: How many were sent.
            final: Whether trying again cannot help.
            stale: Whether the server refused the address, as it does once that has expired.
        """
        tried = f", in {requests} requests" if requests > 1 else ""
        # A signed link carries its permission in the query, which an error need not show.
        shown = self.url.partition("?")[0].partition("#")[0]
        # A client looks for a fresh address itself. A result that came in a pickle has none.
        ask = stale and self.fresh is None and self.token
        hint = f"; for a fresh address: await akool.job({self.token!r})" if ask else ""
        error = DownloadError(f"{shown} could not be fetched whole{tried}: {reason}{hint}")
        error.token = self.token
        error.final = final
        return error

    def gone(self, reason: str) -> ResultExpired:
        """Return the error that says that Akool does not keep the file any more."""
        message = f"its media was kept until {self.expires_at:%Y-%m-%d %H:%M} UTC, and is gone"
        return ResultExpired(
            f"{message} [{reason}]",
            name=self.operation,
            token=self.token,
            snapshot=self.snapshot,
        )
