"""Verifies the body of a webhook, and makes one.

How this works
--------------
A body is JSON: `signature`, `dataEncrypt`, `timestamp`, `nonce`. The signature is the SHA-1 of
client id, timestamp, nonce and ciphertext, sorted and joined. It holds no secret, so it only keeps
away what is not meant for this account. The ciphertext is AES in CBC mode. Its padding is the
weak spot: who can tell "wrong padding" from "no JSON" can decrypt, and forge, byte by byte. So
both take the same way here, take the same time, and end in the same error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets
import time
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import field

from akool_async.errors import DecryptionFailed, InvalidInput, InvalidSignature, StaleEvent
from akool_async.webhook.credentials import BLOCK, OneOrMore, WebhookCredentials, each_of
from akool_async.webhook.event import Event, event_of

LARGEST: Final = 64 * 1024
"""Bytes of the largest body that is read. Akool's have about 400."""


_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""What JavaScript can write as an integer."""


_NUMBERS: Final = (int, float)


class SignedBody(msgspec.Struct, frozen=True, gc=False):
    """The four parts of a body."""

    signature: str
    ciphertext: str = field(name="dataEncrypt")
    timestamp: _Number | str
    """Milliseconds since 1970; a number, and sometimes a text (W1)."""
    nonce: _Number | str
    """A text, and sometimes a number (W1)."""

    def is_by(self, credentials: WebhookCredentials) -> bool:
        """Say whether the signature matches. The comparison takes the same time for all texts."""
        right = _signature(
            credentials.client_id, str(self.timestamp), str(self.nonce), self.ciphertext
        )
        return hmac.compare_digest(right, self.signature)

    @property
    def seconds(self) -> float:
        """When the event was sent, in seconds since 1970; NaN if `timestamp` is no number."""
        try:
            return int(self.timestamp) / 1000
        except (ValueError, OverflowError):
            return math.nan

    @property
    def digest(self) -> bytes:
        """What tells one event from others: a repeated one has the same ciphertext."""
        return hashlib.sha256(self.ciphertext.encode()).digest()


_DECODER: Final = msgspec.json.Decoder(SignedBody)


def verify(body: bytes | str, credentials: OneOrMore, *, tolerance: float | None = 300.0) -> Event:
    """Verify the body of a webhook, and return its event.

    The event is a hint, not a proof: anyone who knows the client id can sign, and a signed body
    can be sent again. So poll the job, as `akool.webhooks.feed` does.

    Args:
        body: The body of the request, as it arrived.
        credentials: The account's; several while its secret is replaced.
        tolerance: Seconds by which the event's time may differ from now, either way; `None` for
            no check.

    Raises:
        InvalidSignature: The body is too large or no webhook, or its signature does not match.
        StaleEvent: The event's time is too far from now.
        DecryptionFailed: The payload does not decrypt to an event.
        InvalidInput: The tolerance is negative or not a number, or there are no credentials.
    """
    return opened(body, credentials, tolerance=tolerance)[0]


def opened(
    body: bytes | str, credentials: OneOrMore, *, tolerance: float | None
) -> tuple[Event, bytes]:
    """Do what `verify` does; return the event, and what tells it from others.

    The second value is the SHA-256 of the ciphertext: a repeated event has the same.
    """
    if not _is_tolerance(tolerance):
        raise InvalidInput("tolerance", tolerance, "must be 0 seconds or more")
    signed = parsed(body)
    fitting = [each for each in each_of(credentials) if signed.is_by(each)]
    if not fitting:
        raise InvalidSignature("the signature does not match the body and the client id")
    if tolerance is not None and not abs(signed.seconds - time.time()) <= tolerance:
        raise StaleEvent(f"the event's time differs from now by more than {tolerance:g} seconds")
    for each in fitting:
        event = _event_in(signed.ciphertext, each)
        if event is not None:
            return event, signed.digest
    raise DecryptionFailed("the payload does not decrypt to an event")


def sign(
    event: Event,
    credentials: WebhookCredentials,
    *,
    timestamp: int | None = None,
    nonce: str | None = None,
) -> bytes:
    """Return the body with which Akool would send an event, for tests and the simulator.

    Args:
        event: What the webhook says.
        credentials: The account's.
        timestamp: Milliseconds since 1970; now if not given.
        nonce: Any text; a random number of four digits if not given.
    """
    text = msgspec.json.encode(event.to_wire())
    missing = BLOCK - len(text) % BLOCK
    encryptor = credentials.cipher.encryptor()
    encrypted = encryptor.update(text + bytes([missing]) * missing) + encryptor.finalize()
    ciphertext = base64.b64encode(encrypted).decode()
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    nonce = str(secrets.randbelow(9000) + 1000) if nonce is None else nonce
    signature = _signature(credentials.client_id, str(timestamp), nonce, ciphertext)
    parts = {
        "signature": signature,
        "dataEncrypt": ciphertext,
        "timestamp": timestamp,
        "nonce": nonce,
    }
    return msgspec.json.encode(parts)


def parsed(body: bytes | str) -> SignedBody:
    """Return the four parts of a body.

    Raises:
        InvalidSignature: The body is too large, or no webhook.
    """
    if len(body) > LARGEST:
        raise InvalidSignature(f"the body is larger than {LARGEST} bytes")
    try:
        signed = _DECODER.decode(body)
        if signed.signature.isascii():  # what may be compared in constant time
            return signed
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    raise InvalidSignature("the body is no webhook of Akool")


def _is_tolerance(value: object) -> bool:
    return value is None or (isinstance(value, _NUMBERS) and value >= 0)


def _signature(*parts: str) -> str:
    # JavaScript sorts texts by UTF-16 code units. For ASCII that is Python's own order.
    joined = "".join(sorted(parts))
    if not joined.isascii():
        joined = "".join(sorted(parts, key=_code_units))
    # Not a choice of ours, and no secret hangs on it: Akool signs by SHA-1.
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def _code_units(text: str) -> bytes:
    return text.encode("utf-16-be")


def blocks_of(ciphertext: str) -> bytes | None:
    """Return the whole blocks of a ciphertext; `None` if it has none."""
    try:
        encrypted = base64.b64decode(ciphertext, validate=True)
    except (binascii.Error, ValueError):
        return None
    return encrypted if encrypted and len(encrypted) % BLOCK == 0 else None


def decrypted(encrypted: bytes, credentials: WebhookCredentials) -> bytes:
    """Decrypt whole blocks. A wrong client id spoils the first one only."""
    decryptor = credentials.cipher.decryptor()
    return decryptor.update(encrypted) + decryptor.finalize()


def _event_in(ciphertext: str, credentials: WebhookCredentials) -> Event | None:
    """Return the event of a ciphertext; `None` if there is none, whatever the reason."""
    encrypted = blocks_of(ciphertext)
    if encrypted is None:
        return None
    if base64.b64encode(encrypted) != ciphertext.encode():  # one of several spellings of the bytes
        return None
    text = decrypted(encrypted, credentials)
    # With wrong padding, of whatever kind, the same steps are taken as with no JSON: the text is
    # compared, and read all the same. The time must not tell the two apart.
    count = text[-1] if 1 <= text[-1] <= BLOCK else BLOCK
    padded = hmac.compare_digest(text[-count:], bytes([count]) * count)
    event = event_of(text[: -count if padded else -1])
    return event if padded else None
