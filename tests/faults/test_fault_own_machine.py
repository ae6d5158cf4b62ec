"""Faults of downloads that are not the host's outage: its certificate, and our own open files."""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from akool_async import DownloadError, Retry, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Audio
from akool_async.media import Policy, StandaloneDownloader
from akool_async.result import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.servers import Serve, Visit

ID = "65f8017f56559aa67f0ecde7"

# A certificate of localhost that nobody signed, made for these tests; its key opens nothing else.
PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsZWZETKL0WaZ4vPq
/OnFA+7R6SYub8o8jY1sb+3ZPIyhRANCAARY3+MSSeRyCrqLKE2HRAD6I4DAbnjh
9LfgIF8UNYm/MJGRj3ge+dzU41l6v6zREaDBeCPgeEzfATXvIihPmVan
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUBrcehyXvRdwkSC5FDu6d1T356TUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTA1MTUwNloYDzIxMjYxMTA1
MDUxNTA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARY3+MSSeRyCrqLKE2HRAD6I4DAbnjh9LfgIF8UNYm/MJGRj3ge+dzU
41l6v6zREaDBeCPgeEzfATXvIihPmVano28wbTAdBgNVHQ4EFgQUIaZc3uSeFn4U
hb0QGMAGhiGv+/owHwYDVR0jBBgwFoAUIaZc3uSeFn4Uhb0QGMAGhiGv+/owDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgc8MlOSZxazhZAFN6OTE5Twz3l1SfL+CKK5FqG5zFAOMCIQDb
qoYCFeKcBCni5j1TWrgIlksVzfhOsGOGaQ51cHrmmA==
-----END CERTIFICATE-----
"""


class Unsigned(NamedTuple):
    """A server with a certificate that is refused."""

    url: str
    connections: list[object]


@pytest.fixture
async def unsigned(tmp_path: Path, serve: Serve) -> AsyncIterator[Unsigned]:
    """Run a server whose certificate nobody has signed, and count its connections."""
    (tmp_path / "unsigned.pem").write_text(PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "unsigned.pem")
    connections: list[object] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(reader)
        try:
            await writer.start_tls(context)
        except (OSError, ssl.SSLError):
            writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    yield Unsigned(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.mp3", connections)
    server.close()
    await server.wait_closed()


async def test_a_certificate_that_is_refused_is_tried_once_by_save(
    unsigned: Unsigned, tmp_path: Path
) -> None:
    result = Audio(id=ID, status=Status.COMPLETED, media=unsigned.url)
    result.attach(Link(StandaloneDownloader(Policy(allow_private=True))))
    with pytest.raises(DownloadError, match="certificate is not valid") as caught:
        await result.save(tmp_path / "a")
    assert caught.value.final
    assert len(unsigned.connections) == 1


async def test_a_certificate_that_is_refused_is_tried_once_by_save_to(
    unsigned: Unsigned,
    serve: Serve,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def complete(visit: Visit) -> None:
        row = {"_id": ID, "status": 3, "url": unsigned.url}
        await visit.say({"code": 1000, "msg": "OK", "data": row})

    server = await serve(complete)
    async with connect(
        server.url, save_to=tmp_path / "out", allow_private_downloads=True
    ) as akool:  # closing does not wait for another try
        await akool.audio.tts(input_text="Hello", voice_id="v")
    assert len(unsigned.connections) == 1
    assert "is not saved: " in caplog.text
    assert "certificate is not valid" in caplog.text


@contextmanager
def no_file_may_be_opened() -> Iterator[None]:
    """Leave this process no free file descriptor."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def patient(clock: ManualClock, url: str) -> Audio:
    """Return a result whose failed downloads wait for the clock."""
    result = Audio(id=ID, status=Status.COMPLETED, media=url)
    downloader = StandaloneDownloader(Policy(allow_private=True), Retry(attempts=2), clock)
    return result.attach(Link(downloader))


async def test_too_many_open_files_of_ours_are_waited_out_longer_than_an_outage(
    *, serve: Serve, clock: ManualClock, elapse: Elapse, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"media"))
    await patient(clock, f"{server.url}/a").save(tmp_path / "first")  # loads what saving needs
    before = server.connections
    with no_file_may_be_opened():
        saving = asyncio.create_task(patient(clock, f"{server.url}/a").save(tmp_path / "a"))
        began = clock.time()
        await elapse(clock, lambda: saving.done() or clock.time() > began + 3, step=0.1)
        assert not saving.done()
        assert server.connections == before
    await elapse(clock, saving.done)
    assert (await saving).read_bytes() == b"media"


async def test_too_many_open_files_of_ours_are_not_told_as_the_host_s_fault(
    *, serve: Serve, clock: ManualClock, elapse: Elapse, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b"media"))
    await patient(clock, f"{server.url}/a").save(tmp_path / "first")  # loads what saving needs
    before = server.connections
    with no_file_may_be_opened():
        saving = asyncio.create_task(patient(clock, f"{server.url}/a").save(tmp_path / "a"))
        await elapse(clock, saving.done)
    with pytest.raises(DownloadError, match=r"no room .* too many open files"):
        await saving
    assert server.connections == before
