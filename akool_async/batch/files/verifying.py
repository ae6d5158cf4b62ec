"""Compares the files of a run with what `results.jsonl` says about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from akool_async.batch.files.placing import facts_of
from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.journal import State


class Difference(NamedTuple):
    """What is not as `results.jsonl` says."""

    path: str
    """The file, relative to the run's folder; or a line of `results.jsonl`."""
    problem: str


class Verification:
    """Looks at all files of a run. It changes nothing, and takes no lock.

    Args:
        folder: The run's folder.
        goes_on: Whether a process carries the run out: then files are there before their lines.
    """

    def __init__(self, folder: RunFolder, *, goes_on: bool = False) -> None:
        self._folder = folder
        self._goes_on = goes_on
        self.files = 0
        """Files that are as they should be."""
        self.unsaved = 0
        """Results that completed, and have no file."""
        self.cut = 0
        """Results whose files are missing, or have another size: `akool fetch` saves them anew."""
        self.changed = 0
        """Results whose files have another content: they may have been changed on purpose."""
        self.fresh = 0
        """Files that no line names, while the run goes on: their lines are written soon."""
        self._named: set[str] = set()
        self._keys: set[str] = set()

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong. Blocks, as long as reading all files takes.

        Raises:
            OSError: there is no `results.jsonl`, or it cannot be read.
        """
        with self._folder.results.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield from self._check_line(number, line)
        yield from self._strangers()

    def _check_line(self, number: int, line: bytes) -> Iterator[Difference]:
        where = f"results.jsonl, line {number}"
        if self._goes_on and not line.endswith(b"\n"):
            return  # it is being written
        try:
            outcome = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield Difference(where, "is torn: the next run writes the file anew")
            return
        if outcome.key in self._keys:
            yield Difference(where, f"is a second line of {outcome.key!r}")
        self._keys.add(outcome.key)
        if outcome.path is not None:
            yield from self._check_files(outcome, outcome.path)
        elif outcome.status is State.COMPLETED and outcome.url is not None:
            self.unsaved += 1

    def _check_files(self, outcome: Outcome, path: str) -> Iterator[Difference]:
        """Compare the files of a result; a result with several is counted once."""
        others = ((each.path, each.bytes, each.sha256) for each in outcome.more_files)
        cut = changed = False
        for file, size, sha256 in ((path, outcome.bytes, outcome.sha256), *others):
            self._named.add(file)
            problem = _problem_with(self._folder.root / file, size, sha256)
            if problem is None:
                self.files += 1
                continue
            cut, changed = cut or problem.is_cut, changed or problem.is_changed
            yield Difference(file, problem.text)
        self.cut += cut
        self.changed += changed and not cut

    def _strangers(self) -> Iterator[Difference]:
        """Yield the files that no row names, but for what is being saved."""
        for file in sorted(self._folder.media.rglob("*")):
            path = file.relative_to(self._folder.root).as_posix()
            hidden = file.relative_to(self._folder.media).parts[0].startswith(".")
            if not file.is_file() or hidden or path in self._named:
                continue
            if self._goes_on:
                self.fresh += 1
            else:
                yield Difference(path, "belongs to no row")


class _Problem(NamedTuple):
    text: str
    is_cut: bool = False
    is_changed: bool = False


def _problem_with(file: Path, size: int | None, sha256: str | None) -> _Problem | None:
    """Return how a file differs from its line; `None` if it does not. Blocks."""
    try:
        found = facts_of(file)
    except FileNotFoundError:
        return _Problem("is missing", is_cut=True)
    except OSError as error:
        return _Problem(f"cannot be read ({error.strerror or error})")
    if found.size != size:
        return _Problem(f"has {found.size} bytes instead of {size}", is_cut=True)
    if found.sha256 != sha256:
        return _Problem("was changed: its SHA-256 is another one", is_changed=True)
    return None
