"""The files of a run: whose they are, what is done about one that is missing, cut or given up."""

from __future__ import annotations

import asyncio
import json
import queue
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from akool_async import Akool
from akool_async.batch import RowOptions, RunOptions, run
from akool_async.batch.control.client import figures_now
from akool_async.batch.files import saving
from akool_async.batch.files.names import FileNames, NamedRow
from akool_async.batch.files.placing import NamesInUse, put_in_place
from akool_async.batch.files.verifying import Verification
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.runner import Run
from akool_async.cli.run_ending import exit_code
from akool_async.cli.statuses import DONE, FAILED
from akool_async.endpoints import TTS
from akool_async.journal import Journal, State
from akool_async.journal.looking import JournalView
from akool_async.simulator import Simulator
from tests.batch.run_parts import Shelf, photos, speeches
from tests.clients import Connect
from tests.clocks import Until
from tests.several import IMAGE, content_of, show_several

Rows: TypeAlias = list[tuple[str, TTS]]

_BY_LINE = "{line}{ext}"
NEW = ("new", TTS(input_text="new", voice_id="voice"))


@pytest.fixture
def akool(quick: Simulator, connect: Connect) -> Akool:
    return connect(quick, max_concurrency=8)


def run_in(out: Path, **options: Any) -> Run:
    out.mkdir(exist_ok=True)
    return Run(RunFolder.at(out), RunOptions(**options))


async def carried_out(rows: Any, akool: Akool, out: Path, **options: Any) -> Run:
    run = run_in(out, **options)
    await run.carry_out(read(rows), akool)
    return run


async def cut_off(rows: Rows, quick: Simulator, akool: Akool, out: Path, until: Until) -> None:
    """Leave a run once Akool has all its jobs, and before it knows that one has ended."""

    async def creates_only(name: str, _request: web.Request) -> None:
        if name != "audio.tts":
            raise ConnectionResetError

    quick.fault = creates_only
    work = asyncio.create_task(carried_out(rows, akool, out, name=_BY_LINE))
    await until(lambda: _created(out) == len(rows))
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    quick.fault = None


def _created(out: Path) -> int:
    """Return how many jobs the journal knows that Akool has made."""
    place = RunFolder.at(out).journal
    if not place.exists():
        return 0
    with Journal.reader(place) as journal:
        return sum(entry.state is State.CREATED for entry in journal.entries())


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def is_as_made(out: Path, line: dict[str, Any], quick: Simulator) -> bool:
    """Say whether a row's file is what Akool made for it."""
    made: bytes = quick.world.jobs[line["id"]].media().content
    file: Path = out / line["path"]
    return file.read_bytes() == made


@pytest.mark.parametrize("rows", [0, 1], ids=["gone", "not chosen"])
async def test_jobs_whose_rows_are_not_met_get_a_file_each(
    quick: Simulator, connect: Connect, out: Path, until: Until, rows: int
) -> None:
    akool = connect(quick, max_concurrency=8)
    await cut_off(speeches(8), quick, akool, out, until)
    await carried_out(speeches(8 * rows), akool, out, name=_BY_LINE, limit=0)
    assert len({line["path"] for line in lines_of(out)}) == 8
    assert all(is_as_made(out, line, quick) for line in lines_of(out))
    assert {line["line"] for line in lines_of(out)} == (set(range(1, 9)) if rows else {0})


async def test_a_row_that_ended_before_it_was_met_gets_its_line_later(
    quick: Simulator, connect: Connect, out: Path, until: Until
) -> None:
    akool = connect(quick, max_concurrency=8)
    await cut_off(speeches(4), quick, akool, out, until)
    await carried_out([], akool, out, name=_BY_LINE)
    assert [line["line"] for line in lines_of(out)] == [0] * 4
    again = await carried_out(speeches(4), akool, out, name=_BY_LINE)
    assert again.counts.total("completed") == 4
    assert {line["key"]: line["line"] for line in lines_of(out)} == {
        f"row-{n}": n + 1 for n in range(4)
    }
    assert list(Verification(RunFolder.at(out)).differences()) == []
    assert quick.world.creates.total() == 4


