"""`verify`: what it takes for an event, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import pickle
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from akool_async import InvalidInput, InvalidSignature, StaleEvent, WebhookError
from akool_async.endpoints.registry import NAMESPACES
from akool_async.errors import DecryptionFailed
from akool_async.protocol.snapshot import Status
from akool_async.webhook import LARGEST, Event, WebhookCredentials, sign, verify
from tests.webhook.vectors import PRINTED, VECTORS, body_of

SECRET = "canary-secret-0123456789-abcdefg"
MINE = WebhookCredentials(client_id="my-client-id-AAAAAAAAA==", client_secret=SECRET)
EVENT = Event(id="65f8180c24d9989e93dde3b6", status=Status.COMPLETED, type="audio", url="https://x")


def credentials_of(vector: Mapping[str, Any]) -> WebhookCredentials:
    return WebhookCredentials(client_id=vector["clientId"], client_secret=vector["clientSecret"])


def forged(text: bytes, *, timestamp: Any = None, pad: bool = True) -> bytes:
    """Return a signed body whose payload decrypts to a text that is no event."""
    if pad:
        count = 16 - len(text) % 16
        text += bytes([count]) * count
    vector = MINE.client_id.encode()[:16]
    encryptor = Cipher(algorithms.AES(SECRET.encode()), modes.CBC(vector)).encryptor()
    ciphertext = base64.b64encode(encryptor.update(text) + encryptor.finalize()).decode()
    return signed(ciphertext, timestamp=timestamp)


def signed(ciphertext: str, *, timestamp: Any = None, nonce: Any = "1529") -> bytes:
    """Return a body that is signed as Akool's page says, without any secret."""
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    parts = sorted(map(str, (MINE.client_id, timestamp, nonce, ciphertext)))
    signature = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    names = ("signature", "dataEncrypt", "timestamp", "nonce")
    return msgspec.json.encode(
        dict(zip(names, (signature, ciphertext, timestamp, nonce), strict=True))
    )


@pytest.mark.parametrize("vector", VECTORS)
def test_a_webhook_made_by_the_vendors_code_is_read(vector: Mapping[str, Any]) -> None:
    event = verify(body_of(vector), credentials_of(vector), tolerance=None)
    assert event == Event(
        id="65f8180c24d9989e93dde3b6",
        status=Status.COMPLETED,
        type="video translate",
        url="https://example.com/r.mp4",
    )
    assert event.operations == ("video.translate",)


@pytest.mark.parametrize("vector", VECTORS)
def test_signing_makes_the_vendors_bytes(vector: Mapping[str, Any]) -> None:
    event = verify(body_of(vector), credentials_of(vector), tolerance=None)
    body = sign(event, credentials_of(vector), timestamp=vector["timestamp"], nonce=vector["nonce"])
    assert body == body_of(vector)


def test_the_vector_that_the_page_prints_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        verify(body_of(PRINTED), credentials_of(PRINTED), tolerance=None)


def test_the_printed_payload_is_refused_even_when_somebody_signs_it() -> None:
    parts = sorted(
        map(str, (PRINTED["clientId"], PRINTED["timestamp"], "1529", PRINTED["dataEncrypt"]))
    )
    signature = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    with pytest.raises(DecryptionFailed):
        verify(body_of(PRINTED, signature=signature), credentials_of(PRINTED), tolerance=None)


def test_numbers_and_texts_sign_alike() -> None:
    vector = VECTORS[0]
    for changes in ({"nonce": 1529}, {"timestamp": "1710757981609"}, {"further": [1]}):
        verify(body_of(vector, **changes), credentials_of(vector), tolerance=None)


