"""What the server has said about a file: enough to ask for its rest, and to recognise it.

A download that broke off may only go on if the file is still the same. The server has to say
so twice. The request carries `If-Range` with a validator (RFC 9110, 13.1.5): a changed file is
then sent whole, with status 200. And the reply, with status 206, must describe the same file
that the first reply described. A reply that does not is not joined to the bytes on disk; the
download starts over.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from akool_async.media.headers import (
    Headers,
    Span,
    coding_of,
    etag_of,
    length_of,
    span_of,
    validator_of,
)


class RemoteFile(NamedTuple):
    """A file on the server, as its replies describe it."""

    validator: str | None
    """Identifies this version of the file in `If-Range`; without one, no request can resume."""
    etag: str | None
    modified: str | None
    total: int | None
    """Bytes of the whole file, if the server said so."""

    @classmethod
    def described_by(cls, headers: Headers, *, resumable: bool) -> Self:
        """Read the headers of a reply that brings the whole file."""
        validator = validator_of(headers) if resumable else None
        return cls(validator, etag_of(headers), headers.get("Last-Modified"), length_of(headers))

    def range_from(self, received: int) -> dict[str, str]:
        """Return the headers that ask for the bytes that follow those received."""
        if self.validator is None or not received:
            return {}
        return {"Range": f"bytes={received}-", "If-Range": self.validator}

    def continued_by(self, headers: Headers, received: int) -> Span | None:
        """Return the range that a partial reply brings, if it continues this version of the file.

        Args:
            headers: The reply's.
            received: Bytes received so far: the range has to begin there.
        """
        span = span_of(headers)
        if span is None or span.first != received:
            return None
        same_length = not (self.total and span.total) or self.total == span.total
        same_date = headers.get("Last-Modified") in {None, self.modified}
        same_version = self.etag == etag_of(headers) and same_date
        as_is = not coding_of(headers)
        return span if same_length and same_version and as_is else None
