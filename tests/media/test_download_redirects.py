"""Redirects are followed by hand: a few, to http(s) only, each of them guarded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yarl

from akool_async import DownloadError
from akool_async.media.guard import parse, redirected
from akool_async.media.setback import Setback

if TYPE_CHECKING:
    from tests.conftest import Serve, Visit
    from tests.media.conftest import Finished, Left, Media


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_five_redirects_are_followed(
    status: int,
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    media = new_media()

    async def lead_on(visit: Visit) -> None:
        number = int(visit.target[1:])
        await (
            visit.answer(b"on", status, location=f"/{number + 1}") if number < 5 else media(visit)
        )

    server = await serve(lead_on)
    assert (await finished(f"{server.url}/0").save(tmp_path / "a")).read_bytes() == content
    assert [visit.target for visit in server.visits] == [f"/{number}" for number in range(6)]


@pytest.mark.parametrize("location", ["/again", "//{host}/again", "http://{host}/again", "again"])
async def test_redirects_without_end_are_given_up(
    location: str, serve: Serve, finished: Finished, left: Left, tmp_path: Path
) -> None:
    async def lead_round(visit: Visit) -> None:
        await visit.answer(b"", 302, location=location.format(host=visit.headers["host"]))

    server = await serve(lead_round)
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert len(server.visits) == 6
    assert left(tmp_path) == []


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
    location: str, serve: Serve, finished: Finished, left: Left, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"", 302, location=location))
    with pytest.raises(DownloadError):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert len(server.visits) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [300, 304, 305, 302])
async def test_a_redirect_that_leads_nowhere_is_told_as_it_is(
    status: int, serve: Serve, finished: Finished, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"", status))
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert len(server.visits) == 1


async def test_a_redirect_to_another_server_of_this_machine_is_not_followed(
    serve: Serve, new_media: type[Media], finished: Finished, left: Left, tmp_path: Path
) -> None:
    other = await serve(new_media())
    server = await serve(lambda visit: visit.answer(b"", 302, location=f"{other.url}/secret"))
    own = (("127.0.0.1", int(server.url.rpartition(":")[2])),)
    with pytest.raises(DownloadError, match="not on the public internet"):
        await finished(f"{server.url}/a", allow_private=False, own=own).save(tmp_path / "a")
    assert (len(server.visits), other.connections) == (1, 0)
    assert left(tmp_path) == []


async def test_nothing_is_told_to_whom_a_redirect_leads(
    serve: Serve, new_media: type[Media], finished: Finished, tmp_path: Path
) -> None:
    other = await serve(new_media())
    cookie = {"set_cookie": "session=canary; Path=/", "location": f"{other.url}/b"}
    server = await serve(lambda visit: visit.answer(b"", 302, **cookie))
    await finished(f"{server.url}/a?sig=canary").save(tmp_path / "a")
    await finished(f"{server.url}/a?sig=canary").save(tmp_path / "a")
    for visit in server.visits + other.visits:
        assert set(visit.header_names) == {"host", "accept", "accept-encoding", "user-agent"}
    for visit in other.visits:
        assert "canary" not in str(visit.headers) + visit.target


async def test_a_download_that_goes_on_takes_the_whole_road_again(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()

    async def cut_once(visit: Visit) -> None:
        if visit.target == "/b":
            await media(visit, cut=None if media.starts else 400_000)
            await visit.close()
        else:
            await visit.answer(b"", 302, location="/b")

    server = await serve(cut_once)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert [visit.target for visit in server.visits] == ["/a", "/b", "/a", "/b"]
    assert media.starts == [0, 400_000]


def test_a_redirect_never_leads_from_https_to_http() -> None:
    start = yarl.URL("https://cdn.example.com/a")
    assert str(redirected(start, "https://example.com/b")) == "https://example.com/b"
    assert str(redirected(start, "/b")) == "https://cdn.example.com/b"
    assert str(redirected(yarl.URL("http://example.com/a"), "https://example.com/b"))
    with pytest.raises(Setback, match="from https to http"):
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
    with pytest.raises(Setback):
        parse(text)
    with pytest.raises(Setback):
        redirected(yarl.URL("https://example.com"), text)
