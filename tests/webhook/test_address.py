"""The token in an armed job's address: whose it is, and what a stranger can make of it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import InvalidInput
from akool_async.protocol.attempt import Attempt
from akool_async.webhook import WebhookCredentials
from akool_async.webhook.address import Addresses, Owned

ID, SECRET = "my-client-id-AAAAAAAAA==", "canary-secret-0123456789-abcdefg"
MINE = WebhookCredentials(client_id=ID, client_secret=SECRET)
NEWER = WebhookCredentials(client_id=ID, client_secret="another-secret-0123456789-abcdef")
OWNER = b"journal1"
URL_SAFE = f"{string.ascii_letters}{string.digits}-_"


def addresses(credentials: object = MINE, owner: bytes = OWNER) -> Addresses:
    return Addresses("https://me.example/akool/", credentials, owner)  # type: ignore[arg-type]


@given(st.integers(0, 2**32), st.integers(0, 65_535))
def test_any_process_with_the_secret_reads_whose_job_it_is(row: int, attempt: int) -> None:
    place = Attempt(row, attempt)
    url = addresses().url(place)
    start, _, token = url.rpartition("/")
    assert start == "https://me.example/akool"
    assert addresses(owner=b"somebody").read(token) == Owned(OWNER, place)
    assert SECRET not in url


def test_a_token_of_another_secret_is_none() -> None:
    token = addresses(NEWER).token(Attempt(1, 1))
    assert addresses().read(token) is None


def test_while_a_secret_is_replaced_the_tokens_of_both_are_read() -> None:
    both = addresses([NEWER, MINE])
    for credentials in (MINE, NEWER):
        assert both.read(addresses(credentials).token(Attempt(3, 1))) == Owned(OWNER, Attempt(3, 1))
    assert addresses(NEWER).read(both.token(Attempt(3, 1))) is not None, "the first makes new ones"


@pytest.mark.parametrize("place", [*range(0, 43, 6), 42])
def test_a_token_with_one_other_sign_is_none(place: int) -> None:
    token = addresses().token(Attempt(7, 2))
    for sign in URL_SAFE.replace(token[place], ""):
        assert addresses().read(token[:place] + sign + token[place + 1 :]) is None


@pytest.mark.parametrize("change", ["", "A", "=", "ä", "!"])
def test_a_token_of_another_form_is_none(change: str) -> None:
    token = addresses().token(Attempt(7, 2))
    assert addresses().read(token + change if change in {"A", "="} else token[:-1] + change) is None


def test_an_owner_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="8 bytes"):
        addresses(owner=b"short")