@pytest.mark.parametrize("part", ["signature", "dataEncrypt", "timestamp", "nonce"])
def test_a_changed_part_is_refused(part: str) -> None:
    vector = VECTORS[0]
    given = str(vector[part])
    changed = given[:-1] + ("1" if given[-1] != "1" else "2")
    with pytest.raises(InvalidSignature):
        verify(body_of(vector, **{part: changed}), credentials_of(vector), tolerance=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"signature=1",
        b"\x1f\x8b\x08",
        b"\xff\xfe{",
        b"[" * 5000,
        b'{"signature": "\xc3\xa9", "dataEncrypt": "", "timestamp": 1, "nonce": 1}',
        b'{"signature": "", "dataEncrypt": "", "timestamp": ' + b"9" * 5000 + b', "nonce": 1}',
        b'{"signature": "", "dataEncrypt": "", "timestamp": 1.5, "nonce": 1}',
        b'{"signature": "", "dataEncrypt": "", "timestamp": true, "nonce": 1}',
        b'{"signature": null, "dataEncrypt": "", "timestamp": 1, "nonce": 1}',
        b" " * (LARGEST + 1),
    ],
)
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(body, MINE)


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode()))
def test_no_junk_raises_anything_else(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(body, MINE)


@given(
    st.binary(max_size=100).map(lambda part: base64.b64encode(part).decode()) | st.text(max_size=50)
)
def test_no_signed_junk_raises_anything_else(ciphertext: str) -> None:
    with pytest.raises(DecryptionFailed):
        verify(signed(ciphertext), MINE)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"no json",
        b'{"_id": "1"}',
        b'{"_id": "", "status": 3}',
        b'{"_id": 1, "status": 3}',
        b'{"_id": "1", "status": 9}',
        b'{"_id": "1", "status": "3"}',
        b'{"_id": "1", "status": true}',
        b'{"_id": "1", "status": 3, "url": 1}',
        b'{"_id": "1", "status": 3, "type": null}',
        b'{"_id": "\xff", "status": 3}',
    ],
)
def test_a_payload_that_is_no_event_is_refused(text: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        verify(forged(text), MINE)


@pytest.mark.parametrize(
    "tail", [b"\0", b"\x11" * 17, b"\x02", b"\x01\x03\x03", b"\x0f" + b"\x10" * 15]
)
def test_wrong_padding_is_refused(tail: bytes) -> None:
    text = b'{"_id": "1", "status": 3, "type": ""}'
    text += b" " * (-(len(text) + len(tail)) % 16) + tail
    with pytest.raises(DecryptionFailed):
        verify(forged(text, pad=False), MINE)


def test_wrong_padding_and_no_json_are_one_failure() -> None:
    errors = []
    for body in (forged(b"\0" * 16, pad=False), forged(b"no json")):
        with pytest.raises(WebhookError) as caught:
            verify(body, MINE)
        errors.append((type(caught.value), str(caught.value), caught.value.__cause__))
    assert errors[0] == errors[1]


def test_base64_that_is_not_strict_is_refused() -> None:
    ciphertext = msgspec.json.decode(sign(EVENT, MINE))["dataEncrypt"]
    assert ciphertext.endswith("=")
    for other in (f" {ciphertext}", f"{ciphertext}\n", ciphertext.rstrip("="), f"{ciphertext}="):
        with pytest.raises(DecryptionFailed):
            verify(signed(other), MINE)


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    text = b'{"_id":"a","status":3,"type":"audio","url":"https://x"}'
    ciphertext = msgspec.json.decode(forged(text))["dataEncrypt"]
    assert verify(signed(ciphertext), MINE).id == "a"
    head, last = ciphertext.rstrip("=")[:-1], ciphertext.rstrip("=")[-1]
    spelt = f"{head}{chr(ord(last) + 1)}=="  # the last sign has bits that no byte uses
    assert base64.b64decode(spelt) == base64.b64decode(ciphertext)
    with pytest.raises(DecryptionFailed):
        verify(signed(spelt), MINE)


@pytest.mark.parametrize("late", [-299.0, 0.0, 299.0])
def test_an_event_within_the_tolerance_is_read(late: float) -> None:
    verify(sign(EVENT, MINE, timestamp=int((time.time() - late) * 1000)), MINE)


@pytest.mark.parametrize("late", [-1000.0, 1000.0])
def test_an_event_out_of_the_tolerance_is_stale(late: float) -> None:
    body = sign(EVENT, MINE, timestamp=int((time.time() - late) * 1000))
    with pytest.raises(StaleEvent):
        verify(body, MINE)
    assert verify(body, MINE, tolerance=None) == EVENT
    assert verify(body, MINE, tolerance=2000) == EVENT


def test_a_time_that_is_none_is_stale() -> None:
    for timestamp in ("soon", "9" * 5000, "9" * 4000, ""):
        with pytest.raises(StaleEvent):
            verify(signed("", timestamp=timestamp), MINE)


def test_a_secret_is_replaced_without_a_gap() -> None:
    other = WebhookCredentials(client_id=MINE.client_id, client_secret="0" * 24)
    stranger = WebhookCredentials(client_id="stranger", client_secret="1" * 16)
    for credentials in (MINE, other):
        assert verify(sign(EVENT, credentials), [stranger, other, MINE]) == EVENT
    with pytest.raises(InvalidSignature):
        verify(sign(EVENT, stranger), [other, MINE])
    with pytest.raises(InvalidInput):
        verify(sign(EVENT, MINE), [])


@pytest.mark.parametrize("tolerance", [-1, float("nan"), "300"])
def test_a_tolerance_that_is_none_is_refused(tolerance: Any) -> None:
    with pytest.raises(InvalidInput):
        verify(sign(EVENT, MINE), MINE, tolerance=tolerance)


@pytest.mark.parametrize("length", [0, 15, 17, 22, 33])
def test_a_secret_of_another_length_is_refused_at_once(length: int) -> None:
    with pytest.raises(InvalidInput, match=f"this one has {length}"):
        WebhookCredentials(client_id="id", client_secret="s" * length)


@pytest.mark.parametrize("id", ["", " ", None, 5, "a\nb"])
def test_an_id_that_is_none_is_refused(id: Any) -> None:
    with pytest.raises(InvalidInput):
        WebhookCredentials(client_id=id, client_secret="s" * 16)


def test_unknown_types_and_fields_are_kept() -> None:
    event = verify(forged(b'{"_id":"1","status":2,"type":"image2video","progress":7}'), MINE)
    assert (event.type, event.extras, event.operations) == ("image2video", {"progress": 7}, ())
    assert event.status is Status.PROCESSING
    assert event.url == ""


def test_the_order_of_the_parts_is_javascripts() -> None:
    # U+FFFD is one code unit above the surrogates that spell U+1F600; the code points differ.
    credentials = WebhookCredentials(client_id="\ufffd", client_secret="s" * 16)
    body = msgspec.json.decode(sign(EVENT, credentials, timestamp=5, nonce="\U0001f600"))
    joined = "5" + body["dataEncrypt"]
    if body["dataEncrypt"] < "5":
        joined = body["dataEncrypt"] + "5"
    joined += "\U0001f600\ufffd"
    right = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
    assert body["signature"] == right


def test_no_operation_of_an_event_is_misspelt() -> None:
    known = {f"{title}.{name}" for title, row in NAMESPACES.items() for name in vars(row.load())}
    types = ["faceswap", "image", "audio", "talking photo", "video translate"]
    types += ["background change", "avatar", "lipsync"]
    for each in types:
        operations = Event(id="1", status=Status.COMPLETED, type=each).operations
        assert operations
        assert set(operations) <= known


def test_credentials_show_no_secret() -> None:
    assert SECRET not in repr(MINE)
    assert SECRET not in repr(vars(type(MINE)))
    with pytest.raises(TypeError):
        pickle.dumps(MINE)
    try:
        WebhookCredentials(client_id="id", client_secret=SECRET + "x")
    except InvalidInput:
        text = "".join(traceback.TracebackException(*_error(), capture_locals=True).format())
    assert SECRET not in text.replace("SECRET", "")


def _error() -> Any:
    return sys.exc_info()
