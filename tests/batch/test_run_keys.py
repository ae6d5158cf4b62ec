"""One key is one job: in a run, and in the check before it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool
from akool_async.batch import check
from akool_async.simulator import Simulator
from tests.batch.run_parts import finished, lines_of, speeches, statuses, talks
from tests.clients import Connect


@pytest.fixture
def akool(quick: Simulator, connect: Connect) -> Akool:
    return connect(quick)


SPEECH = [("a", speeches(1)[0][1])]
TALK = [("a", talks(1)[0][1])]


@pytest.mark.parametrize(("first", "second"), [(SPEECH, TALK), (TALK, SPEECH)])
async def test_a_key_of_an_operation_is_no_key_of_a_recipe(
    akool: Akool, quick: Simulator, out: Path, first: Any, second: Any
) -> None:
    await finished(first, akool, out)
    created = quick.world.creates.total()
    assert not check(second, folder=out).ok
    await finished(second, akool, out)
    assert quick.world.creates.total() == created
    (refused,) = lines_of(out / "errors.jsonl")
    assert refused["error"] == "KeyConflict"
    await finished(first, akool, out)
    assert statuses(out) == {"a": "completed"}


async def test_a_key_that_ends_as_a_step_does_belongs_to_a_row_of_its_own(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    """Such as `a/1` beside `a`: both are speeches, and `a` is no recipe."""
    await finished([("a/1", speeches(1)[0][1])], akool, out)
    rows = [("a/1", speeches(1)[0][1]), ("a", speeches(2)[1][1])]
    assert check(rows, folder=out).ok
    await finished(rows, akool, out)
    assert statuses(out) == {"a/1": "completed", "a": "completed"}
    assert quick.world.creates.total() == 2


async def test_a_recipe_does_not_touch_the_line_of_a_row_whose_key_looks_like_its_steps(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    rows: list[Any] = [("talk-0/3", speeches(1)[0][1]), *talks(1), ("talk-0/4", speeches(2)[1][1])]
    for _ in range(2):
        await finished(rows, akool, out)
        assert statuses(out) == dict.fromkeys(["talk-0", "talk-0/3", "talk-0/4"], "completed")
        assert quick.world.creates.total() == 4


async def test_the_result_of_a_step_is_never_taken_for_that_of_its_recipe(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    """A run may stop after a paid step: here the journal takes no second one for a while."""
    await finished([], akool, out)
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        journal.execute(
            "CREATE TRIGGER full BEFORE INSERT ON job WHEN NEW.key LIKE '%/2'"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        await finished(talks(1), akool, out)
        assert statuses(out) == {"talk-0": "refused"}
        assert quick.world.creates == {"audio.tts": 1}
        journal.execute("DROP TRIGGER full")
    await finished(talks(1), akool, out)
    assert statuses(out) == {"talk-0": "completed"}
    assert quick.world.creates == {"audio.tts": 1, "video.talking_photo": 1}


async def test_a_recipe_whose_first_step_failed_has_one_line_once_it_is_retried(
    connect: Connect, out: Path
) -> None:
    async with Simulator(pace=0.02, instant_audio_rate=0.0, fail_rate=1.0) as failing:
        await finished(talks(2), connect(failing), out)
        assert set(statuses(out).values()) == {"failed"}
    async with Simulator(pace=0.02, omit_rate=0.0, instant_audio_rate=0.0) as quick:
        await finished(talks(2), connect(quick), out, retry_failed=True)
        assert set(statuses(out).values()) == {"completed"}
        assert lines_of(out / "errors.jsonl") == []


async def test_a_key_copied_from_the_results_belongs_to_its_request_alone(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    await finished([speeches(1)[0][1]], akool, out)
    (key,) = statuses(out)
    for row, ok in ((speeches(2)[1][1], False), (speeches(1)[0][1], True)):
        assert check([(key, row)], folder=out).ok is ok
        await finished([(key, row)], akool, out)
        assert (lines_of(out / "errors.jsonl") == []) is ok
    assert quick.world.creates.total() == 1
