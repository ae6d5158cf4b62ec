"""Video out of a text; results and lookup are those of image to video."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from akool_async.endpoints.image2video import (
    VIDEO_PRICE,
    GeneratedVideo,
    GeneratedVideoOperation,
    One,
    Seconds,
)
from akool_async.endpoints.models import ByModel, ModelType
from akool_async.endpoints.namespace import Namespace, submits
from akool_async.endpoints.resolution import Resolution
from akool_async.endpoints.video import ListVideos
from akool_async.protocol.fields import Id, sized
from akool_async.protocol.listed import Listed
from akool_async.protocol.reply import Reply

LONGEST_WEBHOOK_URL = 2048
"""Characters."""


class TextToVideo(ByModel, GeneratedVideoOperation):
    """Make a video out of a text.

    Akool's page calls it a batch, as it can make several videos of one request: several paid jobs.
    Here it makes one. `akool.models.check(request)` says whether the model can do what is asked.
    """

    path = "v4/text2Video/createByPrompt/batch"
    # Its results are found as those of image to video; nobody has looked for one in their list.
    listed = Listed(
        lambda _: ListVideos(),
        by=("prompt",),
        also=("model_name", "negative_prompt", "resolution"),
        where={"image_url": "", "only_add_audio": False},
        only_ended=True,
    )
    docs = "https://docs.akool.com/ai-tools-suite/text2video"
    parse = Reply(GeneratedVideo, in_array=True, inside="successList", beside="errorList")
    price = msgspec.structs.replace(VIDEO_PRICE, page=docs)
    model_type: ClassVar[int] = ModelType.TEXT_TO_VIDEO

    prompt: Annotated[str, sized("characters", 5000)]
    """What happens in the video: at most 5000 characters."""
    model_name: Id | None = None
    """The model: a `value` from `models.list(types=[1502])`. Akool chooses if not given. The
    example on Akool's page names a model for pictures (N45)."""
    negative_prompt: Annotated[str, sized("characters", 1000, least=0)] | None = None
    """What must not be seen: at most 1000 characters."""
    extend_prompt: bool | None = None
    """Whether Akool may write more about it, if the model's `supported_extend_prompt` says so."""
    resolution: Resolution | None = None
    """A value of the model's `resolution_list`, such as `720p`; left out for a model without one
    (N14)."""
    video_length: Seconds | None = None
    """Seconds: one of the model's `duration_list`."""
    count: One = 1
    """Always 1."""

    def check(self) -> None:
        """Refuse a webhook address that is too long."""
        if len(self.webhook_url or "") > LONGEST_WEBHOOK_URL:
            raise self.refuse("webhook_url", f"must hold at most {LONGEST_WEBHOOK_URL} characters")


class TextToVideoNamespace(Namespace, title="text2video"):
    """Videos out of texts."""

    create = submits(TextToVideo)
