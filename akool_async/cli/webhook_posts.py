"""Webhooks that are sent on: to the program that is being written, wherever it listens."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import click
import yarl

from akool_async.cli.display import text_of
from akool_async.http.failures import reason_of
from akool_async.protocol.value import Value
from akool_async.receivers.answers import OK

"""The one status that keeps Akool from sending a webhook again."""
_PATIENCE: Final = 10.0
"""Seconds in which a program must have answered."""
_SHOWN: Final = 200
"""Bytes of an answer that are shown."""


class Posted(Value):
    """How a webhook that was sent on was answered."""

    to: str
    status: int | None
    """The HTTP status; `None` if no answer came."""
    seconds: float
    text: str
    """The beginning of an answer other than 200, or why none came."""

    @property
    def sentence(self) -> str:
        """The same for people, in one line."""
        if self.status is None:
            return f"{self.to} did not answer: {self.text}"
        said = f": {self.text}" if self.text else ""
        return f"{self.to} answered {self.status} in {self.seconds * 1000:.0f} ms{said}"


class Poster:
    """Sends webhooks as Akool does: POST, JSON, no redirects."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_PATIENCE), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def post(self, to: str, body: bytes) -> Posted:
        """Send a body, and return how it was answered."""
        begun = time.monotonic()
        status: int | None = None
        try:
            async with self._session.post(
                yarl.URL(to, encoded=True),  # the address as it arrived: a token is in it
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                status, text = response.status, await _text(response)
        except TimeoutError:
            text = f"it took longer than {_PATIENCE:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text = reason_of(error) or "the connection broke"
        return Posted(to=to, status=status, seconds=time.monotonic() - begun, text=text)


async def _text(response: aiohttp.ClientResponse) -> str:
    if response.status == OK:
        return ""
    if "Location" in response.headers:
        return f"it redirects to {text_of(response.headers['Location'])}, which Akool may not do"
    shown = await response.content.read(_SHOWN)
    return " ".join(text_of(shown.decode(errors="replace")).split())


def address_for(to: str, target: str) -> str:
    """Return where to send a webhook on: an address, and what followed the listener's own.

    >>> address_for("http://127.0.0.1:8000/akool", "/TOKEN?order=7")
    'http://127.0.0.1:8000/akool/TOKEN?order=7'
    >>> address_for("http://127.0.0.1:8000/akool/", "/")
    'http://127.0.0.1:8000/akool/'

    Args:
        to: The user's address.
        target: Path and query of the request that arrived.
    """
    ours = urlsplit(to)
    path, _, query = target.partition("?")
    whole = ours.path.rstrip("/") + path if path.strip("/") else ours.path
    queries = "&".join(filter(None, (ours.query, query)))
    return urlunsplit((ours.scheme, ours.netloc, whole or "/", queries, ""))


def checked_address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the address that an option names; `localhost:8000/akool` is one, too.

    Raises:
        click.BadParameter: it is none.
    """
    if value is None:
        return None
    text = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    else:
        if valid and "@" not in parts.netloc:
            return text
    rule = "must hold no user and no password" if valid else "must be an http or https address"
    raise click.BadParameter(f"an address to send webhooks to {rule}", ctx, param)
