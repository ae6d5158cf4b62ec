"""Runs: rows in, a line and a file for each; started again, stopped, limited, spoilt."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from akool_async import Akool, InvalidInput, JournalInUse
from akool_async.batch import RunOptions, load, run
from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.past import figures_in
from akool_async.batch.runner import Run
from akool_async.batch.sending import held
from akool_async.endpoints import TTS
from akool_async.engine import JobRecord
from akool_async.journal import Change, Journal, State
from akool_async.journal.looking import JournalView
from akool_async.simulator import Behaviour, Simulator
from tests.batch.run_parts import speeches
from tests.clients import Connect
from tests.clocks import Until

Rows: TypeAlias = list[tuple[str, TTS]]


@pytest.fixture
def akool(quick: Simulator, connect: Connect) -> Akool:
    return connect(quick, max_concurrency=8)


async def carried_out(rows: Any, akool: Akool, out: Path, **options: Any) -> list[Outcome]:
    return [outcome async for outcome in run(rows, akool, out=out, **options)]


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_each_row_gets_one_outcome_and_its_file(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    outcomes = await carried_out(speeches(40), akool, out)
    assert sorted(each.key for each in outcomes) == sorted(key for key, _ in speeches(40))
    assert {each.line for each in outcomes} == set(range(1, 41))
    for each in outcomes:
        assert each.path is not None
        assert each.id is not None
        made = quick.world.jobs[each.id].media().content
        assert (out / each.path).read_bytes() == made
        assert each.bytes == len(made)
        assert each.attempts == 1
    assert sorted(load(out), key=repr) == sorted(outcomes, key=repr)
    assert len(lines_of(out / "results.jsonl")) == 40
    assert (out / "errors.jsonl").read_bytes() == b""
    assert quick.world.creates.total() == 40


async def test_the_same_rows_again_cost_nothing_and_are_told_again(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    first = await carried_out(speeches(20), akool, out)
    requests = quick.requests.total()
    again = await carried_out(list(reversed(speeches(20))), akool, out)
    assert sorted(first, key=repr) == sorted(again, key=repr)
    assert quick.requests.total() == requests


async def test_a_job_that_has_ended_is_freed_without_a_garbage_collection(
    akool: Akool, out: Path
) -> None:
    gc.collect()
    gc.disable()
    try:
        await carried_out(speeches(40), akool, out)
        held = sum(isinstance(each, JobRecord) for each in gc.get_objects())
    finally:
        gc.enable()
    assert held == 0


async def test_what_is_derived_and_torn_or_deleted_is_written_anew(akool: Akool, out: Path) -> None:
    await carried_out(speeches(20), akool, out)
    results = out / "results.jsonl"
    before = results.read_bytes()
    for spoil in (
        results.unlink,
        lambda: results.write_bytes(before[:-30]),
        lambda: results.write_bytes(before + before[:200]),
        lambda: results.write_bytes(b"\0" * len(before)),
    ):
        spoil()
        await carried_out(speeches(20), akool, out)
        assert results.read_bytes() == before


async def test_failed_rows_stay_failed_until_they_are_to_be_retried(
    connect: Connect, out: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, fail_rate=1.0) as failing:
        akool = connect(failing)
        outcomes = await carried_out(speeches(5), akool, out)
        assert {each.status for each in outcomes} == {State.FAILED}
        assert {each.error for each in outcomes} == {"JobFailed"}
        await carried_out(speeches(5), akool, out)
        await carried_out(speeches(5), akool, out, retry_failed=["1004", "JobTimeout"])
        assert failing.world.creates.total() == 5
    async with Simulator(pace=0.02, omit_rate=0.0) as quick:
        akool = connect(quick)
        outcomes = await carried_out(speeches(5), akool, out, retry_failed=["JobFailed"])
        assert {each.status for each in outcomes} == {State.COMPLETED}
        assert {each.attempts for each in outcomes} == {2}
    assert len(lines_of(out / "results.jsonl")) == 5
    assert lines_of(out / "errors.jsonl") == []


async def test_a_row_that_is_sent_again_keeps_its_one_line_until_the_run_ends(
    connect: Connect, out: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, fail_rate=1.0) as failing:
        await carried_out(speeches(5), connect(failing), out)
    async with Simulator(pace=0.02, omit_rate=0.0) as quick:
        told = 0
        async for outcome in run(speeches(8), connect(quick), out=out, retry_failed=True):
            told += 1
            keys = [each.key for each in load(out)]
            assert len(keys) == len(set(keys))
            assert outcome.key in keys
        assert told == 8
    assert {each.status for each in load(out)} == {State.COMPLETED}
    assert len(lines_of(out / "results.jsonl")) == 8
    assert lines_of(out / "errors.jsonl") == []


async def test_refused_rows_are_sent_again_as_they_cost_nothing(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        return web.json_response({"code": 1003, "msg": "no"}) if name == "audio.tts" else None

    quick.fault = refuse
    outcomes = await carried_out(speeches(3), akool, out)
    assert [(each.status, each.code) for each in outcomes] == [(State.REFUSED, 1003)] * 3
    quick.fault = None
    outcomes = await carried_out(speeches(3), akool, out)
    assert {each.status for each in outcomes} == {State.COMPLETED}
    assert [each["status"] for each in lines_of(out / "results.jsonl")] == ["completed"] * 3


async def test_without_credit_the_run_stops_and_sends_no_more_rows(
    connect: Connect, out: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, credit=5.0) as quick:
        akool = connect(quick, max_concurrency=4)
        carried = Run(RunFolder.at(_made(out)), RunOptions(on_credit="stop"))
        await carried.carry_out(read(speeches(100)), akool)
        assert quick.world.creates.total() == 5
        assert quick.requests["audio.tts"] < 30
        assert "quota" in carried.stopped_by
        figures = carried.figures().operations["audio.tts"]
        assert figures.completed == 5
        assert figures.rows == figures.completed + figures.failed + figures.skipped


async def test_a_run_that_waits_for_credit_says_so_and_goes_on_when_it_is_resumed(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, credit=5.0) as quick:
        carried = Run(RunFolder.at(_made(out)), RunOptions())
        akool = connect(quick, max_concurrency=4)
        work = asyncio.create_task(carried.carry_out(read(speeches(12)), akool))
        await until(lambda: carried.figures().phase == "out of credit")
        await until(lambda: not carried.counts.total("in_flight"))  # no refusal is on its way
        assert carried.figures().eta is None
        carried.pause()
        assert carried.figures().phase == "paused"
        quick.world.credit = 100.0
        carried.resume()
        assert carried.figures().phase == "running"
        await work
        assert quick.world.creates.total() == 12
        assert carried.figures().phase == "over"


async def test_a_run_that_waits_for_credit_is_drained_like_any_other(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, credit=5.0) as quick:
        carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"audio.tts": 12})
        akool = connect(quick, max_concurrency=4)
        work = asyncio.create_task(carried.carry_out(read(speeches(12)), akool))
        await until(lambda: carried.figures().phase == "out of credit")
        carried.drain("enough")
        await asyncio.wait_for(work, 30)
        counts = carried.figures().operations["audio.tts"]
        assert (counts.completed, counts.skipped) == (5, 7)


async def test_two_rows_of_one_key_are_one_job_and_a_changed_request_is_refused(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    await carried_out(speeches(2), akool, out)
    changed = [("row-0", TTS(input_text="another text", voice_id="voice"))]
    (outcome,) = await carried_out(changed, akool, out)
    assert (outcome.status, outcome.error) == (State.REFUSED, "KeyConflict")
    assert quick.world.creates.total() == 2
    await carried_out(speeches(2), akool, out)
    assert lines_of(out / "errors.jsonl") == []


async def test_max_creates_is_exact(akool: Akool, quick: Simulator, out: Path) -> None:
    for total in (7, 14, 20):
        await carried_out(speeches(20), akool, out, max_creates=7)
        assert quick.world.creates.total() == total
        assert len(lines_of(out / "results.jsonl")) == total


async def test_refused_creates_do_not_count_as_created(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    refused: list[str] = []

    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        if name == "audio.tts" and len(refused) < 5:
            refused.append(name)
            return web.json_response({"code": 1003, "msg": "no"})
        return None

    quick.fault = refuse
    await carried_out(speeches(30), akool, out, max_creates=10)
    assert quick.world.creates.total() == 10


async def test_rows_are_chosen_by_limit_only_skip_and_sample(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    outcomes = await carried_out(speeches(20), akool, out, only=["row-1*"], skip=["row-1?"])
    assert [each.key for each in outcomes] == ["row-1"]
    assert len(await carried_out(speeches(20), akool, out, limit=3)) == 4
    assert len(await carried_out(speeches(20), akool, out, sample=2)) == 6
    assert quick.world.creates.total() == 6


async def test_draining_creates_nothing_more_and_saves_what_is_in_flight(
    akool: Akool, quick: Simulator, out: Path, until: Until
) -> None:
    carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"audio.tts": 500})
    work = asyncio.create_task(carried.carry_out(read(speeches(500)), akool))
    await until(lambda: quick.world.creates.total() >= 20)
    carried.drain("enough")
    await work
    created = quick.world.creates.total()
    assert created < 60
    figures = carried.figures()
    counts = figures.operations["audio.tts"]
    assert (counts.rows, counts.completed, counts.skipped) == (500, created, 500 - created)
    assert (counts.waiting, counts.in_flight, figures.saved) == (0, 0, created)
    assert len(lines_of(out / "results.jsonl")) == created
    await carried_out(speeches(500)[:100], akool, out)
    assert quick.world.creates.total() == 100


async def test_figures_add_up_at_any_moment(akool: Akool, quick: Simulator, out: Path) -> None:
    carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"audio.tts": 150})
    work = asyncio.create_task(carried.carry_out(read(speeches(150)), akool))
    seen = 0
    while not work.done():
        counts = carried.figures().operations["audio.tts"]
        parts = (counts.waiting, counts.in_flight, counts.completed, counts.failed)
        assert sum(parts) + counts.in_doubt + counts.skipped == counts.rows == 150
        assert min(parts) >= 0
        assert counts.in_flight <= 8
        seen += counts.in_flight > 0
        await asyncio.sleep(0.005)
    await work
    assert seen
    assert carried.figures().operations["audio.tts"].completed == 150


async def test_leaving_early_loses_nothing(akool: Akool, quick: Simulator, out: Path) -> None:
    async for _ in (running := run(speeches(60), akool, out=out)):
        break
    await running.aclose()
    outcomes = await carried_out(speeches(60), akool, out)
    assert len({each.key for each in outcomes}) == len(outcomes) == 60
    assert quick.world.creates.total() == 60


async def test_a_second_run_on_a_folder_is_told_which_process_has_it(
    akool: Akool, out: Path
) -> None:
    holder = Run(RunFolder.at(_made(out)), RunOptions())
    with pytest.raises(JournalInUse, match="another client in this one"):
        await carried_out(speeches(1), akool, out)
    await holder.carry_out(read([]), akool)
    await carried_out(speeches(1), akool, out)


async def test_results_behind_a_slow_link_wait_on_disk(
    connect: Connect, quick: Simulator, out: Path, until: Until
) -> None:
    gate = asyncio.Event()

    async def slow(name: str, _request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = slow
    akool = connect(quick, max_concurrency=100)
    carried = Run(RunFolder.at(_made(out)), RunOptions(downloads=2))
    work = asyncio.create_task(carried.carry_out(read(speeches(700)), akool))
    await until(lambda: carried.figures().behind >= 700)
    assert carried.figures().operations["audio.tts"].completed == 700
    assert lines_of(out / "results.jsonl") == []
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    gate.set()
    outcomes = await carried_out(speeches(700), akool, out)
    assert len(outcomes) == 700
    assert all(each.path for each in outcomes)
    assert quick.world.creates.total() == 700


async def test_results_that_were_not_saved_are_fetched_later(akool: Akool, out: Path) -> None:
    await carried_out(speeches(1), akool, out, save=False)
    (line,) = lines_of(out / "results.jsonl")
    assert line["path"] is None
    fetching = Run(RunFolder.at(out), RunOptions())
    await fetching.fetch(akool)
    (line,) = lines_of(out / "results.jsonl")
    assert (out / line["path"]).stat().st_size == line["bytes"]
    assert fetching.counts.saved == 1


async def test_rows_of_a_stream_are_carried_out_as_they_come(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    import queue

    line: queue.Queue[tuple[str, TTS] | None] = queue.Queue()

    def rows() -> Iterator[tuple[str, TTS]]:
        while (row := line.get()) is not None:
            yield row

    running = run(rows(), akool, out=out)
    for row in speeches(3):
        line.put(row)
        assert (await anext(running)).key == row[0]
    line.put(None)
    assert [each async for each in running] == []


def photos(count: int) -> list[dict[str, Any]]:
    picture = "https://photos.example/a.jpg"
    target = [{"path": picture, "opts": "262,175:363,175:313,215:272,279"}]
    row = {"operation": "reage.image", "target_image": target, "modify_image": picture}
    return [{**row, "key": f"photo-{n}", "face_reage": n % 30} for n in range(count)]


async def test_rows_of_a_limited_operation_keep_no_places_from_others(
    connect: Connect, quick: Simulator, out: Path, until: Until
) -> None:
    akool = connect(quick, max_concurrency=6, limits={"reage.*": 1})
    rows: list[Any] = [*photos(25), *speeches(25)]
    carried = Run(RunFolder.at(_made(out)), RunOptions())
    work = asyncio.create_task(carried.carry_out(read(rows), akool))
    await until(lambda: quick.world.creates["audio.tts"] == 25)
    assert 1 < quick.world.creates["reage.image"] < 25  # they went on meanwhile, one by one
    counts = carried.figures().operations["reage.image"]
    assert (counts.rows, counts.in_flight) == (25, 1) or counts.in_flight == 0
    await work
    assert quick.world.creates.total() == 50
    assert carried.counts.total("completed") == 50


async def test_a_run_looks_no_further_ahead_than_some_rows_however_low_a_limit_is(
    connect: Connect, quick: Simulator, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST", 5)
    akool = connect(quick, max_concurrency=6, limits={"reage.*": 2})
    carried = Run(RunFolder.at(_made(out)), RunOptions())
    await carried.carry_out(read([*photos(20), *speeches(20), *photos(30)[20:]]), akool)
    assert quick.world.creates.total() == 50
    assert carried.counts.total("completed") == 50


async def test_rows_that_others_went_past_wait_for_the_next_run_if_this_one_is_drained(
    connect: Connect, quick: Simulator, out: Path, until: Until
) -> None:
    akool = connect(quick, max_concurrency=6, limits={"reage.*": 1})
    rows: list[Any] = [*photos(25), *speeches(5)]
    carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"reage.image": 25})
    work = asyncio.create_task(carried.carry_out(read(rows), akool))
    await until(lambda: quick.world.creates["audio.tts"] == 5)
    carried.drain("enough")
    await work
    counts = carried.figures().operations["reage.image"]
    assert counts.skipped > 0
    assert counts.completed + counts.skipped == 25
    await carried_out(rows, akool, out)
    assert quick.world.creates.total() == 30


async def test_lines_that_are_sorted_and_inserted_between_two_runs_change_nothing_that_was_paid_for(
    akool: Akool, quick: Simulator, out: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "rows.csv"
    texts = [f"text {n}" for n in (3, 1, 2, 1)]  # without keys, and one of them twice

    def write(texts: list[str]) -> None:
        lines = [f"audio.tts,{text},voice" for text in texts]
        manifest.write_text("\n".join(["operation,input_text,voice_id", *lines]))

    write(texts)
    first = await carried_out(manifest, akool, out)
    assert quick.world.creates.total() == 4
    write(sorted([*texts, "text 0", "text 1"]))
    second = await carried_out(manifest, akool, out)
    assert quick.world.creates.total() == 6
    assert {each.id for each in first} < {each.id for each in second}
    assert len({each.path for each in second}) == len(second) == 6
    assert len(lines_of(out / "results.jsonl")) == 6
    write(sorted(texts)[1:])  # and deleted
    assert len(await carried_out(manifest, akool, out)) == 3
    assert quick.world.creates.total() == 6


async def test_figures_are_those_of_the_journal_at_any_moment_at_which_nothing_is_on_its_way(
    connect: Connect, out: Path, until: Until
) -> None:
    chance = random.Random(13)
    async with Simulator(pace=0.02, omit_rate=0.0, fail_rate=0.3) as quick:
        carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"audio.tts": 90})
        akool = connect(quick, max_concurrency=8)
        work = asyncio.create_task(carried.carry_out(read(speeches(90)), akool))
        for _ in range(3):
            ended = carried.counts.news + chance.randint(5, 20)
            await until(lambda: carried.counts.news >= ended)  # noqa: B023 - now
            carried.pause()
            await until(lambda: not carried.counts.total("in_flight"))
            await until(lambda: _in_journal(out) == _in(carried.figures()))
            carried.resume()
        await work
        assert _in_journal(out) == _in(carried.figures())
        assert carried.counts.total("completed") + carried.counts.total("failed") == 90


def _in(figures: RunFigures) -> tuple[object, ...]:
    each = figures.operations["audio.tts"]
    errors = [(error.error, error.count) for error in figures.errors]
    return each.completed, each.failed, each.in_flight, figures.saved, figures.bytes, errors


def _in_journal(out: Path) -> tuple[object, ...]:
    with closing(JournalView(out / "journal.sqlite")) as view:
        return _in(figures_in(view))


async def test_a_link_of_one_megabit_holds_up_no_create_and_loses_no_result(
    akool: Akool, quick: Simulator, out: Path, until: Until
) -> None:
    free_at = 0.0

    async def slow(name: str, _request: web.Request) -> None:
        nonlocal free_at
        if name != "media":
            return
        now = asyncio.get_running_loop().time()
        free_at = max(now, free_at) + len(media) / 125_000
        await asyncio.sleep(free_at - now)

    media = (await _first_media(akool, quick, out)).content
    quick.fault = slow
    carried = Run(RunFolder.at(_made(out)), RunOptions(), planned={"audio.tts": 121})
    begun = asyncio.get_running_loop().time()
    work = asyncio.create_task(carried.carry_out(read(speeches(121)), akool))
    await until(lambda: carried.counts.total("completed") == 121)
    assert carried.figures().behind > 0
    await work
    assert asyncio.get_running_loop().time() - begun >= 120 * len(media) / 125_000
    assert carried.figures().saved == 121
    assert quick.world.creates.total() == 121


async def _first_media(akool: Akool, quick: Simulator, out: Path) -> Any:
    (outcome,) = await carried_out(speeches(1), akool, out)
    assert outcome.id is not None
    return quick.world.jobs[outcome.id].media()


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


async def test_recipes_are_rows_like_any_other_and_each_step_is_paid_for_once(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    rows = [
        {
            "operation": "faceswap.swap",
            "source": f"https://host.example/{n}.jpg",
            "target": "https://host.example/target.jpg",
            "key": f"swap-{n}",
        }
        for n in range(3)
    ]
    speaking = {
        "operation": "video.speaking_photo",
        "talking_photo_url": "https://host.example/photo.jpg",
        "input_text": "Good morning.",
        "voice_id": "voice",
        "key": "speaking",
    }
    outcomes = await carried_out([*rows, speaking], akool, out)
    assert [each.msg for each in outcomes] == [None] * 4
    assert {each.status for each in outcomes} == {State.COMPLETED}
    assert {each.operation for each in outcomes} == {"faceswap.swap", "video.speaking_photo"}
    assert all((out / str(each.path)).stat().st_size == each.bytes for each in outcomes)
    assert quick.world.creates.total() == 3 + 2  # the speech is a paid step, too
    again = await carried_out([speaking, *rows], akool, out)
    assert sorted(again, key=repr) == sorted(outcomes, key=repr)
    assert quick.world.creates.total() == 5
    (out / "results.jsonl").unlink()
    await carried_out([], akool, out)
    assert len(list(load(out))) == 4


async def test_a_create_without_an_answer_is_in_doubt_and_sent_no_more(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    async def lose(name: str, _request: web.Request) -> None:
        if name == "audio.tts":
            raise ConnectionResetError

    quick.fault = lose
    carried = Run(RunFolder.at(_made(out)), RunOptions())
    await carried.carry_out(read(speeches(2)), akool)
    assert carried.in_doubt == ["row-0", "row-1"]
    assert carried.figures().operations["audio.tts"].in_doubt == 2
    assert [each["status"] for each in lines_of(out / "errors.jsonl")] == ["unknown"] * 2
    assert (out / "results.jsonl").read_bytes() == b""
    quick.fault = None
    requests = quick.requests["audio.tts"]
    await carried_out(speeches(2), akool, out)
    assert quick.requests["audio.tts"] == requests
    journal = Journal(out / "journal.sqlite")
    for key in carried.in_doubt:
        journal.resolve(key, resend=True)
    journal.close_now()
    outcomes = await carried_out(speeches(2), akool, out)
    assert {each.status for each in outcomes} == {State.COMPLETED}
    assert lines_of(out / "errors.jsonl") == []


async def test_jobs_whose_rows_are_gone_from_the_manifest_are_saved_all_the_same(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    running = run(speeches(8), akool, out=out)
    await anext(running)
    await running.aclose()
    created = quick.world.creates.total()
    outcomes = await carried_out([], akool, out)
    assert {each.line for each in outcomes} <= {0}
    assert len(list(load(out))) == created == quick.world.creates.total()


async def test_results_that_expired_before_they_were_saved_are_told_as_expired(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    await carried_out(speeches(2), akool, out, save=False)

    async def gone(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=404) if name == "media" else None

    quick.fault = gone
    journal = Journal(out / "journal.sqlite")
    for entry in journal.entries():
        await journal.note(entry.number, _long_ago(entry.created_at))
    await journal.close()
    fetching = Run(RunFolder.at(out), RunOptions())
    await fetching.fetch(akool)
    assert (fetching.counts.expired, fetching.counts.saved) == (2, 0)


def _long_ago(created_at: int | None) -> Change:
    assert created_at is not None
    return Change(State.COMPLETED, created_at=created_at - 8 * 24 * 3600)


async def test_a_manifest_that_is_not_there_is_an_error_of_the_call(
    akool: Akool, out: Path
) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        await carried_out(out / "none.jsonl", akool, out)


async def test_a_paused_run_creates_nothing_until_it_is_resumed(
    akool: Akool, quick: Simulator, out: Path, until: Until
) -> None:
    carried = Run(RunFolder.at(_made(out)), RunOptions())
    work = asyncio.create_task(carried.carry_out(read(speeches(60)), akool))
    await until(lambda: quick.world.creates.total() >= 10)
    carried.pause()
    assert carried.figures().phase == "paused"
    await until(lambda: carried.figures().operations["audio.tts"].in_flight == 0)
    created = quick.world.creates.total()
    await asyncio.sleep(0.2)  # time in which a run that goes on creates a dozen
    assert quick.world.creates.total() == created < 60
    carried.resume()
    await work
    assert quick.world.creates.total() == 60


async def test_the_number_of_jobs_at_once_changes_while_the_run_goes_on(
    akool: Akool, quick: Simulator, out: Path, until: Until
) -> None:
    quick.world.behaviour = Behaviour(pace=1.5, omit_rate=0.0)  # seconds for a busy machine
    carried = Run(RunFolder.at(_made(out)), RunOptions())
    work = asyncio.create_task(carried.carry_out(read(speeches(200)), akool))

    def in_flight() -> int:
        return carried.figures().operations["audio.tts"].in_flight

    await until(lambda: quick.world.creates.total() >= 10)
    carried.set_concurrency(30)
    await until(lambda: in_flight() > 20)
    carried.set_concurrency(2)
    await until(lambda: in_flight() <= 2)
    assert carried.figures().concurrency == 2
    quick.world.behaviour = Behaviour(pace=0.02, omit_rate=0.0)
    carried.set_concurrency(50)
    await work
    assert quick.world.creates.total() == 200


async def test_a_rate_spreads_creates_over_time(akool: Akool, quick: Simulator, out: Path) -> None:
    begun = asyncio.get_running_loop().time()
    await carried_out(speeches(11), akool, out, rate=20)
    assert asyncio.get_running_loop().time() - begun >= 9 / 20  # two may go at once
