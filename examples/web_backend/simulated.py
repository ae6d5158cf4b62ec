"""A simulated Akool in a process of its own: it goes on when the server is killed, as Akool does.

The server holds a connection to it, the lease. The kernel closes that even after `kill -9`. When
nobody has held one for a minute, the simulated Akool ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from akool_async.simulator import Behaviour, Simulator

LINGER = 60.0
"""Seconds for which it goes on without a server."""

BEHAVIOUR = Behaviour(
    pace=4.0,
    spread=0.4,
    fail_rate=0.15,
    seed=7,
    webhook_retries=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
)
"""Pictures take about four seconds, and some jobs fail: the page has something to show. Webhooks
are sent again for a minute, so that a person has time to start a killed server."""

_PATIENCE = 20.0
"""Seconds in which a new process must have begun to answer."""


@dataclass(frozen=True)
class Simulated:
    """A simulated Akool that runs."""

    name: str
    url: str
    api_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    lease: socket.socket = field(repr=False)


def attached(folder: Path) -> Simulated:
    """Return the simulated Akool of a folder; one is started if none runs.

    Raises:
        OSError: it does not start.
    """
    found = _found(folder)
    if found is not None:
        return found
    with (folder / "simulator.log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the server's terminal does not reach it
        )
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        found = _found(folder)
        if found is not None:
            return found
        time.sleep(0.05)
    raise OSError(f"the simulated Akool does not start; see {folder / 'simulator.log'}")


def _found(folder: Path) -> Simulated | None:
    """Return the simulated Akool that a folder names, if it still runs."""
    try:
        known = json.loads((folder / "simulator.json").read_text(encoding="utf-8"))
        lease = socket.create_connection(("127.0.0.1", known.pop("lease")), timeout=2.0)
        greeting = lease.recv(64).decode()  # another program may have that port by now
    except (OSError, ValueError):
        return None
    known.pop("pid")
    if greeting != known["name"]:
        lease.close()
        return None
    return Simulated(**known, lease=lease)


class Leases:
    """The connections of servers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._held = 0
        self._changed = asyncio.Event()

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet a server, and wait until it has gone."""
        self._held += 1
        self._changed.set()
        try:
            writer.write(self.name.encode())
            await reader.read()
        except OSError:
            pass
        finally:
            self._held -= 1
            self._changed.set()
            writer.close()

    async def none(self, linger: float) -> None:
        """Return when there has been no server for some seconds."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._held else linger):
                    await self._changed.wait()
            except TimeoutError:
                return


async def simulate(folder: Path) -> None:
    """Be Akool, until nobody needs it."""
    simulator = Simulator(BEHAVIOUR, api_key=secrets.token_urlsafe(16))
    leases = Leases(f"simulated-{secrets.token_hex(8)}")
    known = {
        "name": leases.name,
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "api_key": simulator.api_key,
        "pid": os.getpid(),
    }
    ending = asyncio.current_task()
    assert ending is not None
    with suppress(NotImplementedError):  # Windows has none
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.cancel)
    async with simulator, await asyncio.start_server(leases.hold, "127.0.0.1", 0) as listening:
        known |= {"url": simulator.url, "lease": listening.sockets[0].getsockname()[1]}
        part = folder / f"simulator.{os.getpid()}.part"
        part.touch(mode=0o600)
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(folder / "simulator.json")
        await leases.none(LINGER)


if __name__ == "__main__":
    asyncio.run(simulate(Path(sys.argv[1])))
