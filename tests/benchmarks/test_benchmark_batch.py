"""The rows, programs and figures of the benchmarks of runs."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path

import aiohttp
import pytest

from akool_async.batch import BatchRow, read
from benchmarks import killed, mixed, onlooker
from benchmarks.contestants.batch_run import eta_errors
from benchmarks.meter import ask
from benchmarks.station import contest, server


@pytest.fixture
def url() -> Generator[str]:
    with server(median=0.05, media=1000) as url:
        yield url


def test_a_manifest_and_the_same_rows_by_hand_are_the_same_requests(tmp_path: Path) -> None:
    path = mixed.manifest(tmp_path / "rows.jsonl", mixed.rows(40))
    found = [(row.key, row.request) for row in read(path) if isinstance(row, BatchRow)]
    assert found == list(mixed.pairs(path))
    assert {request.label for _, request in found} == set(mixed.MAKE)


async def test_the_server_has_a_file_for_each_job(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/media/a.jpg") as reply:
        assert len(await reply.read()) == 1000


def test_a_run_and_its_second_start_have_all_figures(url: str, tmp_path: Path) -> None:
    path = mixed.manifest(tmp_path / "rows.jsonl", mixed.rows(30))
    taken = {"url": url, "path": str(path), "count": 30}
    first = contest("batch_whole", **taken, place=str(tmp_path))
    assert (first["ended"], first["created"]) == (30, 30)
    again = contest("batch_again", **taken, run=str(tmp_path / "whole.run"))
    assert (again["known"], again["created"], again["first"]) == (30, 0, 0)


def test_programs_that_are_killed_end_in_the_end(url: str, tmp_path: Path) -> None:
    photos = mixed.photos(tmp_path / "photos.csv", 30)
    results = tmp_path / "results.csv"
    found = killed.killed(["benchmarks.script", str(photos), str(results)], url, 30, kills=1)
    assert killed.lines(results) == 30
    assert found["created"] == ask(url)["created"] >= 30


def test_the_error_of_an_eta_is_a_part_of_the_time_that_is_left() -> None:
    seen = [(float(second), 11.0 * (100 - second) / 10) for second in range(1, 100)]
    assert eta_errors(seen, 100.0) == pytest.approx(
        {"eta_25": 0.1, "eta_50": 0.1, "eta_75": 0.1}, abs=0.01
    )
    assert eta_errors([], 100.0) == {}


def test_no_page_is_no_figure() -> None:
    assert math.isnan(onlooker.p95([]))
    assert onlooker.p95([0.001] * 99 + [1.0]) == pytest.approx(1.0)
