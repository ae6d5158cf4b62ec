"""The family of face swaps and reages: their result, and what their jobs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from msgspec import field

from akool_async.endpoints.face import Face
from akool_async.endpoints.removal import Removal
from akool_async.protocol.endpoint import Command, Family, Guess, Operation, Query, Webhook
from akool_async.protocol.fields import CommaSeparated, listable
from akool_async.protocol.reply import Nothing, Reply, Rows
from akool_async.protocol.snapshot import ID, Status
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/faceswap"
_REAGE_PAGE = "https://docs.akool.com/ai-tools-suite/reage"


Ids = Annotated[CommaSeparated, listable("id")]
"""Ids of jobs, `_id` unless the field says otherwise."""


MOST_IDS = 300
"""The most ids in one request: its line stays under the 8 KiB that common servers accept. For
lookups of watched jobs, the client learns a lower limit."""

_YEARS = range(1970, 2243)
"""Years that are believed; a date in another year is ignored."""


class Faceswap(Result):
    """A picture or video with other faces, or other ages."""

    media_field = "predicted_url"

    # The fields stand in the order of the wire: msgspec searches for each key from the field of
    # the last key on, so that it finds each one at once. Many rows of this kind are decoded.
    faceswap_type: int | None = None
    faceswap_quality: int | None = None
    status: Status = field(name="faceswap_status", default=Status.QUEUED)
    deduction_status: int | None = None
    image: int | None = None
    video_duration: float | None = None
    """Length of a video in seconds."""
    deduction_duration: float | None = None
    """What was charged, if it is not 0: Akool prints 0 beside results that cost something, too."""
    update_time: int | None = None
    """Milliseconds since 1970; 0 for never (T14)."""
    id: str = ID
    user_id: str | None = field(name="userId", default=None)
    uid: int | None = None
    predicted_url: str = field(name="url", default="")
    """The media's address; there is no file before COMPLETED (T25)."""
    created_at: datetime | None = field(name="createdAt", default=None)
    """When Akool created the job."""

    @property
    def creation_time(self) -> datetime | None:
        """When Akool created the job."""
        created = self.created_at
        if created is None or created.year not in _YEARS:
            return None
        return created if created.tzinfo else created.replace(tzinfo=UTC)


class GetFaceswaps(Query[tuple[Faceswap, ...]]):
    """Look up face swaps and reages by their ids (T20); unknown ids are left out of the reply."""

    path = "v3/faceswap/result/listbyids"
    docs = _PAGE
    also_in = (_REAGE_PAGE,)
    parse = Rows(Faceswap, key="result")

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""


class DeleteFaceswaps(Removal):
    """Delete results of face swaps and reages. A result that is gone already is no error."""

    path = "v3/faceswap/result/delbyids"
    docs = _PAGE

    ids: Ids = field(name="_ids")
    """The jobs' `id`s."""


class CancelFaceswaps(Command[None]):
    """Cancel face swaps and reages that have not ended."""

    path = "v3/faceswap/job/del"
    docs = _REAGE_PAGE
    repeatable = True
    parse = Nothing()

    job_ids: Ids
    """The jobs' `job_id`s: not their `id`s."""


def _cancel(_id: str, job_id: str | None) -> CancelFaceswaps | None:
    return CancelFaceswaps(job_ids=[job_id]) if job_id else None


FACESWAPS = Family(
    name="faceswap",
    result=Faceswap,
    lookup=lambda ids: GetFaceswaps(ids=ids),
    batch=MOST_IDS,
    cancel=_cancel,
    media="image",
    usual=Guess(10.0),
)
VIDEO_USUALLY = Guess(90.0, 1.0)
"""How long a swap, or a reage, in a video takes."""


class FaceswapOperation(Webhook, Operation[Faceswap]):
    """The fields, and the reply, of every operation of this family."""

    family = FACESWAPS
    docs = _PAGE
    parse = Reply(Faceswap)


def check_landmarks(operation: FaceswapOperation, name: str, *, several: bool) -> None:
    """Refuse faces without landmarks where there are several faces.

    Raises:
        InvalidInput: a face lacks its `opts`.
    """
    faces: Sequence[Face] = getattr(operation, name)
    for index, face in enumerate(faces):
        if several and not face.opts:
            raise operation.refuse(f"{name}[{index}].opts", "is required with more than one face")
