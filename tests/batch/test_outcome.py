"""Lines of `results.jsonl`, as programs read them that know nothing of this library."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from akool_async.batch.outcomes.endings import line_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.journal import State


def outcome(line: int, status: State = State.COMPLETED, error: str | None = None) -> Outcome:
    return Outcome(
        key=f"row-{line}", line=line, operation="audio.tts", status=status, error=error, msg=error
    )


def written(path: Path, *, failures: int) -> Path:
    """Write a night's results: the first failures come late."""
    done = [outcome(line) for line in range(1, 301)]
    failed = [outcome(300 + line, State.FAILED, "JobFailed") for line in range(1, failures + 1)]
    path.write_bytes(b"".join(map(line_of, [*done, *failed])))
    return path


def test_the_first_failure_is_read_wherever_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", failures=5)
    read = pl.read_ndjson(path, infer_schema_length=None)
    assert read["error"].to_list() == [None] * 300 + ["JobFailed"] * 5


def test_a_night_without_failures_has_all_columns_too(tmp_path: Path) -> None:
    path = written(tmp_path / "results.jsonl", failures=0)
    columns = list(Outcome.__struct_fields__)
    assert pl.read_ndjson(path, infer_schema_length=None).columns == columns
    assert [list(json.loads(line)) for line in path.read_text().splitlines()] == [columns] * 300
