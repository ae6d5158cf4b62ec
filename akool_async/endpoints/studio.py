"""Swap Studio V5: characters, motion, heads, hair and clothing, in pictures and videos.

One request makes one job here. Akool's pages let a request make several, one for each picture;
`akool.map` does that, with a key, a price and a result for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, TypeAlias

from msgspec import Meta, field

from akool_async.endpoints.headswap import FEW_HEADS
from akool_async.endpoints.namespace import Namespace, calls, submits
from akool_async.endpoints.persons import (
    AKOOL_CHARACTERS,
    EACH_ONCE,
    KLING_CHARACTERS,
    Analyzed,
    Corners,
    PersonAnalysis,
    PersonMapping,
    check_model,
)
from akool_async.endpoints.studio_result import KeptWhole, StudioSwap, WholeReply
from akool_async.errors import InvalidInput
from akool_async.protocol.cells import is_sequence
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Query, Webhook
from akool_async.protocol.fields import (
    ABSENT,
    Coding,
    Id,
    ImageUrl,
    MaybeSeveral,
    Rule,
    Several,
    Taken,
    VideoUrl,
    VisibleUrl,
    sized,
    spelt,
)
from akool_async.protocol.reply import Reply, Rows
from akool_async.protocol.value import Input, Value

_PAGES = "https://docs.akool.com/ai-tools-suite/swap-studio"
_OVERVIEW = f"{_PAGES}/overview"

Feature = Literal["characterSwap", "motionSwap", "headswap", "hairswap", "clothingSwap"]
"""A feature of Swap Studio, as Akool's addresses spell it."""
AnalyzedFeature = Literal["characterSwap", "headswap", "clothingSwap"]
"""A feature with an analysis."""


# Models


class StudioModel(Value):
    """A model of one feature; no other feature takes it."""

    model_name: str
    """What `model_name` of the feature takes."""
    label: str = ""
    description: str = ""
    icon: str = ""
    """Address of its icon."""
    provider: str = ""
    params: Mapping[str, Any] = {}
    """Resolutions, defaults and limits of inputs; no page shows its shape."""
    unit_price_map: Mapping[str, Any] = {}
    """Its prices; no page shows the shape."""
    requires_priority: bool | None = None


class ListStudioModels(Query[tuple[StudioModel, ...]]):
    """List the models of one feature of Swap Studio."""

    path = "v5/{feature}/models"
    docs = f"{_PAGES}/character-swap-v5/models"
    also_in = tuple(
        f"{_PAGES}/{each}-swap-v5/models" for each in ("motion", "head", "hair", "clothing")
    )
    parse = Rows(StudioModel, key="list")

    feature: Feature
    """The feature."""


# Analyses


class StudioAnalysis(PersonAnalysis, KeptWhole):
    """The persons in a picture or a video, for a swap. It has no media: `.url` stays empty.

    Unverified: `raw` is the whole reply, for what no readable page shows, such as boxes.
    """

    source_url: str = field(name="url", default="")
    """What was analyzed."""
    media_type: str = ""
    """`image` or `video`."""

    @property
    def analyzed_url(self) -> str:
        """The address that was analyzed: a swap has to repeat it, character by character."""
        return self.source_url

    @property
    def lacks_part(self) -> bool:
        """Whether the tracks of a video are still missing, which a swap needs there."""
        return self.media_type == "video" and not self.analysis_result.track_manifest_url


class GetStudioAnalysis(Lookup[StudioAnalysis]):
    """Look up an analysis of Swap Studio by its feature and id."""

    path = "v5/{feature}/analyze/detail"
    docs = f"{_PAGES}/character-swap-v5/analysis-result"
    also_in = tuple(f"{_PAGES}/{each}-swap-v5/analysis-result" for each in ("head", "clothing"))
    parse = WholeReply(StudioAnalysis)

    feature: AnalyzedFeature
    """The feature that the analysis is for."""
    id: Id = field(name="_id")
    """The analysis' `id`."""


