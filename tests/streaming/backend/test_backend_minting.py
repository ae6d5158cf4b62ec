"""What a page has to do for a session, and what it gets."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from akool_async.clock import ManualClock
from akool_async.streaming.backend.answers import Answer
from akool_async.streaming.backend.rules import PageRequest
from tests.clocks import Elapse, Until, turns
from tests.streaming.backend.conftest import KEY, Backend, Browser, Open, SignIn, Vendor


async def test_a_session_is_minted_with_a_ticket_and_the_credentials_of_its_channel(
    browser: Browser, vendor: Vendor
) -> None:
    status, minted = await browser.ask(
        "POST", "/sessions", json={"avatar_id": "ann", "duration": 600}
    )
    assert status == 201
    assert vendor.creates == [{"avatar_id": "ann", "duration": 600}]
    assert minted["credentials"] == {
        "agora_uid": 100000,
        "agora_app_id": "app",
        "agora_channel": "channel-1",
        "agora_token": "token-of-channel-1",
    }
    assert minted["stream_type"] == "agora"
    assert minted["relay"] == f"/sessions/{minted['ticket']}/relay"
    assert minted["remaining"] == 600
    assert minted["join_before"] == "2026-01-01T00:05:00Z"
    assert minted["ends_at"] == "2026-01-01T00:10:00Z"


async def test_a_ticket_has_128_random_bits(open_backend: Open, sign_in: SignIn) -> None:
    browser = sign_in(await open_backend(sessions_per_user=9, starts_per_minute=9))
    tickets = {(await browser.start())["ticket"] for _ in range(9)}
    assert len(tickets) == 9
    assert {len(base64.urlsafe_b64decode(each + "==")) for each in tickets} == {16}


async def test_an_answer_is_never_stored_and_holds_neither_the_sessions_id_nor_the_key(
    browser: Browser,
) -> None:
    url = browser.url + "/sessions"
    async with browser.http.post(url, headers=browser.headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        whole = str(answer.headers) + await answer.text()
    assert "6698c9d6" not in whole
    assert KEY not in whole


async def test_the_first_avatar_and_duration_are_those_of_a_page_that_names_none(
    browser: Browser, vendor: Vendor
) -> None:
    await browser.start()
    assert vendor.creates == [{"avatar_id": "tristan", "duration": 300}]


async def test_the_rest_of_a_session_is_the_backends_own(
    open_backend: Open, sign_in: SignIn, vendor: Vendor
) -> None:
    browser = sign_in(await open_backend(session={"language": "de", "mode_type": 1}))
    await browser.ask("POST", "/sessions", json={"language": "fr", "voice_id": "theirs"})
    wanted = {"avatar_id": "tristan", "duration": 300, "language": "de", "mode_type": 1}
    assert vendor.creates == [wanted]


REFUSED_BODIES: Mapping[str, tuple[int, dict[str, Any]]] = {
    "an avatar that is not on the list": (400, {"json": {"avatar_id": "other"}}),
    "a duration that is not on the list": (400, {"json": {"duration": 3600}}),
    "a duration that is no number": (400, {"json": {"duration": "300"}}),
    "an array": (400, {"json": []}),
    "no JSON": (400, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
    "what a form sends": (415, {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
    "a large body": (413, {"json": {"avatar_id": "a" * 10_000}}),
}


@pytest.mark.parametrize("case", REFUSED_BODIES)
async def test_other_bodies_are_refused_before_any_create(
    browser: Browser, vendor: Vendor, case: str
) -> None:
    status, more = REFUSED_BODIES[case]
    answer, body = await browser.ask("POST", "/sessions", **more)
    assert answer == status
    assert body.keys() == {"error", "message"}
    assert vendor.creates == []


# Who asks


async def _is_refused_everywhere(browser: Browser, ticket: str, status: int) -> None:
    assert (await browser.ask("POST", "/sessions", json={}))[0] == status
    assert (await browser.ask("DELETE", f"/sessions/{ticket}"))[0] == status
    assert (await browser.ask("POST", f"/sessions/{ticket}/end"))[0] == status
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.http.ws_connect(
            f"{browser.url}/sessions/{ticket}/relay", headers=browser.headers
        )
    assert refused.value.status == status


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://127.0.0.1:1", "null", "http://127.0.0.1.evil.example"],
)
async def test_a_page_of_another_origin_gets_nothing(
    backend: Backend, sign_in: SignIn, vendor: Vendor, origin: str
) -> None:
    minted = await sign_in(backend).start()
    await _is_refused_everywhere(sign_in(backend, origin=origin), minted["ticket"], 403)
    assert len(vendor.creates) == 1
    assert not vendor.closes


async def test_a_request_without_an_origin_is_refused_unless_the_browser_says_it_is_the_same(
    browser: Browser,
) -> None:
    del browser.headers["Origin"]
    assert (await browser.ask("POST", "/sessions"))[0] == 403
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await browser.ask("POST", "/sessions"))[0] == 403
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    assert (await browser.ask("POST", "/sessions"))[0] == 201


async def test_pages_of_the_listed_origins_may_ask_and_no_others(
    open_backend: Open, sign_in: SignIn
) -> None:
    backend = await open_backend(origins=["https://www.example.com"])
    browser = sign_in(backend, origin="https://www.example.com")
    minted = await browser.start()
    await browser.join(minted)
    asked = {"Access-Control-Request-Method": "POST"} | browser.headers
    async with browser.http.options(backend.url + "/sessions", headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST, DELETE"
    await _is_refused_everywhere(sign_in(backend), minted["ticket"], 403)


async def test_nobody_gets_nothing(backend: Backend, sign_in: SignIn, vendor: Vendor) -> None:
    minted = await sign_in(backend).start()
    await _is_refused_everywhere(sign_in(backend, None), minted["ticket"], 401)
    assert len(vendor.creates) == 1


async def _fails(_request: PageRequest) -> str:
    raise OSError("the database is down")


@pytest.mark.parametrize(
    "authorize", [_fails, lambda _request: "", lambda _request: 7, lambda _request: True]
)
async def test_an_authorize_that_fails_or_names_no_user_lets_nobody_in(
    open_backend: Open, sign_in: SignIn, vendor: Vendor, authorize: Any
) -> None:
    browser = sign_in(await open_backend(authorize=authorize))
    assert (await browser.ask("POST", "/sessions"))[0] == 401
    assert vendor.creates == []


async def test_authorize_sees_the_request_and_may_be_asynchronous(
    open_backend: Open, sign_in: SignIn
) -> None:
    seen: list[PageRequest] = []

    async def authorize(request: PageRequest) -> str | None:
        await asyncio.sleep(0)
        seen.append(request)
        return request.query.get("user")

    browser = sign_in(await open_backend(authorize=authorize))
    status, _ = await browser.ask("POST", "/sessions?user=ann", headers={"X-Mine": "yes"})
    assert status == 201
    assert seen[0].headers["x-mine"] == "yes"
    assert seen[0].cookies == {"user": "ann"}
    assert seen[0].origin == browser.url
    assert seen[0].remote == "127.0.0.1"
    assert (seen[0].method, seen[0].path) == ("POST", "/sessions")


async def test_a_request_with_two_origins_is_refused(browser: Browser) -> None:
    headers = [("Origin", "https://evil.example"), *browser.headers.items()]
    async with browser.http.post(browser.url + "/sessions", headers=headers) as answer:
        assert answer.status == 403


def test_what_is_printed_shows_neither_tokens_nor_who_a_user_is() -> None:
    secret = "canary-secret"
    headers = {"authorization": secret}
    asked = PageRequest(
        method="POST", path=secret, headers=headers, cookies={}, query={}, remote=None
    )
    answer = Answer(status=201, body={"credentials": {"agora_token": secret}}, headers=headers)
    assert secret not in repr((asked, answer))


async def test_a_strangers_ticket_and_one_that_never_was_get_the_same_answer(
    backend: Backend, sign_in: SignIn, vendor: Vendor
) -> None:
    ann, bob = sign_in(backend), sign_in(backend, "bob")
    ticket = (await ann.start())["ticket"]
    unknown = "A" * 22
    for method, path in [("DELETE", ""), ("POST", "/end"), ("GET", "/relay")]:
        theirs = await bob.ask(method, f"/sessions/{ticket}{path}")
        assert theirs[0] == 404
        assert theirs == await bob.ask(method, f"/sessions/{unknown}{path}")
    await _is_refused_everywhere_but_minting(bob, ticket)
    assert not vendor.closes


async def _is_refused_everywhere_but_minting(browser: Browser, ticket: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await browser.http.ws_connect(
            f"{browser.url}/sessions/{ticket}/relay", headers=browser.headers
        )
    assert refused.value.status == 404


# How much


async def test_a_thousand_requests_of_one_user_at_once_open_no_more_than_allowed(
    browser: Browser, vendor: Vendor
) -> None:
    answers = await asyncio.gather(*(browser.ask("POST", "/sessions") for _ in range(1000)))
    assert [status for status, _ in answers].count(201) == 2
    assert {body["error"] for status, body in answers if status != 201} == {"too_many_sessions"}
    assert {status for status, _ in answers} == {201, 429}
    assert len(vendor.creates) == 2


async def test_a_thousand_sessions_that_are_ended_at_once_are_as_many_as_a_minute_allows(
    browser: Browser, vendor: Vendor
) -> None:
    errors: list[str] = []
    for _ in range(20):
        status, body = await browser.ask("POST", "/sessions")
        if status == 201:
            await browser.ask("DELETE", f"/sessions/{body['ticket']}")
        else:
            errors.append(body["error"])
    assert len(vendor.creates) <= 6
    assert set(errors) <= {"too_many_starts", "too_many_sessions"}


async def test_all_users_together_have_a_limit_too(open_backend: Open, sign_in: SignIn) -> None:
    backend = await open_backend(sessions_at_once=2)
    await sign_in(backend, "ann").start()
    await sign_in(backend, "bob").start()
    status, body = await sign_in(backend, "eve").ask("POST", "/sessions")
    assert (status, body["error"]) == (503, "busy")


async def test_unused_seconds_are_given_back_when_a_session_is_closed(
    open_backend: Open, sign_in: SignIn, clock: ManualClock, vendor: Vendor, until: Until
) -> None:
    browser = sign_in(await open_backend(durations=[300], seconds_per_day=330))
    minted = await browser.start()
    status, body = await browser.ask("POST", "/sessions")
    assert (status, body["error"]) == (429, "no_time_left")
    await clock.advance(30)
    await browser.ask("DELETE", f"/sessions/{minted['ticket']}")
    await until(lambda: vendor.closes)
    await turns()  # the answer to the close is read
    await browser.start()
    status, body = await browser.ask("POST", "/sessions")
    assert (status, body["error"]) == (429, "no_time_left")


# What goes wrong


async def test_a_create_that_akool_refuses_costs_nothing_and_is_told_without_ids(
    open_backend: Open,
    sign_in: SignIn,
    vendor: Vendor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = sign_in(await open_backend(seconds_per_day=600, sessions_per_user=1))
    vendor.refusal = {"code": 1015, "msg": "session 6698c9d6 is refused"}
    with caplog.at_level(logging.ERROR):
        answer, body = await browser.ask("POST", "/sessions", json={"duration": 600})
    assert (answer, body["error"]) == (502, "refused")
    assert "6698c9d6" not in str(body)
    assert "6698c9d6" in caplog.text
    vendor.refusal = None
    await browser.start(duration=600)


async def test_a_session_whose_page_went_away_before_the_answer_is_closed_once(
    backend: Backend, browser: Browser, vendor: Vendor, until: Until
) -> None:
    arrived, answered = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        arrived.set()
        await answered.wait()

    vendor.before_create = hold
    request = asyncio.create_task(browser.start())
    await arrived.wait()
    request.cancel()
    await asyncio.sleep(0.05)  # the server reads that the page has gone
    answered.set()
    await until(lambda: vendor.closes)
    await backend.close()
    assert list(vendor.closes.values()) == [1]


@pytest.mark.parametrize("body", [{}, {"json": {}}])
async def test_a_page_that_went_away_while_its_user_was_looked_up_opens_no_session(
    body: dict[str, Any],
    open_backend: Open,
    sign_in: SignIn,
    vendor: Vendor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arrived, answered = asyncio.Event(), asyncio.Event()

    async def slow(request: PageRequest) -> str | None:
        arrived.set()
        await answered.wait()
        return request.cookies["user"]

    backend = await open_backend(authorize=slow)
    request = asyncio.create_task(sign_in(backend).ask("POST", "/sessions", **body))
    await arrived.wait()
    request.cancel()
    await asyncio.sleep(0.05)  # the server reads that the page has gone
    answered.set()
    await sign_in(backend, "bob").start(duration=600)
    assert [each["duration"] for each in vendor.creates] == [600]
    assert "Traceback" not in caplog.text


async def test_a_session_for_which_akool_has_no_place_in_time_is_given_up(
    open_backend: Open, sign_in: SignIn, vendor: Vendor, clock: ManualClock, elapse: Elapse
) -> None:
    backend = await open_backend()
    vendor.refusal = {"code": 1215, "msg": "busy"}
    request = asyncio.create_task(sign_in(backend).ask("POST", "/sessions"))
    while not vendor.creates:
        await turns(1)
    await clock.advance(20)
    status, body = await request
    assert (status, body["error"]) == (503, "busy")
    closing = asyncio.create_task(backend.close())
    await elapse(clock, closing.done)  # a pause before the next try is over
    assert not vendor.closes


async def test_other_addresses_and_methods_are_told_so(browser: Browser) -> None:
    assert (await browser.ask("GET", "/sessions"))[0] == 405
    assert (await browser.ask("POST", "/sessions/abc"))[0] == 405
    assert (await browser.ask("POST", "/sessions/abc/what"))[0] == 404
    assert (await browser.ask("POST", "/sessions/a.b/end"))[0] == 404
    minted = await browser.start()
    assert (await browser.ask("GET", minted["relay"]))[0] == 426
