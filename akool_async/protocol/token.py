"""Job tokens: a token lets any process watch a job, and holds no secret.

A token is `akj1.` and the URL-safe base64 text of a checksum and
[operation, id, job_id, creation time]. The `1` is the version; readers refuse versions
that they do not know. The checksum finds tokens that lost or changed a character; it
does not prove their author.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from datetime import UTC, datetime

import msgspec

from akool_async.errors import InvalidToken
from akool_async.protocol.value import Value

_PREFIX = "akj1."
_LONGEST = 1024
_NAME = re.compile(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){1,2}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""The characters of an id: none of them can change the meaning of a URL."""


_BARE_ID = (
    "this is no job token of akool_async; an id from Akool's website goes with its operation:"
    ' akool.job(id, operation="reage.image")'
)


class JobReference(Value, array_like=True, forbid_unknown_fields=True):
    """The contents of a token."""

    name: str
    id: str
    job_id: str | None
    created: int
    """When Akool accepted the job, in seconds since 1970, UTC; 0 where nobody knows."""

    @property
    def created_at(self) -> datetime | None:
        """When Akool accepted the job; `None` where nobody knows."""
        return datetime.fromtimestamp(self.created, UTC) if self.created else None


def reference_to(name: str, id: str, job_id: str | None, created: float) -> JobReference:
    """Return the contents of a job's token; `created` is in seconds since 1970, 0 if unknown."""
    # Reading is strict, so a malformed job_id is left out: the id alone finds the result.
    known = job_id if job_id and is_id(job_id) else None
    return JobReference(name=name, id=id, job_id=known, created=max(0, int(created)))


def id_in(text: object) -> str | None:
    """Return a text as an id, without spaces around it; `None` if it can be none."""
    found = text.strip() if isinstance(text, str) else ""
    return found if is_id(found) else None


def is_id(text: str) -> bool:
    """Say whether a text can be an id."""
    return _ID.fullmatch(text) is not None


def write(reference: JobReference) -> str:
    """Return the token of a job."""
    packed = msgspec.msgpack.encode(reference)
    return _PREFIX + base64.urlsafe_b64encode(_checksum(packed) + packed).rstrip(b"=").decode()


def read(token: str) -> JobReference:
    """Return the contents of a token.

    Raises:
        InvalidToken: the text is no token of this package, or it was altered.
    """
    reference = _unpacked(token)
    if reference is None and id_in(token):
        raise InvalidToken(_BARE_ID)
    # Writing it again checks the checksum. It also refuses the other base64 spellings of the
    # same bytes, so that one job has one token.
    if reference is None or not _sound(reference) or write(reference) != token:
        raise InvalidToken("this is no job token of akool_async")
    return reference


def _unpacked(token: object) -> JobReference | None:
    if not isinstance(token, str) or not token.startswith(_PREFIX) or len(token) > _LONGEST:
        return None
    text = token.removeprefix(_PREFIX)
    try:
        blob = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
        return msgspec.msgpack.decode(blob[4:], type=JobReference)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return None


def _checksum(packed: bytes) -> bytes:
    return zlib.crc32(packed).to_bytes(4, "big")


def _sound(reference: JobReference) -> bool:
    return (
        _NAME.fullmatch(reference.name) is not None
        and is_id(reference.id)
        and (reference.job_id is None or is_id(reference.job_id))
        and 0 <= reference.created < 2**33
    )
