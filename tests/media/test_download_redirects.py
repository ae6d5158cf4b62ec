"""Redirects are followed by hand: a few, to http(s) only, each of them guarded."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
import yarl

from akool_async import DownloadError
from akool_async.media.addresses import parse, redirected
from akool_async.media.failures import AttemptFailed

if TYPE_CHECKING:
    from tests.media.conftest import Bench
    from tests.servers import Visit


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_five_redirects_are_followed(status: int, bench: Bench) -> None:
    media = bench.media()

    async def lead_on(visit: Visit) -> None:
        number = int(visit.target[1:])
        await (
            visit.answer(b"on", status, location=f"/{number + 1}") if number < 5 else media(visit)
        )

    server = await bench.serve(lead_on)
    assert await bench.save(f"{server.url}/0") == bench.content
    assert [visit.target for visit in server.visits] == [f"/{number}" for number in range(6)]


@pytest.mark.parametrize("location", ["/again", "//{host}/again", "http://{host}/again", "again"])
async def test_redirects_without_end_are_given_up(location: str, bench: Bench) -> None:
    async def lead_round(visit: Visit) -> None:
        await visit.answer(b"", 302, location=location.format(host=visit.headers["host"]))

    server = await bench.serve(lead_round)
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 6
    assert bench.left() == []


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "data:text/plain,a",
        "javascript:alert(1)",
        "gopher://127.0.0.1/",
        "unix:///tmp/socket",
        "http://",
        "http://[::1",
        "http:///a",
        "http://user:word@127.0.0.1/a",
    ],
)
async def test_a_redirect_to_what_is_no_web_address_is_not_followed(
    location: str, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", 302, location=location))
    with pytest.raises(DownloadError):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 1
    assert bench.left() == []


@pytest.mark.parametrize("status", [300, 304, 305, 302])
async def test_a_redirect_that_leads_nowhere_is_told_as_it_is(status: int, bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"", status))
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 1


async def test_a_redirect_to_another_server_of_this_machine_is_not_followed(bench: Bench) -> None:
    other = await bench.serve(bench.media())
    server = await bench.serve(lambda visit: visit.answer(b"", 302, location=f"{other.url}/secret"))
    own = (("127.0.0.1", int(server.url.rpartition(":")[2])),)
    with pytest.raises(DownloadError, match="not on the public internet"):
        await bench.save(f"{server.url}/a", allow_private=False, own=own)
    assert (len(server.visits), other.connections) == (1, 0)
    assert bench.left() == []


async def test_nothing_is_told_to_whom_a_redirect_leads(bench: Bench) -> None:
    other = await bench.serve(bench.media())
    cookie = {"set_cookie": "session=canary; Path=/", "location": f"{other.url}/b"}
    server = await bench.serve(lambda visit: visit.answer(b"", 302, **cookie))
    await bench.save(f"{server.url}/a?sig=canary")
    await bench.save(f"{server.url}/a?sig=canary")
    for visit in server.visits + other.visits:
        assert set(visit.header_names) == {"host", "accept", "accept-encoding", "user-agent"}
    for visit in other.visits:
        assert "canary" not in str(visit.headers) + visit.target


async def test_a_download_that_goes_on_takes_the_whole_road_again(bench: Bench) -> None:
    media = bench.media()

    async def cut_once(visit: Visit) -> None:
        if visit.target == "/b":
            await media(visit, cut=None if media.starts else 400_000)
            await visit.close()
        else:
            await visit.answer(b"", 302, location="/b")

    server = await bench.serve(cut_once)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert [visit.target for visit in server.visits] == ["/a", "/b", "/a", "/b"]
    assert media.starts == [0, 400_000]


async def reset(visit: Visit) -> None:
    visit.reset()


async def refuse(visit: Visit) -> None:
    await visit.answer(b"", 500)


async def lead_out(visit: Visit) -> None:
    await visit.answer(b"", 302, location="ftp://example.com/?sig=canary")


async def lead_on_here(visit: Visit) -> None:
    await visit.answer(b"", 302, location="http://127.0.0.2:9/?sig=canary")


async def talk_nonsense(visit: Visit) -> None:
    await visit.send(b"canary\r\n\r\n")
    await visit.close()


@pytest.mark.parametrize("fault", [reset, refuse, lead_out, lead_on_here, talk_nonsense])
async def test_neither_errors_nor_logs_show_what_opens_an_address(
    fault: Callable[[Visit], Awaitable[None]], bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = await bench.serve(fault)
    with pytest.raises(DownloadError) as caught:
        await bench.save(f"{server.url}/a?sig=canary")
    error = caught.value
    assert f"{server.url}/a " in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    said = [str(error), repr(error), str(error.__dict__), str(pickle.loads(pickle.dumps(error)))]
    said += [record.getMessage() for record in caplog.records]
    assert "canary" not in " ".join(said)


def test_a_redirect_never_leads_from_https_to_http() -> None:
    start = yarl.URL("https://cdn.example.com/a")
    assert str(redirected(start, "https://example.com/b")) == "https://example.com/b"
    assert str(redirected(start, "/b")) == "https://cdn.example.com/b"
    assert str(redirected(yarl.URL("http://example.com/a"), "https://example.com/b"))
    with pytest.raises(AttemptFailed, match="from https to http"):
        redirected(start, "http://cdn.example.com/a")


SIGNED = "https://d1.cloudfront.net/a%2Fb%7E.png?Policy=a%2Bb%3D~_&Signature=%2f+x&Key-Pair-Id=K"


def test_a_signed_address_is_sent_as_it_was_signed() -> None:
    assert str(parse(SIGNED)) == SIGNED
    assert str(parse(f"{SIGNED}#fragment")) == SIGNED
    assert str(redirected(yarl.URL("https://example.com"), SIGNED)) == SIGNED


def test_an_address_that_needs_quoting_gets_it() -> None:
    assert parse("https://example.com/ä b.png").raw_path == "/%C3%A4%20b.png"


@pytest.mark.parametrize(
    "text", ["https://example.com/a\r\nX-Header: 1", "https://example.com/a\tb", "https://a\0b/"]
)
def test_an_address_with_control_characters_is_refused(text: str) -> None:
    with pytest.raises(AttemptFailed):
        parse(text)
    with pytest.raises(AttemptFailed):
        redirected(yarl.URL("https://example.com"), text)
