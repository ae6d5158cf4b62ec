"""Credentials: an api key, a bearer token, or a client id and secret exchanged for a token.

A request carries one credential header, never two: of two, Akool silently ignores the api key
(T2).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Never

import msgspec

from akool_async.clock import Clock
from akool_async.errors import ConnectFailed, InvalidInput, MissingCredentials
from akool_async.protocol.secret import STAYS, Hidden, Secret, hidden, spellings_of
from akool_async.protocol.wire import HttpResponse
from akool_async.protocol.words import nearest

_VARIABLES: Final = ("AKOOL_API_KEY", "AKOOL_TOKEN", "AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET")
_IS_CREDENTIAL: Final = re.compile(
    r"akool.*(key|token|secret|client)|(key|token).*akool", re.IGNORECASE
)
"""Names of variables that somebody may have meant as one of these."""

_SHORTEST = 8
"""Characters of the shortest credential that is removed from replies. A shorter one may be part
of other text."""

_LEEWAY = 60.0
"""Seconds before its expiry at which a token is exchanged for a new one."""

_fetching: ContextVar[frozenset[Signer]] = ContextVar("_fetching", default=frozenset())
"""Whose token the code that runs helps to fetch, such as a middleware of the user's session."""


class Bearer:
    """The token in use, shared by all event loops of a client."""

    __slots__ = ("expires_at", "token")

    def __init__(self, token: str | None) -> None:
        self.token = None if token is None else Secret(token)
        self.expires_at: float | None = None
        """When to renew the token, in seconds of the client's clock; `None` if unknown."""


