"""Cells of tables as values: numbers of numpy, `pandas.NA`, arrays, and worse.

Each is passed to every field of every request, and to every setting and option. It is taken where
it is a number, and refused by an `InvalidInput` where not; no other error comes out.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from typing import Any

import msgspec
import pytest

from akool_async import Akool, AkoolError, Backoff, Face, InvalidInput, Limits, Retry, Timeout
from akool_async.client.settings import AkoolSettings, Settings
from akool_async.crun import Crun, FaceTarget
from akool_async.crun import DetectFaces as CrunDetectFaces
from akool_async.crun import SwapFaces as CrunSwapFaces
from akool_async.endpoints import (
    ENDPOINTS,
    RECIPES,
    TTS,
    AudioElement,
    AvatarElement,
    ImageElement,
    ImageReage,
    ListAvatars,
    TalkingAvatar,
    TranslateVideo,
)
from akool_async.media import Policy
from akool_async.protocol.value import Input
from akool_async.schedule.learner import Schedule
from akool_async.simulator import Behaviour, Simulator
from tests.clients import Connect
from tests.conftest import Example

np: Any = import_module("numpy")
pd: Any = import_module("pandas")

PICTURE = "https://photos.example/a.png"
PLACE: Mapping[str, Any] = {"scale_x": 1, "scale_y": 1, "offset_x": 0, "offset_y": 0}
SPEECH = TTS(input_text="Hello.", voice_id="v")


class NoTruth:
    """Compares to nothing, and says nothing about itself."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("no comparison")

    def __bool__(self) -> bool:
        raise TypeError("no truth")

    def __repr__(self) -> str:
        raise TypeError("no words")

    __hash__ = None  # type: ignore[assignment]


def _nested_in_itself() -> list[Any]:
    nest: list[Any] = []
    nest.append(nest)
    return nest


NO_VALUES: Mapping[str, Any] = {
    "NA": pd.NA,
    "NaT": pd.NaT,
    "nan": np.float64("nan"),
    "masked": np.ma.masked,
    "array": np.array([1, 2]),
    "array of one": np.array([1]),
    "empty array": np.array([]),
    "array of texts": np.array(["a", "b"]),
    "array of objects": np.array([None, pd.NA], dtype=object),
    "matrix": np.ones((2, 2)),
    "record": np.zeros(1, dtype=[("a", int)])[0],
    "series": pd.Series([1, 2]),
    "table": pd.DataFrame({"a": [1]}),
    "index": pd.Index([1]),
    "pandas array": pd.array([1, None]),
    "categories": pd.Categorical(["a"]),
    "timestamp": pd.Timestamp(0),
    "duration": np.timedelta64(3, "s"),
    "complex": np.complex128(3),
    "bytes": np.bytes_(b"x"),
    "no truth": NoTruth(),
    "too large": 10**5000,
    "list of NA": [pd.NA],
    "list of arrays": [np.array([1, 2])],
    "list in itself": _nested_in_itself(),
    "dict of NA": {"path": pd.NA, "type": np.array([1])},
    "class": int,
    "lone surrogate": "\ud800",
}
"""Cells that no field takes."""

WHOLE: Mapping[str, Callable[[int], Any]] = {
    "int64": np.int64,
    "uint8": np.uint8,
    "float64": np.float64,
    "float16": np.float16,
    "array without dimensions": np.array,
    "Decimal": Decimal,
    "Fraction": Fraction,
}
"""What makes a whole number a cell."""

SHAPES: Mapping[type[Input], Mapping[str, Any]] = {
    Face: {"path": PICTURE},
    AvatarElement: {"avatar_id": "a", **PLACE},
    ImageElement: {"url": PICTURE, **PLACE},
    AudioElement: {"url": PICTURE},
    RECIPES["faceswap.swap"]: {"source": PICTURE, "target": PICTURE},
    RECIPES["reage.photo"]: {"url": PICTURE},
    RECIPES["video.speaking_photo"]: {
        "talking_photo_url": PICTURE,
        "input_text": "hi",
        "voice_id": "v",
    },
    RECIPES["video.speaking_avatar"]: {"avatar_id": "a", "input_text": "hi", "voice_id": "v"},
    CrunDetectFaces: {"image_url": PICTURE},
    FaceTarget: {"face_id": 1, "target": PICTURE},
    CrunSwapFaces: {
        "detect_id": "d",
        "image_url": PICTURE,
        "faces": [{"face_id": 0, "target": PICTURE}],
    },
    **{each: {} for each in (Backoff, Behaviour, Limits, Policy, Retry, Schedule, Timeout)},
}
"""Inputs that are no endpoints of Akool, or have no printed example."""

both = pytest.mark.parametrize("cell", NO_VALUES.values(), ids=NO_VALUES)


def refused(make: Callable[[], object]) -> InvalidInput:
    """Return the refusal, which can be shown and pickled."""
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.rule in str(caught.value)
    pickle.loads(pickle.dumps(caught.value))
    return caught.value


def fields_of(example: Example) -> Iterator[tuple[type[Input], dict[str, Any], str]]:
    """Yield each field of each input, with fields that make a valid one."""
    shapes: dict[type[Input], Mapping[str, Any]] = dict(SHAPES)
    for endpoint in set(ENDPOINTS.values()):
        built = example(endpoint.name)
        shapes[endpoint] = {each: getattr(built, each) for each in endpoint.__struct_fields__}
    for cls, valid in shapes.items():
        for field in cls.__struct_fields__:
            yield cls, dict(valid), field


