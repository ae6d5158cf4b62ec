"""What CRUN's jobs become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import field

from akool_async.protocol.value import Value
from akool_async.result import Result

DETECTION_LIFETIME: Final = timedelta(hours=1)
"""How long a `detect_id` may be used, says docs.crun.ai."""
MEDIA_LIFETIME: Final = timedelta(days=14)
"""About how long CRUN keeps media; its pages do not say, others' experience does."""

_END_OF_TIME = 2.0**33
"""Seconds since 1970, in the year 2242: no later time is taken for one."""


class _CrunResult(Result):
    """What all of CRUN's results have."""

    state: str = ""
    """CRUN's own word for the status."""


class CrunFace(Value):
    """A face that was found; the fields are from docs.crun.ai."""

    id: int | str
    """What `FaceTarget.face_id` takes: its number in the picture, from 0."""
    link: str = ""
    """Picture of the face alone. As the target of its own id, it keeps the face as it is."""


class FaceDetection(_CrunResult):
    """The faces in a picture; the fields are from docs.crun.ai.

    It has no media of its own, so `url` is empty. It expires one hour after the request,
    which is a little early: CRUN counts from a later moment, and writes that down without
    a time zone.
    """

    lifetime = DETECTION_LIFETIME

    id: str = field(name="detect_task_id", default="")
    """The job's id, which its result is asked for by; a swap takes `detect_id`."""
    detect_id: str = field(name="result.id", default="")
    """What a swap takes; empty until COMPLETED."""
    faces: tuple[CrunFace, ...] = field(name="result.faces", default=())
    """The faces found."""
    image_url: str = ""
    """The picture as it was asked about, which a swap has to name by the same address; empty
    for a job resumed by its token."""
    error_reason: str = field(name="error", default="")
    """Why it failed."""
    result_error: str = field(name="result.error", default="")
    """The same, from further down."""
    started_at: str = field(name="result.started_at", default="")
    """When CRUN began, without a time zone."""
    finished_at: str = field(name="result.finished_at", default="")
    """When CRUN was done, without a time zone."""

    @property
    def reason(self) -> str:
        """Why it failed, in one line; may be empty."""
        return self.error_reason or self.result_error


class SwappedImage(_CrunResult):
    """A picture with other faces; the fields are from docs.crun.ai.

    CRUN's pages do not say how long the media is kept. Others found about 14 days, which
    `expires_at` repeats: save what you need.
    """

    lifetime = MEDIA_LIFETIME

    id: str = field(name="task_id", default="")
    """The job's id."""
    media_urls: tuple[str, ...] = field(name="result.media_urls", default=())
    """Where the media is; `url` is the first of it."""
    error_reason: str = field(name="result.message", default="")
    """Why it failed; `success` if it did not."""
    result_code: int | None = field(name="result.code", default=None)
    """CRUN's code for how the job went: 200, or 501 for example."""
    credits: float | None = None
    """What it cost."""
    create_at: float = 0.0
    """Seconds since 1970, not milliseconds as at Akool (T14)."""
    complete_at: float | None = None
    """Seconds since 1970."""
    duration_s: float | None = None
    """Seconds that it took."""
    provider: str = ""
    model_version: str = ""
    source: str = ""

    @property
    def media_url(self) -> str:
        """The first media address."""
        return self.media_urls[0] if self.media_urls else ""

    @property
    def creation_time(self) -> datetime | None:
        """When CRUN created the job; `None` for what is no time of ours."""
        sound = 0 < self.create_at < _END_OF_TIME
        return datetime.fromtimestamp(self.create_at, UTC) if sound else None
