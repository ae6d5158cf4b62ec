"""A bucket takes each content once, whole or not at all, and says why where it does not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import obstore
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from obstore.store import S3Store

from akool_async import Akool, InvalidInput, UploadError
from akool_async.clock import ManualClock
from akool_async.protocol.fields import Files
from akool_async.protocol.files import WantedFile
from akool_async.uploads import Bucket, LocalFile
from akool_async.uploads.inspecting import inspected
from akool_async.uploads.lane import REUSED, UploadLane

if TYPE_CHECKING:
    from tests.clocks import Until
    from tests.s3 import S3
    from tests.uploads.conftest import Photo

MB = 2**20


def known(path: Path) -> LocalFile:
    return inspected(WantedFile("photo", path, Files(), "Test"))


async def test_a_large_file_goes_in_parts_and_little_of_it_is_in_memory(
    s3: S3, photo: Photo
) -> None:
    file = known(photo(size=64 * MB))
    tracemalloc.start()
    await s3.bucket().upload(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * MB
    [name] = s3.names()
    assert s3.read(name) == file.path.read_bytes()
    assert s3.media_type(name) == "image/jpeg"


@pytest.mark.parametrize("size", [100, 12 * MB])
async def test_a_file_that_changed_after_it_was_read_leaves_no_object(
    s3: S3, photo: Photo, size: int
) -> None:
    file = known(photo(size=size))
    photo(size=size, number=1)
    with pytest.raises(UploadError, match="changed while it was read"):
        await s3.bucket().upload(file)
    assert (s3.names(), s3.unfinished()) == ([], 0)


async def test_a_cancelled_upload_takes_its_parts_back(s3: S3, photo: Photo, until: Until) -> None:
    upload = asyncio.create_task(s3.bucket().upload(known(photo(size=100 * MB))))
    await until(lambda: s3.unfinished() == 1)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert (s3.names(), s3.unfinished()) == ([], 0)


async def test_an_object_of_the_name_that_is_not_whole_is_written_again(
    s3: S3, photo: Photo
) -> None:
    file, bucket = known(photo()), s3.bucket()
    await bucket.upload(file)
    store = S3Store(s3.name, config=s3.options, client_options={"allow_http": True})
    await obstore.put_async(store, f"akool/{file.name}", b"half")
    await bucket.upload(file)
    assert s3.read(f"akool/{file.name}") == file.path.read_bytes()


async def test_a_store_of_obstores_own_is_taken(s3: S3, photo: Photo) -> None:
    store = S3Store(s3.name, config=s3.options, client_options={"allow_http": True})
    await Bucket(store, valid_for=timedelta(hours=5)).upload(file := known(photo()))
    assert s3.names() == [file.name]


async def test_a_bucket_that_is_not_there_is_not_asked_again(s3: S3, photo: Photo) -> None:
    s3.name = "nowhere"
    with pytest.raises(UploadError, match=r"NoSuchBucket|not found") as refused:
        await s3.bucket().upload(known(photo()))
    assert refused.value.final
    assert "\n" not in str(refused.value)


@asynccontextmanager
async def server(*statuses: int) -> AsyncIterator[tuple[str, list[str]]]:
    """Run a server that answers with each status in turn, then with 200."""
    left, asked = list(statuses), list[str]()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        asked.append(request.method)
        return web.Response(status=left.pop(0) if left else 200, headers={"ETag": '"1"'})

    runner = web.AppRunner(handler := web.Application())
    handler.router.add_route("*", "/{rest:.*}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}", asked
    finally:
        await runner.cleanup()


async def test_who_may_write_but_not_list_uploads_all_the_same(s3: S3, photo: Photo) -> None:
    async with server(403) as (url, asked):
        options = s3.options | {"endpoint": url}
        await Bucket(s3.place(), options=options).upload(known(photo()))
    assert asked == ["HEAD", "PUT"]


async def test_a_container_of_azure_is_written_to_and_signed_for(photo: Photo) -> None:
    async with server(404, 201) as (url, asked):
        key = base64.b64encode(b"who-knows-this").decode()
        options = {"account_name": "me", "account_key": key, "endpoint": url}
        file = known(photo())
        address = await Bucket("az://box/akool", options=options).upload(file)
    assert asked == ["HEAD", "PUT"]
    assert address.startswith(f"{url}/box/akool/{file.name}?")
    assert "sig=" in address


async def test_a_bucket_of_google_is_written_to_and_signed_for(photo: Photo) -> None:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    # With a key of its own a store signs here: both its requests and the addresses.
    account = {
        "private_key": pem.decode(),
        "private_key_id": "1",
        "client_email": "me@example.com",
    }
    async with server(404) as (url, asked):
        key = json.dumps(account | {"gcs_base_url": url})
        file = known(photo())
        options = {"service_account_key": key, "base_url": url}
        address = await Bucket("gs://box/akool", options=options).upload(file)
    assert asked == ["HEAD", "PUT"]
    assert f"/box/akool/{file.name}?" in address
    assert "X-Goog-Signature=" in address


async def test_a_server_that_fails_for_a_while_is_asked_again(s3: S3, photo: Photo) -> None:
    async with server(404, 503, 500) as (url, asked):
        options = s3.options | {"endpoint": url}
        await Bucket(s3.place(), options=options).upload(known(photo()))
    assert asked == ["HEAD", "PUT", "PUT", "PUT"]


async def test_no_permission_is_final(s3: S3, photo: Photo) -> None:
    async with server(403, 403) as (url, asked):
        options = s3.options | {"endpoint": url}
        with pytest.raises(UploadError) as refused:
            await Bucket(s3.place(), options=options).upload(known(photo()))
    assert refused.value.final
    assert asked == ["HEAD", "PUT"]


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("my-bucket", "must be a bucket, such as s3://"),
        ("https://example.com/put", "must be a bucket"),
        ("file:///tmp", "must be a bucket"),
        ("s3://b", "needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://b", "needs credentials: set GOOGLE_SERVICE_ACCOUNT"),
        ("az://c/p", "needs credentials: set AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_what_is_no_bucket_is_refused_when_the_client_is_made(
    place: str, rule: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match=rule) as refused:
        Akool("key", uploads=place)
    assert refused.value.field == "uploads"


def test_an_address_that_is_no_bucket_is_no_place_for_results() -> None:
    with pytest.raises(InvalidInput, match="must be a bucket") as refused:
        Akool("key", save_to="https://example.com/put")
    assert refused.value.field == "save_to"


@pytest.mark.usefixtures("s3")
def test_options_without_credentials_are_no_reason_to_ask_the_machine() -> None:
    with pytest.raises(InvalidInput, match="needs credentials"):
        Bucket("s3://b", options={"region": "us-east-1"})


def test_addresses_outlive_the_longest_job(s3: S3) -> None:
    short = s3.bucket(valid_for=timedelta(hours=6))
    Akool("key", uploads=short)
    for timeout in (6 * 3600.0, {"video.translate": 6 * 3600.0, "audio.tts": None}):
        with pytest.raises(InvalidInput, match="longer than the longest job_timeout"):
            Akool("key", uploads=short, job_timeout=timeout)


def test_odd_settings_are_refused(s3: S3) -> None:
    with pytest.raises(InvalidInput, match="at most 7 days"):
        s3.bucket(valid_for=timedelta(days=8))
    with pytest.raises(InvalidInput, match="place"):
        Bucket(s3.place(), options=s3.options | {"regio": "x"})
    with pytest.raises(InvalidInput, match="uploads"):
        Akool("key", uploads=3)  # type: ignore[arg-type]
    assert "who-knows-this" not in repr(s3.bucket())


def test_without_the_package_one_sentence_names_the_extra(s3: S3) -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from akool_async import Akool, InvalidInput\n"
        "try: Akool('key', uploads='s3://b')\n"
        "except InvalidInput as error: print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | s3.environment,
    )
    assert "pip install 'akool_async[uploads]'" in ended.stdout


class Uploads:
    """An uploader that fails a few times."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tries = 0

    async def upload(self, file: LocalFile, /) -> str:
        """Fail, or return an address."""
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return f"https://example.com/{file.name}"


