"""A disk that is full is told in plain words, and leaves nothing half-written."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.conftest import Serve
    from tests.media.conftest import Finished, Left, Media

SAVE = """
import asyncio, json, resource, sys
from akool_async import AkoolError
from akool_async.media import OneDownload, Policy, Wanted

url, folder, largest = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
try:
    downloader = OneDownload(Policy(allow_private=True))
    asyncio.run(downloader.save(Wanted(url, "a", token="akj1.x"), folder + "/"))
except AkoolError as error:
    print(json.dumps([type(error).__name__, str(error), error.token]))
else:
    print(json.dumps(["saved", "", None]))
"""


async def saved_with_room_for(largest: int, url: str, folder: Path) -> list[str]:
    """Save a file in a process that may write no larger ones; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SAVE, url, str(folder), str(largest)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    told: list[str] = json.loads(said)
    return told


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
async def test_a_disk_without_room_is_a_download_error_and_later_the_file_is_saved(
    serve: Serve, new_media: type[Media], content: bytes, left: Left, tmp_path: Path
) -> None:
    server = await serve(new_media())
    name, message, token = await saved_with_room_for(300_000, f"{server.url}/a.png", tmp_path)
    assert name == "DownloadError"
    assert message.startswith(f"there is no room for the file in {tmp_path}")
    assert "it can be fetched again" in message
    assert token == "akj1.x"
    assert len(server.visits) == 1
    assert left(tmp_path) == []
    name, *_ = await saved_with_room_for(2_000_000, f"{server.url}/a.png", tmp_path)
    assert name == "saved"
    assert (tmp_path / "a.png").read_bytes() == content
    assert left(tmp_path) == ["a.png"]


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_room_that_runs_out_at_any_moment_is_a_download_error(
    call: str,
    number: int,
    serve: Serve,
    new_media: type[Media],
    finished: Finished,
    left: Left,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    server = await serve(new_media())
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(DownloadError, match="no room") as caught:
        await finished(f"{server.url}/a", token="akj1.x").save(tmp_path / "a")
    assert caught.value.__context__ is None
    assert caught.value.token == "akj1.x"
    assert len(server.visits) == 1
    assert left(tmp_path) == []


async def test_a_disk_that_fails_otherwise_is_told_as_it_is(
    serve: Serve,
    new_media: type[Media],
    finished: Finished,
    left: Left,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> int:
        raise PermissionError(errno.EPERM, "no")

    server = await serve(new_media())
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(PermissionError) as caught:
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert caught.value.__context__ is None
    assert len(server.visits) == 1
    assert left(tmp_path) == []


async def test_a_file_is_on_disk_before_it_has_its_name(
    serve: Serve,
    new_media: type[Media],
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced = list[tuple[bool, bool]]()
    sync = os.fsync

    def watch(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((folder, (tmp_path / "a").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    await finished((await serve(new_media())).url).save(tmp_path / "a")
    assert synced == [(False, False), (True, True)]  # the file, and then its folder
