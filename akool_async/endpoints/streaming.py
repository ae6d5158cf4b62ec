"""Live avatars and their sessions."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from akool_async.endpoints.avatar import ListedAvatar
from akool_async.endpoints.namespace import Namespace, calls, lists, submits
from akool_async.endpoints.paging import Page, Pages
from akool_async.errors import NotFound
from akool_async.protocol.endpoint import Command, Family, Guess, Lookup, Operation, Query, Webhook
from akool_async.protocol.fields import Id, OneOf, VisibleUrl
from akool_async.protocol.reply import Nothing, Reply
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.value import Value
from akool_async.protocol.wire import HttpResponse
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/live-avatar"
LONGEST = 3600
"""Longest duration of a session, in seconds."""


class AgoraCredentials(Value):
    """The credentials of a session's channel. Their repr and `to_dict` hide the token."""

    hidden_fields = frozenset({"agora_token"})

    agora_uid: int | None = None
    """The user's number (T16)."""
    agora_app_id: str = ""
    agora_channel: str = ""
    agora_token: str = ""
    """Valid for 5 minutes, and only in the create reply (T31)."""

    def __repr__(self) -> str:
        return f"AgoraCredentials(agora_uid={self.agora_uid}, ***)"


class Session(Result):
    """A live avatar's session. It has no media: `.url` stays empty.

    It is usable as soon as it is created (T29): `(await job.created()).receipt.credentials`.
    """

    credentials: AgoraCredentials = AgoraCredentials()
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

    def without_secrets(self) -> Self:
        """Return this session without the token of its channel."""
        kept = msgspec.structs.replace(self.credentials, agora_token="")
        return msgspec.structs.replace(self, credentials=kept)


def _merged(first: AgoraCredentials, later: AgoraCredentials) -> AgoraCredentials:
    known: dict[str, Any] = {
        name: getattr(later, name) or getattr(first, name) for name in later.__struct_fields__
    }
    return AgoraCredentials(**known)


class GetSession(Lookup[Session]):
    """Look up a session."""

    path = "v4/liveAvatar/session/detail"
    docs = _PAGE
    parse = Reply(Session)

    id: Id
    """The session's `id`."""


_CLOSED = 1219
"""Akool's code for a session that is closed."""


class CloseSession(Command[None]):
    """Close a session; Akool refunds the unused time (T30). A closed session is no error."""

    path = "v4/liveAvatar/session/close"
    docs = _PAGE
    repeatable = True
    parse = Nothing()

    id: Id
    """The session's `id` (T8: newer samples say session_id, the tables say id)."""

    def decode(self, response: HttpResponse) -> None:
        """Accept "closed already": the answer to an earlier request may have been lost."""
        try:
            super().decode(response)
        except NotFound as error:
            if error.code != _CLOSED:
                raise


SESSIONS = Family(
    name="session",
    result=Session,
    lookup=lambda ids: GetSession(id=ids[0]),
    cancel=lambda session, _job_id: CloseSession(id=session),
    usual=Guess(5.0),
)


class OpenSession(Webhook, Operation[Session]):
    """Open a session with a live avatar; its whole duration is charged at once (T30).

    The page shows `background_url` and `webhook_url` in its samples, not in its table.
    """

    path = "v4/liveAvatar/session/create"
    docs = _PAGE
    family = SESSIONS
    parse = Reply(Session)
    arms = False  # nobody has seen an event of a session

    avatar_id: Id
    """An `avatar_id` from `streaming.avatars`, such as `dvp_Tristan_cloth2_1080P`, or of an
    upload of type STREAMING that is COMPLETED."""
    duration: Annotated[int, Meta(ge=1, le=LONGEST)] | None = None
    """Duration of the session in seconds, at most 3600."""
    background_url: VisibleUrl | None = None
    """Picture or video behind the avatar."""


class ListStreamingAvatars(Query[Page[ListedAvatar]]):
    """List the avatars for sessions, a page at a time."""

    path = "v4/liveAvatar/avatar/list"
    docs = _PAGE
    parse = Pages(ListedAvatar, key="result")

    page: Annotated[int, Meta(ge=1)] = 1
    """Number of the page; the first is 1."""
    size: Annotated[int, Meta(ge=1, le=100)] = 100
    """Avatars on a page, at most 100."""


class ListSessions(Query[Page[Session]]):
    """List sessions, a page at a time."""

    path = "v4/liveAvatar/session/list"
    docs = _PAGE
    parse = Pages(Session, key="result")  # T10: documented as an array, printed as an object

    page: Annotated[int, Meta(ge=1)] = 1
    """Number of the page; the first is 1."""
    size: Annotated[int, Meta(ge=1)] = 100
    """Sessions on a page."""
    status: Annotated[Status | int, OneOf(Status)] | None = None
    """Only sessions with this status."""


class StreamingNamespace(Namespace, title="streaming"):
    """Live avatars and their sessions."""

    session = submits(OpenSession)
    avatars = lists(ListStreamingAvatars)
    get = calls(GetSession)
    close = calls(CloseSession)
    sessions = lists(ListSessions)
