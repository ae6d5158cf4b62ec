"""One value where a list is taken, and an address where a face is; by a rule of the type."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated, Any

import pytest

from akool_async import Face, InvalidInput
from akool_async.endpoints import (
    AvatarElement,
    ClothingSwap,
    DubbingVoice,
    ElevenLabsSettings,
    FaceMapping,
    HairMapping,
    HairSwap,
    ImageReage,
    PersonMapping,
    SourceFaceInfo,
    TalkingAvatar,
    TargetFaceInfo,
    TranslateVideo,
    TurnDetection,
    VoiceParams,
)
from akool_async.protocol.fields import Url, plan_of
from akool_async.protocol.filling import meaning_field
from akool_async.protocol.value import Input
from akool_async.uploads.inspecting import fingerprint_of

PHOTO = "https://photos.example/ann.jpg"
OTHER = "https://photos.example/bob.jpg"
ON_DISK = Path("photos/ann.jpg")
FILM = "https://photos.example/film.mp4"
VOICES: Any = {"fr": "voice-1"}
TEXT: Any = {"mappings": PHOTO}
CLOTHES: Any = {"target_url": OTHER, "media_type": "image", "analyze_id": "a"}


def aged(faces: Any) -> ImageReage:
    return ImageReage(target_image=faces, face_reage=5, modify_image=PHOTO)


SAME: list[Any] = [
    Face(PHOTO),
    PHOTO,
    [PHOTO],
    (PHOTO,),
    deque([PHOTO]),
    {"path": PHOTO},
    [{"path": PHOTO}],
    [Face(PHOTO)],
]


@pytest.mark.parametrize("faces", SAME, ids=repr)
def test_what_means_one_face_makes_an_equal_request_with_an_equal_fingerprint(faces: Any) -> None:
    request, usual = aged(faces), aged((Face(PHOTO),))
    assert request == usual
    assert request.target_image == (Face(PHOTO),)
    assert request.to_wire() == usual.to_wire()
    assert fingerprint_of(request) == fingerprint_of(usual)


def test_a_path_is_a_face_on_disk() -> None:
    assert aged(ON_DISK) == aged([Face(ON_DISK)])


def test_faces_and_addresses_stand_side_by_side() -> None:
    with pytest.raises(InvalidInput, match="more than one face"):
        aged([PHOTO, Face(OTHER)])
    marked = Face(OTHER, "262,175:363,175:313,215:272,279")
    assert aged([marked, {"path": PHOTO, "opts": marked.opts}]).target_image[0] is marked


@pytest.mark.parametrize(
    ("faces", "field"),
    [
        ("no address", "target_image[0].path"),
        ([PHOTO, "no address"], "target_image[1].path"),
        ({"path": "no address"}, "target_image[0].path"),
        ([], "target_image"),
        ([[PHOTO]], "target_image[0]"),
        (b"https://photos.example/ann.jpg", "target_image"),
    ],
)
def test_what_means_no_face_is_refused_at_its_place(faces: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        aged(faces)
    assert caught.value.field == field


def test_a_class_with_one_required_text_is_meant_by_it_wherever_it_stands() -> None:
    pair = FaceMapping(source_face_info=PHOTO, target_face_info=TargetFaceInfo(face_url=OTHER))
    assert pair.source_face_info == SourceFaceInfo(face_url=PHOTO)
    swap = HairSwap(target_url=OTHER, mappings=[PHOTO])
    assert swap.mappings == (HairMapping(source_url=PHOTO),)
    assert VoiceParams(turn_detection="server_vad").turn_detection == TurnDetection(
        type="server_vad"
    )
    dubbed = TranslateVideo(url=FILM, language="fr", voices_map=VOICES)
    assert dubbed.voices_map == {"fr": DubbingVoice(voice_id="voice-1")}


def test_a_value_with_several_required_fields_stands_alone_but_for_no_text() -> None:
    head = PersonMapping(obj_id=0, img_url=PHOTO)
    element = AvatarElement(scale_x=1, scale_y=1, offset_x=0, offset_y=0, avatar_id="a")
    assert TalkingAvatar(avatar_from=2, elements=element).elements == (element,)
    worn = ClothingSwap(**CLOTHES, mappings=head)
    assert worn.mappings == (head,)
    with pytest.raises(InvalidInput):
        ClothingSwap(**CLOTHES, **TEXT)


class Pet(Input):
    """A class of nobody's: the rule is one of types."""

    picture: Annotated[Url, "of the pet"]
    name: str = "Rex"


class Secretive(Input):
    first: str
    second: str


def test_the_rule_is_one_of_types_and_secrets_are_always_named() -> None:
    field = meaning_field(Pet)
    assert field is not None
    assert field.name == "picture"
    assert meaning_field(Secretive) is None
    assert meaning_field(ElevenLabsSettings) is None
    assert [plan.name for plan in plan_of(ElevenLabsSettings) if plan.required] == ["api_key"]
