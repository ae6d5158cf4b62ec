"""All rows of a manifest are read and built once, before a cent is spent.

Nothing is kept of a row but a few bytes: see `FirstLines`. So a manifest of any length is checked
in little memory, and all its faults are told at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from akool_async.batch.files.names import FileNames
from akool_async.batch.folder import RunFolder
from akool_async.batch.folder_keys import FolderKeys
from akool_async.batch.manifest.fault import Fault, FaultKind, shown
from akool_async.batch.manifest.option_names import meant_pattern
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.rows import BatchRow, Inspect, RowReader
from akool_async.batch.manifest.seen import FirstLines
from akool_async.batch.manifest.sources import Rows
from akool_async.batch.model_check import ModelCheck
from akool_async.batch.sending.selection import fits
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.files import holds_files
from akool_async.protocol.value import Value
from akool_async.uploads import check_files

NameOf: TypeAlias = Callable[[BatchRow], str]
"""Returns the name of the file that a row's result will be saved to."""

_SHOWN: Final = 20
"""Faults of a kind that are told one by one."""


class FaultGroup(Value):
    """The faults of one kind."""

    kind: FaultKind
    count: int
    """How many there are."""
    first: tuple[Fault, ...]
    """The first of them, 20 at most."""

    @property
    def more(self) -> int:
        """How many there are beside the first."""
        return self.count - len(self.first)


