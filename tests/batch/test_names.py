"""Names of files from templates: safe on every file system, and never outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from akool_async import InvalidInput
from akool_async.batch.files.names import FileNames, NamedRow
from akool_async.batch.files.placing import NamesInUse, put_in_place

ROW = NamedRow("row-1", "audio.tts", 7, "65f0", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{key}{ext}", "row-1.wav"),
        ("{key}", "row-1.wav"),
        ("{operation}/{line}-{id}{ext}", "audio.tts/7-65f0.wav"),
        ("{date:%Y-%m}/{date}-{key}{ext}", "2026-01/2026-01-02-row-1.wav"),
        ("night of {key}{ext}", "night of row-1.wav"),
        ("{stem}{ext}", "row-1.wav"),
    ],
)
def test_a_template_names_the_file(template: str, path: str) -> None:
    assert FileNames(template).path_of(ROW, ".wav") == path


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        ("{operation}{ext}", "needs {key}, {line}, {id} or {stem}"),
        ("{key}/{operation}{ext}", "needs {key}, {line}, {id} or {stem}"),
        ("../{key}", "must be relative"),
        ("/root/{key}", "must be relative"),
        ("a/./{key}", "must be relative"),
        ("a//{key}", "must be relative"),
        ("", "must be relative"),
        ("{name}-{key}", "unknown field"),
        ("{key:>5}", "only {date} takes one"),
        ("{line:06}", "only {date} takes one"),
        ("{date:%Q}{key}", "a date of unknown parts"),
        ("{date:%}{key}", "a date of unknown parts"),
        ("{date:%Y/%m}-{key}", "none holds a /"),
        ("{key}{ext}.bak", "at its end only"),
        ("a:b-{key}", "some file systems refuse"),
        ("{key", "belongs to no field"),
        ("c:\\{key}", "some file systems refuse"),
    ],
)
def test_a_template_that_cannot_work_is_refused(template: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        FileNames(template)


@pytest.mark.parametrize(
    "key",
    [
        *("../../etc/passwd", "a/b", "con", "com¹", "a\0b", ".", "..", "a:b", " ", "\u202egpj.exe"),
        *("x" * 5000, "é" * 200, "日" * 200, "\U0001f980" * 100, "\udc80"),
    ],
)
def test_no_key_leads_outside_or_makes_a_name_that_is_refused(key: str) -> None:
    for template in ("{key}{ext}", "{key}/{line}{ext}", "con{date:}{key}"):
        path = FileNames(template).path_of(ROW._replace(key=key), ".wav")
        assert ".." not in path.split("/")
        assert all(0 < len(part.encode()) <= 200 for part in path.split("/"))
        assert not any(mark in path for mark in '\0\\:*?"<>|')


@pytest.mark.parametrize(
    "key", ["日本", "naïve", "Привет", "हिन्दी", "row 7", "R&D #1 (50%)", "\U0001f980"]
)
def test_a_key_of_any_script_stays_readable(key: str, tmp_path: Path) -> None:
    path = FileNames().path_of(ROW._replace(key=key), ".wav")
    assert path == f"{key}.wav"
    (tmp_path / path).touch()
    assert [each.name for each in tmp_path.iterdir()] == [path]


def test_only_what_a_file_system_refuses_is_replaced() -> None:
    path = FileNames().path_of(ROW._replace(key="\u65e5\u672c: 1/2"), "")
    assert re.fullmatch("日本- 1-2-[0-9a-f]{8}", path)


def test_two_forms_of_one_letter_are_two_names() -> None:
    composed, decomposed = (
        FileNames().path_of(ROW._replace(key=each), "") for each in ("\u00e9", "e\u0301")
    )
    assert composed == "\u00e9"
    assert re.fullmatch("\u00e9-[0-9a-f]{8}", decomposed)


@pytest.mark.parametrize("given", ["photos/Ann 7.jpg", "Ann 7", "https://photos.example/Ann 7.png"])
def test_a_file_is_named_after_the_file_that_it_was_made_from(given: str) -> None:
    row = ROW._replace(input=given)
    assert FileNames("{stem}{ext}").path_of(row, ".png") == "Ann 7.png"
    assert FileNames("{stem}-{key}").path_of(row, ".png") == "Ann 7-row-1.png"


def test_keys_that_are_made_safe_stay_different() -> None:
    names = FileNames()
    keys = ["a b", "a-b", "a/b", "a?b"]
    assert len({names.path_of(ROW._replace(key=key), "") for key in keys}) == len(keys)


def test_the_key_stands_for_a_line_that_is_not_known() -> None:
    assert FileNames("{line}").path_of(ROW._replace(line=0), ".wav") == "row-1.wav"


def test_ten_thousand_rows_share_a_folder() -> None:
    names = FileNames("{operation}/{key}")
    paths = [names.path_of(ROW._replace(line=line), "") for line in (1, 9999, 10_000, 123_456)]
    assert paths == [
        *["audio.tts/row-1"] * 2,
        *("audio.tts/1/row-1", "audio.tts/12/row-1"),
    ]


def test_a_file_gets_its_extension_by_its_content(tmp_path: Path) -> None:
    part = tmp_path / "part.mp4"
    part.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(10))
    placed = put_in_place(
        part,
        tmp_path / "media",
        FileNames(),
        ROW,
        in_use=NamesInUse(),
        is_anothers=lambda _: False,
    )
    assert placed.path == "row-1.png"
    assert (tmp_path / "media/row-1.png").stat().st_size == placed.size == 18


def test_a_file_takes_no_place_of_another_row(tmp_path: Path) -> None:
    names, media = FileNames("{line}"), tmp_path / "media"
    media.mkdir()
    (media / "7.png").write_bytes(b"another row's")
    for _ in range(2):  # again, after a crash
        part = tmp_path / "part"
        part.write_bytes(b"\x89PNG\r\n\x1a\n")
        placed = put_in_place(
            part,
            media,
            names,
            ROW,
            in_use=NamesInUse(),
            is_anothers=lambda path: path == "7.png",
        )
        assert placed.path == f"7-{sha256(ROW.key.encode()).hexdigest()[:8]}.png"
    assert (media / "7.png").read_bytes() == b"another row's"
    assert len(list(media.iterdir())) == 2
