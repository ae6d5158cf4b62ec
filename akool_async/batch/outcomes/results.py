"""`results.jsonl` and `errors.jsonl`: derived from the journal, so that no crash can spoil them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from akool_async.batch.folder import RunFolder
from akool_async.journal import State
from akool_async.journal.outcome_lines import ERRORS, RESULTS, OutcomeLine, OutcomeLines

_BLOCK: Final = 2**20


class DerivedFile:
    """One of the two files. All its methods block.

    Args:
        path: The file.
        lines: The journal's table of lines.
        which: Which of them belong into the file.
    """

    def __init__(self, path: Path, lines: OutcomeLines, which: str) -> None:
        self._path = path
        self._lines = lines
        self._which = which

    def mend(self) -> bool:
        """Write the file anew if it is not what the journal says; return whether it was."""
        if self._is_whole():
            return False
        self.rewrite()
        return True

    def rewrite(self) -> None:
        """Write the file anew, whole or not at all."""
        part = self._path.with_name(f".{self._path.name}.part")
        with part.open("wb") as file:
            file.writelines(self.all_lines())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines that the journal has just taken in."""
        with self._path.open("ab") as file:
            file.write(b"".join(lines))

    def all_lines(self) -> Iterator[bytes]:
        """Yield all lines that the journal has for the file, in the order in which they came."""
        after = 0
        while page := self._lines.page(self._which, after):
            yield from (line for _, line in page)
            after = page[-1][0]

    def _is_whole(self) -> bool:
        """Compare the file with the journal's count of lines and bytes.

        A file that was cut off has fewer bytes; one that a power failure has torn may have all its
        bytes, and zeros among them.
        """
        facts = self._lines.facts(self._which)
        try:
            if self._path.stat().st_size != facts.bytes:
                return False
            ends = 0
            with self._path.open("rb") as file:
                while block := file.read(_BLOCK):
                    if b"\0" in block:
                        return False
                    ends += block.count(b"\n")
        except OSError:
            return False
        return ends == facts.lines


class ResultFiles:
    """Both files of a run.

    Args:
        folder: The run's folder.
        lines: The journal's table of lines.
    """

    def __init__(self, folder: RunFolder, lines: OutcomeLines) -> None:
        self.results = DerivedFile(folder.results, lines, RESULTS)
        self.errors = DerivedFile(folder.errors, lines, ERRORS)

    def mend(self) -> list[str]:
        """Write anew what is not as the journal says; return the names of those files."""
        files = {"results.jsonl": self.results, "errors.jsonl": self.errors}
        return [name for name, file in files.items() if file.mend()]

    def rewrite(self) -> None:
        """Write both files anew."""
        self.results.rewrite()
        self.errors.rewrite()

    def append(self, lines: Sequence[OutcomeLine]) -> None:
        """Add lines that the journal has just taken in, each to the files that it belongs into."""
        ended = [each.line for each in lines if State(each.status).finished]
        troubled = [each.line for each in lines if each.status != State.COMPLETED]
        if ended:
            self.results.append(ended)
        if troubled:
            self.errors.append(troubled)