@pytest.mark.parametrize("later", ["night", "elsewhere"], ids=["from the root on", "moved"])
async def test_a_new_row_replaces_no_file_however_the_folder_is_called(
    akool: Akool,
    quick: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    later: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    await carried_out(speeches(3), akool, Path("night"), name=_BY_LINE)
    out = (tmp_path / "night").rename(tmp_path / later)
    await carried_out([NEW, *speeches(3)], akool, out, name=_BY_LINE)
    assert len(lines_of(out)) == 4
    assert all(is_as_made(out, line, quick) for line in lines_of(out))
    assert list(Verification(RunFolder.at(out)).differences()) == []


def test_results_that_are_saved_at_the_same_time_under_one_name_get_a_file_each(
    tmp_path: Path,
) -> None:
    names, in_use, media = FileNames(_BY_LINE), NamesInUse(), tmp_path / "media"

    def put(key: str, line: int = 5) -> str:
        part = tmp_path / "part.mp3"
        part.write_bytes(key.encode())
        row = NamedRow(key, "audio.tts", line, "an-id", datetime.now(UTC))
        placed = put_in_place(
            part, media, names, row, in_use=in_use, is_anothers=lambda _path: False
        )
        return placed.path

    paths = {key: put(key) for key in ("one", "two", "three")}
    assert paths["one"] == "5.mp3"
    assert all((media / path).read_text() == key for key, path in paths.items())
    assert put("two") == paths["two"]  # again, as after a failure
    in_use.give_back(paths["one"])
    assert put("four") == "5.mp3"  # whose lines are on disk, the journal knows


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "_LONGEST", 1.0)
    monkeypatch.setattr(saving, "TRIES", 2)


async def no_media(name: str, _request: web.Request) -> web.Response | None:
    return web.Response(status=503) if name == "media" else None


