"""Live face swap: a session over Agora, which has to be closed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, field

from akool_async.endpoints.face import Faces, OneOrMore
from akool_async.endpoints.faceswap_family import MOST_IDS, GetFaceswaps
from akool_async.endpoints.removal import Removal
from akool_async.protocol.endpoint import Command, Family, Guess, Operation
from akool_async.protocol.fields import HiddenText, Id
from akool_async.protocol.reply import Nothing, Reply
from akool_async.protocol.secret_fields import hide_secrets
from akool_async.protocol.snapshot import Status
from akool_async.result import Result
from akool_async.streaming.closing import ClosingSession, Opener

_PAGE = "https://docs.akool.com/ai-tools-suite/live-faceswap"


class LiveFaceswap(Result):
    """An open session of live face swap. It has no media: `.url` stays empty.

    Its job is done once the session is open, so `status` is COMPLETED: Akool documents no lookup
    for sessions (N44). The repr and `to_dict` hide the token.
    """

    faceswap_status: Status = Status.QUEUED
    """The session's own status: the frontend may join the channel from PROCESSING on. Akool says
    it in the create reply only."""
    front_user_id: str = ""
    """The frontend's user in the channel."""
    algorithm_user_id: str = ""
    """The user in the channel that sends the swapped video."""
    front_rtc_token: HiddenText = ""
    """The frontend's Agora token: a secret. The journal does not keep it."""
    channel_id: str = ""
    """The Agora channel."""
    app_id: str = ""
    """The Agora app; empty in Akool's example."""

    def __post_init__(self) -> None:
        hide_secrets(self)

    @property
    def expires_at(self) -> None:
        """Always `None`: there is no media to expire."""
        return


class _Opening(Reply[LiveFaceswap]):
    """The create reply: the job is done, whatever the status of the session is."""

    def __call__(self, data: Raw, /) -> LiveFaceswap:
        opened = super().__call__(data)
        failed = opened.faceswap_status is Status.FAILED
        return msgspec.structs.replace(opened, status=Status.FAILED if failed else Status.COMPLETED)

    def encode(self, value: LiveFaceswap) -> Any:
        """Leave out what no reply holds."""
        return {name: each for name, each in super().encode(value).items() if name != "status"}


class UpdateLiveFaceswap(Command[None]):
    """Change the new face of an open session."""

    path = "v3/faceswap/live/update"
    docs = _PAGE
    repeatable = True
    parse = Nothing()

    id: Id = field(name="_id")
    """The session's `id`."""
    source_image: Faces = field(name="sourceImage")
    """The new face, with its landmarks from detection."""


class CloseLiveFaceswap(Removal):
    """Close a session, which releases what it holds. A session that is not there is no error."""

    path = "v3/faceswap/live/close"
    docs = _PAGE
    ends_session = True

    id: Id = field(name="_id")
    """The session's `id`."""


LIVE_FACESWAPS = Family(
    name="live_faceswap",
    result=LiveFaceswap,
    # N44: no page names a lookup. Only a session that was resumed by its token is asked for.
    lookup=lambda ids: GetFaceswaps(ids=ids),
    batch=MOST_IDS,
    cancel=lambda session, _job_id: CloseLiveFaceswap(id=session),
    usual=Guess(1.0),
    watch="held",
    session=24 * 3600.0,  # nobody says how long one may last
)


class CreateLiveFaceswap(Operation[LiveFaceswap]):
    """Open a session of live face swap. It runs until `faceswap.live_close`.

    In a program, `async with akool.faceswap.live(...)` closes it by itself.

    640x480 pixels at 20 frames a second are advised for the video that is sent to the channel.
    """

    path = "v3/faceswap/live/create"
    docs = _PAGE
    family = LIVE_FACESWAPS
    parse = _Opening(LiveFaceswap)

    source_image: Faces = field(name="sourceImage")
    """The new face, with its landmarks from detection."""


class LiveFaceswapSession(ClosingSession[LiveFaceswap]):
    """A live face swap, for `async with`; `akool.faceswap.live(...)` makes it.

    The session is closed when the block is left, whatever ends it: leaving waits until Akool has
    answered. A cancel that comes while the session is being opened waits for that answer, too.

    Raises:
        CreateOutcomeUnknown: on entering: the session may be open, and nobody knows its id.
        SessionLeftOpen: on leaving a block that raised nothing: the session could not be closed.
    """

    def __init__(self, client: Opener, source_image: OneOrMore, *, grace: float) -> None:
        create = CreateLiveFaceswap(source_image=source_image)
        super().__init__(client, create, lambda session: CloseLiveFaceswap(id=session), grace=grace)

    @property
    def status(self) -> Status:
        """The status that Akool answered with: the frontend may join from PROCESSING on."""
        return self.receipt.faceswap_status

    @property
    def front_user_id(self) -> str:
        """The frontend's user in the channel."""
        return self.receipt.front_user_id

    @property
    def algorithm_user_id(self) -> str:
        """The user in the channel that sends the swapped video."""
        return self.receipt.algorithm_user_id

    @property
    def front_rtc_token(self) -> str:
        """The frontend's Agora token: a secret."""
        return self.receipt.front_rtc_token

    @property
    def channel_id(self) -> str:
        """The Agora channel."""
        return self.receipt.channel_id

    @property
    def app_id(self) -> str:
        """The Agora app; empty in Akool's example."""
        return self.receipt.app_id

    async def update(self, *, source_image: OneOrMore) -> None:
        """Change the new face.

        Args:
            source_image: The new face, with its landmarks from detection.

        Raises:
            RuntimeError: the session is not open.
            APIError: Akool refused it; the session goes on.
        """
        if self.closed:
            raise RuntimeError("the session is closed")
        await self._client.call(UpdateLiveFaceswap(id=self.id, source_image=source_image))
