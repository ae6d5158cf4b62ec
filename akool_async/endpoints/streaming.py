"""Live avatars and their sessions."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    Final,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
)

from msgspec import Meta

from akool_async.endpoints.avatar import ListedAvatar
from akool_async.endpoints.namespace import (
    OPERATIONS,
    Executor,
    Namespace,
    calls,
    lists,
    made,
    sends,
    with_signature_of,
)
from akool_async.endpoints.paging import ByPage, Page, Pages
from akool_async.endpoints.removal import Removal
from akool_async.errors import InvalidInput
from akool_async.job import Job
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Query, Webhook
from akool_async.protocol.fields import (
    ABSENT,
    AudioUrl,
    Id,
    OneOf,
    Rule,
    SecretText,
    Share,
    Taken,
    VisibleUrl,
)
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import Status
from akool_async.protocol.value import Input
from akool_async.streaming.backend.rules import Rules
from akool_async.streaming.closing import GRACE as _GRACE
from akool_async.streaming.closing import SLACK, ClosingSession, Opener
from akool_async.streaming.live_session import LiveSession
from akool_async.streaming.reaping import Reaped, Reaper, opened_by
from akool_async.streaming.session import Session as Session  # noqa: PLC0414 - exported
from akool_async.streaming.session import SessionCredentials as SessionCredentials  # noqa: PLC0414 - exported
from akool_async.streaming.transport import Transport

if TYPE_CHECKING:
    from akool_async.streaming.backend.aiohttp import BackendRoutes
    from akool_async.streaming.backend.asgi import BackendApp
    from akool_async.streaming.backend.core import Backend

P = ParamSpec("P")
T = TypeVar("T")

_PAGE = "https://docs.akool.com/ai-tools-suite/live-avatar"
LONGEST = 3600
"""Longest duration of a session, in seconds."""


class GetSession(Lookup[Session]):
    """Look up a session."""

    path = "v4/liveAvatar/session/detail"
    docs = _PAGE
    parse = Reply(Session)

    id: Id
    """The session's `id`."""


class CloseSession(Removal):
    """Close a session; Akool refunds the unused time (T30). A closed session is no error."""

    path = "v4/liveAvatar/session/close"
    docs = _PAGE
    gone = 1219  # a session that is closed
    ends_session = True

    id: Id
    """The session's `id` (T8: newer samples say session_id, the tables say id)."""


SESSIONS = Family(
    name="session",
    result=Session,
    lookup=lambda ids: GetSession(id=ids[0]),
    cancel=lambda session, _job_id: CloseSession(id=session),
    usual=Guess(5.0),
    session=float(LONGEST),
)


_FAST: Final = "fast_dialogue"
_FAST_VOICES: Final = (
    *("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"),
)
_NOT_FAST: Final = ("speed", "pron_map", "stt_type")

Milliseconds = Annotated[int, Meta(ge=0)]


class TurnDetection(Input, omit_defaults=True):
    """How a session hears that the user has stopped speaking."""

    type: Annotated[
        str,
        Rule("must be server_vad or semantic_vad", {"server_vad", "semantic_vad"}.__contains__),
    ]
    """`server_vad` goes by silence, `semantic_vad` by what is said."""
    threshold: Share | None = None
    """With `server_vad`: how loud speech has to be, from 0 to 1; 0.5 if it is not given."""
    prefix_padding_ms: Milliseconds | None = None
    """With `server_vad`: milliseconds of sound kept from before the speech; 300 by default."""
    silence_duration_ms: Milliseconds | None = None
    """With `server_vad`: milliseconds of silence that end a turn; 500 by default."""

    def check(self) -> None:
        """Refuse the numbers of `server_vad` with `semantic_vad`."""
        for name in ("threshold", "prefix_padding_ms", "silence_duration_ms"):
            if self.type != "server_vad" and getattr(self, name) is not None:
                raise self.refuse(name, "goes with type=server_vad only")


if TYPE_CHECKING:
    _Turns: TypeAlias = Taken[TurnDetection | str | None, TurnDetection | None]
else:
    _Turns = TurnDetection | None


