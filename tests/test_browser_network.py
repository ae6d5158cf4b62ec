"""The network of browser tests: loopback works, and what tries to leave the machine is seen."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser_network import LoopbackNetwork, Packet

pytestmark = pytest.mark.usefixtures("inside_loopback")


def test_there_is_nothing_but_loopback() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_loopback_works_and_is_not_counted(inside_loopback: LoopbackNetwork) -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with (
            socket.create_server((host, 0), family=family) as server,
            socket.create_connection(server.getsockname()[:2]) as client,
        ):
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"x" * 10_000)
                assert accepted.recv(10, socket.MSG_WAITALL) == b"x" * 10
    assert inside_loopback.left() == []


def _connect(family: socket.AddressFamily, kind: socket.SocketKind, address: str) -> None:
    with socket.socket(family, kind) as client:
        if kind is socket.SOCK_STREAM:
            assert client.connect_ex((address, 443)) != 0
        else:
            client.sendto(b"hello", (address, 443))


@pytest.mark.parametrize(
    ("family", "kind", "address"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "192.0.2.1"),
        (socket.AF_INET, socket.SOCK_DGRAM, "192.0.2.1"),
        (socket.AF_INET, socket.SOCK_DGRAM, "224.0.0.251"),
        (socket.AF_INET6, socket.SOCK_STREAM, "2001:db8::1"),
        (socket.AF_INET6, socket.SOCK_DGRAM, "::2"),
    ],
)
def test_a_packet_to_another_machine_is_seen(
    inside_loopback: LoopbackNetwork,
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    address: str,
) -> None:
    inside_loopback.left()
    _connect(family, kind, address)
    assert inside_loopback.left() == [Packet(address, 443)]


@pytest.mark.parametrize("server", ["192.0.2.1", "127.0.0.53"])
def test_the_name_that_is_looked_up_is_told(inside_loopback: LoopbackNetwork, server: str) -> None:
    inside_loopback.left()
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\3cdn\7example\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(question, (server, 53))
    (packet,) = inside_loopback.left()
    assert str(packet) == f"{server}:53 for cdn.example"


def test_a_process_that_is_started_inside_is_seen(inside_loopback: LoopbackNetwork) -> None:
    inside_loopback.left()
    code = "import socket; socket.socket().connect_ex(('192.0.2.7', 80))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert inside_loopback.left() == [Packet("192.0.2.7", 80)]


def test_a_test_fails_if_something_leaves(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("pytest_plugins = ['tests.browser_network']")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(
        """
        import socket

        def test_good(nothing_leaves):
            pass

        def test_bad(nothing_leaves):
            with socket.socket() as client:
                client.connect_ex(("192.0.2.9", 81))
        """
    )
    pytester.syspathinsert(Path(__file__).parents[1])
    ran = pytester.runpytest("-n0", "-p", "no:cacheprovider")
    ran.assert_outcomes(passed=2, errors=1)
    ran.stdout.fnmatch_lines(["*packets to 192.0.2.9:81*"])
