"""Persons in pictures and videos: found by an analysis, and replaced by swaps.

What head swap v4 and Swap Studio V5 share: what an analysis says, how a swap names a person of it,
and what is known of the models of swaps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

import msgspec
from msgspec import Meta

from akool_async.endpoints.detection import Box, are_corners
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.fields import Coding, Id, ImageUrl, Rule, Unsent
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Input, Value
from akool_async.result import Result

# What an analysis says


class FoundPerson(Value):
    """A person whom an analysis found."""

    obj_id: int | None = None
    """The number by which `mappings` name this person, from 0."""
    img_url: str | None = None
    """A picture of this person."""
    media_type: str | None = None


class VideoInfo(Value):
    """What an analysis says about the video."""

    width: int | None = None
    """In pixels."""
    height: int | None = None
    """In pixels."""
    fps: float | None = None
    """Frames per second."""
    frame_count: int | None = None


class AnalysisResult(Value):
    """What an analysis found."""

    detected_objects: int | None = None
    """How many persons were found."""
    media: tuple[FoundPerson, ...] = ()
    """The persons."""
    video_info: VideoInfo | None = None
    track_manifest_url: str | None = None
    """Of a video in Swap Studio V5: where the persons' tracks are. A swap needs it there."""


class PersonAnalysis(Result, abstract=True):
    """An analysis of a picture or a video. It has no media: `.url` stays empty.

    `persons` are those who were found. A swap takes the analysis as `analysis=`, and checks that
    it fits.
    """

    analysis_result: AnalysisResult = AnalysisResult()
    """What was found; empty until the analysis is COMPLETED."""
    progress: float | None = None
    """Percent."""
    create_time: int = 0
    """Milliseconds since 1970."""
    error_code: int | None = None
    """Why it failed, where Akool says; 0 after a success."""
    task_id: str | None = None
    """Another id, which may be empty and may change (N12); lookups do not take it."""

    @property
    def analyzed_url(self) -> str:
        """The address that was analyzed: a swap has to repeat it, character by character."""
        raise NotImplementedError

    @property
    def persons(self) -> tuple[FoundPerson, ...]:
        """The persons who were found."""
        return self.analysis_result.media


# How a swap names persons


class PersonMapping(Input, omit_defaults=True):
    """A person whom an analysis found, and the picture that replaces this person."""

    obj_id: Annotated[int, Meta(ge=0)]
    """The person's `obj_id`, from `persons` of the analysis."""
    img_url: ImageUrl
    """The picture of the new person, head or outfit: not the analysis' own picture."""


def are_distinct(mappings: Sequence[Any]) -> bool:
    """Say whether each person is named once."""
    named = [each.obj_id for each in mappings if each.obj_id is not None]
    return len(named) == len({*named})


EACH_ONCE = Rule("must name each obj_id once", are_distinct)


def _numbers(box: Any) -> Any:
    """Return the corners of a detected box in whole pixels; anything else unchanged."""
    return tuple(map(round, box.corners)) if isinstance(box, Box) else box


def _are_in_picture(numbers: Sequence[int]) -> bool:
    return are_corners(numbers) and min(numbers) >= 0


if TYPE_CHECKING:
    Corners: TypeAlias = Sequence[int] | Box
else:
    Corners = Annotated[
        Sequence[int],
        Coding(list, _numbers),
        Rule(
            "must be the corners [x1, y1, x2, y2] in whole pixels, with x1 < x2 and y1 < y2;"
            " detection's [x, y, width, height] is another form: pass its Box (T15)",
            _are_in_picture,
        ),
    ]
"""The upper left and the lower right corner of a box, `[x1, y1, x2, y2]` in pixels; or a `Box` of
detection (T15, N31)."""


class Analyzed(Input, abstract="last"):
    """What swaps share that build on an analysis."""

    source: ClassVar[str]
    """The field that repeats the address that was analyzed."""
    analyzed_by: ClassVar[str]
    """The name of the operation whose analysis it takes."""
    analysis_type: ClassVar[type[PersonAnalysis]]
    """What that operation gives."""

    analysis: Annotated[PersonAnalysis | None, Unsent()] = None
    """The analysis that the swap builds on, as it was awaited. It is not sent: it is checked that
    the swap fits it, and then it is forgotten."""

    def check_analysis(self) -> None:
        """Refuse a swap that does not fit its analysis; then drop the analysis."""
        found: Any = self.analysis
        if found is None:
            return
        if not isinstance(found, self.analysis_type):
            rule = f"must be the result of an analysis, awaited: of {self.analyzed_by}"
            raise self.refuse("analysis", rule)
        if found.status is not Status.COMPLETED:
            raise self.refuse("analysis", "must be COMPLETED")
        if found.lacks_part:
            raise self.refuse("analysis", "must have its track_manifest_url: look it up again")
        self._check_source(found)
        known = {each.obj_id for each in found.persons}
        mappings: Sequence[Any] = getattr(self, "mappings", None) or ()
        for index, each in enumerate(mappings):
            if each.obj_id not in known:
                field = f"mappings[{index}].obj_id"
                rule = "must be the obj_id of a person of the analysis"
                raise InvalidInput(field, each.obj_id, rule, owner=type(self).__name__)
        msgspec.structs.force_setattr(self, "analysis", None)

    def _check_source(self, found: PersonAnalysis) -> None:
        analyzed = found.analyzed_url
        if analyzed and str(getattr(self, self.source)) != analyzed:
            # N30: Akool joins the two by this text, and would find no analysis.
            rule = f"must be the address that was analyzed, character by character: {analyzed}"
            raise self.refuse(self.source, rule)
        given: Id | None = getattr(self, "analyze_id", None)
        if given is not None and given != found.id:
            raise self.refuse("analyze_id", f"must be the id of the analysis, {found.id}")


