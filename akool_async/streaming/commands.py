"""Commands to the avatar: each waits for its answer, and is repeated while none comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from akool_async.clock import Clock
from akool_async.errors import CommandRefused, NoAnswer, StreamingError
from akool_async.streaming.messages import CommandReply
from akool_async.streaming.sending import Outbox
from akool_async.streaming.waiting import done_within

PATIENCE: Final = 2.0
"""Seconds until a command is repeated."""
TIMES: Final = 3
"""How often a command is sent at most."""
_DONE: Final = 1000


class Commands:
    """The commands that wait for their answers, by `mid`."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._asked: dict[str, asyncio.Future[CommandReply | StreamingError]] = {}

    async def ask(self, cmd: str, mid: str, message: bytes, *, first: bool = False) -> CommandReply:
        """Send a command; return the answer once it was carried out.

        The same bytes are sent up to three times, so Akool sees one `mid`. A cancel withdraws what
        has not left, except with `first`.

        Raises:
            CommandRefused: the answer has another code than 1000.
            NoAnswer: no answer came within 6 seconds.
            NotJoined: whoever carries the messages left meanwhile.
            SessionEnded: the session ended meanwhile.
        """
        answer: asyncio.Future[CommandReply | StreamingError]
        answer = self._asked[mid] = asyncio.get_running_loop().create_future()
        posted = self._outbox.post_command(message, first=first)
        try:
            for again in reversed(range(TIMES)):
                if await done_within(self._clock, PATIENCE, answer):
                    break
                if again and posted.left:  # one that still waits says it all
                    posted = self._outbox.post_command(message, first=first)
        finally:
            del self._asked[mid]
            if not first:
                self._outbox.withdraw(posted)
        if not answer.done():
            raise NoAnswer(cmd, TIMES * PATIENCE)
        reply = answer.result()
        if isinstance(reply, StreamingError):
            raise reply
        if reply.code != _DONE:
            raise CommandRefused(cmd, reply.code, reply.msg)
        return reply

    def take(self, reply: CommandReply) -> None:
        """Take an answer. One that nobody waits for, such as a second one, is dropped."""
        answer = self._asked.get(reply.mid)
        if answer is not None and not answer.done():
            answer.set_result(reply)

    def fail(self, why: Callable[[], StreamingError]) -> None:
        """Let all commands that wait raise an error, each its own."""
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(why())