def _analyses(feature: AnalyzedFeature) -> Family[StudioAnalysis]:
    return Family(
        name=f"studio {feature} analysis",
        result=StudioAnalysis,
        lookup=lambda ids: GetStudioAnalysis(feature=feature, id=ids[0]),
        usual=Guess(30.0),
    )


class _Analyze(Operation[StudioAnalysis]):
    """What the analyses have in common."""

    parse = Reply(StudioAnalysis)

    url: VisibleUrl
    """The picture or the video. The swap has to repeat this address, character by character."""


class AnalyzeCharacters(_Analyze):
    """Find the persons in a video whose characters are to be swapped by Akool's model.

    Pictures, and videos for Kling, need no analysis.
    """

    path = "v5/characterSwap/analyze"
    docs = f"{_PAGES}/character-swap-v5/analyze"
    family = _analyses("characterSwap")

    media_type: Literal["image", "video"]
    """What `url` is; the swap has to say the same."""
    type: Literal["person"] | None = None
    """The kind of analysis; it is always `person`."""


class AnalyzeHeadsV5(_Analyze):
    """Find the persons in a video whose heads are to be swapped by Swap Studio."""

    path = "v5/headswap/analyze"
    docs = f"{_PAGES}/head-swap-v5/analyze"
    family = _analyses("headswap")

    media_type: Literal["video"] = "video"
    """What `url` is."""
    type: Literal["head"] = "head"
    """The kind of analysis."""


class AnalyzeClothing(_Analyze):
    """Find the persons in a picture or a video whose clothing is to be swapped."""

    path = "v5/clothingSwap/analyze"
    docs = f"{_PAGES}/clothing-swap-v5/analyze"
    family = _analyses("clothingSwap")

    media_type: Literal["image", "video"]
    """What `url` is; the swap has to say the same."""
    type: Literal["person", "head", "outfit"] | None = None
    """What is looked for; Akool takes `person` if it is left out."""


# Swaps


class GetStudioSwap(Lookup[StudioSwap]):
    """Look up a swap of Swap Studio by its feature and id."""

    path = "v5/{feature}/task/detail"
    docs = f"{_PAGES}/character-swap-v5/get-result"
    also_in = tuple(
        f"{_PAGES}/{each}-swap-v5/get-result" for each in ("motion", "head", "hair", "clothing")
    )
    parse = WholeReply(StudioSwap)

    feature: Feature
    """The feature that made it."""
    id: Id = field(name="_id")
    """The job's `id`; its `task_id` may change (N12)."""

    def decode(self, response: Any) -> StudioSwap:
        """Return the swap. What stands under the name of a parameter is no media (N13)."""
        return super().decode(response).assuming(_CREATES[self.feature])


def _swaps(feature: Feature, kind: Literal["image", "video"]) -> Family[StudioSwap]:
    return Family(
        name=f"studio {feature}",
        result=StudioSwap,
        lookup=lambda ids: GetStudioSwap(feature=feature, id=ids[0]),
        media=kind,
        predicts_url=False,
        usual=Guess(30.0, 1.0) if kind == "image" else Guess(180.0, 1.0),
    )


class StudioOperation(Webhook, Operation[StudioSwap]):
    """The fields, and the reply, of every swap of Swap Studio."""

    arms: ClassVar[bool] = False  # no readable page shows the name of the webhook's field
    parse = Reply(StudioSwap, in_array=True, inside="list", beside="errors")


class AnalyzedSwap(Analyzed, StudioOperation, abstract="last"):
    """What swaps of Swap Studio share that build on an analysis."""

    source = "target_url"
    analysis_type = StudioAnalysis


