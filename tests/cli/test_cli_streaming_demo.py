"""`akool streaming demo`, run as the command that users run."""

from __future__ import annotations

import re
import signal
import tomllib
import urllib.request
from pathlib import Path

import pytest

from akool_async.cli import streaming_demo
from akool_async.cli.messages import Problem
from tests.cli.commands import Command, serving_process

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_one_address_and_serves_the_page_until_a_signal(
    number: signal.Signals,
) -> None:
    with serving_process("streaming", "demo") as served:
        line = served.out.readline()
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", line)
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
            assert b"<title>Talk with a live avatar</title>" in answer.read()
        served.send(number)
        assert served.ended() == (0, "", "")


def test_without_aiortc_it_says_what_to_install(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming_demo, "find_spec", lambda _name: None)
    ended = bare("streaming", "demo")
    assert ended.status == 1
    assert "pip install 'akool_async[live]'" in ended.err


def test_the_page_is_where_the_wheel_and_the_repository_have_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    forced = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    (here, there), *others = forced.items()
    assert others == []
    wheel, repository = streaming_demo.PLACES
    assert wheel == ROOT / there
    assert repository == ROOT / here
    assert (repository / "static" / "index.html").is_file()


def test_a_page_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_demo, "PLACES", (tmp_path / "nowhere",))
    with pytest.raises(Problem, match="install akool_async again"):
        streaming_demo.example()
