"""Who is asking: which credential is chosen, how it signs, and how it stays fresh."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import (
    Akool,
    AkoolError,
    AuthenticationError,
    ConnectFailed,
    InvalidInput,
    MissingCredentials,
    Retry,
    TransportError,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import GetToken
from akool_async.http.auth import Credentials, Signer, find_credentials, seconds_left
from akool_async.protocol.secret import Secret

if TYPE_CHECKING:
    from akool_async.simulator import Simulator
    from tests.clocks import Until
    from tests.servers import Serve, Visit

NAMES = ("api_key", "token", "client_id", "client_secret")
CREDIT = b'{"code":1000,"msg":"OK","data":{"credit":5}}'
REJECTED = b'{"code":1101,"msg":"Illegal token"}'
CANARY = "canary-0123456789"


def chosen(given: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Say what was chosen: its kind, and its value."""
    found = find_credentials({name: given.get(name) for name in NAMES}, environment)
    return {
        "api key": f"api key {found.api_key}",
        "token": f"token {found.bearer.token}",
        "client id and secret": f"pair {found.client_id} {found.client_secret}",
    }[found.kind]


def variables(values: Mapping[str, str]) -> dict[str, str]:
    return {f"AKOOL_{name.upper()}": f"env-{value}" for name, value in values.items()}


# Which credential is chosen

ALL = {"api_key": "k", "token": "t", "client_id": "i", "client_secret": "s"}
SETS = [dict(some) for count in range(5) for some in combinations(ALL.items(), count)]


def best(values: Mapping[str, str], prefix: str) -> str | None:
    """Say what the documented order chooses: api key, token, then id and secret."""
    if "api_key" in values:
        return f"api key {prefix}k"
    if "token" in values:
        return f"token {prefix}t"
    if {"client_id", "client_secret"} <= values.keys():
        return f"pair {prefix}i {prefix}s"
    return None


@pytest.mark.parametrize("given", SETS, ids=lambda given: "+".join(given) or "nothing")
@pytest.mark.parametrize("environment", SETS, ids=lambda env: "+".join(env) or "empty")
def test_arguments_beat_the_environment_as_a_whole(
    given: dict[str, str], environment: dict[str, str]
) -> None:
    expected = best(given, "") if given else best(environment, "env-")
    if expected is None:
        with pytest.raises(MissingCredentials):
            chosen(given, variables(environment))
    else:
        assert chosen(given, variables(environment)) == expected


def test_without_a_credential_the_error_names_arguments_and_variables() -> None:
    with pytest.raises(MissingCredentials) as caught:
        Akool()
    for name in NAMES:
        assert name in str(caught.value)
        assert f"AKOOL_{name.upper()}" in str(caught.value)


@pytest.mark.parametrize("half", ["client_id", "client_secret"])
def test_half_a_pair_says_that_the_halves_work_together(half: str) -> None:
    with pytest.raises(MissingCredentials, match="client_id and client_secret"):
        Akool(**{half: "a"})  # type: ignore[arg-type]


def test_an_empty_variable_is_no_credential() -> None:
    with pytest.raises(MissingCredentials):
        chosen({}, {"AKOOL_API_KEY": "", "AKOOL_TOKEN": ""})


def test_the_environment_is_read_when_the_client_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKOOL_TOKEN", "from-the-environment")
    monkeypatch.setenv("AKOOL_BASE_URL", "https://other.example.com")
    assert repr(Akool()) == "<Akool https://other.example.com, token>"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [f"{CANARY}\n", f" {CANARY}", f"{CANARY}é", CANARY.encode(), 5])
def test_a_credential_that_no_header_can_carry_is_refused_unseen(name: str, value: object) -> None:
    whole = {"client_id": "i", "client_secret": "s"} if name.startswith("client") else {}
    with pytest.raises(InvalidInput) as caught:
        Akool(**{**whole, name: value})  # type: ignore[arg-type]
    assert caught.value.field == name
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(vars(caught.value))


# How it signs


@pytest.fixture
def signed(serve: Serve) -> Callable[..., Any]:
    """Send one request with a credential; return the requests that arrived."""

    async def send(**credential: str) -> list[Visit]:
        async def react(visit: Visit) -> None:
            if visit.target.endswith("/getToken"):
                await visit.answer(b'{"code":1000,"token":"exchanged"}')
            else:
                await visit.answer(CREDIT)

        server = await serve(react)
        async with Akool(base_url=server.url, **credential) as akool:  # type: ignore[arg-type]
            assert (await akool.account.credit()).credit == 5
        return server.visits

    return send


