"""The way of a job whose request names files, up to the queue.

How this works
--------------
A request with files takes two steps more than another one, and holds no place meanwhile:

    inspect    its files are checked and read, which gives the fingerprint of its key
    (claim)    the journal is asked about the key, as for any job; a known key uploads nothing
    upload     its files are brought to addresses, and the job waits for its turn

Without a key the one follows the other. A row that an earlier process left in the queue begins
with the upload; the fingerprint in the row says whether its files are still the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from akool_async.engine import Engine, JobRecord
from akool_async.engine.uploaded import Uploaded, note_uploaded, uploaded_of
from akool_async.errors import InvalidInput, JournalError
from akool_async.protocol.files import files_in, holds_files

if TYPE_CHECKING:
    from akool_async.client.settings import Configuration
    from akool_async.clock import Clock
    from akool_async.protocol.endpoint import Startable
    from akool_async.uploads.lane import UploadLane

_CHANGED = "has another content than when its key was submitted"


class FileSteps:
    """Takes the steps of jobs with files on one event loop.

    Args:
        engine: Runs the jobs.
        configuration: Names the uploader, if the user named one.
        clock: Where time comes from.
    """

    def __init__(self, engine: Engine, configuration: Configuration, clock: Clock) -> None:
        self._engine = engine
        self._configuration = configuration
        self._clock = clock
        self._lane: UploadLane | None = None

    @property
    def lane(self) -> UploadLane:
        """What reads and uploads files; made at the first file, as few clients have any."""
        if self._lane is None:
            from akool_async.uploads.lane import UploadLane

            limit = self._configuration.limits.uploads
            uploader = self._configuration.uploads
            self._lane = UploadLane(
                uploader,
                at_once=limit,
                clock=self._clock,
                waits=self._configuration.waits_for_host,
            )
        return self._lane

    @property
    def unreachable(self) -> bool:
        """Whether jobs wait because no file can be uploaded."""
        return self._lane is not None and self._lane.unreachable

    async def close(self) -> None:
        """Break off what is under way."""
        if self._lane is not None:
            await self._lane.close()

    async def inspect(self, record: JobRecord[Any], request: Startable[Any]) -> None:
        """Check the files of a request, and give its key the fingerprint of their content.

        Raises:
            InvalidInput: one of them cannot be used.
        """
        from akool_async.uploads.inspecting import fingerprint_of

        files = await self.lane.inspect(request)
        note_uploaded(record, Uploaded(files, self.lane.addresses_of))
        options = record.options
        if options.key is not None and not options.fingerprint:
            fingerprint = fingerprint_of(request, files)
            record.options = msgspec.structs.replace(options, fingerprint=fingerprint)

    def queue(self, record: JobRecord[Any]) -> None:
        """Let a job wait for its turn, once its files have addresses."""
        if record.request is not None and holds_files(record.request):
            self._engine.prepare(record, self._upload_and_queue(record))
        else:
            self._engine.submit(record)

    async def _upload_and_queue(self, record: JobRecord[Any]) -> None:
        await self.upload(record)
        if not record.ended:
            self._engine.submit(record)

    async def upload(self, record: JobRecord[Any]) -> None:
        """Bring the files of a job's request to addresses.

        Raises:
            InvalidInput: a file cannot be used, or has changed since its key was submitted.
            UploadError: one could not be uploaded.
            JournalError: a row of an earlier process has files, and this client uploads none.
        """
        request = record.request
        assert request is not None
        if not self.lane.ready:
            # The row stays in the queue, for a client that can send it.
            raise JournalError("a queued job names files, and this client has no `uploads`")
        uploaded = uploaded_of(record)
        # A row of an earlier process was not read here; a recipe may name other files in the end.
        if uploaded is None or not {each.path for each in files_in(request)} <= {*uploaded.files}:
            files = await self.lane.inspect(request)
            self._check_unchanged(record, files)
            uploaded = Uploaded(files, self.lane.addresses_of)
            note_uploaded(record, uploaded)
        await self.lane.addresses_of(uploaded.files)

    @staticmethod
    def _check_unchanged(record: JobRecord[Any], files: Any) -> None:
        from akool_async.uploads.inspecting import fingerprint_of

        request, options = record.request, record.options
        assert request is not None
        if options.row_key is None or options.row_key != options.key:
            return  # the row of a recipe's step has the fingerprint of the recipe
        if fingerprint_of(request, files) != options.fingerprint:
            first = files_in(request)[0]
            raise InvalidInput(first.field, str(first.path), _CHANGED, owner=first.owner)