@pytest.mark.usefixtures("short_pauses")
async def test_what_was_given_up_is_tried_again_and_fails_the_run_again(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    quick.fault = no_media
    for times in (1, 2):
        run = await carried_out(speeches(3), akool, out)
        assert (run.counts.unsaved, run.counts.saved) == (3, 0), times
        assert exit_code(run) == FAILED
        assert [line["error"] for line in lines_of(out)] == ["DownloadError"] * 3
        assert all(line["msg"] and line["path"] is None for line in lines_of(out))
    quick.fault = None
    run = await carried_out(speeches(3), akool, out)
    assert (run.counts.unsaved, run.counts.saved, exit_code(run)) == (0, 3, DONE)
    assert all(is_as_made(out, line, quick) for line in lines_of(out))
    assert quick.world.creates.total() == 3


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("how", ["run", "fetch"])
async def test_what_was_given_up_and_is_saved_later_has_no_error_any_more(
    akool: Akool, quick: Simulator, out: Path, how: str
) -> None:
    quick.fault = no_media
    await carried_out(speeches(1), akool, out)
    quick.fault = None
    later = run_in(out)
    await (later.carry_out(read(speeches(1)), akool) if how == "run" else later.fetch(akool))
    (line,) = lines_of(out)
    assert is_as_made(out, line, quick)
    assert [line[each] for each in ("error", "code", "msg")] == [None] * 3


async def test_a_run_that_saves_nothing_gives_nothing_up(akool: Akool, out: Path) -> None:
    for _ in range(2):
        run = await carried_out(speeches(2), akool, out, save=False)
        assert (run.counts.unsaved, exit_code(run)) == (0, DONE)
    assert [line["path"] for line in lines_of(out)] == [None, None]


async def test_fetch_leaves_the_lines_of_rows_that_became_no_job(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    wrong = {"operation": "audio.tts", "key": "wrong"}
    await carried_out(iter([*speeches(1), wrong]), akool, out, save=False)
    before = [line["status"] for line in lines_of(out)]
    await run_in(out).fetch(akool)
    assert sorted(before) == sorted(line["status"] for line in lines_of(out))
    assert sorted(before) == ["completed", "refused"]
    assert len((out / "errors.jsonl").read_text().splitlines()) == 1
    await carried_out(speeches(1), akool, out)  # a run judges it anew: the row is gone
    assert [line["status"] for line in lines_of(out)] == ["completed"]


async def test_fetch_saves_a_file_anew_that_was_cut_short(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    await carried_out(speeches(2), akool, out)
    line, _ = lines_of(out)
    file = out / line["path"]
    file.write_bytes(file.read_bytes()[:100])
    assert len(list(Verification(RunFolder.at(out)).differences())) == 1
    media = quick.requests["media"]
    fetching = run_in(out)
    await fetching.fetch(akool)
    assert quick.requests["media"] == media + 1
    assert is_as_made(out, line, quick)
    assert list(Verification(RunFolder.at(out)).differences()) == []
    await run_in(out).fetch(akool)
    assert quick.requests["media"] == media + 1


async def test_the_outcome_of_a_photo_names_the_photo_and_so_may_its_file(
    quick: Simulator, connect: Connect, out: Path, tmp_path: Path
) -> None:
    shelf = Shelf()
    shelf.opened.set()
    akool = connect(quick, uploads=shelf)
    ann, zoe = photos(tmp_path, 2)
    found = [ann.rename(tmp_path / "ann.jpg"), zoe.rename(tmp_path / "Zoë.jpg")]
    reading = RowOptions(operation="reage.photo", each="url", set={"years": 20})
    outcomes = [
        each async for each in run(found, akool, out=out, reading=reading, name="{stem}{ext}")
    ]
    stems = {each.input: Path(each.path or "").stem for each in outcomes}
    assert stems == {str(each): each.stem for each in found}
    assert {each["input"] for each in lines_of(out)} == set(stems)


async def test_a_file_or_a_line_that_a_run_is_just_writing_is_no_difference(
    akool: Akool, out: Path
) -> None:
    rows: queue.Queue[Any] = queue.Queue()
    running = run(iter(rows.get, None), akool, out=out)
    rows.put(speeches(1)[0])
    await anext(running)
    (out / "media/row-9.mp3").write_bytes(b"its line comes within a second")
    with (out / "results.jsonl").open("ab") as file:
        file.write(b'{"key":"row-9"')
    folder = RunFolder.at(out)
    goes_on = await asyncio.to_thread(figures_now, folder) is not None
    meanwhile = Verification(folder, goes_on=goes_on)
    assert list(meanwhile.differences()) == []
    assert (meanwhile.files, meanwhile.fresh) == (1, 1)
    rows.put(None)
    assert [each async for each in running] == []
    assert len(list(Verification(folder).differences())) == 2


# Results with several files


def images(*keys: str) -> list[tuple[str, Any]]:
    return [(key, IMAGE) for key in keys]


async def test_a_run_saves_all_files_of_its_results_and_lists_them(
    akool: Akool, quick: Simulator, out: Path
) -> None:
    show_several(quick)
    run = await carried_out(images("a", "b"), akool, out)
    for line in lines_of(out):
        key = line["key"]
        assert line["path"] == f"media/{key}.png"
        assert [each["path"] for each in line["more_files"]] == [
            f"media/{key}-2.png", f"media/{key}-3.png",
        ]  # fmt: skip
        assert (out / f"media/{key}-3.png").read_bytes() == content_of(3)
        assert line["more_files"][1]["bytes"] == len(content_of(3))
    sizes = [file.stat().st_size for file in (out / "media").glob("*.png")]
    assert (run.counts.saved, run.counts.bytes, len(sizes)) == (2, sum(sizes), 6)
    with closing(JournalView(RunFolder.at(out).journal)) as view:
        assert await view.outcomes.saved() == (2, sum(sizes))
        assert view.outcomes.averages()["image.generate"].bytes == sum(sizes) / 2
    verification = Verification(RunFolder.at(out))
    assert list(verification.differences()) == []
    assert verification.files == 6


@pytest.mark.parametrize("keys", [("row", "row-2"), ("row-2", "row")])
async def test_a_further_file_and_that_of_another_row_never_replace_each_other(
    akool: Akool, quick: Simulator, out: Path, keys: tuple[str, str]
) -> None:
    show_several(quick)
    await carried_out(images(keys[0]), akool, out)
    await carried_out(images(*keys), akool, out)
    lines = lines_of(out)
    assert len(lines) == 2
    assert all(is_as_made(out, line, quick) for line in lines)
    paths = [each["path"] for line in lines for each in (line, *line["more_files"])]
    assert len(set(paths)) == 6
    assert list(Verification(RunFolder.at(out)).differences()) == []


@pytest.mark.parametrize("spoilt", ["gone", "cut"])
async def test_a_further_file_that_is_missing_or_cut_is_told_and_fetched_again(
    akool: Akool, quick: Simulator, out: Path, spoilt: str
) -> None:
    show_several(quick)
    await carried_out(images("a", "b"), akool, out)
    file = out / "media/a-2.png"
    if spoilt == "gone":
        file.unlink()
    else:
        file.write_bytes(b"")
    verification = Verification(RunFolder.at(out))
    assert [each.path for each in verification.differences()] == ["media/a-2.png"]
    assert (verification.files, verification.cut) == (5, 1)
    later = run_in(out)
    await later.fetch(akool)
    assert file.read_bytes() == content_of(2)
    assert list(Verification(RunFolder.at(out)).differences()) == []
    assert quick.world.creates.total() == 2


async def test_a_row_of_an_earlier_release_has_no_further_files(akool: Akool, out: Path) -> None:
    await carried_out(speeches(1), akool, out)
    (line,) = lines_of(out)
    assert line.pop("more_files") == []
    assert decoder.decode(json.dumps(line)).more_files == ()
