"""Requests with secrets from the command line: from a file or standard input, and shown nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from akool_async.simulator import Simulator
from tests.cli.commands import Command

CANARY = "canary-0123456789"
VOICE = json.dumps({"elevenlabs_settings": {"api_key": CANARY}, "speed": 1.1})


def test_the_help_says_how_to_give_a_secret(bare: Command) -> None:
    told = " ".join(bare("streaming", "session", "--help").out.split())
    assert told.count("It may hold a secret: give it as @FILE") == 2  # voice and channel


@pytest.mark.parametrize("whole", [True, False])
def test_a_secret_is_read_from_a_file_and_not_printed(
    tmp_path: Path, akool: Command, *, whole: bool
) -> None:
    file = tmp_path / "voice.json"
    file.write_text(f'{{"avatar_id": "a", "voice_params": {VOICE}}}' if whole else VOICE)
    given = (
        ("--request", str(file)) if whole else ("--avatar-id", "a", "--voice-params", f"@{file}")
    )
    ended = akool("streaming", "session", *given, "--json")
    assert ended.status == 0
    assert CANARY not in ended.out + ended.err


@pytest.mark.parametrize("options", [(), ("--json",), ("--wait",), ("--wait", "--json")])
def test_the_user_s_own_token_is_not_printed_though_the_reply_repeats_it(
    tmp_path: Path, akool: Command, akool_simulator: Simulator, options: tuple[str, ...]
) -> None:
    async def repeat(name: str, request: web.Request) -> web.Response | None:
        if name not in {"streaming.session", "streaming.get"}:
            return None
        credentials = {"livekit_url": "wss://rtc.example", "livekit_token": CANARY}
        status = 1 if name == "streaming.session" else 3
        data = {"_id": "65f8017f56559aa67f0ecde7", "status": status, "credentials": credentials}
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    akool_simulator.fault = repeat
    file = tmp_path / "request.json"
    channel = {"livekit_url": "wss://rtc.example", "livekit_token": CANARY}
    document = {"avatar_id": "a", "stream_type": "livekit", "credentials": channel}
    file.write_text(json.dumps(document))
    ended = akool("streaming", "session", "--request", str(file), *options)
    assert ended.status == 0
    assert CANARY not in ended.out + ended.err
    assert "***" in ended.out + ended.err


@pytest.mark.parametrize(
    "voice", ['{"elevenlabs_settings": {"apikey": "%s"}}', '{"speed": "%s"}', '{"%s"', '["%s"]']
)
def test_a_refusal_on_the_command_line_shows_no_secret(voice: str, bare: Command) -> None:
    for as_json in ((), ("--json",)):
        given = ("--avatar-id", "a", "--voice-params", voice % CANARY)
        ended = bare("streaming", "session", *given, *as_json)
        assert ended.status == 2
        assert CANARY not in ended.out + ended.err


@pytest.mark.parametrize("languages", [("fr", "ja"), ("fr,ja",)])
def test_several_languages_on_the_command_line_are_refused_with_what_to_do(
    languages: tuple[str, ...], bare: Command
) -> None:
    options = [part for each in languages for part in ("--language", each)]
    ended = bare("video", "translate", "--url", "https://media.example/a.mp4", *options)
    assert ended.status == 2
    assert "run one command for each" in " ".join(ended.err.split())


def test_a_secret_is_not_set_for_all_rows_because_the_folder_would_keep_it(
    tmp_path: Path, akool: Command
) -> None:
    manifest, out = tmp_path / "rows.csv", tmp_path / "out"
    manifest.write_text("operation,avatar_id\nstreaming.session,a\n")
    ended = akool("run", str(manifest), "--out", str(out), "--set", f"voice_params={VOICE}")
    assert ended.status == 2
    assert "put it into the manifest" in " ".join(ended.err.split())
    assert CANARY not in ended.out + ended.err
    assert not out.exists()
