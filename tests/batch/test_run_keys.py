"""One key is one job: in a run, and in the check before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool
from akool_async.batch import check
from akool_async.simulator import Simulator
from tests.batch.run_parts import finished, lines_of, speeches, statuses, talks
from tests.clients import Connect


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.02, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
def akool(simulator: Simulator, connect: Connect) -> Akool:
    return connect(simulator)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "night"


SPEECH = [("a", speeches(1)[0][1])]
TALK = [("a", talks(1)[0][1])]


@pytest.mark.parametrize(("first", "second"), [(SPEECH, TALK), (TALK, SPEECH)])
async def test_a_key_of_an_operation_is_no_key_of_a_recipe(
    akool: Akool, simulator: Simulator, out: Path, first: Any, second: Any
) -> None:
    await finished(first, akool, out)
    created = simulator.world.creates.total()
    assert not check(second, folder=out).ok
    await finished(second, akool, out)
    assert simulator.world.creates.total() == created
    (refused,) = lines_of(out / "errors.jsonl")
    assert refused["error"] == "KeyConflict"
    await finished(first, akool, out)
    assert statuses(out) == {"a": "completed"}


async def test_a_key_that_ends_as_a_step_does_belongs_to_a_row_of_its_own(
    akool: Akool, simulator: Simulator, out: Path
) -> None:
    """Such as `a/1` beside `a`: both are speeches, and `a` is no recipe."""
    await finished([("a/1", speeches(1)[0][1])], akool, out)
    rows = [("a/1", speeches(1)[0][1]), ("a", speeches(2)[1][1])]
    assert check(rows, folder=out).ok
    await finished(rows, akool, out)
    assert statuses(out) == {"a/1": "completed", "a": "completed"}
    assert simulator.world.creates.total() == 2