def signatures(visit: Visit) -> list[tuple[str, str]]:
    names = [name for name in visit.header_names if name in {"authorization", "x-api-key"}]
    return [(name, visit.headers[name]) for name in names]


async def test_an_api_key_is_the_only_header_that_signs(signed: Callable[..., Any]) -> None:
    for beside in ({}, {"token": "t"}, {"client_id": "i", "client_secret": "s"}):
        (visit,) = await signed(api_key="k", **beside)
        assert signatures(visit) == [("x-api-key", "k")]


async def test_a_token_is_the_only_header_that_signs(signed: Callable[..., Any]) -> None:
    for beside in ({}, {"client_id": "i", "client_secret": "s"}):
        (visit,) = await signed(token="t", **beside)
        assert signatures(visit) == [("authorization", "Bearer t")]


async def test_an_id_and_secret_are_exchanged_without_a_signature(
    signed: Callable[..., Any],
) -> None:
    exchange, visit = await signed(client_id="i", client_secret="s")
    assert signatures(exchange) == []
    assert json.loads(exchange.body) == {"clientId": "i", "clientSecret": "s"}
    assert signatures(visit) == [("authorization", "Bearer exchanged")]


@pytest.mark.parametrize(
    "reply",
    [
        {"code": 1000, "token": "exchanged"},
        {"code": 1000, "data": {"token": "exchanged"}},
        {"code": 1000, "msg": "OK", "token": "exchanged", "data": None},
    ],
)
async def test_the_token_is_found_beside_the_code_or_under_the_data(
    reply: object, serve: Serve
) -> None:
    async def react(visit: Visit) -> None:
        await visit.answer(json.dumps(reply).encode())

    server = await serve(react)
    async with Akool("k", base_url=server.url) as akool:
        assert (await akool.account.token(client_id="i", client_secret="s")).token == "exchanged"


async def test_asking_for_a_token_uses_the_client_s_own_pair(simulator: Simulator) -> None:
    async with Akool(
        simulator.api_key,
        client_id=simulator.client_id,
        client_secret=simulator.api_key,
        base_url=simulator.url,
    ) as akool:
        assert (await akool.account.token()).token in simulator.tokens


async def test_asking_for_a_token_without_a_pair_names_what_is_missing(akool: Akool) -> None:
    with pytest.raises(MissingCredentials, match="AKOOL_CLIENT_ID"):
        await akool.account.token()


# How it stays fresh


@pytest.fixture
async def exchanging(simulator: Simulator) -> AsyncIterator[Akool]:
    """Open a client that signs with an exchanged token."""
    async with Akool(
        client_id=simulator.client_id,
        client_secret=simulator.api_key,
        base_url=simulator.url,
    ) as akool:
        yield akool


async def test_two_hundred_calls_at_once_exchange_one_token(
    simulator: Simulator, exchanging: Akool
) -> None:
    await asyncio.gather(*(exchanging.account.credit() for _ in range(200)))
    assert simulator.requests["account.token"] == 1
    assert simulator.requests["account.credit"] == 200


async def test_two_hundred_rejected_calls_renew_the_token_once(
    simulator: Simulator, exchanging: Akool
) -> None:
    await exchanging.account.credit()
    simulator.tokens.clear()
    await asyncio.gather(*(exchanging.account.credit() for _ in range(200)))
    assert simulator.requests["account.token"] == 2
    assert simulator.requests["account.credit"] == 1 + 2 * 200


async def test_a_late_rejection_of_an_old_token_does_not_renew_the_new_one(
    simulator: Simulator, exchanging: Akool, until: Until
) -> None:
    gate = asyncio.Event()
    await exchanging.account.credit()
    simulator.tokens.clear()

    async def hold_the_first(name: str, _request: object) -> None:
        if name == "account.credit" and not gate.is_set() and simulator.requests[name] == 2:
            await gate.wait()

    simulator.fault = hold_the_first
    late = asyncio.create_task(exchanging.account.credit())
    await until(lambda: simulator.requests["account.credit"] == 2)
    await exchanging.account.credit()
    gate.set()
    await late
    assert simulator.requests["account.token"] == 2


async def test_a_token_rejected_twice_is_an_error_after_one_renewal(serve: Serve) -> None:
    async def react(visit: Visit) -> None:
        exchange = visit.target.endswith("/getToken")
        await visit.answer(b'{"code":1000,"token":"t"}' if exchange else REJECTED)

    server = await serve(react)
    async with Akool(client_id="i", client_secret="s", base_url=server.url) as akool:
        with pytest.raises(AuthenticationError) as caught:
            await akool.account.credit()
        assert caught.value.code == 1101
        assert akool.stats.requests == {"account.token": 2, "account.credit": 2}