@both
def test_a_cell_that_is_no_value_is_refused_by_every_field(cell: Any, example: Example) -> None:
    tried = 0
    for cls, valid, field in fields_of(example):
        error = refused(lambda c=cls, v=valid, f=field: c(**v | {f: cell}))  # type: ignore[misc]
        assert error.field.startswith(field)
        tried += 1
    assert tried > 150


@pytest.mark.parametrize("cell", WHOLE.values(), ids=WHOLE)
def test_a_cell_that_is_a_number_is_taken_by_every_field_that_takes_the_number(
    cell: Callable[[int], Any], example: Example
) -> None:
    taken = 0
    for cls, valid, field in fields_of(example):
        for number in (1, 2, 3, 10):
            try:
                plain = getattr(cls(**valid | {field: number}), field)
            except InvalidInput:
                continue
            found = cls(**valid | {field: cell(number)})
            assert getattr(found, field) == plain
            assert type(getattr(found, field)) in {type(plain), float}
            msgspec.json.encode(found.to_wire())
            taken += 1
    assert taken > 100


def test_cells_inside_of_lists_and_dicts_are_taken_too() -> None:
    avatar: Any = {"type": "avatar", "avatar_id": "a", "offset_x": np.float64(1.5)}
    avatar |= {name: np.int64(1) for name in ("scale_x", "scale_y", "offset_y")}
    scene = TalkingAvatar(avatar_from=np.int64(2), elements=[avatar])
    assert (scene.avatar_from, scene.elements[0].to_wire()["offset_x"]) == (2, 1.5)
    assert Limits(operations={"video.*": np.int64(20)}).operations == {"video.*": 20}
    error = refused(lambda: Limits(operations={"video.*": pd.NA}))
    assert error.field.startswith("operations")


def test_truth_values_of_numpy_are_flags_and_no_numbers() -> None:
    video: dict[str, Any] = {"url": PICTURE, "source_language": "en", "language": "fr"}
    assert TranslateVideo(**video, lipsync=np.bool_(True)).lipsync is True
    with pytest.raises(InvalidInput):
        ListAvatars(page=np.bool_(True))


def test_a_float_with_a_fraction_is_no_whole_number() -> None:
    faces = [Face(PICTURE)]
    cells: list[Any] = [np.float64(10.5), Decimal("10.5"), 10.5]
    for cell in cells:
        with pytest.raises(InvalidInput, match="face_reage"):
            ImageReage(target_image=faces, face_reage=cell, modify_image=PICTURE)


def test_texts_of_numpy_travel_as_texts() -> None:
    assert TTS(input_text=np.str_("Hello."), voice_id=np.str_("v")).to_wire() == SPEECH.to_wire()


# Settings

SETTINGS = [
    *((Akool, name) for name in ("api_key", *AkoolSettings.__annotations__)),
    *((Crun, name) for name in ("api_key", *Settings.__annotations__)),
]
_TAKEN = {"clock": {"timestamp"}, "on_event": {"empty array", "class"}}


@both
def test_a_cell_that_is_no_value_is_refused_by_every_setting(
    cell: Any, request: pytest.FixtureRequest
) -> None:
    kind = next(name for name, each in NO_VALUES.items() if each is cell)
    for make, name in SETTINGS:
        text = isinstance(cell, str) and name in {"journal", "save_to", "proxy"}
        if text or kind in _TAKEN.get(name, ()):
            continue
        refused(lambda m=make, n=name: m(**{"api_key": "k", n: cell}))  # type: ignore[misc]


@pytest.mark.parametrize("cell", WHOLE.values(), ids=WHOLE)
def test_a_cell_that_is_a_number_is_taken_by_every_setting_that_is_one(
    cell: Callable[[int], Any],
) -> None:
    for name in ("max_concurrency", "timeout", "job_timeout", "max_download_bytes"):
        settings: dict[str, Any] = {name: cell(30)}
        Akool("k", **settings)
        Crun("k", **settings)
    Akool("k", job_timeout={"audio.tts": cell(30)}, limits={"video.*": cell(3)})


# Options of a job


@both
async def test_a_cell_that_is_no_value_is_refused_by_every_option_of_a_job(
    cell: Any, simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator, journal=":memory:") as akool:
        for name in ("key", "timeout", "priority", "retry_failed"):
            if name == "priority" and isinstance(cell, int):
                continue
            refused(lambda n=name: akool.submit(SPEECH, **{n: cell}))  # type: ignore[misc]
            if name != "key":
                refused(lambda n=name: akool.map([], **{n: cell}))  # type: ignore[misc]
        with pytest.raises(AkoolError):
            akool.job(cell)
        with pytest.raises(InvalidInput):
            await akool.close(cell)
        assert simulator.requests.total() == 0


async def test_a_number_is_taken_by_every_option_of_a_job(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, journal=":memory:") as akool:
        job = akool.submit(
            SPEECH,
            key=np.str_("row 1"),
            timeout=np.float64(60),
            priority=np.int64(3),
            retry_failed=np.bool_(True),
        )
        assert (await job.wait(timeout=np.float64(60))).id
        waiting = akool.submit(SPEECH, priority=np.float64(2))
        with pytest.raises(InvalidInput, match="timeout"):
            await waiting.wait(timeout=pd.NA)
        await asyncio.gather(job, waiting)
