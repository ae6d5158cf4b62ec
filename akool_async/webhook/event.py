"""What a webhook says: one job, and the status that it has reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import field

from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Value

_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # Reages share the face swaps' result endpoint.
    "faceswap": ("faceswap.image", "faceswap.video", "reage.image", "reage.video"),
    "image": ("image.generate", "image.refine"),
    "audio": ("audio.tts", "audio.clone"),
    "talking photo": ("video.talking_photo", "video.speaking_photo"),
    "video translate": ("video.translate",),
    "background change": ("image.replace_background",),
    "avatar": ("avatar.upload", "video.talking_avatar", "video.speaking_avatar"),
    "lipsync": ("video.lip_sync",),
}
"""Operations by the type of the events about their jobs, as far as Akool's page names types."""
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_STATUSES: Final = frozenset(int(each) for each in Status)


class Event(Value):
    """A webhook of Akool about one job.

    Akool's page: https://docs.akool.com/ai-tools-suite/webhook
    """

    id: str
    """The job's `id`, on the wire `_id`."""
    status: Status
    """The status that the job has reached: PROCESSING, COMPLETED or FAILED."""
    type: str = ""
    """Akool's own word for the product, such as `talking photo`. Newer products have words that
    no page documents: they are kept as they are."""
    url: str = ""
    """Address of the result; may be empty. The result of a job comes from its lookup, never from
    here."""
    extras: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of the event, as Akool spells them."""

    @property
    def operations(self) -> tuple[str, ...]:
        """Names of the operations that `type` may mean; empty for an unknown type."""
        return _OPERATIONS.get(self.type, ())

    def to_wire(self) -> dict[str, Any]:
        """Return the event as Akool's JSON spells it."""
        return {
            "_id": self.id,
            "status": int(self.status),
            "type": self.type,
            "url": self.url,
            **self.extras,
        }


def event_of(text: bytes) -> Event | None:
    """Read an event; `None` if the text is none. Unknown types and fields are kept."""
    try:
        fields = _DECODER.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    job_id, status = fields.pop("_id", None), fields.pop("status", None)
    product, url = fields.pop("type", ""), fields.pop("url", None) or ""
    if not isinstance(job_id, str) or not isinstance(product, str) or not isinstance(url, str):
        return None
    if not job_id or type(status) is not int or status not in _STATUSES:
        return None
    return Event(id=job_id, status=Status(status), type=product, url=url, extras=fields)


def type_of(operation: str) -> str | None:
    """Return the type of the events about an operation's jobs, if Akool's page names it."""
    known = (each for each, names in _OPERATIONS.items() if operation in names)
    return next(known, None)
