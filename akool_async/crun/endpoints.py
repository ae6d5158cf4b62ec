"""CRUN's endpoints: two that start jobs, and two that look jobs up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self

from msgspec import Meta, field

from akool_async.crun.protocol import CRUN, Reading, lifted
from akool_async.crun.results import CrunFace, FaceDetection, SwappedImage
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Family, Lookup, Operation
from akool_async.protocol.fields import Id, Rule, Url, WebhookUrl
from akool_async.protocol.value import Input

_ROOT: Final = "/api/v1/client/job/"
_PAGES: Final = "https://docs.crun.ai/ai-tools/face-swap"


class GetDetection(Lookup[FaceDetection]):
    """Look up a face detection; from docs.crun.ai."""

    name = "crun.detection"
    root = _ROOT
    path = "detect-face-result"
    docs = f"{_PAGES}/detect-face-result"
    envelope = CRUN
    parse = Reading(FaceDetection, faces=CrunFace)

    detect_task_id: Id
    """The job's `id`."""


class GetTask(Lookup[SwappedImage]):
    """Look up a face swap; from docs.crun.ai."""

    name = "crun.task"
    root = _ROOT
    path = "TaskInfo"
    docs = "https://docs.crun.ai/models/common/get-task-info"
    envelope = CRUN
    parse = Reading(SwappedImage, media_urls=str)

    task_id: Id
    """The job's `id`."""


class DetectFaces(Operation[FaceDetection]):
    """Find the faces in a picture; a swap can use them for one hour."""

    name = "crun.detect_faces"
    root = _ROOT
    path = "detect-face-image"
    docs = f"{_PAGES}/detect-face-image"
    envelope = CRUN
    parse = Reading(FaceDetection, faces=CrunFace)
    family = Family(
        name="detection",
        vendor="CRUN",
        result=FaceDetection,
        lookup=lambda ids: GetDetection(detect_task_id=ids[0]),
    )

    image_url: Url
    """URL of the image to detect faces in; the swap must use the same URL."""


class FaceTarget(Input, kw_only=False, forbid_unknown_fields=True):
    """One face of the picture, and the new face for it; from docs.crun.ai."""

    face_id: Annotated[int, Meta(ge=0)] | Id
    """The face's `id`, from the detection."""
    target: Url
    """Picture of the new face; the detected face's own `link` leaves it unchanged."""


def _are_different(faces: Sequence[FaceTarget]) -> bool:
    return len({str(face.face_id) for face in faces}) == len(faces) > 0


class SwapFaces(Operation[SwappedImage]):
    """Swap faces in a picture, after `DetectFaces` has found them; from docs.crun.ai."""

    name = "crun.swap_faces"
    root = _ROOT
    path = "CreateTask"
    docs = f"{_PAGES}/image-face-swap-multi"
    envelope = CRUN
    parse = Reading(SwappedImage, media_urls=str)
    family = Family(
        name="task",
        vendor="CRUN",
        result=SwappedImage,
        media="image",
        lookup=lambda ids: GetTask(task_id=ids[0]),
    )
    model: ClassVar[str] = "image-face-swap-multi"
    """CRUN's name of this task; several kinds of task share the endpoint."""

    detect_id: Id = field(name="input.detect_id")
    """The detection's `detect_id`; valid for one hour."""
    image_url: Url = field(name="input.image_url")
    """The picture: exactly the `image_url` of the detection."""
    faces: Annotated[
        Sequence[FaceTarget], Rule("must name at least one face, and none twice", _are_different)
    ] = field(name="input.faces")
    """The faces to replace; dicts of the same shape are accepted too."""
    disable_safety_checker: bool | None = field(name="input.disable_safety_checker", default=None)
    """Whether to skip CRUN's safety check of the picture."""
    callback_url: WebhookUrl | None = None
    """Address that CRUN also posts the outcome to."""

    def body_fields(self) -> dict[str, Any]:
        """Return the model and the fields, most of them inside `input` as CRUN requires."""
        wire: dict[str, Any] = {"model": self.model, "input": {}}
        for name, value in super().body_fields().items():
            group, _, inner = name.rpartition(".")
            (wire[group] if group else wire)[inner] = value
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Build the value from a body in CRUN's format.

        Raises:
            InvalidInput: a field is unknown, missing, of the wrong type, or breaks a rule; or
                the body is for another model.
        """
        fields = lifted(wire, "input")
        model = fields.pop("model", None)
        if model != cls.model:
            raise InvalidInput("model", model, f"must be {cls.model}", owner=cls.__name__)
        return super().from_wire(fields)
