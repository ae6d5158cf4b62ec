"""`save_to=` takes a template, or a function, that names the files."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, InvalidInput, Job
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.folders import files_in

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until


def speech(number: int = 0) -> TTS:
    return TTS(input_text=f"{number}", voice_id="v")


def all_files_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


async def test_a_template_names_files_by_key_and_operation(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(
        quick, journal=tmp_path / "jobs.sqlite", save_to=tmp_path / "out/{operation}/{key}{ext}"
    ) as akool:
        jobs = [akool.submit(speech(number), key=f"row {number}") for number in range(3)]
        results = await asyncio.gather(*jobs)
    names = all_files_in(tmp_path / "out")
    assert [Path(name).parent.as_posix() for name in names] == ["audio.tts"] * 3
    assert all(Path(name).name.startswith("row ") and name.endswith(".wav") for name in names)
    paths = [Path(job.saved_path or "") for job in jobs]
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in paths) == names
    for result, path in zip(results, paths, strict=True):
        assert path.read_bytes() == quick.world.jobs[result.id].media().content


async def test_a_job_without_a_key_is_named_by_its_id(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick, save_to=f"{tmp_path}/{{date:%Y}}-{{key}}{{ext}}") as akool:
        result = await akool.submit(speech())
    (name,) = files_in(tmp_path)
    assert name[4:] == f"-{result.id}.wav"


async def test_a_relative_template_belongs_to_where_the_client_was_made(
    quick: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = connect(quick, save_to="{id}{ext}")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with client as akool:
        result = await akool.submit(speech())
    assert all_files_in(tmp_path) == [f"{result.id}.wav"]


@pytest.mark.parametrize(
    "template",
    [
        "out/{operation}{ext}",
        "out/{line}{ext}",
        "out/{key}/../{id}{ext}",
        "out/{key}{ext}.bak",
        "out/{key:>8}",
        "out/{key",
        "s3://bucket/{key}{ext}",
    ],
)
def test_a_template_that_cannot_work_is_refused_when_the_client_is_made(template: str) -> None:
    with pytest.raises(InvalidInput, match="save_to"):
        Akool("key", save_to=template)


@pytest.mark.parametrize("key", ["../../outside", "a/b", "con", ".", "x" * 1000, "a\x00b"])
async def test_no_key_leads_outside_the_folder(
    key: str, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    place = tmp_path / "out"
    async with connect(
        quick, journal=tmp_path / "jobs.sqlite", save_to=place / "{key}{ext}"
    ) as akool:
        job = akool.submit(speech(), key=key)
        await job
    assert len(files_in(place)) == 1
    assert Path(job.saved_path or "").parent == place


async def test_two_keys_never_share_a_file(
    quick: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Photo` and `photo` are one name to some file systems; here all file systems are such."""
    lexists = "akool_async.client.named_files.os.path.lexists"
    settings: dict[str, Any] = {
        "journal": tmp_path / "jobs.sqlite",
        "save_to": tmp_path / "out/{key}{ext}",
    }
    async with connect(quick, **settings) as akool:
        await akool.submit(speech(1), key="photo")
    monkeypatch.setattr(lexists, lambda _path: True)
    async with connect(quick, **settings) as akool:
        other = akool.submit(speech(2), key="Photo")
        await other
    first, second = sorted(files_in(tmp_path / "out"), key=str.lower, reverse=True)
    assert (first, second[:6].lower()) == ("photo.wav", "photo-")


async def test_the_file_of_a_key_is_replaced_when_its_result_is_saved_again(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "journal": tmp_path / "jobs.sqlite",
        "save_to": tmp_path / "out/{key}{ext}",
    }
    async with connect(quick, **settings) as akool:
        await akool.submit(speech(), key="row")
    (tmp_path / "out/row.wav").write_bytes(b"")  # as after a power cut
    async with connect(quick, **settings) as akool:
        await akool.submit(speech(), key="row")
    assert files_in(tmp_path / "out") == ["row.wav"]
    assert (tmp_path / "out/row.wav").stat().st_size > 0
    assert quick.requests["audio.tts"] == 1


async def test_a_function_names_the_file_of_each_job(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    def place(job: Job[Any]) -> Path:
        return tmp_path / str(job.tag) / f"{job.result().id[:4]}.wav"

    async with connect(quick, save_to=place) as akool:
        (tmp_path / "night").mkdir()
        job = akool.submit(speech(), tag="night")
        result = await job
    assert job.saved_path == str(tmp_path / "night" / f"{result.id[:4]}.wav")
    assert all_files_in(tmp_path) == [f"night/{result.id[:4]}.wav"]


@pytest.mark.parametrize("returned", [None, 5, ["a"]])
async def test_a_function_that_names_no_file_is_told_in_the_log(
    returned: Any, quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with connect(quick, save_to=lambda _job: returned) as akool:
            job = akool.submit(speech())
            await job
    assert "must return a path" in caplog.text
    assert job.saved_path is None
    assert akool.stats.jobs["audio.tts"].unsaved == 1


async def coroutine(_job: Job[Any]) -> str:
    return ""


@pytest.mark.parametrize("place", [coroutine, 5, print.__class__.__mro__])
def test_what_is_neither_a_place_nor_a_function_is_refused(place: Any) -> None:
    with pytest.raises(InvalidInput, match="save_to"):
        Akool("key", save_to=place)


async def test_a_saved_path_is_known_once_the_file_is_there_and_after_a_restart(
    quick: Simulator, connect: Connect, tmp_path: Path, until: Until
) -> None:
    settings: dict[str, Any] = {"journal": tmp_path / "jobs.sqlite", "save_to": tmp_path / "out"}
    async with connect(quick, **settings) as akool:
        job = akool.submit(speech(), key="row")
        assert not job.saved_path
        result = await job
        await until(lambda: job.saved_path is not None)
        assert job.saved_path == str(tmp_path / "out" / f"{result.id}.wav")
    async with connect(quick, **settings) as akool:
        again = akool.submit(speech(), key="row")
        await again
        assert again.saved_path == job.saved_path


async def test_an_interrupted_save_leaves_no_file_beside_the_others(
    quick: Simulator, connect: Connect, tmp_path: Path, gate: asyncio.Event
) -> None:
    async def hold(name: str, _request: Any) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hold
    async with connect(quick, save_to=tmp_path / "out/{id}{ext}") as akool:
        await akool.submit(speech())
        await akool.close(saving=0.05)
    gate.set()
    assert list((tmp_path / "out").iterdir()) == []
