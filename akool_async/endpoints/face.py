"""A face: the input of every endpoint that swaps or ages faces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from akool_async.protocol.fields import Coding, ImageUrl, Rule, Taken, none_if_empty, sized
from akool_async.protocol.value import Input

MOST_FACES = 8
"""Akool swaps no more faces in one picture or video (code 1007)."""


_NUMBER = r"-?[0-9]++(?:\.[0-9]++)?"
_POINTS = f"{_NUMBER},{_NUMBER}(?::{_NUMBER},{_NUMBER})*+"


def are_points(text: str) -> bool:
    """Say whether a text holds points as Akool writes them: `x,y` joined by colons."""
    return re.fullmatch(_POINTS, text) is not None


Opts = Annotated[
    str,
    Coding(str, none_if_empty),
    Rule(
        "must be points x,y joined by colons, such as 262,175:363,175:313,215:272,279", are_points
    ),
]
"""Points in a picture; an empty text means none."""


class Face(Input, kw_only=False, omit_defaults=True):
    """A face: the address of its picture, and its position in that picture."""

    path: ImageUrl
    """Picture that shows this face alone, such as a crop that detection made."""
    opts: Opts | None = None
    """Its landmarks: four points `x,y` in pixels, joined by colons, as in
    `262,175:363,175:313,215:272,279`. Detection's `landmarks_str` belongs to the whole
    picture, its `crop_landmarks` to the crop (T21, T22). Required as soon as there is more
    than one face."""


OneOrMore: TypeAlias = Face | str | Path | Sequence[Face | str | Path]
"""One face, or several; each may be the address or the path of its picture."""

if TYPE_CHECKING:
    Faces: TypeAlias = Taken[OneOrMore, Sequence[Face]]
else:
    Faces = Annotated[Sequence[Face], sized("faces", MOST_FACES)]
"""One to eight faces; or one alone, and addresses in place of faces."""