async def ended(task: asyncio.Task[dict[Path, str]], clock: ManualClock) -> None:
    """Let the clock run until a task is over."""
    while not task.done():
        await clock.advance(30)


class TestLane:
    async def test_what_fails_for_a_while_is_tried_again(self, photo: Photo) -> None:
        clock, uploader = ManualClock(), Uploads(OSError("reset"), OSError("reset"))
        lane = UploadLane(uploader, at_once=1, clock=clock)
        file = known(photo())
        task = asyncio.create_task(lane.addresses_of({file.path: file}))
        await ended(task, clock)
        assert task.result() == {file.path: f"https://example.com/{file.name}"}
        assert uploader.tries == 3

    @pytest.mark.parametrize("times", [5, 1])
    async def test_what_goes_on_failing_ends_with_an_error(self, photo: Photo, times: int) -> None:
        failures = [UploadError("no room") for _ in range(times)]
        failures[0].final = times == 1
        clock, uploader = ManualClock(), Uploads(*failures)
        lane = UploadLane(uploader, at_once=1, clock=clock)
        file = known(photo())
        task = asyncio.create_task(lane.addresses_of({file.path: file}))
        await ended(task, clock)
        assert "could not be uploaded: no room" in str(task.exception())
        assert uploader.tries == times

    async def test_an_address_is_asked_for_anew_before_it_ends(self, photo: Photo) -> None:
        clock, uploader = ManualClock(), Uploads()
        lane = UploadLane(uploader, at_once=1, clock=clock)
        file = known(photo())
        for _ in range(3):
            await lane.addresses_of({file.path: file})
        assert uploader.tries == 1
        await clock.advance(REUSED)
        await lane.addresses_of({file.path: file})
        assert uploader.tries == 2

    async def test_an_uploader_that_returns_no_address_is_named(self, photo: Photo) -> None:
        class Odd:
            async def upload(self, file: LocalFile, /) -> str:
                return file.name

        lane = UploadLane(Odd(), at_once=1, clock=ManualClock())
        file = known(photo())
        with pytest.raises(UploadError, match="returned no http"):
            await lane.addresses_of({file.path: file})


def test_a_file_is_read_once_as_long_as_it_does_not_change(photo: Photo) -> None:
    path = photo()
    os.utime(path, (1, 1))
    first = known(path)
    assert known(path) == first
    photo(number=1)
    os.utime(path, (1, 1))
    assert known(path).sha256 != first.sha256


def test_a_file_is_plain_data(photo: Photo) -> None:
    file = known(photo())
    assert LocalFile.from_dict(msgspec.json.decode(file.to_json()) | {"path": file.path}) == file
