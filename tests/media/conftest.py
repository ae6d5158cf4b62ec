"""A media server that knows ranges, and results that may be fetched from it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from akool_async import Retry, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Audio
from akool_async.media import OneDownload, Policy

if TYPE_CHECKING:
    from datetime import datetime

    from akool_async.clock import Clock
    from tests.conftest import Visit

ID = "65f8017f56559aa67f0ecde7"
CONTENT = random.Random(7).randbytes(1_000_000)


def head_of(status: int, fields: dict[str, str]) -> bytes:
    """Return the beginning of an answer; underscores in field names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Status", *lines, "", ""]).encode("latin-1")


class Media:
    """A server of one file, to be called with each visit; a test lets it do worse.

    Args:
        content: The file.
        fields: Header fields of every answer; underscores stand for hyphens.
    """

    def __init__(self, content: bytes = CONTENT, **fields: str) -> None:
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
        self, visit: Visit, start: int, body: bytes, cut: int | None = None, **fields: str
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


@pytest.fixture
def content() -> bytes:
    """Return a million bytes that nothing compresses."""
    return CONTENT


@pytest.fixture
def new_media() -> type[Media]:
    """Return the maker of media servers."""
    return Media


@pytest.fixture
def head() -> Callable[[int, dict[str, str]], bytes]:
    """Return what writes the beginning of an answer."""
    return head_of


Left: TypeAlias = Callable[[Path], list[str]]
"""List the names of all files in a folder, hidden ones included."""


@pytest.fixture
def left() -> Left:
    """Look for what lies in a folder."""

    def names(folder: Path) -> list[str]:
        found: Iterable[Path] = (path for path in folder.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(folder)) for path in found)

    return names


Elapse: TypeAlias = Callable[[ManualClock, Callable[[], object]], Awaitable[None]]
"""Advance a manual clock, second by second, until a condition holds."""


@pytest.fixture
def elapse() -> Elapse:
    """Let time go by, with real turns of the loop for what real sockets bring."""

    async def elapsed(clock: ManualClock, condition: Callable[[], object]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await clock.advance(1.0)
            await asyncio.sleep(0.0005)
        pytest.fail("time went by, and it never came to pass")

    return elapsed


Finished: TypeAlias = Callable[..., Audio]
"""Make a completed result of an address; takes settings of its downloads, too."""


@pytest.fixture
def finished() -> Finished:
    """Make completed results that may be fetched from this machine, and again at once."""
    soon = Retry(initial=0.001, throttled=0.001, maximum=0.002)

    def made(
        url: str,
        *,
        id: str = ID,
        retry: Retry = soon,
        clock: Clock | None = None,
        accepted_at: datetime | None = None,
        token: str | None = None,
        **policy: Any,
    ) -> Audio:
        downloader = OneDownload(Policy(**({"allow_private": True} | policy)), retry, clock)
        result = Audio(id=id, status=Status.COMPLETED, media=url)
        return result.linked(downloader, accepted_at, operation="audio.tts", token=token)

    return made
