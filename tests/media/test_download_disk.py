"""A disk that is full is told in plain words, and leaves nothing half-written."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.media.conftest import Bench

SAVE = """
import asyncio, json, resource, sys
from akool_async import AkoolError
from akool_async.media import StandaloneDownloader, Policy, Source

url, folder, largest = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
try:
    downloader = StandaloneDownloader(Policy(allow_private=True))
    asyncio.run(downloader.save(Source(url, "a", token="akj1.x"), folder + "/"))
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
    bench: Bench,
) -> None:
    server = await bench.serve(bench.media())
    name, message, token = await saved_with_room_for(300_000, f"{server.url}/a.png", bench.folder)
    assert name == "DownloadError"
    assert message.startswith(f"there is no room for the file in {bench.folder}")
    assert "it can be fetched again" in message
    assert token == "akj1.x"
    assert len(server.visits) == 1
    assert bench.left() == []
    name, *_ = await saved_with_room_for(2_000_000, f"{server.url}/a.png", bench.folder)
    assert name == "saved"
    assert (bench.folder / "a.png").read_bytes() == bench.content
    assert bench.left() == ["a.png"]


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_room_that_runs_out_at_any_moment_is_a_download_error(
    call: str, number: int, monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    server = await bench.serve(bench.media())
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(DownloadError, match="no room") as caught:
        await bench.save(f"{server.url}/a", accepted_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.__context__ is None
    assert caught.value.token == bench.token()
    assert len(server.visits) == 1
    assert bench.left() == []


async def test_a_disk_that_fails_otherwise_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    def fail(*_: object) -> int:
        raise PermissionError(errno.EPERM, "no")

    server = await bench.serve(bench.media())
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(PermissionError) as caught:
        await bench.save(f"{server.url}/a")
    assert caught.value.__context__ is None
    assert len(server.visits) == 1
    assert bench.left() == []


async def test_a_file_is_on_disk_before_it_has_its_name(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    synced = list[tuple[bool, bool]]()
    sync = os.fsync

    def watch(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((folder, (bench.folder / "a").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    await bench.result((await bench.serve(bench.media())).url).save(bench.folder / "a")
    assert synced == [(False, False), (True, True)]  # the file, and then its folder
