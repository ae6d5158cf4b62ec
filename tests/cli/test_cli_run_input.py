"""What `akool run`, `akool fetch` and `akool verify` say of wrong options, rows and folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Command

ROW = {"operation": "audio.tts", "voice_id": "voice", "input_text": "Hello."}


def written(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))
    return str(file)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--price", "audio.tss=3", "did you mean 'audio.tts'?"),
        ("--price", "audio.*=1", "must name an operation"),
        ("--limits", "vidoe.*=3", "did you mean 'video.*'?"),
        ("--retry-failed", "Bogus", "must be a code"),
        ("--only", "vidoe.*", "did you mean 'video.*'?"),
    ],
)
def test_an_option_that_names_nothing_is_bad_input(
    bare: Command, tmp_path: Path, option: str, value: str, sentence: str
) -> None:
    ended = bare("run", written(tmp_path, {"key": "a"}), "--check", f"{option}={value}")
    assert ended.status == 2
    assert sentence in ended.err
