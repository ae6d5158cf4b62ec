"""Wrong arguments are told in words: what is wrong, what is meant, and what is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from akool_async import Face, InvalidInput, Retry, Timeout
from akool_async.endpoints import (
    TTS,
    AgeFaces,
    GenerateImage,
    ImageReage,
    StudioVoice,
    TalkingAvatar,
)
from akool_async.protocol.arguments import meant_by, unknown_attribute

PHOTO = "https://photos.example/ann.jpg"
RIGHT: dict[str, Any] = {"target_image": [Face(PHOTO)], "face_reage": 5, "modify_image": PHOTO}

ANY: Any = object()


def refusal(build: Callable[..., Any], *args: Any, **fields: Any) -> str:
    with pytest.raises(TypeError) as caught:
        build(*args, **fields)
    assert not isinstance(caught.value, InvalidInput)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_akools_spelling_of_a_name_is_answered_with_ours() -> None:
    fields = {"targetImage": RIGHT["target_image"], "face_reage": 5, "modify_image": PHOTO}
    assert refusal(ImageReage, **fields) == (
        "ImageReage() got an unexpected keyword argument 'targetImage':"
        " it takes target_image (Akool: targetImage)."
        " It needs target_image, face_reage and modify_image, and may get webhook_url"
    )


@pytest.mark.parametrize(
    ("cls", "written", "meant"),
    [
        (ImageReage, "modify_img", "modify_image (Akool: modifyImage)"),
        (ImageReage, "MODIFY_IMAGE", "modify_image (Akool: modifyImage)"),
        (TTS, "inputText", "input_text"),
        (TTS, "voice", "voice_id"),
        (AgeFaces, "year", "years"),
        (Face, "pth", "path"),
        (Timeout, "totl", "total"),
        (Retry, "attempt", "attempts"),
    ],
)
def test_a_name_that_is_nearly_right_is_named(cls: Any, written: str, meant: str) -> None:
    assert f"unexpected keyword argument {written!r}: it takes {meant}" in refusal(
        cls, **{written: ANY}
    )


def test_a_name_that_is_like_none_gets_what_is_taken_only() -> None:
    assert refusal(Timeout, xyz=1) == (
        "Timeout() got an unexpected keyword argument 'xyz'. It may get total and connect"
    )


def test_all_missing_arguments_are_named_at_once() -> None:
    assert refusal(ImageReage) == (
        "ImageReage() misses target_image (Akool: targetImage), face_reage"
        " and modify_image (Akool: modifyImage)"
    )
    assert refusal(Face) == "Face() misses path"


def test_what_an_unknown_name_means_is_not_missing_as_well() -> None:
    told = refusal(ImageReage, targetImage=[Face(PHOTO)], modifyImage=PHOTO)
    assert "misses face_reage. It needs" in told


def test_arguments_by_position_are_counted() -> None:
    assert refusal(ImageReage, PHOTO, **RIGHT).startswith(
        "ImageReage() takes nothing by position, and 1 were given: name the others"
    )
    assert refusal(Face, PHOTO, "", 3).startswith(
        "Face() takes path or opts by position, and 3 were given"
    )


def test_an_argument_that_is_given_twice_is_named() -> None:
    assert refusal(Face, PHOTO, path=PHOTO).startswith(
        "Face() got path twice, by position and by name"
    )


def test_a_type_error_of_another_kind_stays_what_it_is() -> None:
    class Broken(Timeout):
        def check(self) -> None:
            raise TypeError("of its own")

    assert refusal(Broken) == "of its own"


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        ("targetImage", {"target_image": "target_image (Akool: targetImage)"}, "target_image"),
        ("_ids", {"ids": "ids (Akool: _ids)"}, "ids"),
        ("foo", {"voice_id": "voice_id", "rate": "rate"}, ""),
    ],
)
def test_spellings_are_compared_without_case_and_underscores(
    written: str, known: dict[str, str], meant: str
) -> None:
    assert meant_by(written, known) == meant


def test_an_unknown_attribute_is_told_with_the_nearest_one() -> None:
    told = unknown_attribute("akool.reage", "imge", ["image", "video", "_made"], "method")
    assert told == "akool.reage has no method 'imge'; did you mean 'image'?"
    assert unknown_attribute("it", "xyz", ["image"]) == "it has no attribute 'xyz'"


# Types and values, in words


@pytest.mark.parametrize(
    ("cls", "fields", "field", "rule"),
    [
        (TTS, {"input_text": 3, "voice_id": "v"}, "input_text", "must be a text, not a number"),
        (TTS, {"input_text": "x", "voice_id": ["v"]}, "voice_id", "must be a text, not a list"),
        (TTS, {"input_text": "x", "voice_id": None}, "voice_id", "must be a text, not None"),
        (
            ImageReage,
            RIGHT | {"target_image": 5},
            "target_image",
            "must be a list of Face, or of addresses, not a number",
        ),
        (
            ImageReage,
            RIGHT | {"target_image": [PHOTO, 5]},
            "target_image[1]",
            "must be a Face or its address, not a number",
        ),
        (ImageReage, RIGHT | {"target_image": [{}]}, "target_image[0]", "needs path"),
        (
            ImageReage,
            RIGHT | {"target_image": [{"path": PHOTO, "opt": "1,2"}]},
            "target_image[0]",
            "has no 'opt'; did you mean 'opts'?",
        ),
        (
            ImageReage,
            RIGHT | {"face_reage": "old"},
            "face_reage",
            "must be a whole number from -30 to 30, not a text",
        ),
        (ImageReage, RIGHT | {"face_reage": 31}, "face_reage", "must be from -30 to 30"),
        (
            ImageReage,
            RIGHT | {"modify_image": 3},
            "modify_image",
            "must be an address, or the path of a file, not a number",
        ),
        (
            TalkingAvatar,
            {"avatar_from": 2, "elements": 3},
            "elements",
            "must be a list of AvatarElement, ImageElement or AudioElement, not a number",
        ),
    ],
)
def test_a_wrong_type_is_told_in_words(
    cls: Any, fields: dict[str, Any], field: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        cls(**fields)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert "`" not in str(caught.value)


def test_a_text_where_a_list_of_texts_is_taken_says_how_to_write_one() -> None:
    with pytest.raises(InvalidInput, match=r"must be a list of texts: wrap it in \[ \]"):
        StudioVoice(no_translate_words="Akool")


def test_a_value_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidInput, match=r"must be one of 1:1, .*; did you mean '16:9'\?"):
        GenerateImage(prompt="a cat", scale="16:99")
