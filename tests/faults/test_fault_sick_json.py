"""A reply that a person can read is read, though a strict decoder of JSON refuses it.

JavaScript cuts a text inside an emoji and leaves half of a surrogate pair; Python writes `NaN`; log
lines bring raw control characters; some servers begin with a byte order mark. The reply may name
a job that was paid for.
"""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import InvalidRequest, ReplyError, Status
from akool_async.crun import GetTask
from akool_async.endpoints import TTS, GetAudio, GetFaceswaps, ListVoices, Voice
from akool_async.errors import InsufficientCredit
from akool_async.protocol.lenient import repaired
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.faults.conftest import Documented
    from tests.servers import Serve, Visit

ID = "65f8017f56559aa67f0ecde7"

SICK_VALUES = {
    "the first half of a pair": rb'"\ud83d"',
    "the second half of a pair": rb'"\ude00 end"',
    "two halves in the wrong order": rb'"\ude00\ud83d"',
    "half of a pair as bytes": b'"\xed\xa0\xbd"',
    "bytes that are no text": b'"\xff\xfe caf\xe9"',
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "a number beyond all": b"1e999",
    "Python's None": b"None",
    "undefined": b"undefined",
    "a number with zeros before it": b"007",
    "a number with a plus": b"+5",
    "a number without its zero": b".5",
    "a line break": b'"a\nb"',
    "a tab": b'"a\tb"',
    "NUL": b'"a\x00b"',
    "an escape character": b'"\x1b[31mred"',
    "an escape that is none": rb'"it\'s C:\Users"',
    "an escape that was cut": rb'"\u12"',
    "inside a list": rb'[1, NaN, "\ud83d"]',
    "inside an object": rb'{"\ud83d": Infinity, "x": "\ud83d"}',
}
"""Values that no strict decoder takes."""

values = pytest.mark.parametrize("value", SICK_VALUES.values(), ids=SICK_VALUES.keys())

TTS_REQUEST = TTS(input_text="Hello", voice_id="v")


def reply(body: bytes, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=body)


def with_sick(document: dict[str, Any], value: bytes, *, at: str) -> bytes:
    """Return a reply with a sick value at its end, beside the data, in it, or in a known field."""
    text = json.dumps(document)
    if at == "beside the data":
        return text.encode()[:-1] + b', "zzz": ' + value + b"}"
    name = "zzz" if at == "in the data" else "url"
    marked = {**document, "data": {**document["data"], name: "HERE"}}
    return json.dumps(marked).encode().replace(b'"HERE"', value)


CREATED = {"code": 1000, "msg": "OK", "data": {"_id": ID, "status": 1}}


@values
@pytest.mark.parametrize("at", ["beside the data", "in the data", "in a known field"])
def test_a_create_whose_reply_holds_sick_json_names_its_job(value: bytes, at: str) -> None:
    receipt = TTS_REQUEST.decode(reply(with_sick(CREATED, value, at=at)))
    assert (receipt.id, receipt.status) == (ID, Status.QUEUED)


@values
def test_one_sick_row_in_a_list_of_ids_leaves_all_jobs_readable(value: bytes) -> None:
    rows = b'{"_id": "a", "faceswap_status": 3, "url": "https://a.example/a.png"},'
    sick = b'{"_id": "b", "faceswap_status": 2, "zzz": ' + value + b"}"
    body = b'{"code": 1000, "data": {"result": [' + rows + sick + b"]}}"
    found = GetFaceswaps(ids=["a", "b"]).decode(reply(body))
    assert [(row.id, row.status) for row in found] == [
        ("a", Status.COMPLETED),
        ("b", Status.PROCESSING),
    ]


@values
@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
def test_a_refusal_in_sick_json_keeps_its_verdict(value: bytes, status: int) -> None:
    body = b'{"code": 1006, "msg": ' + value + b', "data": null}'
    with pytest.raises(InsufficientCredit) as caught:
        TTS_REQUEST.receive(reply(body, status))
    assert caught.value.code == 1006


MARKS = {
    "UTF-8": codecs.BOM_UTF8 + json.dumps(CREATED).encode(),
    "UTF-8 twice": 2 * codecs.BOM_UTF8 + json.dumps(CREATED).encode(),
    "UTF-16": json.dumps(CREATED).encode("utf-16"),
    "UTF-16 from the other end": codecs.BOM_UTF16_BE + json.dumps(CREATED).encode("utf-16-be"),
    "UTF-32": json.dumps(CREATED).encode("utf-32"),
}


@pytest.mark.parametrize("body", MARKS.values(), ids=MARKS.keys())
def test_a_byte_order_mark_before_a_reply_is_left_out(body: bytes) -> None:
    assert TTS_REQUEST.decode(reply(body)).id == ID


