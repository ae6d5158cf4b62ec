"""The socket at which a run takes commands."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from akool_async.batch.control.server import LONGEST_PATH, controlled, has_sockets
from akool_async.batch.figures.run_figures import RunFigures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")


class Doing:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def figures(self) -> RunFigures:
        return RunFigures(saved=len(self.told))

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def drain(self, why: str) -> None:
        self.told.append(why)

    def set_concurrency(self, places: int) -> None:
        self.told.append(places)


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, line: bytes | dict[str, Any]) -> dict[str, Any]:
        self._writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        return await self.read()

    def send(self, lines: bytes) -> None:
        self._writer.write(lines)

    async def read(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self._reader.readline() or b"{}")
        return answer

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def called(path: Path) -> Caller:
    if has_sockets(path):
        return Caller(*await asyncio.open_unix_connection(path))
    place = place_in(path)
    reader, writer = await asyncio.open_connection("127.0.0.1", place["port"])
    writer.write(json.dumps({"token": place["token"]}).encode() + b"\n")
    return Caller(reader, writer)


def place_in(path: Path) -> dict[str, Any]:
    place: dict[str, Any] = json.loads(path.read_text())
    return place


def is_there(path: Path) -> bool:
    return path.exists()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["socket", "loopback"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "socket":
        return tmp_path / "c.sock"
    folder = tmp_path / ("x" * LONGEST_PATH)
    folder.mkdir()
    return folder / "control.sock"


async def test_commands_are_done_and_answered_with_the_figures(path: Path) -> None:
    doing = Doing()
    async with controlled(doing, path):
        assert mode_of(path) == 0o600
        caller = await called(path)
        for number, command in enumerate(("pause", "resume", "drain"), 1):
            answer = await caller.ask({"do": command})
            assert answer["ok"] is True
            assert answer["figures"]["saved"] == number
        assert (await caller.ask({"do": "set", "concurrency": 7}))["ok"]
        assert (await caller.ask({"do": "figures"}))["figures"]["phase"] == "starting"
        await caller.close()
    assert doing.told == ["pause", "resume", "it was asked to drain", 7]
    assert not is_there(path)


@pytest.mark.parametrize(
    "line",
    [b"\n", b"no json\n", b"[1]\n", b'{"do": "explode"}\n', b'{"do": ["pause"]}\n'],
)
async def test_what_is_no_command_is_answered_with_a_sentence(tmp_path: Path, line: bytes) -> None:
    doing, path = Doing(), tmp_path / "c.sock"
    async with controlled(doing, path):
        caller = await called(path)
        assert "a command is a JSON object" in (await caller.ask(line))["error"]
        assert (await caller.ask({"do": "pause"}))["ok"]
        await caller.close()


@pytest.mark.parametrize("places", [0, -1, "5", None, True, 1.5])
async def test_places_are_a_whole_number(tmp_path: Path, places: object) -> None:
    doing, path = Doing(), tmp_path / "c.sock"
    async with controlled(doing, path):
        caller = await called(path)
        assert "whole number" in (await caller.ask({"do": "set", "concurrency": places}))["error"]
        await caller.close()
    assert doing.told == []


async def test_figures_come_each_second_until_the_caller_goes(tmp_path: Path) -> None:
    doing, path = Doing(), tmp_path / "c.sock"
    async with controlled(doing, path):
        caller = await called(path)
        assert "figures" in await caller.ask({"do": "watch"})
        assert "figures" in await caller.read()
        await caller.close()


async def test_a_caller_that_takes_no_answers_keeps_no_run_from_its_end(path: Path) -> None:
    doing = Doing()
    async with controlled(doing, path):
        caller = await called(path)
        commands = 100_000
        caller.send(b'{"do": "pause"}\n' * commands)
        told = -1
        while told != len(doing.told):  # until the system keeps no more answers for it
            told = len(doing.told)
            await asyncio.sleep(0.3)
        assert 0 < told < commands
        ending = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - ending < 10
    assert not is_there(path)
    with suppress(ConnectionError):
        await caller.close()


async def test_a_wrong_token_is_answered_with_nothing(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * LONGEST_PATH)
    folder.mkdir()
    doing, path = Doing(), folder / "control.sock"
    async with controlled(doing, path):
        port = place_in(path)["port"]
        caller = Caller(*await asyncio.open_connection("127.0.0.1", port))
        assert await caller.ask(b'{"token": "wrong"}\n{"do": "pause"}\n') == {}
        await caller.close()
    assert doing.told == []


async def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    path.touch()
    async with controlled(Doing(), path):
        caller = await called(path)
        assert (await caller.ask({"do": "figures"}))["ok"]
        await caller.close()


async def test_a_folder_that_takes_no_socket_stops_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with controlled(Doing(), tmp_path / "gone" / "c.sock"):
        pass
    assert "cannot be controlled" in caplog.text
