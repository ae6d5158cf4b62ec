"""Downloads: whole or not at all, under a name of ours, without a secret."""

from __future__ import annotations

import asyncio
import gzip
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import Akool, DownloadError, Retry, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Audio, Faceswap
from akool_async.media import (
    Policy,
    SessionDownloader,
    Source,
    StandaloneDownloader,
    extension_of,
    safe_name,
)
from akool_async.media.names import readable_name
from akool_async.result import Link, from_milliseconds

if TYPE_CHECKING:
    from akool_async.simulator import Simulator
    from tests.clocks import Until
    from tests.servers import Serve, Visit

CONTENT = bytes(range(256)) * 4096
ID = "65f8017f56559aa67f0ecde7"


ANYWHERE = Policy(allow_private=True)
SOON = Retry(initial=0.001, throttled=0.001, maximum=0.002)


def finished(url: str, id: str = ID) -> Audio:
    result = Audio(id=id, status=Status.COMPLETED, media=url)
    return result.attach(Link(StandaloneDownloader(ANYWHERE, SOON)))


def accepted(at: datetime) -> Link:
    """Return the link of a job's result."""
    return Link(StandaloneDownloader(), operation="reage.image", accepted_at=at.timestamp())


def files(folder: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
async def downloader() -> AsyncIterator[SessionDownloader]:
    shared = SessionDownloader(policy=ANYWHERE, retry=SOON)
    yield shared
    await shared.close()


# Where the file goes


async def test_a_file_is_saved_under_the_path_given(serve: Serve, tmp_path: Path) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    path = await finished(f"{server.url}/a.mp3").save(tmp_path / "new" / "speech.bin")
    assert path == tmp_path / "new" / "speech.bin"
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["new/speech.bin"]


@pytest.mark.parametrize("folder", ["exists", "absent/deep/"])
async def test_in_a_folder_the_file_is_named_after_its_job(
    folder: str, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "exists").mkdir()
    server = await serve(lambda visit: visit.answer(CONTENT))
    path = await finished(f"{server.url}/some/where/a.MP3?sig=x.y").save(f"{tmp_path}/{folder}")
    assert path == tmp_path / folder / f"{ID}.mp3"
    assert path.read_bytes() == CONTENT


async def test_an_older_file_is_replaced(serve: Serve, tmp_path: Path) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    (tmp_path / "a").write_bytes(b"older")
    await finished(f"{server.url}/a").save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_a_link_in_the_way_is_replaced_and_its_target_left_alone(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    server = await serve(lambda visit: visit.answer(CONTENT))
    await finished(f"{server.url}/a").save(tmp_path / "link")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == CONTENT
    assert not (tmp_path / "link").is_symlink()


HOSTILE = [
    "../../evil",
    "/etc/passwd",
    "a/b",
    "..",
    "",
    ".",
    "a\0b",
    "\\\\host\\c",
    "x" * 999,
    "\u202e",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_id_stays_in_the_folder(name: str, serve: Serve, tmp_path: Path) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    folder = tmp_path / "inside"
    folder.mkdir()
    path = await finished(f"{server.url}/a.png", id=name).save(folder)
    assert path.parent == folder
    assert files(tmp_path) == [f"inside/{path.name}"]


@given(st.text())
def test_a_name_of_ours_is_a_plain_file_name(name: str) -> None:
    safe = safe_name(name)
    assert 1 <= len(safe) <= 100
    assert Path(safe).name == safe
    assert not safe.startswith((".", "-"))
    assert safe.isascii()


@given(st.text())
def test_a_readable_name_is_a_plain_file_name(name: str) -> None:
    safe = readable_name(name)
    assert Path(safe).name == safe
    assert 1 <= len(safe.encode()) <= 140
    assert safe.isprintable()
    assert safe.strip(" .-") == safe
    assert not set(safe) & set('<>:"/\\|?*')


@given(st.text())
def test_an_extension_is_short_and_plain_or_left_out(path: str) -> None:
    extension = extension_of(f"https://example.com/{path}")
    assert extension == "" or (extension[0] == "." and extension[1:].isalnum())
    assert len(extension) <= 9


@pytest.mark.parametrize(
    ("url", "extension"),
    [
        ("https://example.com/a.png", ".png"),
        ("https://example.com/a.PNG?x=b.exe#c.d", ".png"),
        ("https://example.com/a", ""),
        ("https://example.com/a.b/c", ""),
        ("https://example.com/a.tar.gz", ""),
        ("https://example.com/a.%2e%2e%2f", ""),
        ("https://example.com", ""),
    ],
)
def test_the_extension_is_the_address_s(url: str, extension: str) -> None:
    assert extension_of(url) == extension


# Whole or not at all


async def cut(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + CONTENT[:70_000])
    await visit.close()


async def reset(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + CONTENT[:70_000])
    visit.reset()


async def cut_chunks(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc")
    await visit.close()


async def gone(visit: Visit) -> None:
    await visit.answer(b"expired", 403)


async def absent(visit: Visit) -> None:
    await visit.answer(b"", 404)


async def bad_gzip(visit: Visit) -> None:
    await visit.answer(gzip.compress(CONTENT)[10:], content_encoding="gzip")


@pytest.mark.parametrize(
    "fault", [cut, reset, cut_chunks, gone, absent, bad_gzip], ids=lambda fault: fault.__name__
)
async def test_a_download_that_fails_leaves_nothing(
    fault: Callable[[Visit], Awaitable[None]], serve: Serve, tmp_path: Path
) -> None:
    server = await serve(fault)
    with pytest.raises(DownloadError) as caught:
        await finished(f"{server.url}/a.png?sig=canary").save(tmp_path / "a.png")
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None
    assert files(tmp_path) == []


async def test_a_download_that_fails_leaves_the_older_file(serve: Serve, tmp_path: Path) -> None:
    server = await serve(cut)
    (tmp_path / "a").write_bytes(b"older")
    with pytest.raises(DownloadError):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"older"
    assert files(tmp_path) == ["a"]


async def test_a_server_that_is_not_there_is_a_download_error(
    refused_url: str, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError):
        await finished(f"{refused_url}/a").save(tmp_path / "a")


@pytest.mark.parametrize("url", ["ftp://example.com/a", "nonsense", "http://[::1"])
async def test_an_address_that_is_none_is_a_download_error(url: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "a"):
        with pytest.raises(DownloadError):
            await finished(url).save(path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING, Status.FAILED])
async def test_there_is_nothing_to_save_before_the_end(status: Status, tmp_path: Path) -> None:
    result = Audio(id=ID, status=status, media="https://example.com/a.mp3")
    with pytest.raises(DownloadError, match="no media"):
        await result.save(tmp_path)
    assert files(tmp_path) == []


async def test_nothing_is_visible_under_the_name_before_it_is_whole(
    serve: Serve, tmp_path: Path, until: Until
) -> None:
    gate = asyncio.Event()

    async def pause_halfway(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT))
        await visit.send(CONTENT[:500_000])
        await gate.wait()
        await visit.send(CONTENT[500_000:])

    server = await serve(pause_halfway)
    saving = asyncio.create_task(finished(f"{server.url}/a").save(tmp_path / "a"))
    await until(lambda: any(path.stat().st_size for path in tmp_path.iterdir()))
    assert not (tmp_path / "a").exists()
    gate.set()
    assert (await saving).read_bytes() == CONTENT
    assert files(tmp_path) == ["a"]


async def test_a_download_that_is_cancelled_leaves_nothing(
    serve: Serve,
    tmp_path: Path,
    until: Until,
    leftovers: Callable[[], set[asyncio.Task[Any]]],
) -> None:
    async def pause_halfway(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + CONTENT[:500_000])
        await visit.hang()

    server = await serve(pause_halfway)
    saving = asyncio.create_task(finished(f"{server.url}/a").save(tmp_path / "a"))
    await until(lambda: any(path.stat().st_size for path in tmp_path.iterdir()))
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert files(tmp_path) == []
    await server.stop()
    assert leftovers() == set()


async def test_a_path_that_cannot_be_written_is_told_as_it_is_and_leaves_nothing(
    serve: Serve, tmp_path: Path, downloader: SessionDownloader
) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        await downloader.save(Source(f"{server.url}/a", "a"), tmp_path / "file" / "a")
    assert files(tmp_path) == ["file"]


# Redirects, secrets, and how many at once


async def test_a_download_follows_a_redirect_and_carries_no_credential(
    serve: Serve, tmp_path: Path
) -> None:
    media = await serve(lambda visit: visit.answer(CONTENT))
    server = await serve(lambda visit: visit.answer(b"", 302, location=f"{media.url}/b"))
    path = await finished(f"{server.url}/a").save(tmp_path / "a")
    assert path.read_bytes() == CONTENT
    for visit in server.visits + media.visits:
        assert not {"x-api-key", "authorization", "cookie"} & visit.headers.keys()


async def test_downloads_of_a_client_carry_no_credential(
    akool: Akool, simulator: Simulator, clock: ManualClock, tmp_path: Path
) -> None:
    seen: list[set[str]] = []

    async def look(name: str, request: Any) -> None:
        if name == "media":
            seen.append({header.lower() for header in request.headers})

    simulator.fault = look
    job = akool.audio.tts(input_text="Hello", voice_id="v")
    while not job.done():
        await clock.advance(1.0)
        await asyncio.sleep(0.001)
    await job.result().save(tmp_path)
    assert len(seen) == 1
    assert not {"x-api-key", "authorization"} & seen[0]


async def test_a_shared_downloader_bounds_how_many_run_at_once(
    serve: Serve, tmp_path: Path
) -> None:
    running = most = 0

    async def count(visit: Visit) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        await visit.answer(CONTENT)

    server = await serve(count)
    downloader = SessionDownloader(3, ANYWHERE)
    await asyncio.gather(
        *(downloader.save(Source(f"{server.url}/{n}", ""), tmp_path / str(n)) for n in range(12))
    )
    await downloader.close()
    assert len(files(tmp_path)) == 12
    assert server.connections <= 3
    assert most <= 3


async def test_a_result_can_be_saved_after_its_client_was_closed(
    serve: Serve, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    downloader = SessionDownloader(policy=ANYWHERE)
    result = finished(f"{server.url}/a").attach(Link(downloader))
    await result.save(tmp_path / "before")
    await downloader.close()
    await result.save(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == CONTENT


async def test_a_result_can_be_saved_in_another_event_loop(serve: Serve, tmp_path: Path) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    result = finished(f"{server.url}/a")
    await asyncio.to_thread(lambda: asyncio.run(result.save(tmp_path / "a")))
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_one_download_leaves_no_session_open(
    serve: Serve, refused_url: str, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(CONTENT))
    await StandaloneDownloader(ANYWHERE).save(Source(f"{server.url}/a", "a"), tmp_path / "a")
    with pytest.raises(DownloadError):
        await StandaloneDownloader(ANYWHERE, SOON).save(
            Source(f"{refused_url}/a", "a"), tmp_path / "b"
        )
    assert files(tmp_path) == ["a"]


# What a result knows of its media

CREATED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_address_is_empty_until_the_job_is_completed() -> None:
    for status in (Status.QUEUED, Status.PROCESSING, Status.FAILED, Status(9)):
        result = Faceswap(id=ID, status=status, predicted_url="https://example.com/a.png")
        assert (result.url, result.media_url) == ("", "https://example.com/a.png")


def test_media_expires_seven_days_after_akool_s_creation_time() -> None:
    result = Faceswap(id=ID, created_at=CREATED).attach(accepted(CREATED + timedelta(hours=1)))
    assert result.expires_at == CREATED + timedelta(days=7)


def test_without_akool_s_time_the_receipt_s_counts() -> None:
    assert Faceswap(id=ID).expires_at is None
    assert Faceswap(id=ID).attach(accepted(CREATED)).expires_at == CREATED + timedelta(days=7)


def test_media_of_another_lifetime_expires_after_that() -> None:
    class Fleeting(Faceswap):
        lifetime = timedelta(hours=1)

    assert Fleeting(id=ID, created_at=CREATED).expires_at == CREATED + timedelta(hours=1)


def test_the_link_to_the_client_is_no_part_of_the_value() -> None:
    plain = finished("https://example.com/a")
    linked = finished("https://example.com/a").attach(Link(SessionDownloader()))
    assert linked == plain
    assert repr(linked) == repr(plain)
    assert hash(linked) == hash(plain)
    assert msgspec.json.encode(linked) == msgspec.json.encode(plain)
    travelled = pickle.loads(pickle.dumps(linked))
    assert travelled == plain
    assert travelled.link.downloader is None
    assert travelled.link.executor is None


@given(st.integers())
def test_any_number_of_milliseconds_or_seconds_is_a_time_or_nothing(value: int) -> None:
    moment = from_milliseconds(value)
    if moment is not None:
        assert moment.tzinfo is UTC
        seconds = value if value < 10**11 else value / 1000
        assert abs(moment.timestamp() - seconds) < 0.001
    assert (moment is None) or value > 0


@given(st.integers(min_value=250_000_000_000_000, max_value=253_402_300_799_999))
def test_a_creation_near_the_end_of_all_dates_is_taken_for_none(value: int) -> None:
    result = Audio(id=ID, status=Status.COMPLETED, create_time=value)
    assert result.expires_at is None
    assert result.attach(accepted(CREATED)).expires_at == CREATED + result.lifetime
