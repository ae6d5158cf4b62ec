"""Why a webhook is refused, in words: what a newcomer has to change."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import WebhookError
from akool_async.protocol.snapshot import Status
from akool_async.webhook import LARGEST, Event, WebhookCredentials, sign, verify
from akool_async.webhook.diagnosis import Reason, diagnose

SECRET = "canary-secret-0123456789-abcdefg"
OTHER_SECRET = "other-secret-0123456789!"
MINE = WebhookCredentials(client_id="mine-id-AAAAAAAAAAAA==", client_secret=SECRET)
# Its ciphertext holds both `+` and `/`, which proxies change.
EVENT = Event(id="65f8180c24d9989e93dde3b6", status=Status.COMPLETED, type="audio", url="https://x")
NOW = time.time()


def body(credentials: WebhookCredentials = MINE, **given: Any) -> bytes:
    return sign(EVENT, credentials, **given)


def other(client_id: str = str(MINE.client_id), secret: str = SECRET) -> WebhookCredentials:
    return WebhookCredentials(client_id=client_id, client_secret=secret)


def reason(text: bytes, credentials: WebhookCredentials = MINE) -> Reason | None:
    found = diagnose(text, credentials)
    return None if found is None else found.reason


def sentence(text: bytes, credentials: WebhookCredentials = MINE, **given: Any) -> str:
    found = diagnose(text, credentials, **given)
    assert found is not None
    assert SECRET not in found.sentence
    assert str(credentials.client_id) not in found.sentence
    return found.sentence


def test_a_webhook_that_is_verified_has_no_diagnosis() -> None:
    assert diagnose(body(), MINE) is None


def test_another_client_id_is_named_by_its_beginning() -> None:
    said = sentence(body(other("your-id-BBBBBBBBBBBB==")))
    assert said.startswith("Wrong client id: the client secret fits")
    assert "begins with 'your', yours does with 'mine'" in said
    assert "Set AKOOL_CLIENT_ID" in said


@pytest.mark.parametrize("client_id", ["short", "mine-id-BBBBBBBBBBBBBB==", "ä" * 12])
def test_another_client_id_is_told_from_a_changed_body(client_id: str) -> None:
    assert "AKOOL_CLIENT_ID" in sentence(body(other(client_id)))


@pytest.mark.parametrize("secret", [OTHER_SECRET, "0123456789abcdef", "f" * 32])
def test_another_secret_of_any_length_is_told_from_another_client_id(secret: str) -> None:
    text = body(other(secret=secret))
    assert reason(text) is Reason.WRONG_SECRET
    assert "has 32 characters" in sentence(text)
    assert "AKOOL_CLIENT_SECRET" in sentence(text)


def test_a_webhook_of_another_account_is_told_as_such() -> None:
    assert reason(body(other("your-id-BBBBBBBBBBBB==", OTHER_SECRET))) is Reason.OTHER_ACCOUNT


def test_a_client_id_and_a_secret_in_each_others_place_are_told() -> None:
    right = other("0123456789abcdef01234567", "abcdefghijklmnop")
    swapped = other("abcdefghijklmnop", "0123456789abcdef01234567")
    assert "swap" in sentence(body(right), swapped)


def test_quotes_around_the_client_id_are_told() -> None:
    assert "quotes" in sentence(body(), other(f'"{MINE.client_id}"'))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-540, "Stale: it was signed 9 min ago; 5 min are allowed"), (480, "future, by 7 min")],
)
def test_a_time_that_is_far_from_now_is_told_with_the_clock_to_check(
    seconds: int, said: str
) -> None:
    found = sentence(body(timestamp=int((NOW + seconds) * 1000)), now=NOW + 1)
    assert said in found
    assert "clock" in found


def test_a_time_in_seconds_is_told() -> None:
    assert "counts seconds" in sentence(body(timestamp=int(time.time())))


def test_a_time_that_is_no_number_is_told() -> None:
    assert "no number" in sentence(signed(ciphertext_of(body()), timestamp="now"))


def test_a_time_of_days_ago_is_told_in_days() -> None:
    assert "signed 3 d ago" in sentence(body(timestamp=int((NOW - 270_000) * 1000)), now=NOW)


def test_the_allowed_time_is_told_in_seconds_where_it_is_short() -> None:
    said = sentence(body(timestamp=int((NOW - 42) * 1000)), now=NOW, tolerance=30.0)
    assert "signed 42 s ago; 30 s are allowed" in said


def test_a_client_id_of_quotes_alone_is_told_as_a_wrong_one() -> None:
    assert reason(body(), other('""')) is Reason.WRONG_CLIENT_ID


def test_a_character_that_the_first_block_cuts_in_two_hides_no_cause() -> None:
    event = Event(id="1234567\u00e4", status=Status.COMPLETED, type="audio")
    cut = msgspec.json.encode(event.to_wire())[15:17]
    assert cut == "\u00e4".encode()
    assert "Wrong client id" in sentence(sign(event, other("your-id-BBBBBBBBBBBB==")))


def test_without_a_check_of_the_time_an_old_webhook_has_no_diagnosis() -> None:
    assert diagnose(body(timestamp=1), MINE, tolerance=None) is None


def parts_of(text: bytes) -> dict[str, Any]:
    parts: dict[str, Any] = msgspec.json.decode(text)
    return parts


def ciphertext_of(text: bytes) -> str:
    return str(parts_of(text)["dataEncrypt"])


def signed(ciphertext: str, timestamp: object = None) -> bytes:
    """Return a signed body with any text as its ciphertext."""
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    joined = "".join(sorted((str(MINE.client_id), str(timestamp), "1529", ciphertext)))
    signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
    return msgspec.json.encode(
        {
            "signature": signature,
            "dataEncrypt": ciphertext,
            "timestamp": timestamp,
            "nonce": "1529",
        }
    )


def changing(name: str, change: Callable[[str], Any]) -> Callable[[bytes], bytes]:
    """Return what changes one part of a body."""

    def changed(text: bytes) -> bytes:
        parts = parts_of(text)
        return msgspec.json.encode({**parts, name: change(str(parts[name]))})

    return changed


def as_form(text: bytes) -> bytes:
    return urlencode(parts_of(text)).encode()


def as_careless_form(text: bytes) -> bytes:
    return "&".join(f"{name}={value}" for name, value in parts_of(text).items()).encode()


PROXIES: dict[str, Callable[[bytes], bytes]] = {
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "compressed": gzip.compress,
    "as a form": as_form,
    "form": as_careless_form,
    "text within JSON": lambda text: msgspec.json.encode(text.decode()),
    "wrapped": lambda text: msgspec.json.encode({"id": 1, "body": text.decode()}),
    "gateways": lambda text: msgspec.json.encode({"body": base64.b64encode(text).decode()}),
    "base64": base64.b64encode,
    "renamed": lambda text: text.replace(b"dataEncrypt", b"data_encrypt"),
    "fraction": changing("timestamp", float),
    "became a blank": changing("dataEncrypt", lambda text: text.replace("+", " ")),
    "with `%`": changing("dataEncrypt", lambda text: quote(text, safe="")),
    "with `&`": changing("dataEncrypt", lambda text: text.replace("+", "&#43;")),
    "into lines": changing("dataEncrypt", lambda text: text[:76] + "\r\n" + text[76:]),
    "URL-safe": changing("dataEncrypt", lambda text: text.replace("+", "-").replace("/", "_")),
    "off the end": changing("dataEncrypt", lambda text: text.rstrip("=")),
    "capitals": changing("signature", str.upper),
    "around the signature": changing("signature", lambda text: text + "\n"),
    "around the nonce": changing("nonce", lambda text: f" {text} "),
    "around the timestamp": changing("timestamp", lambda text: f" {text} "),
}


@pytest.mark.parametrize("what", PROXIES)
def test_what_a_proxy_did_to_the_body_is_named(what: str) -> None:
    text = b""
    number = 0
    while b"+" not in text or b"/" not in text or b"=" not in text:
        number += 1
        text = sign(Event(id=f"65f8{number}", status=Status.COMPLETED, type="audio"), MINE)
    changed = PROXIES[what](text)
    with pytest.raises(WebhookError):
        verify(changed, MINE)
    said = sentence(changed)
    assert "proxy" in said
    assert what in said


def test_what_a_proxy_did_is_named_even_where_the_client_id_is_wrong_too() -> None:
    said = sentence(gzip.compress(body(other("your-id-BBBBBBBBBBBB=="))))
    assert "it compressed it; the signature does not fit either" in said
    assert "unchanged" in said


def test_a_part_that_is_neither_text_nor_number_is_told() -> None:
    text = msgspec.json.encode({**parts_of(body()), "nonce": [1]})
    assert "neither a text nor a whole number" in sentence(text)


def test_a_nonce_that_lost_its_zeros_is_told() -> None:
    text = body(nonce="0042")
    assert "zeros" in sentence(changing("nonce", int)(text))


def test_a_changed_timestamp_is_told_as_a_change() -> None:
    assert reason(changing("timestamp", lambda text: str(int(text) + 1))(body())) is Reason.CHANGED


def test_a_cut_ciphertext_is_told() -> None:
    assert "cut short" in sentence(changing("dataEncrypt", lambda text: text[:50])(body()))


@pytest.mark.parametrize(
    ("text", "reason_", "said"),
    [
        (b"", Reason.EMPTY, "empty"),
        (b"x" * (LARGEST + 1), Reason.TOO_LARGE, "65537 bytes"),
        (b"<html>", Reason.NO_WEBHOOK, "HTML"),
        (b'{"signature": "ab', Reason.NO_WEBHOOK, "cut short"),
        (b"hello", Reason.NO_WEBHOOK, "no JSON"),
        (b"{}", Reason.NO_WEBHOOK, "ignore it: anyone can post here"),
        (b"[1]", Reason.NO_WEBHOOK, "no object"),
        (b'{"_id": "1", "status": 3}', Reason.NO_WEBHOOK, "neither signed nor encrypted"),
        (b'{"signature": "ab"}', Reason.NO_WEBHOOK, "no dataEncrypt, timestamp, nonce"),
        (b"\xff\xfe\x00", Reason.NO_WEBHOOK, "no JSON"),
        (b"[" * 100_00, Reason.NO_WEBHOOK, "no JSON"),
    ],
)
def test_what_is_no_webhook_is_told_as_what_it_is(text: bytes, reason_: Reason, said: str) -> None:
    assert reason(text) is reason_
    assert said in sentence(text)


def encrypted(text: bytes) -> str:
    count = 16 - len(text) % 16
    encryptor = MINE.cipher.encryptor()
    padded = text + bytes([count]) * count
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def test_a_payload_that_decrypts_to_no_event_is_told() -> None:
    text = signed(encrypted(b'{"_id":"65f8180c24d9989e93dde3b6","status":"ready"}'))
    assert "to no event" in sentence(text)


def test_a_payload_of_no_whole_blocks_is_told() -> None:
    assert "whole blocks" in sentence(signed("QUJD"))


@given(
    st.integers(0, 500),
    st.binary(max_size=3),
    st.sampled_from([MINE, other("x"), other(secret="a" * 16)]),
)
def test_a_diagnosis_is_given_exactly_where_a_body_is_refused(
    place: int, dirt: bytes, credentials: WebhookCredentials
) -> None:
    text = body(nonce="1529")
    text = text[:place] + dirt + text[place + len(dirt) :]
    try:
        verify(text, credentials)
    except WebhookError:
        assert diagnose(text, credentials) is not None
    else:
        assert diagnose(text, credentials) is None