class Checked(Value):
    """What is known of a manifest once all its rows were read."""

    rows: int
    """How many rows were read, those with faults included."""
    operations: Mapping[str, int]
    """How many rows are right, by operation, in the order of the manifest."""
    left_out: int = 0
    """How many rows equal an earlier one, and are left out by `dedupe`."""
    faults: tuple[FaultGroup, ...] = ()
    """What is wrong, by kind: nothing may be sent."""
    notices: tuple[FaultGroup, ...] = ()
    """What may be meant otherwise, by kind."""
    known: int | None = None
    """How many rows the run's folder knows; `None` for a new folder."""
    new: int = 0
    """How many rows it does not know."""
    changed: int = 0
    """How many rows ask for something else than it knows under their keys."""
    gone: int = 0
    """How many keys it knows, and no row has."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def lines(self) -> Iterator[str]:
        """Yield what a person is to read: each fault and notice in a line, and the sums."""
        for group in self.faults:
            yield from map(str, group.first)
            if group.more:
                yield f"... and {group.more} more of this kind ({group.kind})"
        for group in self.notices:
            yield from (f"note: {fault}" for fault in group.first)
            if group.more:
                yield f"note: ... and {group.more} more of this kind ({group.kind})"
        if self.known is not None:
            yield (
                f"the run's folder knows {self.known} of these rows; new: {self.new},"
                f" changed: {self.changed}, gone: {self.gone}"
            )
        sums = ", ".join(f"{count} {name}" for name, count in self.operations.items())
        left_out = f"; {self.left_out} equal an earlier row, and are left out"
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        yield f"{rows}: {sums or 'none is right'}{left_out if self.left_out else ''}"
        if self.faults:
            wrong = sum(group.count for group in self.faults)
            yield f"{wrong} {'fault' if wrong == 1 else 'faults'}: nothing was sent"


def check(
    rows: Rows,
    options: RowOptions | None = None,
    *,
    folder: RunFolder | str | os.PathLike[str] | None = None,
    name_of: NameOf | str | None = None,
    inspect: Inspect | None = None,
    models: ModelCheck | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> Checked:
    """Read all rows, build all requests, and return all that is wrong with them. Start no job.

    Args:
        rows: The path of a manifest, `-` for standard input, files for `options.each`, or rows
            as `akool.map` takes them: pairs of key and request, or dicts.
        options: How rows become requests.
        folder: The folder of an earlier run: rows are compared with what it knows.
        name_of: The file name of a row's result, or the template of it, see `RunOptions.name`.
        inspect: Looks at each request; what it refuses with `InvalidInput` is a fault of the row.
            Else files that requests name are looked for, and at.
        models: Compares the requests that name a model with what it can do. Nothing is sent
            without it.
        only: Patterns, see `RunOptions.only`. A pattern that fits no row is noted.
        skip: Likewise, see `RunOptions.skip`.

    Raises:
        InvalidInput: the file needs a library that is not installed, or the template is wrong.
        JournalError: the folder's journal cannot be read.
    """
    options = options or RowOptions()
    looks = [each for each in (inspect or _check_files, models) if each is not None]
    reader = RowReader(rows, options, looks[0] if len(looks) == 1 else partial(_each, looks))
    by_key = False
    if isinstance(name_of, str):
        names = FileNames(name_of)
        by_key, name_of = names.by_key, names.name_of if names.by_stem else None
    unfit = {**dict.fromkeys(only, "only"), **dict.fromkeys(skip, "skip")}
    keyed = name_of is not None or options.dedupe or folder is not None
    reader.names_keys = keyed or bool(unfit)
    return _Check(reader, folder, name_of, by_key=by_key, unfit=unfit, models=models).run()


def _each(looks: Sequence[Inspect], request: Startable[Any]) -> None:
    for look in looks:
        look(request)


def _check_files(request: Startable[Any]) -> None:
    if holds_files(request):  # most do not
        check_files(request)


class _Check:
    def __init__(
        self,
        reader: RowReader,
        folder: RunFolder | str | os.PathLike[str] | None,
        name_of: NameOf | None,
        *,
        by_key: bool,
        unfit: dict[str, str],
        models: ModelCheck | None,
    ) -> None:
        self._reader = reader
        self._name_of = name_of
        self._by_key = by_key
        """Whether names are equal if keys are, but for upper and lower case."""
        self._unfit = unfit
        """Patterns that no row has fitted yet, each with its option."""
        self._first = FirstLines()
        self._any_upper = False
        """Whether a key has had upper-case letters."""
        self._faults = _FaultList()
        self._operations: Counter[str] = Counter()
        self._folder = FolderKeys.at(folder) if folder is not None else None
        self._models = models

    def run(self) -> Checked:
        operations, folder = self._operations, self._folder
        named = self._first_by_key if self._by_key else None
        if self._name_of is not None:
            named = self._first_of_name
        for row in self._reader:
            if type(row) is not BatchRow:
                assert isinstance(row, Fault)
                self._faults.add(row)
                continue
            operations[row.operation] += 1
            if self._unfit:
                fitted = [each for each in self._unfit if fits(row, (each,))]
                for each in fitted:
                    del self._unfit[each]
            if named is not None and (first := named(row)):
                self._faults.add(self._same_name(row, first))
            if folder is not None:
                self._faults.extend(folder.compare(row, self._reader.file))
        self._faults.extend(self._unfitted())
        if self._models is not None and self._models.trouble:
            sentence = f"the rows' models were not checked: {self._models.trouble}"
            self._faults.add(Fault(kind="model", sentence=sentence, notice=True))
        if folder is None:
            return self._checked()
        with folder:
            self._faults.extend(folder.rest(self._reader.keys, self._reader.file))
        counts = {"known": folder.known, "new": folder.new}
        return self._checked(**counts, changed=folder.changed, gone=folder.gone)

    def _checked(self, **known: int) -> Checked:
        return Checked(
            rows=self._reader.rows,
            operations=dict(self._operations),
            left_out=self._reader.left_out,
            faults=self._faults.groups(notices=False),
            notices=self._faults.groups(notices=True),
            **known,
        )

    def _unfitted(self) -> Iterator[Fault]:
        """Yield a fault for each pattern that is nearly one that means something; else a notice."""
        for pattern, option in self._unfit.items():
            meant = meant_pattern(pattern)
            sentence = f"--{option} {shown(pattern)}: no row's operation or key fits it{meant}"
            yield Fault(kind="pattern", sentence=sentence, notice=not meant)

    # Some file systems know no upper and lower case: names that differ by nothing else are equal.

    def _first_of_name(self, row: BatchRow) -> int:
        """Return the line of the row that has the name of a row's file; 0 if none has it."""
        assert self._name_of is not None
        return self._first.add(self._name_of(row).casefold(), row.line)

    def _first_by_key(self, row: BatchRow) -> int:
        """Return the same where keys are different: no name has to be made, nor to be kept."""
        folded = row.key.casefold()
        if folded == row.key:
            return self._first.line_of(folded) if self._any_upper else 0
        self._any_upper = True
        return self._first.add(folded, row.line) or self._reader.keys.line_of(folded)

    def _same_name(self, row: BatchRow, first: int) -> Fault:
        sentence = (
            f"its key and that of line {first} differ by upper and lower case only, and so would"
            " the names of their files, which some file systems take for one: put {line} into the"
            " template of names, or change a key"
        )
        if self._name_of is not None:
            sentence = (
                f"its result would be saved as {self._name_of(row)!r}, as that of line {first}: put"
                " {key} or {line} into the template of names"
            )
        return Fault(kind="name", sentence=sentence, file=self._reader.file, line=row.line)


class _FaultList:
    """Counts faults by kind, and keeps the first of each."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[bool, FaultKind]] = Counter()
        self._first: dict[tuple[bool, FaultKind], list[Fault]] = {}

    def add(self, fault: Fault) -> None:
        kind = fault.notice, fault.kind
        self._counts[kind] += 1
        first = self._first.setdefault(kind, [])
        if len(first) < _SHOWN:
            first.append(fault)

    def extend(self, faults: Iterator[Fault]) -> None:
        for fault in faults:
            self.add(fault)

    def groups(self, *, notices: bool) -> tuple[FaultGroup, ...]:
        return tuple(
            FaultGroup(kind=kind, count=self._counts[notice, kind], first=tuple(first))
            for (notice, kind), first in self._first.items()
            if notice is notices
        )
