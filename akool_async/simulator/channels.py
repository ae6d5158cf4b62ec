"""The channels of simulated sessions: who joins one meets its avatar."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from akool_async.endpoints import OpenSession
from akool_async.simulator.avatar import Avatar
from akool_async.simulator.loopback_turn import LoopbackTurn
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.sessions import Sessions
from akool_async.simulator.world import SimulatedJob, World

if TYPE_CHECKING:
    from akool_async.simulator.peer import Peer


class _Channel:
    """A channel: its avatar, and the page that has joined last."""

    def __init__(self, world: World, job: SimulatedJob, number: int) -> None:
        assert isinstance(job.request, OpenSession)
        self.peer: Peer | None = None
        self.avatar = Avatar(
            world.clock,
            self._send,
            world.behaviour.avatar,
            mode=job.request.mode_type or 2,
            seed=world.behaviour.seed + 2 * number,
        )

    def _send(self, message: bytes) -> None:
        if self.peer is not None:
            self.peer.send(message)

    async def join(self, peer: Peer) -> None:
        """Let a page join; one that was there before is sent away, as Agora does."""
        before, self.peer = self.peer, peer
        self.avatar.meet()
        if before is not None:
            await before.close()

    async def close(self) -> None:
        self.avatar.close()
        if self.peer is not None:
            await self.peer.close()


class Channels:
    """The channels of a world's sessions."""

    def __init__(self, world: World, sessions: Sessions) -> None:
        self._world = world
        self._sessions = sessions
        self._channels: dict[str, _Channel] = {}
        self._relay: LoopbackTurn | None = None
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def avatar(self, session: str) -> Avatar:
        """Return the avatar of a session that somebody has joined.

        Raises:
            KeyError: nobody has joined it.
        """
        return self._channels[session].avatar

    async def join(self, *, channel: str, token: str, uid: int, sdp: str) -> str:
        """Answer the offer of a page that joins; see `Simulator.join`."""
        job = self._sessions.admitted(channel, token, uid)
        peer_of = _peers()
        relay = await self._started()
        joined = self._channels.get(job.id)
        if joined is None:
            joined = self._channels[job.id] = _Channel(self._world, job, len(self._channels))
            joined.avatar.when_left.append(lambda: self._begin(joined.close()))
            self._sessions.call_at_end(job.id, joined.avatar.hang_up)
        peer = peer_of(joined.avatar, relay)
        try:
            answer = await peer.answer(sdp)
        except ValueError as error:
            problem = f"Parameter error: {error}"
        else:
            await joined.join(peer)
            return answer
        await peer.close()
        raise Refusal(1003, problem)

    async def _started(self) -> LoopbackTurn:
        async with self._starting:
            if self._relay is None:
                relay = LoopbackTurn()
                await relay.start()
                self._relay = relay
        return self._relay

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Leave all channels."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()
        for task in tuple(self._tasks):
            await task
        if self._relay is not None:
            self._relay.stop()
            self._relay = None


def _peers() -> type[Peer]:
    try:
        from akool_async.simulator.peer import Peer
    except ImportError:
        problem = "the face of an avatar needs a package: pip install 'akool_async[live]'"
    else:
        return Peer
    raise ImportError(problem)
