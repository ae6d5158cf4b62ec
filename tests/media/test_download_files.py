"""Where files go: into their folder and nowhere else, whole, and one at a time."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError
from akool_async.media import safe_name
from akool_async.media.names import extension_for
from tests.media.conftest import ID

if TYPE_CHECKING:
    from tests.clocks import Until
    from tests.media.conftest import Bench
    from tests.servers import Visit

HOSTILE = [
    "../../evil",
    "..",
    ".",
    "",
    "/etc/passwd",
    "C:\\Windows\\evil",
    "\\\\host\\share\\evil",
    "a/b",
    "a\\b",
    "nul\0byte",
    "CON",
    "con.txt",
    "LPT1",
    "aux.tar.gz",
    "file:stream",
    "x" * 300,
    "é" * 300,
    "\u202egnp.exe",
    "\u202e",
    "~root",
    "$(touch evil)",
    "-rf",
    ".hidden",
    "trailing.",
    "trailing ",
    "new\nline",
    "%2e%2e%2fevil",
    "\ud800",
    "a.part",
]

NO_MEDIA = [".5", ".php", ".aspx", ".com", ".tmp", ".exe", ".0", ".bin", ".part", ".html", ".json"]
"""What addresses end in that is no extension of media."""
MEDIA = [".mp4", ".MOV", ".jpeg", ".webm", ".wav", ".tif", ".m4v", ".mkv", ".opus", ".avif"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_an_id_says_its_file_lies_in_the_folder(name: str, bench: Bench) -> None:
    server = await bench.serve(bench.media())
    path = await bench.result(f"{server.url}/a.png", id=name).save(f"{bench.folder}/inside/")
    assert path.parent == bench.folder / "inside"
    assert path.read_bytes() == bench.content
    assert bench.left() == [f"inside/{path.name}"]
    assert path.name.isascii()
    assert path.name.isprintable()
    assert path.suffix == ".png"
    assert path.stem.split(".")[0].lower() not in {"con", "nul", "aux", "lpt1", ""}


def test_ids_that_had_to_be_changed_stay_apart() -> None:
    assert len({safe_name(name) for name in HOSTILE}) == len(HOSTILE)
    assert safe_name("65f8017f56559aa67f0ecde7") == "65f8017f56559aa67f0ecde7"
    assert len({safe_name("a/b"), safe_name("a-b"), safe_name("a\\b")}) == 3


@pytest.mark.parametrize("where", ["/../../evil.png", "/%2e%2e/%2e%2e/evil.png", "/a.png/../.."])
async def test_whatever_an_address_says_the_file_lies_in_the_folder(
    where: str, bench: Bench
) -> None:
    disposition = 'attachment; filename="../../evil.png"'
    server = await bench.serve(bench.media(etag='"one"', content_disposition=disposition))
    (bench.folder / "inside").mkdir()
    path = await bench.result(server.url + where).save(bench.folder / "inside")
    assert path.parent == bench.folder / "inside"
    assert bench.left() == [f"inside/{path.name}"]


@pytest.mark.parametrize(
    ("url", "content_type", "head", "extension"),
    [
        ("https://a.b/c.PNG", "image/jpeg", b"GIF89a", ".png"),
        ("https://a.b/c", "image/jpeg", b"GIF89a", ".jpg"),
        ("https://a.b/c", "Video/MP4; codecs=avc1", b"", ".mp4"),
        ("https://a.b/c", "application/octet-stream", b"GIF89a", ".gif"),
        ("https://a.b/c", "", b"\x89PNG\r\n\x1a\n", ".png"),
        ("https://a.b/c", "", b"\xff\xd8\xff\xe0", ".jpg"),
        ("https://a.b/c", "", b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        ("https://a.b/c", "", b"RIFF\n\n\n\nWAVEfmt ", ".wav"),
        ("https://a.b/c", "", b"\0\0\0\x18ftypisom", ".mp4"),
        ("https://a.b/c", "", b"\0\0\0\x14ftypqt  ", ".mov"),
        ("https://a.b/c", "", b"\0\0\0\x14ftypM4A ", ".m4a"),
        ("https://a.b/c", "", b"\x1aE\xdf\xa3", ".webm"),
        ("https://a.b/c", "", b"ID3\x04", ".mp3"),
        ("https://a.b/c", "", b"\xff\xfb\x90", ".mp3"),
        ("https://a.b/c", "", b"\xff\xf1\x50", ".aac"),
        ("https://a.b/c", "", b"OggS", ".ogg"),
        ("https://a.b/c", "", b"fLaC", ".flac"),
        ("https://a.b/c", "text/html", b"<html>", ""),
        ("https://a.b/c.not-an-extension", "", b"", ""),
        *((f"https://a.b/c{ending}", "", b"\0\0\0\x18ftypisom", ".mp4") for ending in NO_MEDIA),
        *((f"https://a.b/c{ending}", "video/mp4", b"", ".mp4") for ending in NO_MEDIA),
        *((f"https://a.b/c{ending}?v=1", "", b"", ending.lower()) for ending in MEDIA),
    ],
)
def test_the_extension_is_the_address_s_or_the_type_s_or_the_content_s(
    url: str, content_type: str, head: bytes, extension: str
) -> None:
    assert extension_for(url, content_type, head) == extension


async def test_a_file_without_a_named_type_is_looked_into(bench: Bench) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    server = await bench.serve(bench.media(png))
    assert (await bench.result(f"{server.url}/a").save(bench.folder)).suffix == ".png"


async def test_a_file_is_found_again_under_the_name_of_its_content_and_not_overwritten(
    bench: Bench,
) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    server = await bench.serve(bench.media(png))
    (bench.folder / ID).write_bytes(b"another")  # the name without an extension
    path = await bench.result(f"{server.url}/a.5").save(bench.folder, overwrite=False)
    assert path == bench.folder / f"{ID}.png"
    with pytest.raises(FileExistsError):
        await bench.result(f"{server.url}/a.5").save(bench.folder, overwrite=False)


# Relative paths


@pytest.mark.parametrize("given", ["out/", "out/a.png", "a.png", "."])
async def test_a_relative_path_belongs_to_where_the_save_began(
    given: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = bench.media(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (bench.folder / "here").mkdir()
    (bench.folder / "there").mkdir()

    async def leave(visit: Visit) -> None:
        monkeypatch.chdir(bench.folder / "there")
        await media(visit)

    server = await bench.serve(leave)
    monkeypatch.chdir(bench.folder / "here")
    path = await bench.result(f"{server.url}/a.png").save(given)
    name = f"{ID}.png" if given in {"out/", "."} else ""
    assert path == Path(given) / name
    assert bench.left() == [str(Path("here", given, name))]


# Links in the way


async def test_a_link_that_leads_out_of_the_folder_is_replaced_and_not_followed(
    bench: Bench,
) -> None:
    inside, outside = bench.folder / "inside", bench.folder / "outside"
    inside.mkdir()
    outside.write_bytes(b"precious")
    result = bench.result((await bench.serve(bench.media())).url + "/a.png")
    (inside / f"{result.id}.png").symlink_to(outside)
    path = await result.save(inside)
    assert outside.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert path.read_bytes() == bench.content


async def test_a_link_under_the_name_of_the_unfinished_file_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _size: "known")
    (bench.folder / "outside").write_bytes(b"precious")
    (bench.folder / ".a.known.part").symlink_to(bench.folder / "outside")
    with pytest.raises(FileExistsError):
        await bench.result((await bench.serve(bench.media())).url).save(bench.folder / "a")
    assert (bench.folder / "outside").read_bytes() == b"precious"


# Overwriting


async def test_a_file_that_may_not_be_overwritten_is_not_and_nothing_is_fetched(
    bench: Bench,
) -> None:
    server = await bench.serve(bench.media())
    (bench.folder / "a").write_bytes(b"older")
    with pytest.raises(FileExistsError):
        await bench.result(f"{server.url}/a").save(bench.folder / "a", overwrite=False)
    assert server.connections == 0
    assert (bench.folder / "a").read_bytes() == b"older"
    assert bench.left() == ["a"]


async def test_a_file_that_appears_meanwhile_is_not_overwritten_either(bench: Bench) -> None:
    media = bench.media()

    async def be_late(visit: Visit) -> None:
        (bench.folder / "a").write_bytes(b"older")
        await media(visit)

    server = await bench.serve(be_late)
    with pytest.raises(FileExistsError):
        await bench.result(f"{server.url}/a").save(bench.folder / "a", overwrite=False)
    assert (bench.folder / "a").read_bytes() == b"older"
    assert bench.left() == ["a"]


async def test_where_no_file_is_there_is_nothing_to_overwrite(bench: Bench) -> None:
    server = await bench.serve(bench.media())
    path = await bench.result(f"{server.url}/a").save(bench.folder / "a", overwrite=False)
    assert path.read_bytes() == bench.content
    assert bench.left() == ["a"]


async def test_a_file_is_as_readable_as_the_user_s_other_files(bench: Bench) -> None:
    before = os.umask(0o027)
    try:
        path = await bench.result((await bench.serve(bench.media())).url).save(bench.folder / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


# Several at once


async def test_two_saves_of_one_target_do_not_mix(until: Until, bench: Bench) -> None:
    first, second = bench.media(), bench.media(bench.content[::-1])
    arrived = asyncio.Event()

    async def serve_both(visit: Visit) -> None:
        media = first if visit.target == "/first" else second
        if media.starts:
            await media(visit)
            return
        await media(visit, cut=500_000)
        if len(server.visits) == 2:
            arrived.set()
        await arrived.wait()
        await visit.close()

    server = await bench.serve(serve_both)
    names = ("first", "second", "first", "second")
    saves = [bench.result(f"{server.url}/{name}").save(bench.folder / "a") for name in names]
    paths = await asyncio.gather(*saves)
    assert set(paths) == {bench.folder / "a"}
    assert (bench.folder / "a").read_bytes() in {bench.content, bench.content[::-1]}
    assert bench.left() == ["a"]


async def test_a_save_that_fails_leaves_the_one_beside_it_alone(bench: Bench) -> None:
    media = bench.media()

    async def serve_one(visit: Visit) -> None:
        await (media(visit) if visit.target == "/good" else visit.answer(b"", 410))

    server = await bench.serve(serve_one)
    good, bad = await asyncio.gather(
        bench.result(f"{server.url}/good").save(bench.folder / "a"),
        bench.result(f"{server.url}/bad").save(bench.folder / "a"),
        return_exceptions=True,
    )
    assert isinstance(bad, DownloadError)
    assert good == bench.folder / "a"
    assert (bench.folder / "a").read_bytes() == bench.content
    assert bench.left() == ["a"]
