"""Which failed requests are sent again: Akool's codes and HTTP's statuses, row by row."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import (
    AkoolError,
    ConnectFailed,
    InvalidInput,
    MissingCredentials,
    RateLimited,
    ReplyError,
    Retry,
    TransportError,
)
from akool_async.errors import CODES, api_error
from akool_async.http.retry import RequestOutcome, outcome_of
from akool_async.protocol.wire import AKOOL, HttpResponse, decode

NO_FIELDS: Mapping[str, str] = {}

REFUSED_FOR_NOW = {1005, 1215}
"""Codes that say: nothing was started, come again."""


def failure(
    status: int, headers: Mapping[str, str] = NO_FIELDS, body: bytes = b"<html>"
) -> AkoolError:
    with pytest.raises(AkoolError) as caught:
        decode(HttpResponse(status=status, headers=headers, body=body), AKOOL, "audio.tts")
    return caught.value


def again(error: AkoolError, *, repeatable: bool) -> bool:
    return Retry().delay(error, 1, repeatable=repeatable) is not None


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("status", [200, 400, 500, 502])
def test_a_code_is_final_unless_it_asks_to_come_again(code: int, status: int) -> None:
    error = failure(status, body=json.dumps({"code": code, "msg": "no"}).encode())
    expected = code in REFUSED_FOR_NOW
    assert again(error, repeatable=True) is expected
    assert again(error, repeatable=False) is expected


def test_an_unknown_code_is_final() -> None:
    assert outcome_of(api_error(4711, "new")) is RequestOutcome.REFUSED


@pytest.mark.parametrize(
    ("status", "headers", "query", "create"),
    [
        # the server refused, and started nothing
        (429, {}, True, True),
        (429, {"retry-after": "1"}, True, True),
        (503, {"retry-after": "1"}, True, True),
        # it is known that nothing will change
        (301, {}, False, False),
        (307, {}, False, False),
        (400, {}, False, False),
        (401, {}, False, False),
        (403, {}, False, False),
        (404, {}, False, False),
        (413, {}, False, False),
        (415, {}, False, False),
        # something passed by; a create may have been carried out
        (200, {}, True, False),
        (408, {}, True, False),
        (425, {}, True, False),
        (500, {}, True, False),
        (502, {}, True, False),
        (503, {}, True, False),
        (504, {}, True, False),
    ],
)
def test_without_an_envelope_the_http_status_decides(
    status: int, headers: dict[str, str], *, query: bool, create: bool
) -> None:
    error = failure(status, headers)
    assert again(error, repeatable=True) is query
    assert again(error, repeatable=False) is create


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectFailed("refused"), RequestOutcome.NOT_SENT),
        (TransportError("reset"), RequestOutcome.UNKNOWN),
        (ReplyError("cut", http_status=200), RequestOutcome.UNKNOWN),
        (ReplyError("moved", http_status=302), RequestOutcome.REFUSED),
        (RateLimited(0, "slow down", http_status=429), RequestOutcome.THROTTLED),
        (MissingCredentials("none"), RequestOutcome.REFUSED),
    ],
)
def test_what_is_known_of_a_failed_request(error: AkoolError, outcome: RequestOutcome) -> None:
    assert outcome_of(error) is outcome


def test_a_connection_never_made_is_tried_again_even_for_a_create() -> None:
    assert again(ConnectFailed("refused"), repeatable=False)


def test_a_create_that_was_sent_is_never_repeated() -> None:
    retry = Retry(attempts=100)
    for error in (TransportError("reset"), ReplyError("cut"), ReplyError("bad", http_status=502)):
        assert retry.delay(error, 1, repeatable=False) is None


# How often, and how soon


@given(st.integers(1, 60), st.integers(1, 8))
def test_attempts_bound_how_often_it_is_sent(attempt: int, attempts: int) -> None:
    delay = Retry(attempts=attempts).delay(TransportError("x"), attempt, repeatable=True)
    assert (delay is None) is (attempt >= attempts)


@given(st.integers(1, 5000), st.floats(0, 50), st.floats(0, 50))
def test_delays_are_drawn_between_nothing_and_a_doubling_bound(
    attempt: int, initial: float, maximum: float
) -> None:
    retry = Retry(attempts=10_000, initial=initial, maximum=maximum)
    delay = retry.delay(ConnectFailed("x"), attempt, repeatable=True)
    assert delay is not None
    assert 0 <= delay <= min(maximum, initial * 2.0 ** min(attempt - 1, 32))


def test_delays_are_drawn_from_all_of_that_so_that_a_herd_disperses() -> None:
    retry = Retry(initial=1.0, throttled=2.0, maximum=8.0)
    for error, bound in ((ConnectFailed("x"), 4.0), (RateLimited(1005, "x"), 8.0)):
        drawn = [retry.delay(error, 3, repeatable=False) or 0.0 for _ in range(1000)]
        quarters = Counter(int(4 * delay / bound) for delay in drawn)
        assert all(quarters[quarter] > 150 for quarter in range(4))


@given(st.integers(1, 3), st.floats(0, 120))
def test_a_hint_is_waited_for_at_least(attempt: int, hint: float) -> None:
    for error in (RateLimited(1005, "slow down"), ReplyError("bad", http_status=502)):
        error.retry_after = hint
        delay = Retry().delay(error, attempt, repeatable=True)
        assert delay is not None
        assert hint <= delay <= hint + 8.0


@pytest.mark.parametrize("hint", [120.1, 3600.0, math.inf])
def test_a_hint_that_is_too_long_is_not_waited_for(hint: float) -> None:
    for error in (RateLimited(1005, "slow down"), ReplyError("bad", http_status=502)):
        error.retry_after = hint
        assert Retry().delay(error, 1, repeatable=True) is None


def test_refusals_for_frequency_have_a_count_of_their_own() -> None:
    retry = Retry(attempts=1, throttled_attempts=3)
    sent = [retry.delay(RateLimited(1005, "x"), n, repeatable=False) for n in (1, 2, 3)]
    assert [delay is not None for delay in sent] == [True, True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("initial", -0.1),
        ("maximum", -1.0),
        ("throttled", -1.0),
        ("longest_hint", -1.0),
        ("initial", math.nan),
        ("maximum", math.inf),
        ("attempts", 1.5),
        ("initial", "1"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Retry(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
