"""Who is asking: an api key, a bearer token, or an id and secret exchanged for one.

One header, never two: where both are sent Akool silently drops the api key (T2).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Never

import msgspec

from akool_async.clock import Clock
from akool_async.errors import InvalidInput, MissingCredentials
from akool_async.protocol.wire import HttpResponse

_TELLING = 8
"""Characters from which on a text is no credential by chance."""

_LEEWAY = 60.0
"""Seconds before its expiry at which a bearer token is exchanged for a new one."""


class Secret(str):
    """A string that does not show itself: not in a repr, not in a traceback's locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> Never:
        raise TypeError("a secret stays in its process: pickle the settings, not the client")


class Hidden(bytes):
    """A secret as bytes, which does not show itself either."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"

    __str__ = __repr__

    def __reduce__(self) -> Never:
        raise TypeError("a secret stays in its process: pickle the settings, not the client")


def hidden(text: str | None) -> str | None:
    """Return a text that does not show itself; what is no text is left to others to refuse."""
    return Secret(text) if isinstance(text, str) else text


class Bearer:
    """The bearer token in use, shared by all event loops of a client."""

    __slots__ = ("expires_at", "token")

    def __init__(self, token: str | None) -> None:
        self.token = None if token is None else Secret(token)
        self.expires_at: float | None = None
        """Monotonic seconds; `None` for tokens that do not say."""


class Credentials:
    """What the user gave; exactly one way of signing. Its repr shows which, never what."""

    __slots__ = ("_given_token", "api_key", "bearer", "client_id", "client_secret")

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

    def __repr__(self) -> str:
        return f"Credentials({self.kind})"

    @property
    def kind(self) -> str:
        """Which way of signing this is."""
        if self.api_key:
            return "api key"
        return "token" if self._given_token else "client id and secret"

    @property
    def pair(self) -> tuple[str, str]:
        """The client id and secret.

        Raises:
            MissingCredentials: they are not there.
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
    """Choose among arguments, then environment; in each: api key, token, then id and secret.

    Raises:
        MissingCredentials: neither holds a whole credential.
        InvalidInput: a credential is no text that a header can carry.
    """
    if any(given.values()):
        found = _chosen(given)
        if found is None:
            raise MissingCredentials("client_id and client_secret only work together")
        return found
    names = ("api_key", "token", "client_id", "client_secret")
    variables = {name: hidden(environment.get(f"AKOOL_{name.upper()}")) for name in names}
    del environment  # a traceback that shows locals would show all of it
    found = _chosen(variables)
    if found is None:
        raise MissingCredentials(
            "no credential: give api_key=, token=, or client_id= and client_secret=; or set"
            " AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET"
        )
    return found


def _chosen(values: Mapping[str, str | None]) -> Credentials | None:
    for name, value in values.items():
        _check(name, value)
    pair = {name: values.get(name) or None for name in ("client_id", "client_secret")}
    if values.get("api_key"):
        return Credentials(api_key=values["api_key"], **pair)
    if values.get("token"):
        return Credentials(token=values["token"], **pair)
    return Credentials(**pair) if all(pair.values()) else None


def _check(name: str, value: object) -> None:
    """Refuse what no header can carry, without showing it; no other form is sure (T41)."""
    if not value:
        return
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        rule = "must be printable ASCII without spaces; a line break at its end is a common guest"
        raise InvalidInput(name, "***", rule)


class Signer:
    """Signs requests, and keeps the bearer token fresh: one exchange at a time."""

    def __init__(
        self, credentials: Credentials, exchange: Callable[[], Awaitable[str]], clock: Clock
    ) -> None:
        self._credentials = credentials
        self._exchange = exchange
        self._clock = clock
        self._bearer = credentials.bearer
        api_key = credentials.api_key
        self.at_hand = ("x-api-key", api_key) if api_key else None
        """The one header that signs a request, where nothing has to be asked for first."""
        self._lasting = _telling(api_key, credentials.client_secret)
        self._running: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Signer({self._credentials.kind})"

    @property
    def refreshable(self) -> bool:
        """Whether a rejected token can be exchanged for another."""
        credentials = self._credentials
        return not credentials.api_key and bool(credentials.client_id and credentials.client_secret)

    async def header(self) -> tuple[str, str]:
        """Return the one header that signs a request; exchanges for a token if need be."""
        if self.at_hand is not None:
            return self.at_hand
        if self._bearer.token is None or (self.refreshable and self._stale()):
            await self._refreshed()
        return "Authorization", Secret(f"Bearer {self._bearer.token}")

    async def refresh(self, rejected: str) -> bool:
        """Replace the token that was sent as `rejected`; say whether another try makes sense."""
        if not self.refreshable:
            return False
        if f"Bearer {self._bearer.token}" == rejected:
            await self._refreshed()
        return True

    def censored(self, response: HttpResponse, *, signed: bool) -> HttpResponse:
        """Return a response without the credentials that it repeats, as error pages may do.

        Args:
            response: What the server said.
            signed: Whether the request was; else a token in it is the one that was asked for.
        """
        secrets = self._lasting
        if signed and self._bearer.token is not None:
            secrets = (*secrets, *_telling(self._bearer.token))
        body = response.body
        for secret in secrets:
            if body.rfind(secret) >= 0:  # in a long body twice as fast as looking from its front
                body = body.replace(secret, b"***")
        return response if body is response.body else msgspec.structs.replace(response, body=body)

    def _stale(self) -> bool:
        return self._bearer.expires_at is not None and self._clock.time() > self._bearer.expires_at

    async def _refreshed(self) -> None:
        # The task outlives a cancelled caller, because others may wait for it.
        if self._running is None:
            self._running = asyncio.create_task(self._fetch())
            self._running.add_done_callback(_looked_at)
        running = self._running
        await asyncio.wait({running})
        error = _looked_at(running)
        if error is not None:
            raise copy.copy(error)  # each caller gets one of its own

    async def close(self) -> None:
        """Stop an exchange that is under way; whoever waits for it learns that."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _fetch(self) -> None:
        try:
            token = await self._exchange()
        finally:
            self._running = None
        self._bearer.token = Secret(token)
        left = seconds_left(token, self._clock.now().timestamp())
        # A token that is old on arrival says that the clocks differ: let Akool judge it.
        fresh = left is not None and left > _LEEWAY
        self._bearer.expires_at = self._clock.time() + left - _LEEWAY if fresh and left else None


def _telling(*secrets: str | None) -> tuple[Hidden, ...]:
    """Return the secrets that are long enough to be told from other text, as bytes."""
    return tuple(Hidden(each.encode()) for each in secrets if each and len(each) >= _TELLING)


def _looked_at(exchange: asyncio.Task[None]) -> BaseException | None:
    """Return why an exchange failed; asked in any case, because all callers may be gone."""
    if exchange.cancelled():
        return RuntimeError("the client was closed before it had a token")
    return exchange.exception()


def seconds_left(token: str, now: float) -> float | None:
    """Read a JWT's expiry, without trusting it; `None` for tokens that do not say."""
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
