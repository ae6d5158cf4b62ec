"""The report of a run: what stands in the page, and what becomes of hostile texts."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import pytest

from akool_async.batch import load
from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.report.again import Commands
from akool_async.batch.report.failures import Failures
from akool_async.batch.report.page import write_report
from akool_async.batch.report.portable import write_portable
from akool_async.batch.report.requests import link_to, sources_of, summary_of, web_link
from akool_async.batch.report.rows import ReportRow
from akool_async.batch.report.spread import Spread, Timeline
from akool_async.batch.report.summary import share
from akool_async.batch.report.tally import Sample
from akool_async.endpoints import TTS
from akool_async.errors import JournalError
from akool_async.journal import Journal, State
from akool_async.simulator import Behaviour, Simulator
from benchmarks.run_report import made_up, picture
from tests.batch.report_parts import (
    FAILING,
    HOSTILE,
    QUICK,
    Page,
    carried_out,
    portrait,
    speech,
    told,
)
from tests.clocks import Until


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.01, omit_rate=0.0) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.at(tmp_path / "night.run")


def failed(number: int, *, status: State = State.FAILED, msg: str = "", code: int = 0) -> ReportRow:
    """Return a row that failed."""
    key, operation = f"row-{number}", "audio.tts"
    outcome = Outcome(
        key=key,
        line=number,
        operation=operation,
        status=status,
        error="JobFailed",
        code=code or None,
        msg=msg,
    )
    row = (number, key, operation, operation, "failed", status, outcome, None, None, None)
    return ReportRow(*row)  # type: ignore[arg-type]


async def reported(folder: RunFolder) -> Page:
    return Page(await asyncio.to_thread(write_report, folder))


# The page


async def test_every_row_stands_there_once_and_the_sums_add_up(
    simulator: Simulator, folder: RunFolder
) -> None:
    await carried_out(simulator, [speech(n) for n in range(8)], folder.root)
    await carried_out(simulator, [speech(n) for n in range(8, 11)], folder.root, FAILING)
    page = await reported(folder)
    assert len(page.rows) == 11
    keys = {each.text for each in page.named("th")}
    assert {speech(number)[0] for number in range(11)} <= keys
    figures = page.figures
    assert figures["rows"] == "11"
    assert figures["completed"].startswith("8")
    assert figures["failed"].startswith("3")
    assert figures["files"].startswith("8")
    links = [each.attributes["href"] for each in page.named("a")]
    for outcome in load(folder.root):
        if outcome.path:
            assert outcome.path in links


async def test_a_hostile_prompt_is_text(simulator: Simulator, folder: RunFolder) -> None:
    await carried_out(simulator, [speech(1)], folder.root)
    page = await reported(folder)
    (script,) = page.named("script")
    assert "taken" not in script.text
    assert page.named("img") == []
    assert " ".join(HOSTILE.split())[:60] in page.rows["r1"].text
    assert not any(name.startswith("on") for each in page.elements for name in each.attributes)
    assert not any("style" in each.attributes for each in page.elements)
    assert all(
        not each.attributes["href"].startswith("javascript:")
        for each in page.named("a")
        if "href" in each.attributes
    )


async def test_the_policy_names_the_one_script_and_style_and_no_host(
    simulator: Simulator, folder: RunFolder
) -> None:
    await carried_out(simulator, [speech(1)], folder.root)
    page = await reported(folder)
    (policy,) = (
        each.attributes["content"]
        for each in page.named("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.count("'sha256-") == 2


async def test_failures_stand_together_by_reason_with_the_command_that_repeats_them(
    simulator: Simulator, folder: RunFolder
) -> None:
    await carried_out(simulator, [speech(n) for n in range(5)], folder.root, FAILING)
    told(folder, set_=["voice_id=a b"], price=[["audio.tts", "0.5"]], limit=3)
    page = await reported(folder)
    commands = [shlex.split(each) for each in page.commands if "retry" in each]
    for command in commands:
        assert command[: command.index("--only")] == [
            *("cd", str(Path.cwd()), "&&", "akool", "run", "rows.jsonl", "--set", "voice_id=a b"),
            *("--price", "audio.tts=0.5", "--out", str(folder.root), "--retry-failed=JobFailed"),
        ]
    # A command is about the rows that it stands beside, and no others.
    only = [word for each in commands for word in each[each.index("--only") :] if word != "--only"]
    assert sorted(only) in (["audio.tts"], [f"speech-{n}" for n in range(5)])
    targets = [each.attributes["href"] for each in page.named("a") if "href" in each.attributes]
    assert {f"#{each}" for each in page.rows} <= set(targets)
    folder.arguments.unlink()
    page = await reported(folder)
    expected = "batch.run(rows, akool, out=..., retry_failed=['JobFailed'], only=["
    assert any(each.startswith(expected) for each in page.commands)


async def test_a_command_works_where_it_is_pasted_and_pays_for_its_rows_alone(
    simulator: Simulator, folder: RunFolder, tmp_path: Path
) -> None:
    rows = [
        {"operation": "audio.tts", "key": f"row {n}*", "input_text": f"{n}", "voice_id": "v"}
        for n in range(6)
    ]
    (tmp_path / "rows of today.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"AKOOL_API_KEY": simulator.api_key, "AKOOL_BASE_URL": simulator.url}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    async def typed(command: str, where: Path) -> None:
        process = await asyncio.create_subprocess_shell(
            command, cwd=where, env=os.environ | settings | {"PATH": path}
        )
        await asyncio.wait_for(process.wait(), 90)

    simulator.world.behaviour = FAILING
    await typed("akool run 'rows of today.jsonl' --out night.run --limit 4 --quiet", tmp_path)
    page = await reported(folder)
    commands = [each for each in page.commands if "--retry-failed" in each]
    simulator.world.behaviour = QUICK
    simulator.world.creates.clear()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in commands:
        await typed(f"{command} --quiet", elsewhere)
    outcomes = {each.key: each.status for each in load(folder.root)}
    assert outcomes == {f"row {n}*": State.COMPLETED for n in range(4)}
    assert simulator.world.creates.total() == 4  # not those that were never sent
    assert list(elsewhere.iterdir()) == []


def test_a_command_that_sends_other_rows_too_says_how_many(folder: RunFolder) -> None:
    failures = Failures()
    for number in range(40):
        code = 1004 if number % 2 else 1005
        reason = "no face" if number < 30 else "too dark"
        failures.add(failed(number, code=code, msg=reason))
    failures.add(failed(40, status=State.REFUSED, msg="no credit"))
    by_code = {(each.key.code, each.reason): each for each in failures.groups}
    group = by_code[1004, "no face"]
    assert failures.sent_with(group) == 5 + 1
    folder.root.mkdir()
    told(folder)
    advice = Commands(folder).about(group, failures.sent_with(group))
    assert "It sends, and pays for, 6 other rows of audio.tts, too:" in advice.sentence
    few = by_code[1004, "too dark"]
    advice = Commands(folder).about(few, failures.sent_with(few))
    assert "other rows" not in advice.sentence
    assert advice.command.endswith(
        "--only row-31 --only row-33 --only row-35 --only row-37 --only row-39"
    )


def test_many_files_are_a_pattern_if_it_fits_just_these(folder: RunFolder, tmp_path: Path) -> None:
    photos = tmp_path / "my photos"
    photos.mkdir()
    folder.root.mkdir()
    names = [f"{photos}/{n}.jpg" for n in range(8)]
    for name in names:
        Path(name).touch()
    told(folder, manifest=names, each="target_image")
    assert f"akool run '{photos}/'*.jpg --each target_image" in Commands(folder).run()
    (photos / "new.jpg").touch()  # it would be paid for
    assert shlex.split(Commands(folder).run())[5:13] == names


def test_rows_from_a_pipe_are_to_be_given_again(folder: RunFolder) -> None:
    folder.root.mkdir()
    told(folder, manifest=["-"])
    failures = Failures()
    failures.add(failed(1))
    (group,) = failures.groups
    advice = Commands(folder).about(group)
    assert advice.sentence.endswith("with the same rows on its standard input:")


def test_what_is_nearly_all_is_not_all() -> None:
    shares = [share(count, 100_000) for count in (0, 3, 50_000, 99_970, 100_000)]
    assert shares == ["0%", "0.1%", "50.0%", "99.9%", "100%"]
    assert share(0, 0) == ""


def test_a_long_reason_is_cut() -> None:
    failures = Failures()
    failures.add(failed(1, msg="x" * 5000))
    (group,) = failures.groups
    assert group.reason == "x" * 499 + "…"


async def test_a_wrong_row_and_a_recipe_are_one_row_each(
    simulator: Simulator, folder: RunFolder
) -> None:
    face = "https://example.com/a.png"
    swap = {"operation": "faceswap.swap", "key": "swap", "source": face, "target": face}
    outcomes = await carried_out(simulator, [swap, {"operation": "audio.tss"}], folder.root)
    assert [each.status for each in outcomes if each.key == "swap"] == [State.COMPLETED], outcomes
    page = await reported(folder)
    assert page.figures["rows"] == "2"
    assert sorted(page.rows) == ["r-1", max(page.rows)]
    assert "did you mean 'audio.tts'" in page.rows["r-1"].text
    assert "Correct the row in the manifest" in page.source
    (swapped,) = (each.text for id_, each in page.rows.items() if id_ != "r-1")
    assert "faceswap.swap" in swapped


async def test_a_create_in_doubt_is_shown_with_the_command_that_decides(
    simulator: Simulator, folder: RunFolder
) -> None:
    lossy = Behaviour(pace=0.01, omit_rate=0.0, drop_reply_rate=1.0)
    await carried_out(simulator, [speech(1)], folder.root, lossy)
    page = await reported(folder)
    assert page.figures["in doubt"].startswith("1")
    (command,) = (each for each in page.commands if "resolve" in each)
    assert command.startswith(f"akool journal resolve speech-1 --file {folder.journal}")


async def test_rows_that_were_never_sent_are_counted_and_the_way_to_go_on_is_told(
    simulator: Simulator, folder: RunFolder
) -> None:
    rows = [speech(n) for n in range(9)]
    await carried_out(simulator, rows, folder.root, limit=4)
    told(folder, limit=4)
    page = await reported(folder)
    assert page.figures["rows"] == "9"
    assert page.figures["not sent"].startswith("5")
    assert f"cd {Path.cwd()} && akool run rows.jsonl --out {folder.root}" in page.commands


async def test_money_is_what_the_account_lost_and_the_unknown_is_called_so(
    simulator: Simulator, folder: RunFolder
) -> None:
    await carried_out(simulator, [speech(n) for n in range(4)], folder.root)
    await carried_out(simulator, [speech(n) for n in range(4, 6)], folder.root)
    page = await reported(folder)
    assert page.figures["credits spent"].startswith("6")  # over both processes
    assert page.figures["credits by price"].startswith("about 6")
    with closing(sqlite3.connect(folder.journal)) as connection, connection:
        connection.execute("DELETE FROM memory")
    page = await reported(folder)
    assert page.figures["credits spent"].startswith("unknown")
    assert page.figures["credits by price"].startswith("unknown")


async def test_the_gallery_shows_local_files_and_only_links_to_what_is_elsewhere(
    simulator: Simulator, folder: RunFolder, tmp_path: Path
) -> None:
    photo = tmp_path / "a photo.png"
    photo.write_bytes(picture(7))
    rows = [
        portrait("local", photo),
        portrait("remote", "https://elsewhere.example.com/b.png"),
        speech(1),
    ]
    outcomes = await carried_out(simulator, rows, folder.root)
    assert {each.status for each in outcomes} == {State.COMPLETED}, outcomes
    page = await reported(folder)
    assert "../a%20photo.png" in page.loaded
    assert all("elsewhere" not in each for each in page.loaded)
    for each in page.loaded:
        assert (folder.root / unquote(each)).is_file()
    links = [each.attributes.get("href") for each in page.named("a")]
    assert "https://elsewhere.example.com/b.png" in links
    lazy = {each.attributes.get("loading") for each in page.named("img")}
    assert lazy == {"lazy"}
    played = [*page.named("audio"), *page.named("video")]
    assert {each.attributes.get("preload") for each in played} == {"none"}


async def test_a_portable_report_holds_all_that_its_page_shows(
    simulator: Simulator, folder: RunFolder, tmp_path: Path
) -> None:
    photo = tmp_path / "a photo.png"
    photo.write_bytes(picture(7))
    await carried_out(simulator, [portrait("local", photo), speech(1)], folder.root)
    archive = tmp_path / "run.zip"
    count = await asyncio.to_thread(write_portable, folder, archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        opened.extractall(tmp_path / "there")
        assert len(opened.namelist()) == count
    there = tmp_path / "there" / "night.run"
    page = Page(there / "report.html")
    assert page.loaded
    for each in page.loaded:
        assert (there / unquote(each)).is_file(), each
    assert (there / "before" / "1-a photo.png").read_bytes() == photo.read_bytes()
    assert (there / "results.jsonl").read_bytes() == folder.results.read_bytes()
    assert not (there / "journal.sqlite").exists()
    left = await asyncio.to_thread(lambda: list(tmp_path.glob(".*.part")))
    assert left == []


async def test_a_report_of_a_run_that_goes_on_shows_one_moment(
    simulator: Simulator, folder: RunFolder, until: Until
) -> None:
    rows = [speech(n) for n in range(60)]
    task = asyncio.create_task(
        carried_out(simulator, rows, folder.root, Behaviour(pace=0.3, omit_rate=0.0))
    )
    await until(lambda: simulator.world.creates.total() >= 20)
    page = await reported(folder)
    assert "The run goes on" in page.source
    places = ("completed", "failed", "in flight", "waiting", "not sent")
    counts = [int(page.figures[each].split()[0]) for each in places if each in page.figures]
    assert sum(counts) == int(page.figures["rows"])
    assert sum(counts) - int(page.figures.get("not sent", "0 ").split()[0]) == len(page.rows)
    simulator.world.behaviour = QUICK
    await task
    page = await reported(folder)
    assert page.figures["completed"].startswith("60 ")


async def test_a_folder_without_a_readable_journal_is_told(folder: RunFolder) -> None:
    folder.root.mkdir()
    with pytest.raises(JournalError, match="cannot be opened"):
        write_report(folder)
    assert not folder.report.exists()


async def test_a_run_without_rows_has_a_report_too(folder: RunFolder) -> None:
    folder.root.mkdir()
    await Journal(folder.journal).close()
    page = await reported(folder)
    assert page.figures["rows"] == "0"
    assert "No row has been sent" in page.source
    assert not page.named("table") + page.named("form") + page.named("svg")


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (1_000, 1_000, 6_000):  # the first one imports all that is needed
        folder = RunFolder.at(tmp_path / f"{count}.run")
        made_up(folder, count)
        tracemalloc.start()
        write_report(folder, gallery=100)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] * 1.5


def test_nothing_of_it_is_imported_before_a_report_is_made() -> None:
    code = (
        "import sys, akool_async.cli.run_report, akool_async.batch.report.page;"
        "print({'jinja2', 'vl_convert', 'aiohttp'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() in {"set()", "{'aiohttp'}"}


# Its parts


def test_quantiles_are_right_to_a_hundredth() -> None:
    spread = Spread()
    assert spread.quantile(0.5) is None
    for number in range(1, 1001):
        spread.add(number / 10)
    spread.add(None)
    assert spread.quantile(0.5) == pytest.approx(50, rel=0.011)
    assert spread.quantile(0.95) == pytest.approx(95, rel=0.011)
    quick = Spread()
    quick.add(0.0)
    assert quick.quantile(0.95) == 0.0


def test_a_timeline_knows_how_many_jobs_were_in_flight() -> None:
    timeline = Timeline(1000.0, 1010.0)
    assert timeline.width == 1
    timeline.fly(1001.0, 1004.0)
    timeline.fly(1001.5, 1002.0)
    timeline.fly(1009.0, 9999.0)  # as far as it goes
    assert timeline.in_flight[:6] == [0, 1.5, 1, 1, 0, 0]
    assert timeline.in_flight[9] == 1
    timeline.end(1004.0, completed=True)
    timeline.end(1004.9, completed=False)
    assert (timeline.completed[4], timeline.failed[4]) == (1, 1)


@pytest.mark.parametrize("days", [0.0, 0.1, 1, 30, 4000])
def test_a_timeline_has_few_spans_however_long_the_run_is(days: float) -> None:
    assert Timeline(5.0, 5.0 + days * 86400).size <= 122


def test_a_sample_is_spread_over_all() -> None:
    sample = Sample(10)
    for number in range(1000):
        sample.add(number)
    assert sample.seen == 1000
    assert 5 <= len(sample.taken) <= 10
    assert sample.taken[0] == 0
    assert sample.taken[-1] >= 800
    empty = Sample(0)
    empty.add(1)
    assert empty.taken == []


def test_reasons_that_differ_by_an_id_are_one_group_and_others_stay_few() -> None:
    failures = Failures()
    for number in range(100):
        failures.add(failed(number, msg=f"job 65a{number:020x} has no face"))
    (group,) = failures.groups
    assert (group.count, len(group.rows), group.more) == (100, 50, 50)
    assert group.reason == f"job 65a{0:020x} has no face"
    for number in range(1000):
        failures.add(failed(number, msg="x" * (number % 290) + "y" * (number // 290)))
    assert len(failures.groups) <= 202
    assert sum(each.count for each in failures.groups) == 1100


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("media/a b#1?.png", "media/a%20b%231%3F.png"),
        ("../outside.png", ""),
        ("/etc/passwd", ""),
        ("s3://bucket/a.png", ""),
        (None, ""),
    ],
)
def test_only_files_in_the_folder_are_linked_to(path: str | None, link: str) -> None:
    assert link_to(path) == link


def test_only_web_addresses_are_links() -> None:
    assert web_link("https://example.com/a.png") == "https://example.com/a.png"
    assert web_link("javascript:alert(1)") == ""
    assert web_link("https://a b") == ""


def test_a_request_is_summed_up_in_python_s_names_without_its_webhook() -> None:
    request = TTS(
        input_text="a\nb", voice_id="v", webhook_url="https://me.example.com/secret"
    ).to_wire()
    import msgspec

    text = summary_of("audio.tts", msgspec.json.encode(request))
    assert "input_text: a b" in text
    assert "secret" not in text
    assert summary_of("no.such", b'{"x": "' + b"y" * 300 + b'"}').endswith("…")
    assert summary_of("audio.tts", b"") == ""
    assert summary_of("audio.tts", b"no json") == ""


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    request = f'{{"url": "{(tmp_path / "gone.png").as_uri()}"}}'.encode()
    (source,) = sources_of("reage.photo", request, str)
    assert (source.href, source.path) == ("", None)
