"""Results with several media: all addresses, all files, and what is said of those that fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from akool_async import AkoolError, DownloadError, Retry, Status
from akool_async.crun.results import SwappedImage
from akool_async.endpoints import Audio, AudioSplits, Image, Video
from akool_async.media import Policy, StandaloneDownloader
from akool_async.media.names import stem_of
from akool_async.media.several import Medium, media_of, primaries_of
from akool_async.result import Link, Result
from tests.folders import files_in

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

R = TypeVar("R", bound=Result)

ID = "65f8017f56559aa67f0ecde7"
PNG = b"\x89PNG\r\n\x1a\n"
MP4 = b"\0\0\0\x18ftypmp42"
SRT = b"1\n00:00:00,000 --> 00:00:02,500\nGood morning.\n"


def at(url: str, *names: str) -> Image:
    """Return an image whose media has these names at a server."""
    first, *others = (f"{url}/{name}" for name in names)
    image = Image(id=ID, status=Status.COMPLETED, image=first, upscaled_urls=tuple(others))
    return linked(image)


def linked(result: R, fresh: Any = None) -> R:
    policy, retry = Policy(allow_private=True), Retry(attempts=1)
    return result.attach(Link(StandaloneDownloader(policy, retry), fresh=fresh))


async def echo(visit: Visit) -> None:
    """Answer with a picture that shows the address it came from."""
    await visit.answer(PNG + visit.target.encode())


class Failing:
    """A server that has no media under some addresses."""

    def __init__(self, *names: str) -> None:
        self.without = {f"/{name}" for name in names}

    async def __call__(self, visit: Visit) -> None:
        """Answer as `echo` does, or refuse."""
        await (visit.answer(status=404) if visit.target in self.without else echo(visit))


# Addresses


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING, Status.FAILED, Status(9)])
def test_there_are_no_addresses_before_the_job_is_completed(status: Status) -> None:
    assert Image(status=status, image="https://a/1", upscaled_urls=("https://a/2",)).urls == ()


def test_most_results_have_one_address() -> None:
    assert Audio(status=Status.COMPLETED, media="https://a/1").urls == ("https://a/1",)
    assert Audio(status=Status.COMPLETED).urls == ()


def test_the_primary_address_comes_first_and_none_comes_twice() -> None:
    image = Image(
        status=Status.COMPLETED,
        image="https://a/1",
        upscaled_urls=("https://a/2", "", " https://a/1\u200b", "https://a/3", "https://a/2"),
    )
    assert image.urls == ("https://a/1", "https://a/2", "https://a/3")


def test_the_files_beside_a_translation_are_told_by_their_fields() -> None:
    splits = AudioSplits(
        original_srt_url="https://a/o", translated_srt_url="", no_caption_video_url="https://a/n"
    )
    video = Video(status=Status.COMPLETED, video="https://a/v", audio_splits=splits)
    assert video.urls == ("https://a/v", "https://a/o", "https://a/n")
    assert Video(status=Status.COMPLETED, video="https://a/v").urls == ("https://a/v",)


def test_a_swap_of_crun_has_all_its_media() -> None:
    swap = SwappedImage(status=Status.COMPLETED, media_urls=("https://a/1", "https://a/2"))
    assert (swap.url, swap.urls) == ("https://a/1", ("https://a/1", "https://a/2"))


def test_plain_data_shows_all_addresses() -> None:
    assert at("https://a", "1", "2").to_dict()["urls"] == ["https://a/1", "https://a/2"]


def test_two_fields_with_one_mark_have_different_ones() -> None:
    media = media_of("p", [("a_url", "x"), ("a_srt_url", "y"), ("list", ("z", "p"))])
    assert media == (
        Medium("p", ""), Medium("x", ".a"), Medium("y", ".a-3"), Medium("z", "-4"),
    )  # fmt: skip
    assert media_of("", [("a_url", "x")]) == (Medium("x", ""),)


# Files


@pytest.mark.parametrize("place", ["", "new/"], ids=["a folder", "a new one"])
async def test_all_files_are_saved_beside_the_first_one(
    serve: Serve, tmp_path: Path, place: str
) -> None:
    server = await serve(echo)
    path = await at(server.url, "a.png", "b.png", "c.jpg").save(f"{tmp_path}/{place}")
    assert path == tmp_path / place / f"{ID}.png"
    assert files_in(path.parent) == [f"{ID}-2.png", f"{ID}-3.jpg", f"{ID}.png"]
    assert (path.parent / f"{ID}-2.png").read_bytes() == PNG + b"/b.png"
    assert (path.parent / f"{ID}-3.jpg").read_bytes() == PNG + b"/c.jpg"


@pytest.mark.parametrize("name", ["out.png", "out.v2", "out"])
async def test_further_files_are_named_after_the_path_that_was_given(
    serve: Serve, tmp_path: Path, name: str
) -> None:
    server = await serve(echo)
    stem = name.removesuffix(".png")
    paths = await at(server.url, "a", "b").save_all(tmp_path / name)
    assert paths == (tmp_path / name, tmp_path / f"{stem}-2.png")
    assert [path.read_bytes() for path in paths] == [PNG + b"/a", PNG + b"/b"]


async def test_a_relative_path_leads_to_relative_ones(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = await serve(echo)
    image = at(server.url, "a.png", "b.png")
    assert await image.save_all("x.png") == (Path("x.png"), Path("x-2.png"))
    assert await image.save_all("new/") == (Path(f"new/{ID}.png"), Path(f"new/{ID}-2.png"))


async def test_the_files_beside_a_translation_say_what_they_are(
    serve: Serve, tmp_path: Path
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.target.startswith("/subtitles"):
            await visit.answer(SRT, content_type="text/plain; charset=utf-8")
        else:
            await visit.answer(MP4 + visit.target.encode())

    server = await serve(answer)
    splits = AudioSplits(
        original_srt_url=f"{server.url}/subtitles-1.srt?sign=1",
        translated_srt_url=f"{server.url}/subtitles-2",  # its content tells what it is
        no_caption_video_url=f"{server.url}/n.mp4",
    )
    video = Video(id=ID, status=Status.COMPLETED, video=f"{server.url}/v.mp4", audio_splits=splits)
    await linked(video).save(tmp_path / "talk.mp4")
    assert files_in(tmp_path) == [
        "talk.mp4", "talk.no_caption.mp4", "talk.original.srt", "talk.translated.srt",
    ]  # fmt: skip
    assert (tmp_path / "talk.translated.srt").read_bytes() == SRT


@pytest.mark.parametrize(
    ("head", "is_media"),
    [
        (SRT, True),
        (b"\xef\xbb\xbf" + SRT, True),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nA", True),
        (b"[Script Info]\nTitle: a", True),
        (b"<Error><Code>AccessDenied</Code></Error>", False),
        (b'{"error": "0:00:00,0"}', False),
        (b"not found", False),
    ],
)
async def test_subtitles_are_media_and_error_pages_are_none(
    serve: Serve, tmp_path: Path, head: bytes, *, is_media: bool
) -> None:
    server = await serve(lambda visit: visit.answer(head, content_type="text/plain"))
    result = linked(Audio(id=ID, status=Status.COMPLETED, media=f"{server.url}/a.srt"))
    if is_media:
        assert (await result.save(tmp_path)).read_bytes() == head
    else:
        with pytest.raises(DownloadError, match="a page and no media"):
            await result.save(tmp_path)


async def test_reading_brings_the_primary_media(serve: Serve) -> None:
    server = await serve(echo)
    image = at(server.url, "a", "b")
    assert await image.read() == PNG + b"/a"
    async with image.stream() as chunks:
        assert b"".join([chunk async for chunk in chunks]) == PNG + b"/a"
    assert len(server.visits) == 2


# When one of them fails


async def test_an_error_names_the_files_that_are_there_and_the_next_save_fetches_the_others(
    serve: Serve, tmp_path: Path
) -> None:
    failing = Failing("b.png")
    server = await serve(failing)
    image = at(server.url, "a.png", "b.png", "c.png")
    with pytest.raises(DownloadError, match="1 of its 3 files are there") as caught:
        await image.save(tmp_path)
    assert caught.value.saved == (str(tmp_path / f"{ID}.png"),)
    assert files_in(tmp_path) == [f"{ID}.png"]
    failing.without.clear()
    await image.save(tmp_path)
    assert files_in(tmp_path) == [f"{ID}-2.png", f"{ID}-3.png", f"{ID}.png"]
    assert [visit.target for visit in server.visits].count("/a.png") == 1
    await image.save(tmp_path)  # all were there: it is a new save
    assert [visit.target for visit in server.visits].count("/a.png") == 2


async def test_a_file_that_was_changed_since_is_fetched_again(serve: Serve, tmp_path: Path) -> None:
    failing = Failing("b.png")
    server = await serve(failing)
    image = at(server.url, "a.png", "b.png")
    with pytest.raises(DownloadError):
        await image.save(tmp_path)
    (tmp_path / f"{ID}.png").write_bytes(b"cut")
    failing.without.clear()
    path = await image.save(tmp_path)
    assert path.read_bytes() == PNG + b"/a.png"


async def test_nothing_is_there_if_the_first_file_fails(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Failing("a.png"))
    with pytest.raises(DownloadError) as caught:
        await at(server.url, "a.png", "b.png").save(tmp_path)
    assert caught.value.saved == ()
    assert files_in(tmp_path) == []
    assert len(server.visits) == 1


@pytest.mark.parametrize("name", [f"{ID}.png", f"{ID}-2.png"])
async def test_no_file_is_fetched_if_one_of_them_may_not_be_replaced(
    serve: Serve, tmp_path: Path, name: str
) -> None:
    server = await serve(echo)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await at(server.url, "a.png", "b.png").save(tmp_path, overwrite=False)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert not server.visits


async def test_what_an_attempt_has_left_may_be_there_when_nothing_may_be_replaced(
    serve: Serve, tmp_path: Path
) -> None:
    failing = Failing("b.png")
    server = await serve(failing)
    image = at(server.url, "a.png", "b.png")
    with pytest.raises(DownloadError):
        await image.save(tmp_path, overwrite=False)
    failing.without.clear()
    await image.save(tmp_path, overwrite=False)
    assert len(files_in(tmp_path)) == 2


async def test_each_refused_address_is_asked_for_afresh(serve: Serve, tmp_path: Path) -> None:
    server = await serve(Failing("a.png?old", "b.png?old", "c.png?old"))
    asked = 0

    async def fresh(_result: Result) -> Image:
        nonlocal asked
        asked += 1
        return at(server.url, "a.png?new", "b.png?new", "c.png?new")

    image = linked(at(server.url, "a.png?old", "b.png?old", "c.png?old"), fresh)
    paths = await image.save_all(tmp_path)
    assert [path.read_bytes() for path in paths] == [
        PNG + b"/a.png?new", PNG + b"/b.png?new", PNG + b"/c.png?new",
    ]  # fmt: skip
    assert asked == 3


async def test_an_address_that_nobody_names_any_more_is_an_error(
    serve: Serve, tmp_path: Path
) -> None:
    server = await serve(Failing("b.png"))

    async def fresh(_result: Result) -> Image:
        return at(server.url, "a.png")

    image = linked(at(server.url, "a.png", "b.png"), fresh)
    with pytest.raises(AkoolError, match="404"):
        await image.save(tmp_path)


# Progress


async def test_progress_counts_the_bytes_of_all_files(serve: Serve, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    async def report(received: int, total: int | None) -> None:
        told.append((received, total))

    server = await serve(echo)
    await at(server.url, "a.png", "b.png", "c.png").save(tmp_path, progress=report)
    sizes = [(tmp_path / f"{ID}{mark}.png").stat().st_size for mark in ("", "-2", "-3")]
    assert sorted(told) == told
    assert told[-1] == (sum(sizes), sum(sizes))
    assert {total for received, total in told if received <= sizes[0] + sizes[1]} == {None}


async def test_the_progress_of_one_file_is_as_it_comes(serve: Serve, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    server = await serve(echo)
    path = await at(server.url, "a.png").save(
        tmp_path, progress=lambda *figures: told.append(figures)
    )
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


# Names


def test_only_an_extension_of_media_is_left_out_of_a_name() -> None:
    names = ["a.png", "a.b.MP4", "v1.2", ".png", "a", "a.srt"]
    assert [stem_of(name) for name in names] == ["a", "a.b", "v1.2", ".png", "a", "a"]


def test_a_further_file_tells_which_primary_files_it_may_belong_to() -> None:
    assert Path("x/row.png") in primaries_of(Path("x/row-2.png"))
    assert Path("x/row.mp4") in primaries_of(Path("x/row.original.srt"))
    assert list(primaries_of(Path("x/row.png"))) == []
    assert os.path.basename(next(primaries_of(Path("a-1-2.png")))).startswith("a-1.")  # noqa: PTH119
