"""`akool demo`, run as the command that users run."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import wave
import zlib
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import av
import click
import pytest
from aiohttp import web

from akool_async.cli import progress, report
from akool_async.cli.inspection import flaw_of
from akool_async.cli.statuses import BAD_INPUT
from akool_async.cli.tree import COMMANDS, akool, run
from akool_async.cli.workload import documented_requests, mixed_requests, paid_requests
from akool_async.endpoints import OPERATIONS
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol import token
from akool_async.simulator import Simulator, media
from akool_async.simulator.world import REASONS
from tests.cli.commands import COMMAND, Ended, Terminal, ctrl_c_once, environment, until

FIXTURES = Path(__file__).parents[1] / "fixtures"
QUICK = ("--pace", "0.1")
KINDS = 6


def demo(
    folder: Path, *options: str, simulator: Simulator | None = None, answer: str = ""
) -> Ended:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name in os.environ.keys() - environment().keys():
            patch.delenv(name)
        for name, value in environment(simulator).items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.StringIO(answer))
        status = run(["demo", "--out", str(folder), *options])
    return Ended(status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def running_demo(
    folder: Path, *options: str, simulator: Simulator | None = None
) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--out", str(folder), *options],
        env=environment(simulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def has_line(output: str, pattern: str) -> bool:
    return any(re.fullmatch(pattern, line) for line in output.splitlines())


def rows_of(output: str) -> dict[str, tuple[int, int]]:
    """Return how many jobs of each operation are done and failed, from the final table."""
    rows = re.findall(r"^(\w+\.\w+|all) +(\d+) +(\d+) +\S+ +\S+ +[\d.]+ \w+$", output, re.MULTILINE)
    return {name: (int(done), int(failed)) for name, done, failed in rows}


def failures_of(output: str) -> dict[str, int]:
    """Return how many jobs failed for each reason."""
    found = re.findall(r"^ +(\d+)  (\S.*)$", output, re.MULTILINE)
    return {reason: int(count) for count, reason in found}


def files_in(folder: Path) -> list[Path]:
    """Return the saved results."""
    beside = {"index.html"}
    paths = (path for path in folder.iterdir() if path.name not in beside)
    return sorted(path for path in paths if not path.name.startswith("."))


def opens(path: Path) -> bool:
    """Return whether a file can be read, without any code of the package."""
    content = path.read_bytes()
    if path.suffix == ".wav":
        with wave.open(str(path)) as sound:
            frames: int = sound.getnframes()
            return frames > 0
    if path.suffix == ".mp4":
        with av.open(path) as film:
            return len(list(film.decode(video=0))) > 1
    assert path.suffix == ".png"
    position, kinds = 8, list[bytes]()
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        assert zlib.crc32(content[position + 4 : end]) == int.from_bytes(content[end : end + 4])
        kinds.append(kind)
        position = end + 4
    return (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")


# Against the simulator


def test_the_final_table_of_a_demo_agrees_with_the_files_on_disk(tmp_path: Path) -> None:
    options = ("--jobs", "24", "--fail-rate", "0.3", "--seed", "5", *QUICK)
    with running_demo(tmp_path, *options) as process:
        stdout, stderr = process.communicate(timeout=60)
    ended = Ended(process.returncode, stdout, stderr)
    assert (ended.status, ended.err) == (0, "")
    rows = rows_of(ended.out)
    done, failed = rows.pop("all")
    assert rows.keys() == documented_requests().keys()
    assert all(sum(counts) == 24 // KINDS for counts in rows.values())
    assert done == sum(counts[0] for counts in rows.values())
    assert failed == 24 - done == sum(failures_of(ended.out).values()) > 0
    files = files_in(tmp_path)
    assert len(files) == done > 0
    assert all(map(opens, files))
    assert all(path.stem.encode() in path.read_bytes() for path in files)
    assert f"{tmp_path}{os.sep}" in ended.out


def test_a_demo_reports_its_requests_and_files(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--jobs", "18", "--concurrency", "4", *QUICK)
    assert ended.status == 0, ended.err
    assert re.search(
        r"^requests +\d\.\d\d per job: 18 creates, \d+ lookups$", ended.out, re.MULTILINE
    )
    assert re.search(r"^in flight +4 at most, of 4 allowed$", ended.out, re.MULTILINE)
    size = sum(path.stat().st_size for path in files_in(tmp_path))
    assert has_line(ended.out, rf"files +\d+, {size / 1000:.1f} kB")
    assert has_line(ended.out, rf"folder +{tmp_path}/")


def test_the_same_seed_asks_for_the_same_jobs_in_the_same_order() -> None:
    first, again, other = (mixed_requests(30, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert set(Counter(request.label for request in first).values()) == {30 // KINDS}


def test_failures_are_said_to_be_simulated_and_counted_by_reason(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--jobs", "12", "--fail-rate", "1", *QUICK)
    assert (ended.status, ended.err) == (0, "")
    assert rows_of(ended.out)["all"] == (0, 12)
    assert "12 jobs failed, as simulated." in ended.out
    found = failures_of(ended.out)
    assert sum(found.values()) == 12
    assert found.keys() <= set(REASONS)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert files_in(tmp_path) == []


def test_of_many_reasons_five_rows_are_shown() -> None:
    reasons = [f"reason {number}" for number in range(7) for _ in range(7 - number)]
    lines = [str(each) for each in report.failures(reasons, simulated=False)]
    assert lines[0] == "28 jobs failed:"
    assert [line.split()[0] for line in lines[1:]] == ["7", "6", "5", "4", "6"]
    assert lines[-1].endswith("for other reasons, see index.html")
    assert len(report.failures(reasons[:-3], simulated=False)) == 6


def test_a_result_is_on_disk_while_other_jobs_still_run(
    tmp_path: Path, akool_simulator: Simulator
) -> None:
    seen: list[bool] = []

    async def wait_for_a_file(name: str, _request: web.Request) -> web.StreamResponse | None:
        if name == "reage.video":
            turns = 0
            while not files_in(tmp_path) and turns < 2000:
                turns += 1
                await asyncio.sleep(0.01)
            seen.append(bool(files_in(tmp_path)))
        return None

    akool_simulator.fault = wait_for_a_file
    ended = demo(tmp_path, "--live", "--yes", simulator=akool_simulator)
    assert (ended.status, ended.err) == (0, "")
    assert seen == [True]


def test_ctrl_c_stops_a_demo_and_prints_its_progress(tmp_path: Path) -> None:
    options = ("--jobs", "60", "--concurrency", "6", "--fail-rate", "0", "--pace", "0.3")
    with ctrl_c_once(lambda: len(files_in(tmp_path)) >= 3):
        ended = demo(tmp_path, *options)
    assert ended.status == 130
    told = re.fullmatch(
        r"Stopped: (\d+) of 60 jobs done, 0 failed; results are in (.*)/\n"
        r"Open (.*)/index\.html: what is there\.\n",
        ended.err,
    )
    assert told, ended.err
    assert 60 > int(told[1]) >= len(files_in(tmp_path)) >= 3
    assert told[2] == told[3] == str(tmp_path)
    sheet = (tmp_path / "index.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img [^>]*src="([^"]+)"', sheet)
    assert {*shown} <= {path.name for path in files_in(tmp_path)}
    assert all(map(opens, files_in(tmp_path)))
    assert list(tmp_path.glob(".*.part")) == []


def test_the_requests_are_those_of_the_documented_exchanges() -> None:
    exchanges = dict.fromkeys(documented_requests(), "") | {"faceswap.image": ".curl"}
    for name, variant in exchanges.items():
        path = FIXTURES / f"{name.replace('.', '/')}{variant}.json"
        body = json.loads(path.read_text("utf-8"))["body"]
        assert documented_requests()[name] == OPERATIONS[name].from_wire(body)


def test_paid_requests_name_no_webhook() -> None:
    for name, request in paid_requests().items():
        printed = documented_requests()[name].to_wire()
        del printed["webhookUrl"]
        assert request.to_wire() == printed


# Wrong arguments


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--jobs", "0"), "--jobs"),
        (("--jobs", "many"), "--jobs"),
        (("--concurrency", "-1"), "--concurrency"),
        (("--fail-rate", "1.5"), "--fail-rate"),
        (("--fail-rate", "nan"), "--fail-rate"),
        (("--pace", "0"), "--pace"),
        (("--pace", "inf"), "--pace"),
        (("--yes",), "--yes"),
        (("--live", "--seed", "1"), "--seed"),
        (("--nothing-like-it",), "--nothing-like-it"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    ended = demo(tmp_path / "out", *options)
    assert ended.status == 2
    assert re.fullmatch(rf"akool demo: .*{named}.*\n", ended.err)
    assert ended.out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_reported_before_any_job_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    ended = demo(tmp_path / "file" / "out")
    assert ended.status == 1
    assert re.fullmatch(r"akool: nothing can be saved in .*/file/out: .+\n", ended.err)
    assert ended.out == ""


# Live demos: here, against a simulator that the environment names


def test_a_live_demo_that_is_declined_starts_nothing(
    tmp_path: Path, akool_simulator: Simulator
) -> None:
    for answer in ("n\n", "\n", ""):
        ended = demo(tmp_path, "--live", simulator=akool_simulator, answer=answer)
        assert (ended.status, ended.err) == (1, "")
        assert "6 paid jobs" in ended.out
        assert "which has 10000 credits now" in ended.out
        assert "Nothing was started" in ended.out
    assert akool_simulator.requests == {"account.credit": 3}


@pytest.mark.parametrize(("options", "answer"), [((), "y\n"), (("--yes",), "")])
def test_a_live_demo_runs_one_job_of_each_kind_and_prints_the_remaining_credit(
    tmp_path: Path, akool_simulator: Simulator, options: tuple[str, ...], answer: str
) -> None:
    ended = demo(tmp_path, "--live", *options, simulator=akool_simulator, answer=answer)
    assert (ended.status, ended.err) == (0, "")
    assert ("Start them?" in ended.out) == bool(answer)
    assert akool_simulator.world.creates == dict.fromkeys(documented_requests(), 1)
    sent = {job.name: job.request for job in akool_simulator.world.jobs.values()}
    assert sent == paid_requests()
    assert "The account has 9994 credits left" in ended.out
    assert {path.stem for path in files_in(tmp_path)} == set(akool_simulator.world.jobs)


def test_a_live_demo_without_credentials_names_the_variables_to_set(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--live", "--yes")
    assert ended.status == BAD_INPUT
    assert re.match(r"akool: .*AKOOL_API_KEY.*\n", ended.err)


def test_a_live_job_that_fails_is_a_problem(tmp_path: Path) -> None:
    with Simulator(pace=0.1, fail_rate=1.0).in_thread() as simulator:
        ended = demo(tmp_path, "--live", "--yes", simulator=simulator)
    assert ended.status == 1
    assert "6 paid jobs failed" in ended.out
    assert sum(failures_of(ended.out).values()) == 6
    assert "simulat" not in ended.out


def test_a_file_with_other_content_is_a_problem(tmp_path: Path, akool_simulator: Simulator) -> None:
    async def damage(name: str, request: web.Request) -> web.StreamResponse | None:
        wrong = name == "media" and request.path.endswith(".png")
        return web.Response(body=b"no picture") if wrong else None

    akool_simulator.fault = damage
    ended = demo(tmp_path, "--live", "--yes", simulator=akool_simulator)
    assert ended.status == 1
    assert "2 problems:" in ended.out
    assert ended.out.count(".png: its content is not that of a .png file") == 2


def test_a_file_that_cannot_be_fetched_is_a_problem_and_names_its_token(
    tmp_path: Path, akool_simulator: Simulator
) -> None:
    async def lose(name: str, request: web.Request) -> web.StreamResponse | None:
        lost = name == "media" and request.path.endswith(".wav")
        return web.Response(status=404) if lost else None

    akool_simulator.fault = lose
    ended = demo(tmp_path, "--live", "--yes", simulator=akool_simulator)
    assert ended.status == 1
    assert len(files_in(tmp_path)) == 4
    jobs = akool_simulator.world.jobs
    lost = {job.id for job in jobs.values() if job.name.startswith("audio.")}
    assert ids_of_tokens(ended.out) == lost


def ids_of_tokens(output: str) -> set[str]:
    return {token.read(text).id for text in re.findall(r"akool\.job\('([^']+)'\)", output)}


def test_a_create_without_an_answer_is_an_error_and_is_not_repeated(
    tmp_path: Path, akool_simulator: Simulator
) -> None:
    async def drop(name: str, _request: web.Request) -> web.StreamResponse | None:
        if name == "reage.video":
            raise ConnectionResetError
        return None

    akool_simulator.fault = drop
    ended = demo(tmp_path, "--live", "--yes", simulator=akool_simulator)
    assert ended.status == 1
    assert "reage.video (not created): reage.video: sent at" in ended.out
    assert has_line(ended.out, r"operation +done +failed +error .*")
    assert akool_simulator.requests["reage.video"] == 1


def test_ctrl_c_in_a_live_demo_prints_the_tokens_of_paid_jobs(tmp_path: Path) -> None:
    with Simulator(pace=1000.0, instant_audio_rate=0.0).in_thread() as simulator:
        with running_demo(tmp_path, "--live", "--yes", simulator=simulator) as process:
            until(lambda: simulator.requests["audio.get"] > 0 and len(simulator.world.jobs) == 6)
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=30)
        assert process.returncode == 130
        assert complaints.startswith("Stopped: 0 of 6 jobs done, 0 failed; results are in")
        assert ids_of_tokens(complaints) == set(simulator.world.jobs)


# Output on a terminal and elsewhere


def on_a_terminal(columns: int, *arguments: str) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; return its exit status and its output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment() | {"TERM": "xterm-256color"},
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


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_progress_is_redrawn_in_place(tmp_path: Path, columns: int) -> None:
    status, written = on_a_terminal(
        columns, "demo", "--jobs", "12", "--fail-rate", "0.4", *QUICK, "--out", str(tmp_path)
    )
    assert status == 0
    assert "\x1b[1A\x1b[2K" in written
    assert written.count("waiting") >= 2
    links = r"\x1b\]8;[^\x1b]*\x1b\\\\"
    final = re.sub(rf"\x1b\[[0-9;?]*[a-zA-Z]|{links}", "", written.rpartition("\x1b[2K")[2])
    assert "waiting" not in final
    assert sum(rows_of(final.replace("\r", ""))["all"]) == 12
    tables = [line for line in final.splitlines() if re.match(r"operation|\w+\.\w+  |──", line)]
    assert len(tables) == 8
    assert max(map(len, tables)) <= columns


def test_without_a_terminal_progress_is_plain_lines(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--jobs", "6", *QUICK)
    assert "\x1b" not in ended.out
    assert has_line(
        ended.out, r"6 of 6 ended, \d failed, 0 in flight, 0 waiting; \d+:\d\d elapsed.*"
    )


def test_the_examples_in_docstrings_hold() -> None:
    for module in (progress, report):
        outcome = doctest.testmod(module)
        assert outcome.attempted > 0
        assert outcome.failed == 0


# Saved files


JOB = "0123456789abcdef01234567"


def saved(folder: Path, made: media.Media, content: bytes | None = None) -> Path:
    path = folder / f"{JOB}{made.extension}"
    path.write_bytes(made.content if content is None else content)
    return path


MAKERS = (media.picture, media.clip, media.sound)


@pytest.mark.parametrize("maker", MAKERS)
def test_a_sound_file_has_no_flaw(tmp_path: Path, maker: Callable[[str], media.Media]) -> None:
    made = maker(f"reage.image {JOB}")
    assert flaw_of(saved(tmp_path, made), JOB, simulated=True) == ""


@pytest.mark.parametrize("maker", MAKERS)
def test_every_flaw_of_a_file_is_found(tmp_path: Path, maker: Callable[[str], media.Media]) -> None:
    made = maker(f"reage.image {JOB}")

    def flaw(content: bytes, *, simulated: bool = True) -> str:
        return flaw_of(saved(tmp_path, made, content), JOB, simulated=simulated)

    assert flaw(b"") == "it is empty"
    assert flaw(made.content[:-1]) == "it is not complete"
    assert flaw(b"<html></html>") == f"its content is not that of a {made.extension} file"
    assert flaw(maker("another job").content) == "its content is that of another job"
    assert flaw(maker("another job").content, simulated=False) == ""


def test_the_name_of_a_file_must_contain_the_id_of_its_job(tmp_path: Path) -> None:
    path = saved(tmp_path, media.picture(JOB))
    assert flaw_of(path, "f" * 24, simulated=False) == "its name is not that of its job"


def test_an_unknown_format_is_a_flaw_only_of_a_simulated_file(tmp_path: Path) -> None:
    path = tmp_path / f"{JOB}.xyz"
    path.write_bytes(JOB.encode())
    assert flaw_of(path, JOB, simulated=True) == "its format '.xyz' is not known"
    assert flaw_of(path, JOB, simulated=False) == ""


# The command as a whole


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_on_a_terminal_all_stages_are_drawn_in_place_and_removed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    assert run(["demo", "--out", str(tmp_path), "--jobs", "12", *QUICK]) == 0
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).replace("\r", "")
    for word in ("waiting", "queued", "working", "done", "failed", "saved", "reage.video"):
        assert word in drawn
    assert "12 of 12" in drawn
    assert re.search(r"\d+:\d\d elapsed", drawn)
    report = terminal.getvalue().rpartition("\x1b[2K")[2]
    assert "12 of 12" not in report
    assert "waiting" not in report


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries_the_command_names_the_extra_to_install(missing: str) -> None:
    ended = python(
        f"import sys; sys.modules[{missing!r}] = None; from akool_async.cli import main; main()"
    )
    assert ended.returncode == 1
    assert re.fullmatch(r"akool: .*pip install 'akool_async\[cli\]'\n", ended.stderr)


def test_help_lists_every_command_in_one_line_and_loads_none() -> None:
    ended = python(
        "import sys; from akool_async.cli.tree import run; sys.argv = ['akool']; run();"
        "print([name for name in sys.modules if name in {'aiohttp', 'msgspec', 'rich'}])"
    )
    assert ended.stdout.endswith("\n[]\n")
    for name, summary in {
        **COMMANDS,
        **{title: row.summary for title, row in NAMESPACES.items()},
    }.items():
        assert has_line(ended.stdout, rf"  {name} +{re.escape(summary)}"), name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_summary_of_each_command(name: str) -> None:
    command: Any = akool.get_command(click.Context(akool), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name]


def test_a_command_that_does_not_exist_is_refused_in_one_line() -> None:
    ended = subprocess.run(
        [*COMMAND, "sing"], env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert re.fullmatch(r"akool: No such command 'sing'.*\n", ended.stderr)
