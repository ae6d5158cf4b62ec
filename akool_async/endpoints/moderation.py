"""Moderation of pictures, videos, recordings and texts (Jarvis); for enterprise accounts."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias

from msgspec import Meta, field

from akool_async.endpoints.namespace import Namespace, calls, submits
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Webhook
from akool_async.protocol.fields import MB, FieldPlan, Files, Id, OneOf, Rule, is_http_url
from akool_async.protocol.price import Price, begun
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import Status
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/jarvis-moderator"


class ContentType(IntEnum):
    """The kind of content, with its largest size.

    IMAGE: up to 20 MB; png, jpg, jpeg, webp, or gif that is not animated.
    VIDEO: up to 1024 MB and 1080p; mp4 or avi.
    AUDIO: up to 25 MB and 60 minutes; flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav or webm.
    TEXT: the text itself, or the URL of a txt, docx, xml, pdf, csv, md or json file.
    """

    IMAGE = 1
    VIDEO = 2
    AUDIO = 3
    TEXT = 4


class Analysis(Result):
    """A verdict. It has no media: `.url` stays empty."""

    shown_properties: ClassVar[tuple[str, ...]] = (*Result.shown_properties, "compliant")

    result: str = ""
    """The findings, in words."""
    final_conclusion: str = ""
    """`Compliant`, `Non-Compliant` or `Unknown`."""
    create_time: int = 0
    """Milliseconds since 1970."""
    type: int | None = None
    uid: int | None = None

    @property
    def compliant(self) -> bool | None:
        """Whether the content is compliant; `None` if that is unknown."""
        if self.status is not Status.COMPLETED:
            return None
        return {"Compliant": True, "Non-Compliant": False}.get(self.final_conclusion)

    @property
    def expires_at(self) -> None:
        """`None`: a verdict has no media that could expire."""
        return


class GetAnalysis(Lookup[Analysis]):
    """Look up a verdict by its id."""

    path = "v3/content/analysis/infobyid"
    docs = _PAGE
    parse = Reply(Analysis)  # T24: the page speaks of video_status; the field is `status`

    id: Id = field(name="_id")
    """The job's `id`."""


ANALYSES = Family(
    name="analysis",
    result=Analysis,
    lookup=lambda ids: GetAnalysis(id=ids[0]),
    usual=Guess(15.0),
)


def _is_language(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z]{2}", text) is not None


_FILES: Final = {
    ContentType.IMAGE: Files(
        kinds=("image",), formats=(".gif", ".jpeg", ".jpg", ".png", ".webp"), largest=20 * MB
    ),
    ContentType.VIDEO: Files(kinds=("video",), formats=(".avi", ".mp4"), largest=1024 * MB),
    ContentType.AUDIO: Files(
        kinds=("audio", "video"),
        formats=(
            *(".flac", ".m4a", ".mp3", ".mp4", ".mpeg", ".mpga", ".oga", ".ogg"),
            *(".wav", ".weba", ".webm"),
        ),
        largest=25 * MB,
    ),
    ContentType.TEXT: Files(
        formats=(".csv", ".docx", ".json", ".md", ".pdf", ".txt", ".xml"),
    ),
}
"""What the page says of each kind of content."""

if TYPE_CHECKING:
    Content: TypeAlias = str | Path
else:  # as `Url`
    Content = Annotated[str, Meta(min_length=1), Files()]
"""A text; or the address, or the path, of content."""


def _documented_credits(request: AnalyzeContent) -> float | None:
    content = request.content
    if request.type == ContentType.IMAGE:
        return 0.2
    if request.type == ContentType.TEXT and isinstance(content, str) and not is_http_url(content):
        return 0.1 * begun(len(content), 600)
    return None


class AnalyzeContent(Webhook, Operation[Analysis]):
    """Judge whether content is fit to be shown; for enterprise accounts."""

    path = "v3/content/analysis/sentiment"
    docs = _PAGE
    family = ANALYSES
    parse = Reply(Analysis)
    price = Price(
        says="0.2 credits for an image, 1 for a minute of video, 0.5 for a minute of audio, 0.1 for"
        " 600 characters of text",
        page=_PAGE,
        date="2026-05-18",
        credits=_documented_credits,
    )

    content: Content
    """The URL of the content, or the text itself."""
    type: Annotated[ContentType | int, OneOf(ContentType)]
    """The kind of content; see `ContentType` for sizes and formats."""
    language: Annotated[str, Rule("must be two letters", _is_language)] | None = None
    """Language of the content by ISO 639-1, such as `en`; advised except for images."""
    input: str | None = None
    """Additional criteria, in your own words."""

    def files_for(self, plan: FieldPlan) -> Files | None:
        """Return which files its kind of content may be."""
        return _FILES.get(ContentType(self.type)) if plan.files is not None else None

    def check(self) -> None:
        """Require a URL for everything but texts."""
        given = self.content
        if self.type != ContentType.TEXT and isinstance(given, str) and not is_http_url(given):
            raise self.refuse("content", "must be an http or https URL unless it is a text")


class ModerationNamespace(Namespace, title="moderation"):
    """Moderation of pictures, videos, recordings and texts."""

    analyze = submits(AnalyzeContent)
    get = calls(GetAnalysis)
