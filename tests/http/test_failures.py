"""A host that cannot be reached is named, with what the system says, and without classes' names."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from akool_async import ConnectFailed, CreateOutcomeUnknown, TransportError
from akool_async.http.failures import failure_of
from akool_async.media import failures as media
from tests.clients import Connect
from tests.servers import Serve, Visit

HOST = "https://api.example"
KEY: Any = SimpleNamespace(host="api.example", port=443, ssl=True, is_ssl=True)

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")
BOTH = OSError(
    "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0),"
    " [Errno 111] Connect call failed ('127.0.0.1', 9)"
)
NAMELESS = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_TLS = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
NO_TLS.reason = "WRONG_VERSION_NUMBER"

UNSENT = [
    (aiohttp.ClientConnectorError(KEY, REFUSED), "no connection to {} (connection refused)"),
    (aiohttp.ClientConnectorError(KEY, BOTH), "no connection to {} (connection refused)"),
    (
        aiohttp.ClientConnectorDNSError(KEY, NAMELESS),
        "no connection to {} (name or service not known)",
    ),
    (
        aiohttp.ClientConnectorSSLError(KEY, NO_TLS),
        "no TLS connection to {} (wrong version",
    ),
    (
        aiohttp.ClientProxyConnectionError(KEY, REFUSED),
        "no connection to the proxy before {} (connection refused)",
    ),
    (
        aiohttp.ClientHttpProxyError(KEY, (), status=407, message="Auth", headers=None),
        "the proxy before {} refuses the connection (HTTP 407)",
    ),
    (aiohttp.ConnectionTimeoutError(f"Connection timeout to host {HOST}/x?sig=1"), "in time"),
    (aiohttp.ServerFingerprintMismatch(b"a" * 32, b"b" * 32, "h", 1), "not the expected one"),
]
SENT = [
    (aiohttp.ServerDisconnectedError(), "{} closed the connection without an answer"),
    (
        aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"),
        "the connection to {} broke (connection reset by peer)",
    ),
    (ConnectionResetError("Connection lost"), "the connection to {} broke"),
    (
        aiohttp.ClientPayloadError(
            "Response payload is not completed: <ContentLengthError: 400, message='Not enough data"
            " to satisfy content length header.'>"
        ),
        "the answer of {} broke off (response payload is not completed: Not enough data to",
    ),
    (
        aiohttp.SocketTimeoutError("Timeout on reading data"),
        "no answer from {} in time",
    ),
    (TimeoutError(), "no answer from {} in time"),
    (asyncio.IncompleteReadError(b"", 5), "bytes read"),
]
FOREIGN = re.compile(
    r"(?i)aiohttp|asyncio|client\w*error|timeouterror|oserror|<\w+|\?|Connect call"
)


@pytest.mark.parametrize(("error", "words"), UNSENT, ids=lambda each: type(each).__name__)
def test_a_host_that_is_not_reached_is_named_in_words(error: Exception, words: str) -> None:
    failure = failure_of(error, sent=False, place=HOST)
    assert isinstance(failure, ConnectFailed)
    assert words.format(HOST) in failure.message
    assert failure.message.endswith("; nothing was sent")
    assert HOST in failure.message
    assert not FOREIGN.search(str(failure))
    assert failure.advice


@pytest.mark.parametrize(("error", "words"), SENT, ids=lambda each: type(each).__name__)
def test_a_connection_that_is_cut_names_the_host_in_words(error: Exception, words: str) -> None:
    failure = failure_of(error, sent=True, place=HOST)
    assert not isinstance(failure, ConnectFailed)
    assert words.format(HOST) in failure.message
    assert "nothing was sent" not in failure.message
    assert not FOREIGN.search(failure.message)


@pytest.mark.parametrize("error", [each for each, _ in (*UNSENT, *SENT)], ids=repr)
def test_a_download_s_failure_shows_no_class_and_no_query(error: Exception) -> None:
    reason = media.failure_of(error).reason
    assert reason
    assert not FOREIGN.search(reason)


def test_an_error_of_a_middleware_keeps_its_words_and_loses_the_credential() -> None:
    failure = failure_of(ValueError("no header for key-12345678"), sent=True, secret="key-12345678")
    assert failure.message == "ValueError: no header for ***"


async def test_a_call_to_a_host_that_is_down_says_what_was_called_and_that_nothing_was_sent(
    refused_url: str, connect: Connect
) -> None:
    async with connect(refused_url) as akool:
        with pytest.raises(ConnectFailed) as caught:
            await akool.account.credit()
    assert caught.value.message == (
        f"account.credit: no connection to {refused_url} (connection refused); nothing was sent"
    )
    assert str(caught.value).endswith("Check the network, `base_url` and `proxy`.")


async def test_a_proxy_that_is_down_is_told_from_the_host(
    refused_url: str, connect: Connect
) -> None:
    proxy = refused_url.removeprefix("http://")
    async with connect(refused_url, proxy=f"http://ann:secret@{proxy}") as akool:
        with pytest.raises(ConnectFailed) as caught:
            await akool.account.credit()
    assert "no connection to the proxy" in caught.value.message
    assert "secret" not in str(caught.value)


async def test_a_create_that_was_cut_off_names_its_host_once(
    serve: Serve, connect: Connect
) -> None:
    async def cut(visit: Visit) -> None:
        visit.reset()

    server = await serve(cut)
    async with connect(server.url) as akool:
        with pytest.raises(CreateOutcomeUnknown) as caught:
            await akool.audio.tts(input_text="Hello", voice_id="v")
    assert server.url in caught.value.reason
    assert "audio.tts" not in caught.value.reason
    assert "await akool.find(error)" in str(caught.value)


def test_an_error_gets_the_name_of_its_endpoint_later() -> None:
    error = TransportError("no answer")
    assert error.message == "no answer"
    error.endpoint = "audio.tts"
    assert error.message == "audio.tts: no answer"
