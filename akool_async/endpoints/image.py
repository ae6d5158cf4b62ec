"""Images: generated from a text, refined, or given another background."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, field

from akool_async.clock import running_loop
from akool_async.endpoints.namespace import Executor, Namespace, calls, submits
from akool_async.endpoints.resolution import Resolution
from akool_async.job import Job
from akool_async.media.several import trimmed
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import (
    LOWERCASE_WEBHOOK,
    Family,
    Guess,
    Lookup,
    Operation,
    Webhook,
)
from akool_async.protocol.fields import Id, ImageUrl, OneOf, Rule, Urls
from akool_async.protocol.price import Price
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import Status, telling
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/image-generate"
_BACKGROUND_PAGE = "https://docs.akool.com/ai-tools-suite/background-change"
_INSTEAD = "use akool.image.refine(id=image.id, button=...)"


class Scale(StrEnum):
    """Aspect ratio of a generated image: width to height."""

    SQUARE = "1:1"
    FOUR_TO_THREE = "4:3"
    THREE_TO_FOUR = "3:4"
    SIXTEEN_TO_NINE = "16:9"
    NINE_TO_SIXTEEN = "9:16"
    THREE_TO_TWO = "3:2"
    TWO_TO_THREE = "2:3"


ORIGINAL = "Original"
"""The aspect ratio of the source picture, as a `scale`."""

_SCALES = (*Scale, ORIGINAL)


class Button(StrEnum):
    """An action on one of the four pictures of a generated image.

    U makes that picture alone in 4K, V a variation of it.
    """

    U1 = "U1"
    U2 = "U2"
    U3 = "U3"
    U4 = "U4"
    V1 = "V1"
    V2 = "V2"
    V3 = "V3"
    V4 = "V4"


def _is_size(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,5}x[1-9][0-9]{0,5}", text) is not None


def _is_colour(text: str) -> bool:
    return re.fullmatch(r"#[0-9A-Fa-f]{6}", text) is not None


Size = Annotated[str, Rule("must be a width and a height, such as 3840x2160", _is_size)]
"""Width and height in pixels, such as `3840x2160`."""


class Image(Result):
    """A picture; a generated one shows four pictures in a grid."""

    media_field = "image"
    more_media = ("upscaled_urls",)

    status: Status = field(name="image_status", default=Status.QUEUED)
    image: str = ""
    """Address of the picture, which may not be there yet (T25)."""
    external_img: str = ""
    """Another address of the picture; `url` is the one to use."""
    create_time: int = 0
    """Milliseconds since 1970."""
    image_id: str | None = None
    """Another id; lookups do not take it."""
    image_sub_status: int | None = None
    buttons: tuple[str, ...] = ()
    """The actions that `image.refine` takes for it (T23: Akool's text says display_buttons)."""
    used_buttons: tuple[str, ...] = ()
    """The actions that were already taken."""
    upscaled_urls: tuple[str, ...] = ()
    """Addresses of its single pictures, where Akool names them; `urls` has them too. Of an image
    from a text they are the four of the grid. Status 3 may come before they are there (N43): the
    client does not wait for them, and `akool.image.get` shows them later."""
    error_reasons: tuple[str, ...] = ()
    """Why it failed."""
    deduction_credit: float | None = None
    """Credits charged; may be a fraction (T14)."""
    prompt: str = ""
    """The prompt as Akool rewrote it."""
    origin_prompt: str = ""
    """The prompt as it was given."""
    source_image: str = ""
    """The picture that it was made from."""
    image_content_model_id: str | None = None
    """Of a refined image: the `id` of the image it was made from."""
    op_button: str = ""
    """Of a refined image: the button."""
    op_button_message_id: str = field(name="op_buttonMessageId", default="")
    faceswap_quality: int | None = None
    type: int | None = None
    from_: int | None = field(name="from", default=None)
    uid: int | None = None

    @property
    def media_url(self) -> str:
        """The address of the picture, or of the first one in `upscaled_urls` without it."""
        own: str = super().media_url
        return own or next((url for each in self.upscaled_urls if (url := trimmed(each))), "")

    @property
    def told(self) -> str:
        """Why the job failed in Akool's words; empty if these give no reason."""
        return "; ".join(filter(None, map(telling, self.error_reasons))) or super().told

    def upscale(self, number: int) -> Job[Image]:
        """Make one of the four pictures alone, in 4K.

        Args:
            number: 1 to 4, from left to right and from top to bottom.

        Raises:
            InvalidInput: the number is not from 1 to 4.
            RuntimeError: this image came from no client.
        """
        return self._refine(f"U{number}")

    def vary(self, number: int) -> Job[Image]:
        """Make a variation of one of the four pictures.

        Args:
            number: 1 to 4, from left to right and from top to bottom.

        Raises:
            InvalidInput: the number is not from 1 to 4.
            RuntimeError: this image came from no client, or the client is gone.
        """
        return self._refine(f"V{number}")

    def _refine(self, button: str) -> Job[Image]:
        executor: Executor | None = self.link.executor if self.link else None
        if executor is None:
            raise RuntimeError(f"this image belongs to no client; {_INSTEAD}")
        if getattr(executor, "in_background", False) and running_loop() is None:
            raise RuntimeError(f"no event loop runs here; {_INSTEAD}")
        return executor.submit(RefineImage(id=self.id, button=button))


class GetImage(Lookup[Image]):
    """Look up an image by its id."""

    path = "v3/content/image/infobymodelid"
    docs = _PAGE
    also_in = (_BACKGROUND_PAGE,)
    parse = Reply(Image)

    id: Id = field(name="image_model_id")
    """The job's `id`."""


IMAGES = Family(
    name="image",
    result=Image,
    lookup=lambda ids: GetImage(id=ids[0]),
    media="image",
    usual=Guess(30.0),
)


class ImageOperation(Webhook, Operation[Image]):
    """The fields, and the reply, of every operation of this family."""

    family = IMAGES
    docs = _PAGE
    parse = Reply(Image)


class GenerateImage(ImageOperation):
    """Make an image from a text, or from a text and a picture.

    The image shows four pictures. `upscaled_urls`, which names each of them, may still be empty
    when the job is COMPLETED (N43): `image.get` shows it later.
    """

    path = "v3/content/image/createbyprompt"
    deprecated = Deprecated(
        since="2026-05-18",
        state="superseded",
        instead="image.create",
        page=f"{_PAGE}/image-generate",
    )

    prompt: Annotated[str, Meta(min_length=1)]
    """A description of the image."""
    scale: Annotated[Scale | str, OneOf(Scale)] = Scale.SQUARE
    """Aspect ratio: width to height."""
    source_image: ImageUrl | None = None
    """Picture to start from."""


_KONTEXT = "kontext"
"""Part of the names of models that start from a picture."""


OnePicture = Annotated[
    int,
    Rule(
        "must be 1, as one request is one job: submit several requests for several pictures, as"
        " akool.map does",
        lambda quantity: quantity == 1,
    ),
]
"""How many pictures a request asks for."""


class CreateImage(Webhook, Operation[Image], rename=LOWERCASE_WEBHOOK):
    """Make one picture from a text, or from a text and pictures.

    It is Akool's newer way, in place of `GenerateImage`.
    """

    path = "v4/content/image/createBySourcePrompt"
    docs = f"{_PAGE}/create-by-source-prompt"
    price = Price(
        says="1 credit for a picture",
        page=docs,
        date="2026-10-09",
        credits=lambda _request: 1,
        observed="3 at 1080p, 4 at 4k (2026-10-09); 8 with Akool's own command (2026-07)",
    )
    family = IMAGES
    parse = Reply(Image)

    prompt: Annotated[str, Meta(min_length=1)]
    """A description of the picture."""
    model_name: str | None = None
    """The model: `wavespeed-ai/flux-krea-dev-lora` for a text alone, or
    `wavespeed-ai/flux-kontext-dev`, which needs `source_images`. If not given, Akool chooses by
    `source_images`."""
    source_images: Urls | None = None
    """Addresses of the pictures to start from."""
    scale: Annotated[str, Rule(f"must be one of {', '.join(_SCALES)}", _SCALES.__contains__)] = (
        Scale.SQUARE
    )
    """Aspect ratio: width to height, as in `Scale`; or `Original`, with `source_images` only."""
    resolution: Resolution = "4k"
    """The size: `1080p` or `4k`, spelt so (N21)."""
    batch_quantity: OnePicture = 1
    """Always 1: one request makes one picture, and is charged once (N8). `akool.map` makes many."""
    similar: Annotated[float, Meta(ge=0, le=1)] | None = None
    """How similar to the source pictures, from 0 to 1; 0.5 if not given. With `source_images`
    only."""
    negative_prompt: str | None = None
    """A description of what must not be in the picture."""

    def check(self) -> None:
        """Require pictures where the model, or a field, needs them."""
        if self.source_images is not None:
            return
        if self.model_name is not None and _KONTEXT in self.model_name.lower():
            raise self.refuse("source_images", f"is required with the model {self.model_name}")
        if self.scale == ORIGINAL:
            raise self.refuse("scale", f"{ORIGINAL} goes together with source_images")
        if self.similar is not None:
            raise self.refuse("similar", "goes together with source_images")


class RefineImage(ImageOperation):
    """Make a 4K version or a variation of one picture of a generated image.

    The reply names a new job (T23): its `id` is not the image's.
    """

    path = "v3/content/image/createbybutton"

    id: Id = field(name="_id")
    """The generated image's `id`."""
    button: Annotated[Button | str, OneOf(Button)]
    """The action, and the picture: U1 is a 4K version of picture 1, V1 a variation of it."""


class ReplaceBackground(ImageOperation):
    """Put a picture before another background: a colour, a picture, both, or none."""

    path = "v3/content/image/bg/replace"
    docs = _BACKGROUND_PAGE
    deprecated = Deprecated(since="2026-04-14", state="gone", page=_BACKGROUND_PAGE)  # T40
    usual = Guess(15.0)

    origin_img: ImageUrl
    """The foreground picture."""
    modify_origin_img_size: Size
    """Size of the foreground on the canvas, in pixels."""
    overlay_origin_x: int
    """Left edge of the foreground on the canvas, in pixels; may be negative."""
    overlay_origin_y: int
    """Top edge of the foreground on the canvas, in pixels; may be negative."""
    canvas_size: Size
    """Size of the canvas, in pixels."""
    color_code: Annotated[str, Rule("must be a colour such as #aafbe3", _is_colour)] | None = None
    """Background colour, such as `#aafbe3`."""
    template_url: ImageUrl | None = None
    """Background picture; with a colour, without one, or neither of them."""
    modify_template_size: Size | None = None
    """Size of the background picture on the canvas, in pixels; only with `template_url`."""
    overlay_template_x: int | None = None
    """Left edge of the background picture, as `overlay_origin_x`; only with `template_url`."""
    overlay_template_y: int | None = None
    """Top edge of the background picture, as `overlay_origin_y`; only with `template_url`."""
    remove_bg: bool = field(name="removeBg", default=False)
    """Whether Akool first cuts the foreground out of its own background."""

    def check(self) -> None:
        """Refuse the position of a background picture if there is no such picture."""
        if self.template_url is None:
            for name in ("modify_template_size", "overlay_template_x", "overlay_template_y"):
                if getattr(self, name) is not None:
                    raise self.refuse(name, "goes together with template_url")


class ImageNamespace(Namespace, title="image"):
    """Images generated, refined and put before other backgrounds."""

    create = submits(CreateImage)
    generate = submits(GenerateImage)
    refine = submits(RefineImage)
    replace_background = submits(ReplaceBackground)
    get = calls(GetImage)
