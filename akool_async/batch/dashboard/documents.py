"""What the page is told: rows, a job, and the run, as JSON."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.past import outcome_in_line
from akool_async.batch.record import read_record
from akool_async.client.restoring import reference_of
from akool_async.journal import Entry, State
from akool_async.journal.browsing import History, JobRow
from akool_async.protocol.token import write

Medium: TypeAlias = Literal["image", "video", "audio", "file"]

PLAYED: Final[dict[str, Medium]] = {"image": "image", "video": "video", "audio": "audio"}
_NEVER_SHOWN: Final = frozenset({"image/svg+xml"})
"""A picture that may hold scripts."""


class RowShown(Struct):
    """A row in the list."""

    number: int
    key: str
    operation: str
    state: State
    why: str
    """Why it did not complete; else empty."""
    changed: float | None
    """In seconds since 1970."""
    seconds: float | None
    """From acceptance to the end, or to now."""
    path: str | None
    medium: Medium | None


class Page(Struct):
    """Some rows, and where the next ones begin."""

    rows: list[RowShown]
    next: int | None
    """The number that the next page begins before; `None` if this is the last one."""


class JobShown(Struct):
    """A row with all that is known of it."""

    number: int
    key: str
    operation: str
    state: State
    outcome: Outcome | None
    attempts: int
    why: str
    id: str | None
    token: str | None
    sent: float | None
    """When it was last sent, in seconds since 1970."""
    accepted: float | None
    changed: float | None
    request: str
    """As JSON on many lines; empty once compacted."""
    medium: Medium | None


class RunShown(Struct):
    """What the run was started with."""

    name: str
    folder: str
    manifests: Sequence[str]
    started: str | None


def page_of(rows: Sequence[JobRow], limit: int) -> Page:
    """Return a page of rows, of which one more than fits was read."""
    more = len(rows) > limit
    shown = [_row(row) for row in rows[:limit]]
    return Page(shown, rows[limit - 1].number if more else None)


def _row(row: JobRow) -> RowShown:
    outcome = outcome_in_line(row.line)
    took = None if outcome is None else outcome.akool_seconds
    if took is None and row.created_at is not None and row.updated_at is not None:
        took = max(0.0, row.updated_at - row.created_at) if row.state.finished else None
    path = None if outcome is None else outcome.path
    return RowShown(
        number=row.number,
        key=(row.key if outcome is None else outcome.key) or f"#{row.number}",
        operation=row.name if outcome is None else outcome.operation,
        state=row.state,
        why=_why(row.reason, outcome),
        changed=row.updated_at,
        seconds=took,
        path=path,
        medium=_medium(path),
    )


def job_of(number: int, entry: Entry | None, line: bytes | None) -> JobShown | None:
    """Return what is known of a row; `None` if nothing is."""
    outcome = outcome_in_line(line)
    if entry is None:
        return None if outcome is None else _jobless(number, outcome)
    reference = reference_of(entry)
    return JobShown(
        number=number,
        key=(entry.key if outcome is None else outcome.key) or f"#{number}",
        operation=entry.name if outcome is None else outcome.operation,
        state=entry.state,
        outcome=outcome,
        attempts=entry.attempt,
        why=_why(entry.reason, outcome),
        id=entry.id,
        token=None if reference is None else write(reference),
        sent=entry.intended_at if entry.attempt else None,
        accepted=entry.created_at,
        changed=entry.updated_at,
        request=_pretty(entry.request),
        medium=None if outcome is None else _medium(outcome.path),
    )


def _jobless(number: int, outcome: Outcome) -> JobShown:
    """Return what is known of a row of the manifest that became no job."""
    return JobShown(
        number=number,
        key=outcome.key,
        operation=outcome.operation,
        state=outcome.status,
        outcome=outcome,
        attempts=0,
        why=_why("", outcome),
        id=None,
        token=None,
        sent=None,
        accepted=None,
        changed=None,
        request="",
        medium=None,
    )


def run_of(folder: RunFolder) -> RunShown:
    """Return what a run was started with, as far as its folder tells; blocks."""
    record = read_record(folder)  # a program's run has none
    root = folder.root.absolute()
    return RunShown(root.name, str(root), record.manifests, record.started)


def history_of(history: History | None) -> bytes:
    """Return what happened when, as JSON."""
    return msgspec.json.encode(None if history is None else history._asdict())


def served_file(folder: RunFolder, path: str) -> tuple[Path, str, bool] | None:
    """Return a file of the run, its kind, and whether a browser may show it; blocks.

    Nothing outside of `media/` is served, also not what a link in it leads to.

    Args:
        folder: The run's folder.
        path: The path below `media/`, as it stood in the address.
    """
    media = folder.media.resolve()
    try:
        file = (media / path).resolve()
        if not file.is_relative_to(media) or not file.is_file():
            return None
    except (OSError, ValueError):  # too long, or with a NUL
        return None
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    played = kind.partition("/")[0] in PLAYED and kind not in _NEVER_SHOWN
    return file, kind if played else "application/octet-stream", played


def _why(reason: str, outcome: Outcome | None) -> str:
    return (outcome.msg if outcome else None) or reason


def _medium(path: str | None) -> Medium | None:
    if path is None:
        return None
    kind = mimetypes.guess_type(PurePosixPath(path).name)[0] or ""
    return "file" if kind in _NEVER_SHOWN else PLAYED.get(kind.partition("/")[0], "file")


def _pretty(request: bytes) -> str:
    if not request:
        return ""
    try:
        return msgspec.json.format(request, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return request.decode(errors="replace")
