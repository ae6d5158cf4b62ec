"""CRUN's endpoints: the two that start jobs, and the two that look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self

from msgspec import Meta, field

from akool_async.crun.protocol import CRUN, Reading, lifted
from akool_async.crun.results import CrunFace, FaceDetection, SwappedImage
from akool_async.errors import InvalidInput
from akool_async.protocol.endpoint import Family, Operation, Query
from akool_async.protocol.fields import Id, Rule, Url, WebhookUrl
from akool_async.protocol.value import Input

_ROOT: Final = "/api/v1/client/job/"
_PAGES: Final = "https://docs.crun.ai/ai-tools/face-swap"


class GetDetection(Query[FaceDetection]):
    """Look up a face detection; from docs.crun.ai."""

    name = "crun.detection"
    root = _ROOT
    path = "detect-face-result"
    docs = f"{_PAGES}/detect-face-result"
    envelope = CRUN
    parse = Reading(FaceDetection, faces=CrunFace)

    detect_task_id: Id
    """The job's `id`."""


class GetTask(Query[SwappedImage]):
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
    """Find the faces in a picture, for a swap within the hour."""

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
    """URL of the image to detect faces from; the swap has to name the same."""


class FaceTarget(Input, kw_only=False, forbid_unknown_fields=True):
    """Which face becomes which; from docs.crun.ai."""

    face_id: Annotated[int, Meta(ge=0)] | Id
    """A face's `id`, from the detection."""
    target: Url
    """Picture of the new face; the face's own `link` keeps it as it is."""


def _are_different(faces: Sequence[FaceTarget]) -> bool:
    return len({str(face.face_id) for face in faces}) == len(faces) > 0


class SwapFaces(Operation[SwappedImage]):
    """Swap faces in a picture whose faces were detected; from docs.crun.ai."""

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
    """Which of the tasks that share the endpoint this is."""

    detect_id: Id = field(name="input.detect_id")
    """The detection's `detect_id`; valid for one hour."""
    image_url: Url = field(name="input.image_url")
    """The picture, by the very address that its faces were detected at."""
    faces: Annotated[
        Sequence[FaceTarget], Rule("must name at least one face, and none twice", _are_different)
    ] = field(name="input.faces")
    """The faces to replace; dicts of the same shape are taken too."""
    disable_safety_checker: bool | None = field(name="input.disable_safety_checker", default=None)
    """Whether to leave out the check of what is in the picture."""
    callback_url: WebhookUrl | None = None
    """Where CRUN shall also post the outcome."""

    def body_fields(self) -> dict[str, Any]:
        """Return the model, and the fields where CRUN wants them: nearly all in `input`."""
        wire: dict[str, Any] = {"model": self.model, "input": {}}
        for name, value in super().body_fields().items():
            group, _, inner = name.rpartition(".")
            (wire[group] if group else wire)[inner] = value
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Build the value from what CRUN would get.

        Raises:
            InvalidInput: a field is unknown, missing, of the wrong type, or breaks a rule; or
                it is another model.
        """
        fields = lifted(wire, "input")
        model = fields.pop("model", None)
        if model != cls.model:
            raise InvalidInput("model", model, f"must be {cls.model}", owner=cls.__name__)
        return super().from_wire(fields)
