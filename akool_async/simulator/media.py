"""Draw the small media files that the simulator serves as finished work.

A simulated job ends in a file that a person can open: a picture, a clip or a
sound. It is a valid file of its kind, names its job, and differs from the files
of all other jobs. The three functions here make the files from a title and a
caption with the standard library alone. Equal arguments give equal bytes. A file takes
about a millisecond, a clip three.

Pictures and clips show a landscape, under it the text in an embedded bitmap font, and
a strip of 64 cells that spells a digest of both texts. So two jobs look different, even
where their names are too long to be drawn in full. In a clip, the sun goes its way. Sounds
carry the text as tags.
"""

from __future__ import annotations

import colorsys
import functools
import hashlib
import math
import re
import struct
import unicodedata
import zlib
from typing import NamedTuple

from akool_async.simulator.film import film
from akool_async.simulator.scene import colours, landscapes

__all__ = ["Media", "clip", "picture", "sound"]

_TEXT_LIMIT = 400
"""Characters of a title or caption that a file repeats."""

# The palette, by index: every pixel of a drawing is one of these.
_PAPER, _TITLE_INK, _CAPTION_INK, _FIRST_SHADE = range(4)
_SHADES = 16
_SCENE = _FIRST_SHADE + _SHADES

_PICTURE_SIZE = (320, 180)
_CLIP_SIZE = (192, 108)
_MARGIN = 6
_STRIP = 6
_SCENE_PART = 0.55
_CLIP_PICTURES = 16
_MOMENT = 0.35
"""Where the sun is on its way, at first."""

_SAMPLE_RATE = 8000
_NOTES = 6
_NOTE_SAMPLES = 700
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16, 19, 21)  # two pentatonic octaves
_LOWEST_PITCH = 261.63

_GLYPH_WIDTH, _GLYPH_HEIGHT = 5, 7
_CELL_WIDTH, _CELL_HEIGHT = 6, 9
_UNKNOWN = "\ufffd"
_PIECE = re.compile(r"[^\s_/:-]*[_/:-]+\s*|[^\s_/:-]+\s*")

_FONT_SHEETS = (
    (
        "ABCDEFGHIJKLM",
        """
        .###. ####. .#### ####. ##### ##### .#### #...# ##### ..### #...# #.... #...#
        #...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #..#. #.... ##.##
        #...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.#
        ##### ####. #.... #...# ####. ####. #..## ##### ..#.. ...#. ##... #.... #.#.#
        #...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...#
        #...# #...# #.... #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...#
        #...# ####. .#### ####. ##### #.... .#### #...# ##### .##.. #...# ##### #...#
        """,
    ),
    (
        "NOPQRSTUVWXYZ",
        """
        #...# .###. ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# #####
        ##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....#
        ##..# #...# #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#.
        #.#.# #...# ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#..
        #..## #...# #.... #.#.# #.#.. ....# ..#.. #...# .#.#. #.#.# .#.#. ..#.. .#...
        #..## #...# #.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #....
        #...# .###. #.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
        """,
    ),
    (
        "0123456789.-_",
        """
        .###. ..#.. .###. ####. #..#. ##### .###. ##### .###. .###. ..... ..... .....
        #..## .##.. #...# ....# #..#. #.... #.... ....# #...# #...# ..... ..... .....
        #..## #.#.. ....# ....# #..#. #.... #.... ...#. #...# #...# ..... ..... .....
        #.#.# ..#.. ...#. .###. ##### ####. ####. ...#. .###. .#### ..... ##### .....
        ##..# ..#.. ..#.. ....# ...#. ....# #...# ..#.. #...# ....# ..... ..... .....
        ##..# ..#.. .#... ....# ...#. ....# #...# ..#.. #...# ....# .##.. ..... .....
        .###. ##### ##### ####. ...#. ####. .###. ..#.. .###. .###. .##.. ..... #####
        """,
    ),
    (
        ":/,;!?'\"()+=#",
        """
        ..... ....# ..... ..... ..#.. .###. ..#.. .#.#. ...#. .#... ..... ..... .#.#.
        .##.. ....# ..... .##.. ..#.. #...# ..#.. .#.#. ..#.. ..#.. ..#.. ..... .#.#.
        .##.. ...#. ..... .##.. ..#.. ....# ..... ..... ..#.. ..#.. ..#.. ##### #####
        ..... ..#.. ..... ..... ..#.. ...#. ..... ..... ..#.. ..#.. ##### ..... .#.#.
        .##.. .#... ..##. .##.. ..#.. ..#.. ..... ..... ..#.. ..#.. ..#.. ##### #####
        .##.. #.... ..##. ..#.. ..... ..... ..... ..... ..#.. ..#.. ..#.. ..... .#.#.
        ..... #.... .##.. .#... ..#.. ..#.. ..... ..... ...#. .#... ..... ..... .#.#.
        """,
    ),
    (
        "%&*@<>[]|~{} ",
        r"""
        ##..# .##.. ..... .###. ....# #.... .###. .###. ..#.. ..... ..##. .##.. .....
        ##..# #..#. #.#.# #...# ...#. .#... .#... ...#. ..#.. ..... ..#.. ..#.. .....
        ...#. #.#.. .###. #.### ..#.. ..#.. .#... ...#. ..#.. .#..# ..#.. ..#.. .....
        ..#.. .#... ##### #.#.# .#... ...#. .#... ...#. ..#.. #.#.# .#... ...#. .....
        .#... #.#.# .###. #.### ..#.. ..#.. .#... ...#. ..#.. #..#. ..#.. ..#.. .....
        #..## #..#. #.#.# #.... ...#. .#... .#... ...#. ..#.. ..... ..#.. ..#.. .....
        #..## .##.# ..... .###. ....# #.... .###. .###. ..#.. ..... ..##. .##.. .....
        """,
    ),
)


