"""The folder of a run: which file is where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class RunFolder(NamedTuple):
    """The paths of a run's files. It makes nothing."""

    root: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> RunFolder:
        """Return the folder at a path."""
        return cls(Path(os.fsdecode(path)))

    @property
    def arguments(self) -> Path:
        """Arguments, the manifest's hash, versions."""
        return self.root / "run.json"

    @property
    def journal(self) -> Path:
        """The durable record of all jobs; the other files are derived from it."""
        return self.root / "journal.sqlite"

    @property
    def results(self) -> Path:
        """One line for each row that has ended, see `Outcome`."""
        return self.root / "results.jsonl"

    @property
    def errors(self) -> Path:
        """One line for each row that did not complete, see `Outcome`."""
        return self.root / "errors.jsonl"

    @property
    def media(self) -> Path:
        """The saved files."""
        return self.root / "media"

    @property
    def report(self) -> Path:
        """The report."""
        return self.root / "report.html"

    @property
    def control(self) -> Path:
        """The socket at which a run that goes on takes commands."""
        return self.root / "control.sock"
