"""The webhook address of one create: it says which row the event is about.

An address is the user's own, with a token as its last segment. The token holds 32 bytes:

    8   the owner: which journal or client has the row
    6   the number of the row
    2   the attempt: which of the row's creates it is
    16  a code that only the holder of the client secret can make

The token is derived, not stored: a pending job costs no byte more, and every process that has
the credentials can check it. It is the real proof of an event's author, because Akool's own
signature holds no secret. So a receiver checks it first.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, NamedTuple

from akool_async.errors import InvalidInput
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.secret import Hidden
from akool_async.webhook.credentials import OneOrMore, each_of

OWNER: Final = 8
"""Bytes of an owner."""

_ROW, _ATTEMPT, _CODE = 6, 2, 16
_NAMED: Final = OWNER + _ROW + _ATTEMPT
_LENGTH: Final = 43
"""Characters of a token: 32 bytes in URL-safe base64, without padding."""
_LABEL: Final = b"akool_async: webhook address, version 1"


class Owned(NamedTuple):
    """What a token says."""

    owner: bytes
    """The journal or client that the row belongs to, in 8 bytes."""
    attempt: Attempt
    """The create that an event is about."""


class Addresses:
    """Makes the address of each create of one owner, and reads tokens of all owners.

    Args:
        url: The address that the receiver has on the public internet.
        credentials: Sign the tokens; the first of several makes new ones.
        owner: Names the journal or client, in 8 bytes.
    """

    def __init__(self, url: str, credentials: OneOrMore, owner: bytes) -> None:
        if len(owner) != OWNER:
            raise InvalidInput("owner", owner, f"must have {OWNER} bytes")
        self._start = url.rstrip("/") + "/"
        # A key of its own, so that a token says nothing about the secret's other uses.
        self._keys = [
            Hidden(hmac.digest(each.client_secret.encode(), _LABEL, "sha256"))
            for each in each_of(credentials)
        ]
        self.owner = owner
        self._last: tuple[str, Owned] | None = None
        """The last token that was read: a receiver reads it, and then the client."""

    def url(self, create: Attempt) -> str:
        """Return the address of a create."""
        return self._start + self.token(create)

    def token(self, create: Attempt) -> str:
        """Return the last segment of a create's address."""
        # The attempt wraps round after 65 536 creates of one row.
        row = create.row.to_bytes(_ROW, "big")
        attempt = (create.attempt & 0xFFFF).to_bytes(_ATTEMPT, "big")
        packed = self.owner + row + attempt
        return _text(packed + _code(self._keys[0], packed))

    def read(self, token: str) -> Owned | None:
        """Return what a token says; `None` if nobody with the secret has made it.

        The comparison takes the same time for all tokens of the right length.
        """
        if self._last is not None and self._last[0] is token:  # the object: `==` tells by time
            return self._last[1]
        owned = self._read(token)
        if owned is not None:
            self._last = token, owned
        return owned

    def _read(self, token: str) -> Owned | None:
        if len(token) != _LENGTH or not token.isascii():
            return None
        try:
            blob = base64.b64decode(token + "=", altchars="-_", validate=True)
        except binascii.Error:
            return None
        if _text(blob) != token:  # one of several spellings of the same bytes
            return None
        packed, code = blob[:_NAMED], blob[_NAMED:]
        if not any(hmac.compare_digest(code, _code(key, packed)) for key in self._keys):
            return None
        row = int.from_bytes(packed[OWNER : OWNER + _ROW], "big")
        attempt = int.from_bytes(packed[OWNER + _ROW :], "big")
        return Owned(packed[:OWNER], Attempt(row, attempt))


def _code(key: bytes, packed: bytes) -> bytes:
    return hmac.digest(key, packed, "sha256")[:_CODE]


def _text(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).rstrip(b"=").decode()