def test_white_space_that_json_does_not_know_is_white_space() -> None:
    body = f'\u00a0\u200b{{"code":\u00a01000,\x0b"data":\x00{{"_id":"{ID}",}},}}\x00\n'.encode()
    assert TTS_REQUEST.decode(reply(body)).id == ID


def test_a_lenient_reading_keeps_what_is_sound() -> None:
    text = 'say "hi", Ünïcode \U0001f600, NaN, C:\\dir, a/b, 12345678901234567890'
    whole = {"t": text, "n": [1, -2.5, True, False, None, 12345678901234567890], "o": {"": "x,}"}}
    body = json.dumps(whole).encode()[:-1] + b', "sick": NaN}'
    mended = repaired(body)
    assert mended is not None
    assert json.loads(mended) == {**whole, "sick": None}


def test_halves_of_a_pair_that_meet_are_one_character_and_lone_ones_are_replaced() -> None:
    mended = repaired(rb'{"whole": "\ud83d\ude00", "half": "a\ud83d"}')
    assert mended is not None
    assert json.loads(mended) == {"whole": "\U0001f600", "half": "a\ufffd"}


AROUND = {
    "a notice before it": b"Notice: Undefined index: id in /www/api.php on line 3\n%b",
    "a page's notice before it": b"<br />\n<b>Warning</b>: no {cache}<br />\n%b",
    "a guard before it": b")]}',\n%b",
    "a comment after it": b"%b\n<!-- 12 ms -->",
    "a semicolon after it": b"%b;",
    "NULs after it": b"%b\x00\x00",
    "a callback around it": b"callback(%b);",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_a_reply_is_read_though_something_stands_around_it(around: bytes) -> None:
    receipt = TTS_REQUEST.receive(reply(around % json.dumps(CREATED).encode()))
    assert (receipt.id, receipt.status) == (ID, Status.QUEUED)
    refusal = json.dumps({"code": 1006, "msg": "no credit"}).encode()
    with pytest.raises(InsufficientCredit):
        TTS_REQUEST.receive(reply(around % refusal))


UNREADABLE = {
    "nothing": b"",
    "a page": b"<html>502</html>",
    "cut": b'{"code":1000,"data":{"_id":"65f8017f',
    "single quotes": b"{'code': 1000}",
    "two replies": b'{"code":1000}{"code":1000}',
    "a number of 6000 digits": b'{"code":' + b"9" * 6000 + b"}",
    "deep": b'{"code":1000,"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no envelope": b'{"error": "no"}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_stays_unreadable_says_so_with_its_status_and_the_reply_as_it_came(
    body: bytes,
) -> None:
    with pytest.raises(ReplyError) as caught:
        GetAudio(id="a").decode(reply(body))
    error = caught.value
    assert error.http_status == 200
    assert error.excerpt == body[: len(error.excerpt)].decode()
    assert error.__context__ is None
    assert error.__cause__ is None


def test_other_vendors_and_lists_are_read_leniently_too() -> None:
    crun = b'{"code":200,"data":{"task_id":"t1","status":"running","param":"\\ud83d"}}'
    assert GetTask(task_id="t1").decode(reply(crun)).id == "t1"
    voices = b'\xef\xbb\xbf{"code":1000,"data":[{"voice_id":"v","name":"\\ud83d","z":NaN}]}'
    assert ListVoices().decode(reply(voices)).items == (Voice(voice_id="v", name="\ufffd"),)


# The whole way, through a real server


async def test_a_job_whose_replies_are_all_sick_json_is_created_once_and_ends(
    of_each_family: Documented, serve: Serve, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        printed = of_each_family.created if visit.is_create else of_each_family.completed
        body = json.dumps(printed).encode()[:-1] + rb', "trace": "\ud83d", "cost": NaN}'
        await visit.answer(codecs.BOM_UTF8 + body)

    server = await serve(answer)
    async with connect(server.url) as akool:
        result = await akool.submit(of_each_family.request)
    assert (result.id, result.status) == (of_each_family.id, Status.COMPLETED)
    assert (server.creates, server.polls) == (1, 1)


async def test_a_refusal_in_sick_json_is_no_create_in_doubt(serve: Serve, connect: Connect) -> None:
    server = await serve(
        lambda visit: visit.answer(b'{"code": 1003, "msg": "bad text: caf\xe9 \\ud83d\n"}')
    )
    async with connect(server.url) as akool:
        with pytest.raises(InvalidRequest, match="bad text: caf\ufffd \ufffd"):
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.creates == 1


async def test_a_credential_in_a_reply_of_another_encoding_is_not_shown(
    serve: Serve, connect: Connect
) -> None:
    said = json.dumps({"code": 1003, "msg": "your key the-canary-key is odd"}).encode("utf-16")
    server = await serve(lambda visit: visit.answer(said))
    async with connect(server.url, api_key="the-canary-key") as akool:
        with pytest.raises(InvalidRequest) as caught:
            await akool.account.credit()
    assert "canary" not in str(caught.value)
    assert "***" in str(caught.value)
