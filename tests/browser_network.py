"""A network of loopback alone: what tries to leave the machine is seen, and fails its test.

The process of a test moves its main thread into a network namespace of its own, and back when the
file's tests are over. What that thread starts meanwhile is inside, too: servers, threads, and the
browser. So this works in every process of pytest-xdist, and nothing has to be run anew. In the
namespace every address leads to `lo`, where nobody answers: a packet to another machine is
refused at once, and a socket keeps a copy of it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import pytest

_OFF: Final = (
    # It asks a server what the fields of a form are.
    "AutofillServerCommunication",
    "WebRtcHideLocalIpsWithMdns",  # it asks for names of candidates by multicast
    # The last such option counts: these ask the network, and playwright switches them off, too.
    *("MediaRouter", "DialMediaRouteProvider", "Translate", "OptimizationHints", "HttpsUpgrades"),
)
_OF_THE_BROWSER: Final = ("*.googleapis.com", "*.google.com", "*.gvt1.com")
CHROMIUM_ARGS: Final = (
    "--no-sandbox",
    # Without this there is no candidate for ICE on loopback.
    "--allow-loopback-in-peer-connection",
    f"--disable-features={','.join(_OFF)}",
    # The browser looks for updates of its own under these names; that is not the page.
    f"--host-resolver-rules={','.join(f'MAP {each} ~NOTFOUND' for each in _OF_THE_BROWSER)}",
    # A microphone that beeps, and no question whether it may be used.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
"""How Chromium is started for tests of media on loopback."""

_CLONE_NEWNET: Final = 0x40000000
_ETH_P_ALL: Final = 0x0003
_SO_ATTACH_FILTER: Final = 26


_KEEP, _DROP = 17, 18
_LEAVING: Final = (
    (0x28, 0, 0, 0xFFFFF000),  # 0: the protocol
    (0x15, 0, 6, 0x0800),
    (0x30, 0, 0, 16),  # 2: IPv4, the first byte of the destination
    (0x15, 0, _KEEP - 4, 127),
    (0x30, 0, 0, 9),  # 4: on loopback, UDP to a name server
    (0x15, 0, _DROP - 6, socket.IPPROTO_UDP),
    (0x28, 0, 0, 22),
    (0x15, _KEEP - 8, _DROP - 8, 53),
    (0x15, 0, _DROP - 9, 0x86DD),
    (0x20, 0, 0, 24),  # 9: IPv6, the four words of the destination
    (0x15, 0, _KEEP - 11, 0),
    (0x20, 0, 0, 28),
    (0x15, 0, _KEEP - 13, 0),
    (0x20, 0, 0, 32),
    (0x15, 0, _KEEP - 15, 0),
    (0x20, 0, 0, 36),
    (0x15, _DROP - 17, 0, 1),
    (0x06, 0, 0, 0xFFFF),  # 17: keep it
    (0x06, 0, 0, 0),  # 18: drop it
)
"""A program of classic BPF, rows of (code, jump if true, jump if false, operand): it keeps IPv4 to
other addresses than 127.0.0.0/8, IPv6 to others than ::1, and questions to a name server on
loopback, which would ask others."""


class Packet(NamedTuple):
    """A packet that was to leave the machine."""

    address: str
    port: int
    """0 for what has no port."""
    asks_for: str = ""
    """The name that it looks up, if it is a question to a name server."""

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" + (f" for {self.asks_for}" if self.asks_for else "")


class LoopbackNetwork:
    """A network namespace with nothing but loopback, and what tried to leave it."""

    def __init__(self) -> None:
        with ThreadPoolExecutor(1) as other:  # a thread ends with its namespace
            self._namespace, self._leaving = other.submit(_make).result()
        self._outside: int | None = None

    def enter(self) -> None:
        """Move this thread into the namespace; what it starts from now on is inside."""
        self._outside = _namespace_of_this_thread()
        _move_to(self._namespace)

    def leave(self) -> None:
        """Move this thread back."""
        assert self._outside is not None
        _move_to(self._outside)
        os.close(self._outside)
        self._outside = None

    def left(self) -> list[Packet]:
        """Return what tried to leave since the last call, the same only once."""
        packets: dict[Packet, None] = {}
        while True:
            try:
                packets[_packet(self._leaving.recv(2048))] = None
            except BlockingIOError:
                return list(packets)

    def close(self) -> None:
        """Give the namespace up."""
        self._leaving.close()
        os.close(self._namespace)


def _make() -> tuple[int, socket.socket]:
    """Return a new namespace, and a socket with what tries to leave it."""
    _call("unshare", _CLONE_NEWNET)
    for command in (
        "link set lo up",
        # Every address is this machine: what is sent there passes `lo`, and is refused at once.
        "route add local 0.0.0.0/0 dev lo src 127.0.0.1",
        "-6 route add local ::/0 dev lo src ::1",
    ):
        subprocess.run(["ip", *command.split()], check=True)  # noqa: S607
    leaving = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    rows = b"".join(struct.pack("HBBI", *row) for row in _LEAVING)
    buffer = ctypes.create_string_buffer(rows)
    program = struct.pack("HL", len(_LEAVING), ctypes.addressof(buffer))
    leaving.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    leaving.bind(("lo", _ETH_P_ALL))
    leaving.setblocking(False)
    return _namespace_of_this_thread(), leaving


def _namespace_of_this_thread() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _move_to(namespace: int) -> None:
    _call("setns", namespace, _CLONE_NEWNET)


def _call(name: str, *arguments: int) -> None:
    """Call a function of the C library; `os` has these two from Python 3.12 on."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _packet(data: bytes) -> Packet:
    version_4 = data[0] >> 4 == 4
    start, family = (4 * (data[0] & 15), socket.AF_INET) if version_4 else (40, socket.AF_INET6)
    protocol, address = (data[9], data[16:20]) if version_4 else (data[6], data[24:40])
    has_port = protocol in {socket.IPPROTO_TCP, socket.IPPROTO_UDP}
    port = int.from_bytes(data[start + 2 : start + 4], "big") if has_port else 0
    asks = protocol == socket.IPPROTO_UDP and port == 53
    name = _name(data[start + 20 :]) if asks else ""
    return Packet(socket.inet_ntop(family, address), port, name)


def _name(question: bytes) -> str:
    """Return the name in a question: labels, each after its length."""
    labels: list[str] = []
    while question and question[0]:
        labels.append(question[1 : 1 + question[0]].decode("ascii", "replace"))
        question = question[1 + question[0] :]
    return ".".join(labels)


@pytest.fixture(scope="session")
def loopback_network() -> Iterator[LoopbackNetwork]:
    """Make the namespace; skip the test where none can be made."""
    try:
        network = LoopbackNetwork()
    except (OSError, AttributeError, subprocess.CalledProcessError) as error:
        pytest.skip(
            f"needs root, or `unshare --net --map-root-user`, and Debian's iproute2: {error}"
        )
    yield network
    network.close()


@pytest.fixture(scope="module")
def inside_loopback(loopback_network: LoopbackNetwork) -> Iterator[LoopbackNetwork]:
    """Run a file's tests, and what its fixtures start after this one, in the namespace."""
    loopback_network.enter()
    yield loopback_network
    loopback_network.leave()


@pytest.fixture
def nothing_leaves(inside_loopback: LoopbackNetwork) -> Iterator[None]:
    """Fail the test if anything tries to leave the machine while it runs."""
    inside_loopback.left()
    yield
    left = inside_loopback.left()
    assert not left, f"packets to {', '.join(map(str, left))}"
