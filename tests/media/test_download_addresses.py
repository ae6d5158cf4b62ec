"""Downloads go to public addresses only, unless told otherwise, and take nothing along.

No packet leaves this machine: addresses elsewhere are judged by calling the guard.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import Akool, DownloadError
from akool_async.media import AddressGuard, is_public, own_addresses
from akool_async.media.failures import ForbiddenAddress

if TYPE_CHECKING:
    from tests.media.conftest import Bench
    from tests.servers import Visit

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "52.84.1.1",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2600:9000::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]

NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - nobody listens there
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00::1"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"],
    "more metadata": ["192.0.0.192", "fd20:ce::254"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0", "fe80::1%1"],
    "site-local": ["fec0::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "4000::1", "1000::"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "discarded": ["100::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"],
    "compatible": ["::127.0.0.1", "::8.8.8.8"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe"],
    "local NAT64": ["64:ff9b:1::8.8.8.8", "64:ff9b:1:7f00:0:100::", "64:ff9b:1::7f00:1"],
    "Teredo": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:7f00:1::"],
    "translated": ["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
    "no address": ["", "localhost", "example.com", "127.1", "0x7f.1", "2130706433", "1.2.3.4:80"],
    "nearly one": ["[::1]", "8.8.8.8 ", "08.8.8.8", "8.8.8", "::g", "/socket"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", [address for addresses in NOT_PUBLIC.values() for address in addresses]
)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_itself(inner: ipaddress.IPv4Address) -> None:
    number, judged = int(inner), is_public(str(inner))
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | number)
    translated = ipaddress.IPv6Address(0x64FF9B << 96 | number)
    tunnelled = ipaddress.IPv6Address(0x2002 << 112 | number << 80)
    assert [is_public(str(outer)) for outer in (mapped, translated, tunnelled)] == [judged] * 3


@given(st.ip_addresses() | st.ip_addresses(network="2000::/3") | st.ip_addresses(network="::/96"))
def test_no_more_is_public_than_the_standard_library_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global or getattr(address, "ipv4_mapped", None)
        assert not address.is_multicast
        assert not address.is_loopback


# The socket that is never made


def info(address: str, port: int = 443) -> tuple[int, int, int, str, tuple[str, int]]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1"])
def test_a_guard_makes_no_socket_for_an_address_that_is_not_public(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        AddressGuard().open_socket(info(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_a_guard_makes_sockets_for_public_addresses(address: str) -> None:
    with AddressGuard().open_socket(info(address)) as made:  # and connects nothing
        assert made.type == socket.SOCK_STREAM


def test_a_guard_that_was_told_so_makes_sockets_for_every_address() -> None:
    with AddressGuard(allow_private=True).open_socket(info("10.0.0.1")) as made:
        assert made.family == socket.AF_INET


def test_a_guard_lets_its_own_through_and_nothing_beside_it() -> None:
    guard = AddressGuard(own=own_addresses("http://127.0.0.1:8080"))
    guard.open_socket(info("127.0.0.1", 8080)).close()
    for address, port in [("127.0.0.1", 8081), ("127.0.0.2", 8080), ("::1", 8080)]:
        with pytest.raises(ForbiddenAddress):
            guard.open_socket(info(address, port))


def test_only_an_api_on_this_machine_has_addresses_of_its_own() -> None:
    assert own_addresses("https://openapi.akool.com") == ()
    assert own_addresses("http://127.0.0.1:1234") == (("127.0.0.1", 1234),)
    assert own_addresses("http://[::1]:1234") == (("::1", 1234),)
    assert own_addresses("https://localhost") == (("127.0.0.1", 443), ("::1", 443))
    assert own_addresses("http://localhost") == (("127.0.0.1", 80), ("::1", 80))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "0.0.0.0",  # noqa: S104 - nobody listens there
        "localhost.",
        "LOCALHOST",
        "user@127.0.0.1",
        "8.8.8.8@127.0.0.1",
        "127。0。0。1",
    ],
)
async def test_no_spelling_of_this_machine_is_reached(host: str, bench: Bench) -> None:
    server = await bench.serve(bench.media())
    port = server.url.rpartition(":")[2]
    with pytest.raises(DownloadError):
        await bench.save(f"http://{host}:{port}/a", allow_private=False)
    assert server.connections == 0
    assert bench.left() == []


async def test_a_refused_address_is_told_with_what_allows_it(bench: Bench) -> None:
    server = await bench.serve(bench.media())
    with pytest.raises(DownloadError, match="not on the public internet; allow_private_downloads"):
        await bench.save(f"{server.url}/a", allow_private=False)


@pytest.mark.parametrize("allowed", [False, True])
async def test_an_api_on_this_machine_may_have_its_media_there_but_no_other_server_s(
    allowed: bool,  # noqa: FBT001
    bench: Bench,
) -> None:
    own, other = bench.media(), bench.media()
    elsewhere = await bench.serve(other)

    async def react(visit: Visit) -> None:
        if visit.method == "GET":
            await own(visit)
            return
        voice = json.loads(visit.body)["voice_id"]
        where = elsewhere.url if voice == "other" else api.url
        data = {"_id": "65f8017f56559aa67f0ecde7", "status": 3, "url": f"{where}/{voice}.wav"}
        await visit.answer(json.dumps({"code": 1000, "msg": "OK", "data": data}).encode())

    api = await bench.serve(react)
    async with Akool("key", base_url=api.url, allow_private_downloads=allowed) as akool:
        near = await akool.audio.tts(input_text="Hello", voice_id="own")
        far = await akool.audio.tts(input_text="Hello", voice_id="other")
        assert (await near.save(bench.folder / "near")).read_bytes() == bench.content
        if allowed:
            assert (await far.save(bench.folder / "far")).read_bytes() == bench.content
        else:
            with pytest.raises(DownloadError, match="allow_private_downloads"):
                await far.save(bench.folder / "far")
    assert elsewhere.connections == int(allowed)
    assert bench.left() == (["far", "near"] if allowed else ["near"])