@pytest.mark.parametrize("credential", [{"api_key": "wrong"}, {"token": "wrong"}])
async def test_what_cannot_be_renewed_is_rejected_at_once(
    credential: dict[str, str], simulator: Simulator
) -> None:
    async with Akool(base_url=simulator.url, **credential) as akool:  # type: ignore[arg-type]
        with pytest.raises(AuthenticationError):
            await akool.account.credit()
    assert simulator.requests == {"account.credit": 1}


async def test_a_given_token_is_renewed_where_there_is_a_pair(simulator: Simulator) -> None:
    async with Akool(
        token="expired",
        client_id=simulator.client_id,
        client_secret=simulator.api_key,
        base_url=simulator.url,
    ) as akool:
        await akool.account.credit()
    assert simulator.requests == {"account.credit": 2, "account.token": 1}


async def test_a_wrong_secret_is_an_authentication_error(simulator: Simulator) -> None:
    async with Akool(client_id="i", client_secret="s", base_url=simulator.url) as akool:
        with pytest.raises(AuthenticationError):
            await akool.account.credit()
    assert simulator.requests == {"account.token": 1}


async def test_a_caller_that_gives_up_does_not_stop_the_exchange_for_others(
    simulator: Simulator, exchanging: Akool, until: Until
) -> None:
    gate = asyncio.Event()

    async def hold(name: str, _request: object) -> None:
        if name == "account.token":
            await gate.wait()

    simulator.fault = hold
    first = asyncio.create_task(exchanging.account.credit())
    second = asyncio.create_task(exchanging.account.credit())
    await until(lambda: simulator.requests["account.token"])
    first.cancel()
    gate.set()
    await second
    assert first.cancelled()
    assert simulator.requests["account.token"] == 1


async def test_a_failed_exchange_is_each_caller_s_own_error_and_can_be_tried_again(
    simulator: Simulator, exchanging: Akool
) -> None:
    simulator.client_id = "another"
    failures = await asyncio.gather(
        *(exchanging.account.credit() for _ in range(3)), return_exceptions=True
    )
    assert [type(failure) for failure in failures] == [AuthenticationError] * 3
    assert len({id(failure) for failure in failures}) == 3
    simulator.client_id = "simulated-client-id"
    assert (await exchanging.account.credit()).credit > 0


async def test_closing_during_an_exchange_leaves_no_task_and_no_cancellation(
    serve: Serve, until: Until, leftovers: Callable[[], set[asyncio.Task[Any]]]
) -> None:
    async def react(visit: Visit) -> None:
        await visit.hang()

    server = await serve(react)
    akool = Akool(client_id="i", client_secret="s", base_url=server.url)
    async with akool:
        call = asyncio.create_task(akool.account.credit())
        await until(lambda: server.visits)
    assert leftovers() <= {call, *server.tasks}
    with pytest.raises(ConnectFailed, match="closed"):
        await call
    await server.stop()
    assert leftovers() == set()


# The expiry in a JWT


def jwt(claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part(claims)}.signature"


@given(st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9))
def test_a_token_tells_how_long_it_lasts(left: float) -> None:
    now = 1_700_000_000.0
    assert seconds_left(jwt({"exp": now + left}), now) == pytest.approx(left, abs=1e-3)


@given(st.text() | st.builds(jwt, st.none() | st.text() | st.dictionaries(st.text(), st.text())))
def test_a_token_that_does_not_tell_is_taken_as_it_is(token: str) -> None:
    assert seconds_left(token, 0.0) is None


@pytest.mark.parametrize(
    "token", [jwt({"exp": True}), jwt({"exp": "5"}), jwt([5]), "a.b.c", "a.%%%.c", "a.é.c", ""]
)
def test_an_odd_expiry_is_none(token: str) -> None:
    assert seconds_left(token, 0.0) is None


class Exchange:
    """An exchange that counts, and hands out tokens that last."""

    def __init__(self, clock: ManualClock, lasts: float) -> None:
        self.count = 0
        self._clock = clock
        self._lasts = lasts

    async def __call__(self) -> str:
        self.count += 1
        expiry = self._clock.now().timestamp() + self._lasts
        return jwt({"exp": expiry, "n": self.count})


PAIR = {"client_id": "i", "client_secret": "s"}


async def test_a_token_is_renewed_a_minute_before_it_expires(clock: ManualClock) -> None:
    exchange = Exchange(clock, lasts=3600.0)
    signer = Signer(Credentials(**PAIR), exchange, clock)
    first = await signer.header()
    await clock.advance(3539.0)
    assert await signer.header() == first
    assert exchange.count == 1
    await clock.advance(2.0)
    assert await signer.header() != first
    assert exchange.count == 2


