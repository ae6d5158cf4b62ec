"""Requests as values: what Akool would refuse is refused when the value is built."""

from __future__ import annotations

import json
import pickle
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import Face, InvalidInput
from akool_async.endpoints import (
    TTS,
    CancelFaceswaps,
    DeleteFaceswaps,
    GetAudio,
    GetFaceswaps,
    GetToken,
    ImageFaceswap,
    ImageReage,
    ListVoices,
    VideoFaceswap,
    VideoReage,
    VoiceClone,
)
from akool_async.protocol.value import Input, Value

PICTURE = "https://example.com/a.png"
MARKS = "262,175:363,175:313,215:272,279"
FACE = Face(PICTURE)
MARKED = Face(PICTURE, opts=MARKS)

VALID: Mapping[type[Any], Mapping[str, Any]] = {
    ImageFaceswap: {
        "source_image": [FACE],
        "target_image": [FACE],
        "modify_image": PICTURE,
    },
    VideoFaceswap: {
        "source_image": [FACE],
        "target_image": [FACE],
        "modify_video": PICTURE,
    },
    ImageReage: {"target_image": [FACE], "face_reage": 10, "modify_image": PICTURE},
    VideoReage: {"target_image": [FACE], "face_reage": 10, "modify_video": PICTURE},
    TTS: {"input_text": "Hello", "voice_id": "v"},
    VoiceClone: {"input_text": "Hello", "voice_url": "https://example.com/a.mp3"},
}
SWAPS = (ImageFaceswap, VideoFaceswap)
REAGES = (ImageReage, VideoReage)
SPEECHES = (TTS, VoiceClone)


def built(cls: type[Any], **changes: Any) -> Any:
    return cls(**{**VALID.get(cls, {}), **changes})


