"""The lane of uploads: a few at once, each content once, tried again where that may help."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from akool_async.clock import Clock, sleep
from akool_async.errors import UploadError, message_of
from akool_async.observers import logger
from akool_async.protocol.fields import is_http_url
from akool_async.protocol.files import with_addresses
from akool_async.protocol.value import Input
from akool_async.uploads.inspecting import contents_of, refuse_files
from akool_async.uploads.uploader import TASK_NAME, LocalFile, Uploader

E = TypeVar("E", bound=Input)

REUSED: Final = 3600.0
"""Seconds for which an address is handed to further jobs; then the uploader is asked anew."""
_REMEMBERED: Final = 10_000
"""Addresses that are kept."""
_TRIES: Final = 5
_FIRST, _LONGEST = 1.0, 30.0
"""Seconds: bounds of the pauses between two tries."""
_READERS: Final = 2
"""Files that are read for their digests at once: more would only move the disk's head."""


class UploadLane:
    """Brings the files of one event loop's requests to addresses.

    Args:
        uploader: Uploads them; `None` if the user named none.
        at_once: The most uploads at once.
        clock: Where time comes from.
        waits: Whether files wait while none can be uploaded.
    """

    def __init__(
        self, uploader: Uploader | None, *, at_once: int, clock: Clock, waits: bool = False
    ) -> None:
        self._uploader = uploader
        self._clock = clock
        self._waits = waits
        self.unreachable = False
        """Whether files wait because none can be uploaded."""
        self._warned = False
        """Whether an upload has failed since the last one that succeeded: one warning is enough."""
        self._uploads = 0
        """Uploads that succeeded."""
        self._places = asyncio.Semaphore(at_once)
        self._readers = asyncio.Semaphore(_READERS)
        self._running: dict[str, asyncio.Task[str]] = {}
        """The uploads under way, by name of the content."""
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()
        """Addresses by name of the content, with the time until which they are handed on."""

    @property
    def ready(self) -> bool:
        """Whether there is an uploader."""
        return self._uploader is not None

    def check(self, request: Input) -> None:
        """Refuse a request with files, where there is no uploader.

        Raises:
            InvalidInput: there is none; the message says what to do.
        """
        if self._uploader is None:
            refuse_files(request)

    async def inspect(self, request: Input) -> dict[Path, LocalFile]:
        """Check and read the files of a request, in a thread; return them by their paths.

        Raises:
            InvalidInput: one is missing, empty, too large, or of a kind that its field refuses.
        """
        async with self._readers:
            return await asyncio.to_thread(contents_of, request)

    async def addresses_of(self, files: Mapping[Path, LocalFile]) -> dict[Path, str]:
        """Return the addresses of files, which are uploaded where they are not there yet.

        Raises:
            UploadError: one could not be uploaded.
        """
        found = {path: self._known_address(file) for path, file in files.items()}
        wanted = [path for path, address in found.items() if not address]
        if wanted:
            uploads = [self._upload_once(files[path]) for path in wanted]
            found |= zip(wanted, await asyncio.gather(*uploads), strict=True)
        return found

    async def sent(self, request: E) -> E:
        """Return a request with an address in place of each file.

        Raises:
            InvalidInput: a file cannot be used, or there is no uploader.
            UploadError: a file could not be uploaded.
        """
        self.check(request)
        addresses = await self.addresses_of(await self.inspect(request))
        return with_addresses(request, addresses.__getitem__)

    def _known_address(self, file: LocalFile) -> str:
        """Return an address that may be handed on; an empty text if there is none."""
        until, address = self._known.get(file.name, (0.0, ""))
        return address if self._clock.time() < until else ""

    async def _upload_once(self, file: LocalFile) -> str:
        task = self._running.get(file.name)
        if task is None:
            task = self._running[file.name] = asyncio.create_task(
                self._upload(file), name=TASK_NAME
            )
            task.add_done_callback(lambda task: self._over(file.name, task))
        # Others may wait for it, too: one that is cancelled leaves it alone.
        return await asyncio.shield(task)

    def _over(self, name: str, task: asyncio.Task[str]) -> None:
        self._running.pop(name, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._known[name] = self._clock.time() + REUSED, task.result()
        self._known.move_to_end(name)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _upload(self, file: LocalFile) -> str:
        assert self._uploader is not None
        tries, before = 0, self._uploads
        while True:
            try:
                async with self._places:
                    address = _checked(await self._uploader.upload(file))
            except Exception as error:  # noqa: BLE001 - an uploader of the user's may raise any
                problem = error
            else:
                self._succeeded()
                return address
            tries += 1
            if getattr(problem, "final", False):
                break
            if tries % _TRIES == 0:
                if not self._waits_out(problem, before):
                    break
                before = self._uploads
            await self._pause(file, problem, tries)
        failed = UploadError(f"{file.path} could not be uploaded: {message_of(problem)}")
        failed.final = True
        raise failed

    def _succeeded(self) -> None:
        self._uploads += 1
        self.unreachable = self._warned = False

    def _waits_out(self, problem: Exception, before: int) -> bool:
        """Say whether a file that failed several times waits: it is not alone in that.

        Args:
            problem: What the last try raised.
            before: The uploads that had succeeded before the first of those tries.
        """
        outage = isinstance(problem, UploadError | OSError) and self._uploads == before
        if not self._waits or not outage:
            return False
        if not self.unreachable:
            logger.warning("no file can be uploaded; jobs wait until one can: %s", problem)
        self.unreachable = True
        return True

    async def _pause(self, file: LocalFile, problem: Exception, tries: int) -> None:
        pause = min(_LONGEST, _FIRST * 2.0 ** min(tries - 1, 32)) * random.uniform(0.5, 1)
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        message = "%s is not uploaded yet: %s; again in %.0f s"
        logger.log(level, message, file.path, problem, pause)
        await sleep(self._clock, pause)

    async def close(self) -> None:
        """Break off what is under way."""
        tasks = [*self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _checked(address: object) -> str:
    if isinstance(address, str) and is_http_url(address):
        return address
    problem = UploadError(
        f"the uploader returned no http(s) address, but a {type(address).__name__}"
    )
    problem.final = True
    raise problem
