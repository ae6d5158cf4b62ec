"""What the simulator makes can be looked at: films that play, landscapes that differ."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import pytest

from akool_async.simulator import media
from akool_async.simulator.film import film

RED, BLUE, GREEN = range(3)
COLOURS = bytes([220, 30, 30, 30, 60, 220, 40, 160, 60])


def pictures_of(content: bytes) -> list[list[tuple[int, int, int]]]:
    """Return the pixels of each picture, row after row, without any code of the package."""
    with av.open(io.BytesIO(content), mode="r") as opened:
        assert opened.format.name.startswith("mov,mp4")
        return [
            [
                (int(red), int(green), int(blue))
                for row in frame.to_ndarray(format="rgb24").tolist()
                for red, green, blue in row
            ]
            for frame in opened.decode(video=0)
        ]


def plain(ink: int, width: int = 32, height: int = 20) -> list[bytes]:
    return [bytes([ink]) * width] * height


def near(pixel: Sequence[int], ink: int) -> bool:
    meant = COLOURS[3 * ink : 3 * ink + 3]
    return all(abs(one - other) <= 8 for one, other in zip(pixel, meant, strict=True))


def test_a_film_shows_each_picture_in_its_colours_and_its_size() -> None:
    below = [*plain(BLUE, height=10), *plain(GREEN, height=10)]
    shown = pictures_of(film([plain(RED), below, below, plain(BLUE)], COLOURS, "a title"))
    assert [len(each) for each in shown] == [32 * 20] * 4
    red, half, still, blue = shown
    assert all(near(pixel, RED) for pixel in red)
    assert all(near(pixel, BLUE) for pixel in half[: 32 * 9])
    assert all(near(pixel, GREEN) for pixel in half[32 * 11 :])
    assert still == half
    assert all(near(pixel, BLUE) for pixel in blue)


def test_what_does_not_change_takes_no_room() -> None:
    once, often = (len(film([plain(RED)] * count, COLOURS, "t")) for count in (1, 16))
    assert often - once < 16 * 20


def test_a_clip_moves_and_its_tags_name_its_job() -> None:
    made = media.clip("reage.video 0123456789abcdef01234567", "made by hand")
    with av.open(io.BytesIO(made.content), mode="r") as opened:
        assert opened.metadata["title"] == "reage.video 0123456789abcdef01234567"
        assert opened.metadata["comment"] == "made by hand"
        (stream,) = opened.streams
        assert stream.type == "video"
        assert float(opened.duration or 0) / av.time_base == pytest.approx(2.0)
    shown = pictures_of(made.content)
    assert len(shown) == 16
    assert len(set(map(tuple, shown))) > 8  # the sun may be behind a hill
    assert (made.content_type, made.extension) == ("video/mp4", ".mp4")


def test_equal_titles_give_equal_files_and_others_another_landscape() -> None:
    for maker in (media.picture, media.clip, media.sound):
        assert maker("a", "b") == maker("a", "b")
        assert maker("a", "b").content != maker("c", "b").content
