"""The header of a table: a name for each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from akool_async.batch.manifest.fault import Fault


def header_of(
    record: Sequence[Any], file: str, line: int, letters: Mapping[int, str] | None = None
) -> tuple[tuple[str, ...], list[Fault]]:
    """Return the names of a table's columns, and what is wrong with them.

    A column without a name gets its number for one, in brackets; so does the second one of a name.

    Args:
        record: The cells of the header.
        file: The manifest's name.
        line: The header's line.
        letters: The letters of a spreadsheet's columns, by index.
    """
    names = [str(cell).strip() for cell in record]
    faults: list[Fault] = []
    for name, count in Counter(name for name in names if name).items():
        if count > 1:
            sentence = f"{count} columns have this name: leave one, and rename or delete the others"
            faults.append(Fault(kind="file", sentence=sentence, file=file, line=line, column=name))
    taken: set[str] = set()
    for index, name in enumerate(names):
        if not name or name in taken:
            names[index] = f"({(letters or {}).get(index, index + 1)})"
        taken.add(names[index])
    return tuple(names), faults
