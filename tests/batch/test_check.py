"""A check reads all, builds all, and sends nothing."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from akool_async import Akool
from akool_async.batch import BatchRow, RowOptions, check, read
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.seen import FirstLines
from akool_async.errors import InvalidInput
from akool_async.simulator import Simulator
from tests.batch.manifests import as_lines, faults_of, rows_of, said, written

ROWS = 20_000


def test_the_first_twenty_of_each_kind_are_told_and_how_many_more(tmp_path: Path) -> None:
    rows = [said(voice_id=""), {"operation": "none"}] * 30 + [said(key="a")] * 5
    checked = check(written(tmp_path / "rows.jsonl", as_lines(rows)))
    counts = {group.kind: (len(group.first), group.count, group.more) for group in checked.faults}
    assert counts == {"missing": (20, 30, 10), "operation": (20, 30, 10), "key": (4, 4, 0)}
    assert [fault.line for fault in checked.faults[0].first[:3]] == [1, 3, 5]
    lines = list(checked.lines())
    assert "... and 10 more of this kind (missing)" in lines
    assert lines[-2:] == ["65 rows: 1 audio.tts", "64 faults: nothing was sent"]


def test_the_rows_are_counted_by_operation_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    rows = [said(), said(), {"operation": "image.generate", "prompt": "A cat."}]
    path = written(tmp_path / "rows.jsonl", as_lines(rows))
    checked = check(path, RowOptions(dedupe=True))
    assert list(checked.lines()) == [
        "3 rows: 1 audio.tts, 1 image.generate; 1 equal an earlier row, and are left out"
    ]


def test_a_template_that_is_none_is_refused(tmp_path: Path) -> None:
    for template in ("{kei}{ext}", "{key", "{key:d}", "{0}", "{operation}"):
        with pytest.raises(InvalidInput, match="name"):
            check(tmp_path / "rows.csv", name_of=template)


@pytest.mark.parametrize("keyed", [True, False], ids=["own keys", "keys from requests"])
def test_a_check_takes_at_most_a_hundred_bytes_for_a_row(tmp_path: Path, *, keyed: bool) -> None:
    rows = (said(f"Text {n}.", **({"key": f"row-{n}"} if keyed else {})) for n in range(ROWS))
    path = written(tmp_path / "rows.jsonl", as_lines(rows))
    few = written(tmp_path / "few.jsonl", b"".join(path.read_bytes().splitlines(True)[:10]))
    check(few, name_of="{line}{ext}")  # what is made once is there
    tracemalloc.start()
    try:
        checked = check(path, name_of=lambda row: f"{row.line}-{row.key}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert checked.rows == ROWS
    assert peak / ROWS <= 100


def test_first_lines_are_kept_however_many_there_are() -> None:
    seen = FirstLines()
    assert [seen.add(f"text {n}", n) for n in range(1, 5001)] == [0] * 5000
    assert [seen.add(f"text {n}", 9999) for n in range(1, 5001)] == list(range(1, 5001))
    assert seen.line_of("text 7") == 7
    assert not seen.line_of("text")


# Against a run's folder


async def test_what_the_folder_knows_is_told_in_three_sentences(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path / "run")
    folder.root.mkdir()
    before = [said(f"Text {n}.", key=f"key-{n}") for n in range(300)] + [said("Twice.")] * 2
    async with (
        Simulator(pace=0.01) as simulator,
        Akool(base_url=simulator.url, api_key=simulator.api_key, journal=folder.journal) as akool,
    ):
        rows = [(row.key, row.request) for row in rows_of(before)]
        async for job in akool.map(rows):
            job.result()
        now = [*before[3:], said("Twice."), said("Other.", key="key-0"), said("New.")]
        # The run that wrote it goes on: nobody waits for its lock.
        checked = await asyncio.to_thread(check, now, folder=folder)
    (fault,) = faults_of(checked)
    assert (fault.kind, fault.line) == ("changed", 301)
    assert fault.sentence == (
        "the run's folder knows the key 'key-0' with another request, and one key is one job: undo"
        " the change, or give the row a new key"
    )
    assert [group.first[0].sentence for group in checked.notices] == [
        (
            "no row has the key 'key-1' any more, which the run's folder knows: its job is"
            " kept, and"
            " nothing is sent for it"
        )
    ]
    assert (checked.known, checked.new, checked.changed, checked.gone) == (299, 2, 1, 2)
    assert (
        "the run's folder knows 299 of these rows; new: 2, changed: 1, gone: 2" in checked.lines()
    )


async def test_steps_of_recipes_are_no_rows_that_are_gone(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path)
    row = {"operation": "video.speaking_photo", "input_text": "Hello.", "voice_id": "nicole"}
    row |= {"talking_photo_url": "https://photos.example/ann.jpg", "key": "a"}
    async with (
        Simulator(pace=0.01) as simulator,
        Akool(base_url=simulator.url, api_key=simulator.api_key, journal=folder.journal) as akool,
    ):
        (made,) = rows_of([row])
        await akool.submit(made.request, key=made.key)
    checked = check([row], folder=tmp_path)
    assert checked.ok
    assert (checked.known, checked.new, checked.gone) == (1, 0, 0)


def test_a_folder_without_a_journal_knows_nothing(tmp_path: Path) -> None:
    checked = check([said()], folder=tmp_path)
    assert (checked.known, checked.new) == (0, 1)


def test_reading_is_lazy(tmp_path: Path) -> None:
    def rows() -> object:
        yield said()
        raise AssertionError

    first = next(iter(read(rows())))  # type: ignore[arg-type]
    assert isinstance(first, BatchRow)
    assert tmp_path.exists()


def test_the_manifest_of_the_examples_is_right() -> None:
    path = Path(__file__).parents[2] / "examples" / "rows.csv"
    checked = check(path, name_of="{key}{ext}")
    assert checked.ok
    assert not checked.notices
    assert checked.rows == 6


_NO_SUCH = "must be an http or https URL, or a file; there is no such file"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nosuch.png", _NO_SUCH), (".", "must be a file, and is a folder")],
)
def test_files_of_rows_from_a_program_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"operation": "reage.photo", "years": 20, "url": Path(name)}
    (fault,) = faults_of(check([row]))
    assert str(fault) == f"line 1, column url: {sentence} (here: '{name}')"
