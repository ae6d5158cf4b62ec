"""Cells of an XLSX file that show an error, or hold a formula that was never calculated.

calamine returns an empty text for both, so that a price that reads `#REF!` would silently be left
out. Most sheets have no such cell, and a quick search for its marks says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

_CHUNK: Final = 1 << 16
_MARKS: Final = (b"<f", b":f>", b":f ", b't="e"', b"t='e'")
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR: Final = "the cell shows the error {}: repair its formula"
_NEVER: Final = (
    "the cell holds a formula that was never calculated: open the spreadsheet in Excel or"
    " LibreOffice, and save it"
)


class BrokenCells:
    """The broken cells of a sheet, asked for row by row.

    Args:
        path: The spreadsheet; one that is no XLSX file has none.
        sheet: The index of the sheet.
    """

    def __init__(self, path: Path, sheet: int) -> None:
        self._found = _found(path, sheet)
        self._next = next(self._found, None)

    def in_row(self, row: int) -> Iterator[tuple[int, str]]:
        """Yield a row's broken cells: the index of the column, and what is wrong.

        Args:
            row: The row, from 1; not smaller than at the last call.
        """
        while self._next is not None and self._next[0] <= row:
            if self._next[0] == row:
                yield self._next[1:]
            self._next = next(self._found, None)


def _found(path: Path, sheet: int) -> Iterator[tuple[int, int, str]]:
    try:
        with ZipFile(path) as archive:
            part = _part_of(archive, sheet)
            if part is not None and _has_marks(archive, part):
                yield from _scanned(archive, part)
    except (BadZipFile, ET.ParseError, expat.ExpatError, KeyError, NotImplementedError):
        return  # no XLSX, or one that calamine complains of


def _part_of(archive: ZipFile, sheet: int) -> str | None:
    """Return the name of a sheet's part in the archive."""
    # The file is the user's own, and these two parts are small.
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    ids = [node.get(_RELATION) for node in book.iterfind(".//{*}sheets/{*}sheet")]
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    target = targets.get(ids[sheet], "") if sheet < len(ids) else ""
    name = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return name if name in archive.namelist() else None


def _has_marks(archive: ZipFile, part: str) -> bool:
    tail = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            text = tail + chunk
            if any(mark in text for mark in _MARKS):
                return True
            tail = chunk[-8:]
    return False


def _scanned(archive: ZipFile, part: str) -> Iterator[tuple[int, int, str]]:
    scan = _Scan()
    parser = expat.ParserCreate()
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
            yield from scan.take()
    parser.Parse(b"", True)
    yield from scan.take()


class _Scan:
    """Watches the elements of a sheet."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, str]] = []
        self._place = ""
        self._error = self._formula = self._in_value = False
        self._value = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take note that an element begins."""
        name = name.rpartition(":")[2]
        if name == "c":
            self._place = attributes.get("r", "")
            self._error = attributes.get("t") == "e"
            self._formula = False
            self._value = ""
        elif name == "f":
            self._formula = True
        self._in_value = name == "v"

    def text(self, text: str) -> None:
        """Take note of a text."""
        if self._in_value:
            self._value += text

    def end(self, name: str) -> None:
        """Take note that an element ends."""
        self._in_value = False
        if name.rpartition(":")[2] != "c" or not (self._error or self._formula):
            return
        if self._error or not self._value:
            place = re.fullmatch(r"([A-Z]{1,3})([0-9]+)", self._place)
            if place is not None:
                why = _ERROR.format(self._value) if self._error else _NEVER
                self._found.append((int(place[2]), _index(place[1]), why))

    def take(self) -> list[tuple[int, int, str]]:
        """Return what was found since the last call."""
        found, self._found = self._found, []
        return found


def _index(letters: str) -> int:
    index = 0
    for each in letters:
        index = index * 26 + ord(each) - ord("A") + 1
    return index - 1
