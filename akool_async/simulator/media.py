"""Draw the small media files that the simulator serves as finished work.

A simulated job ends in a file that a person can open: a picture, a clip or a
sound. It is a valid file of its kind, names its job, and differs from the files
of all other jobs. The three functions here make the files from a title and a
caption with the standard library alone. Equal arguments give equal bytes, and a
file takes about a millisecond.

Pictures and clips show the text in an embedded bitmap font above a strip of 64
cells that spells a digest of both texts, so that two jobs look different even
where their names are too long to be drawn in full.  Sounds carry the text as
tags.
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

__all__ = ["Media", "clip", "picture", "sound"]

_TEXT_LIMIT = 400
"""Characters of a title or caption that a file repeats."""

# The palette, by index: every pixel of a drawing is one of these.
_PAPER, _TITLE_INK, _CAPTION_INK, _ACCENT, _FIRST_SHADE = range(5)
_SHADES = 16

_PICTURE_SIZE = (320, 180)
_CLIP_SIZE = (192, 108)
_MARGIN = 6
_TOP_BAR = 4
_STRIP = 12
_TRACK = 6

_CLIP_FRAMES = 8  # also the number of places of the moving bar
_FRAME_DELAY = 12  # hundredths of a second
_GIF_CODE_SIZE = 7
_GIF_CLEAR = 1 << _GIF_CODE_SIZE
_GIF_END = _GIF_CLEAR + 1
_GIF_RUN = 120  # pixels between two clear codes; 126 would be the most

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
    """Draw a looping GIF in which a bar moves under the title and the caption."""
    width, height = _CLIP_SIZE
    rows = _poster(title, caption, width, height)
    track_top = height - _STRIP - _TRACK
    rows[track_top : track_top + _TRACK] = [_track_row(0, width)] * _TRACK
    content = (
        _gif_header(width, height, _palette(title)),
        _gif_comment(f"{_shortened(title)}\n{_shortened(caption)}".strip()),
        _gif_frame(0, width, b"".join(rows)),
        _gif_motion(track_top, width),
        b"\x3b",
    )
    return Media(b"".join(content), "image/gif", ".gif")


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
    """Return the colours of a title: dark paper, light inks, accent and shades."""
    digest = _digest(title)
    hue = int.from_bytes(digest[:2], "big") / 65536
    colours = [
        _rgb(hue, 0.16 + digest[2] / 2560, 0.45 + digest[3] / 640),
        _rgb(hue, 1.0, 0.0),
        _rgb(hue, 0.82, 0.6),
        _rgb(hue + 0.5, 0.6, 0.8),
    ]
    shades = [_rgb(hue + step / 40, 0.25 + step / 32, 0.6) for step in range(_SHADES)]
    return b"".join(colours + shades)


# Drawing: a drawing is a list of rows, and a row has one byte for each pixel


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
    """Draw the top bar, the title, the caption and the digest strip."""
    top, room = _TOP_BAR + _MARGIN, height - _TOP_BAR - _STRIP - _TRACK - 3 * _MARGIN
    blank = bytes([_PAPER]) * width
    rows = [bytes([_ACCENT]) * width] * _TOP_BAR + [blank] * _MARGIN
    text = _drawable(title)
    scale = _largest_scale(text, width // 80, width, room * 3 // 5)
    rows += _text_rows(text, scale, _TITLE_INK, width, room * 3 // 5)
    rows += [blank] * _MARGIN
    left = top + _MARGIN + room - len(rows)
    text = _drawable(caption)
    scale = _largest_scale(text, min(scale, 2), width, left)
    rows += _text_rows(text, scale, _CAPTION_INK, width, left)
    rows += [blank] * (height - _STRIP - len(rows))
    return rows + [_strip_row(_digest(title, caption), width)] * _STRIP


def _strip_row(digest: bytes, width: int) -> bytes:
    """Draw the digest as a row of cells, one shade for each hexadecimal digit."""
    cell = width // (2 * len(digest))
    shades = (bytes([_FIRST_SHADE + int(digit, 16)]) for digit in digest.hex())
    return b"".join(shade * cell for shade in shades)


def _track_row(step: int, width: int) -> bytes:
    """Draw one row of the track of a clip, with the bar at the given step."""
    bar = width // _CLIP_FRAMES
    before = bytes([_FIRST_SHADE]) * (bar * step)
    return (before + bytes([_ACCENT]) * bar).ljust(width, bytes([_FIRST_SHADE]))


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


# GIF


def _gif_header(width: int, height: int, palette: bytes) -> bytes:
    """Return the header, the screen, its colours and the order to loop for ever."""
    flags = 0xF0 | (_GIF_CODE_SIZE - 1)  # a global table of 8-bit colours
    screen = struct.pack("<HHBBB", width, height, flags, _PAPER, 0)
    colours = palette.ljust(3 << _GIF_CODE_SIZE, b"\0")
    return b"GIF89a" + screen + colours + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def _gif_comment(text: str) -> bytes:
    """Return a comment extension, or nothing for no text."""
    if not text:
        return b""
    body = text.encode("ascii", "replace")
    starts = range(0, len(body), 255)
    blocks = (body[start : start + 255] for start in starts)
    return b"\x21\xfe" + b"".join(bytes([len(part)]) + part for part in blocks) + b"\0"


def _gif_frame(top: int, width: int, pixels: bytes) -> bytes:
    """Return one frame that is drawn over the one before, from row `top` down.

    The pixels become LZW codes without any compression.  A clear code before
    every run keeps the code table so short that all codes are 8 bits wide, and
    each run is then a data block of its own whose bytes are the pixels.
    """
    control = b"\x21\xf9\x04" + struct.pack("<BHB", 1 << 2, _FRAME_DELAY, 0) + b"\0"
    place = struct.pack("<HHHHB", 0, top, width, len(pixels) // width, 0)
    starts = range(0, len(pixels), _GIF_RUN)
    runs = (pixels[start : start + _GIF_RUN] for start in starts)
    blocks = b"".join(bytes([len(run) + 1, _GIF_CLEAR]) + run for run in runs)
    end = bytes([1, _GIF_END, 0])
    return control + b"\x2c" + place + bytes([_GIF_CODE_SIZE]) + blocks + end


@functools.cache
def _gif_motion(top: int, width: int) -> bytes:
    """Return the frames after the first, which redraw only the track."""
    rows = (_track_row(step, width) for step in range(1, _CLIP_FRAMES))
    return b"".join(_gif_frame(top, width, row * _TRACK) for row in rows)


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
