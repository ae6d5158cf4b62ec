"""The same rows from each format."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from akool_async.batch import BatchRow, RowOptions, check, read
from akool_async.endpoints import TTS, Face, ImageReage, SwapFaces
from akool_async.errors import InvalidInput
from tests.batch.manifests import OPTS, PHOTO, as_lines, faults_of, rows_of, said, written

ROWS: list[dict[str, Any]] = [
    {
        "operation": "reage.image",
        "key": "ann",
        "priority": 5,
        "target_image": f"{PHOTO}@{OPTS}",
        "face_reage": -10,
        "modify_image": PHOTO,
        "source": None,
        "target": None,
        "face_enhance": None,
    },
    {
        "operation": "faceswap.swap",
        "key": "7",
        "priority": None,
        "target_image": None,
        "face_reage": None,
        "modify_image": None,
        "source": PHOTO,
        "target": "https://photos.example/bob.mp4",
        "face_enhance": True,
    },
]
REQUESTS: list[Any] = [
    ImageReage(target_image=[Face(PHOTO, OPTS)], face_reage=-10, modify_image=PHOTO),
    SwapFaces(source=PHOTO, target="https://photos.example/bob.mp4", face_enhance=True),
]


def as_csv(path: Path, delimiter: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        table.writeheader()
        table.writerows(ROWS)
    return path


def as_xlsx(path: Path) -> Path:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Tonight")
        page.write_row(2, 1, list(ROWS[0]))  # a sheet may have a title, and a margin
        for number, row in enumerate(ROWS):
            page.write_row(3 + number, 1, list(row.values()))
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=1)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "jsonl": lambda folder: written(folder / "rows.jsonl", as_lines(ROWS)),
    "jsonl.gz": lambda folder: written(folder / "rows.jsonl.gz", gzip.compress(as_lines(ROWS))),
    "csv": lambda folder: as_csv(folder / "rows.csv", ","),
    "csv with semicolons": lambda folder: as_csv(folder / "rows.csv", ";"),
    "csv with tabs": lambda folder: as_csv(folder / "rows.tsv", "\t"),
    "csv.gz": lambda folder: written(
        folder / "rows.csv.gz", gzip.compress(as_csv(folder / "rows.csv", ";").read_bytes())
    ),
    "no ending": lambda folder: written(folder / "rows", as_lines(ROWS)),
    "xlsx": lambda folder: as_xlsx(folder / "rows.xlsx"),
    "xlsx by another name": lambda folder: as_xlsx(folder / "rows.xlsx").rename(folder / "a.csv"),
    "parquet": lambda folder: as_parquet(folder / "rows.parquet"),
}


@pytest.mark.parametrize("form", WRITERS)
def test_each_format_gives_the_same_requests(tmp_path: Path, form: str) -> None:
    rows = rows_of(WRITERS[form](tmp_path))
    assert [(row.key, row.operation, row.priority) for row in rows] == [
        ("ann", "reage.image", 5),
        ("7", "faceswap.swap", 0),
    ]
    assert [row.request for row in rows] == REQUESTS


def test_a_line_is_where_a_row_begins_in_its_own_program(tmp_path: Path) -> None:
    assert [row.line for row in rows_of(as_xlsx(tmp_path / "rows.xlsx"))] == [4, 5]
    assert [row.line for row in rows_of(as_parquet(tmp_path / "rows.parquet"))] == [1, 2]
    assert [row.line for row in rows_of(as_csv(tmp_path / "rows.csv", ","))] == [2, 3]


def test_the_first_line_may_name_the_delimiter_as_in_files_of_excel(tmp_path: Path) -> None:
    text = "sep=;\noperation;input_text;voice_id\naudio.tts;Hello, you, and you.;nicole\n"
    (row,) = rows_of(written(tmp_path / "rows.csv", text))
    assert row.request == TTS(input_text="Hello, you, and you.", voice_id="nicole")
    assert row.line == 3


def test_another_sheet_is_read_by_name_and_others_are_mentioned(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Notes").write(0, 0, "operation")
        page = book.add_worksheet("Texts")
        page.write_row(0, 0, list(said()))
        page.write_row(1, 0, list(said().values()))
    assert [row.key for row in rows_of(path, sheet="Texts")]
    notices = [str(fault) for group in check(path).notices for fault in group.first]
    assert notices == [
        f"{path}: only the first sheet, 'Notes', was read: --sheet names another one (Texts)"
    ]
    (fault,) = faults_of(check(path, RowOptions(sheet="Tests")))
    assert fault.sentence == "it has no sheet 'Tests'; its sheets are Notes, Texts"


def test_parquet_holds_lists_and_gaps_as_pandas_writes_them(tmp_path: Path) -> None:
    rows = [
        {**ROWS[0], "target_image": [{"path": PHOTO, "opts": OPTS}], "face_reage": 5.0},
        {**ROWS[0], "key": "b", "target_image": [{"path": PHOTO, "opts": None}], "face_reage": 6.0},
        {**ROWS[0], "key": "c", "face_reage": float("nan"), "target_image": None},
    ]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert [str(fault.sentence) for fault in faults_of(check(path))] == [
        "is empty, and reage.image requires it",
        "is empty, and reage.image requires it",
    ]
    first, second = [row for row in read(path) if isinstance(row, BatchRow)]
    assert first.request == ImageReage(
        target_image=[Face(PHOTO, OPTS)], face_reage=5, modify_image=PHOTO
    )
    assert second.key == "b"


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("rows.parquet", "pyarrow", "parquet"), ("rows.xlsx", "python_calamine", "excel")],
)
def test_a_missing_library_is_one_sentence_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    path = as_xlsx(tmp_path / name) if name.endswith("xlsx") else as_parquet(tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidInput, match=rf"pip install 'akool_async\[{extra}\]'"):
        list(read(path))


def test_no_library_is_imported_before_a_file_asks_for_it() -> None:
    code = (
        "import sys, akool_async.batch as b; list(b.read([])); "
        "print([m for m in ('pyarrow', 'python_calamine', 'click', 'sqlite3') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pyarrow" not in ended.stdout
    assert "calamine" not in ended.stdout


# Standard input


class Pipe:
    """Standard input that a test writes to."""

    def __init__(self) -> None:
        self.source, self._sink = os.pipe()

    def write(self, content: bytes) -> None:
        os.write(self._sink, content)

    def end(self) -> None:
        os.close(self._sink)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe, before = Pipe(), os.dup(0)
    os.dup2(pipe.source, 0)
    os.close(pipe.source)
    yield pipe
    os.dup2(before, 0)
    os.close(before)


def test_standard_input_is_a_queue_whose_rows_come_as_their_lines_do(pipe: Pipe) -> None:
    rows = iter(read("-"))
    pipe.write(as_lines([said("One.")]))
    first = next(rows)  # nothing else is written yet, and the pipe stays open
    pipe.write(b'{"operation": "audio.tts"}\n' + as_lines([said("Two.", key="two")]))
    fault, other, second = next(rows), next(rows), next(rows)
    pipe.end()
    assert isinstance(first, BatchRow)
    assert isinstance(second, BatchRow)
    assert [first.line, str(fault), str(other)[:9], second.line, second.key] == [
        1,
        "-, line 2, column input_text: there is no such column, and audio.tts requires it",
        "-, line 2",
        3,
        "two",
    ]
    assert list(rows) == []


def test_standard_input_takes_csv_too(pipe: Pipe) -> None:
    pipe.write(b"operation,input_text,voice_id\naudio.tts,Hello.,nicole\n")
    pipe.end()
    assert [row.line for row in rows_of("-")] == [2]


def test_standard_input_takes_what_gzip_has_packed(pipe: Pipe) -> None:
    pipe.write(gzip.compress(as_lines([said(), said()])))
    pipe.end()
    assert [row.line for row in rows_of("-")] == [1, 2]


def test_standard_input_takes_no_spreadsheet(tmp_path: Path, pipe: Pipe) -> None:
    pipe.write(as_xlsx(tmp_path / "rows.xlsx").read_bytes())
    pipe.end()
    (fault,) = faults_of(check("-"))
    assert fault.sentence == (
        "standard input takes JSON Lines or CSV: give the name of this file instead"
    )


def test_what_gzip_packed_and_is_torn_ends_with_a_fault(tmp_path: Path) -> None:
    packed = gzip.compress(as_lines(said(f"Text {n}.") for n in range(999)))
    path = written(tmp_path / "rows.jsonl.gz", packed[: len(packed) // 2])
    checked = check(path)
    (fault,) = faults_of(checked)
    assert fault.line > 1
    assert "the file cannot be read beyond this line" in fault.sentence
    assert 0 < checked.rows < 999
