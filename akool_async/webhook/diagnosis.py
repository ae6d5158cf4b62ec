"""Says in words why the body of a webhook is refused. Pure; for a person at a terminal.

How this works
--------------
`verify` says as little as possible, because whoever sends a body must not learn which check it
failed. Here the reader holds the secret, so everything that can be found out is found out:

- What a proxy may have done to the body is undone, one thing at a time. If the signature fits
  then, that is the cause.
- Only the first block of the ciphertext depends on the client id. So the other blocks say whether
  the secret is right, and then the first one says how the sender's client id begins.

Never send a diagnosis to the sender: who can ask often enough can decrypt and forge by it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from akool_async.errors import InvalidInput, WebhookError
from akool_async.protocol.value import Value
from akool_async.webhook.credentials import BLOCK, WebhookCredentials
from akool_async.webhook.signed import (
    LARGEST,
    SignedBody,
    blocks_of,
    decrypted,
    parsed,
    verify,
)
from akool_async.webhook.undoing import NAMES, undone_body, undone_parts

_SHOWN: Final = 4
"""Characters of a client id that are shown."""
_OPENING: Final = b'{"_id":"'
"""How the text of every event of Akool begins."""
BLANKS: Final = " \t\r\n'\""
"""What a shell or a file of settings may leave around a value."""
_NONE: Final = (
    "this is no webhook of Akool, so ignore it: anyone can post here. To try it out, `akool"
    " webhooks send` makes one."
)


class Reason(StrEnum):
    """Why a body is refused; for programs that read `--json`."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    CHANGED = "changed"
    NO_WEBHOOK = "no_webhook"
    WRONG_CLIENT_ID = "wrong_client_id"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - no secret
    OTHER_ACCOUNT = "other_account"
    STALE = "stale"
    NO_EVENT = "no_event"


class Diagnosis(Value):
    """Why a body is refused, and what to change."""

    reason: Reason
    sentence: str
    """For people. It holds no secret, and of a client id only the beginning."""


def diagnose(
    body: bytes,
    credentials: WebhookCredentials,
    *,
    tolerance: float | None = 300.0,
    now: float | None = None,
) -> Diagnosis | None:
    """Say why `verify` refuses a body; `None` if it does not.

    Args:
        body: The body of the request, as it arrived.
        credentials: The account's.
        tolerance: Seconds by which the event's time may differ from now; `None` for no check.
        now: When the body arrived, in seconds since 1970; now if not given.
    """
    try:
        signed = parsed(body)
    except WebhookError:
        return _unreadable(body, credentials)
    if not signed.is_by(credentials):
        return _unsigned(signed, credentials)
    age = (time.time() if now is None else now) - signed.seconds
    if tolerance is not None and not abs(age) <= tolerance:
        return _stale(signed, age, tolerance)
    try:
        verify(body, credentials, tolerance=None)
    except WebhookError:
        return _undecrypted(signed, credentials)
    return None


