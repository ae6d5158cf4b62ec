"""What values print: what matters, in a line that a terminal takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from akool_async import Backoff, Limits, Result, Retry, Snapshot, Status, Timeout
from akool_async.client.stats import JobCounts, Stats
from akool_async.endpoints import Faceswap, Image, StudioAnalysis
from akool_async.endpoints.audio import Voice
from akool_async.endpoints.paging import Page
from akool_async.media import StandaloneDownloader
from akool_async.protocol.words import in_line, until_when
from akool_async.result import Link

ID = "66f0c0ffee66f0c0ffee66f0"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
LONG_AGO = datetime(2024, 2, 29, 12, tzinfo=UTC)


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


CONCRETE = [each for each in dict.fromkeys(subclasses(Snapshot)) if each.__struct_fields__]


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("status", [*Status, Status(9)])
def test_a_snapshot_of_every_family_prints_a_line(cls: type[Any], status: Status) -> None:
    shown = repr(cls(id=ID, status=status, error_reason="no face"))
    assert shown.startswith(f"<{cls.__name__} {ID} {status.name}")
    assert "None" not in shown
    assert len(shown) < 200
    assert ("no face" in shown) is (status is Status.FAILED)


def finished(url: str, *, accepted: datetime | None = None) -> Result:
    result = Faceswap(id=ID, status=Status.COMPLETED, predicted_url=url)
    seconds = None if accepted is None else accepted.timestamp()
    return result.attach(Link(StandaloneDownloader(), accepted_at=seconds))


def test_the_query_of_a_signed_address_is_not_printed() -> None:
    shown = repr(finished("https://cdn.example/a.png?signature=canary#here"))
    assert shown == f"<Faceswap {ID} COMPLETED https://cdn.example/a.png?…>"


def test_a_result_that_is_kept_no_longer_says_so() -> None:
    assert repr(finished("https://x/a.png", accepted=LONG_AGO)).endswith("expired 7 Mar 2024>")


def test_more_media_are_counted() -> None:
    urls = tuple(f"https://x/{number}.png" for number in range(4))
    image = Image(id=ID, status=Status.COMPLETED, image=urls[0], upscaled_urls=urls)
    assert "https://x/0.png and 3 more" in repr(image)


def test_an_address_before_the_end_is_not_printed() -> None:
    assert repr(Faceswap(id=ID, predicted_url="https://x/a.png")) == f"<Faceswap {ID} QUEUED>"


def test_a_result_without_media_prints_the_fields_that_are_set() -> None:
    analysis = StudioAnalysis(id=ID, status=Status.COMPLETED, progress=100.0)
    assert repr(analysis) == f"<StudioAnalysis {ID} COMPLETED progress=100.0>"


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "a\u202eb", "\ud800", "tab\tbed"])
def test_a_line_does_a_terminal_no_harm(text: str) -> None:
    for shown in (in_line(text), repr(Faceswap(id=text, status=Status.FAILED, error_reason=text))):
        assert shown.isprintable()
        shown.encode()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(days=4), "expires 5 Dec"),
        (timedelta(hours=5), "expires 1 Dec 05:00 UTC"),
        (timedelta(0), "expired 1 Dec 00:00 UTC"),
        (timedelta(days=-10), "expired 21 Nov"),
        (timedelta(days=40), "expires 10 Jan 2027"),
    ],
)
def test_until_when_media_is_kept_is_a_day_or_near_the_end_an_hour(
    after: timedelta, words: str
) -> None:
    assert until_when(NOW + after, NOW) == words


def test_rows_show_what_is_set_and_settings_show_all() -> None:
    assert repr(Voice(voice_id="v", name="Nicole")) == "Voice(voice_id='v', name='Nicole')"
    assert "downloads=8" in repr(Limits())
    assert "attempts=" in repr(Retry())
    assert "multiplier=" in repr(Backoff())
    assert "connect=" in repr(Timeout())


def test_an_empty_page_and_empty_figures_are_short() -> None:
    assert repr(Page[Voice]()) == "<Page of 0>"
    assert repr(Stats()) == "<Stats 0 in flight, 0 requests>"


def test_figures_name_what_has_become_of_jobs_and_what_holds_them_up() -> None:
    jobs = {"a": JobCounts(completed=3, timed_out=1), "b": JobCounts(completed=2, median=1.5)}
    stats = Stats(in_flight=2, queued=7, jobs=jobs, requests={"x": 9}, out_of_credit=True)
    assert stats.one_line == (
        "2 in flight, 7 queued, 5 completed, 1 timed out, out of credit, 9 requests"
    )
    assert repr(jobs["b"]) == "JobCounts(completed=2, median=1.5)"
