"""The results of CRUN's jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import field

from akool_async.media.several import trimmed
from akool_async.protocol.snapshot import telling
from akool_async.protocol.value import Value
from akool_async.result import Result

DETECTION_LIFETIME: Final = timedelta(hours=1)
"""Lifetime of a `detect_id`, from docs.crun.ai."""
MEDIA_LIFETIME: Final = timedelta(days=14)
"""Approximate lifetime of media: found by users, not stated on CRUN's pages."""

_END_OF_TIME = 2.0**33
"""Seconds since 1970, in the year 2242; a larger number is no valid time."""


class _CrunResult(Result):
    """Base class of CRUN's results."""

    state: str = ""
    """CRUN's own word for the status."""


class CrunFace(Value):
    """A detected face; the fields are from docs.crun.ai."""

    id: int | str
    """The face's number in the picture, from 0; for `FaceTarget.face_id`."""
    link: str = ""
    """Picture of this face alone. As the target of its own id, it leaves the face unchanged."""


class FaceDetection(_CrunResult):
    """The faces in a picture; the fields are from docs.crun.ai.

    A detection has no media, so `url` is empty. `expires_at` is one hour after the request.
    That is a little early: CRUN counts from a later moment, which it states without a time
    zone.
    """

    lifetime = DETECTION_LIFETIME

    id: str = field(name="detect_task_id", default="")
    """The job's id, for lookups. A swap needs `detect_id` instead."""
    detect_id: str = field(name="result.id", default="")
    """The id that a swap needs; empty until COMPLETED."""
    faces: tuple[CrunFace, ...] = field(name="result.faces", default=())
    """The detected faces."""
    image_url: str = ""
    """The picture's address, which a swap must use unchanged; empty for a job resumed by its
    token."""
    error_reason: str = field(name="error", default="")
    """Why the detection failed."""
    result_error: str = field(name="result.error", default="")
    """The same, from inside CRUN's `result`."""
    started_at: str = field(name="result.started_at", default="")
    """When CRUN began, without a time zone."""
    finished_at: str = field(name="result.finished_at", default="")
    """When CRUN finished, without a time zone."""

    @property
    def told(self) -> str:
        """Why the detection failed in CRUN's words; empty if these give no reason."""
        return super().told or telling(self.result_error)


class SwappedImage(_CrunResult):
    """A picture with other faces; the fields are from docs.crun.ai.

    CRUN's pages do not say how long CRUN keeps the media. Users found about 14 days, which
    `expires_at` assumes: save the media you need.
    """

    lifetime = MEDIA_LIFETIME
    more_media = ("media_urls",)

    id: str = field(name="task_id", default="")
    """The job's id."""
    media_urls: tuple[str, ...] = field(name="result.media_urls", default=())
    """Addresses of the media; `url` is the first one."""
    error_reason: str = field(name="result.message", default="")
    """Why the swap failed; `success` if it did not fail."""
    result_code: int | None = field(name="result.code", default=None)
    """CRUN's code of the outcome: 200 for success, 501 for a failure."""
    credits: float | None = None  # pyright: ignore[reportIncompatibleMethodOverride] - a field here
    """Credits that the swap cost."""
    create_at: float = 0.0
    """Seconds since 1970, not milliseconds as at Akool (T14)."""
    complete_at: float | None = None
    """Seconds since 1970."""
    duration_s: float | None = None
    """Duration of the swap, in seconds."""
    provider: str = ""
    model_version: str = ""
    source: str = ""

    @property
    def credits_are_final(self) -> bool:
        """Whether `credits` is what was charged in the end."""
        return self.status.terminal and self.credits is not None

    @property
    def media_url(self) -> str:
        """The first media address."""
        return next((url for url in map(trimmed, self.media_urls) if url), "")

    @property
    def creation_time(self) -> datetime | None:
        """When CRUN created the job; `None` if CRUN's number is no valid time."""
        sound = 0 < self.create_at < _END_OF_TIME
        return datetime.fromtimestamp(self.create_at, UTC) if sound else None
