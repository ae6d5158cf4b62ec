"""The protocol without I/O: what is sent, and what an answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from akool_async import (
    AkoolError,
    APIError,
    AuthenticationError,
    DetectionError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ReplyError,
)
from akool_async.endpoints import ENDPOINTS, GetAudio, GetFaceswaps, GetSession, GetToken
from akool_async.protocol.wire import (
    AKOOL,
    AKOOL_DETECTION,
    AKOOL_FLAT,
    EXCERPT_LENGTH,
    HttpRequest,
    HttpResponse,
    decode,
    encode,
    retry_after,
)


def reply(body: bytes | object, status: int = 200, **headers: str) -> HttpResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=fields, body=text)


def opened(body: bytes | object, status: int = 200) -> Any:
    return msgspec.json.decode(decode(reply(body, status), AKOOL, "audio.get"))


def refusal(body: bytes | object, status: int = 200, **headers: str) -> APIError:
    with pytest.raises(APIError) as caught:
        decode(reply(body, status, **headers), AKOOL, "audio.get")
    return caught.value


# What an envelope says


def test_code_1000_hands_out_the_data_untouched() -> None:
    assert bytes(decode(reply(b'{"code":1000,"data":{"b": 1}}'), AKOOL, "x")) == b'{"b": 1}'


def test_success_without_data_is_null() -> None:
    assert opened({"code": 1000, "msg": "OK"}) is None


def test_a_flat_envelope_keeps_its_data_beside_the_code() -> None:
    body = b'{"code":1000,"token":"t"}'
    assert bytes(decode(reply(body), AKOOL_FLAT, "x")) == body


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 429, 500, 503])
def test_a_readable_envelope_decides_whatever_http_says(status: int) -> None:
    assert opened({"code": 1000, "data": 7}, status) == 7
    error = refusal({"code": 1003, "msg": "Parameter error"}, status)
    assert type(error) is InvalidRequest
    assert error.http_status == status


@pytest.mark.parametrize("data", [None, [], "text", 5, {"_id": 5}, [[{}]], "absent"])
def test_an_error_code_is_seen_whatever_its_data_looks_like(data: object) -> None:
    body = {"code": 1014, "msg": "gone"} | ({} if data == "absent" else {"data": data})
    with pytest.raises(NotFound) as caught:
        GetAudio(id="a").decode(reply(body))
    assert (caught.value.code, caught.value.msg) == (1014, "gone")


@pytest.mark.parametrize("code", [b'"1000"', b"1000.0", b"1e3"])
def test_a_code_may_be_spelled_as_text_or_as_a_float(code: bytes) -> None:
    assert opened(b'{"code":%s,"data":1}' % code) == 1


def test_an_error_code_as_text_is_an_error_still() -> None:
    assert type(refusal({"code": "1101", "msg": "no"})) is AuthenticationError


@pytest.mark.parametrize("code", [999, 0, -1, 1001, 1300, 10**30])
def test_an_unknown_code_is_a_plain_api_error(code: int) -> None:
    error = refusal({"code": code, "msg": "new"})
    assert type(error) is APIError
    assert (error.code, error.msg, error.endpoint) == (code, "new", "audio.get")


@pytest.mark.parametrize("msg", [None, 5, {"en": "no"}, ["no"], "absent"])
def test_an_odd_sentence_does_not_hide_the_code(msg: object) -> None:
    body = {"code": 1003} | ({} if msg == "absent" else {"msg": msg})
    assert type(refusal(body)) is InvalidRequest


def test_a_sentence_in_another_character_set_does_not_hide_the_code() -> None:
    assert type(refusal(b'{"code":1003,"msg":"\xb2\xce\xca\xfd"}')) is InvalidRequest


def test_of_duplicate_keys_the_last_counts() -> None:
    assert opened(b'{"code":1003,"code":1000,"data":1,"data":2}') == 2


def test_detection_has_a_code_of_its_own() -> None:
    body = b'{"error_code":0,"error_msg":"SUCCESS","region":[]}'
    assert bytes(decode(reply(body), AKOOL_DETECTION, "faceswap.detect")) == body
    failed = {"error_code": 1, "error_msg": "no face"}
    with pytest.raises(DetectionError) as caught:
        decode(reply(failed, 400), AKOOL_DETECTION, "faceswap.detect")
    error = caught.value
    assert (error.code, error.msg, error.http_status) == (1, "no face", 400)


def test_what_stands_before_detection_answers_in_akool_s_own_way() -> None:
    for field in ("code", "error_code"):
        with pytest.raises(AuthenticationError) as caught:
            decode(reply({field: 1101, "msg": "no"}), AKOOL_DETECTION, "faceswap.detect")
        assert caught.value.code == 1101


# What is no envelope

UNREADABLE = {
    "empty": b"",
    "blank": b"  \n",
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "null": b"null",
    "list": b"[]",
    "text": b'"OK"',
    "cut": b'{"code":1000,"data":{"_id":"6593c94c0ef7',
    "trailing": b'{"code":1000}{"code":1000}',
    "nan": b'{"code":1000,"data":{"credit":NaN}}',
    "infinity": b'{"code":1000,"data":Infinity}',
    "byte order mark": b'\xef\xbb\xbf{"code":1000}',
    "utf-16": '{"code":1000}'.encode("utf-16"),
    "no code": b'{"error":"no"}',
    "null code": b'{"code":null}',
    "boolean code": b'{"code":true}',
    "word code": b'{"code":"OK"}',
    "deep data": b'{"code":1000,"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep sentence": b'{"code":1000,"msg":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("status", [200, 302, 400, 404, 500, 502])
def test_a_reply_without_envelope_is_unreadable(body: bytes, status: int) -> None:
    with pytest.raises(ReplyError) as caught:
        opened(body, status)
    assert caught.value.http_status == status
    assert len(caught.value.excerpt) <= EXCERPT_LENGTH
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (401, AuthenticationError),
        (403, PermissionDenied),
        (413, InvalidRequest),
        (415, InvalidRequest),
        (429, RateLimited),
    ],
)
def test_some_http_statuses_are_a_refusal_by_themselves(status: int, cls: type[APIError]) -> None:
    error = refusal(b"<html>", status)
    assert type(error) is cls
    assert (error.code, error.http_status) == (0, status)


def test_unavailable_is_a_refusal_only_with_an_invitation_to_come_again() -> None:
    invited = refusal(b"busy", 503, retry_after="7")
    assert type(invited) is RateLimited
    assert invited.retry_after == 7
    with pytest.raises(ReplyError):
        opened(b"busy", 503)


def test_the_data_of_another_shape_is_unreadable_not_a_crash() -> None:
    with pytest.raises(ReplyError, match="cannot be read"):
        GetFaceswaps(ids=["a"]).decode(reply({"code": 1000, "data": {"result": 5}}))


def test_an_excerpt_shows_no_token() -> None:
    body = b'{"code":1000,"data":{"token":"canary-1","agora_token":"canary-2","clientSecret":"cana'
    with pytest.raises(ReplyError) as caught:
        GetToken(client_id="a", client_secret="b").decode(reply(body))
    assert "cana" not in str(caught.value)
    assert "cana" not in caught.value.excerpt
    assert "agora_token" in caught.value.excerpt


def test_an_excerpt_of_unreadable_data_shows_no_token() -> None:
    body = {"code": 1000, "data": [5, {"agora_token": "canary"}]}
    with pytest.raises(ReplyError) as caught:
        GetSession(id="a").decode(reply(body))
    assert "agora_token" in caught.value.excerpt
    assert "canary" not in str(caught.value) + caught.value.excerpt


def test_requests_and_responses_do_not_show_their_bodies() -> None:
    request = GetToken(client_id="id", client_secret="canary").encode()
    assert b"canary" in (request.body or b"")
    assert "canary" not in repr(request)
    assert "canary" not in repr(reply({"code": 1000, "token": "canary"}))


statuses = st.integers(min_value=200, max_value=599)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/html", ""]),
        "retry-after": st.text() | st.integers().map(str) | st.floats().map(str),
    },
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
codes = st.sampled_from([1000, 1000, 1000, 1003, 1005, 1101]) | json_values
keyed = st.dictionaries(
    st.sampled_from(["_id", "status", "url", "result", "token", "credit", "faceswap_status"]),
    json_values,
)
data = json_values | keyed | st.lists(keyed) | st.fixed_dictionaries({"result": st.lists(keyed)})
envelopes = st.fixed_dictionaries({}, optional={"code": codes, "msg": json_values, "data": data})
bodies = (
    st.binary()
    | json_values.map(json.dumps).map(str.encode)
    | (envelopes.map(json.dumps).map(str.encode))
)


@given(statuses, headers, bodies)
@example(200, {"retry-after": "1e400"}, b'{"code":1005}')
@example(429, {"retry-after": "Mon, 01 Jan 2024 00:00:00 +9999"}, b"")
@example(503, {"retry-after": "9" * 5000}, b"")
def test_whatever_comes_is_a_value_or_an_error_of_ours(
    status: int, fields: dict[str, str], body: bytes
) -> None:
    response = HttpResponse(status=status, headers=fields, body=body)
    for endpoint in SAMPLES:
        try:
            endpoint.decode(response)
        except AkoolError as error:
            assert isinstance(error, (APIError, ReplyError))  # noqa: PT017
            assert error.__context__ is None  # noqa: PT017


SAMPLES = [
    ENDPOINTS["audio.get"](id="a"),
    ENDPOINTS["audio.voices"](),
    ENDPOINTS["account.credit"](),
    ENDPOINTS["account.token"](),
    ENDPOINTS["faceswap.results"](ids=["a"]),
    ENDPOINTS["faceswap.delete"](ids=["a"]),
]


# What is sent


def test_a_get_carries_its_fields_in_the_query_and_no_body() -> None:
    assert encode("GET", "/p", {"a": 1, "b": "x"}) == HttpRequest(method="GET", path="/p?a=1&b=x")


def test_no_fields_make_no_question_mark() -> None:
    assert encode("GET", "/p", {}).path == "/p"


def test_commas_stay_literal_so_that_lists_of_ids_stay_short() -> None:
    assert GetFaceswaps(ids=["a1", "b2", "c3"]).encode().path.endswith("?_ids=a1,b2,c3")


def test_booleans_in_a_query_are_words() -> None:
    assert encode("GET", "/p", {"a": True, "b": False}).path == "/p?a=true&b=false"


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers()))
def test_a_query_arrives_as_it_was_meant(fields: dict[str, Any]) -> None:
    try:
        path = encode("GET", "/p", fields).path
    except UnicodeEncodeError:  # a lone surrogate is no text that can be sent
        return
    parts = urlsplit(path)
    assert parts.path == "/p"
    assert parts.fragment == ""
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(fields))
    assert pairs == [(name, str(value)) for name, value in fields.items()]


@given(st.dictionaries(st.text(), json_values.filter(lambda value: value == value)))  # noqa: PLR0124
def test_a_command_carries_its_fields_as_json(fields: dict[str, Any]) -> None:
    try:
        request = encode("POST", "/p", fields)
    except (UnicodeEncodeError, msgspec.MsgspecError):
        return
    assert request.path == "/p"
    assert isinstance(json.loads(request.body or b""), dict)


# Retry-After


def test_retry_after_is_read_as_seconds() -> None:
    assert retry_after({"retry-after": " 120 "}) == 120.0


def test_retry_after_is_read_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    seconds = retry_after({"retry-after": format_datetime(later, usegmt=True)})
    assert seconds is not None
    assert 3500 < seconds <= 3600


def test_a_date_that_has_passed_means_now() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}) == 0.0


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "٣", "1, 2", "Mon, 99 Foo 2020"])
def test_garbage_in_retry_after_is_as_good_as_nothing(text: str) -> None:
    assert retry_after({"retry-after": text}) is None
    assert retry_after({}) is None


def test_an_error_carries_how_long_the_server_asked_to_wait() -> None:
    assert refusal({"code": 1005, "msg": "slow down"}, 429, retry_after="3").retry_after == 3.0
    with pytest.raises(ReplyError) as caught:
        decode(reply(b"<html>", 502, retry_after="9"), AKOOL, "x")
    assert caught.value.retry_after == 9.0
