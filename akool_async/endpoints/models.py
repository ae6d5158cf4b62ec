"""The models that make videos, and what each of them can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from akool_async.endpoints.namespace import Namespace, calls_once
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Query
from akool_async.protocol.fields import Rule
from akool_async.protocol.reply import Rows
from akool_async.protocol.value import Input, Value


class ModelType(IntEnum):
    """What a model does."""

    IMAGE_TO_VIDEO = 1501
    TEXT_TO_VIDEO = 1502
    CHARACTER_SWAP = 2101


class ByModel(Input, abstract=True):
    """A request that may name a model of `models.list`, in its field `model_name`."""

    model_type: ClassVar[int]
    """The type of its models."""


class ModelResolution(Value):
    """A resolution that a model can make."""

    value: str
    """What a request's `resolution` takes."""
    label: str = ""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    """Pixels."""
    unit_credit: float | None = None
    """Akool's page calls it a price; what is charged may be more (N16)."""


class ModelAudio(Value):
    """How a model makes sound."""

    required: bool | None = None
    type: str = ""
    default: bool | None = None
    extra_credit_multiplier: float | None = None
    """How much more a video with sound costs."""


class Model(Value):
    """A model, and what it can do. `check` holds a request against that."""

    value: str
    """What a request's `model_name` takes."""
    label: str = ""
    """Its name, for people."""
    type: int | None = None
    """What it does, as in `ModelType`."""
    description: str = ""
    group: str = ""
    provider: str = ""
    sort: int | None = None
    """Models with greater numbers come first."""
    resolution_list: tuple[ModelResolution, ...] = field(name="resolutionList", default=())
    """Its resolutions; a request for a model without any leaves `resolution` out (N14)."""
    duration_list: tuple[int, ...] = field(name="durationList", default=())
    """Lengths of its videos, in seconds."""
    generate_audio: bool | ModelAudio | None = None
    """Whether, or how, it makes sound; `None` if it does not (N15)."""
    supported_last_frame: bool | None = field(name="supportedLastFrame", default=None)
    supported_extend_prompt: bool | None = field(name="supportedExtendPrompt", default=None)
    max_image_count: int | None = field(name="maxImageCount", default=None)
    max_count: int | None = field(name="maxCount", default=None)
    """How many videos one request may ask for."""
    is_pro: bool | None = field(name="isPro", default=None)
    """Whether it needs the pro plan or a higher one."""
    requires_pay: bool | None = field(name="requiresPay", default=None)
    """False does not mean that it is free (N16)."""

    def check(self, request: Input) -> None:
        """Say whether the model can do what a request asks of it.

        Raises:
            InvalidInput: it cannot; the error names the field, the rule and the model.
        """
        _require_request(request)
        for name, rule in self._broken_by(request):
            raise request.refuse(name, f"{rule} (model {self.value})")

    def _broken_by(self, request: Input) -> Iterator[tuple[str, str]]:
        """Yield the fields that ask for what the model cannot do, each with its rule."""

        def asked(name: str) -> Any:
            return getattr(request, name, None)

        model = asked("model_name")
        if model not in {None, self.value}:
            yield "model_name", "must be this model"
        yield from self._size_broken_by(request)
        length = asked("video_length")
        if self.duration_list and length is not None and length not in self.duration_list:
            yield "video_length", f"must be one of {_listed(self.duration_list)} seconds"
        if asked("last_image_url") is not None and self.supported_last_frame is False:
            yield "last_image_url", "must be left out: the model takes no last frame"
        if asked("extend_prompt") and self.supported_extend_prompt is False:
            yield "extend_prompt", "must be left out: the model takes the prompt as it is"
        yield from self._sound_broken_by(request)
        count = asked("count")
        if count is not None and self.max_count is not None and count > self.max_count:
            yield "count", f"must be at most {self.max_count}"

    def _size_broken_by(self, request: Input) -> Iterator[tuple[str, str]]:
        if "resolution" not in request.__struct_fields__:
            return
        asked: str | None = getattr(request, "resolution", None)
        sizes = [each.value for each in self.resolution_list]
        if not sizes and asked is not None:
            yield "resolution", "must be left out: the model lists none"
        # A text may leave it to Akool; for a picture it is required unless none is listed (N14).
        chosen = asked is not None or self.type == ModelType.IMAGE_TO_VIDEO
        if sizes and chosen and asked not in sizes:
            yield "resolution", f"must be one of {_listed(sizes)}"

    def _sound_broken_by(self, request: Input) -> Iterator[tuple[str, str]]:
        if "generate_audio" not in request.__struct_fields__:
            return
        asked: bool | None = getattr(request, "generate_audio", None)
        sound = self.generate_audio
        if asked is None:
            if isinstance(sound, ModelAudio) and sound.required and sound.default is None:
                yield "generate_audio", "is required"
        elif sound is None or (asked and sound is False):
            yield "generate_audio", "must be left out: the model makes no sound"


def _require_request(request: object) -> None:
    if not isinstance(request, Input):
        rule = "must be a request, such as ImageToVideoBatch(...)"
        raise InvalidInput("request", request, rule)


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


class ListModels(Query[tuple[Model, ...]]):
    """List models of some types, and what each can do.

    The client keeps the reply: the same call again sends no request. `models.forget` ends that.
    """

    path = "v4/aigModel/list"
    docs = "https://docs.akool.com/ai-tools-suite/aimodel"
    parse = Rows(Model, bare=True)

    types: Annotated[
        Sequence[Annotated[int, Meta(ge=1)]], Rule("must hold at least one type", bool)
    ] = field(name="types[]")
    """What the models do, as in `ModelType`: 1501 makes videos out of pictures, 1502 out of texts,
    2101 swaps characters. Akool answers no models for a type that it does not know yet."""


class ModelsNamespace(Namespace, title="models"):
    """The models that make videos, and what each can do."""

    list = calls_once(ListModels)

    async def check(self, request: ByModel) -> Model | None:
        """Say whether the model that a request names can do what the request asks of it.

        The models come from `list`, at the first request that names one, and are kept.

        Returns:
            The model; `None` if the request names none, or Akool lists no models of its type.

        Raises:
            InvalidInput: the model cannot, or Akool lists no such model; or this is no request, or
                one whose models are not compared, such as a swap.
        """
        given: Any = request  # a type checker knows that it is right, and a program may be wrong
        _require_request(given)
        if getattr(given, "model_name", None) is None:
            return None
        if not isinstance(given, ByModel):
            rule = "is not compared with models.list: give an ImageToVideoBatch or a TextToVideo"
            raise given.refuse("model_name", rule)
        return model_for(request, await self.list(types=(request.model_type,)))

    def forget(self) -> None:
        """Forget the models: the next call asks Akool again."""
        self.kept.clear()


def model_for(request: ByModel, models: Sequence[Model]) -> Model | None:
    """Return the model that a request names, if it can do what the request asks of it.

    Returns:
        The model; `None` if the request names none, or there are no models to compare with.

    Raises:
        InvalidInput: it cannot, or there is no such model.
    """
    name: str | None = getattr(request, "model_name", None)
    if name is None or not models:
        return None
    for model in models:
        if model.value == name:
            model.check(request)
            return model
    known = _listed([model.value for model in models])
    raise InvalidInput(
        "model_name",
        name,
        f"must be a model of type {request.model_type}: {known}",
        owner=type(request).__name__,
    )
