"""The results that a person looks at: before and after, players for video and sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.report.requests import (
    Kind,
    Source,
    kind_of,
    link_to,
    sources_of,
    summary_of,
)
from akool_async.batch.report.tally import OperationTally, Tally
from akool_async.journal.run_rows import RunRowReader


class Item(NamedTuple):
    """A result with a file."""

    number: int
    """The number of its row."""
    key: str
    kind: Kind
    href: str
    """Its file, relative to the report."""
    before: Sequence[Source]
    """What it was made from."""
    summary: str
    """What was asked for."""


class Shelf(NamedTuple):
    """Results of one operation."""

    operation: str
    results: int
    """How many results with a file there are."""
    shown: int
    items: Iterator[Item]


def shelves_of(tally: Tally, reader: RunRowReader, place: Callable[[Path], str]) -> Iterator[Shelf]:
    """Yield the results of each operation that has any with a file.

    Args:
        tally: The sums over all rows.
        reader: The journal's rows.
        place: Returns the address of a file on this machine, relative to the report.
    """
    for operation, each in tally.operations.items():
        if each.files.taken:
            items = _items_of(each, reader, place)
            yield Shelf(operation, each.files.seen, len(each.files.taken), items)


def _items_of(
    tally: OperationTally, reader: RunRowReader, place: Callable[[Path], str]
) -> Iterator[Item]:
    for number in tally.files.taken:
        row = reader.row(number)
        if row is None or row.line is None:
            continue
        outcome = decoder.decode(row.line)
        href = link_to(outcome.path)
        if href and outcome.path:
            sent_as = row.name or outcome.operation
            yield Item(
                number,
                outcome.key,
                kind_of(outcome.path),
                href,
                sources_of(sent_as, row.request, place),
                summary_of(sent_as, row.request, 120),
            )
