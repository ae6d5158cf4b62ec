"""An error page under status 200 is never saved as media; sound bytes are, whatever their label."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import pytest

from akool_async import DownloadError
from akool_async.media.pages import page_in

if TYPE_CHECKING:
    from tests.media.conftest import Bench
    from tests.servers import Visit

MP4 = b"\0\0\0\x20ftypisom" + random.Random(3).randbytes(5000)

PAGES = {
    "html": (b"<!DOCTYPE html><html><body>Sorry</body></html>", "text/html; charset=utf-8"),
    "html in upper case": (b"\r\n<HTML><HEAD><TITLE>502</TITLE>", "text/html"),
    "html with a mark": (b"\xef\xbb\xbf<!doctype html>", "text/html"),
    "html in utf-16": ("\ufeff<html>Sorry</html>".encode("utf-16-le"), "text/html"),
    "html in latin-1": (b"<html>Erreur: p\xe9rim\xe9</html>", "text/html; charset=iso-8859-1"),
    "html called a video": (b"<html><body>Sorry</body></html>", "video/mp4"),
    "html without a type": (b"<!-- nginx --><html>", ""),
    "html that is compressed in secret": (gzip.compress(b"<html>"), "text/html"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "application/xml"),
    "xml without a head": (b"<Error><Code>NoSuchKey</Code></Error>", "binary/octet-stream"),
    "xml of a problem": (b"<problem/>", "application/problem+xml"),
    "json": (b'{"error": "expired"}', "application/json"),
    "json called a picture": (b' {"error": "expired"}', "image/png"),
    "json of a problem": (b'"expired"', "application/problem+json"),
    "a list of json": (b'[{"error": "expired"}]', "application/octet-stream"),
    "text": (b"upstream connect error", "text/plain"),
    "text beyond ascii": ("délai dépassé".encode(), "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize("name", PAGES)
async def test_an_error_page_is_no_media_and_passes(name: str, bench: Bench) -> None:
    page, kind = PAGES[name]

    async def sorry_twice(visit: Visit) -> None:
        body = page if len(server.visits) < 3 else MP4
        await visit.answer(body, content_type=kind)

    server = await bench.serve(sorry_twice)
    assert await bench.save(f"{server.url}/a.mp4") == MP4
    assert len(server.visits) == 3


@pytest.mark.parametrize("name", PAGES)
async def test_an_error_page_that_stays_is_a_download_error(name: str, bench: Bench) -> None:
    page, kind = PAGES[name]
    server = await bench.serve(lambda visit: visit.answer(page, content_type=kind))
    with pytest.raises(DownloadError, match="what came is a page and no media"):
        await bench.save(f"{server.url}/a.mp4")
    assert len(server.visits) == bench.retry.attempts
    assert bench.left() == []


async def test_the_error_of_an_error_page_quotes_it_and_no_secret(bench: Bench) -> None:
    page = b"<html>\n <p>Link /a.mp4?sig=canary is over.</p>\0</html>".replace(b"\0", b" " * 999)
    server = await bench.serve(lambda visit: visit.answer(page, content_type="text/html"))
    with pytest.raises(DownloadError) as caught:
        await bench.save(f"{server.url}/a.mp4?sig=canary")
    assert "<html> <p>Link /a.mp4?... is over.</p>" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_a_compressed_error_page_is_an_error_page(bench: Bench) -> None:
    page = gzip.compress(b"<html>Sorry</html>")
    server = await bench.serve(lambda visit: visit.answer(page, content_encoding="gzip"))
    with pytest.raises(DownloadError, match="<html>Sorry</html>"):
        await bench.save(f"{server.url}/a.mp4")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/plain", "application/xml"])
@pytest.mark.parametrize(
    "head",
    [b"\0\0\0\x20ftypisom", b"ID3\x04", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF....WAVE"],
)
async def test_media_that_is_labelled_as_a_page_is_media(
    kind: str, head: bytes, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(head + MP4, content_type=kind))
    assert await bench.save(f"{server.url}/a.mp4") == head + MP4


@pytest.mark.parametrize(
    "content",
    [b"<svg xmlns='...'/>", b'<?xml version="1.0"?>\n<svg>', b"[\0\1\2", b"{\xff\xfe\0", b"media"],
)
def test_what_only_looks_like_a_page_is_media(content: bytes) -> None:
    assert page_in(content, "image/svg+xml" if b"<svg" in content else "video/mp4") is None


# Labels of encodings


LABELS = [
    "aws-chunked",
    "UTF-8",
    "binary",
    "none",
    "identity, aws-chunked",
    "aws-chunked,identity",
    "utf8",
    "8bit",
    "base64",
    "null",
    ",",
    "",
]


@pytest.mark.parametrize("label", LABELS)
async def test_a_label_that_is_no_encoding_is_ignored(label: str, bench: Bench) -> None:
    media = bench.media(etag='"one"', content_encoding=label)

    async def cut_once(visit: Visit) -> None:
        await media(visit, cut=None if media.starts else 300_000)
        await visit.close()

    server = await bench.serve(cut_once)
    assert await bench.save(f"{server.url}/a") == bench.content
    assert media.starts == [0, 300_000]


@pytest.mark.parametrize("label", ["aws-chunked, gzip", "x-gzip,aws-chunked", "identity, GZip"])
async def test_beside_a_label_that_is_no_encoding_gzip_is_one(label: str, bench: Bench) -> None:
    packed = gzip.compress(bench.content)
    server = await bench.serve(lambda visit: visit.answer(packed, content_encoding=label))
    assert await bench.save(f"{server.url}/a") == bench.content


async def test_a_label_in_a_second_line_counts_too(bench: Bench) -> None:
    packed = gzip.compress(bench.content)
    lines = "aws-chunked\r\nContent-Encoding: gzip"
    server = await bench.serve(lambda visit: visit.answer(packed, content_encoding=lines))
    assert await bench.save(f"{server.url}/a") == bench.content


@pytest.mark.parametrize("label", ["gzip", "x-gzip", "br", "deflate", "zstd", "gzip, br"])
async def test_media_that_shows_itself_is_not_encoded_whatever_its_label(
    label: str, bench: Bench
) -> None:
    server = await bench.serve(lambda visit: visit.answer(MP4, content_encoding=label))
    assert await bench.save(f"{server.url}/a") == MP4


@pytest.mark.parametrize("label", ["br", "deflate", "zstd", "aws-chunked, br", "gzip, gzip"])
async def test_an_encoding_that_cannot_be_decoded_is_told(label: str, bench: Bench) -> None:
    server = await bench.serve(lambda visit: visit.answer(b"\x0b\x02", content_encoding=label))
    with pytest.raises(DownloadError, match="it comes encoded as"):
        await bench.save(f"{server.url}/a")
    assert len(server.visits) == 1