# What is known of models


class SwapModel(Value):
    """What Akool's pages say about a model of a swap."""

    operation: str
    """The one operation that takes it."""
    name: str
    fields: tuple[str, ...] = ()
    """The fields that it takes, of those that only some models of the operation take."""
    resolution: str = ""
    """A resolution in the model's spelling."""
    longest_prompt: int | None = None
    """In characters."""
    duration: tuple[int, int] | None = None
    """The shortest and the longest video, in seconds."""


_WAN = "wavespeed-ai/wan-2.2/animate"
_KLING_FIELDS = ("negative_prompt", "character_orientation", "keep_original_sound")
AKOOL_CHARACTERS = "akool-premium-multi-person"
KLING_CHARACTERS = "kling-v3.0-pro/character-swap"

SWAP_MODELS = (
    SwapModel(
        operation="characterswap.create",
        name=_WAN,
        fields=("resolution", "mode"),
        resolution="720p",
        longest_prompt=500,
        duration=(1, 120),
    ),
    *(
        SwapModel(
            operation="characterswap.create",
            name=f"kwaivgi/kling-v2.6-{quality}/motion-control",
            fields=_KLING_FIELDS,
            longest_prompt=5000,
            duration=(3, 30),
        )
        for quality in ("pro", "std")
    ),
    SwapModel(operation="headswap.create", name="akool-premium", resolution="720p"),
    SwapModel(
        operation="studio.character",
        name=AKOOL_CHARACTERS,
        fields=("mappings", "analyze_id"),
        resolution="480p",
    ),
    SwapModel(
        operation="studio.character",
        name=KLING_CHARACTERS,
        fields=("image", "character_orientation"),
        resolution="720p",
    ),
    SwapModel(
        operation="studio.motion",
        name="kwaivgi/kling-v3.0-pro/motion-control",
        fields=("character_orientation",),
        resolution="720P",
    ),
    SwapModel(operation="studio.motion", name=_WAN, fields=("mode",), resolution="720p"),
    SwapModel(operation="studio.motion", name="pixverse/motion-control", resolution="720p"),
    SwapModel(operation="studio.hair", name="akool/hair-swap"),
    SwapModel(operation="studio.clothing", name="akool-premium/clothing_swap", resolution="480p"),
)
"""The models that Akool's pages name. Their lists grow: a model that is not here is not judged."""


def check_model(request: Operation[Any], default: str | None = None) -> None:
    """Check a swap by what is known of its model; a model that is not known passes.

    Args:
        request: The swap.
        default: The model that Akool takes if the request names none.

    Raises:
        InvalidInput: the model belongs to another operation, or does not take a field.
    """
    name: str | None = getattr(request, "model_name", None) or default
    operation = request.label
    own = {each.name: each for each in SWAP_MODELS if each.operation == operation}
    model = own.get(name or "")
    if model is None:
        others = [each.operation for each in SWAP_MODELS if each.name == name]
        if others and own:  # N46: one model has other names elsewhere
            rule = f"is a model of {' and '.join(others)}; {operation} takes {', '.join(own)}"
            raise request.refuse("model_name", rule)
        for known in own:
            if known.lower() == (name or "").strip().lower():
                raise request.refuse("model_name", f"must be written {known}")
        return
    for field in {field for each in own.values() for field in each.fields} - {*model.fields}:
        if getattr(request, field) is not None:
            takers = ", ".join(each.name for each in own.values() if field in each.fields)
            raise request.refuse(field, f"is no field of {model.name}, but of {takers}")
    _check_values(request, model)


def _check_values(request: Input, model: SwapModel) -> None:
    resolution: str | None = getattr(request, "resolution", None)
    spelled = re.fullmatch(r" *([0-9]+) *[pP]? *", resolution or "")
    if spelled and model.resolution and resolution != (right := spelled[1] + model.resolution[-1]):
        raise request.refuse("resolution", f"must be written {right} for {model.name}")
    prompt: str = getattr(request, "prompt", None) or ""
    if model.longest_prompt is not None and len(prompt) > model.longest_prompt:
        rule = f"must hold at most {model.longest_prompt} characters for {model.name}"
        raise request.refuse("prompt", rule)
    seconds: float | None = getattr(request, "duration", None)
    if model.duration is not None and seconds is not None:
        shortest, longest = model.duration
        if not shortest <= seconds <= longest:
            rule = f"must be from {shortest} to {longest} seconds for {model.name}"
            raise request.refuse("duration", rule)
