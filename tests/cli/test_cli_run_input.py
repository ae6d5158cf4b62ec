"""What `akool run`, `akool fetch` and `akool verify` say of wrong options, rows and folders."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, Command

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


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_a_folder_that_is_no_runs_is_left_alone(
    akool: Command, tmp_path: Path, command: str
) -> None:
    ended = akool(command, str(tmp_path))
    assert ended.status == 2
    assert "is no run's folder: it has no journal.sqlite" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_verify_says_what_to_do_about_a_damaged_file(akool: Command, tmp_path: Path) -> None:
    folder = str(tmp_path / "the night.run")
    rows = written(tmp_path, {"key": "cut"}, {"key": "changed"}, {"key": "gone"})
    assert akool("run", rows, "--out", folder, "--quiet", "--no-report").status == 0
    cut, changed, gone = (
        next(Path(folder, "media").glob(f"{key}.*")) for key in ("cut", "changed", "gone")
    )
    cut.write_bytes(cut.read_bytes() + b"\n")
    changed.write_bytes(changed.read_bytes()[:-1] + b"\n")
    gone.unlink()
    advice = "delete what you did not change yourself"
    ended = akool("verify", folder)
    assert ended.status == 1
    assert ended.out.splitlines()[3:] == [
        "0 files as results.jsonl says",
        f"2 results without a whole file: akool fetch '{folder}'",
        f"1 result with another content: {advice}, then akool fetch '{folder}'",
    ]
    changed.unlink()
    assert akool("fetch", folder, "--quiet").status == 0
    assert akool("verify", folder) == (0, "3 files as results.jsonl says\n", "")


def test_notes_of_a_check_are_printed_once(bare: Command, tmp_path: Path) -> None:
    ended = bare("run", written(tmp_path, {"key": "a", "author": "Ann"}), "--check")
    assert ended.status == 0
    assert (ended.out + ended.err).count("no operation reads this column") == 1
    assert (ended.out + ended.err).count("1 row: 1 audio.tts") == 1


def test_a_check_of_standard_input_needs_no_folder(
    tmp_path: Path,
) -> None:
    rows = Path(written(tmp_path, {"key": "a"}, {"key": "b"}))
    words = [*COMMAND, "run", "-", "--check"]
    with rows.open() as opened:
        ended = subprocess.run(words, stdin=opened, cwd=tmp_path, capture_output=True, check=True)
    assert ended.stdout.decode() == "2 rows: 2 audio.tts\n"
    assert list(tmp_path.iterdir()) == [rows]


def test_a_bucket_is_no_folder_to_save_to(
    akool: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--input-text", "Hello.", "--voice-id", "v", "--save", "s3://bucket/night/")
    ended = akool("audio", "tts", *words)
    assert ended.status == 1
    assert "save_to= takes a bucket" in ended.err
    assert list(tmp_path.iterdir()) == []


VIDEO = {
    "operation": "image2video.batch",
    "image_url": "https://media.example/still.png",
    "prompt": "slow push in",
    "model_name": "AkoolImage2VideoFastV1",
    "resolution": "480p",
    "video_length": 5,
}


def test_a_check_compares_rows_with_their_models(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    rows = [VIDEO, VIDEO | {"resolution": "720p"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = akool("run", str(file), "--check")
    assert ended.status == 2
    assert "line 1, column resolution: must be one of 720p, 1080p, 4k" in ended.err
    assert akool_simulator.requests == {"models.list": 1}


def test_a_run_without_check_asks_for_no_models(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(VIDEO) + "\n")
    out = str(tmp_path / "videos.run")
    assert akool("run", str(file), "--no-report", "--out", out).status == 0
    assert akool_simulator.requests["models.list"] == 0


def test_a_check_without_credentials_says_that_models_were_not_checked(
    bare: Command, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(VIDEO) + "\n")
    ended = bare("run", str(file), "--check")
    assert ended.status == 0
    assert "note: the rows' models were not checked: no credential" in ended.out


def test_a_check_without_a_network_says_that_models_were_not_checked(
    bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKOOL_API_KEY", "the-key")
    with socket.socket() as unheard:  # bound, and nobody listens there
        unheard.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AKOOL_BASE_URL", f"http://127.0.0.1:{unheard.getsockname()[1]}")
        file = tmp_path / "rows.jsonl"
        file.write_text(json.dumps(VIDEO) + "\n")
        ended = bare("run", str(file), "--check")
    assert ended.status == 0
    assert "note: the rows' models were not checked" in ended.out
