"""Values that are right already take a short way, which refuses what the long way refuses."""

from __future__ import annotations

from typing import Any

import pytest

from akool_async.endpoints import Face, ImageReage
from akool_async.errors import InvalidInput

PHOTO = "https://photos.example/ann.jpg"
FACE = Face(PHOTO, "262,175:363,175:313,215:272,279")


def aged(faces: Any) -> ImageReage:
    return ImageReage(target_image=faces, face_reage=5, modify_image=PHOTO)


def test_a_tuple_of_faces_is_kept_as_it_is_and_equals_one_from_plain_data() -> None:
    faces = (FACE, FACE)
    assert aged(faces).target_image is faces
    assert aged([FACE.to_dict(), FACE]) == aged(faces)


@pytest.mark.parametrize("faces", [(), (FACE,) * 9, (FACE, "face"), (FACE, None)])
def test_a_tuple_of_faces_keeps_its_rules(faces: Any) -> None:
    with pytest.raises(InvalidInput):
        aged(faces)


def test_an_empty_text_means_none_and_another_one_keeps_its_rule() -> None:
    assert Face(PHOTO, "").opts is None
    with pytest.raises(InvalidInput):
        Face(PHOTO, "1x")
    assert aged((FACE,)).webhook_url is None
    empty = ImageReage(target_image=(FACE,), face_reage=5, modify_image=PHOTO, webhook_url="")
    assert empty.webhook_url is None
    with pytest.raises(InvalidInput):
        ImageReage(target_image=(FACE,), face_reage=5, modify_image=PHOTO, webhook_url="nowhere")
