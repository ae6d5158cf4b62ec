"""`akool job`, `akool errors` and `akool completion`."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from aiohttp import web

from akool_async import __version__
from akool_async.cli import main, tree
from akool_async.cli.tree import COMMANDS
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.registry import NAMESPACES
from akool_async.errors import CODES, PAGE_CODES
from akool_async.protocol import token
from akool_async.protocol.token import JobReference
from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, Command, point_at

PHOTO = "https://photos.example/ann.jpg"
OLDER = ("reage", "image", "--target-image", PHOTO, "--face-reage", "10", "--modify-image", PHOTO)
SITE = "https://docs.akool.com/ai-tools-suite"


def started(akool: Command) -> str:
    """Start a job, and return its token."""
    status, out, _ = akool(*OLDER)
    assert status == 0
    return out.strip()


def fields_of(out: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) +(\S.*)$", out, re.MULTILINE))


# akool job


def test_a_job_that_runs_is_looked_up_once(bare: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(pace=1000.0, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = started(bare)
        before = simulator.requests.total()
        status, out, err = bare("job", text)
        assert (status, err) == (0, "")
        assert simulator.requests.total() == before + 1
    shown = fields_of(out)
    assert shown["operation"] == "reage.image"
    assert shown["id"] == token.read(text).id
    assert shown["status"] in {"queued", "processing"}
    assert "url" not in shown


def test_a_completed_job_shows_the_address_of_its_result(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=0.001, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = started(bare)
        job = token.read(text).id
        assert bare("job", text, "--wait").status == 0
        status, out, _ = bare("job", text, "--json")
        result = json.loads(out)
        assert status == 0
        assert result["url"] == f"{simulator.url}/media/{job}.png"
        assert (result["token"], result["status"]) == (text, "completed")
        assert result["expires_at"].endswith("Z")
        _, by_id, _ = bare("job", job, "--operation", "reage.image", "--json")
        assert json.loads(by_id)["url"] == result["url"]


def test_without_a_date_of_akool_s_the_expiry_is_computed_from_the_token(
    akool: Command, akool_simulator: Simulator
) -> None:
    job = "64dd838cf0b6684651e90217"
    reply = {"_id": job, "video_status": 3, "video": "https://v.example/1"}

    async def answer(_name: str, _request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"code": 1000, "data": reply})

    akool_simulator.fault = answer
    reference = JobReference(name="video.lip_sync", id=job, job_id=None, created=1)
    shown = fields_of(akool("job", token.write(reference)).out)
    assert shown["url"] == "https://v.example/1"
    assert shown["expires_at"] == "1970-01-08 00:00:01 UTC"


def test_a_job_that_failed_exits_with_its_reason(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=0.001, fail_rate=1.0, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = started(bare)
        assert bare("job", text, "--wait").status == 1
        plain, as_json = bare("job", text), bare("job", text, "--json")
    told = re.fullmatch(
        rf"akool: reage\.image: Akool reports that the job failed: (.+); its token is {text}\n",
        plain.err,
    )
    assert told is not None, plain.err
    assert (plain.status, plain.out) == (1, "")
    assert (as_json.status, as_json.err) == (1, plain.err)
    assert json.loads(as_json.out)["error_reason"] == told[1]


def test_a_job_that_is_missing_from_a_list_is_looked_up_again(
    akool: Command, akool_simulator: Simulator
) -> None:
    text = started(akool)
    empty = [1]

    async def omit(_name: str, _request: web.Request) -> web.StreamResponse | None:
        if not empty:
            return None
        empty.pop()
        return web.json_response({"code": 1000, "data": {"result": []}})

    akool_simulator.world.behaviour = type(akool_simulator.world.behaviour)(omit_rate=0.0)
    akool_simulator.fault = omit
    assert akool("job", text).status == 0
    empty += [1, 1, 1]
    status, out, err = akool("job", text)
    assert (status, out) == (1, "")
    assert err == f"akool: Akool does not list reage.image {token.read(text).id}\n"


def test_a_job_is_waited_for_and_saved(akool: Command, tmp_path: Path) -> None:
    text = started(akool)
    status, out, err = akool("job", text, "--save", f"{tmp_path}/", "--json")
    assert status == 0, err
    assert Path(json.loads(out)["saved"]).stem == token.read(text).id
    assert "is accepted" not in err


def test_a_job_is_cancelled(bare: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = started(bare)
        status, out, _ = bare("job", text, "--cancel")
        assert (status, out) == (0, f"reage.image {token.read(text).id} is cancelled.\n")
        assert simulator.world.in_flight == 0
        ended = bare("job", text)
    assert ended.status == 1
    assert "cancelled" in ended.err


def test_a_paid_result_is_not_told_as_cancelled(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=0.0001, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = started(bare)
        status, out, _ = bare("job", text, "--cancel")
        assert simulator.requests["faceswap.cancel"] == 0
    assert status == 0
    assert out == (
        f"reage.image {token.read(text).id} was completed before, and its result is kept;"
        f" to get it: akool job {text} --wait\n"
    )


def test_a_job_that_akool_cannot_cancel_continues(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=1000.0, instant_audio_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = bare("audio", "tts", "--input-text", "Hello.", "--voice-id", "ann").out.strip()
        status, out, err = bare("job", text, "--cancel")
        assert simulator.world.in_flight == 1
    assert (status, out) == (1, "")
    assert err == (
        f"akool: audio.tts: Akool cannot cancel this job; it goes on; its token is {text}\n"
    )


@pytest.mark.parametrize("option", ["--wait", "--save=here"])
def test_cancelling_excludes_waiting(
    option: str, akool: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = started(akool)
    ended = akool("job", text, "--cancel", option)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "akool job: --cancel goes with neither --wait nor --save\n"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "akj1.x",
        token.write(JobReference(name="song.sing", id="1", job_id=None, created=0)),
        token.write(JobReference(name="account.credit", id="1", job_id=None, created=0)),
    ],
)
def test_an_invalid_token_is_refused_without_a_request(
    text: str, akool: Command, akool_simulator: Simulator
) -> None:
    for options in ((), ("--wait",), ("--cancel",)):
        ended = akool("job", text, *options)
        assert (ended.status, ended.out) == (2, "")
        assert re.fullmatch(r"akool job: Invalid value for 'TOKEN': .+\n", ended.err)
    assert akool_simulator.requests == {}


# akool errors


def test_a_code_is_explained_with_its_class_and_its_pages(bare: Command) -> None:
    ended = bare("errors", "1015")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:4] == [
        "1015  Video processing error",
        "ProcessingError: Akool failed while processing.",
        f"What to do: {CODES[1015].advice_on(1015)}",
        "",
    ]
    page = lines.index(f"{SITE}/talking-photo")
    assert lines[page + 1] == "  Create video error, please try again later"


def test_a_page_that_gives_a_code_another_error_is_listed_with_that_error(bare: Command) -> None:
    lines = bare("errors", "1109").out.splitlines()
    assert lines[0] == "1109  account not exist"
    assert lines[1].startswith("AuthenticationError: ")
    assert lines[4:7] == [
        f"{SITE}/talking-avatar",
        "  create avatar video error",
        "  ProcessingError: Akool failed while processing.",
    ]


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_general_and_where_a_page_differs(
    code: int, bare: Command
) -> None:
    status, out, _ = bare("errors", str(code))
    assert status == 0
    assert out.startswith(f"{code}  {CODES[code].sentence}\n{CODES[code].error.__name__}: ")
    for page, meanings in PAGE_CODES.items():
        differs = code in meanings and meanings[code] != CODES[code]
        assert (f"\n{page}\n" in out) is differs
        assert not differs or f"  {meanings[code].sentence}\n" in out


def test_the_table_has_every_code(bare: Command) -> None:
    status, out, _ = bare("errors")
    assert status == 0
    for code, meaning in CODES.items():
        assert re.search(
            rf"^{code} +{meaning.error.__name__} +{re.escape(meaning.sentence)} *$",
            out,
            re.MULTILINE,
        )


def test_an_unknown_code_is_reported_in_one_line(bare: Command) -> None:
    assert bare("errors", "4711") == (
        1,
        "",
        "akool: 4711 is none of Akool's documented error codes\n",
    )
    assert bare("errors", "many").status == 2


# akool completion


def completed(*words: str) -> list[str]:
    """Ask for completions as a shell does; return the offered words."""
    ended = subprocess.run(
        COMMAND,
        env={
            **os.environ,
            "_AKOOL_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["akool", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    return [line.partition(",")[2] for line in ended.stdout.splitlines()]


def test_namespaces_verbs_options_and_choices_complete() -> None:
    assert set(completed("")) == {*COMMANDS, *NAMESPACES}
    assert completed("fa") == ["faceswap"]
    verbs = {name.partition(".")[2] for name in {**ENDPOINTS, **RECIPES} if name[:6] == "video."}
    assert set(completed("video", "")) == {verb.replace("_", "-") for verb in verbs}
    assert completed("reage", "image", "--face") == ["--face-reage"]
    assert completed("image", "refine", "--button", "U") == ["U1", "U2", "U3", "U4"]
    assert completed("errors", "122") == ["1220", "1221", "1222", "1223"]


def test_commands_and_namespaces_complete_with_their_summaries() -> None:
    found = tree.akool.shell_complete(click.Context(tree.akool), "s")
    assert {each.value: each.help for each in found} == {
        "schema": COMMANDS["schema"],
        "set": COMMANDS["set"],
        "simulate": COMMANDS["simulate"],
        "streaming": NAMESPACES["streaming"].summary,
        "studio": NAMESPACES["studio"].summary,
    }


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_namespaces_and_commands_with_their_summaries(
    arguments: tuple[str, ...], bare: Command
) -> None:
    ended = bare(*arguments)
    assert (ended.status, ended.err) == (0, "")
    for name in ("simulate", "webhooks"):
        assert f"  {name} " in ended.out
    assert NAMESPACES["streaming"].summary in " ".join(ended.out.split())


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["sing"], 2)])
def test_the_installed_command_exits_with_its_status(
    arguments: list[str],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["akool", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    out, err = capsys.readouterr()
    assert (__version__ in out) if status == 0 else ("No such command" in err)


def test_completing_a_namespace_loads_nothing() -> None:
    code = (
        "import sys, akool_async.cli.tree as tree\n"
        "try: tree.run([])\n"
        "finally: print([n for n in sys.modules if n in {'aiohttp', 'msgspec', 'rich'}])"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={
            **os.environ,
            "_AKOOL_COMPLETE": "zsh_complete",
            "COMP_WORDS": "akool str",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == f"plain\nstreaming\n{NAMESPACES['streaming'].summary}\n[]\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell: str, bare: Command) -> None:
    status, out, err = bare("completion", shell)
    assert (status, err) == (0, "")
    assert f"_AKOOL_COMPLETE={shell}_complete" in out


def test_a_shell_that_reads_the_script_completes(bare: Command, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    command = tmp_path / "akool"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    script = bare("completion", "bash").out
    asked = f"COMP_WORDS=(akool reage ph); COMP_CWORD=2; _akool_completion {command}"
    ended = subprocess.run(
        [bash, "--norc", "-c", f'{script}\n{asked}\necho "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("photo\n", "")


def test_help_says_how_to_install_the_script(bare: Command) -> None:
    status, out, _ = bare("completion", "--help")
    assert status == 0
    assert """  bash  echo 'eval "$(akool completion bash)"' >> ~/.bashrc\n""" in out
    assert "  fish  akool completion fish > ~/.config/fish/completions/akool.fish\n" in out


def test_an_unknown_shell_is_refused(bare: Command) -> None:
    ended = bare("completion", "tcsh")
    assert (ended.status, ended.out) == (2, "")
    assert re.fullmatch(r"akool completion: .*tcsh.*\n", ended.err)
