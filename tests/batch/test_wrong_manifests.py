"""Each way in which a manifest can be wrong: a sentence for whoever made the spreadsheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from akool_async import InvalidInput
from akool_async.batch import BatchRow, RowOptions, check, read
from tests.batch.manifests import HEADER, PHOTO, as_lines, faults_of, said, written


def sentences(path: Path, **options: Any) -> list[str]:
    """Return what a check says, with the file's name alone."""
    checked = check(path, RowOptions(**options))
    assert not checked.ok
    return [str(fault).removeprefix(f"{path.parent}/") for fault in faults_of(checked)]


def test_bad_json_is_told_by_line(tmp_path: Path) -> None:
    lines = as_lines([said()]) + b'{"operation": "audio.tts", \n["a"]\n"x"\n'
    first, second, third = sentences(written(tmp_path / "rows.jsonl", lines))
    assert first.startswith("rows.jsonl, line 2: this line is no valid JSON: ")
    assert second.startswith("rows.jsonl, line 3: each line must be a JSON object of its own")
    assert third.startswith("rows.jsonl, line 4: each line must be a JSON object of its own")


def test_a_list_in_one_document_is_told_how_to_become_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.json", '[\n{"operation": "audio.tts"}\n]\n')
    assert "`jq -c '.[]'` makes lines of one" in sentences(path)[0]


def test_an_unknown_operation_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", f"{HEADER}\naudio.tss,a,Hello.,nicole\n,b,Hello.,v\n")
    assert sentences(path) == [
        (
            "rows.csv, line 2, column operation: there is no operation 'audio.tss'; did you mean"
            " 'audio.tts'?"
        ),
        (
            "rows.csv, line 3, column operation: the row names no operation, as in audio.tts;"
            " --operation names one for all rows"
        ),
    ]


def test_a_table_without_operations_is_told_once(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", "input_text,voice_id\nHello.,nicole\nBye.,nicole\n")
    assert sentences(path) == [
        (
            "rows.csv, line 1, column operation: there is no such column: --operation names the"
            " operation of all rows"
        )
    ]


def test_a_missing_column_is_told_once_and_a_misspelt_one_with_the_name_that_is_meant(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path / "rows.csv", "operation,text,voce_id,notes\n" + "audio.tts,Hello.,nicole,x\n" * 9
    )
    assert sentences(path) == [
        "rows.csv, line 1, column input_text: there is no such column, and audio.tts requires it",
        (
            "rows.csv, line 1, column voice_id: there is no such column, and audio.tts requires it;"
            " is it the column 'voce_id'?"
        ),
        (
            "rows.csv, line 1, column voce_id: no operation has such a parameter; did you mean"
            " 'voice_id'? --map 'voce_id=voice_id' says so, and --map 'voce_id=' leaves the"
            " column out"
        ),
    ]


def test_a_misspelt_name_of_what_is_not_required_is_no_silent_default(tmp_path: Path) -> None:
    lines = as_lines([said(rates="90%"), said(rates=None), said("Bye.", note="mine")])
    path = written(tmp_path / "rows.jsonl", lines)
    assert sentences(path) == [
        "rows.jsonl, line 1, column rates: audio.tts has no such parameter; did you mean 'rate'?"
    ]
    assert check(path, RowOptions(map={"rates": ""})).ok


def test_a_column_that_nobody_reads_is_a_note(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", as_lines([said(), said("Bye.", author="Ann")]))
    checked = check(path)
    assert checked.ok
    assert list(checked.lines()) == [
        f"note: {path}, line 2, column author: no operation reads this column",
        "2 rows: 2 audio.tts",
    ]


def test_a_duplicate_key_names_the_line_that_had_it(tmp_path: Path) -> None:
    rows = "audio.tts,a,Hello.,nicole\naudio.tts,b,Hello.,nicole\naudio.tts,a,Bye.,nicole\n"
    assert sentences(written(tmp_path / "rows.csv", f"{HEADER}\n{rows}")) == [
        "rows.csv, line 4, column key: the key 'a' stands in line 2 already, and one key is one job"
    ]


def test_a_duplicate_key_is_told_beside_the_faults_of_its_rows(tmp_path: Path) -> None:
    rows = (
        "audio.tts,a,,nicole\naudio.tts,b,Hello.,nicole\naudio.tts,a,Bye.,nicole\naudio.tts,b,,n\n"
    )
    found = sentences(written(tmp_path / "rows.csv", f"{HEADER}\n{rows}"))
    assert [each.partition("key: ")[2] for each in found if "column key" in each] == [
        "the key 'a' stands in line 2 already, and one key is one job",
        "the key 'b' stands in line 3 already, and one key is one job",
    ]
    assert sum("is empty" in each for each in found) == 2


def test_all_wrong_values_of_a_row_are_told_in_words(tmp_path: Path) -> None:
    columns = "operation,target_image,face_reage,modify_image\n"
    rows = f"reage.image,www.photos.example,ten,photos/a.jpg\nreage.image,{PHOTO},99,\n"
    assert sentences(written(tmp_path / "rows.csv", columns + rows)) == [
        (
            "rows.csv, line 2, column target_image: must be an http or https URL, and there"
            " is no such"
            " file either (here: 'www.photos.example')"
        ),
        "rows.csv, line 2, column face_reage: must be a whole number from -30 to 30 (here: 'ten')",
        (
            "rows.csv, line 2, column modify_image: must be an http or https URL, and there"
            " is no such"
            " file either (here: 'photos/a.jpg')"
        ),
        "rows.csv, line 3, column face_reage: must be from -30 to 30 (here: '99')",
        "rows.csv, line 3, column modify_image: is empty, and reage.image requires it",
    ]


def test_a_rule_that_joins_several_columns_is_told_too(tmp_path: Path) -> None:
    both = said(voice_url=PHOTO, operation="audio.clone")
    (told,) = sentences(written(tmp_path / "rows.jsonl", as_lines([both])))
    assert told.startswith("rows.jsonl, line 1, column voice_")


def test_a_priority_that_is_none_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", as_lines([said(priority="soon"), said(key=[1])]))
    assert sentences(path) == [
        "rows.jsonl, line 1, column priority: must be a whole number (here: 'soon')",
        "rows.jsonl, line 2, column key: must be a text or a number (here: '[1]')",
    ]


def test_two_rows_for_one_file_name_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", as_lines([said(key="a"), said(key="b")]))
    (fault,) = faults_of(check(path, name_of=lambda row: row.operation))
    assert (fault.kind, fault.line) == ("name", 2)
    assert fault.sentence == (
        "its result would be saved as 'audio.tts', as that of line 1: put {key} or {line} into the"
        " template of names"
    )
    with pytest.raises(InvalidInput, match="in the file's name"):
        check(path, name_of="{operation}{ext}")  # before any row is read
    assert check(path, name_of=lambda row: row.key).ok
    assert check(path, name_of="{date:%Y}/{key}{ext}").ok
    assert check(path, name_of="{id}{ext}").ok
    assert check(path, name_of="{line}{ext}").ok


def test_two_files_of_one_name_would_get_one_name() -> None:
    photos = ["a/Ann.jpg", "a/Bob.jpg", "b/ann.png"]
    options = RowOptions(operation="reage.photo", each="url", set={"years": 20})
    files = [f"https://photos.example/{each}" for each in photos]
    (fault,) = faults_of(check(files, options, name_of="{stem}{ext}"))
    assert (fault.kind, fault.line) == ("name", 3)
    assert fault.sentence.startswith("its result would be saved as 'ann', as that of line 1: put")
    assert check(files, options, name_of="{stem}-{key}{ext}").ok


def test_names_that_differ_by_case_only_are_one_name(tmp_path: Path) -> None:
    for keys in (["Ann", "ann"], ["ann", "Ann"], ["Ann", "ANN"]):
        path = written(tmp_path / "rows.jsonl", as_lines(said(key=key) for key in keys))
        for name_of in ("{key}{ext}", lambda row: row.key):
            (fault,) = faults_of(check(path, name_of=name_of))
            assert (fault.kind, fault.line) == ("name", 2)
            assert "line 1" in fault.sentence
            assert "put {" in fault.sentence


def test_byte_order_mark_and_crlf_are_taken(tmp_path: Path) -> None:
    text = f'{HEADER}\r\naudio.tts,a,"Hello,\r\nyou.",nicole\r\n\r\naudio.tts,b,Bye.,nicole\r\n'
    rows = list(read(written(tmp_path / "rows.csv", b"\xef\xbb\xbf" + text.encode())))
    first, second = rows
    assert isinstance(first, BatchRow)
    assert isinstance(second, BatchRow)
    assert (first.key, first.line, second.line) == ("a", 2, 5)
    assert first.request.to_dict()["input_text"] == "Hello,\r\nyou."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_utf_16_is_said_in_a_sentence(tmp_path: Path, name: str, encoding: str) -> None:
    path = written(tmp_path / name, f"{HEADER}\n".encode(encoding))
    assert sentences(path) == [
        (
            f"{name}: the file is in UTF-16, which some programs call Unicode text: save it"
            " as UTF-8,"
            " in Excel as 'CSV UTF-8 (Comma delimited)'"
        )
    ]


def test_a_line_in_another_encoding_is_told(tmp_path: Path) -> None:
    text = f"{HEADER}\naudio.tts,a,Olé.,nicole\naudio.tts,b,Hello.,nicole\n"
    path = written(tmp_path / "rows.csv", text.encode("latin-1"))
    (told,) = sentences(path)
    assert told.startswith("rows.csv, line 2: this line is not in UTF-8")
    assert check(path).operations == {"audio.tts": 1}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_line_of_ten_megabytes_is_told_and_skipped(tmp_path: Path, name: str) -> None:
    long, right = "Hello. " * 1_500_000, "Hello."
    if name == "rows.csv":
        content = f"{HEADER}\naudio.tts,a,{long},nicole\naudio.tts,b,{right},nicole\n".encode()
    else:
        content = b'{"operation": "rest"}\n' + as_lines([said(long), said(right)])
    path = written(tmp_path / name, content)
    told = [each for each in sentences(path) if "longer" in each]
    assert told == [
        (
            f"{name}, line 2: this line is longer than 1 MB, and no request is that long: is a line"
            " break or a quote missing?"
        )
    ]
    assert check(path).operations == {"audio.tts": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file is empty"),
        (f"{HEADER}\n", "it has no rows"),
        (f"{HEADER}\n,,,\n\n", "it has no rows"),
    ],
)
def test_a_file_without_rows_is_told(tmp_path: Path, content: str, sentence: str) -> None:
    assert sentences(written(tmp_path / "rows.csv", content)) == [f"rows.csv: {sentence}"]


def test_a_folder_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    (folder,) = sentences(tmp_path)
    assert "this is a folder, and no manifest" in folder
    assert sentences(tmp_path / "rows.csv") == ["rows.csv: there is no such file"]


def test_a_quote_that_is_not_closed_is_told_where_it_opens(tmp_path: Path) -> None:
    text = f'{HEADER}\naudio.tts,a,"Hello.,nicole\n' + "audio.tts,b,Bye.,nicole\n" * 9
    assert sentences(written(tmp_path / "rows.csv", text)) == [
        (
            "rows.csv, line 2: the record that begins here cannot be read, nor what follows:"
            " a double"
            " quote is opened here and not closed"
        )
    ]


def test_a_cell_that_holds_the_delimiter_without_quotes_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", f"{HEADER}\naudio.tts,a,Hello, you.,nicole\n")
    assert sentences(path) == [
        (
            "rows.csv, line 2: this row has 5 cells, and the header has 4: put a text that"
            " holds the"
            " delimiter in double quotes"
        )
    ]


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    text = "operation,input_text,voice_id,voice_id\naudio.tts,Hello.,a,b\n"
    path = written(tmp_path / "rows.csv", text)
    assert sentences(path)[0] == (
        "rows.csv, line 1, column voice_id: 2 columns have this name: leave one, and rename or"
        " delete the others"
    )
    path = written(tmp_path / "two.csv", "operation,text,input_text,voice_id\naudio.tts,a,b,c\n")
    assert sentences(path, map={"text": "input_text"}) == [
        (
            "two.csv, line 1, column input_text: this column and text are both input_text:"
            " leave one"
            " out"
        )
    ]


def test_a_formula_in_a_csv_file_is_no_text(tmp_path: Path) -> None:
    rows = "audio.tts,a,=A2,nicole\naudio.tts,b,=) Hello.,nicole\n"
    (told,) = sentences(written(tmp_path / "rows.csv", f"{HEADER}\n{rows}"))
    assert told == (
        "rows.csv, line 2, column input_text: the cell holds the formula '=A2' and not its value:"
        " copy the column, and paste its values only"
    )


# Spreadsheets


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[Callable[[Any, Any], None]], Path]:
    """Return a function that writes a spreadsheet: a header, and what a function writes."""

    def write(fill: Callable[[Any, Any], None]) -> Path:
        path = tmp_path / "rows.xlsx"
        with xlsxwriter.Workbook(path) as book:
            page = book.add_worksheet()
            page.write_row(0, 0, ["operation", "key", "input_text", "voice_id", "rate"])
            fill(page, book)
        return path

    return write


def test_formula_cells_give_their_values_and_broken_ones_a_sentence(
    sheet: Callable[[Callable[[Any, Any], None]], Path],
) -> None:
    def fill(page: Any, _book: Any) -> None:
        for row in range(1, 4):
            page.write_row(row, 0, ["audio.tts", f"row {row}", "Hello.", "nicole"])
        page.write_formula(1, 2, '=B2&"!"', None, "row 1!")
        page.write_formula(2, 4, "=1/0", None, "#DIV/0!")
        page.write_formula(3, 3, "=A1", None, "")
        page.write_formula(3, 7, "=1/0", None, "#DIV/0!")  # a column that nobody reads

    path = sheet(fill)
    assert sentences(path) == [
        "rows.xlsx, line 3, column E (rate): the cell shows the error #DIV/0!: repair its formula",
        (
            "rows.xlsx, line 4, column D (voice_id): the cell holds a formula that was never"
            " calculated: open the spreadsheet in Excel or LibreOffice, and save it"
        ),
    ]
    first = next(iter(read(path)))
    assert isinstance(first, BatchRow)
    assert first.request.to_dict()["input_text"] == "row 1!"


def test_dates_and_numbers_of_too_many_digits_are_no_texts(
    sheet: Callable[[Callable[[Any, Any], None]], Path],
) -> None:
    def fill(page: Any, book: Any) -> None:
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        page.write_row(1, 0, ["audio.tts", "", "Hello.", "nicole"])
        page.write_datetime(1, 1, dt.date(2026, 4, 3), day)
        page.write_row(2, 0, ["audio.tts", 7, 42, "nicole"])
        page.write_row(3, 0, ["audio.tts", 12345678901234567, "Hello.", "nicole"])

    path = sheet(fill)
    assert sentences(path) == [
        (
            "rows.xlsx, line 2, column B (key): the cell holds the date or time 2026-04-03:"
            " format the"
            " column as text, and type the value again, as spreadsheets make dates of texts such as"
            " 3-4"
        ),
        (
            "rows.xlsx, line 4, column B (key): a spreadsheet keeps 15 digits of a number,"
            " so this one"
            " may be wrong: format the column as text, and type it again"
        ),
    ]
    (right,) = [row for row in read(path) if isinstance(row, BatchRow)]
    assert (right.key, right.request.to_dict()["input_text"]) == ("7", "42")


def test_a_spreadsheet_that_is_torn_is_told(tmp_path: Path) -> None:
    (told,) = sentences(written(tmp_path / "rows.csv", b"PK\x03\x04 and no more"))
    assert told.startswith("rows.csv: the spreadsheet cannot be read (")


def test_blanks_around_an_operation_are_no_other_operation(tmp_path: Path) -> None:
    rows = "audio.tts ,a,Hello.,nicole\n audio.tts,b,Hello.,nicole\naudio.tts,c,Hello.,nicole\n"
    path = written(tmp_path / "rows.csv", f"{HEADER}\n{rows}")
    assert list(check(path).lines()) == ["3 rows: 3 audio.tts"]


def test_a_table_without_a_header_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", "audio.tts,a,Hello.\naudio.tts,b,Bye.\n")
    assert sentences(path) == [
        (
            "rows.csv, line 1, column operation: the first line must hold the names of the columns,"
            " and this is a row"
        )
    ]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_column_that_is_mapped_to_nothing_is_a_fault(tmp_path: Path, name: str) -> None:
    content = as_lines([said(key="a")]) if name.endswith("l") else f"{HEADER}\naudio.tts,a,Hi.,v\n"
    path = written(tmp_path / name, content)
    faults = faults_of(check(path, RowOptions(map={"key": "inputtext"})))
    assert [fault.sentence for fault in faults] == [
        (
            "--map 'key=inputtext': no operation of this manifest has such a parameter; did you"
            " mean 'input_text'?"
        )
    ]
    assert check(path, RowOptions(map={"key": ""})).ok


@pytest.mark.parametrize(
    ("face", "sentence"),
    [
        ({"path": 3}, "path must be a text, not a number (here: '3')"),
        ({"path": PHOTO, "opts": 5}, "opts must be a text, not a number (here: '5')"),
        ([{"path": PHOTO}, {"path": "no"}], "[1].path must be an http or https URL (here: 'no')"),
    ],
)
def test_what_is_wrong_in_a_face_is_named(tmp_path: Path, face: Any, sentence: str) -> None:
    row = {"operation": "reage.image", "face_reage": 9, "modify_image": PHOTO, "target_image": face}
    assert sentences(written(tmp_path / "rows.jsonl", as_lines([row]))) == [
        f"rows.jsonl, line 1, column target_image: {sentence}"
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [("rows.xlsx", "spreadsheet"), ("rows.XLS", "spreadsheet"), ("rows.parquet", "Parquet file")],
)
def test_a_text_with_the_name_of_a_spreadsheet_is_told(
    tmp_path: Path, name: str, what: str
) -> None:
    assert sentences(written(tmp_path / name, f"{HEADER}\naudio.tts,a,Hello.,nicole\n")) == [
        f"{name}: the file is no {what}, whatever its name says: a text is named .csv or .jsonl"
    ]


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xdb\0C\0"


@pytest.mark.parametrize("content", [PNG, JPEG, PNG + bytes(300)])
def test_a_picture_is_no_manifest_and_no_text_in_utf_16(tmp_path: Path, content: bytes) -> None:
    (told,) = sentences(written(tmp_path / "rows.csv", content))
    assert told.startswith("rows.csv: the file is no text: it may be a picture")


def test_a_name_that_stands_twice_in_an_object_is_told(tmp_path: Path) -> None:
    twice = as_lines([said()]).replace(b'"voice_id"', b'"input_text":"Bye.","voice_id"')
    spaced = twice.replace(b'":"', b'" : "')
    face = b'[{"path":"https://a.example/1.jpg","path":"https://a.example/2.jpg"}]'
    nested = b'{"operation":"reage.image","target_image":' + face + b"}\n"
    right = as_lines([said('A text with "voice_id":" in it.'), said('{"a":1,"a":2}')])
    path = written(tmp_path / "rows.jsonl", right + twice + spaced + nested)
    assert sentences(path) == [
        f"rows.jsonl, line {line}: this line names {name!r} twice in one object: leave one out"
        for line, name in ((3, "input_text"), (4, "input_text"), (5, "path"))
    ]