class ElevenLabsSettings(Input, omit_defaults=True):
    """A voice of your own account at ElevenLabs; its id is the `voice_id`."""

    api_key: SecretText
    """Your key at ElevenLabs: a secret, which is sent to Akool and shown or kept nowhere else."""
    model_id: Annotated[str, Meta(min_length=1)] | None = None
    """Such as `eleven_flash_v2_5`, `eleven_turbo_v2_5` or `eleven_multilingual_v2`."""
    stability: Share | None = None
    """From 0 to 1."""
    similarity_boost: Share | None = None
    """From 0 to 1."""
    style: Share | None = None
    """From 0 to 1."""
    use_speaker_boost: bool | None = None


class VoiceParams(Input, omit_defaults=True):
    """How a session speaks and listens."""

    speed: Annotated[float, Meta(ge=0.8, le=1.2)] | None = None
    """The speed of the speech, from 0.8 to 1.2; 1 if it is not given. Not in `fast_dialogue`."""
    pron_map: Mapping[str, str] | None = None
    """How words are read, such as `{"akool": "ai ku er"}`. Not in `fast_dialogue`."""
    voice_id: Id | None = None
    """In `fast_dialogue` only: alloy, ash, ballad, coral, echo, sage, shimmer, verse, marin or
    cedar; with `elevenlabs_settings`, an id of ElevenLabs."""
    stt_language: Annotated[str, Meta(min_length=1)] | None = None
    """The `lang_code` of what the user says."""
    stt_type: Annotated[str, Meta(min_length=1)] | None = None
    """What understands the user's speech: `openai_realtime`. Not in `fast_dialogue`."""
    turn_detection: _Turns = ABSENT
    """How it hears that the user has stopped speaking."""
    elevenlabs_settings: ElevenLabsSettings | None = None
    """A voice of your own account at ElevenLabs."""


class ChannelCredentials(Input, omit_defaults=True):
    """The credentials of a channel of your own: at Agora, at LiveKit or at TRTC."""

    agora_uid: int | None = None
    """The number of the avatar as a user; required for Agora."""
    agora_channel: Id | None = None
    """The channel's name; required for Agora."""
    agora_token: SecretText | None = None
    """The avatar's token, a secret; required for Agora."""
    agora_app_id: Id | None = None
    livekit_url: Id | None = None
    """The server's address, such as `wss://rtc.example.com`; required for LiveKit."""
    livekit_token: SecretText | None = None
    """The avatar's token, a secret; required for LiveKit."""
    livekit_room_name: Id | None = None
    livekit_server_identity: Id | None = None
    livekit_client_identity: Id | None = None
    audio_only_from_data_stream: bool | None = None
    """Whether audio comes by LiveKit's data stream alone. No page shows it; Akool's own plugin for
    LiveKit sends it."""
    trtc_sdk_app_id: int | None = None
    """The application's number; required for TRTC."""
    trtc_sdk_room_id: Id | None = None
    """Required for TRTC."""
    trtc_sdk_user_id: Id | None = None
    """The avatar as a user; required for TRTC."""
    trtc_sdk_user_sig: SecretText | None = None
    """The signature of that user, a secret; required for TRTC."""


StreamType: TypeAlias = Literal["agora", "livekit", "trtc"]

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "agora": ("agora_uid", "agora_channel", "agora_token"),
    "livekit": ("livekit_url", "livekit_token"),
    "trtc": ("trtc_sdk_app_id", "trtc_sdk_room_id", "trtc_sdk_user_id", "trtc_sdk_user_sig"),
}
"""What the channel of each service needs."""

_OF_LIVEKIT: Final = "audio_only_from_data_stream"