def refused(cls: type[Any], **changes: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        built(cls, **changes)
    return caught.value


def of(*classes: type[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cls", classes, ids=[cls.__name__ for cls in classes])


# Faces


@of(*SWAPS)
@pytest.mark.parametrize("field", ["source_image", "target_image"])
@pytest.mark.parametrize("count", [0, 9])
def test_a_swap_takes_one_to_eight_faces(cls: type[Any], field: str, count: int) -> None:
    error = refused(cls, **{field: [MARKED] * count})
    assert (error.field, error.rule) == (field, "must hold 1 to 8 faces")
    assert error.value == (MARKED,) * count


@of(*REAGES)
@pytest.mark.parametrize("count", [0, 9])
def test_a_reage_takes_one_to_eight_faces(cls: type[Any], count: int) -> None:
    error = refused(cls, target_image=[MARKED] * count)
    assert (error.field, error.rule) == ("target_image", "must hold 1 to 8 faces")


@of(*SWAPS)
def test_a_swap_of_eight_faces_is_fine(cls: type[Any]) -> None:
    value = built(cls, source_image=[MARKED] * 8, target_image=[MARKED] * 8)
    assert len(value.source_image) == len(value.target_image) == 8


@of(*SWAPS)
@pytest.mark.parametrize(("sources", "targets"), [(1, 2), (2, 1), (8, 7)])
def test_a_swap_needs_as_many_new_faces_as_old_ones(
    cls: type[Any], sources: int, targets: int
) -> None:
    error = refused(cls, source_image=[MARKED] * sources, target_image=[MARKED] * targets)
    assert error.field == "source_image"
    assert error.value == (MARKED,) * sources
    assert error.rule == "must hold as many faces as target_image"


@of(*SWAPS)
@pytest.mark.parametrize("field", ["source_image", "target_image"])
@pytest.mark.parametrize("opts", [None, ""])
def test_several_faces_to_swap_need_landmarks(cls: type[Any], field: str, opts: str | None) -> None:
    both: dict[str, Any] = {"source_image": [MARKED, MARKED], "target_image": [MARKED, MARKED]}
    error = refused(cls, **(both | {field: [MARKED, Face(PICTURE, opts=opts)]}))
    assert error.field == f"{field}[1].opts"
    assert error.rule == "is required with more than one face"


@of(*REAGES)
def test_several_faces_to_age_need_landmarks(cls: type[Any]) -> None:
    error = refused(cls, target_image=[FACE, MARKED])
    assert error.field == "target_image[0].opts"


@of(*SWAPS, *REAGES)
def test_one_face_needs_no_landmarks(cls: type[Any]) -> None:
    assert built(cls).target_image == (FACE,)


@pytest.mark.parametrize(
    "opts", ["262,175:363,175:313,215:272,279", "1,2:3,4:5,6:7,8:0,0:0,0", "-1,2.5:3,4", "1,2"]
)
def test_landmarks_are_points_joined_by_colons(opts: str) -> None:
    assert Face(PICTURE, opts=opts).opts == opts


@pytest.mark.parametrize(
    "opts", ["left eye", "1", "1,2:3", "1,2,3,4", "1,2: 3,4", "1,2:3,4:", "\u0660,\u0660"]
)
def test_landmarks_of_another_form_are_refused(opts: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Face(PICTURE, opts=opts)
    assert (caught.value.field, caught.value.value) == ("opts", opts)
    assert "x,y joined by colons" in caught.value.rule


def test_an_empty_text_means_no_landmarks() -> None:
    assert Face(PICTURE, opts="") == Face(PICTURE)


@of(*SWAPS, *REAGES)
def test_faces_may_be_plain_dicts(cls: type[Any]) -> None:
    value = built(cls, target_image=[{"path": PICTURE, "opts": MARKS}])
    assert value.target_image == (MARKED,)


@pytest.mark.parametrize(
    ("face", "field"),
    [
        ({"path": "ftp://example.com/a.png"}, "target_image[0].path"),
        ({"path": PICTURE, "opts": 5}, "target_image[0].opts"),
        ({"opts": MARKS}, "target_image[0]"),
        ("no address", "target_image[0].path"),
        (7, "target_image[0]"),
        (None, "target_image[0]"),
    ],
)
@of(*REAGES)
def test_a_wrong_face_is_named_by_its_place(cls: type[Any], face: object, field: str) -> None:
    assert refused(cls, target_image=[face]).field == field


def test_a_face_alone_is_checked_too() -> None:
    error = refused(Face, path="example.com/a.png")
    assert (error.field, error.value) == ("path", "example.com/a.png")
    assert Face(PICTURE) == Face(path=PICTURE)


# Years


@of(*REAGES)
@given(years=st.integers())
def test_years_run_from_thirty_younger_to_thirty_older(cls: type[Any], years: int) -> None:
    if -30 <= years <= 30:
        assert built(cls, face_reage=years).face_reage == years
    else:
        error = refused(cls, face_reage=years)
        assert (error.field, error.value) == ("face_reage", years)
        assert "30" in error.rule


@of(*REAGES)
@pytest.mark.parametrize("years", ["10", None, True, 10.5, [10]])
def test_years_are_a_whole_number(cls: type[Any], years: object) -> None:
    error = refused(cls, face_reage=years)
    assert error.field == "face_reage"
    assert error.rule.startswith("must be a whole number")


# Speech


@of(*SPEECHES)
@given(percent=st.integers(-1000, 1000))
def test_the_rate_runs_from_nought_to_a_hundred_percent(cls: type[Any], percent: int) -> None:
    if 0 <= percent <= 100:
        assert built(cls, rate=f"{percent}%").rate == f"{percent}%"
    else:
        assert refused(cls, rate=f"{percent}%").field == "rate"


@of(*SPEECHES)
@pytest.mark.parametrize(
    "rate", ["", "%", "80", "80 %", "fast", "8.5%", "1e1%", "80%%", "\uff18\uff10%"]
)
def test_a_rate_is_written_as_a_percentage(cls: type[Any], rate: str) -> None:
    error = refused(cls, rate=rate)
    assert (error.field, error.value) == ("rate", rate)
    assert error.rule == "must be a percentage from 0% to 100%"


@of(*SPEECHES)
def test_a_text_holds_up_to_five_thousand_words(cls: type[Any]) -> None:
    assert built(cls, input_text="word " * 5000)
    error = refused(cls, input_text="word " * 5001)
    assert error.field == "input_text"
    assert "5000" in error.rule


@of(*SPEECHES)
@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_says_something(cls: type[Any], text: str) -> None:
    assert refused(cls, input_text=text).field == "input_text"


def test_a_voice_is_named() -> None:
    assert refused(TTS, voice_id="").field == "voice_id"


def test_a_clone_takes_exactly_one_voice() -> None:
    error = refused(VoiceClone, voice_id="v")
    assert error.field == "voice_url"
    assert error.rule == "exactly one of voice_url and voice_id must be given"
    assert refused(VoiceClone, voice_url=None).rule == error.rule
    assert built(VoiceClone, voice_url=None, voice_id="v").voice_id == "v"


# Addresses

URLS = [
    (ImageFaceswap, "modify_image"),
    (VideoFaceswap, "modify_video"),
    (ImageReage, "modify_image"),
    (VideoReage, "modify_video"),
    (VoiceClone, "voice_url"),
    *((cls, "webhook_url") for cls in VALID),
]


@pytest.mark.parametrize(("cls", "field"), URLS)
@pytest.mark.parametrize(
    "url",
    ["example.com/a", "ftp://example.com", "file:///a", "https://", "http:///a", "https://a b/c"],
)
def test_an_address_is_http_or_https(cls: type[Any], field: str, url: str) -> None:
    error = refused(cls, **{field: url})
    assert (error.field, error.value) == (field, url)
    assert error.rule.startswith("must be an http or https URL")


@pytest.mark.parametrize(("cls", "field"), URLS)
@pytest.mark.parametrize("url", ["HTTPS://EXAMPLE.COM/a.png?b=c#d", "http://localhost:3007/hook"])
def test_an_address_is_kept_as_it_was_given(cls: type[Any], field: str, url: str) -> None:
    assert getattr(built(cls, **{field: url}), field) == url


@of(*VALID)
def test_an_empty_webhook_address_means_none(cls: type[Any]) -> None:
    value = built(cls, webhook_url="")
    assert value.webhook_url is None
    assert value == built(cls)
    assert "webhookUrl" not in value.to_wire()


# Flags, ids, and the other calls


@of(*SWAPS)
@pytest.mark.parametrize(("given", "kept"), [(True, True), (False, False), (1, True), (0, False)])
def test_a_flag_is_a_bool_here_and_a_number_on_the_wire(
    cls: type[Any], given: object, *, kept: bool
) -> None:
    value = built(cls, face_enhance=given)
    assert value.face_enhance is kept
    assert json.dumps(value.to_wire()["face_enhance"]) == str(int(kept))


@of(*SWAPS)
@pytest.mark.parametrize("flag", [2, -1, "1", "yes", None])
def test_a_flag_is_nothing_else(cls: type[Any], flag: object) -> None:
    assert refused(cls, face_enhance=flag).field == "face_enhance"


IDS: list[tuple[Callable[..., Any], str, str]] = [
    (GetFaceswaps, "ids", "_ids"),
    (DeleteFaceswaps, "ids", "_ids"),
    (CancelFaceswaps, "job_ids", "job_ids"),
]


@pytest.mark.parametrize(("cls", "field", "wire_name"), IDS)
def test_ids_are_a_sequence_here_and_a_comma_list_on_the_wire(
    cls: Callable[..., Any], field: str, wire_name: str
) -> None:
    value = cls(**{field: ["a1", "b2"]})
    assert getattr(value, field) == ("a1", "b2")
    assert value.to_wire() == {wire_name: "a1,b2"}
    assert type(value).from_wire({wire_name: "a1,b2"}) == value


@pytest.mark.parametrize(("cls", "field", "wire_name"), IDS)
@pytest.mark.parametrize("ids", [[], "", [""], ["a,b"], ["a", ""], [5], None, 5])
def test_ids_are_neither_empty_nor_joined(
    cls: Callable[..., Any], field: str, wire_name: str, ids: object
) -> None:
    with pytest.raises(InvalidInput) as caught:
        cls(**{field: ids})
    assert caught.value.field.startswith(field)
    assert wire_name


def test_one_id_is_not_empty() -> None:
    assert refused(GetAudio, id="").field == "id"


@pytest.mark.parametrize("source", [1, 5, "3", True])
def test_voices_come_from_akool_or_from_the_account(source: object) -> None:
    assert refused(ListVoices, from_=source).field == "from_"
    assert built(ListVoices, from_=4).to_wire()["from"] == 4


def test_a_token_is_exchanged_for_both_halves_or_for_the_client_s_own() -> None:
    assert refused(GetToken, client_id="a").field == "client_id"
    assert refused(GetToken, client_secret="b").field == "client_id"
    assert "canary" not in repr(GetToken(client_id="a", client_secret="canary"))


def test_a_secret_of_a_wrong_type_is_refused_unseen() -> None:
    error = refused(GetToken, client_id="a", client_secret=b"canary")
    assert error.field == "client_secret"
    assert "canary" not in str(error) + repr(vars(error))


@of(*VALID)
@pytest.mark.parametrize("url", [0, False, [], {}, b""])
def test_only_an_empty_text_means_no_webhook(cls: type[Any], url: object) -> None:
    assert refused(cls, webhook_url=url).field == "webhook_url"


class Text(str):
    """A text of a class of its own, as some frameworks make them."""

    __slots__ = ()


def test_a_text_of_any_class_is_sent_as_a_text() -> None:
    value = built(TTS, input_text=Text("Hello"))
    assert value.encode() == built(TTS).encode()
    assert GetFaceswaps(ids=[Text("a")]).encode() == GetFaceswaps(ids=["a"]).encode()


@pytest.mark.parametrize("field", ["input_text", "voice_id"])
def test_a_text_that_cannot_be_sent_is_refused(field: str) -> None:
    assert refused(TTS, **{field: "a\ud800"}).field == field
    assert refused(GetFaceswaps, ids=["a\ud800"]).field == "ids"


def test_a_rate_of_endless_digits_is_refused_like_any_other() -> None:
    assert refused(TTS, rate="9" * 5000 + "%").field == "rate"


# Types before rules


@of(*VALID)
def test_no_wrong_type_escapes_as_anything_but_invalid_input(cls: type[Any]) -> None:
    for field in VALID[cls]:
        for wrong in (object(), b"bytes", 5.5, {"a": 1}, {1}, ..., len):
            assert refused(cls, **{field: wrong}).field.startswith(field)


@of(*VALID)
@given(data=st.data())
def test_whatever_is_put_in_a_field_builds_a_value_or_is_refused(
    cls: type[Any], data: st.DataObject
) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=6,
    )
    field = data.draw(st.sampled_from(sorted(VALID[cls])))
    try:
        value = built(cls, **{field: data.draw(anything)})
    except InvalidInput as error:
        assert error.field.startswith((field, "voice_url"))  # noqa: PT017
    else:
        assert cls.from_wire(value.to_wire()) == value


def test_a_type_is_checked_before_a_rule_sees_the_value() -> None:
    error = refused(TTS, input_text=5)
    assert error.rule == "must be a text, not a number"


def test_an_error_says_what_was_wrong_with_what() -> None:
    error = refused(ImageReage, face_reage=31)
    assert str(error).startswith("ImageReage.face_reage: ")
    assert str(error).endswith("got 31")
    assert isinstance(error, ValueError)


# What is kept


class Row(Sequence[Face]):
    """A sequence that is neither a list nor a tuple."""

    def __getitem__(self, index: Any) -> Any:
        return [MARKED, MARKED][index]

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize("faces", [[MARKED] * 2, (MARKED,) * 2, deque([MARKED] * 2), Row()])
@of(*REAGES)
def test_any_sequence_is_taken_and_kept_as_a_tuple(cls: type[Any], faces: Sequence[Face]) -> None:
    assert built(cls, target_image=faces).target_image == (MARKED, MARKED)


def test_changing_a_list_later_does_not_change_the_request() -> None:
    faces = [MARKED]
    value = built(ImageReage, target_image=faces)
    faces.append(MARKED)
    assert value.target_image == (MARKED,)


@of(*VALID)
def test_a_value_is_frozen_comparable_and_hashable(cls: type[Any]) -> None:
    value = built(cls)
    assert value == built(cls)
    assert hash(value) == hash(built(cls))
    with pytest.raises(AttributeError):
        value.webhook_url = PICTURE


@of(*VALID)
def test_a_value_travels_between_processes(cls: type[Any]) -> None:
    assert pickle.loads(pickle.dumps(built(cls))) == built(cls)


@of(*VALID)
def test_a_value_takes_its_fields_by_name_only(cls: type[Any]) -> None:
    with pytest.raises(TypeError):
        cls(*VALID[cls].values())


# To the wire and back

texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
urls = st.from_regex(r"https?://[a-z]{1,9}\.example/[a-z0-9]{0,9}", fullmatch=True)
faces = st.builds(
    Face, urls, opts=st.from_regex(r"[0-9]+,[0-9]+(:[0-9]+,[0-9]+){3}", fullmatch=True)
)
hooks = st.none() | urls
pairs = st.integers(1, 8).flatmap(
    lambda count: st.tuples(*[st.lists(faces, min_size=count, max_size=count)] * 2)
)
requests: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        lambda pair, url, hook, flag: ImageFaceswap(
            source_image=pair[0],
            target_image=pair[1],
            modify_image=url,
            webhook_url=hook,
            face_enhance=flag,
        ),
        *(pairs, urls, hooks, st.booleans()),
    ),
    st.builds(
        VideoReage,
        target_image=st.lists(faces, min_size=1, max_size=8),
        face_reage=st.integers(-30, 30),
        modify_video=urls,
        webhook_url=hooks,
    ),
    st.builds(TTS, input_text=texts, voice_id=texts, webhook_url=hooks),
    st.builds(VoiceClone, input_text=texts, voice_url=urls, rate=st.just("7%")),
    st.builds(GetFaceswaps, ids=st.lists(texts.filter(lambda text: "," not in text), min_size=1)),
)


@given(requests)
def test_a_request_survives_the_wire(request: Input) -> None:
    sent = json.loads(json.dumps(request.to_wire()))
    assert type(request).from_wire(sent) == request
    assert None not in sent.values()


@of(*VALID)
def test_a_field_that_does_not_exist_is_refused_by_name(cls: type[Any]) -> None:
    sent = built(cls).to_wire() | {"modify_photo": PICTURE}
    with pytest.raises(InvalidInput) as caught:
        cls.from_wire(sent)
    assert (caught.value.field, caught.value.rule) == ("modify_photo", "is not a field")


@of(*VALID)
def test_a_required_field_that_is_missing_is_named_as_on_the_wire(cls: type[Any]) -> None:
    required = [field for field in msgspec.structs.fields(cls) if field.required]
    for field in required:
        sent = built(cls).to_wire()
        del sent[field.encode_name]
        with pytest.raises(InvalidInput) as caught:
            cls.from_wire(sent)
        assert (caught.value.field, caught.value.rule) == (field.encode_name, "is required")
    assert required


# Where fields stand


class Lending(Value, abstract=True):
    first: Sequence[int] = ()
    second: str = msgspec.field(name="2nd", default="")


class LendingMore(Lending, abstract=True):
    third: int = 3


class Borrowing(LendingMore):
    own: int = 0
    second: str = msgspec.field(name="2nd", default="")
    last: int = 0


class Inheriting(Borrowing):
    more: int = 0


def test_fields_of_abstract_classes_stand_first_or_where_they_are_named_again() -> None:
    assert not Lending.__struct_fields__
    assert not LendingMore.__struct_fields__
    assert Borrowing.__struct_fields__ == ("first", "third", "own", "second", "last")
    assert Inheriting.__struct_fields__ == (*Borrowing.__struct_fields__, "more")


def test_they_are_fields_as_all_others() -> None:
    assert Inheriting() == Inheriting(first=(), second="", third=3, own=0, last=0, more=0)
    read = msgspec.json.decode(b'{"first":[1],"2nd":"b","third":4}', type=Inheriting)
    assert (list(read.first), read.second, read.third) == ([1], "b", 4)
    assert msgspec.json.decode(msgspec.json.encode(read), type=Inheriting) == read
    with pytest.raises(msgspec.ValidationError, match=r"\$.third"):
        msgspec.json.decode(b'{"third":"four"}', type=Inheriting)
    with pytest.raises(AttributeError):
        read.third = 5  # type: ignore[misc]


def test_a_field_that_is_named_again_without_its_type_is_no_field_by_oversight() -> None:
    with pytest.raises(TypeError, match="third"):

        class _Careless(LendingMore):
            third = 4


def test_a_field_of_an_abstract_class_may_be_required() -> None:
    class Asking(Value, abstract=True):
        wanted: int

    class Answering(Asking):
        own: int = 0

    assert Answering(wanted=1).wanted == 1
    with pytest.raises(TypeError, match="wanted"):
        Answering()  # type: ignore[call-arg]
