"""Results with several files are saved by themselves: all of them, wherever they go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async.journal import Entry, Journal
from tests.folders import files_in
from tests.several import IMAGE, content_of, show_several

if TYPE_CHECKING:
    from akool_async.simulator import Simulator
    from tests.clients import Connect
    from tests.clocks import Until
    from tests.s3 import S3


@pytest.fixture
def several(quick: Simulator) -> Simulator:
    """Return a simulated Akool whose images have three files."""
    show_several(quick)
    return quick


def content_at(path: str | None) -> bytes:
    assert path is not None
    return Path(path).read_bytes()


def entries(path: Path) -> list[Entry]:
    with Journal.reader(path) as journal:
        return list(journal.entries())


async def test_a_folder_gets_all_files_and_the_job_knows_the_first_one(
    several: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(several, save_to=tmp_path / "out") as akool:
        job = akool.submit(IMAGE)
        result = await job
        assert len(result.urls) == 3
    name = result.id
    assert files_in(tmp_path / "out") == [f"{name}-2.png", f"{name}-3.png", f"{name}.png"]
    assert job.saved_path == str(tmp_path / "out" / f"{name}.png")
    assert (tmp_path / "out" / f"{name}-3.png").read_bytes() == content_of(3)


async def test_a_result_is_saved_only_when_all_its_files_are_there(
    several: Simulator,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    until: Until,
) -> None:
    show = several.fault
    assert show is not None
    missing = True

    async def without_the_third(name: str, request: web.Request) -> Any:
        if missing and request.query.get("n") == "3":
            return web.Response(status=404)
        return await show(name, request)

    several.fault = without_the_third
    settings: dict[str, Any] = {"journal": tmp_path / "j", "save_to": tmp_path / "out"}
    akool = connect(several, **settings)
    job = akool.submit(IMAGE, key="one")
    await job
    await until(lambda: "is not saved yet" in caplog.text)
    assert job.saved_path is None
    await akool.close(saving=0.0)
    assert "2 of its 3 files are there" in caplog.text
    assert entries(tmp_path / "j")[0].saved is None
    missing = False
    async with connect(several, **settings) as akool:
        assert [job async for job in akool.recover()] == []  # it has ended, and is saved now
    assert len(files_in(tmp_path / "out")) == 3
    assert entries(tmp_path / "j")[0].saved is not None
    assert several.requests["image.generate"] == 1


async def test_a_template_names_all_files(
    several: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(
        several, journal=tmp_path / "j", save_to=tmp_path / "out/{operation}/{key}{ext}"
    ) as akool:
        await akool.submit(IMAGE, key="one")
    names = [f"image.generate/one{mark}.png" for mark in ("-2", "-3", "")]
    assert files_in(tmp_path / "out") == names


@pytest.mark.parametrize("keys", [("row", "row-2"), ("row-2", "row")])
async def test_a_further_file_and_the_first_one_of_another_key_never_replace_each_other(
    several: Simulator, connect: Connect, tmp_path: Path, keys: tuple[str, str]
) -> None:
    settings = {"journal": tmp_path / "j", "save_to": tmp_path / "out/{key}{ext}"}
    jobs = []
    for key in keys:  # one after the other, each by a process of its own
        async with connect(several, **settings) as akool:
            jobs.append(akool.submit(IMAGE, key=key))
            await jobs[-1]
    assert len(files_in(tmp_path / "out")) == 6
    for job in jobs:
        assert content_at(job.saved_path) == several.world.jobs[job.id or ""].media().content


async def test_a_function_names_the_first_file_and_the_others_follow(
    several: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(several, save_to=lambda job: tmp_path / f"{job.tag}.png") as akool:
        await akool.submit(IMAGE, tag="tree")
    assert files_in(tmp_path) == ["tree-2.png", "tree-3.png", "tree.png"]


async def test_a_bucket_gets_all_files(
    several: Simulator, connect: Connect, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    async with connect(several, save_to=s3.place("out")) as akool:
        job = akool.submit(IMAGE)
        result = await job
    assert s3.names() == [f"out/{result.id}{mark}.png" for mark in ("-2", "-3", "")]
    assert job.saved_path == f"{s3.place('out')}/{result.id}.png"
    assert s3.read(f"out/{result.id}-2.png") == content_of(2)


async def test_a_refused_address_of_a_further_file_is_looked_up_once_more(
    several: Simulator, connect: Connect, tmp_path: Path
) -> None:
    show = several.fault
    assert show is not None
    refused = 0

    async def refuse_once(name: str, request: web.Request) -> Any:
        nonlocal refused
        if request.query.get("n") == "2" and not refused:
            refused += 1
            return web.Response(status=403)
        if name == "image.get" and refused:
            answer: Any = await show(name, request)
            return web.json_response(json.loads(answer.text.replace("?n=2", "?n=2&fresh=1")))
        return await show(name, request)

    several.fault = refuse_once
    async with connect(several) as akool:
        result = await akool.submit(IMAGE)
        paths = await result.save_all(tmp_path)
    assert [path.read_bytes() for path in paths[1:]] == [content_of(2), content_of(3)]