class CharacterMapping(Input, omit_defaults=True):
    """A person, and the character that replaces this person.

    In a picture a person is given by boxes, in a video by the number that an analysis gave.
    """

    obj_id: Annotated[int, Meta(ge=0)] | None = None
    """In a video: the person's `obj_id`, from `persons` of the analysis."""
    img_url: ImageUrl | None = None
    """In a video: the picture of the character."""
    source_url: ImageUrl | None = None
    """In a picture: the picture of the character."""
    source_bbox: Corners | None = None
    """In a picture: the character's face in `source_url`, as `[x1, y1, x2, y2]` in pixels."""
    target_bbox: Corners | None = None
    """In a picture: the face that is replaced, in the same form."""

    def check(self) -> None:
        """Require the fields of one of the two forms, and none of the other."""
        forms = (("obj_id", "img_url"), ("source_url", "source_bbox", "target_bbox"))
        given = [[name for name in form if getattr(self, name) is not None] for form in forms]
        if all(given) or not any(given):
            either = " or ".join(" and ".join(form) for form in forms)
            raise self.refuse("obj_id", f"must be given as its form asks: either {either}")
        for form, names in zip(forms, given, strict=True):
            for missing in {*form} - {*names} if names else ():
                raise self.refuse(missing, f"is required beside {names[0]}")

    @property
    def boxed(self) -> bool:
        """Whether it names a person in a picture."""
        return self.source_url is not None


class CharacterSwapV5(AnalyzedSwap):
    """Replace characters in a picture or a video.

    A picture takes `mappings` with boxes. A video takes `analyze_id` and `mappings` with `obj_id`
    for Akool's model, or `image` for Kling's.
    """

    path = "v5/characterSwap/create"
    docs = f"{_PAGES}/character-swap-v5/create"
    family = _swaps("characterSwap", "video")
    analyzed_by = "studio.analyze_character"

    media_type: Literal["image", "video"]
    """What `target_url` is."""
    target_url: VisibleUrl
    """The scene."""
    model_name: str | None = None
    """The model: `akool-premium-multi-person`, which Akool takes if it is left out, or, for videos,
    `kling-v3.0-pro/character-swap`; `studio.models` lists them."""
    mappings: Annotated[MaybeSeveral[CharacterMapping], EACH_ONCE] = ABSENT
    """The persons: 1 or 2 with boxes in a picture, 1 to 5 with `obj_id` in a video. Not for
    Kling."""
    analyze_id: Id | None = None
    """Of a video for Akool's model: the `id` of its analysis."""
    image: ImageUrl | None = None
    """For Kling: the picture of the character. The scene has to show one person."""
    character_orientation: Literal["image", "video"] | None = None
    """For Kling: which of the two the character is turned like."""
    resolution: str | None = None
    """Of a video: `480p` for Akool's model, `720p` for Kling."""
    keep_original_sound: bool | None = None
    """Whether to keep the video's sound."""
    prompt: str | None = None
    """Guidance in words."""
    negative_prompt: str | None = None
    """What is not to be seen."""

    def check(self) -> None:
        """Check the fields by the kind of media and the model."""
        default = KLING_CHARACTERS if self.image is not None else AKOOL_CHARACTERS
        model = self.model_name or default
        if self.media_type == "image":
            self._check_picture()
        elif model == KLING_CHARACTERS:
            self._require("image", "for Kling")
        elif model == AKOOL_CHARACTERS:
            self._require("analyze_id", "for a video with Akool's model")
            self._require("mappings", "for a video with Akool's model")
        check_model(self, default)
        self._check_mappings()
        self.check_analysis()

    def _check_picture(self) -> None:
        for name in ("analyze_id", "image", "character_orientation"):
            if getattr(self, name) is not None:
                raise self.refuse(name, "is for videos")
        self._require("mappings", "for a picture")

    def _require(self, name: str, when: str) -> None:
        if getattr(self, name) is None:
            raise self.refuse(name, f"is required {when}")

    def _check_mappings(self) -> None:
        if self.mappings is None:
            return
        boxed, most = (True, 2) if self.media_type == "image" else (False, 5)
        if not 1 <= len(self.mappings) <= most:
            raise self.refuse("mappings", f"must hold 1 to {most} persons of a {self._kind}")
        for index, each in enumerate(self.mappings):
            if each.boxed is not boxed:
                wanted = (
                    "source_url, source_bbox and target_bbox" if boxed else "obj_id and img_url"
                )
                raise self.refuse(f"mappings[{index}]", f"of a {self._kind} must have {wanted}")

    @property
    def _kind(self) -> str:
        return "picture" if self.media_type == "image" else "video"


