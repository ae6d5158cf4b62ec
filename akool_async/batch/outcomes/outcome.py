"""What became of a row of a run: one line of `results.jsonl`."""

from __future__ import annotations

from akool_async.journal import State
from akool_async.protocol.value import Value


class MoreFile(Value):
    """A further file of a result that has several."""

    path: str
    """Relative to the run's folder, with `/` on every system."""
    bytes: int
    """The file's size."""
    sha256: str
    """The file's SHA-256, in hex."""


class Outcome(Value):
    """What became of one row.

    `results.jsonl` has one line for each row that has ended, and `errors.jsonl` one for each row
    that has not completed, in this form. Each line has all fields, so that whoever reads the file
    into a table finds the same columns in it, whatever has happened.
    """

    key: str
    """The row's key: its own, or its fingerprint and its number among equal rows."""
    line: int
    """The row's line in the manifest, from 1; in a spreadsheet or table the row's number. 0 if the
    manifest has the row no more, or the run was stopped before it was read."""
    operation: str
    """The dotted name of the operation or recipe."""
    status: State
    """`completed`, `failed`, `refused`, `expired` or `abandoned`; in `errors.jsonl` also
    `unknown`: nobody knows whether Akool made the job."""
    input: str | None = None
    """The file that the row was made for, as `--each` found it; `None` for a manifest's row."""
    id: str | None = None
    """The job's `_id` at Akool."""
    url: str | None = None
    """Where Akool keeps the media, for 7 days."""
    path: str | None = None
    """The saved file, relative to the run's folder, with `/` on every system; the primary one, if
    the result has several."""
    bytes: int | None = None
    """The saved file's size."""
    sha256: str | None = None
    """The saved file's SHA-256, in hex."""
    more_files: tuple[MoreFile, ...] = ()
    """Of a result with several files, those beside `path`; empty for most."""
    queued_seconds: float | None = None
    """Seconds from its submission to Akool's acceptance."""
    akool_seconds: float | None = None
    """Seconds from Akool's acceptance to its end."""
    attempts: int = 1
    """How often it was sent."""
    error: str | None = None
    """The class of the error that ended it, such as `JobFailed`."""
    code: int | None = None
    """Akool's code, where there is one."""
    msg: str | None = None
    """Why, in words."""

    @property
    def all_bytes(self) -> int:
        """The size of all its files."""
        return (self.bytes or 0) + sum(each.bytes for each in self.more_files)
