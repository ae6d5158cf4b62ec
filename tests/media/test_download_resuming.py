"""A download that broke off goes on; in the end every byte is the server's."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import DownloadError

if TYPE_CHECKING:
    from tests.media.conftest import Bench
    from tests.servers import Visit


async def test_a_hundred_downloads_that_are_cut_are_identical_and_fetch_nothing_twice(
    bench: Bench,
) -> None:
    chance, media = random.Random(1), bench.media()

    async def cut_once(visit: Visit) -> None:
        if "range" in visit.headers:
            await media(visit)
        else:
            await media(visit, cut=chance.randrange(1, len(bench.content)))
            await visit.close()

    server = await bench.serve(cut_once)
    for number in range(100):
        path = await bench.result(f"{server.url}/{number}").save(bench.folder / str(number))
        assert path.read_bytes() == bench.content
    assert len(server.visits) == 200
    assert 1 <= media.sent / (100 * len(bench.content)) < 1.01


async def test_a_hundred_downloads_that_are_reset_are_identical(bench: Bench) -> None:
    chance, media = random.Random(2), bench.media()
    met: set[str] = set()

    async def reset_once(visit: Visit) -> None:
        if visit.target in met:
            await media(visit)
        else:
            met.add(visit.target)
            await media(visit, cut=chance.randrange(len(bench.content)))
            visit.reset()

    server = await bench.serve(reset_once)
    for number in range(100):
        path = await bench.result(f"{server.url}/{number}").save(bench.folder / str(number))
        assert path.read_bytes() == bench.content
    assert len(server.visits) == 200
    # What was still on its way when the connection was reset is gone, and fetched again.
    assert media.sent < 1.5 * 100 * len(bench.content)


async def test_one_download_that_is_cut_a_hundred_times_gets_to_its_end(bench: Bench) -> None:
    chance, media = random.Random(3), bench.media()

    async def cut_often(visit: Visit) -> None:
        short = chance.randrange(1, 10_000) if len(media.starts) < 100 else None
        await media(visit, cut=short)
        await visit.close()

    server = await bench.serve(cut_often)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert len(server.visits) == 101
    assert media.sent == len(bench.content)


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
    fields: dict[str, Any], validator: str | None, bench: Bench
) -> None:
    media = bench.media(**fields)

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    server = await bench.serve(cut_once)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 500_000 if validator else 0]
    assert server.visits[1].headers.get("if-range") == validator
    assert server.visits[1].headers.get("range") == ("bytes=500000-" if validator else None)


async def test_a_server_that_answers_a_range_with_the_whole_file_is_listened_to_from_the_start(
    bench: Bench,
) -> None:
    media = bench.media()

    async def ignore_ranges(visit: Visit) -> None:
        await media.answer(visit, 0, bench.content, cut=None if media.starts else 500_000)
        await visit.close()

    server = await bench.serve(ignore_ranges)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert "range" in server.visits[1].headers
    assert len(server.visits) == 2


async def test_a_file_that_changes_midway_is_the_new_one_in_the_end(bench: Bench) -> None:
    older, newer = bench.media(), bench.media(bench.content[::-1], etag='"two"')

    async def change(visit: Visit) -> None:
        if older.starts:
            await newer(visit)
        else:
            await older(visit, cut=500_000)
        await visit.close()

    server = await bench.serve(change)
    assert await bench.save(f"{server.url}/a") == bench.content[::-1]


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
        {"content_length": "400000"},
        {"content_range": ""},
        {"content_encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_rest_that_may_be_another_file_s_is_not_taken(
    lie: dict[str, Any], bench: Bench
) -> None:
    media = bench.media(etag='"one"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")

    async def mislead(visit: Visit) -> None:
        if "range" in visit.headers:
            await media.answer(visit, 500_000, bench.content[:500_000], **lie)
        else:
            await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    server = await bench.serve(mislead)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert ["range" in visit.headers for visit in server.visits] == [False, True, False]


async def test_a_range_in_pieces_is_put_together(bench: Bench) -> None:
    media = bench.media()

    async def serve_pieces(visit: Visit) -> None:
        start = media.start_of(visit)
        if start:
            await media.answer(visit, start, bench.content[start : start + 200_000])
        else:
            await media(visit, cut=100_000)
            await visit.close()

    server = await bench.serve(serve_pieces)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 100_000, 300_000, 500_000, 700_000, 900_000]


async def test_a_part_that_nobody_asked_for_is_not_taken(bench: Bench) -> None:
    media = bench.media()

    async def push(visit: Visit) -> None:
        if media.starts:
            await media(visit)
        else:
            await media.answer(visit, 300_000, bench.content[300_000:])

    server = await bench.serve(push)
    assert await bench.save(f"{server.url}/a") == bench.content


async def test_a_body_in_chunks_that_lacks_only_its_end_is_known_to_be_whole(bench: Bench) -> None:
    media = bench.media()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (
        len(bench.content),
        bench.content,
    )

    async def forget_the_end(visit: Visit) -> None:
        if "range" in visit.headers:
            beyond = f"bytes */{len(bench.content)}"
            await visit.answer(b"", 416, content_range=beyond)
        else:
            await visit.send(b'HTTP/1.1 200 OK\r\nETag: "one"\r\n' + chunked)
            await visit.close()

    server = await bench.serve(forget_the_end)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert server.visits[1].headers["range"] == f"bytes={len(bench.content)}-"
    assert media.sent == 0


@pytest.mark.parametrize("beyond", ["bytes */999999", "bytes */5", "nonsense", ""])
async def test_a_range_that_the_server_does_not_have_begins_the_file_anew(
    beyond: str, bench: Bench
) -> None:
    media = bench.media()

    async def refuse_ranges(visit: Visit) -> None:
        if "range" in visit.headers:
            await visit.answer(b"", 416, content_range=beyond)
        else:
            await media(visit, cut=None if media.starts else 500_000)
            await visit.close()

    server = await bench.serve(refuse_ranges)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 0]


async def test_a_body_that_just_stops_is_asked_for_what_comes_after(bench: Bench) -> None:
    media = bench.media()

    async def stop_early(visit: Visit) -> None:
        if "range" in visit.headers:
            await media(visit)
        else:
            await visit.send(b'HTTP/1.1 200 OK\r\nETag: "one"\r\n\r\n' + bench.content[:400_000])
            await visit.close()

    server = await bench.serve(stop_early)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [400_000]


async def test_a_body_that_just_stops_is_whole_if_it_does_so_twice_in_one_place(
    bench: Bench,
) -> None:
    async def stop(visit: Visit) -> None:
        await visit.send(b'HTTP/1.0 200 OK\r\nETag: "one"\r\n\r\n' + bench.content)
        await visit.close()

    server = await bench.serve(stop)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert len(server.visits) == 2


async def test_a_server_that_announces_more_than_it_has_is_given_up_and_nothing_is_left(
    bench: Bench,
) -> None:
    media = bench.media()

    async def exaggerate(visit: Visit) -> None:
        start = media.start_of(visit)
        total = len(bench.content) + 1
        fields: dict[str, Any] = {"content_length": str(total - start)}
        if start:
            fields["content_range"] = f"bytes {start}-{total - 1}/{total}"
        await media.answer(visit, start, bench.content[start:], **fields)
        await visit.close()

    server = await bench.serve(exaggerate)
    with pytest.raises(DownloadError, match="in 5 requests"):
        await bench.save(f"{server.url}/a?sig=canary")
    assert bench.left() == []


async def test_a_server_that_sends_nothing_is_given_up(bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b""))
    with pytest.raises(DownloadError, match="sent nothing"):
        await bench.save(f"{server.url}/a")
    assert bench.left() == []


async def test_the_figures_of_progress_go_on_with_the_download(bench: Bench) -> None:
    media, told = bench.media(), list[tuple[int, int | None]]()

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 500_000)
        await visit.close()

    async def tell(received: int, total: int | None) -> None:
        told.append((received, total))

    server = await bench.serve(cut_once)
    await bench.result(f"{server.url}/a").save(bench.folder / "a", progress=tell)
    assert told == sorted(told)
    assert (500_000, 1_000_000) in told
    assert told[-1] == (1_000_000, 1_000_000)
