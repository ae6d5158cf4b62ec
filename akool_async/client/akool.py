"""`Akool`: the client of Akool's API."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Unpack

# isort: split
from akool_async.client.client import Client
from akool_async.client.settings import (
    AkoolSettings,
    check_names,
    checked_text,
    checked_url,
    hide_secrets,
)
from akool_async.endpoints.registry import Namespaces
from akool_async.http.auth import find_credentials
from akool_async.protocol.endpoint import Operation, Startable
from akool_async.protocol.secret import hidden

if TYPE_CHECKING:
    from akool_async.client.events import Hook
    from akool_async.client.webhooks import Webhooks

BASE_URL: Final = "https://openapi.akool.com"
LEGACY_DETECT_URL: Final = "https://sg3.akool.com"


class Akool(Client, Namespaces):
    """A client of Akool's API.

    Used as `async with Akool() as akool:`. Without `async with` it works too, and is closed by
    `await akool.close()`. It may be made where no event loop runs, and works again in a second
    `asyncio.run()`: sessions and limits belong to a loop.

    Arguments beat the environment as a whole. In each, an api key beats a token, and a token
    beats a client id and secret. The environment is read when a client is made.

    Args:
        api_key: Akool's api key. Else the environment's `AKOOL_API_KEY`.
        **settings: Settings by name, from `max_concurrency` to `journal`. Each is described at
            `akool_async.client.settings.AkoolSettings`, and in docs/settings.md.

    Raises:
        MissingCredentials: no credential was given, and the environment holds none in
            AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET.
        InvalidInput: a setting makes no sense.
        TypeError: there is no setting of that name.
    """

    def __init__(self, api_key: str | None = None, **settings: Unpack[AkoolSettings]) -> None:
        # From here on, no traceback that shows local variables shows a secret.
        api_key = hidden(api_key)
        hide_secrets(settings)
        self._given: tuple[str | None, AkoolSettings] = api_key, settings
        check_names("Akool", tuple(settings), AkoolSettings)
        given = {
            "api_key": api_key,
            "token": settings.get("token"),
            "client_id": settings.get("client_id"),
            "client_secret": settings.get("client_secret"),
        }
        base_url = checked_text("base_url", settings.get("base_url"))
        detect_url = checked_text("detect_url", settings.get("detect_url"))
        hosts = _hosts(base_url or os.environ.get("AKOOL_BASE_URL") or BASE_URL, detect_url)
        super().__init__(find_credentials(given), hosts, settings)

    def with_settings(self, **changes: Unpack[AkoolSettings]) -> Akool:
        """Return another client of the same account, with some settings changed.

        Hooks are added to those that this client has. The two clients share nothing: each has
        places and connections of its own. See `webhooks.passing_on_to` for a receiver of both.

        Raises:
            InvalidInput: a setting makes no sense.
            JournalError: both would use one journal.
        """
        api_key, settings = self._given
        hooks = [*_several(settings.get("on_event", ())), *_several(changes.get("on_event", ()))]
        merged: AkoolSettings = {**settings, **changes, "on_event": hooks}
        return Akool(api_key, **merged)

    @property
    def operations(self) -> Mapping[str, type[Operation[Any]]]:
        """The operations whose jobs can be resumed by token, by dotted name."""
        from akool_async.endpoints import OPERATIONS

        return OPERATIONS

    @cached_property
    def webhooks(self) -> Webhooks:
        """Takes in Akool's webhooks, and wakes the jobs that they are about."""
        from akool_async.client.webhooks import Webhooks

        return Webhooks(self._shared, lambda: self._runtime("akool.webhooks"))

    def _startables(self) -> Mapping[str, type[Startable[Any]]]:
        from akool_async.endpoints import OPERATIONS, RECIPES

        return {**OPERATIONS, **RECIPES}

    async def _credit(self) -> float:
        return (await self.account.credit()).credit

    async def _exchange_token(self) -> str:
        from akool_async.endpoints.account import GetToken

        return (await self._send(GetToken())).token


def _several(hooks: Hook | Sequence[Hook]) -> Sequence[Hook]:
    return [hooks] if callable(hooks) else hooks


def _hosts(base_url: str, detect_url: str | None) -> Mapping[str, str]:
    """Say where requests go; the legacy host is one more only where no other was named."""
    base = checked_url("base_url", base_url)
    detect = base if detect_url is None else checked_url("detect_url", detect_url)
    legacy = LEGACY_DETECT_URL if base == BASE_URL and detect_url is None else detect
    return {"api": base, "detect": detect, "legacy_detect": legacy}
