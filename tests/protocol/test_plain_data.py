"""Values and errors as plain data: complete, by Python's names, without a secret, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import field

from akool_async import Face, InvalidInput, Status
from akool_async.client.stats import JobCounts, Stats
from akool_async.crun.results import SwappedImage
from akool_async.endpoints import TTS, Audio, Faceswap, GetToken, ImageReage
from akool_async.endpoints.account import Token
from akool_async.endpoints.audio import Voice
from akool_async.endpoints.detection import Box, Detection
from akool_async.endpoints.moderation import Analysis
from akool_async.endpoints.paging import Page
from akool_async.endpoints.streaming import Session, SessionCredentials
from akool_async.endpoints.video import AudioElement, AvatarElement, TalkingAvatar
from akool_async.errors import AkoolError, CreateOutcomeUnknown, JobFailed, RateLimited
from akool_async.media import StandaloneDownloader
from akool_async.plain import plain
from akool_async.protocol.endpoint import Endpoint, Recipe
from akool_async.protocol.fields import plan_of
from akool_async.protocol.secret import Hidden, Secret
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Input, Value
from akool_async.result import Link, Result

PICTURE = "https://example.com/a.png"
REQUEST = ImageReage(target_image=[Face(PICTURE)], face_reage=10, modify_image=PICTURE)
SCENE = TalkingAvatar(
    avatar_from=2,
    elements=[
        AvatarElement(scale_x=1, scale_y=1, offset_x=0, offset_y=0, avatar_id="a"),
        AudioElement(url="https://example.com/a.mp3"),
    ],
    width=3840,
    height=2160,
)
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPEECH = Audio(
    id="65f8",
    status=Status.COMPLETED,
    media="https://example.com/a.mp3",
    create_time=int(WHEN.timestamp() * 1000),
)


def below(cls: type[Any]) -> Iterator[type[Any]]:
    for each in cls.__subclasses__():
        yield each
        yield from below(each)


def own(cls: type[Any]) -> list[type[Any]]:
    """Return the package's own classes below one; tests of other files define more.

    An abstract class has lent its fields to others, and has none.
    """
    found = {each for each in below(cls) if each.__module__.startswith("akool_async.")}
    return sorted(
        {each for each in found if not vars(each).get("_lent")},
        key=lambda each: (each.__module__, each.__qualname__),
    )


# Results


def test_a_result_shows_its_fields_by_their_python_names_and_its_address() -> None:
    data = SPEECH.to_dict()
    assert data["id"] == "65f8"
    assert data["status"] == 3
    assert type(data["status"]) is int
    assert data["url"] == "https://example.com/a.mp3"
    assert data["expires_at"] == "2026-01-09T03:04:05+00:00"
    assert data["reason"] == ""
    assert {*data} >= {*Audio.__struct_fields__}


@pytest.mark.parametrize("cls", own(Result), ids=lambda cls: cls.__name__)
def test_every_kind_of_result_shows_address_and_expiry(cls: type[Result]) -> None:
    assert {"id", "status", "url", "expires_at", "reason"} <= cls().to_dict().keys()


def test_a_result_that_knows_its_client_does_not_show_it() -> None:
    link = Link(StandaloneDownloader(), operation="audio.tts", accepted_at=0.0)
    attached = Audio(id="65f8").attach(link).to_dict()
    assert attached["expires_at"] == "1970-01-08T00:00:00+00:00"
    assert "link" not in attached


def test_a_verdict_shows_whether_the_content_is_compliant() -> None:
    verdict = Analysis(id="a", status=Status.COMPLETED, final_conclusion="Compliant")
    assert verdict.to_dict()["compliant"] is True


def test_json_is_the_dict_on_one_line_and_readable() -> None:
    text = msgspec.structs.replace(SPEECH, input_text="Grüße\nan alle").to_json()
    assert "Grüße" in text
    assert "\n" not in text
    assert json.loads(text)["input_text"] == "Grüße\nan alle"


# Back again


@pytest.mark.parametrize(
    "value",
    [
        SPEECH,
        Faceswap(id="a", status=Status(7)),
        SwappedImage(id="a", media_urls=("https://example.com/a.png",), credits=1.5),
        Detection(faces=(Face(PICTURE),), boxes=(Box(x=1.0, y=2.0, width=3.0, height=4.0),)),
        Stats(jobs={"audio.tts": JobCounts(queued=1, median=2.5)}, requests={"a": 1}),
        Stats(creates_per_second=2.0),
        REQUEST,
        SCENE,
        TTS(input_text="Hello", voice_id="v"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_built_again_from_its_json(value: Value) -> None:
    assert type(value).from_dict(json.loads(value.to_json())) == value


def test_a_page_of_a_list_is_an_object_with_its_items() -> None:
    page = Page(items=(Voice(voice_id="v", id="1"),), count=7, sent=1)
    data = page.to_dict()
    assert data["count"] == 7
    assert data["items"][0]["voice_id"] == "v"
    assert plain({"page": page}) == {"page": data}


class Inner(Value):
    id: str = field(name="_id")


class Outer(Value):
    one: Inner | None = None
    several: tuple[Inner, ...] | None = None
    named: Mapping[str, Inner] = {}


def test_values_that_may_be_missing_keep_their_names_too() -> None:
    inner = Inner(id="a")
    outer = Outer(one=inner, several=(inner,), named={"b": inner})
    assert Outer.from_dict(json.loads(outer.to_json())) == outer
    assert Outer.from_dict({"one": None}) == Outer()


def test_what_a_later_version_adds_to_a_result_is_ignored() -> None:
    assert Audio.from_dict({**SPEECH.to_dict(), "loudness": 3}) == SPEECH


@pytest.mark.parametrize("data", [[], "text", None, 3])
@pytest.mark.parametrize("cls", [Audio, ImageReage])
def test_only_an_object_becomes_a_value(cls: type[Value], data: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        cls.from_dict(data)


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"Audio\.media: expected `str`, got `int`"):
        Audio.from_dict({"media": 3})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"face_reage": 200}, r"ImageReage\.face_reage: must be from -30 to 30"),
        ({"wings": 2}, r"ImageReage\.wings: is not a field"),
        ({"modify_image": None}, r"ImageReage\.modify_image: is required"),
        ({"target_image": [{"path": "x"}]}, r"target_image\[0\]\.path: must be an http"),
    ],
)
def test_a_request_is_checked_when_it_is_built_from_data(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        ImageReage.from_dict(REQUEST.to_dict() | change)


@pytest.mark.parametrize("cls", [c for c in own(Input) if not issubclass(c, Endpoint | Recipe)])
def test_parts_of_requests_have_the_same_names_on_the_wire(cls: type[Input]) -> None:
    """So a dict by Python's names is also one that a request takes."""
    if cls.__module__.startswith("akool_async.endpoints."):
        assert all(plan.name == plan.wire_name for plan in plan_of(cls))


