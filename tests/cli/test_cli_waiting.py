"""Jobs started from the command line: tokens, results, files, and the end of a wait."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from aiohttp import web

from akool_async.cli.statuses import IN_DOUBT, REFUSED, TIMED_OUT
from akool_async.cli.tree import run
from akool_async.protocol import token
from akool_async.simulator import Simulator
from akool_async.simulator.server import Fault
from akool_async.simulator.world import REASONS
from tests.cli.commands import (
    COMMAND,
    Command,
    Ended,
    Terminal,
    ctrl_c_once,
    environment,
    point_at,
    until,
)

PHOTO = "https://photos.example/ann.jpg"
OLDER = ("reage", "image", "--target-image", PHOTO, "--face-reage", "10", "--modify-image", PHOTO)
TOKEN = r"akj1\.[\w-]+"


def line_of(err: str) -> str:
    """Return the line that tells an error; another one may say what to do."""
    (line,) = (each for each in err.splitlines() if each.startswith("akool: "))
    return line


@contextlib.contextmanager
def running(simulator: Simulator, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Run the real command, and kill it at the end of the test."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(simulator),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


def jobs_of(simulator: Simulator) -> list[str]:
    return list(simulator.world.jobs)


def answer(name: str, *responses: web.Response) -> Fault:
    """Make a fault that answers the first requests to an endpoint, and lets later ones through."""
    left = list(responses)

    async def fault(asked: str, _request: web.Request) -> web.StreamResponse | None:
        return left.pop(0) if asked == name and left else None

    return fault


async def drop(_name: str, _request: web.Request) -> web.StreamResponse | None:
    """Drop the connection instead of an answer."""
    raise ConnectionResetError


# Without waiting


def test_without_waiting_only_the_token_is_printed_and_the_job_continues() -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        with running(simulator, *OLDER) as process:
            status, out, err = ended(process)
        (job,) = jobs_of(simulator)
        assert status == 0
        assert re.fullmatch(rf"{TOKEN}\n", out)
        assert token.read(out.strip()).id == job
        assert err == (
            f"reage.image {job} continues at Akool;"
            f" to wait for it: akool job {out.strip()} --wait\n"
        )
        assert simulator.world.in_flight == 1
        assert simulator.requests == {"reage.image": 1}


def test_json_output_holds_the_receipt_beside_the_token(
    akool: Command, akool_simulator: Simulator
) -> None:
    status, out, err = akool(*OLDER, "--json")
    assert (status, err) == (0, "")
    receipt = json.loads(out)
    (job,) = jobs_of(akool_simulator)
    assert receipt["id"] == token.read(receipt["token"]).id == job
    assert receipt["operation"] == "reage.image"
    assert receipt["status"] in {"queued", "processing"}
    assert receipt["url"] == ""


def test_a_live_session_prints_the_credentials_for_joining_it(
    akool: Command, akool_simulator: Simulator
) -> None:
    reply = {
        "_id": "6698c9d69cf7b0d61d1b6420",
        "status": 1,
        "credentials": {"agora_uid": 7, "agora_channel": "channel", "agora_token": "minutes"},
    }
    akool_simulator.fault = answer(
        "streaming.session", web.json_response({"code": 1000, "data": reply})
    )
    status, out, err = akool("streaming", "session", "--avatar-id", "ann")
    assert (status, token.read(out.strip()).name) == (0, "streaming.session")
    assert re.search(r"^agora_channel +channel$", err, re.MULTILINE)
    assert re.search(r"^agora_token +minutes$", err, re.MULTILINE)


def test_a_job_that_failed_when_it_was_created_is_an_error(
    akool: Command, akool_simulator: Simulator
) -> None:
    reply = {"_id": "65f8017f56559aa67f0ecde7", "status": 4, "error_reason": "no such voice"}
    akool_simulator.fault = answer("audio.tts", web.json_response({"code": 1000, "data": reply}))
    status, out, err = akool("audio", "tts", "--input-text", "Hello.", "--voice-id", "ann")
    assert (status, out) == (1, "")
    assert "no such voice" in err


# Waiting for the result


def test_waiting_ends_with_a_small_table(akool: Command, akool_simulator: Simulator) -> None:
    status, out, err = akool(*OLDER, "--wait")
    (job,) = jobs_of(akool_simulator)
    shown = dict(re.findall(r"^(\w+) +(\S.*)$", out, re.MULTILINE))
    assert status == 0
    assert shown["id"] == job
    assert shown["status"] == "completed"
    assert shown["url"] == f"{akool_simulator.url}/media/{job}.png"
    assert shown["expires_at"].endswith(" UTC")
    assert token.read(shown["token"]).id == job
    lines = err.splitlines()
    assert lines[0] == f"reage.image {job} is accepted; its token is {shown['token']}"
    assert lines[-1] == f"reage.image {job}: completed"


def test_a_result_is_saved_in_a_folder_or_as_a_file(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    status, out, err = akool(*OLDER, "--save", str(tmp_path / "new"), "--json")
    assert status == 0, err
    result = json.loads(out)
    (job,) = jobs_of(akool_simulator)
    assert result["saved"] == str(tmp_path / "new" / f"{job}.png")
    assert job.encode() in Path(result["saved"]).read_bytes()
    assert {"url", "expires_at", "token", "created_at", "predicted_url"} <= result.keys()
    again = akool("job", result["token"], "--save", str(tmp_path / "deep" / "ann.png"))
    assert again.status == 0, again.err
    assert (tmp_path / "deep" / "ann.png").read_bytes() == Path(result["saved"]).read_bytes()


def test_nothing_is_paid_for_if_the_path_cannot_be_written(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    status, out, err = akool(*OLDER, "--save", str(tmp_path / "file" / "ann.png"))
    assert (status, out) == (1, "")
    assert re.fullmatch(r"akool: nothing can be saved in .*/file: .+\n", err)
    assert akool_simulator.requests == {}


def test_a_result_that_cannot_be_downloaded_is_shown_with_a_command_to_try_again(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    akool_simulator.fault = answer("media", web.Response(status=410))
    status, out, err = akool(*OLDER, "--save", f"{tmp_path}/")
    assert status == 1
    assert re.search(r"^status +completed$", out, re.MULTILINE)
    last = err.splitlines()[-1]
    assert re.fullmatch(rf"akool: .* HTTP 410; to try again: akool job {TOKEN} --save PATH", last)
    assert list(tmp_path.iterdir()) == []


def test_an_expired_result_is_shown_without_a_command_to_try_again(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    job = "64dd838cf0b6684651e90217"
    gone = {"_id": job, "video_status": 3, "video": f"{akool_simulator.url}/media/{job}.mp4"}
    reply = web.json_response({"code": 1000, "data": gone})
    akool_simulator.fault = answer("video.get", reply)
    reference = token.JobReference(name="video.lip_sync", id=job, job_id=None, created=1)
    status, out, err = akool("job", token.write(reference), "--save", f"{tmp_path}/")
    assert status == 1
    assert re.search(r"^expires_at +1970-01-08 00:00:01 UTC$", out, re.MULTILINE)
    assert re.fullmatch(rf"akool: video\.lip_sync: .* its token is {TOKEN}", line_of(err))
    assert "try again" not in err


def test_an_operation_without_media_has_no_save_option(akool: Command) -> None:
    arguments = ("moderation", "analyze", "--content", "Hello.", "--type", "text")
    ended = akool(*arguments, "--save", "here")
    assert (ended.status, ended.out) == (2, "")
    assert "--save" in ended.err
    assert akool(*arguments, "--wait").status == 0


def test_a_failed_job_exits_with_its_reason_and_its_token() -> None:
    with Simulator(pace=0.1, fail_rate=1.0).in_thread() as simulator:
        with running(simulator, *OLDER, "--wait", "--json") as process:
            status, out, err = ended(process)
        (job,) = jobs_of(simulator)
    last = err.splitlines()[-1]
    told = re.fullmatch(
        rf"akool: reage\.image: Akool reports that the job failed: (.*); its token is ({TOKEN})",
        last,
    )
    assert status == 1
    assert told is not None, err
    assert told[1] in REASONS
    assert token.read(told[2]).id == job
    assert json.loads(out)["error_reason"] == told[1]


def test_a_create_without_an_answer_warns_against_running_it_again(
    akool: Command, akool_simulator: Simulator
) -> None:
    akool_simulator.fault = drop
    status, out, err = akool(*OLDER)
    assert (status, out) == (IN_DOUBT, "")
    said = r"akool: reage\.image: sent at .*do not just run the command again.*"
    assert re.fullmatch(said, line_of(err))
    assert akool_simulator.requests == {"reage.image": 1}


def test_a_refused_job_is_reported_in_one_line(akool: Command, akool_simulator: Simulator) -> None:
    akool_simulator.world.credit = 0
    status, out, err = akool(*OLDER, "--wait")
    assert (status, out) == (REFUSED, "")
    line, advice = err.splitlines()
    assert line == "akool: reage.image: Your quota is not enough [code 1006, HTTP 200]"
    assert advice.startswith("What to do: Buy credit")


# Waits that end early


def test_a_timeout_ends_the_wait_and_not_the_job() -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        with running(simulator, *OLDER, "--wait", "--timeout", "0.5") as process:
            status, out, err = ended(process)
        (job,) = jobs_of(simulator)
        assert simulator.world.in_flight == 1
    assert (status, out) == (TIMED_OUT, "")
    assert re.fullmatch(
        rf"akool: not ended after 0\.5 seconds; reage\.image {job} continues at Akool;"
        rf" to wait for it: akool job {TOKEN} --wait",
        err.splitlines()[-1],
    )


def test_a_verdict_by_a_late_timer_of_a_command_waits_for_one_look() -> None:
    with (
        Simulator(pace=0.05).in_thread() as simulator,
        running(simulator, *OLDER, "--wait", "--timeout", "1") as process,
    ):
        assert process.stderr is not None
        assert "is accepted" in process.stderr.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)  # longer than its timeout: the stop is what is tested
        process.send_signal(signal.SIGCONT)
        status, out, _ = ended(process)
    assert status == 0
    assert "completed" in out


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "soon"])
def test_an_invalid_timeout_is_refused(timeout: str, akool: Command) -> None:
    ended = akool(*OLDER, "--wait", "--timeout", timeout)
    assert (ended.status, ended.out) == (2, "")
    assert re.fullmatch(r"akool reage image: .*--timeout.*\n", ended.err)


def test_a_timeout_without_a_wait_is_refused(akool: Command, akool_simulator: Simulator) -> None:
    ended = akool(*OLDER, "--timeout", "5")
    assert ended == (2, "", "akool reage image: --timeout goes with --wait or --save\n")
    assert akool_simulator.requests == {}


def test_ctrl_c_leaves_the_job_running_and_prints_its_token(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        with ctrl_c_once(lambda: simulator.requests["faceswap.results"]):
            status, out, err = bare(*OLDER, "--wait")
        (job,) = jobs_of(simulator)
        assert simulator.world.in_flight == 1
    assert (status, out) == (130, "")
    told = re.fullmatch(
        rf"Stopped; reage\.image {job} continues at Akool;"
        rf" to wait for it: akool job ({TOKEN}) --wait",
        err.splitlines()[-1],
    )
    assert told is not None, err
    assert token.read(told[1]).id == job


def test_ctrl_c_during_the_create_still_prints_the_token() -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        arrived: list[str] = []

        async def hesitate(name: str, _request: web.Request) -> web.StreamResponse | None:
            arrived.append(name)
            await asyncio.sleep(1.0)
            return None

        simulator.fault = hesitate
        with running(simulator, *OLDER) as process:
            until(lambda: arrived)
            process.send_signal(signal.SIGINT)
            status, out, err = ended(process)
        (job,) = jobs_of(simulator)
    assert (status, out) == (130, "")
    assert f"Stopped; reage.image {job} continues at Akool" in err


def test_ctrl_c_twice_does_not_claim_that_nothing_was_started() -> None:
    with Simulator().in_thread() as simulator:
        arrived: list[str] = []

        async def hang(name: str, _request: web.Request) -> web.StreamResponse | None:
            arrived.append(name)
            await asyncio.Event().wait()
            return None

        simulator.fault = hang
        with running(simulator, *OLDER) as process:
            until(lambda: arrived)
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)  # two at once are one
            process.send_signal(signal.SIGINT)
            status, out, err = ended(process)
    assert (status, out) == (130, "")
    assert re.fullmatch(
        r"Stopped; reage\.image: sent at .*do not just run the command again.*\n", err
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_in_a_recipe_prints_the_tokens_of_paid_steps(
    bare: Command, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    speaking = ("--input-text", "Hello.", "--voice-id", "ann", "--talking-photo-url", PHOTO)
    options = ("--json",) if as_json else ()
    with Simulator(pace=1000.0, instant_audio_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        with ctrl_c_once(lambda: simulator.requests["audio.get"]):
            stopped = bare("video", "speaking-photo", *speaking, *options)
        status, out, err = stopped
        (job,) = jobs_of(simulator)
    assert status == 130
    if as_json:
        assert stopped.document["error"]["type"] == "Interrupted"
    else:
        assert out == ""
    told = re.fullmatch(
        rf"Stopped; video\.speaking_photo was not started; steps already paid for: ({TOKEN})\n", err
    )
    assert told is not None, err
    assert token.read(told[1]).id == job


def test_a_recipe_that_fails_prints_the_tokens_of_paid_steps() -> None:
    speaking = ("--input-text", "Hello.", "--voice-id", "ann", "--talking-photo-url", PHOTO)
    with Simulator(pace=0.1, fail_rate=1.0, instant_audio_rate=0.0).in_thread() as simulator:
        with running(simulator, "video", "speaking-photo", *speaking, "--wait") as process:
            status, out, err = ended(process)
        (job,) = jobs_of(simulator)
    assert (status, out) == (1, "")
    line = line_of(err)
    assert line.startswith("akool: audio.tts: Akool reports that the job failed: ")
    assert [token.read(text).id for text in re.findall(TOKEN, line)] == [job]


# Output on a terminal


def on_a_terminal(simulator: Simulator, *arguments: str) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; return its exit status and its output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 50, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(simulator) | {"TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = bytearray()
    with process, contextlib.suppress(OSError):  # the end of a terminal is an error on Linux
        while chunk := os.read(ours, 65536):
            written += chunk
    os.close(ours)
    return process.returncode, written.decode()


def test_on_a_terminal_each_status_is_drawn_in_the_place_of_the_last(
    akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    ended = akool(*OLDER, "--wait")
    written = terminal.getvalue()
    assert ended.status == 0
    assert "completed" in ended.out
    assert re.search(r"reage\.image [0-9a-f]{24}: (queued|processing)", written)
    assert "\x1b[2K" in written


def test_media_are_not_written_to_a_terminal(
    akool: Command, akool_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    ended = akool(*OLDER, "--save", "-")
    assert ended.status == 2
    assert "redirect it to a file or a pipe" in ended.err
    assert akool_simulator.requests == {}


def test_media_on_standard_output_are_whole_and_all_else_stands_aside(
    akool_simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    point_at(akool_simulator, monkeypatch)
    assert run([*OLDER, "--save", "-"]) == 0
    out, err = capsysbinary.readouterr()
    (job,) = akool_simulator.world.jobs.values()
    assert out == job.media().content
    assert b"completed" in err


def without_colours(written: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written).replace("\r", "")


def test_on_a_terminal_the_status_is_redrawn_and_the_token_stays(
    akool_simulator: Simulator,
) -> None:
    status, written = on_a_terminal(akool_simulator, *OLDER, "--wait")
    (job,) = jobs_of(akool_simulator)
    assert status == 0
    assert "\x1b[2K" in written
    assert re.search(rf"reage\.image {job}: (queued|processing)", written)
    assert re.search(rf"its token is {TOKEN}\n", without_colours(written))
    final = written.rpartition("\x1b[2K")[2]
    assert re.search(r"^status +completed\r$", final, re.MULTILINE)


def test_on_a_terminal_a_table_has_the_columns_that_fit(akool_simulator: Simulator) -> None:
    voice = {"voice_id": "voice-1", "preview": f"https://v.example/{'x' * 40}", "name": "Ann"}
    akool_simulator.fault = answer(
        "audio.voices", web.json_response({"code": 1000, "data": [voice]})
    )
    status, written = on_a_terminal(akool_simulator, "audio", "voices")
    assert status == 0
    plain = without_colours(written)
    assert re.search(r"^voice_id +name *$", plain, re.MULTILINE)
    assert "There is no room for preview; --json prints all.\n" in plain
    assert max(map(len, plain.splitlines())) <= 50