def span(seconds: float) -> str:
    """Return a duration in words, in the largest unit that it has at least one of.

    >>> span(59), span(240), span(7200), span(90_000)
    ('59 s', '4 min', '2 h', '1 d')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _empty() -> Diagnosis:
    return Diagnosis(
        reason=Reason.EMPTY,
        sentence=(
            "The body is empty. Where a proxy redirects, for example from http to https, the body"
            " is lost: give Akool the address at which the redirect ends."
        ),
    )


def _changed(what: str) -> Diagnosis:
    return Diagnosis(
        reason=Reason.CHANGED,
        sentence=f"A proxy on the way changed the body: {what}. Let it pass the body on unchanged.",
    )


def _unreadable(body: bytes, credentials: WebhookCredentials) -> Diagnosis:
    """Say what is wrong with a body that is not JSON with the four parts."""
    if not body:
        return _empty()
    if len(body) > LARGEST:
        sentence = f"The body has {len(body)} bytes. Akool's webhooks have about 400: this is none."
        return Diagnosis(reason=Reason.TOO_LARGE, sentence=sentence)
    weaker: str | None = None
    for what, candidate in undone_body(body):
        try:
            signed = parsed(candidate)
        except WebhookError:
            continue
        if signed.is_by(credentials):
            return _changed(what)
        weaker = weaker or what
    if weaker is not None:
        return _changed(f"{weaker}; the signature does not fit either")
    return Diagnosis(reason=Reason.NO_WEBHOOK, sentence=_no_webhook(body))


def _no_webhook(body: bytes) -> str:
    """Say what a body is instead of a webhook."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _no_json(body.lstrip()[:1])
    if not isinstance(document, dict):
        return f"The body is JSON, but no object: {_NONE}"
    if {"_id", "status"} <= document.keys():
        return (
            "The body is an event that is neither signed nor encrypted, so anyone can have made"
            " it. `akool webhooks send` makes one that is both."
        )
    missing = [name for name in NAMES if name not in document]
    if missing:
        return f"The body has no {', '.join(missing)}: {_NONE}"
    return f"One of the body's four parts is neither a text nor a whole number: {_NONE}"


def _no_json(first: bytes) -> str:
    if first == b"<":
        return f"The body is HTML or XML, not JSON: {_NONE}"
    if first == b"{":
        return (
            "The body begins as JSON and is none: it was cut short or re-encoded. If it came by a"
            " proxy, let that pass the body on unchanged."
        )
    return f"The body is no JSON: {_NONE}"


def _unsigned(signed: SignedBody, credentials: WebhookCredentials) -> Diagnosis:
    """Say why a signature does not fit."""
    parts: Mapping[str, Any] = msgspec.to_builtins(signed)
    for what, candidate in undone_parts(parts):
        if _fits(candidate, credentials):
            return _changed(what)
    return (
        _slip(signed, credentials)
        or _by_ciphertext(signed, credentials)
        or Diagnosis(
            reason=Reason.OTHER_ACCOUNT,
            sentence=(
                "Neither the client id nor the client secret fits: the body was made for another"
                " account, or for none. Set AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET to those of"
                " the account that started the job. If they are, ignore it: anyone can post here."
            ),
        )
    )


def _fits(parts: Mapping[str, Any], credentials: WebhookCredentials) -> bool:
    return msgspec.convert(parts, SignedBody).is_by(credentials)


def _slip(signed: SignedBody, credentials: WebhookCredentials) -> Diagnosis | None:
    """Find a slip in how the client id was set."""
    plain = credentials.client_id.strip(BLANKS)
    slips = (
        (plain, "AKOOL_CLIENT_ID has blanks or quotes around it: remove them."),
        (
            str(credentials.client_secret),
            "AKOOL_CLIENT_SECRET holds the client id: swap the two variables' values.",
        ),
    )
    for client_id, sentence in slips:
        try:
            other = WebhookCredentials(client_id=client_id, client_secret=credentials.client_secret)
        except InvalidInput:
            continue
        if signed.is_by(other):
            return Diagnosis(reason=Reason.WRONG_CLIENT_ID, sentence=sentence)
    return None


def _by_ciphertext(signed: SignedBody, credentials: WebhookCredentials) -> Diagnosis | None:
    """Say what the ciphertext tells about the secret and the client id of the sender."""
    encrypted = blocks_of(signed.ciphertext)
    if encrypted is None:
        return _changed("`dataEncrypt` is cut short, or no base64 any more")
    text = decrypted(encrypted, credentials)
    if not _is_end_of_event(text):
        return None
    ours = credentials.client_id.encode()[:BLOCK].ljust(BLOCK, b"\0")
    # In CBC mode the client id is mixed into the first block only, by XOR.
    theirs = bytes(a ^ b ^ c for a, b, c in zip(text, ours, _OPENING, strict=False))
    if theirs == ours[: len(theirs)]:
        sentence = (
            "The client secret fits, and so does the beginning of the client id. Either"
            " AKOOL_CLIENT_ID is not the whole client id: copy it anew. Or a proxy on the way"
            " changed the signature, timestamp or nonce: let it pass the body on unchanged."
        )
        return Diagnosis(reason=Reason.CHANGED, sentence=sentence)
    sentence = (
        "Wrong client id: the client secret fits this event, and the client id does not."
        f"{_comparison(theirs, credentials)} Set AKOOL_CLIENT_ID to the client id of the account"
        " that the secret belongs to."
    )
    return Diagnosis(reason=Reason.WRONG_CLIENT_ID, sentence=sentence)


