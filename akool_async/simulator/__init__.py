"""An embedded Akool: the library's own endpoints, answered on loopback.

It costs nothing, holds no customer's data, and behaves as Akool's pages say.
"""

from __future__ import annotations

from akool_async.simulator.avatar import Avatar, AvatarBehaviour
from akool_async.simulator.avatar_transport import AvatarTransport
from akool_async.simulator.refusal import Refusal
from akool_async.simulator.server import Fault, Simulator
from akool_async.simulator.world import Behaviour, SimulatedJob, World

__all__ = [
    "Avatar",
    "AvatarBehaviour",
    "AvatarTransport",
    "Behaviour",
    "Fault",
    "Refusal",
    "SimulatedJob",
    "Simulator",
    "World",
]