class Credentials:
    """The user's credentials. Their repr shows the kind, and no secret.

    They sign by the api key if there is one, else by the token.
    """

    __slots__ = ("_given_token", "api_key", "bearer", "client_id", "client_secret", "origin")

    def __init__(
        self,
        *,
        api_key: str | None = None,
        token: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> None:
        self.api_key = Secret(api_key) if api_key else None
        self.client_id = client_id
        self.client_secret = Secret(client_secret) if client_secret else None
        self.bearer = Bearer(token)
        self._given_token = bool(token)
        self.origin = ""
        """Where it came from, such as `the environment's AKOOL_API_KEY`."""

    def __repr__(self) -> str:
        return f"Credentials({self.kind})"

    def __reduce__(self) -> Never:
        raise TypeError(STAYS)

    @property
    def kind(self) -> str:
        """What signs the requests."""
        if self.api_key:
            return "api key"
        return "token" if self._given_token else "client id and secret"

    @property
    def shown(self) -> str:
        """Which credential signs the requests, and where it came from; nothing of its text."""
        text = self.api_key or (self.bearer.token if self._given_token else None)
        length = f" ({len(text)} characters)" if text else ""
        return f"the {self.kind} from {self.origin}{length}" if self.origin else f"the {self.kind}"

    @property
    def pair(self) -> tuple[str, str]:
        """The client id and secret.

        Raises:
            MissingCredentials: There is none.
        """
        if not (self.client_id and self.client_secret):
            raise MissingCredentials(
                "a token is exchanged for a client id and secret: give client_id= and"
                " client_secret=, or set AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET"
            )
        return self.client_id, self.client_secret


def find_credentials(
    given: Mapping[str, str | None], environment: Mapping[str, str] = os.environ
) -> Credentials:
    """Return the credentials of the arguments or, without any argument, of the environment.

    Of several, the api key comes first, then the token, then the client id and secret.

    Args:
        given: The arguments by name.
        environment: The environment variables.

    Raises:
        MissingCredentials: Neither has a complete credential.
        InvalidInput: A header cannot carry a credential.
    """
    for name, value in given.items():
        _check_type(name, value)
    if any(given.values()):
        found = _chosen(given, "the argument {}")
        if found is None:
            raise MissingCredentials("client_id and client_secret only work together")
        return found
    names = ("api_key", "token", "client_id", "client_secret")
    variables = {name: hidden(environment.get(f"AKOOL_{name.upper()}")) for name in names}
    near = _near_misses(environment)
    del environment  # a traceback with locals would show all variables
    found = _chosen(variables, "the environment's AKOOL_{}")
    if found is None:
        raise MissingCredentials(
            "no credential: give api_key=, token=, or client_id= and client_secret=; or set"
            f" AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET{near}"
        )
    return found


def _near_misses(environment: Mapping[str, str]) -> str:
    """Return which variables may have been meant as a credential; their values stay unread."""
    empty = [name for name in _VARIABLES if environment.get(name) == ""]
    half = [name for name in _VARIABLES[2:] if environment.get(name)]
    named = [name for name in environment if _IS_CREDENTIAL.search(name) and name not in _VARIABLES]
    told = [f"{name} is set, but empty" for name in empty]
    told += [f"{half[0]} alone is not enough"] if len(half) == 1 else []
    for name in sorted(named):
        meant = nearest(name.upper(), _VARIABLES)
        told.append(f"{name} is set: did you mean {meant}?" if meant else f"{name} is set")
    return f"; {'; '.join(told)}" if told else ""


def _chosen(values: Mapping[str, str | None], origin: str) -> Credentials | None:
    for name, value in values.items():
        _check(name, value)
    pair = {name: values.get(name) or None for name in ("client_id", "client_secret")}
    first = next((name for name in ("api_key", "token") if values.get(name)), None)
    if first is None and not all(pair.values()):
        return None
    found = Credentials(**pair) if first is None else Credentials(**{first: values[first]}, **pair)
    names = [first] if first is not None else [*pair]
    is_variable = origin.endswith("_{}")
    found.origin = " and ".join(
        origin.format(name.upper() if is_variable else name) for name in names
    )
    return found


def _check_type(name: str, value: object) -> None:
    """Refuse what is no text, before anybody asks for its truth: `pandas.NA` has none."""
    if value is not None and not isinstance(value, str):
        raise InvalidInput(name, "***", "must be a text")


def _check(name: str, value: object) -> None:
    """Refuse a credential that no header can carry. Akool documents no format to check (T41)."""
    if not value:
        return
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        rule = "must be printable ASCII without spaces; a line break at its end is a common guest"
        raise InvalidInput(name, "***", rule)


class Signer:
    """Signs requests, and renews the token before it expires or when Akool rejects it.

    Args:
        credentials: The user's credentials.
        exchange: Exchanges the client id and secret for a token.
        clock: The client's clock.
    """

    # Many requests may need a new token in one moment. They share one exchange, which runs in a
    # task of its own: a cancelled request must not end the exchange that others wait for. A
    # rejected token is compared with the token in use. If they differ, another request has
    # renewed it meanwhile, and no further exchange is needed.

    def __init__(
        self, credentials: Credentials, exchange: Callable[[], Awaitable[str]], clock: Clock
    ) -> None:
        self._credentials = credentials
        self._exchange = exchange
        self._clock = clock
        self._bearer = credentials.bearer
        api_key = credentials.api_key
        self.at_hand = ("x-api-key", api_key) if api_key else None
        """The header of an api key; `None` if requests are signed by a token."""
        self._lasting = _removable(api_key, credentials.client_secret)
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Signer({self._credentials.kind})"

    @property
    def credential(self) -> str:
        """Which credential is used, and where it came from; nothing of its text."""
        return self._credentials.shown

    @property
    def refreshable(self) -> bool:
        """Whether a token can be exchanged for a new one."""
        credentials = self._credentials
        return not credentials.api_key and bool(credentials.client_id and credentials.client_secret)

    async def header(self) -> tuple[str, str]:
        """Return the header that signs a request; fetch a token first if there is none in date."""
        if self.at_hand is not None:
            return self.at_hand
        if self._bearer.token is None or (self.refreshable and self._stale()):
            await self._refreshed()
        return "Authorization", Secret(f"Bearer {self._bearer.token}")

    async def refresh(self, rejected: str) -> bool:
        """Renew the token that Akool rejected; return False if it cannot be renewed.

        Args:
            rejected: The value of the rejected header.
        """
        if not self.refreshable:
            return False
        if f"Bearer {self._bearer.token}" == rejected:
            await self._refreshed()
        return True

    def censored(self, response: HttpResponse, *, signed: bool) -> HttpResponse:
        """Return a response with `***` for each credential in it: error pages may repeat one.

        Args:
            response: The response.
            signed: Whether the request was signed. If not, a token in the response is its answer,
                and stays.
        """
        secrets = self._lasting
        if signed and self._bearer.token is not None:
            secrets = (*secrets, *_removable(self._bearer.token))
        body = response.body
        for secret in secrets:
            if body.rfind(secret) >= 0:  # twice as fast as `in` for a long body
                body = body.replace(secret, b"***")
        return response if body is response.body else msgspec.structs.replace(response, body=body)

    def _stale(self) -> bool:
        return self._bearer.expires_at is not None and self._clock.time() > self._bearer.expires_at

    async def _refreshed(self) -> None:
        if self in _fetching.get():
            raise ConnectFailed("the request for a token would wait for itself")
        error = await self._exchanged()
        while _is_foreign(error) and not self._closed:  # somebody else's cancel, or an interrupt
            error = await self._exchanged()
        if error is not None:
            raise copy.copy(error)  # each caller raises a copy of its own

    async def _exchanged(self) -> BaseException | None:
        """Wait for the running exchange, or for a new one; return its error."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._fetch())
            self._running.add_done_callback(_failure)
        running = self._running
        await asyncio.wait({running})
        return _failure(running)

    async def close(self) -> None:
        """Cancel a running exchange; the requests that wait for it fail."""
        self._closed = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _fetch(self) -> None:
        _fetching.set(_fetching.get() | {self})
        try:
            token = await self._exchange()
        finally:
            self._running = None
        self._bearer.token = Secret(token)
        left = seconds_left(token, self._clock.now().timestamp())
        # A token that has expired on arrival shows that the clocks differ: Akool decides then.
        fresh = left is not None and left > _LEEWAY
        self._bearer.expires_at = self._clock.time() + left - _LEEWAY if fresh and left else None


def _removable(*secrets: str | None) -> tuple[Hidden, ...]:
    """Return the secrets that are long enough to be removed from replies, as bytes."""
    long = [str.__str__(each) for each in secrets if each and len(each) >= _SHORTEST]
    return tuple(spelt for each in long for spelt in spellings_of(each))


def _failure(exchange: asyncio.Task[None]) -> BaseException | None:
    """Return the error of an exchange.

    As a callback of the task it also marks the error as retrieved: every caller may be cancelled.
    """
    if exchange.cancelled():
        closed = _Cancelled("the client was closed before it had a token")
        closed.cause = "client"
        return closed
    return exchange.exception()


class _Cancelled(ConnectFailed):
    """The exchange of a token was cancelled."""


def _is_foreign(error: BaseException | None) -> bool:
    """Say whether an exchange was ended by what says nothing about the token."""
    return error is not None and (isinstance(error, _Cancelled) or not isinstance(error, Exception))


def seconds_left(token: str, now: float) -> float | None:
    """Return the seconds until a JWT expires, unverified; `None` if it names no expiry."""
    expiry = _claims(token).get("exp")
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        return None
    return float(expiry) - now


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=dict[str, Any])
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return {}
