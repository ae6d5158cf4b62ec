"""What a page and its user may do: the parameters of the backend, each spelled once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from akool_async.errors import InvalidInput
from akool_async.observers import check_function
from akool_async.protocol.cells import checked_number, checked_whole, is_sequence
from akool_async.protocol.value import Value
from akool_async.streaming.closing import GRACE
from akool_async.streaming.live_session import LiveSession


class PageRequest(Value):
    """A request of a page, as `authorize` sees it."""

    # Path and query may hold a ticket, and the rest says who the user is.
    hidden_fields = frozenset({"path", "headers", "cookies", "query", "remote"})

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    cookies: Mapping[str, str]
    query: Mapping[str, str]
    """The parameters of the address: a websocket cannot send headers of a page's own."""
    remote: str | None
    """The address of the peer, which is a proxy's where there is one."""

    def __repr__(self) -> str:
        return f"PageRequest(method={self.method!r})"

    @property
    def origin(self) -> str | None:
        """The origin of the page, as the browser says."""
        return self.headers.get("origin")


Authorize: TypeAlias = Callable[[PageRequest], str | Awaitable[str | None] | None]
"""Says which user asks: an id of yours. `None`, or an error, refuses the request."""
OnText: TypeAlias = Callable[[LiveSession, str], Awaitable[object]]
"""What a text does that the user typed."""

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~\-]+)*")
_NOT_YOURS: Final = ("avatar_id", "duration", "transport", "grace", "credentials")
"""Fields of a session that have rules of their own, or that a page cannot join by."""


class Rules(Value):
    """The parameters of `aiohttp_routes` and `asgi_app`."""

    authorize: Authorize
    """Says which user sends a request: called with each `PageRequest`, it returns an id of yours,
    or `None` for nobody. May be asynchronous. There is no default: sessions cost money."""
    avatars: Sequence[str]
    """The `avatar_id`s that a page may ask for; the first one if it names none."""
    durations: Sequence[int]
    """The durations in seconds that a page may ask for; the first one if it names none."""
    session: Mapping[str, Any] = {}
    """Other arguments of `streaming.open` for every session, such as `{"language": "en"}`."""
    on_text: OnText | None = None
    """What a text does that the user typed: a coroutine function of the session and the text; it
    may take as long as it likes, and is cancelled by an interrupt. Without it, the avatar gets
    the text by `session.say`."""
    origins: Sequence[str] = ()
    """The origins whose pages may ask, such as `https://www.example.com`; without it, the
    backend's own one. Pages of other origins than the backend's own get CORS headers."""
    prefix: str = ""
    """What stands before `/sessions` in the address, such as `/avatar`."""
    sessions_per_user: int = 2
    """Sessions of one user at once."""
    seconds_per_day: int = 3600
    """Seconds of sessions of one user in 24 hours. Unused ones are given back at a close."""
    starts_per_minute: int = 6
    """Sessions that one user may start in 60 seconds, whatever becomes of them."""
    sessions_at_once: int = 20
    """Sessions of all users at once."""
    open_within: float = 20.0
    """Seconds in which a session has to be opened. Where all places at Akool are taken, its create
    is sent again and again; a create that is on its way then is closed as soon as it is answered.
    """
    join_within: float = 60.0
    """Seconds in which a page has to join the channel; else its session is closed."""
    back_within: float = 15.0
    """Seconds in which a page that is gone may come back, with the same ticket."""
    reload_within: float = 5.0
    """Seconds in which a page may come back after its `leave`: a reload looks like a close."""
    silent_for: float = 180.0
    """Seconds in which nobody says anything, after which the session is closed. The page is told
    30 seconds before."""
    grace: float = GRACE
    """Seconds in which a close is repeated while no answer comes."""

    def __post_init__(self) -> None:
        check_function("authorize", self.authorize, "must be a function that returns a user's id")
        if self.on_text is not None:
            check_function("on_text", self.on_text, "must be a coroutine function")
        self._keep("avatars", _texts("avatars", self.avatars))
        self._keep("durations", _durations(self.durations))
        self._keep("origins", _origins(self.origins))
        if _PREFIX.fullmatch(self.prefix) is None:
            raise InvalidInput("prefix", self.prefix, "must be empty, or a path such as /avatar")
        for name in _NOT_YOURS:
            if name in self.session:
                raise InvalidInput(f"session.{name}", self.session[name], "cannot be given here")
        self._keep("session", dict(self.session))
        self._check_numbers()

    def _check_numbers(self) -> None:
        rule = "must be a whole number, at least 1"
        for name in ("sessions_per_user", "starts_per_minute", "sessions_at_once"):
            if checked_whole(name, getattr(self, name), rule) < 1:
                raise InvalidInput(name, getattr(self, name), rule)
        rule = "must be a whole number, at least the longest of the durations"
        if checked_whole("seconds_per_day", self.seconds_per_day, rule) < max(self.durations):
            raise InvalidInput("seconds_per_day", self.seconds_per_day, rule)
        rule = "must be a number of seconds, more than 0"
        waits = ("open_within", "join_within", "back_within", "reload_within", "silent_for")
        for name in (*waits, "grace"):
            if not checked_number(name, getattr(self, name), rule) > 0:
                raise InvalidInput(name, getattr(self, name), rule)

    def _keep(self, name: str, value: object) -> None:
        msgspec.structs.force_setattr(self, name, value)


def _texts(field: str, given: Any) -> tuple[str, ...]:
    rule = "must be a sequence of texts, at least one"
    if not is_sequence(given):
        raise InvalidInput(field, given, rule)
    texts: tuple[Any, ...] = tuple(given)
    if not texts or not all(isinstance(each, str) and each for each in texts):
        raise InvalidInput(field, given, rule)
    return texts


def _durations(given: Any) -> tuple[int, ...]:
    rule = "must be a sequence of whole numbers of seconds, at least one"
    if not is_sequence(given):
        raise InvalidInput("durations", given, rule)
    values: tuple[Any, ...] = tuple(given)
    if not values:
        raise InvalidInput("durations", given, rule)
    return tuple(checked_whole("durations", each, rule) for each in values)


def _origins(given: Any) -> tuple[str, ...]:
    if given == ():
        return ()
    origins = _texts("origins", given)
    for each in origins:
        if _ORIGIN.fullmatch(each) is None:
            rule = "must be like https://www.example.com, in lower case and without a path"
            raise InvalidInput("origins", each, rule)
    return origins