def _one_image(value: Any) -> Any:
    """Return the only item of a sequence; anything but a sequence unchanged."""
    if not is_sequence(value):
        return value
    if len(value) != 1:
        rule = "must hold one picture: each is a job of its own, and akool.map starts many"
        raise InvalidInput("images", value, rule)
    return value[0]


def _in_list(image: Any) -> list[Any]:
    return [image]


if TYPE_CHECKING:
    OneImage: TypeAlias = str | Path | Sequence[str | Path]
else:
    OneImage = Annotated[ImageUrl, Coding(_in_list, _one_image)]
"""One picture, by itself or in a list, as Akool's pages write it. Akool makes a job of each."""


class MotionSwap(StudioOperation):
    """Let the person in a picture move as the one in a video."""

    path = "v5/motionSwap/create"
    docs = f"{_PAGES}/motion-swap-v5/create"
    family = _swaps("motionSwap", "video")

    video: VideoUrl
    """The video with the motion."""
    images: OneImage
    """The picture of the person: one."""
    model_name: Annotated[str, Meta(min_length=1)]
    """Such as `kwaivgi/kling-v3.0-pro/motion-control`, `wavespeed-ai/wan-2.2/animate` or
    `pixverse/motion-control`; `studio.models` lists them."""
    resolution: str | None = None
    """As the model spells it: `720P` for Kling, `720p` for Wan and Pixverse."""
    mode: Literal["animate", "replace"] | None = None
    """Only for Wan: `animate` lets the person move, `replace` puts the person into the video;
    Akool takes `animate` if it is left out."""
    character_orientation: Literal["image", "video"] | None = None
    """Only for Kling: which of the two the person is turned like."""
    prompt: str | None = None
    """Guidance in words."""
    negative_prompt: str | None = None
    """What is not to be seen."""
    keep_original_sound: bool | None = None
    """Whether to keep the video's sound."""
    duration: Annotated[float, Meta(gt=0)] | None = None
    """Seconds of the video; it trims nothing."""

    def check(self) -> None:
        """Check the fields by the model."""
        check_model(self)


class HeadSwapV5(AnalyzedSwap):
    """Give persons in a video other heads. An analysis of the same video comes first."""

    path = "v5/headswap/create"
    docs = f"{_PAGES}/head-swap-v5/create"
    family = _swaps("headswap", "video")
    analyzed_by = "studio.analyze_head"

    media_type: Literal["video"] = "video"
    """What `target_url` is."""
    target_url: VideoUrl
    """The video, by the address that was analyzed."""
    analyze_id: Id
    """The analysis' `id`."""
    mappings: Annotated[Several[PersonMapping], FEW_HEADS, EACH_ONCE]
    """The persons, at most 5, and the picture of each new head."""
    model_name: str | None = None
    """The model; `studio.models` lists them. Akool has a default."""

    def check(self) -> None:
        """Check that the swap fits its analysis."""
        check_model(self)
        self.check_analysis()


class HairMapping(Input, omit_defaults=False):
    """A face in the target, and the hair that it gets."""

    source_url: ImageUrl
    """The picture of the hair."""
    target_face_index: Annotated[int, Meta(ge=0)] = 0
    """The number of the face in the target, from 0."""
    source_face_index: Annotated[int, Meta(ge=0)] = 0
    """The number of the face in `source_url`, from 0."""


_NO_CROWD = sized("persons", 50)


if TYPE_CHECKING:
    _Meant: TypeAlias = HairMapping | str | Path
    _Hairs: TypeAlias = Taken[_Meant | Sequence[_Meant] | None, Sequence[HairMapping] | None]
else:
    _Hairs = Sequence[HairMapping] | None


def _have_own_faces(mappings: Sequence[HairMapping]) -> bool:
    return len({each.target_face_index for each in mappings}) == len(mappings)


