"""Rows from CSV: a header, then a row for each record."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import IO, Final

from akool_async.batch.manifest.fault import Fault, shown
from akool_async.batch.manifest.header import header_of
from akool_async.batch.manifest.row import Cell, NoCell, RawRow, Table
from akool_async.batch.manifest.streams import NOT_UTF_8, lines_of

_DELIMITERS: Final = ",;\t"
_SAYS_DELIMITER: Final = re.compile(r"sep=(.)\s*")
"""The first line that Excel writes and reads where the delimiter is not its usual one."""

_FORMULA: Final = re.compile(r"=\s*(?:[A-Z][A-Z0-9.]*\(|\$?[A-Z]{1,3}\$?[0-9]+\b)")


def read(stream: IO[bytes], file: str) -> Iterator[RawRow | Fault]:
    """Yield the rows of a stream, each as soon as its lines are there."""
    texts = _Texts(stream, file)
    yield from _Records(texts, file)
    yield from texts.faults()


class _Texts:
    """The lines of a stream as texts. Faults are kept until somebody asks for them."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._lines = lines_of(stream, file)
        self._file = file
        self._faults: list[Fault] = []
        self.number = 0
        """The number of the line that was read last."""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if isinstance(line, Fault):
                self._faults.append(line)
                self.number = line.line
                continue
            self.number, content = line
            try:
                yield content.decode()
            except UnicodeDecodeError:
                sentence = f"this line {NOT_UTF_8}"
                self._faults.append(
                    Fault(kind="syntax", sentence=sentence, file=self._file, line=self.number)
                )

    def faults(self) -> list[Fault]:
        """Return the faults since the last question."""
        faults, self._faults = self._faults, []
        return faults


class _Records:
    """The records below a header."""

    def __init__(self, texts: _Texts, file: str) -> None:
        self._texts = texts
        self._file = file

    def __iter__(self) -> Iterator[RawRow | Fault]:
        lines = iter(self._texts)
        first = next(lines, "")
        told = _SAYS_DELIMITER.fullmatch(first)
        if told:
            first = next(lines, "")
        start = self._texts.number
        delimiter = told[1] if told else _sniffed(first)
        records = csv.reader(_chained(first, lines), delimiter=delimiter, strict=True)
        header: Sequence[str] | None = None
        table = Table(start)
        while True:
            try:
                record = next(records, None)
            except csv.Error as error:
                yield self._torn(start, error)
                return
            yield from self._texts.faults()
            if record is None:
                return
            if header is None and record:
                header, faults = header_of(record, self._file, start)
                yield from faults
                table = Table(start)
            elif header is not None and any(record):
                yield self._row(start, header, record, table)
            start = self._texts.number + 1

    def _row(
        self, line: int, header: Sequence[str], record: Sequence[str], table: Table
    ) -> RawRow | Fault:
        if len(record) > len(header) and any(record[len(header) :]):
            sentence = (
                f"this row has {len(record)} cells, and the header has {len(header)}:"
                " put a text that holds the delimiter in double quotes"
            )
            return Fault(kind="syntax", sentence=sentence, file=self._file, line=line)
        cells: dict[str, Cell] = dict.fromkeys(header[len(record) :], "")
        for column, cell in zip(header, record, strict=False):
            cells[column] = _no_formula(cell) if cell[:1] == "=" else cell
        return RawRow(line, cells, table)

    def _torn(self, line: int, error: csv.Error) -> Fault:
        reason = str(error)
        if "field larger" in reason or "unexpected end" in reason:
            reason = "a double quote is opened here and not closed"
        elif "expected after" in reason:
            reason = "a double quote inside a quoted cell must be written twice"
        elif "NUL" in reason:
            reason = "it holds a NUL character"
        sentence = f"the record that begins here cannot be read, nor what follows: {reason}"
        return Fault(kind="syntax", sentence=sentence, file=self._file, line=line)


def _no_formula(cell: str) -> Cell:
    if not _FORMULA.match(cell):
        return cell
    return NoCell(
        f"the cell holds the formula {shown(cell)} and not its value:"
        " copy the column, and paste its values only"
    )


def _sniffed(header: str) -> str:
    """Return the delimiter that occurs most in a header, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest
