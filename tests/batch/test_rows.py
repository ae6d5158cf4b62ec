"""Rows become requests, and each gets a key that stays with what was paid for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from akool_async import Submission
from akool_async.batch import BatchRow, Fault, RowOptions, check, read
from akool_async.endpoints import TTS, Face, ImageReage
from akool_async.errors import InvalidInput
from akool_async.uploads import refuse_files
from tests.batch.manifests import OPTS, PHOTO, as_lines, faults_of, rows_of, said, written

AGED = {"operation": "reage.image", "face_reage": 5, "modify_image": PHOTO}


@pytest.mark.parametrize(
    "columns",
    [
        {"target_image": PHOTO},
        {"target_image": [PHOTO]},
        {"target_image": {"path": PHOTO}},
        {"target_image": f'{{"path": "{PHOTO}"}}'},
        {"target_image.path": PHOTO},
        {"target_image": [{"path": PHOTO, "opts": ""}]},
    ],
)
def test_a_face_is_written_as_it_reads_well(columns: dict[str, Any]) -> None:
    (row,) = rows_of([AGED | columns])
    assert row.request == ImageReage(target_image=[Face(PHOTO)], face_reage=5, modify_image=PHOTO)


@pytest.mark.parametrize(
    "columns",
    [
        {"target_image": f"{PHOTO}@{OPTS}"},
        {"target_image": PHOTO, "target_image.opts": OPTS},
        {"target_image.path": f" {PHOTO} ", "target_image.opts": OPTS},
        {"target_image": [{"path": PHOTO, "opts": OPTS}]},
    ],
)
def test_landmarks_stand_beside_the_face_or_in_a_column(columns: dict[str, Any]) -> None:
    (row,) = rows_of([AGED | columns])
    assert row.request.to_dict()["target_image"] == [{"path": PHOTO, "opts": OPTS}]


def test_a_part_of_several_faces_is_refused_and_a_wrong_part_has_its_own_column() -> None:
    several = AGED | {"target_image": [PHOTO, PHOTO], "target_image.opts": OPTS}
    wrong = AGED | {"target_image": PHOTO, "target_image.opts": "1x"}
    first, second = read([several, wrong])
    assert str(first) == (
        "line 1, column target_image: holds several, so target_image.opts cannot say which one they"
        " belong to"
    )
    assert isinstance(second, Fault)
    assert second.column == "target_image.opts"


def test_any_spreadsheet_fits_without_touching_it(tmp_path: Path) -> None:
    text = "id,text,Author=,urgent\n7,Hello.,Ann,3\n8,Bye.,Bob,\n"
    path = written(tmp_path / "texts.csv", text)
    options = RowOptions.of_texts(
        operation="audio.tts",
        set=["voice_id=nicole", "rate=90%"],
        map=["text=input_text", "id=key", "urgent=priority", "Author=="],
    )
    rows = list(read(path, options))
    assert rows == [
        BatchRow(2, "7", "audio.tts", TTS(input_text="Hello.", voice_id="nicole", rate="90%"), 3),
        BatchRow(3, "8", "audio.tts", TTS(input_text="Bye.", voice_id="nicole", rate="90%"), 0),
    ]
    assert not check(path, options).notices


def test_what_the_command_says_beats_what_the_row_says() -> None:
    (row,) = rows_of([said(rate="50%")], operation="audio.tts", set={"rate": "90%"})
    assert row.request.to_dict()["rate"] == "90%"
    (row,) = rows_of([AGED | {"target_image": PHOTO}], set={"target_image.opts": OPTS})
    assert row.request.to_dict()["target_image"][0]["opts"] == OPTS


def test_an_option_that_no_row_has_a_use_for_is_a_fault_told_once(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", as_lines([said(), said("Bye.")]))
    options = RowOptions.of_texts(set=["rtae=90%", "rate=900%"], map=["txt=key"])
    assert [fault.sentence for fault in faults_of(check(path, options))] == [
        "--set rate: must be a percentage from 0% to 100% (here: '900%')",
        "--set rtae: no operation of this manifest has such a parameter; did you mean 'rate'?",
        "--map txt: there is no such column",
    ]


@pytest.mark.parametrize("text", ["voice_id", "=nicole"])
def test_an_option_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="PARAMETER=VALUE"):
        RowOptions.of_texts(set=[text])
    with pytest.raises(InvalidInput, match="COLUMN=PARAMETER"):
        RowOptions.of_texts(map=[text.replace("=nicole", "text")])


# Keys


def test_sorting_inserting_and_deleting_lines_changes_no_key() -> None:
    rows = [said(f"Text {n % 40}.") for n in range(100)]
    keys = sorted(row.key for row in rows_of(rows))
    assert len(set(keys)) == 100
    random.Random(1).shuffle(rows)
    assert sorted(row.key for row in rows_of(rows)) == keys
    more = sorted(row.key for row in rows_of([said("New."), *rows, said("Text 0.")]))
    assert set(keys) < set(more)
    fewer = [row for row in rows if row["input_text"] != "Text 0."]
    assert {row.key for row in rows_of(fewer)} < set(keys)


def test_a_key_of_a_row_is_of_what_it_asks_for_and_not_of_how_that_is_written() -> None:
    first = AGED | {"target_image": PHOTO}
    second = {"operation": "reage.image", "modify_image": PHOTO, "priority": 9}
    second |= {"face_reage": "5", "target_image.path": PHOTO}
    one, two = rows_of([first, second])
    assert one.key.removesuffix("-1") == two.key.removesuffix("-2")


def test_dedupe_makes_equal_rows_one() -> None:
    rows = [said(), said(), said("Bye."), said(key="a"), said(key="a")]
    reader = read(rows, RowOptions(dedupe=True))
    assert [row.line for row in reader if isinstance(row, BatchRow)] == [1, 3, 4]
    assert (reader.rows, reader.left_out) == (5, 2)
    different = [said(key="a"), said("Bye.", key="a")]
    (fault,) = faults_of(check(different, RowOptions(dedupe=True)))
    assert fault.kind == "key"


# Lists of files


def names_file(row: BatchRow | Fault, path: Path) -> bool:
    """Say whether a row's request holds a file, or, where no field takes one, its fault does."""
    if isinstance(row, BatchRow):
        return bool(getattr(row.request, "url", None) == path)
    return "is a file of this machine" in row.sentence and f"'{path}'" in row.sentence


def test_each_file_of_a_list_becomes_a_row(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", ".hidden"):
        written(tmp_path / name, "picture")
    rows = list(
        read(
            [tmp_path, str(tmp_path / "*.jpg"), PHOTO],
            RowOptions(operation="reage.photo", each="url", set={"years": 20}),
        )
    )
    assert len(rows) == 5
    assert all(
        names_file(row, tmp_path / name)
        for row, name in zip(rows, ["a.jpg", "b.jpg"] * 2, strict=False)
    )
    last = rows[-1]
    assert isinstance(last, BatchRow)
    assert last.request.to_dict()["url"] == PHOTO
    assert last.line == 5


def test_a_pattern_that_fits_no_file_and_several_manifests_are_told(tmp_path: Path) -> None:
    options = RowOptions(operation="reage.photo", each="url")
    pattern = str(tmp_path / "*.png")
    assert [str(row) for row in read([pattern], options)] == [
        f"{pattern}: there is no such file, and no file in a folder of this name"
    ]
    (fault,) = read(["a.csv", "b.csv"])
    assert "several files were given" in str(fault)


def test_a_name_in_a_cell_is_a_file_beside_the_manifest(tmp_path: Path) -> None:
    written(tmp_path / "ann.jpg", "picture")
    row = {"operation": "reage.photo", "url": "ann.jpg"}
    (made,) = read(written(tmp_path / "rows.jsonl", as_lines([row])))
    assert names_file(made, tmp_path / "ann.jpg")


def test_what_an_inspection_refuses_is_a_fault_of_its_row(tmp_path: Path) -> None:
    def inspect(request: Any) -> None:
        if request.to_dict().get("input_text") == "Bye.":
            raise InvalidInput("input_text", "Bye.", "is no welcome")

    path = written(tmp_path / "rows.jsonl", as_lines([said(), said("Bye.")]))
    (fault,) = faults_of(check(path, inspect=inspect))
    assert (fault.line, fault.column) == (2, "input_text")
    assert fault.sentence == "is no welcome (here: 'Bye.')"
    assert [type(each) for each in read([TTS(**said_fields("Bye."))], inspect=inspect)] == [Fault]


def said_fields(text: str) -> dict[str, Any]:
    return {"input_text": text, "voice_id": "nicole"}


# Rows of a program


def test_rows_of_a_program_are_what_map_takes() -> None:
    request = TTS(input_text="Hello.", voice_id="nicole")
    rows = rows_of(
        [
            request,
            ("a", request),
            ("b", "audio.tts", said_fields("Hello.")),
            said(key="c", priority=2),
            {"operation": "audio.tts", "key": "d", "parameters": said_fields("Hello.")},
            {"request": request, "key": "e"},
            Submission(request, key="f", priority=3),
        ]
    )
    assert {row.request for row in rows} == {request}
    assert [(row.line, row.key, row.priority) for row in rows[1:]] == [
        (2, "a", 0),
        (3, "b", 0),
        (4, "c", 2),
        (5, "d", 0),
        (6, "e", 0),
        (7, "f", 3),
    ]


def test_what_is_no_row_is_told() -> None:
    rows: Any = ["audio.tts", 7, ("a", "b"), (1, TTS(**said_fields("Hello.")))]
    assert [fault.line for fault in faults_of(check(iter(rows)))] == [1, 2, 3, 4]


def test_a_file_may_be_named_as_an_address_of_a_file(tmp_path: Path) -> None:
    photo = written(tmp_path / "p 0.png", "picture")
    names = ["p 0.png", "file:p%200.png", photo.as_uri()]
    content = as_lines({"operation": "reage.photo", "years": 20, "url": name} for name in names)
    rows = list(read(written(tmp_path / "rows.jsonl", content)))
    assert all(names_file(row, photo) for row in rows)


def test_a_file_on_another_machine_is_no_file(tmp_path: Path) -> None:
    row = {"operation": "reage.photo", "years": 20, "url": "file://server/p.png"}
    (fault,) = read(written(tmp_path / "rows.jsonl", as_lines([row])))
    assert "must be an http or https URL" in str(fault)


def test_what_is_wrong_with_files_names_each_file_and_says_once_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = [written(Path(f"p{n}.png"), "picture") for n in range(3)]
    options = RowOptions(operation="reage.photo", each="url", set={"years": 20})
    first, *others = read(photos, options, inspect=refuse_files)
    assert str(first).startswith(f"{photos[0]}, column url: is a file, and Akool reads addresses")
    assert "AKOOL_UPLOADS=s3://" in str(first)
    assert [str(each) for each in others] == [
        f"{photo}, column url: is a file, too (here: '{photo}')" for photo in photos[1:]
    ]