class _Opening(Input, abstract=True):
    """The fields of a session that is opened, and how they go together."""

    avatar_id: Id
    """An `avatar_id` from `streaming.avatars`, such as `dvp_Tristan_cloth2_1080P`, or of an
    upload of type STREAMING that is COMPLETED."""
    duration: Annotated[int, Meta(ge=1, le=LONGEST)] | None = None
    """Duration of the session in seconds, at most 3600."""
    background_url: VisibleUrl | None = None
    """Picture or video behind the avatar."""
    knowledge_id: Id | None = None
    """The `id` of a knowledge base, which the avatar answers from."""
    voice_id: Id | None = None
    """A voice that supports streams; with `elevenlabs_settings`, an id of ElevenLabs."""
    voice_url: AudioUrl | None = None
    """A recording of the voice."""
    language: Annotated[str, Meta(min_length=1)] | None = None
    """The `lang_code` that the avatar answers in."""
    mode_type: Literal[1, 2] | None = None
    """1: the avatar says what it is sent. 2: it answers."""
    scene_mode: Annotated[str, Meta(min_length=1)] | None = None
    """Such as `fast_dialogue`: a quick dialogue by voice alone. With `meeting`, which no page shows
    (N41), the avatar only moves its lips to the audio that it gets."""
    e2e_type: Annotated[str, Meta(min_length=1)] | None = None
    """With `fast_dialogue`: what holds the dialogue, `openai`."""
    voice_params: VoiceParams | None = None
    """How it speaks and listens; a dict of the same shape is taken too."""
    stream_type: StreamType | None = None
    """The service that carries the session; Akool takes `agora` if it is not given."""
    credentials: ChannelCredentials | None = None
    """A channel of your own at that service; without it, Akool makes one. A dict of the same shape
    is taken too."""

    def check(self) -> None:
        """Require that scene and voice, and service and channel, go together."""
        if self.e2e_type is not None and self.scene_mode != _FAST:
            raise self.refuse("e2e_type", "goes with scene_mode=fast_dialogue only")
        if self.voice_params is not None:
            self._check_voice(self.voice_params)
        if self.credentials is not None:
            self._check_channel(self.credentials, self.stream_type or "agora")

    def _check_voice(self, voice: VoiceParams) -> None:
        if self.scene_mode != _FAST:
            if voice.voice_id is not None:
                rule = "goes with scene_mode=fast_dialogue only; else it is the session's voice_id"
                raise self._refuse_in("voice_params", voice, "voice_id", rule)
            return
        for name in _NOT_FAST:
            if getattr(voice, name) is not None:
                rule = "goes not with scene_mode=fast_dialogue"
                raise self._refuse_in("voice_params", voice, name, rule)
        own = voice.elevenlabs_settings is not None or voice.voice_id is None
        if not own and voice.voice_id not in _FAST_VOICES:
            rule = f"must be one of {', '.join(_FAST_VOICES)} with scene_mode=fast_dialogue"
            raise self._refuse_in("voice_params", voice, "voice_id", rule)

    def _check_channel(self, channel: ChannelCredentials, service: str) -> None:
        for name in _REQUIRED[service]:
            if getattr(channel, name) is None:
                rule = f"is required with stream_type={service}"
                raise self._refuse_in("credentials", channel, name, rule)
        for name in channel.__struct_fields__:
            kind = "livekit" if name == _OF_LIVEKIT else name.partition("_")[0]
            if kind != service and getattr(channel, name) is not None:
                rule = f"goes with stream_type={kind} only"
                raise self._refuse_in("credentials", channel, name, rule)

    def _refuse_in(self, field: str, value: Input, name: str, rule: str) -> InvalidInput:
        refused = getattr(value, name)
        return InvalidInput(f"{field}.{name}", refused, rule, owner=type(self).__name__)


class OpenSession(_Opening, Webhook, Operation[Session]):
    """Open a session with a live avatar; its whole duration is charged at once (T30).

    In a program, `async with akool.streaming.open(...)` closes it by itself, and
    `akool.streaming.session(...)` closes it when the client is closed, unless `keep=True`. What is
    opened by `akool.submit(OpenSession(...))`, in a run, or by the command goes on until
    `streaming.close` or its duration ends it.

    The page shows `background_url` and `webhook_url` in its samples, not in its table.
    """

    path = "v4/liveAvatar/session/create"
    docs = _PAGE
    family = SESSIONS
    parse = Reply(Session)
    arms = False  # nobody has seen an event of a session


def _request(opening: _Opening) -> OpenSession:
    """Return the request that has the fields of an opening."""
    names = OpenSession.__struct_fields__
    return OpenSession(**{each: getattr(opening, each) for each in names if hasattr(opening, each)})


