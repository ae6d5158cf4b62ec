"""A TURN server that relays on loopback only (RFC 8656, what a peer of `aioice` uses of it).

ICE offers no address of loopback (RFC 8445, 5.1.1.1), and on a machine without a network there is
no other one. A relay may stand anywhere, so the simulated avatar's media goes through this one.
It listens and sends at 127.0.0.1, so no packet can leave the machine.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final, TypeAlias, cast

Address: TypeAlias = tuple[str, int]

HOST: Final = "127.0.0.1"

_COOKIE: Final = 0x2112A442
_HEADER: Final = struct.Struct("!HHI12s")
_REQUEST_TO_ANSWER: Final = 0x100
_REQUEST_TO_ERROR: Final = 0x110
_ALLOCATE, _REFRESH, _CHANNEL_BIND, _DATA_INDICATION = 0x003, 0x004, 0x009, 0x017
_ERROR_CODE, _CHANNEL_NUMBER, _LIFETIME, _PEER = 0x0009, 0x000C, 0x000D, 0x0012
_DATA, _RELAYED, _MAPPED = 0x0013, 0x0016, 0x0020
_SECONDS: Final = 600
"""How long an allocation lasts, unless it is refreshed. It ends with its server, too."""
_FORBIDDEN: Final = struct.pack("!HBB", 0, 4, 3) + b"loopback only"


class LoopbackTurn(asyncio.DatagramProtocol):
    """The server: `start` it, give `url` to a peer, `stop` it.

    It asks for no password: whoever reaches loopback may use it.
    """

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._allocations: dict[Address, _Allocation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen at a free port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))

    @property
    def url(self) -> str:
        """Its address, once it is started."""
        assert self._transport is not None
        _, port = self._transport.get_extra_info("sockname")
        return f"turn:{HOST}:{port}?transport=udp"

    def stop(self) -> None:
        """Stop listening, and end all allocations."""
        for task in self._tasks:
            task.cancel()
        for each in self._allocations.values():
            each.close()
        self._allocations.clear()
        if self._transport is not None:
            self._transport.close()

    def answer(self, message: bytes, client: Address) -> None:
        """Send a message to a client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(message, client)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Take a packet of a client."""
        if len(data) >= 4 and data[0] & 0xC0 == 0x40:  # noqa: PLR2004 - data of a channel
            number, length = struct.unpack("!HH", data[:4])
            if addr in self._allocations:
                self._allocations[addr].send(number, data[4 : 4 + length])
        elif len(data) >= _HEADER.size:
            kind, _, cookie, transaction = _HEADER.unpack_from(data)
            if cookie == _COOKIE:
                self._asked(kind, transaction, dict(_attributes(data)), addr)

    def _asked(
        self, kind: int, transaction: bytes, said: Mapping[int, bytes], client: Address
    ) -> None:
        allocation = self._allocations.get(client)
        if kind == _ALLOCATE:
            task = asyncio.get_running_loop().create_task(self._allocate(transaction, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == _REFRESH:
            lifetime = said.get(_LIFETIME, struct.pack("!I", _SECONDS))
            if not any(lifetime) and allocation is not None:
                self._allocations.pop(client).close()
            self._answer(kind, transaction, {_LIFETIME: lifetime}, client)
        elif kind == _CHANNEL_BIND and allocation is not None:
            number, peer = said.get(_CHANNEL_NUMBER, b"")[:2], _unpacked(said.get(_PEER, b""))
            if peer is None or len(number) < 2:  # noqa: PLR2004 - bytes
                refusal = {_ERROR_CODE: _FORBIDDEN}
                self.answer(_message(kind | _REQUEST_TO_ERROR, transaction, refusal), client)
                return
            allocation.bind(int.from_bytes(number), peer)
            self._answer(kind, transaction, {}, client)

    def _answer(
        self, kind: int, transaction: bytes, attributes: Mapping[int, bytes], client: Address
    ) -> None:
        self.answer(_message(kind | _REQUEST_TO_ANSWER, transaction, attributes), client)

    async def _allocate(self, transaction: bytes, client: Address) -> None:
        allocation = self._allocations.get(client)
        if allocation is None:
            allocation = self._allocations[client] = _Allocation(self, client)
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: allocation, local_addr=(HOST, 0))
        attributes = {
            _RELAYED: _packed(await allocation.address),
            _MAPPED: _packed(client),
            _LIFETIME: struct.pack("!I", _SECONDS),
        }
        self._answer(_ALLOCATE, transaction, attributes, client)


class _Allocation(asyncio.DatagramProtocol):
    """A relayed address of one client."""

    def __init__(self, server: LoopbackTurn, client: Address) -> None:
        self._server = server
        self._client = client
        self.address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport | None = None
        self._peers: dict[int, Address] = {}
        self._channels: dict[Address, int] = {}
        # A browser that sends from another address of this machine gets one of loopback here: the
        # client takes packets of hosts that it has named, and it has named loopback only.
        self._stands_for: dict[Address, Address] = {}
        self._shown_as: dict[Address, Address] = {}
        self._ports = count(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address.set_result(transport.get_extra_info("sockname")[:2])

    def bind(self, number: int, peer: Address) -> None:
        self._peers[number], self._channels[peer] = peer, number

    def send(self, number: int, data: bytes) -> None:
        peer = self._peers.get(number)
        if peer is not None and self._transport is not None:
            self._transport.sendto(data, self._stands_for.get(peer, peer))

    def datagram_received(self, data: bytes, addr: Address) -> None:
        peer = addr if addr[0] == HOST else self._shown(addr)
        number = self._channels.get(peer)
        if number is not None:
            self._server.answer(struct.pack("!HH", number, len(data)) + data, self._client)
            return
        attributes = {_PEER: _packed(peer), _DATA: data}
        self._server.answer(_message(_DATA_INDICATION, b"\0" * 12, attributes), self._client)

    def _shown(self, real: Address) -> Address:
        if real not in self._shown_as:
            shown = (HOST, next(self._ports))
            self._shown_as[real], self._stands_for[shown] = shown, real
        return self._shown_as[real]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _message(kind: int, transaction: bytes, attributes: Mapping[int, bytes]) -> bytes:
    body = b"".join(
        struct.pack("!HH", each, len(value)) + value + b"\0" * (-len(value) % 4)
        for each, value in attributes.items()
    )
    return _HEADER.pack(kind, len(body), _COOKIE, transaction) + body


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    place = _HEADER.size
    while place + 4 <= len(message):
        kind, length = struct.unpack_from("!HH", message, place)
        yield kind, message[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4


def _packed(address: Address) -> bytes:
    """Return an IPv4 address as an XOR-ADDRESS."""
    host, port = address
    number = int.from_bytes(bytes(map(int, host.split("."))), "big")
    return struct.pack("!BBHI", 0, 1, port ^ (_COOKIE >> 16), number ^ _COOKIE)


def _unpacked(value: bytes) -> Address | None:
    """Return an address of loopback; `None` for any other."""
    if len(value) != 8 or value[1] != 1:  # noqa: PLR2004 - the length of an IPv4 address
        return None
    port, number = struct.unpack("!HI", value[2:])
    host = ".".join(map(str, (number ^ _COOKIE).to_bytes(4, "big")))
    return (host, port ^ (_COOKIE >> 16)) if host == HOST else None
