"""Calls to a run in another process, over its socket or over loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from akool_async.batch.control.client import (
    CommandRefused,
    NotAnswering,
    NotRunning,
    calling,
    figures_now,
)
from akool_async.batch.control.server import LONGEST_PATH, controlled
from akool_async.batch.figures.run_figures import OperationFigures, RunFigures
from akool_async.batch.folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")


class Doing:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.operations = {"audio.tts": OperationFigures(rows=7, waiting=7)}

    def figures(self) -> RunFigures:
        return RunFigures(saved=len(self.told), operations=self.operations)

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def drain(self, why: str) -> None:  # noqa: ARG002 - the protocol's
        self.told.append("drain")

    def set_concurrency(self, places: int) -> None:
        self.told.append(places)


@pytest.fixture(params=["socket", "loopback"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    path = tmp_path / ("night" if request.param == "socket" else "x" * LONGEST_PATH)
    path.mkdir()
    return RunFolder.at(path)


async def test_figures_are_asked_for_without_an_event_loop_too(folder: RunFolder) -> None:
    assert figures_now(folder) is None
    doing = Doing()
    async with controlled(doing, folder.control):
        assert await asyncio.to_thread(figures_now, folder) == doing.figures()


async def test_commands_reach_the_run_and_its_figures_come_back(folder: RunFolder) -> None:
    doing = Doing()
    async with controlled(doing, folder.control), calling(folder) as call:
        assert await call.do("pause") == doing.figures()
        await call.do("resume")
        assert (await call.set_concurrency(5)).saved == 3
        with pytest.raises(CommandRefused, match="whole number"):
            await call.set_concurrency(0)
        await call.do("drain")
    assert doing.told == ["pause", "resume", 5, "drain"]


async def test_the_figures_of_each_second_come_until_the_run_ends(folder: RunFolder) -> None:
    async with controlled(Doing(), folder.control), calling(folder) as call:
        async for figures in call.watch():
            assert figures.operations["audio.tts"].rows == 7
            break


async def test_a_run_that_many_operations_has_is_read(folder: RunFolder) -> None:
    doing = Doing()
    doing.operations = {f"operation.{n}": OperationFigures(rows=n) for n in range(1000)}
    async with controlled(doing, folder.control), calling(folder) as call:
        assert len((await call.do("figures")).operations) == 1000


async def test_a_run_that_is_stopped_by_a_signal_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.batch.control.client._PATIENCE", 0.05)
    folder = RunFolder.at(tmp_path)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder.control))
        silent.listen()
        with pytest.raises(NotAnswering, match="does not answer"):
            async with calling(folder) as call:
                await call.do("figures")
        with pytest.raises(NotAnswering):
            async with calling(folder) as call:
                await anext(aiter(call.watch()))


async def test_without_a_process_there_is_nobody_to_tell(folder: RunFolder) -> None:
    async def called() -> None:
        async with calling(folder) as call:
            await call.do("pause")

    with pytest.raises(NotRunning):
        await called()
    for left in ("", "torn {", json.dumps({"port": 1, "token": "gone"})):
        folder.control.write_text(left)
        with pytest.raises(NotRunning):
            await called()
