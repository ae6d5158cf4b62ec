"""What Akool says of a live avatar's session: its status, and the credentials of its channel."""

from __future__ import annotations

from typing import Any, Self

import msgspec
from msgspec.structs import force_setattr

from akool_async.protocol.fields import HiddenText
from akool_async.protocol.secret_fields import hide_secrets
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Value
from akool_async.result import Result

_TRTC = ("app_id", "room_id", "user_id", "user_sig")


class SessionCredentials(Value):
    """The credentials of a session's channel; repr, `to_dict` and pickles hide the tokens."""

    agora_uid: int | None = None
    """The user's number (T16)."""
    agora_app_id: str = ""
    agora_channel: str = ""
    agora_token: HiddenText = ""
    """Valid for 5 minutes, and only in the create reply (T31)."""
    livekit_url: str = ""
    livekit_token: HiddenText = ""
    livekit_room_name: str = ""
    livekit_server_identity: str = ""
    livekit_client_identity: str = ""
    trtc_app_id: int | None = None
    """Replies spell this field, and the next three, with `trtc_` or with `trtc_sdk_` (N39)."""
    trtc_room_id: str | int = ""
    trtc_user_id: str = ""
    trtc_user_sig: HiddenText = ""
    trtc_sdk_app_id: int | None = None
    trtc_sdk_room_id: str | int = ""
    trtc_sdk_user_id: str = ""
    trtc_sdk_user_sig: HiddenText = ""

    def __post_init__(self) -> None:
        for part in _TRTC:
            here, other = f"trtc_{part}", f"trtc_sdk_{part}"
            known = getattr(self, here) or getattr(self, other)
            force_setattr(self, here, known)
            force_setattr(self, other, known)
        hide_secrets(self)


class Session(Result):
    """A live avatar's session. It has no media: `.url` stays empty.

    It is usable as soon as it is created (T29): `(await job.created()).receipt.credentials`.
    """

    credentials: SessionCredentials = SessionCredentials()
    """The credentials of its channel."""
    stream_type: str = ""
    """The service that carries it, such as `agora`."""
    type: int | None = None
    uid: int | None = None

    @property
    def expires_at(self) -> None:
        """Always `None`: there is no media to expire."""
        return

    def following(self, receipt: Snapshot | None) -> Self:
        """Return this snapshot with the credentials that only the create reply holds (T31)."""
        if not isinstance(receipt, Session):
            return self
        merged = _merged(receipt.credentials, self.credentials)
        return msgspec.structs.replace(self, credentials=merged)


def _merged(first: SessionCredentials, later: SessionCredentials) -> SessionCredentials:
    known: dict[str, Any] = {
        name: getattr(later, name) or getattr(first, name) for name in later.__struct_fields__
    }
    return SessionCredentials(**known)