async def test_a_token_that_is_old_on_arrival_is_left_to_akool(clock: ManualClock) -> None:
    exchange = Exchange(clock, lasts=-5.0)
    signer = Signer(Credentials(**PAIR), exchange, clock)
    assert await signer.header() == await signer.header()
    assert exchange.count == 1


async def test_a_token_that_does_not_tell_lasts_until_it_is_rejected(clock: ManualClock) -> None:
    tokens = iter(["one", "two"])

    async def exchange() -> str:
        return next(tokens)

    signer = Signer(Credentials(**PAIR), exchange, clock)
    _, first = await signer.header()
    await clock.advance(10 * 365 * 86400.0)
    assert (await signer.header())[1] == first
    assert await signer.refresh(first)
    assert (await signer.header())[1] == "Bearer two"


async def test_one_token_serves_two_event_loops_in_a_row(simulator: Simulator) -> None:
    akool = Akool(
        client_id=simulator.client_id, client_secret=simulator.api_key, base_url=simulator.url
    )

    def in_a_loop_of_its_own() -> None:
        async def call() -> None:
            async with akool:
                await akool.account.credit()

        asyncio.run(call())

    await asyncio.to_thread(in_a_loop_of_its_own)
    await asyncio.to_thread(in_a_loop_of_its_own)
    assert simulator.requests == {"account.token": 1, "account.credit": 2}


# Secrets stay inside

CREDENTIALS = [
    {"api_key": CANARY},
    {"token": CANARY},
    {"client_id": "i", "client_secret": CANARY},
]


def told(error: BaseException) -> str:
    """Return all that an error and our frames tell, locals included."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None  # without the test's
    report = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    return "".join(report.format()) + repr(error) + repr(vars(error))


@pytest.mark.parametrize("credential", CREDENTIALS, ids="+".join)
@pytest.mark.parametrize("fault", ["refused", "reset", "rejected", "html", "cut", "redirect"])
async def test_no_fault_tells_a_secret(
    credential: dict[str, str],
    fault: str,
    serve: Serve,
    refused_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def react(visit: Visit) -> None:
        if fault == "reset":
            visit.reset()
        elif fault == "cut":
            await visit.send(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"code"')
            await visit.close()
        else:
            status = {"html": 502, "redirect": 307}.get(fault, 200)
            body = REJECTED if fault == "rejected" else b"<html>"
            await visit.answer(body, status, location="https://example.com/")

    caplog.set_level(logging.DEBUG)
    url = refused_url if fault == "refused" else (await serve(react)).url
    async with Akool(base_url=url, retry=Retry(attempts=1), **credential) as akool:  # type: ignore[arg-type]
        with pytest.raises(AkoolError) as caught:
            await akool.account.credit()
        assert CANARY not in told(caught.value)
        assert CANARY not in caplog.text
        assert CANARY.encode() not in pickle.dumps(caught.value)
        assert caught.value.__context__ is None


async def test_an_unreadable_token_is_not_shown(serve: Serve) -> None:
    async def react(visit: Visit) -> None:
        await visit.answer(b'{"code":1000,"token":"%s"' % CANARY.encode())

    server = await serve(react)
    once = Retry(attempts=1)
    async with Akool(client_id="i", client_secret="s", base_url=server.url, retry=once) as akool:
        with pytest.raises(TransportError) as caught:
            await akool.account.credit()
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize("credential", CREDENTIALS, ids="+".join)
def test_no_repr_shows_a_secret(credential: dict[str, str], clock: ManualClock) -> None:
    credentials = Credentials(**credential)
    signer = Signer(credentials, Exchange(clock, 1.0), clock)
    akool = Akool(**credential)  # type: ignore[arg-type]
    shown = [akool, credentials, credentials.bearer, signer, Secret(CANARY), [Secret(CANARY)]]
    assert CANARY not in "".join(map(repr, shown))
    assert CANARY not in repr([vars(akool), vars(signer)])


@pytest.mark.parametrize("travel", [pickle.dumps, copy.deepcopy])
@pytest.mark.parametrize("credential", CREDENTIALS, ids="+".join)
def test_a_client_with_its_secret_does_not_travel(
    credential: dict[str, str], travel: Callable[[object], object]
) -> None:
    for holder in (Akool(**credential), Credentials(**credential)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a secret stays in its process"):
            travel(holder)


def test_a_request_for_a_token_does_not_show_its_secret() -> None:
    request = GetToken(client_id="i", client_secret=CANARY)
    assert CANARY not in repr(request)
    assert CANARY not in repr(request.encode())
