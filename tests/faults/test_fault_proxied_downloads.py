"""Downloads go through the proxy as calls do; NO_PROXY may name networks and IPv6 addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from akool_async import DownloadError, InvalidInput, Retry
from akool_async.http.proxy import Exemptions, Proxies
from akool_async.media import Policy, SessionDownloader, Source
from akool_async.simulator import Simulator
from tests.folders import files_in

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.servers import Serve, Visit

MEDIA = b"\x89PNG\r\n\x1a\n" + bytes(500)
PASSWORD = "me:p%40ss@"
EXPECTED = f"Basic {base64.b64encode(b'me:p@ss').decode()}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what sets the variables that speak of proxies, and no others."""

    def set_to(**variables: str) -> None:
        for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    set_to()
    return set_to


def downloader(proxies: Proxies | None, **policy: Any) -> SessionDownloader:
    return SessionDownloader(1, Policy(**policy), Retry(attempts=2, initial=0.0), None, proxies)


async def saved(fetcher: SessionDownloader, url: str, folder: Path) -> bytes:
    try:
        path = await fetcher.save(Source(url, "name"), folder)
        return path.read_bytes()
    finally:
        await fetcher.close()


async def give(visit: Visit) -> None:
    await visit.answer(MEDIA, content_type="image/png")


# Through the proxy


async def test_media_is_downloaded_through_the_proxy_with_its_password(
    serve: Serve, tmp_path: Path
) -> None:
    proxy = await serve(give)
    proxies = Proxies(proxy.url.replace("http://", f"http://{PASSWORD}"), trust_env=False)
    url = "http://media.example/a.png?sign=a%2Fb"
    assert await saved(downloader(proxies), url, tmp_path) == MEDIA
    (visit,) = proxy.visits
    assert visit.target == url
    assert visit.headers["proxy-authorization"] == EXPECTED
    assert not {"x-api-key", "authorization", "cookie"} & visit.headers.keys()


async def test_media_over_tls_is_asked_for_by_connect(serve: Serve, tmp_path: Path) -> None:
    proxy = await serve(lambda visit: visit.answer(b"", 502))
    proxies = Proxies(proxy.url.replace("http://", f"http://{PASSWORD}"), trust_env=False)
    with pytest.raises(DownloadError, match="the proxy answered with HTTP 502"):
        await saved(downloader(proxies), "https://media.example/a.png", tmp_path)
    assert [visit.line for visit in proxy.visits] == ["CONNECT media.example:443 HTTP/1.1"] * 2
    assert proxy.visits[0].headers["proxy-authorization"] == EXPECTED


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_another_password_is_asked_once(
    scheme: str, serve: Serve, tmp_path: Path
) -> None:
    proxy = await serve(lambda visit: visit.answer(b"", 407))
    with pytest.raises(DownloadError, match="HTTP 407"):
        await saved(
            downloader(Proxies(proxy.url, trust_env=False)), f"{scheme}://media.example/a", tmp_path
        )
    assert len(proxy.visits) == 1


async def test_a_whole_job_and_its_media_go_through_the_proxy_of_the_client(
    serve: Serve, connect: Connect, quick: Simulator, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def forward(visit: Visit) -> None:
        asked.append(visit.target)
        await relay(visit, quick.url)

    proxy = await serve(forward)
    async with connect(quick, proxy=proxy.url, save_to=tmp_path) as akool:
        result = await akool.audio.tts(input_text="hi", voice_id="v")
        await result.save(tmp_path / "by-hand.mp3")
    assert len(files_in(tmp_path)) == 2
    assert sum(result.url == target for target in asked) == 2
    media = [visit for visit in proxy.visits if visit.target == result.url]
    assert all("x-api-key" not in visit.headers for visit in media)


async def relay(visit: Visit, base: str) -> None:
    """Do what a proxy does: ask the host, and hand its answer back."""
    import aiohttp

    headers: dict[str, str] = {
        name: visit.headers[name]
        for name in ("x-api-key", "content-type", "accept")
        if name in visit.headers
    }
    async with (
        aiohttp.ClientSession() as session,
        session.request(visit.method, visit.target, data=visit.body, headers=headers) as response,
    ):
        kind = response.headers.get("Content-Type", "")
        await visit.answer(await response.read(), response.status, content_type=kind)


# Whom the proxy is not asked for


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.8", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]"),
        *("localhost", "intranet", "a.local", "metadata.google.internal", "x.localhost"),
        *("2130706433", "0x7f000001", "127.1", "localhost."),
    ],
)
async def test_a_proxy_is_not_asked_for_a_host_that_is_not_public(
    host: str, serve: Serve, tmp_path: Path
) -> None:
    proxy = await serve(give)
    proxies = Proxies(proxy.url, trust_env=False)
    with pytest.raises(DownloadError, match="public internet"):
        await saved(downloader(proxies), f"http://{host}/a.png", tmp_path)
    assert not proxy.visits
    assert await saved(
        downloader(proxies, allow_private=True), "http://intranet.local/a.png", tmp_path
    )


