"""What closes the sessions that nobody uses, each of them once."""

from __future__ import annotations

import asyncio

import pytest

from akool_async import Akool
from akool_async.clock import ManualClock
from tests.clocks import Until, turns
from tests.streaming.backend.conftest import Backend, Browser, Open, SignIn, Socket, Vendor


async def pass_by(clock: ManualClock, seconds: float, socket: Socket | None = None) -> None:
    """Let time pass, second by second, on a page that answers pings if there is one."""
    for _ in range(round(seconds)):
        if socket is not None:
            await socket.tell("pong")
        await turns()
        await clock.advance(1)
    await turns()


async def is_closed_once(backend: Backend, vendor: Vendor, until: Until) -> None:
    """Check that all sessions are closed, each with one request."""
    await until(lambda: len(vendor.closes) == len(vendor.creates))
    await backend.close()
    assert set(vendor.closes.values()) == {1}


async def test_a_session_that_no_page_joins_is_closed_after_60_seconds(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    await browser.start()
    await clock.advance(59.9)
    assert not vendor.closes
    await clock.advance(0.1)
    await is_closed_once(backend, vendor, until)


async def test_a_page_that_only_connects_has_not_joined(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.connect(await browser.start())
    await pass_by(clock, 59, socket)
    assert not vendor.closes
    await pass_by(clock, 1, socket)
    assert (await socket.hear_of("ended"))["reason"] == "never joined"
    await is_closed_once(backend, vendor, until)


async def test_a_page_that_leaves_the_channel_has_60_seconds_to_join_again(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    await pass_by(clock, 70, socket)
    await socket.tell("left", reason="the carrier")
    await pass_by(clock, 59, socket)
    assert not vendor.closes
    await pass_by(clock, 1, socket)
    await is_closed_once(backend, vendor, until)


async def test_a_page_that_is_gone_and_not_back_is_closed_after_15_seconds(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    await socket.raw.close()
    await turns()
    await clock.advance(14.9)
    assert not vendor.closes
    await clock.advance(0.1)
    await is_closed_once(backend, vendor, until)


async def test_a_page_that_says_that_it_goes_is_closed_sooner_unless_it_is_back(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    minted = await browser.start()
    for _ in range(2):
        socket = await browser.join(minted)
        path = f"/sessions/{minted['ticket']}/leave"
        assert (await browser.ask("POST", path))[0] == 204
        await socket.raw.close()
        await turns()
        await clock.advance(4.9)
    assert not vendor.closes
    await clock.advance(0.1)
    await is_closed_once(backend, vendor, until)


async def test_a_frozen_page_is_closed_within_20_seconds_once(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    await pass_by(clock, 10, socket)
    await socket.tell("pong")  # the last one; the socket stays open
    await pass_by(clock, 17)
    assert not vendor.closes
    await pass_by(clock, 2)
    await is_closed_once(backend, vendor, until)


async def test_a_frozen_page_that_comes_back_in_time_goes_on(
    browser: Browser, vendor: Vendor, clock: ManualClock
) -> None:
    minted = await browser.start()
    socket = await browser.join(minted)
    await pass_by(clock, 15)
    while await socket.hear() is not None:
        pass
    assert socket.code == 1008
    socket = await browser.join(minted)
    await pass_by(clock, 30, socket)
    assert not vendor.closes


async def test_a_page_that_connects_and_sends_nothing_at_all_is_cut_off_after_3_seconds(
    browser: Browser, clock: ManualClock
) -> None:
    socket = await browser.connect(await browser.start())
    await pass_by(clock, 4)
    while await socket.hear() is not None:
        pass
    assert socket.code == 1008


async def test_the_server_pings_at_least_every_two_seconds(
    browser: Browser, clock: ManualClock
) -> None:
    socket = await browser.join(await browser.start())
    for _ in range(3):
        await pass_by(clock, 2, socket)
        assert await socket.hear(pings=True) == {"type": "ping"}


async def test_a_server_that_was_held_up_reads_what_came_before_it_gives_up_a_page(
    browser: Browser, vendor: Vendor, clock: ManualClock
) -> None:
    socket = await browser.join(await browser.start())
    await turns()
    await clock.hold_up(19)
    await socket.tell("pong")
    await pass_by(clock, 30, socket)
    assert not vendor.closes


async def test_a_server_whose_timers_are_always_late_pings_and_gives_up_no_page(
    browser: Browser, vendor: Vendor, clock: ManualClock
) -> None:
    socket = await browser.join(await browser.start())
    for _ in range(8):
        await turns()
        await clock.hold_up(3.9)
        assert await socket.hear(pings=True) == {"type": "ping"}
        await clock.advance(1.9)
        await socket.tell("pong")
    assert not vendor.closes


async def test_a_silent_session_is_announced_and_closed_after_180_seconds(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    await pass_by(clock, 150, socket)
    assert await socket.hear_of("idle") == {"type": "idle", "seconds": 30}
    await pass_by(clock, 29, socket)
    assert not vendor.closes
    await pass_by(clock, 1, socket)
    assert (await socket.hear_of("ended"))["reason"] == "nobody said anything"
    await is_closed_once(backend, vendor, until)


@pytest.mark.parametrize("by", ["the user's keyboard", "the user's voice", "the avatar"])
async def test_whatever_is_said_keeps_a_session_open(
    browser: Browser, vendor: Vendor, clock: ManualClock, by: str
) -> None:
    from tests.streaming.backend.test_backend_relay import caption

    socket = await browser.join(await browser.start(duration=600))
    for _ in range(2):
        await pass_by(clock, 170, socket)
        if by == "the user's keyboard":
            await socket.tell("say", text="hm")
        else:
            said = caption("hm", from_="user" if by == "the user's voice" else "bot")
            await socket.raw.send_bytes(said)
        await turns()
    assert not vendor.closes


async def test_the_page_is_told_when_the_session_ends_at_its_time(
    backend: Backend, browser: Browser, vendor: Vendor, clock: ManualClock, until: Until
) -> None:
    socket = await browser.join(await browser.start())
    for _ in range(3):
        await pass_by(clock, 100, socket)
        await socket.tell("say", text="hm")
    assert (await socket.hear_of("warned")) == {"type": "warned", "what": "session", "seconds": 30}
    assert (await socket.hear_of("ended"))["reason"] == "expired"
    await is_closed_once(backend, vendor, until)


# The end of the server


async def test_the_end_of_the_server_ends_all_sessions_each_with_one_close(
    open_backend: Open, sign_in: SignIn, vendor: Vendor, clock: ManualClock
) -> None:
    backend = await open_backend()
    sockets: list[Socket] = []
    for user in ("ann", "bob", "eve"):
        browser = sign_in(backend, user)
        sockets.append(await browser.join(await browser.start()))
    await sign_in(backend, "dan").start()
    arrived, answered = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        arrived.set()
        await answered.wait()

    vendor.before_create = hold
    opening = asyncio.create_task(sign_in(backend, "fay").ask("POST", "/sessions"))
    await arrived.wait()
    closing = asyncio.create_task(backend.close())
    for socket in sockets:
        assert (await socket.hear_of("ended"))["reason"] == "the server stops"
    assert (await opening)[0] == 503
    answered.set()
    await closing
    assert len(vendor.closes) == 5
    assert set(vendor.closes.values()) == {1}
    status, body = await sign_in(backend, "gil").ask("POST", "/sessions")
    assert (status, body["error"]) == (503, "stopping")


async def test_the_end_of_the_client_ends_them_too(
    akool: Akool, browser: Browser, vendor: Vendor
) -> None:
    socket = await browser.join(await browser.start())
    await akool.close()
    assert (await socket.hear_of("ended"))["reason"]
    assert list(vendor.closes.values()) == [1]


async def test_a_close_that_is_not_answered_is_repeated_within_grace_and_the_place_is_kept(
    open_backend: Open, sign_in: SignIn, vendor: Vendor
) -> None:
    backend = await open_backend(grace=0.2, sessions_per_user=1)
    browser = sign_in(backend)
    minted = await browser.start()
    vendor.deaf = True
    await browser.ask("DELETE", f"/sessions/{minted['ticket']}")
    assert (await browser.ask("POST", "/sessions"))[1]["error"] == "too_many_sessions"
    await backend.close()