def _close(session: str) -> CloseSession:
    return CloseSession(id=session)


class OpenKept(_Opening, Webhook):
    """Open a session with a live avatar; it is closed with the client, unless `keep=True`.

    Its whole duration is charged at once, and what was not used is given back when it is closed.
    It is usable once it is created. `akool.streaming.open(...)` closes it sooner.
    """

    keep: bool = False
    """Whether the session goes on when the client is closed, until `streaming.close` or its
    duration ends it."""

    def start(self, client: Executor) -> Job[Session]:
        """Send the create; return the job of the session."""
        request = _request(self)
        if self.keep:
            return client.submit(request)
        session = ClosingSession(client, request, _close, duration=self.duration)
        return session.begin(rarely=False)


class OpenLive(_Opening):
    """A session with a live avatar, for `async with`: it is closed when the block is left.

    That holds for a return, an exception and a cancel. Leaving waits for the answer to the close,
    `grace` seconds at most. A cancel that comes while the session is being opened waits first for
    the answer to the create, as long as the client's `timeout`: only that tells the id. Entering
    raises what `await job.created()` raises; leaving raises `SessionLeftOpen` where the session
    could not be closed.
    """

    transport: Transport | None = None
    """Carries what is said; `None` where this process only opens the session."""
    grace: float = _GRACE
    """Seconds in which the close is repeated while no answer comes."""

    def check(self) -> None:
        """Require also that the transport is one, and not its class."""
        super().check()
        if isinstance(self.transport, type):
            raise self.refuse("transport", "must be a transport, not its class: call it")

    def session(self, client: Opener) -> LiveSession:
        """Return the session, which is not opened yet."""
        return LiveSession(
            client,
            _request(self),
            _close,
            transport=self.transport,
            grace=self.grace,
            mode=self.mode_type,
            duration=self.duration,
        )


class ListStreamingAvatars(ByPage, Query[Page[ListedAvatar]]):
    """List the avatars for sessions, a page at a time."""

    path = "v4/liveAvatar/avatar/list"
    docs = _PAGE
    parse = Pages(ListedAvatar, key="result")

    size: Annotated[int, Meta(ge=1, le=100)] = 100
    """Avatars on a page, at most 100."""
    platform: Literal["open", "aigc"] | None = None
    """Which avatars; Akool takes `open` if it is not given."""


class GetStreamingAvatar(Query[ListedAvatar]):
    """Look up an avatar for sessions by its `avatar_id`."""

    path = "v4/liveAvatar/avatar/detail"
    docs = _PAGE
    parse = Reply(ListedAvatar)

    avatar_id: Id
    """An `avatar_id` from `streaming.avatars`."""


class ListSessions(ByPage, Query[Page[Session]]):
    """List sessions, a page at a time."""

    path = "v4/liveAvatar/session/list"
    docs = _PAGE
    parse = Pages(Session, key="result")  # T10: documented as an array, printed as an object

    status: Annotated[Status | int, OneOf(Status)] | None = None
    """Only sessions with this status."""


def _starts(
    opening: Callable[P, OpenKept],
) -> Callable[Concatenate[Namespace, P], Job[Session]]:
    """Make the method that submits a session, which the client closes at its own end."""

    @functools.wraps(opening)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> Job[Session]:
        return made(opening, self, method, args, kwargs).start(self.executor)

    return sends(OpenSession)(with_signature_of(method, opening))


def _opens(
    opening: Callable[P, OpenLive],
) -> Callable[Concatenate[Namespace, P], LiveSession]:
    """Make the method that opens a session which is always closed."""

    @functools.wraps(opening)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> LiveSession:
        return made(opening, self, method, args, kwargs).session(self.executor)

    method.__annotations__ = {"return": "LiveSession"}  # not those of the fields
    return with_signature_of(method, opening)