async def test_a_redirect_behind_the_proxy_is_checked_too(serve: Serve, tmp_path: Path) -> None:
    proxy = await serve(lambda visit: visit.answer(b"", 302, location="http://169.254.169.254/"))
    with pytest.raises(DownloadError, match="public internet"):
        await saved(
            downloader(Proxies(proxy.url, trust_env=False)), "http://media.example/a", tmp_path
        )
    assert len(proxy.visits) == 1


async def test_the_environment_s_proxy_serves_downloads_where_it_is_trusted(
    serve: Serve, tmp_path: Path, environment: Callable[..., None]
) -> None:
    proxy, server = await serve(give), await serve(give)
    environment(HTTP_PROXY=proxy.url, NO_PROXY="10.0.0.0/8,127.0.0.0/8")
    proxies = Proxies(None, trust_env=True)
    environment()  # the variables count as they were
    fetcher = downloader(proxies, own=(("127.0.0.1", urlsplit(server.url).port),))
    assert await saved(fetcher, "http://media.example/a.png", tmp_path) == MEDIA
    assert (
        await saved(downloader(proxies, allow_private=True), f"{server.url}/a.png", tmp_path)
        == MEDIA
    )
    assert (len(proxy.visits), len(server.visits)) == (1, 1)


async def test_a_proxy_of_the_environment_that_is_none_is_named_by_the_download(
    tmp_path: Path, environment: Callable[..., None]
) -> None:
    environment(HTTP_PROXY="socks5://secret-host:1")
    with pytest.raises(DownloadError, match="HTTP_PROXY: must be http://host:port") as caught:
        await saved(downloader(Proxies(None, trust_env=True)), "http://media.example/a", tmp_path)
    assert "secret-host" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["http://${PROXY}:3128", "http://http://proxy:3128", "http://pro xy:1", "http://proxy:99999"],
)
def test_a_proxy_that_no_server_can_be_is_refused(address: str, connect: Connect) -> None:
    with pytest.raises(InvalidInput) as caught:
        connect("http://127.0.0.1:9", proxy=address)
    assert caught.value.field == "proxy"


# NO_PROXY

COVERED = [
    ("*", "https://api.example"),
    ("api.example", "https://api.example"),
    ("example", "https://api.example"),
    (".example", "https://api.example"),
    ("*.example", "https://api.example"),
    ("API.example.", "https://api.EXAMPLE:8443"),
    ("other.example api.example", "https://api.example"),
    ("other.example , api.example", "https://api.example"),
    ("api.example:443", "https://api.example"),
    ("api.example:80", "http://api.example"),
    ("10.1.2.3", "http://10.1.2.3"),
    ("10.0.0.0/8", "http://10.1.2.3:8080"),
    ("10.1.2.9/8", "http://10.1.2.3"),
    ("10.0.0.0/255.0.0.0", "http://10.1.2.3"),
    ("10.1.2.3:8080", "http://10.1.2.3:8080"),
    ("::1", "http://[::1]:8080"),
    ("[::1]", "http://[::1]"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("0:0:0:0:0:0:0:1", "http://[::1]"),
    ("fd00::/8", "http://[fd12::1]"),
    ("[fd00::]/8", "http://[fd12::1]"),
    ("FD00::/8", "http://[fd12::1]"),
    ("10.0.0.0/8", "http://[::ffff:10.1.2.3]"),
    ("::ffff:10.0.0.0/104", "http://10.1.2.3"),
    ("fe80::/10", "http://[fe80::1%25eth0]"),
]

NOT_COVERED = [
    ("", "https://api.example"),
    ("api.example", "https://myapi.example"),
    ("api.example", "https://api.example.org"),
    ("api.example:80", "https://api.example"),
    ("10.0.0.0/8", "http://11.0.0.1"),
    ("10.0.0.0/8", "http://10.example"),
    ("0.0.0.0/0", "http://[::1]"),
    ("::/0", "http://10.1.2.3"),
    ("[::1]:8080", "http://[::1]"),
    ("1", "http://10.0.0.1"),
    ("0.1", "http://10.0.0.1"),
]


@pytest.mark.parametrize(("text", "url"), COVERED)
def test_no_proxy_names_hosts_networks_and_ipv6_addresses(text: str, url: str) -> None:
    assert Exemptions(text).cover(urlsplit(url))


@pytest.mark.parametrize(("text", "url"), NOT_COVERED)
def test_no_proxy_does_not_cover_what_it_does_not_name(text: str, url: str) -> None:
    assert not Exemptions(text).cover(urlsplit(url))


@pytest.mark.parametrize("exempt", ["127.0.0.0/8", "localhost,127.0.0.1/32"])
async def test_calls_heed_a_network_in_no_proxy(
    exempt: str, connect: Connect, environment: Callable[..., None], serve: Serve
) -> None:
    server = await serve(lambda visit: visit.say({"code": 1000, "data": {"credit": 5}}))
    proxy = await serve(give)
    environment(HTTP_PROXY=proxy.url, NO_PROXY=exempt)
    async with connect(server.url, trust_env=True) as akool:
        assert (await akool.account.credit()).credit == 5
    assert not proxy.visits