class Media(NamedTuple):
    """Hold one finished file: its bytes, its MIME type and its extension."""

    content: bytes
    content_type: str
    extension: str


def picture(title: str, caption: str = "") -> Media:
    """Draw a PNG picture that shows the title and the caption."""
    width, height = _PICTURE_SIZE
    rows = _poster(title, caption, width, height)
    pixels = b"".join(b"\0" + row for row in rows)  # 0: the row is unfiltered
    chunks = (
        _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _png_chunk(b"PLTE", _palette(title)),
        _png_text(b"Title", title),
        _png_text(b"Description", caption),
        _png_chunk(b"IDAT", zlib.compress(pixels, 6)),
        _png_chunk(b"IEND", b""),
    )
    return Media(b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "image/png", ".png")


def clip(title: str, caption: str = "") -> Media:
    """Draw an MP4 film in which the sun sets and rises above the title and the caption."""
    width, height = _CLIP_SIZE
    rows, digest = _poster(title, caption, width, height), _digest(title)
    below = rows[_scene_height(height) :]
    moments = [(_MOMENT + step / _CLIP_PICTURES) % 1 for step in range(1, _CLIP_PICTURES)]
    size = (width, _scene_height(height))
    pictures = [[*each, *below] for each in landscapes(digest, size, _SCENE, moments)]
    content = film([rows, *pictures], _palette(title), _shortened(title), _shortened(caption))
    return Media(content, "video/mp4", ".mp4")


def sound(title: str, caption: str = "") -> Media:
    """Play a short WAV melody that is tagged with the title and the caption."""
    digest = _digest(title)
    melody = b"".join(_note(byte % len(_SCALE)) for byte in digest[:_NOTES])
    tags = _riff_text(b"INAM", title) + _riff_text(b"ICMT", caption)
    form = struct.pack("<HHIIHH", 1, 1, _SAMPLE_RATE, 2 * _SAMPLE_RATE, 2, 16)
    chunks = (
        b"WAVE",
        _riff_chunk(b"fmt ", form),
        _riff_chunk(b"LIST", b"INFO" + tags),
        _riff_chunk(b"data", melody),
    )
    return Media(_riff_chunk(b"RIFF", b"".join(chunks)), "audio/wav", ".wav")


# Text and colour


def _digest(*texts: str) -> bytes:
    """Return the SHA-256 digest of the texts, joined by zero bytes."""
    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).digest()


def _shortened(text: str) -> str:
    """Return the text without zero characters, cut to the limit of a file."""
    text = text.replace("\0", " ")
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."


def _drawable(text: str) -> str:
    """Return the text in characters of the font, with single spaces."""
    plain = unicodedata.normalize("NFKD", _shortened(text)).upper()
    known = (
        mark if mark in _glyphs() or mark.isspace() else _UNKNOWN
        for mark in plain
        if not unicodedata.combining(mark)
    )
    return " ".join("".join(known).split())[:_TEXT_LIMIT]


def _rgb(hue: float, lightness: float, saturation: float) -> bytes:
    """Return one palette entry."""
    parts = colorsys.hls_to_rgb(hue % 1.0, lightness, saturation)
    return bytes(round(255 * part) for part in parts)


def _palette(title: str) -> bytes:
    """Return the colours of a title: dark paper, light inks, shades, and those of its scene."""
    digest = _digest(title)
    hue = int.from_bytes(digest[:2], "big") / 65536
    inks = [_rgb(hue, 0.11, 0.45), _rgb(hue, 1.0, 0.0), _rgb(hue, 0.82, 0.5)]
    shades = [_rgb(hue + step / 40, 0.25 + step / 32, 0.6) for step in range(_SHADES)]
    return b"".join(inks + shades) + colours(digest)


# Drawing


@functools.cache
def _glyphs() -> dict[str, tuple[str, ...]]:
    """Return the rows of every glyph of the font, by character."""
    box = ("#####", *["#...#"] * (_GLYPH_HEIGHT - 2), "#####")
    glyphs: dict[str, tuple[str, ...]] = {_UNKNOWN: box}
    for characters, sheet in _FONT_SHEETS:
        lines = [line.split() for line in sheet.split("\n") if line.strip()]
        glyphs.update(zip(characters, zip(*lines, strict=True), strict=True))
    return glyphs


@functools.cache
def _glyph(character: str, scale: int, ink: int) -> tuple[bytes, ...]:
    """Return the pixel rows of one enlarged and inked glyph with its right gap."""
    spots = {"#": bytes([ink]) * scale, ".": bytes([_PAPER]) * scale}
    gap = bytes([_PAPER]) * (scale * (_CELL_WIDTH - _GLYPH_WIDTH))
    return tuple(b"".join(spots[spot] for spot in row) + gap for row in _glyphs()[character])


def _wrapped(text: str, columns: int) -> list[str]:
    """Break the text into lines, after a space or a joining mark where possible."""
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(text):
        if line and len(line) + len(piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while len(line.rstrip()) > columns:
            lines.append(line[:columns])
            line = line[columns:]
    return [*lines, line.rstrip()] if line else lines


def _line_rows(line: str, scale: int, ink: int, width: int) -> list[bytes]:
    """Draw one line of text, with the space under it."""
    margin = bytes([_PAPER]) * _MARGIN
    rows: list[bytes] = []
    for parts in zip(*(_glyph(mark, scale, ink) for mark in line), strict=True):
        row = (margin + b"".join(parts)).ljust(width, bytes([_PAPER]))
        rows += [row] * scale
    blank = bytes([_PAPER]) * width
    return rows + [blank] * (scale * _CELL_HEIGHT - len(rows))


def _largest_scale(text: str, largest: int, width: int, room: int) -> int:
    """Return the largest scale at which the text fits with no word broken."""
    longest = max((len(piece.rstrip()) for piece in _PIECE.findall(text)), default=0)
    for scale in range(largest, 1, -1):
        columns = (width - 2 * _MARGIN) // (_CELL_WIDTH * scale)
        fits = len(_wrapped(text, columns)) * _CELL_HEIGHT * scale <= room
        if fits and longest <= columns:
            return scale
    return 1


def _text_rows(text: str, scale: int, ink: int, width: int, room: int) -> list[bytes]:
    """Draw the wrapped text in at most `room` rows, with dots where it is cut."""
    columns = (width - 2 * _MARGIN) // (_CELL_WIDTH * scale)
    limit = room // (_CELL_HEIGHT * scale)
    lines = _wrapped(text, columns)
    if len(lines) > limit:
        lines = [*lines[: limit - 1], lines[limit - 1][: columns - 3] + "..."]
    return [row for line in lines for row in _line_rows(line, scale, ink, width)]


def _poster(title: str, caption: str, width: int, height: int) -> list[bytes]:
    """Draw the scene, the title, the caption and the digest strip."""
    (scene,) = landscapes(_digest(title), (width, _scene_height(height)), _SCENE, [_MOMENT])
    rows = [*scene]
    room = height - len(rows) - _STRIP - 3 * _MARGIN
    blank = bytes([_PAPER]) * width
    rows += [blank] * _MARGIN
    text = _drawable(title)
    scale = _largest_scale(text, width // 80, width, room * 3 // 4)
    rows += _text_rows(text, scale, _TITLE_INK, width, room * 3 // 4)
    rows += [blank] * (_MARGIN // 2)
    rows += _text_rows(_drawable(caption), 1, _CAPTION_INK, width, height - len(rows) - _STRIP)
    rows += [blank] * (height - _STRIP - len(rows))
    return rows + [_strip_row(_digest(title, caption), width)] * _STRIP


def _scene_height(height: int) -> int:
    return round(height * _SCENE_PART)


def _strip_row(digest: bytes, width: int) -> bytes:
    """Draw the digest as a row of cells, one shade for each hexadecimal digit."""
    cell = width // (2 * len(digest))
    shades = (bytes([_FIRST_SHADE + int(digit, 16)]) for digit in digest.hex())
    return b"".join(shade * cell for shade in shades)


# PNG


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk."""
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def _png_text(keyword: bytes, text: str) -> bytes:
    """Return an uncompressed international text chunk, or nothing for no text."""
    if not text:
        return b""
    body = keyword + b"\0\0\0\0\0" + _shortened(text).encode("utf-8", "replace")
    return _png_chunk(b"iTXt", body)


# WAV


@functools.cache
def _note(step: int) -> bytes:
    """Return the samples of one fading note of the scale."""
    turn = math.tau * _LOWEST_PITCH * 2 ** (_SCALE[step] / 12) / _SAMPLE_RATE
    samples: list[int] = []
    for index in range(_NOTE_SAMPLES):
        attack = min(1.0, index / 40)
        fade = (1 - index / _NOTE_SAMPLES) ** 2
        wave = math.sin(turn * index) + math.sin(2 * turn * index) / 3
        samples.append(round(15000 * attack * fade * wave))
    return struct.pack(f"<{_NOTE_SAMPLES}h", *samples)


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one RIFF chunk, padded to an even length."""
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _riff_text(kind: bytes, text: str) -> bytes:
    """Return a text chunk of an INFO list, or nothing for no text."""
    if not text:
        return b""
    return _riff_chunk(kind, _shortened(text).encode("utf-8", "replace") + b"\0")