def _serves(
    rules: Callable[P, Rules], adapter: Callable[[Backend, Rules], T]
) -> Callable[Concatenate[Namespace, P], T]:
    """Make the method that serves the backend of a page."""

    @functools.wraps(rules)
    def method(self: Namespace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        from akool_async.streaming.backend.core import Backend

        def opening(**fields: Any) -> LiveSession:
            return OpenLive(**fields).session(self.executor)

        given = made(rules, self, method, args, kwargs)
        return adapter(Backend(opening, self.executor.clock, given), given)

    method.__doc__ = adapter.__doc__
    method.__annotations__ = {"return": adapter.__annotations__["return"]}
    return with_signature_of(method, rules)


def _routes(backend: Backend, rules: Rules) -> BackendRoutes:
    """Make the routes of a page's backend for `aiohttp.web`, for `app.add_routes(routes)`.

    `app.on_shutdown.append(routes.close)` closes all sessions when the server stops. Each session
    holds a place under `max_concurrency`.

    Raises:
        InvalidInput: a parameter breaks a rule, or Akool would take none of the sessions.
    """
    from akool_async.streaming.backend.aiohttp import BackendRoutes

    return BackendRoutes(backend, rules.prefix)


def _app(backend: Backend, _rules: Rules) -> BackendApp:
    """Make the backend of a page as an ASGI app, to be served alone or mounted in another app.

    Where it is mounted, `await app.close()` in the lifespan of the other app closes all sessions.
    Each session holds a place under `max_concurrency`.

    Raises:
        InvalidInput: a parameter breaks a rule, or Akool would take none of the sessions.
    """
    from akool_async.streaming.backend.asgi import BackendApp

    return BackendApp(backend)


class StreamingNamespace(Namespace, title="streaming"):
    """Live avatars and their sessions."""

    session = _starts(OpenKept)
    open = _opens(OpenLive)
    aiohttp_routes = _serves(Rules, _routes)
    asgi_app = _serves(Rules, _app)
    avatars = lists(ListStreamingAvatars)
    avatar = calls(GetStreamingAvatar)
    get = calls(GetSession)
    close = calls(CloseSession)
    sessions = lists(ListSessions)

    async def reap(self, *, all: bool = False) -> tuple[Reaped, ...]:
        """Close the sessions that a crash has left open, and live face swaps likewise.

        Those are the sessions in the journal that were opened by earlier processes, also where
        `recover()` has given them back, and not closed; only one process uses a journal at a
        time. Sessions whose time is over are left out. A close is repeated for 10 s while no answer
        comes.

        Args:
            all: Close also every other session that `session/list` shows as running, whichever
                program has opened it, but for those that this client holds open.

        Returns:
            Each session that was found, and whether it is closed now. One whose create was never
            answered has no id, and cannot be closed: it ends by itself.

        Raises:
            ValueError: the client has no journal, and `all` is not set.
            JournalError: the journal cannot be read or written.
            APIError: Akool refused to list the sessions.
            TransportError: no usable list came.
        """
        if self.executor.session_rows is None and not all:
            raise ValueError("reap() needs a journal: Akool(journal=...), or all=True")
        reaper = session_reaper(self)
        return await reaper.close(await reapable(self, reaper, all=all))


def session_reaper(streaming: StreamingNamespace) -> Reaper:
    """Return what closes sessions that nobody holds."""
    families = {name: each.family for name, each in OPERATIONS.items() if each.family.session}
    return Reaper(streaming.executor, families)


async def reapable(streaming: StreamingNamespace, reaper: Reaper, *, all: bool) -> list[Reaped]:
    """Return the sessions that `reap` closes."""
    found = await reaper.left()
    if all:
        found += await reaper.running(OpenSession.name, _running(streaming), found)
    return found


async def _running(streaming: StreamingNamespace) -> AsyncGenerator[Session]:
    """Yield the sessions that may run, by status: the list of all others may be long."""
    for status in (Status.QUEUED, Status.PROCESSING):
        async for session in streaming.sessions(status=status):
            yield session
    now = streaming.executor.clock.now()
    async for session in streaming.sessions(status=Status.COMPLETED):
        opened_at = opened_by(session.id, now)
        if opened_at is None or now - opened_at > timedelta(seconds=LONGEST + SLACK):
            return  # the newest come first
        yield session
