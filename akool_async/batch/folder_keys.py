"""The rows of a manifest against the keys that a run's folder knows: new, changed, gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Self

from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.fault import Fault, shown
from akool_async.batch.manifest.keys import RowKeys
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.sending.comparing import fingerprint_of, is_same
from akool_async.journal.looking import JournalView
from akool_async.protocol.endpoint import Recipe

_FIRST_STEP: Final = "/1"
_AT_ONCE: Final = 256
"""Rows that are looked up at once."""


class FolderKeys:
    """Compares rows with a run's journal, some hundred at once. It reads only.

    Args:
        view: The journal; `None` for a folder without one.
    """

    def __init__(self, view: JournalView | None) -> None:
        self._view = view
        self._waiting: list[BatchRow] = []
        self.known = self.new = self.changed = self.gone = 0

    @classmethod
    def at(cls, folder: RunFolder | str | os.PathLike[str]) -> Self:
        """Open the journal of a run's folder.

        Raises:
            JournalError: it cannot be read.
        """
        place = folder if isinstance(folder, RunFolder) else RunFolder.at(folder)
        return cls(JournalView(place.journal) if place.journal.exists() else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._view is not None:
            self._view.close()

    def compare(self, row: BatchRow, file: str) -> Iterator[Fault]:
        """Take in a row; yield faults of rows that ask for something else than before."""
        self._waiting.append(row)
        if len(self._waiting) >= _AT_ONCE:
            yield from self._compare_all(file)

    def rest(self, keys: RowKeys, file: str) -> Iterator[Fault]:
        """Yield faults of the last rows, and a notice for each key that no row has any more.

        Args:
            keys: The keys of all rows.
            file: The manifest's name.
        """
        yield from self._compare_all(file)
        number = 0
        while self._view is not None and (page := self._view.keys(number)):
            for number, key, fingerprint in page:  # noqa: B007 - the last begins the next page
                own = _key_of_row(key, fingerprint)
                if own is not None and own not in keys:
                    self.gone += 1
                    sentence = (
                        f"no row has the key {shown(own)} any more, which the run's folder knows:"
                        " its job is kept, and nothing is sent for it"
                    )
                    yield Fault(kind="gone", sentence=sentence, file=file, notice=True)

    def _compare_all(self, file: str) -> Iterator[Fault]:
        rows, self._waiting = self._waiting, []
        known = self._fingerprints([_first_key(row) for row in rows])
        known |= self._of_another_kind([row for row in rows if _first_key(row) not in known])
        for row in rows:
            fingerprint = known.get(_first_key(row))
            if fingerprint is None:
                self.new += 1
            elif is_same(row, fingerprint, None if row.given else fingerprint_of(row)):
                self.known += 1
            else:
                self.changed += 1
                sentence = (
                    f"the run's folder knows the key {shown(row.key)} with another request, and"
                    " one key is one job: undo the change, or give the row a new key"
                )
                yield Fault(kind="changed", sentence=sentence, file=file, line=row.line)

    def _of_another_kind(self, rows: list[BatchRow]) -> dict[str, str]:
        """Look for jobs of recipes under the keys of operations, and the other way round.

        A key made from a request is never that of another one, so only rows' own keys are asked.
        """
        others = {_first_key(row): _other_key(row) for row in rows if not row.given}
        known = self._fingerprints([*others.values()])
        return {
            first: known[other]
            for first, other in others.items()
            # An operation's own key may end in a number, too. Then its fingerprint has none.
            if other in known and ("/" in known[other]) is (len(other) > len(first))
        }

    def _fingerprints(self, keys: list[str]) -> dict[str, str]:
        return {} if self._view is None else self._view.fingerprints(keys)


# A recipe's paid steps have rows in the journal, and the recipe has none: their keys and their
# fingerprints are those of the recipe, and a number.


def _first_key(row: BatchRow) -> str:
    """Return the key of a row's first job."""
    return f"{row.key}{_FIRST_STEP}" if isinstance(row.request, Recipe) else row.key


def _other_key(row: BatchRow) -> str:
    """Return the key of a row's first job, if the row were of the other kind."""
    return row.key if isinstance(row.request, Recipe) else f"{row.key}{_FIRST_STEP}"


def _key_of_row(key: str, fingerprint: str) -> str | None:
    """Return the key of the row that a job belongs to; `None` for a recipe's later steps."""
    if "/" not in fingerprint:
        return key
    return key.removesuffix(_FIRST_STEP) if fingerprint.endswith(_FIRST_STEP) else None