def _comparison(theirs: bytes, credentials: WebhookCredentials) -> str:
    """Show how two client ids begin, if the sender's is readable."""
    begins = theirs.rstrip(b"\0").decode("latin-1")
    ours = str(credentials.client_id)[:_SHOWN]
    if not (begins.isascii() and begins.isprintable() and begins) or begins[:_SHOWN] == ours:
        return ""
    return f" It was made for one that begins with {begins[:_SHOWN]!r}, yours does with {ours!r}."


def _stale(signed: SignedBody, age: float, tolerance: float) -> Diagnosis:
    allowed = span(tolerance)
    if age != age:  # NaN  # noqa: PLR0124
        sentence = (
            "Its timestamp is no number, so Akool did not make it. Let the program that did give"
            " milliseconds since 1970, as `akool webhooks send` does."
        )
    elif 1e8 < signed.seconds * 1000 < 1e10:  # noqa: PLR2004 - seconds from 1973 to 2286
        sentence = (
            "Its timestamp counts seconds, so Akool did not make it. Let the program that did give"
            " milliseconds since 1970, as `akool webhooks send` does."
        )
    elif age < 0:
        sentence = (
            f"From the future, by {span(-age)}; {allowed} are allowed. This machine's clock is"
            " slow: set it by time synchronization (NTP)."
        )
    else:
        sentence = (
            f"Stale: it was signed {span(age)} ago; {allowed} are allowed. If it was sent just now,"
            " this machine's clock is fast: set it by time synchronization (NTP). If it is a saved"
            " one, `akool webhooks replay --fresh` signs it anew."
        )
    return Diagnosis(reason=Reason.STALE, sentence=sentence)


def _undecrypted(signed: SignedBody, credentials: WebhookCredentials) -> Diagnosis:
    """Say why a body that is signed holds no event."""
    encrypted = blocks_of(signed.ciphertext)
    if encrypted is None:
        sentence = (
            "It is signed, but `dataEncrypt` is no base64 of whole blocks, so Akool did not make"
            " it. Ignore it, or mend the program that did: `akool webhooks send` shows how it is."
        )
        return Diagnosis(reason=Reason.NO_EVENT, sentence=sentence)
    if _is_end_of_event(decrypted(encrypted, credentials)):
        sentence = (
            "It decrypts, but to no event: `_id` or `status` is missing, or of another form. If"
            " Akool sent it, its webhooks have changed: update this package, or report it."
        )
        return Diagnosis(reason=Reason.NO_EVENT, sentence=sentence)
    length = len(credentials.client_secret.encode())
    sentence = (
        "Wrong client secret: the client id fits, but the secret does not decrypt the event. The"
        f" one set here has {length} characters. Copy the client"
        " secret of this client id into AKOOL_CLIENT_SECRET, whole. If it was renewed, the new one"
        " does not decrypt what was sent before."
    )
    return Diagnosis(reason=Reason.WRONG_SECRET, sentence=sentence)


def _is_end_of_event(text: bytes) -> bool:
    """Say whether a decrypted text ends like JSON, after its first block and before padding."""
    count = text[-1]
    if not 1 <= count <= BLOCK or text[-count:] != bytes([count]) * count:
        return False
    rest = text[BLOCK:-count]
    try:
        return rest.decode().endswith("}")
    except UnicodeDecodeError:
        # The first block may have cut a character in two.
        return rest.endswith(b"}") and rest[3:].decode(errors="replace").isprintable()
