"""Avatars: Akool's, and the account's own."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta, field

from akool_async.endpoints.namespace import Namespace, calls, lists, submits
from akool_async.endpoints.paging import ByPage, Page, Pages
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Query
from akool_async.protocol.fields import Id, OneOf, Rule, VideoUrl
from akool_async.protocol.listed import Listed
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import ID, Snapshot
from akool_async.protocol.value import Value
from akool_async.result import Result

_LIST_PAGE = "https://docs.akool.com/ai-tools-suite/talking-avatar"
_UPLOAD_PAGE = "https://docs.akool.com/ai-tools-suite/live-avatar"


class AvatarType(IntEnum):
    """The use of an avatar."""

    TALKING = 1
    STREAMING = 2


class Avatar(Result):
    """An avatar of the account's own; usable once it is COMPLETED."""

    media_field = "media"

    media: str = field(name="url", default="")
    """Address of its picture or video."""
    avatar_id: str = ""
    """The id that `TalkingAvatar` and `OpenSession` take."""
    name: str = ""
    gender: str = ""
    modify_url: str = ""
    thumbnail_url: str = field(name="thumbnailUrl", default="")
    disabled: bool | None = None
    create_time: int = 0
    """Milliseconds since 1970."""
    sort: int | None = None
    type: int | None = None
    """1 talking, 2 streaming."""
    from_: int | None = field(name="from", default=None)
    """2 for Akool's, 3 for the account's."""
    uid: int | None = None

    def following(self, receipt: Snapshot | None) -> Self:
        """Return this snapshot with the `avatar_id`, which only the create reply may hold."""
        known = super().following(receipt)
        if known.avatar_id or not isinstance(receipt, Avatar):
            return known
        return msgspec.structs.replace(known, avatar_id=receipt.avatar_id)


class GetAvatar(Lookup[Avatar]):
    """Look up an avatar that was uploaded."""

    path = "v3/avatar/detail"
    docs = _LIST_PAGE
    parse = Reply(Avatar, in_array=True)  # T10: an array of one

    id: Id
    """The upload's `id`: not its `avatar_id`."""


AVATARS = Family(
    name="avatar",
    result=Avatar,
    lookup=lambda ids: GetAvatar(id=ids[0]),
    media="video",
    usual=Guess(120.0, 1.0),
)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isalnum()


class UploadAvatar(Operation[Avatar]):
    """Make an avatar from a video of about one minute."""

    path = "v3/avatar/create"
    docs = _UPLOAD_PAGE
    also_in = (_LIST_PAGE,)
    family = AVATARS
    parse = Reply(Avatar)  # T10: an object on one page, an array of one on another
    # The id is the account's own choice, and the list shows no time.
    listed = Listed(
        lambda upload: ListAvatars(from_=3, type=upload.type), by=("avatar_id",), where={"from_": 3}
    )

    url: VideoUrl
    """The video: about one minute, clear, with little turning of the head."""
    avatar_id: Annotated[str, Rule("must be letters and digits only", _is_plain)]
    """A unique id of your choice: letters and digits only."""
    type: Annotated[AvatarType | int, OneOf(AvatarType)]
    """The avatar's use (T11: the page says text and sends a number)."""
    name: Annotated[str, Meta(min_length=1)] | None = None
    """A name to show. The page about streaming avatars says that it is required for those."""
    url_from: Literal[1, 2] | None = None
    """1 for a direct link, Akool's or another; 2 for YouTube, TikTok, X or Google Drive."""


class ListedAvatar(Value):
    """An avatar in a list."""

    avatar_id: str
    """The id that `TalkingAvatar` and `OpenSession` take."""
    name: str = ""
    url: str = ""
    """Address of its picture or video."""
    thumbnail_url: str = field(name="thumbnailUrl", default="")
    gender: str = ""
    from_: int | None = field(name="from", default=None)
    """2 for Akool's, 3 for the account's, 7 for one that AI has made; `TalkingAvatar.avatar_from`
    takes it."""
    type: int | None = None
    """1 talking, 2 streaming."""
    voice_id: str = ""
    """The voice of a streaming avatar."""
    available: bool | None = None
    """Whether a streaming avatar is available now."""
    platform: str = ""
    """`open` or `aigc`, for a streaming avatar."""
    id: str = ID
    uid: int | None = None


class ListAvatars(ByPage, Query[Page[ListedAvatar]]):
    """List avatars, a page at a time; Akool does not say how many there are."""

    path = "v3/avatar/list"
    docs = _LIST_PAGE
    parse = Pages(ListedAvatar, bare=True)

    from_: Literal[2, 3, 7] | None = field(name="from", default=None)
    """2 for Akool's avatars, 3 for the account's, 7 for those that AI has made; all if not
    given. 7 stands on a page that Akool has not published yet."""
    type: Annotated[AvatarType | int, OneOf(AvatarType)] | None = None
    """Only avatars for this use; all if not given."""


class AvatarNamespace(Namespace, title="avatar"):
    """Avatars: Akool's, and the account's own."""

    upload = submits(UploadAvatar)
    list = lists(ListAvatars)
    get = calls(GetAvatar)
