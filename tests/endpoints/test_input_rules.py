"""What Akool's pages ask for: everything else is refused by name before anything is sent."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import Akool, InvalidInput
from akool_async.endpoints import (
    ENDPOINTS,
    OPERATIONS,
    AnalyzeContent,
    AudioElement,
    AvatarElement,
    AvatarType,
    Button,
    ContentType,
    DetectFaces,
    GenerateImage,
    ImageElement,
    ImageReage,
    ListSessions,
    OpenSession,
    RefineImage,
    ReplaceBackground,
    Scale,
    TalkingAvatar,
    TranslateVideo,
    UploadAvatar,
)
from akool_async.protocol.fields import plan_of
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.conftest import Example

PICTURE = "https://media.example/a.png"
MOVIE = "https://media.example/a.mp4"
SPEECH = "https://media.example/a.mp3"

PLACE: Mapping[str, Any] = {"scale_x": 1, "scale_y": 1, "offset_x": 0, "offset_y": 0}
AVATAR: Mapping[str, Any] = {"type": "avatar", "avatar_id": "Alma", **PLACE}
OWN_AVATAR: Mapping[str, Any] = {"type": "avatar", "url": MOVIE, **PLACE}
BACKDROP: Mapping[str, Any] = {"type": "image", "url": PICTURE, **PLACE}
AUDIO: Mapping[str, Any] = {"type": "audio", "url": SPEECH}

VALID: Mapping[str, Mapping[str, Any]] = {
    "image.generate": {"prompt": "a red fox"},
    "image.refine": {"id": "65d3", "button": "U1"},
    "image.replace_background": {
        "origin_img": PICTURE,
        "modify_origin_img_size": "3060x3824",
        "overlay_origin_x": 388,
        "overlay_origin_y": 8,
        "canvas_size": "3840x3840",
    },
    "image.get": {"id": "65d3"},
    "video.lip_sync": {"video_url": MOVIE, "audio_url": SPEECH},
    "video.translate": {"url": MOVIE, "source_language": "en", "language": "fr"},
    "video.talking_photo": {"talking_photo_url": PICTURE, "audio_url": SPEECH},
    "video.talking_avatar": {"avatar_from": 2, "elements": [AVATAR, AUDIO]},
    "video.speaking_photo": {"talking_photo_url": PICTURE, "input_text": "hi", "voice_id": "v"},
    "video.speaking_avatar": {"avatar_id": "Alma", "input_text": "hi", "voice_id": "v"},
    "video.get": {"id": "65d3"},
    "moderation.analyze": {"content": PICTURE, "type": 1},
    "moderation.get": {"id": "65d3"},
    "avatar.upload": {"url": MOVIE, "avatar_id": "Alma1", "type": 1},
    "avatar.list": {},
    "avatar.get": {"id": "65d3"},
    "streaming.session": {"avatar_id": "Alma"},
    "streaming.avatars": {},
    "streaming.sessions": {},
    "streaming.get": {"id": "65d3"},
    "streaming.close": {"id": "65d3"},
    "faceswap.detect_legacy": {"image_url": PICTURE},
    "faceswap.swap": {"source": PICTURE, "target": MOVIE},
    "reage.photo": {"url": PICTURE, "years": 10},
}
"""One good call of each method, for the tests to spoil."""

URL_RULE = "must be an http or https URL"
NUMBER_RULE = "must be a"
TEXT_RULE = "must be a text"
EMPTY_RULE = "must not be empty"
SIZE_RULE = "must be a width and a height, such as 3840x2160"
COLOUR_RULE = "must be a colour such as #aafbe3"

Case = tuple[str, str, Any, str]
"""A method, a field, a value that is refused there, and how the rule begins."""


def _urls() -> list[Case]:
    fields = [
        ("image.generate", "source_image"),
        ("image.generate", "webhook_url"),
        ("image.refine", "webhook_url"),
        ("image.replace_background", "origin_img"),
        ("image.replace_background", "template_url"),
        ("image.replace_background", "webhook_url"),
        ("video.lip_sync", "video_url"),
        ("video.lip_sync", "audio_url"),
        ("video.lip_sync", "webhook_url"),
        ("video.translate", "url"),
        ("video.translate", "webhook_url"),
        ("video.talking_photo", "talking_photo_url"),
        ("video.talking_photo", "audio_url"),
        ("video.talking_photo", "webhook_url"),
        ("video.talking_avatar", "webhook_url"),
        ("video.speaking_photo", "talking_photo_url"),
        ("video.speaking_avatar", "webhook_url"),
        ("moderation.analyze", "webhook_url"),
        ("avatar.upload", "url"),
        ("streaming.session", "background_url"),
        ("streaming.session", "webhook_url"),
        ("faceswap.detect_legacy", "image_url"),
        ("faceswap.swap", "source"),
        ("faceswap.swap", "target"),
        ("reage.photo", "url"),
    ]
    wrong = ("ftp://media.example/a", "a.png", "https://", "https://[a.b/c.png", "https://?a=b")
    return [(name, field, value, URL_RULE) for name, field in fields for value in wrong]


def _ids() -> list[Case]:
    fields = [
        *((name, "id") for name, valid in VALID.items() if "id" in valid),
        ("image.generate", "prompt"),
        ("video.translate", "source_language"),
        ("video.translate", "language"),
        ("video.speaking_avatar", "avatar_id"),
        ("video.speaking_photo", "voice_id"),
        ("streaming.session", "avatar_id"),
    ]
    return [
        case
        for name, field in fields
        for case in ((name, field, "", EMPTY_RULE), (name, field, 5, TEXT_RULE))
    ]


def _backgrounds() -> list[Case]:
    name = "image.replace_background"
    sizes = (
        "",
        "x",
        "3840",
        "3840x",
        "0x10",
        "10x0",
        "-1x5",
        "3840X2160",
        "1x1\n",
        "1.5x2",
        "1x1x1",
    )
    colours = ("", "aafbe3", "#aafbe", "#aafbe34", "#gggggg", "red", "#aafbe3\n")
    places = ("overlay_origin_x", "overlay_origin_y")
    goes = "goes together with template_url"
    return [
        *((name, "modify_origin_img_size", size, SIZE_RULE) for size in sizes),
        *((name, "canvas_size", size, SIZE_RULE) for size in sizes),
        *((name, "color_code", colour, COLOUR_RULE) for colour in colours),
        *((name, place, wrong, NUMBER_RULE) for place in places for wrong in ("5", 1.5, None)),
        (name, "remove_bg", 1, "must be True or False"),
        # Its place is asked for only where there is a background picture.
        (name, "modify_template_size", "10x10", goes),
        (name, "overlay_template_x", 0, goes),
        (name, "overlay_template_y", -5, goes),
    ]


def _choices() -> list[Case]:
    scales = "must be one of 1:1, 4:3, 3:4, 16:9, 9:16, 3:2, 2:3"
    buttons = "must be one of U1, U2, U3, U4, V1, V2, V3, V4"
    return [
        *(("image.generate", "scale", wrong, scales) for wrong in ("2:1", "", "SQUARE", 1, None)),
        *(("image.refine", "button", wrong, buttons) for wrong in ("U5", "u1", "", "W1", 1, None)),
        *(
            ("moderation.analyze", "type", wrong, "must be one of 1, 2, 3, 4")
            for wrong in (0, 5, "1", "image", None, True)
        ),
        *(
            ("avatar.upload", "type", wrong, "must be one of 1, 2")
            for wrong in (0, 3, "2", None, True)
        ),
        *(("avatar.list", "type", wrong, "must be one of 1, 2") for wrong in (0, 3, "2")),
        *(("avatar.list", "from_", wrong, "must be one of 2, 3") for wrong in (0, 1, 4)),
        *(("avatar.upload", "url_from", wrong, "must be one of 1, 2") for wrong in (0, 3)),
        *(("streaming.sessions", "status", wrong, "must be one of") for wrong in ("1", 1.5)),
    ]


def _bounds() -> list[Case]:
    lists = ("avatar.list", "streaming.avatars", "streaming.sessions")
    return [
        *((name, field, 0, "must be ") for name in lists for field in ("page", "size")),
        *((name, field, "2", NUMBER_RULE) for name in lists for field in ("page", "size")),
        ("streaming.avatars", "size", 101, "must be from 1 to 100"),
        ("streaming.session", "duration", 0, "must be from 1 to 3600"),
        ("streaming.session", "duration", 3601, "must be from 1 to 3600"),
        *(("streaming.session", "duration", wrong, NUMBER_RULE) for wrong in ("60", 1.5, True)),
        ("reage.photo", "years", 31, "must be from -30 to 30"),
        ("reage.photo", "years", -31, "must be from -30 to 30"),
        *(
            ("video.speaking_avatar", "avatar_from", wrong, "must be one of 2, 3")
            for wrong in (0, 1, 4)
        ),
        ("video.speaking_photo", "rate", "101%", "must be a percentage"),
        ("video.speaking_photo", "input_text", " ", "must hold 1 to 5000 words"),
    ]


def _moderation() -> list[Case]:
    url = "must be an http or https URL unless it is a text"
    return [
        ("moderation.analyze", "content", "a picture", url),
        ("moderation.analyze", "content", "https://", url),
        ("moderation.analyze", "content", "", EMPTY_RULE),
        *(
            ("moderation.analyze", "language", wrong, "must be two letters")
            for wrong in ("", "eng", "e", "e1", "en\n", "\u00e9n")
        ),
        ("moderation.analyze", "input", 5, TEXT_RULE),
    ]


def _avatar_ids() -> list[Case]:
    wrong = ("", "a_b", "a-b", "a b", "a\n", "\u00e4", "\u0661")
    rule = "must be letters and digits only"
    return [("avatar.upload", "avatar_id", each, rule) for each in wrong]


def _elements() -> list[Case]:
    name, field = "video.talking_avatar", "elements"
    return [
        (name, field, [], "must hold at least one element"),
        (name, field, "avatar", "must be a list of"),
        (name, "avatar_from", 1, "must be one of 2, 3"),
        (name, "avatar_from", "2", "must be one of 2, 3"),
        (name, "width", 1920, "must be 3840"),
        (name, "height", 1080, "must be 2160"),
    ]


CASES = [
    *(*_urls(), *_ids(), *_backgrounds(), *_choices(), *_bounds()),
    *(*_moderation(), *_avatar_ids(), *_elements()),
]


async def call(akool: Akool, name: str, **arguments: Any) -> object:
    """Call a method of the client; await it if it is a coroutine."""
    namespace, _, verb = name.partition(".")
    made = getattr(getattr(akool, namespace), verb)(**arguments)
    return await made if inspect.iscoroutine(made) else made


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
async def test_a_value_that_breaks_a_rule_is_refused_before_anything_is_sent(
    case: Case, simulator: Simulator, akool: Akool
) -> None:
    name, field, value, rule = case
    with pytest.raises(InvalidInput) as caught:
        await call(akool, name, **{**VALID[name], field: value})
    error = caught.value
    assert error.field == field
    assert error.value == (() if value == [] else value)  # sequences are kept as tuples
    assert error.rule.startswith(rule)
    assert akool.stats.queued == 0
    assert simulator.requests.total() == 0


@pytest.mark.parametrize("name", [name for name in VALID if name in OPERATIONS])
async def test_an_operation_that_keeps_the_rules_is_taken(name: str, akool: Akool) -> None:
    job: Any = await call(akool, name, **VALID[name])
    await job.created()
    assert job.name == name


# Every field of every endpoint


JUNK: tuple[Any, ...] = (object(), 1j, {"a": 1}, [[]], b"bytes", [None], {"type": "nothing"})


@pytest.mark.parametrize("name", {cls.name: None for cls in ENDPOINTS.values()})
def test_junk_is_refused_in_every_field_of_every_endpoint(name: str, example: Example) -> None:
    request = example(name)
    for plan in plan_of(type(request)):
        for junk in (*JUNK, None) if plan.required else JUNK:
            with pytest.raises(InvalidInput) as caught:
                msgspec.structs.replace(request, **{plan.name: junk})
            assert re.match(rf"{plan.name}\b", caught.value.field)


# Enums


@pytest.mark.parametrize("scale", Scale)
def test_a_scale_is_given_by_member_or_by_value(scale: Scale) -> None:
    by_member = GenerateImage(prompt="a fox", scale=scale)
    by_value = GenerateImage(prompt="a fox", scale=scale.value)
    assert by_member == by_value
    assert type(by_value.scale) is Scale
    assert by_value.to_wire()["scale"] == scale.value


@pytest.mark.parametrize("button", Button)
def test_a_button_is_given_by_member_or_by_value(button: Button) -> None:
    assert RefineImage(id="65d3", button=button) == RefineImage(id="65d3", button=button.value)
    assert RefineImage(id="65d3", button=button.value).to_wire()["button"] == button.value


def test_kinds_are_given_by_member_or_by_number() -> None:
    by_member = UploadAvatar(url=MOVIE, avatar_id="a", type=AvatarType.STREAMING)
    assert by_member == UploadAvatar(url=MOVIE, avatar_id="a", type=2)
    assert by_member.to_wire()["type"] == 2  # T11: the page says text
    judged = AnalyzeContent(content="hello", type=ContentType.TEXT)
    assert judged == AnalyzeContent(content="hello", type=4)
    assert judged.to_wire() == {"content": "hello", "type": 4}


# Backgrounds


TEMPLATE: Mapping[str, Any] = {
    "template_url": PICTURE,
    "modify_template_size": "3830x3830",
    "overlay_template_x": 5,
    "overlay_template_y": -6,
}


@pytest.mark.parametrize("colour", [{}, {"color_code": "#aafbe3"}], ids=["", "colour"])
@pytest.mark.parametrize(
    "template", [{}, {"template_url": PICTURE}, TEMPLATE], ids=["", "picture", "placed"]
)
def test_a_background_is_a_colour_or_a_picture_or_both_or_none(
    colour: Mapping[str, Any], template: Mapping[str, Any]
) -> None:
    given = {**VALID["image.replace_background"], **colour, **template}
    sent = ReplaceBackground(**given).to_wire()
    assert sent == {**given, "removeBg": False}


def test_a_foreground_may_stand_out_of_the_canvas() -> None:
    given = {**VALID["image.replace_background"], "overlay_origin_x": -72, "remove_bg": True}
    sent = ReplaceBackground(**given).to_wire()
    assert (sent["overlay_origin_x"], sent["removeBg"]) == (-72, True)


# Talking avatars


def test_a_talking_avatar_has_the_one_size_that_there_is() -> None:
    value = TalkingAvatar(avatar_from=2, elements=[AudioElement(url=SPEECH)])
    assert (value.to_wire()["width"], value.to_wire()["height"]) == (3840, 2160)
    same = TalkingAvatar(avatar_from=2, elements=value.elements, width=3840, height=2160)
    assert same == value


def test_elements_are_values_or_plain_dicts() -> None:
    values = (
        AvatarElement(url=MOVIE, width=1080, height=1080, **PLACE),
        ImageElement(url="#aafbe3", **PLACE),
        AudioElement(url=SPEECH),
    )
    dicts: list[Any] = [
        {**OWN_AVATAR, "width": 1080, "height": 1080},
        {**BACKDROP, "url": "#aafbe3"},
        AUDIO,
    ]
    built = TalkingAvatar(avatar_from=3, elements=dicts)
    assert built == TalkingAvatar(avatar_from=3, elements=values)
    assert built.elements == values
    assert [*built.to_wire()["elements"]] == dicts
    assert TalkingAvatar.from_wire(built.to_wire()) == built


def without(element: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in element.items() if key != name}


WRONG_ELEMENTS: list[tuple[Any, str, str]] = [
    *((without(AVATAR, name), "", f"needs {name}") for name in PLACE),
    *((without(BACKDROP, name), "", f"needs {name}") for name in PLACE),
    (without(BACKDROP, "url"), "", "needs url"),
    (without(AUDIO, "url"), ".url", "a recording, or input_text and voice_id, must be given"),
    ({**AUDIO, "input_text": "Hi"}, ".voice_id", "input_text and voice_id go together"),
    ({**AUDIO, "voice_id": "v"}, ".voice_id", "input_text and voice_id go together"),
    (without(AUDIO, "type"), "", "needs type"),
    ({**AUDIO, "type": "text"}, ".type", "invalid value 'text'"),
    ({**AUDIO, "volume": 5}, "", "has no 'volume'"),
    ({**AVATAR, "avatar_ID": "b"}, "", "has no 'avatar_ID'; did you mean 'avatar_id'?"),
    (without(AVATAR, "avatar_id"), ".avatar_id", "exactly one of avatar_id and url"),
    ({**AVATAR, "url": MOVIE}, ".avatar_id", "exactly one of avatar_id and url"),
    ({**AVATAR, "avatar_id": ""}, ".avatar_id", EMPTY_RULE),
    ({**AUDIO, "url": "a.mp3"}, ".url", URL_RULE),
    ({**OWN_AVATAR, "url": "a.mp4"}, ".url", URL_RULE),
    ({**BACKDROP, "url": "red"}, ".url", "must be an http or https URL, or a colour"),
    ({**BACKDROP, "url": "https://"}, ".url", "must be an http or https URL, or a colour"),
    ({**BACKDROP, "url": "#aafbe"}, ".url", "must be an http or https URL, or a colour"),
    ({**BACKDROP, "url": "#gggggg"}, ".url", "must be an http or https URL, or a colour"),
    ({**BACKDROP, "url": "https://a.example/b.gif"}, ".url", "must be png, jpg, jpeg, webp"),
    ({**BACKDROP, "url": "https://a.example/b.mp3"}, ".url", "must be png, jpg, jpeg, webp"),
    ({**BACKDROP, "url": "https://a.example/b.SVG?c"}, ".url", "must be png, jpg, jpeg, webp"),
    ({**OWN_AVATAR, "url": "https://a.example/b.webm?c.mp4"}, ".url", "must be png, jpg, jpeg"),
    ({**OWN_AVATAR, "url": "https://[a.example/b.mp4"}, ".url", URL_RULE),
    *(({**AVATAR, name: "1"}, f".{name}", "must be a number") for name in PLACE),
    *(({**AVATAR, "width": wrong}, ".width", "must be finite") for wrong in (math.inf, -math.inf)),
    ("audio", "", "must be "),
    (None, "", "must be "),
]


@pytest.mark.parametrize(("element", "field", "rule"), WRONG_ELEMENTS)
def test_a_wrong_element_is_named_by_its_place(element: Any, field: str, rule: str) -> None:
    elements: Any = [AUDIO, element]
    with pytest.raises(InvalidInput) as caught:
        TalkingAvatar(avatar_from=3, elements=elements)
    assert caught.value.field == f"elements[1]{field}"
    assert caught.value.rule.startswith(rule)


@pytest.mark.parametrize("number", [math.nan, 10**400], ids=["nan", "huge"])
@pytest.mark.parametrize("field", [*PLACE, "width", "height"])
@pytest.mark.parametrize("cls", [AvatarElement, ImageElement])
def test_a_number_that_no_float_holds_is_refused(cls: Any, field: str, number: float) -> None:
    source = {"avatar_id": "a"} if cls is AvatarElement else {"url": PICTURE}
    with pytest.raises(InvalidInput) as caught:
        cls(**{**PLACE, **source, field: number})
    assert (caught.value.field, caught.value.rule) == (field, "must be finite")


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://a.example/b.{kind}" for kind in ("png", "jpg", "jpeg", "webp", "WEBP")),
        *(f"https://a.example/b.{kind}?c=d" for kind in ("mp4", "mov", "avi", "MP4")),
        *("https://a.example/b", "https://a.example", "https://a.example/v1.5/b"),
        # Such names say nothing about what is there.
        *("https://a.example/b.php?id=1", "https://a.example/ann.v2", "https://a.example/b."),
    ],
)
def test_an_avatar_is_a_picture_or_a_movie_or_has_no_name(url: str) -> None:
    assert AvatarElement(url=url, **PLACE).url == url
    assert ImageElement(url=url, **PLACE).url == url


@pytest.mark.parametrize("colour", ["#fff", "#FFF", "#aafbe3", "#AAFBE3"])
def test_a_backdrop_may_be_a_colour(colour: str) -> None:
    assert ImageElement(url=colour, **PLACE).url == colour


def test_an_avatar_given_by_its_address_is_the_account_s_own() -> None:
    own = AvatarElement(url=MOVIE, **PLACE)
    with pytest.raises(InvalidInput) as caught:
        TalkingAvatar(avatar_from=2, elements=[AudioElement(url=SPEECH), own])
    assert (caught.value.field, caught.value.rule) == ("elements[1].url", "needs avatar_from=3")
    assert caught.value.value == MOVIE
    listed = AvatarElement(avatar_id="Alma", **PLACE)
    for source in (2, 3):
        assert TalkingAvatar(avatar_from=source, elements=[listed]).avatar_from == source


def test_a_face_of_a_misspelt_field_is_refused_too() -> None:
    face: Any = {"path": PICTURE, "opt": "262,175:363,175:313,215:272,279"}
    with pytest.raises(InvalidInput) as caught:
        ImageReage(target_image=[face], face_reage=10, modify_image=PICTURE)
    assert caught.value.field == "target_image[0]"
    assert "did you mean 'opts'" in caught.value.rule


# Moderation


@pytest.mark.parametrize("kind", ContentType)
def test_only_a_text_may_be_given_as_it_is(kind: ContentType) -> None:
    assert AnalyzeContent(content=PICTURE, type=kind).content == PICTURE
    if kind is ContentType.TEXT:
        assert AnalyzeContent(content="a few words", type=kind).content == "a few words"
        return
    with pytest.raises(InvalidInput) as caught:
        AnalyzeContent(content="a few words", type=kind)
    assert caught.value.field == "content"


@pytest.mark.parametrize("language", ["en", "EN", "zh"])
def test_a_language_is_two_letters(language: str) -> None:
    value = AnalyzeContent(content="hello", type=4, language=language, input="insults")
    assert value.to_wire() == {
        "content": "hello",
        "type": 4,
        "language": language,
        "input": "insults",
    }


@pytest.mark.parametrize("kind", ContentType)
def test_a_content_type_says_how_large_its_content_may_be(kind: ContentType) -> None:
    documented = inspect.getdoc(ContentType) or ""
    assert f"{kind.name}: " in documented


# Sessions, avatars, translations


@pytest.mark.parametrize("duration", [1, 60, 3600])
def test_a_session_lasts_up_to_an_hour(duration: int) -> None:
    value = OpenSession(avatar_id="dvp_Tristan_cloth2_1080P", duration=duration)
    assert value.to_wire() == {"avatar_id": "dvp_Tristan_cloth2_1080P", "duration": duration}
    assert "duration" not in OpenSession(avatar_id="Alma").to_wire()


@pytest.mark.parametrize("source", [1, 2])
def test_an_upload_says_what_kind_of_address_it_has(source: Any) -> None:
    value = UploadAvatar(url=MOVIE, avatar_id="HHdEKhn7k7vVBlR5FSi0e", type=2, url_from=source)
    assert value.to_wire()["url_from"] == source


def test_sessions_are_listed_by_any_status_that_akool_may_know() -> None:
    assert ListSessions(status=3).to_wire() == {"page": 1, "size": 100, "status": 3}
    assert ListSessions(status=7).to_wire()["status"] == 7  # T17
    assert "status" not in ListSessions().to_wire()


@pytest.mark.parametrize("field", ["merge_interval", "face_enhance"])
def test_what_akool_has_deprecated_is_no_field(field: str) -> None:
    wire = {"url": MOVIE, "source_language": "en", "language": "fr", field: 1}
    with pytest.raises(InvalidInput) as caught:
        TranslateVideo.from_wire(wire)
    assert (caught.value.field, caught.value.rule) == (field, "is not a field")
    with pytest.raises(TypeError, match=field):
        TranslateVideo(url=MOVIE, source_language="en", language="fr", **{field: 1})  # type: ignore[arg-type]
    assert field not in {plan.name for plan in plan_of(TranslateVideo)}


def test_a_translation_says_whether_to_move_the_mouths() -> None:
    wire = {"url": MOVIE, "source_language": "en", "language": "fr"}
    assert TranslateVideo.from_wire(wire).to_wire() == {**wire, "lipsync": False}


# Detection


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "image_url"),
        ({"image_url": "a.png"}, "image_url"),
        ({"image_url": 5}, "image_url"),
        ({"img": ""}, "img"),
        ({"img": b""}, "img"),
        ({"img": 5}, "img"),
        ({"img": "no/such/file.png"}, "img"),
        ({"image_url": PICTURE, "single_face": 1}, "single_face"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
async def test_detection_needs_a_picture(
    arguments: Any, field: str, *, legacy: bool, simulator: Simulator, akool: Akool
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await akool.faceswap.detect(**arguments, legacy=legacy)
    assert caught.value.field == field
    assert simulator.requests.total() == 0


async def test_a_file_that_is_not_there_is_missed_before_anything_is_sent(
    tmp_path: Path, simulator: Simulator, akool: Akool
) -> None:
    with pytest.raises(FileNotFoundError):
        await akool.faceswap.detect(img=tmp_path / "none.png")
    assert simulator.requests.total() == 0


@pytest.mark.parametrize("frames", [0, 101, "5", 1.5, None])
def test_a_video_is_looked_at_in_one_to_a_hundred_frames(frames: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        DetectFaces(image_url=MOVIE, num_frames=frames)
    assert caught.value.field == "num_frames"
    assert DetectFaces(image_url=MOVIE, num_frames=100).to_wire()["num_frames"] == 100
