"""Help: `-h` everywhere, and an example at the end that can be pasted."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
from aiohttp import web

from akool_async.cli.arguments import request_of
from akool_async.cli.examples import lines_of
from akool_async.cli.statuses import WORDS
from akool_async.cli.tree import akool as tree
from akool_async.endpoints import ENDPOINTS, OPERATIONS, RECIPES
from akool_async.protocol import token
from akool_async.protocol.token import JobReference
from akool_async.simulator import Simulator
from tests.cli.commands import Command, environment, point_at

DOCS: Final = Path(__file__).parents[2] / "docs"
HELP: Final = ["-h", "--help"]
"""A command keeps the options for help that it had first."""
TOKEN: Final = token.write(JobReference(name="reage.image", id="abc", job_id=None, created=0))
ENDPOINTS_BY_COMMAND: Final[dict[str, Any]] = {
    f"akool {name.replace('.', ' ').rstrip('_').replace('_', '-')}": cls
    for name, cls in {**ENDPOINTS, **RECIPES}.items()
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words."""
    pending: list[tuple[str, click.Command]] = [("akool", tree)]
    while pending:
        path, command = pending.pop()
        yield path, command
        if isinstance(command, click.Group):
            ctx = click.Context(command)
            for name in command.list_commands(ctx):
                inner = command.get_command(ctx, name)
                assert inner is not None
                pending.append((f"{path} {name}", inner))


COMMANDS: Final = dict(commands())


def example_in(text: str) -> list[str]:
    """Return the words of the example in a help text."""
    found = re.search(r"^ *Example:\s+((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert found, text
    return shlex.split(found[1].replace("\\\n", " ").replace("$TOKEN", TOKEN))


def help_of(path: str) -> str:
    """Return what `-h` prints."""
    *_, name = path.split()
    with click.Context(COMMANDS[path], info_name=name, help_option_names=HELP) as own:
        return own.get_help()


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put the files that examples name into the folder."""
    (tmp_path / "rows.run").mkdir()
    for name in ("rows.csv", "jobs.sqlite", "hooks.jsonl", "photo.png", "rows.run/journal.sqlite"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" * 300)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", COMMANDS)
@pytest.mark.usefixtures("around")
def test_every_help_ends_with_an_example_that_can_be_pasted(path: str) -> None:
    words = example_in(help_of(path))
    called = max((each for each in COMMANDS if words[: len(each.split())] == each.split()), key=len)
    assert called.startswith(path)
    command = COMMANDS[called]
    arguments = words[len(called.split()) :]
    with command.make_context(called, arguments, help_option_names=HELP) as ctx:
        if called in ENDPOINTS_BY_COMMAND:
            request_of(ctx, ENDPOINTS_BY_COMMAND[called])


@pytest.mark.parametrize(
    "name", ["reage.image", "audio.tts", "video.talking_photo", "faceswap.swap"]
)
def test_an_example_runs_and_saves_its_result(
    name: str, bare: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    words = example_in(help_of(f"akool {name.replace('.', ' ').replace('_', '-')}"))
    with Simulator(pace=0.001, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        ended = bare(*words[1:])
    assert ended.status == 0, ended.err
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_the_file_of_examples_is_what_the_documented_exchanges_make(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    made = runpy.run_path(str(DOCS / "build_examples.py"))
    kept = made["PAGE"].read_text("utf-8") == made["page"]()
    assert kept, "run `python docs/build_examples.py`"
    assert made["examples"]().keys() >= OPERATIONS.keys()


def test_h_is_help_in_every_command(bare: Command) -> None:
    for arguments in ((), ("reage",), ("reage", "image"), ("journal", "list"), ("run",)):
        short, long = bare(*arguments, "-h"), bare(*arguments, "--help")
        assert (short.status, short.err) == (0, "")
        assert short.out == long.out
        assert "-h, --help" in short.out


def test_long_examples_are_broken_where_a_shell_joins_them() -> None:
    lines = lines_of(["akool reage image", *("--face-reage 10" for _ in range(9))])
    assert len(lines) > 2
    assert max(map(len, lines)) <= 78
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert " ".join(lines).replace(" \\", "").split() == [
        *("akool", "reage", "image"),
        *(["--face-reage", "10"] * 9),
    ]


@pytest.mark.parametrize("missing", ["", "click"])
def test_the_package_run_as_a_module_is_the_command(missing: str) -> None:
    hide = f"sys.modules[{missing!r}] = None;" if missing else ""
    code = f"import sys, runpy; {hide} sys.argv[1:] = ['--version']; runpy.run_module('{{}}')"
    ended = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code.format(module)],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        for module in ("akool_async", "akool_async.cli")
    ]
    ours, theirs = ended
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        theirs.returncode,
        theirs.stdout,
        theirs.stderr,
    )
    assert ours.returncode == bool(missing)
    assert ("pip install 'akool_async[cli]'" in ours.stderr) == bool(missing)


# The page


def test_the_page_has_every_exit_status_in_the_words_of_the_help() -> None:
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\w ]+?)(?::| by ).* \|$", text, re.MULTILINE)
    assert {int(status): word for status, word in rows} == dict(WORDS)


def test_the_errors_of_the_page_are_those_of_the_command(
    akool: Command, akool_simulator: Simulator
) -> None:
    async def refuse(_name: str, _request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"code": 1006, "msg": "Your quota is not enough"})

    akool_simulator.fault = refuse
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    shown = re.search(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert shown
    document = akool("account", "credit", "--json").document
    assert json.loads(shown[1]) == document
    section = text.partition("## Errors")[2].partition("\n## ")[0]
    fields = re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)
    assert [*fields, "http_status"] == [*document["error"]]