# Secrets


def test_what_its_repr_hides_is_left_out() -> None:
    assert Token(token="canary").to_dict() == {}
    assert GetToken(client_id="canary-id", client_secret="canary").to_dict() == {}
    session = Session(credentials=SessionCredentials(agora_channel="c", agora_token="canary"))
    assert session.to_dict()["credentials"]["agora_channel"] == "c"
    assert "canary" not in session.to_json()


SHORT = {Page, Snapshot, Stats}
"""Their reprs are short, and hide no secret."""


@pytest.mark.parametrize("cls", own(Value), ids=lambda cls: cls.__name__)
def test_a_class_with_a_repr_that_hides_has_fields_that_are_hidden(cls: type[Value]) -> None:
    if "__repr__" in vars(cls) and cls not in SHORT:
        assert cls.hidden_fields
    assert cls.hidden_fields <= {*cls.__struct_fields__}


def test_a_text_that_hides_itself_stays_hidden() -> None:
    assert plain([Secret("canary"), Hidden(b"canary")]) == ["***", "***"]


# Plain data


def test_each_kind_of_value_has_its_plain_form() -> None:
    assert plain(math.inf) is None
    assert plain(math.nan) is None
    assert plain(WHEN) == "2026-01-02T03:04:05+00:00"
    assert plain(timedelta(minutes=1)) == 60.0
    assert plain(b"\xff") == "/w=="
    assert plain(PurePosixPath("a/b")) == "a/b"
    assert plain({Status.FAILED: (True, 1, None)}) == {"4": [True, 1, None]}
    assert plain(ValueError("why")) == {"type": "ValueError", "message": "why"}
    assert plain("half \ud83d") == "half \ufffd"


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="object is no plain data"):
        plain(object())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_plain_data_is_json_in_utf_8(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False, ensure_ascii=False).encode()


# Errors


def test_an_error_shows_its_class_its_message_and_what_it_knows() -> None:
    error = RateLimited(1005, "slow down", endpoint="audio.tts", http_status=429)
    error.retry_after = 2.5
    assert error.to_dict() == {
        "type": "RateLimited",
        "message": "audio.tts: slow down [code 1005, HTTP 429]",
        "token": None,
        "steps": [],
        "advice": RateLimited.advice,
        "retry_after": 2.5,
        "attempts": 1,
        "code": 1005,
        "msg": "slow down",
        "meaning": "",
        "endpoint": "audio.tts",
        "http_status": 429,
    }
    assert json.loads(error.to_json()) == error.to_dict()


def test_the_error_of_a_job_shows_its_request_and_snapshot_but_no_job() -> None:
    error = JobFailed("no", name="reage.image", token="akj1.x", snapshot=SPEECH, request=REQUEST)
    error.job = object()  # type: ignore[assignment]
    data = error.to_dict()
    assert data["token"] == "akj1.x"
    assert data["request"] == REQUEST.to_dict()
    assert data["snapshot"] == SPEECH.to_dict()
    assert "job" not in data


def test_a_time_in_an_error_is_a_text() -> None:
    error = CreateOutcomeUnknown("audio.tts", None, WHEN, "cut")
    assert error.to_dict()["sent_at"] == "2026-01-02T03:04:05+00:00"


def test_a_refused_value_that_is_no_data_is_shown_shortened() -> None:
    data = InvalidInput("prompt", object(), "must be a text").to_dict()
    assert data["value"].startswith("<object object")
    assert data["field"] == "prompt"


def test_notes_of_an_error_are_not_shown() -> None:
    error = AkoolError("why")
    error.add_note("row 17")
    shown: dict[str, object] = {
        "type": "AkoolError",
        "message": "why",
        "token": None,
        "steps": [],
        "advice": "",
    }
    assert error.to_dict() == shown
