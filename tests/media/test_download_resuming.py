"""A download that broke off goes on; in the end every byte is the server's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.conftest import Serve, Visit
    from tests.media.conftest import Finished, Left, Media


async def test_a_hundred_downloads_that_are_cut_are_identical_and_fetch_nothing_twice(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    chance, media = random.Random(1), new_media()

    async def cut_once(visit: Visit) -> None:
        if "range" in visit.headers:
            await media(visit)
        else:
            await media(visit, cut=chance.randrange(1, len(content)))
            await visit.close()

    server = await serve(cut_once)
    for number in range(100):
        path = await finished(f"{server.url}/{number}").save(tmp_path / str(number))
        assert path.read_bytes() == content
    assert len(server.visits) == 200
    assert 1 <= media.sent / (100 * len(content)) < 1.01


async def test_a_hundred_downloads_that_are_reset_are_identical(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    chance, media = random.Random(2), new_media()
    met: set[str] = set()

    async def reset_once(visit: Visit) -> None:
        if visit.target in met:
            await media(visit)
        else:
            met.add(visit.target)
            await media(visit, cut=chance.randrange(len(content)))
            visit.reset()

    server = await serve(reset_once)
    for number in range(100):
        path = await finished(f"{server.url}/{number}").save(tmp_path / str(number))
        assert path.read_bytes() == content
    assert len(server.visits) == 200
    # What was still on its way when the connection was reset is gone, and fetched again.
    assert media.sent < 1.5 * 100 * len(content)


async def test_one_download_that_is_cut_a_hundred_times_gets_to_its_end(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    chance, media = random.Random(3), new_media()

    async def cut_often(visit: Visit) -> None:
        short = chance.randrange(1, 10_000) if len(media.starts) < 100 else None
        await media(visit, cut=short)
        await visit.close()

    server = await serve(cut_often)
    path = await finished(f"{server.url}/a").save(tmp_path / "a")
    assert path.read_bytes() == content
    assert len(server.visits) == 101
    assert media.sent == len(content)


@pytest.mark.parametrize(
    ("fields", "validator"),
    [
        ({"etag": '"strong"'}, '"strong"'),
        ({"etag": '"strong"', "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, '"strong"'),
        (
            {"etag": 'W/"weak"', "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        ({"etag": 'W/"weak"'}, None),
        ({"server": "knows no validators"}, None),
        (
            {
                "date": "Mon, 01 Jan 2024 00:00:00 GMT",
                "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT",
            },
            None,
        ),
    ],
)
async def test_a_download_goes_on_only_where_something_tells_that_the_file_is_the_same(
    fields: dict[str, str],
    validator: str | None,
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    media = new_media(**fields)

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    server = await serve(cut_once)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [0, 500_000 if validator else 0]
    assert server.visits[1].headers.get("if-range") == validator
    assert server.visits[1].headers.get("range") == ("bytes=500000-" if validator else None)


async def test_a_server_that_answers_a_range_with_the_whole_file_is_listened_to_from_the_start(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()

    async def ignore_ranges(visit: Visit) -> None:
        await media.answer(visit, 0, content, cut=None if media.starts else 500_000)
        await visit.close()

    server = await serve(ignore_ranges)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert "range" in server.visits[1].headers
    assert len(server.visits) == 2


async def test_a_file_that_changes_midway_is_the_new_one_in_the_end(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    older, newer = new_media(), new_media(content[::-1], etag='"two"')

    async def change(visit: Visit) -> None:
        if older.starts:
            await newer(visit)
        else:
            await older(visit, cut=500_000)
        await visit.close()

    server = await serve(change)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content[::-1]


@pytest.mark.parametrize(
    "lie",
    [
        {"etag": '"two"'},
        {"etag": 'W/"one"'},
        {"etag": ""},
        {"last_modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
        {"content_range": "bytes 499999-999999/1000000"},
        {"content_range": "bytes 500001-999999/1000000"},
        {"content_range": "bytes 0-999999/1000000"},
        {"content_range": "bytes 500000-999999/2000000"},
        {"content_range": "bytes 500000-999999/999999"},
        {"content_range": "bytes 999999-500000/1000000"},
        {"content_range": "bytes 500000-999998/1000000"},
        {"content_range": "pages 500000-999999/1000000"},
        {"content_range": "nonsense"},
        {"content_range": ""},
        {"content_encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_rest_that_may_be_another_file_s_is_not_taken(
    lie: dict[str, str],
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    media = new_media(etag='"one"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")

    async def mislead(visit: Visit) -> None:
        if "range" in visit.headers:
            await media.answer(visit, 500_000, content[:500_000], **lie)
        else:
            await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    server = await serve(mislead)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert ["range" in visit.headers for visit in server.visits] == [False, True, False]


async def test_a_range_in_pieces_is_put_together(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()

    async def serve_pieces(visit: Visit) -> None:
        start = media.start_of(visit)
        if start:
            await media.answer(visit, start, content[start : start + 200_000])
        else:
            await media(visit, cut=100_000)
            await visit.close()

    server = await serve(serve_pieces)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [0, 100_000, 300_000, 500_000, 700_000, 900_000]


async def test_a_part_that_nobody_asked_for_is_not_taken(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()

    async def push(visit: Visit) -> None:
        if media.starts:
            await media(visit)
        else:
            await media.answer(visit, 300_000, content[300_000:])

    server = await serve(push)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content


async def test_a_body_in_chunks_that_lacks_only_its_end_is_known_to_be_whole(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(content), content)

    async def forget_the_end(visit: Visit) -> None:
        if "range" in visit.headers:
            beyond = f"bytes */{len(content)}"
            await visit.answer(b"", 416, content_range=beyond)
        else:
            await visit.send(b'HTTP/1.1 200 OK\r\nETag: "one"\r\n' + chunked)
            await visit.close()

    server = await serve(forget_the_end)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert server.visits[1].headers["range"] == f"bytes={len(content)}-"
    assert media.sent == 0


@pytest.mark.parametrize("beyond", ["bytes */999999", "bytes */5", "nonsense", ""])
async def test_a_range_that_the_server_does_not_have_begins_the_file_anew(
    beyond: str,
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    tmp_path: Path,
) -> None:
    media = new_media()

    async def refuse_ranges(visit: Visit) -> None:
        if "range" in visit.headers:
            await visit.answer(b"", 416, content_range=beyond)
        else:
            await media(visit, cut=None if media.starts else 500_000)
            await visit.close()

    server = await serve(refuse_ranges)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [0, 0]


async def test_a_body_that_just_stops_is_asked_for_what_comes_after(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media = new_media()

    async def stop_early(visit: Visit) -> None:
        if "range" in visit.headers:
            await media(visit)
        else:
            await visit.send(b'HTTP/1.1 200 OK\r\nETag: "one"\r\n\r\n' + content[:400_000])
            await visit.close()

    server = await serve(stop_early)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert media.starts == [400_000]


async def test_a_body_that_just_stops_is_whole_if_it_does_so_twice_in_one_place(
    serve: Serve, content: bytes, finished: Finished, tmp_path: Path
) -> None:
    async def stop(visit: Visit) -> None:
        await visit.send(b'HTTP/1.0 200 OK\r\nETag: "one"\r\n\r\n' + content)
        await visit.close()

    server = await serve(stop)
    assert (await finished(f"{server.url}/a").save(tmp_path / "a")).read_bytes() == content
    assert len(server.visits) == 2


async def test_a_server_that_announces_more_than_it_has_is_given_up_and_nothing_is_left(
    serve: Serve,
    new_media: type[Media],
    content: bytes,
    finished: Finished,
    left: Left,
    tmp_path: Path,
) -> None:
    media = new_media()

    async def exaggerate(visit: Visit) -> None:
        start = media.start_of(visit)
        total = len(content) + 1
        fields = {"content_length": str(total - start)}
        if start:
            fields["content_range"] = f"bytes {start}-{total - 1}/{total}"
        await media.answer(visit, start, content[start:], **fields)
        await visit.close()

    server = await serve(exaggerate)
    with pytest.raises(DownloadError, match="in 5 requests"):
        await finished(f"{server.url}/a?sig=canary").save(tmp_path / "a")
    assert left(tmp_path) == []


async def test_a_server_that_sends_nothing_is_given_up(
    serve: Serve, finished: Finished, left: Left, tmp_path: Path
) -> None:
    server = await serve(lambda visit: visit.answer(b""))
    with pytest.raises(DownloadError, match="sent nothing"):
        await finished(f"{server.url}/a").save(tmp_path / "a")
    assert left(tmp_path) == []


async def test_the_figures_of_progress_go_on_with_the_download(
    serve: Serve, new_media: type[Media], content: bytes, finished: Finished, tmp_path: Path
) -> None:
    media, told = new_media(), list[tuple[int, int | None]]()

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    async def tell(received: int, total: int | None) -> None:
        told.append((received, total))

    server = await serve(cut_once)
    await finished(f"{server.url}/a").save(tmp_path / "a", progress=tell)
    assert told == sorted(told)
    assert (500_000, 1_000_000) in told
    assert told[-1] == (1_000_000, 1_000_000)
