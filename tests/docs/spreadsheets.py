"""The spreadsheet that pages and examples speak of."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter


def write_texts(path: Path) -> None:
    """Write a spreadsheet with two texts in its column "text"."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, text in enumerate(("text", "Good morning.", "Good evening.")):
            sheet.write_string(number, 0, text)