_OWN_FACES = Rule(
    "must name each target_face_index once: several pictures for one face are a job each",
    _have_own_faces,
)


class HairSwap(StudioOperation):
    """Give the person in a picture other hair, or several persons in one picture.

    One person takes `images`, several take `mappings`. `multi_shot` makes four pictures of one
    person: `result.urls`.
    """

    path = "v5/hairswap/create"
    docs = f"{_PAGES}/hair-swap-v5/create"
    family = _swaps("hairswap", "image")

    target_url: ImageUrl
    """The picture of the person, or of several persons."""
    images: OneImage | None = None
    """The picture of the hair: one."""
    mappings: Annotated[_Hairs, _NO_CROWD, _OWN_FACES] = ABSENT
    """Of several persons in the target: the hair of each, 1 to 50, in one job."""
    target_face_index: Annotated[int, Meta(ge=0)] | None = None
    """With `images`: the number of the face in the target, from 0."""
    source_face_index: Annotated[int, Meta(ge=0)] | None = None
    """With `images`: the number of the face in the picture of the hair, from 0."""
    model_name: str | None = None
    """The model, such as `akool/hair-swap`; `studio.models` lists them."""
    multi_shot: bool | None = None
    """Whether to make four pictures, of one person."""

    def check(self) -> None:
        """Require one source of hair, and what goes with it."""
        if (self.images is None) == (self.mappings is None):
            raise self.refuse("images", "exactly one of images and mappings must be given")
        if self.mappings is not None:
            for name in ("target_face_index", "source_face_index"):
                if getattr(self, name) is not None:
                    raise self.refuse(name, "goes with images; each of the mappings has its own")
            if self.multi_shot and len(self.mappings) > 1:
                raise self.refuse("multi_shot", "is for one person, so for one of the mappings")
        check_model(self)


class ClothingSwap(AnalyzedSwap):
    """Give persons in a picture or a video other clothing. An analysis of the same comes first."""

    path = "v5/clothingSwap/create"
    docs = f"{_PAGES}/clothing-swap-v5/create"
    family = _swaps("clothingSwap", "video")
    analyzed_by = "studio.analyze_clothing"

    target_url: VisibleUrl
    """The picture or the video, by the address that was analyzed."""
    media_type: Literal["image", "video"]
    """What `target_url` is, as in the analysis."""
    analyze_id: Id
    """The analysis' `id`."""
    mappings: Annotated[Several[PersonMapping], _NO_CROWD, EACH_ONCE]
    """The persons, 1 to 50, and the picture of each outfit."""
    model_name: str | None = None
    """The model, such as `akool-premium/clothing_swap`; `studio.models` lists them."""
    clothing_area: Annotated[str, spelt("Full Outfit", "Top", "Auto")] | None = None
    """What is replaced: `Full Outfit`, `Top`, `Auto`, and others that Akool names."""
    resolution: str | None = None
    """Of a video, such as `480p`."""
    keep_original_sound: bool | None = None
    """Whether to keep the video's sound."""

    def check(self) -> None:
        """Check the model, and that the swap fits its analysis."""
        check_model(self)
        self.check_analysis()


_CREATES: Final[Mapping[Feature, type[Input]]] = {
    "characterSwap": CharacterSwapV5,
    "motionSwap": MotionSwap,
    "headswap": HeadSwapV5,
    "hairswap": HairSwap,
    "clothingSwap": ClothingSwap,
}


class StudioNamespace(Namespace, title="studio"):
    """Swap Studio V5: characters, motion, heads, hair and clothing."""

    character = submits(CharacterSwapV5)
    motion = submits(MotionSwap)
    head = submits(HeadSwapV5)
    hair = submits(HairSwap)
    clothing = submits(ClothingSwap)
    analyze_character = submits(AnalyzeCharacters)
    analyze_head = submits(AnalyzeHeadsV5)
    analyze_clothing = submits(AnalyzeClothing)
    models = calls(ListStudioModels)
    get = calls(GetStudioSwap)
    get_analysis = calls(GetStudioAnalysis)
