"""A media server that knows ranges, and results that may be fetched from it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Retry, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Audio
from akool_async.media import Policy, StandaloneDownloader
from akool_async.protocol.token import reference_to, write
from akool_async.result import Link
from tests.folders import files_in
from tests.servers import head_of

if TYPE_CHECKING:
    from datetime import datetime

    from akool_async.clock import Clock
    from tests.servers import Serve, Visit

ID = "65f8017f56559aa67f0ecde7"
CONTENT = random.Random(7).randbytes(1_000_000)


class Media:
    """A server of one file, to be called with each visit; a test lets it do worse.

    Args:
        content: The file.
        fields: Header fields of every answer, with underscores for hyphens; a strong ETag
            if there are none.
    """

    def __init__(self, content: bytes, fields: dict[str, str]) -> None:
        self.content = content
        self.fields = fields or {"etag": '"one"'}
        self.starts: list[int] = []
        """From where on each visit was served."""
        self.sent = 0
        """Bytes of bodies."""

    async def __call__(self, visit: Visit, cut: int | None = None) -> None:
        """Answer as it should be; with `cut`, with only so many bytes of the body."""
        start = self.start_of(visit)
        await self.answer(visit, start, self.content[start:], cut)

    async def answer(
        self, visit: Visit, start: int, body: bytes, cut: int | None = None, **fields: Any
    ) -> None:
        """Answer with what begins at `start`."""
        total = len(self.content)
        more = {"content_length": str(len(body))} | self.fields
        if start:
            more |= {"content_range": f"bytes {start}-{start + len(body) - 1}/{total}"}
        self.starts.append(start)
        body = body if cut is None else body[:cut]
        self.sent += len(body)
        await visit.send(head_of(206 if start else 200, more | fields) + body)

    def start_of(self, visit: Visit) -> int:
        """Return where the range begins that a visit asks for; 0 where it gets all."""
        valid = {self.fields.get("etag"), self.fields.get("last_modified")} - {None}
        if "range" not in visit.headers or visit.headers.get("if-range") not in valid:
            return 0
        return int(visit.headers["range"].removeprefix("bytes=").removesuffix("-"))


class Bench:
    """A folder, and what it takes to have something saved in it.

    Args:
        folder: An empty one.
        serve: Starts raw servers.
    """

    content = CONTENT
    """A million bytes that nothing compresses."""
    retry = Retry(initial=0.001, throttled=0.001, maximum=0.002)
    """Tries again almost at once."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self.folder = folder
        self.serve = serve

    def media(self, content: bytes = CONTENT, **fields: Any) -> Media:
        """Return a server of one file; underscores in header fields stand for hyphens."""
        return Media(content, fields)

    def result(
        self,
        url: str,
        *,
        id: str = ID,
        accepted_at: datetime | None = None,
        retry: Retry = retry,
        clock: Clock | None = None,
        **policy: Any,
    ) -> Audio:
        """Return a completed result that may be fetched from this machine."""
        downloader = StandaloneDownloader(
            Policy(**({"allow_private": True} | policy)), retry, clock
        )
        result = Audio(id=id, status=Status.COMPLETED, media=url)
        seconds = None if accepted_at is None else accepted_at.timestamp()
        link = Link(downloader, operation="audio.tts", accepted_at=seconds)
        return result.attach(link)

    @staticmethod
    def token() -> str:
        """Return the token of a job that was accepted when a manual clock begins."""
        return write(reference_to("audio.tts", ID, None, ManualClock().now().timestamp()))

    async def save(self, url: str, **settings: Any) -> bytes:
        """Save a result as the file `a`, and return what is in it."""
        path = await self.result(url, **settings).save(self.folder / "a")
        assert path == self.folder / "a"
        return path.read_bytes()

    def left(self, folder: Path | None = None) -> list[str]:
        """Return the names of all files in the folder, hidden ones included."""
        return files_in(self.folder if folder is None else folder)


@pytest.fixture
def bench(tmp_path: Path, serve: Serve) -> Bench:
    """Lay out a folder to save in, and servers to save from."""
    return Bench(tmp_path, serve)
