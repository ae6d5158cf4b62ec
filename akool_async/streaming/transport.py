"""What carries the messages of a live session between this process and the avatar's channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, TypeAlias, runtime_checkable

from akool_async.streaming.events import Joined, Left
from akool_async.streaming.messages.limits import Limits

Arrival: TypeAlias = bytes | Joined | Left
"""What arrives by a transport: a message, or news of whoever carries it."""


@runtime_checkable
class Transport(Protocol):
    """Carries messages to the avatar's channel, and back.

    A transport is joined from the start, unless it has an attribute `joined` that says otherwise
    (`JoinsLater`).
    """

    @property
    def limits(self) -> Limits:
        """What the carrier takes."""
        ...

    async def send(self, message: bytes, /) -> None:
        """Send a message; return once the carrier has taken it. One message is sent at a time.

        Raises:
            NotJoined: nobody carries messages now. What waits is cut off. Any other error counts as
                a failure: it is logged, and the session goes on as `Left` until `Joined` arrives.
        """
        ...

    def messages(self) -> AsyncIterator[Arrival]:
        """Yield what arrives, until the transport is closed. A session iterates once.

        An end before that, or an error, counts as a failure, too.
        """
        ...

    async def close(self) -> None:
        """Leave the channel. Closing twice does nothing."""
        ...


@runtime_checkable
class JoinsLater(Protocol):
    """A transport that is joined later, and may be left and joined again, such as a page."""

    @property
    def joined(self) -> bool:
        """Whether somebody carries messages now."""
        ...
