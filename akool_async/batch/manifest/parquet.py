"""Rows from Parquet files, read in row groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from akool_async.batch.manifest.extras import needs
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.row import NoCell, RawRow, Table

_AT_ONCE: Final = 1000
"""Rows that become Python objects at once."""

_PLAIN: Final = (str, int, bool, dict, list)


def read(path: Path, file: str) -> Iterator[RawRow | Fault]:
    """Yield the rows of a Parquet file."""
    with needs("pyarrow", "parquet", f"{file} is a Parquet file"):
        # pyarrow ships no types.
        pa: Any = import_module("pyarrow")
        pq: Any = import_module("pyarrow.parquet")
    problem: str | None = None
    try:
        with pq.ParquetFile(path) as opened:
            line = 0
            for batch in opened.iter_batches(batch_size=_AT_ONCE, use_threads=False):
                rows: list[dict[str, Any]] = batch.to_pylist()
                for row in rows:
                    line += 1
                    yield RawRow(line, _cells(row), _TABLE)
    except (pa.ArrowException, OSError) as error:
        problem = f"the Parquet file cannot be read: {error}"
    if problem is not None:
        yield Fault(kind="file", sentence=problem, file=file)


_TABLE: Final = Table(0)


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or type(value) in _PLAIN else _cell(value)
        for name, value in row.items()
    }


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 - pandas writes NaN where a number is missing
            return None
        return int(value) if value.is_integer() else value
    if isinstance(value, bytes):
        return NoCell("the column holds bytes, and not text")
    return NoCell(f"the column holds values such as {value}, which are neither text nor numbers")
