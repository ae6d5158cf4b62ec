"""Write a film as an MP4 file that every browser plays, with the standard library alone.

The film is H.264 in its simplest form: the first picture holds its pixels as they are, and each
next one those blocks of 16 by 16 pixels that have changed. Nothing has to be computed, so a film
takes a few milliseconds; it is as large as its pixels. The comments give the names of the standard
(ITU-T H.264, ISO/IEC 14496-12).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from akool_async.simulator.scene import Rows

_BLOCK: Final = 16
"""Width and height of a block, in pixels. The width of a film is a multiple of it."""
_PICTURES_PER_SECOND: Final = 8
_PROFILE, _COMPATIBILITY, _LEVEL = 66, 0xC0, 30  # constrained baseline, level 3.0
_AS_IT_IS: Final = 25  # mb_type I_PCM, in a slice of type I
_AFTER_INTER: Final = 5  # in a slice of type P, the types of blocks begin at this number
_UNIT: Final = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
"""The matrix that neither turns nor scales."""


def film(pictures: Sequence[Rows], colours: bytes, title: str, comment: str = "") -> bytes:
    """Return the pictures as a film.

    Args:
        pictures: Rows of pixels, an even number; each pixel is the number of its colour.
        colours: Three bytes for each colour: red, green and blue.
        title: The title in the file's tags.
        comment: The comment there.
    """
    width, height = len(pictures[0][0]), len(pictures[0])
    beyond = -height % _BLOCK
    padded = [[*rows, *([rows[-1]] * beyond)] for rows in pictures]
    samples = _samples(padded, _planes(colours))
    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    # First the samples: so their place is known before the box that names it is made.
    media = _box(b"mdat", *samples)
    tags = _box(b"udta", _tags(title, comment))
    return head + media + _movie(width, height, samples, len(head) + 8, tags)


# Pictures


def _planes(colours: bytes) -> tuple[bytes, bytes, bytes]:
    """Return brightness and the two colour differences of each colour, as BT.601 has them."""
    planes = bytearray(), bytearray(), bytearray()
    for red, green, blue in zip(colours[::3], colours[1::3], colours[2::3], strict=True):
        planes[0].append(round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255))
        planes[1].append(round(128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255))
        planes[2].append(round(128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255))
    luma, blue_difference, red_difference = (bytes(each.ljust(256, b"\x80")) for each in planes)
    return luma, blue_difference, red_difference


def _samples(pictures: Sequence[Rows], planes: tuple[bytes, bytes, bytes]) -> list[bytes]:
    """Return what the file holds of each picture: all blocks of the first, then the changes."""
    blocks: dict[int, bytes] = {}
    samples: list[bytes] = []
    before: Rows = ()
    for number, rows in enumerate(pictures):
        changed: list[int] = []
        for place, block in _blocks(rows, before):
            if blocks.get(place) != block:
                blocks[place] = block
                changed.append(place)
        samples.append(_slice(number, blocks, changed, planes))
        before = rows
    return samples


def _blocks(rows: Rows, before: Rows) -> Iterator[tuple[int, bytes]]:
    """Yield the blocks, with their places, of all rows of blocks that are not as before."""
    across = len(rows[0]) // _BLOCK
    for down in range(len(rows) // _BLOCK):
        band = rows[down * _BLOCK : (down + 1) * _BLOCK]
        if band != before[down * _BLOCK : (down + 1) * _BLOCK]:
            for number in range(across):
                left, right = number * _BLOCK, (number + 1) * _BLOCK
                yield down * across + number, b"".join([row[left:right] for row in band])


def _slice(
    number: int, blocks: Mapping[int, bytes], changed: Sequence[int], planes: tuple[bytes, ...]
) -> bytes:
    """Return one picture, as a slice of blocks; those that are left out stay as they were."""
    first = number == 0
    # first_mb_in_slice, slice_type, pic_parameter_set_id, frame_num
    bits = _ue(0) + _ue(7 if first else 5) + _ue(0) + f"{number % 16:04b}"
    # idr_pic_id and its dec_ref_pic_marking; else three flags that change nothing
    bits += _ue(0) + "00" if first else "000"
    bits += _ue(0) + _ue(1)  # slice_qp_delta, disable_deblocking_filter_idc
    parts: list[bytes] = []
    next_place = 0
    for place in changed:
        bits += "" if first else _ue(place - next_place)  # mb_skip_run
        bits += _ue(_AS_IT_IS if first else _AFTER_INTER + _AS_IT_IS)
        parts += [_packed(bits), _pixels(blocks[place], planes)]
        bits, next_place = "", place + 1
    bits += _ue(len(blocks) - next_place) if next_place < len(blocks) else ""
    parts.append(_packed(bits + "1"))
    return _sized(_unit(0x65 if first else 0x41, b"".join(parts)))


def _pixels(block: bytes, planes: tuple[bytes, ...]) -> bytes:
    """Return brightness for each pixel, and each colour difference for every fourth."""
    luma, *differences = planes
    quarter = b"".join([block[top : top + _BLOCK : 2] for top in range(0, len(block), 2 * _BLOCK)])
    return b"".join([block.translate(luma), *(quarter.translate(each) for each in differences)])


def _sequence(width: int, height: int) -> bytes:
    """Return the sequence parameter set."""
    # id, frame_num in 4 bits, pic_order_cnt_type: as sent, max_num_ref_frames
    bits = _ue(0) + _ue(0) + _ue(2) + _ue(1) + "0"
    down = -(-height // _BLOCK)
    bits += _ue(width // _BLOCK - 1) + _ue(down - 1)
    # frames only, direct_8x8_inference, cropping: only at the bottom, in pairs of rows; no VUI
    bits += "111" + _ue(0) * 3 + _ue((down * _BLOCK - height) // 2) + "0"
    return _unit(0x67, bytes([_PROFILE, _COMPATIBILITY, _LEVEL]) + _packed(bits + "1"))


def _parameters() -> bytes:
    """Return the picture parameter set: no arithmetic coding, and no smoothing of edges."""
    bits = _ue(0) + _ue(0) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _ue(0) * 3 + "100"
    return _unit(0x68, _packed(bits + "1"))


def _ue(value: int) -> str:
    """Return a number as bits in Exp-Golomb coding."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _packed(bits: str) -> bytes:
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def _unit(kind: int, payload: bytes) -> bytes:
    """Return a NAL unit. Three bytes that would look like its end are kept apart."""
    return bytes([kind]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def _sized(unit: bytes) -> bytes:
    return struct.pack(">I", len(unit)) + unit


# The file


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _movie(width: int, height: int, samples: Sequence[bytes], offset: int, tags: bytes) -> bytes:
    """Return the box that describes the film; its pictures begin at an offset in the file."""
    count = len(samples)
    times = struct.pack(">4I", 0, 0, _PICTURES_PER_SECOND, count)
    header = struct.pack(">I", 0) + times + struct.pack(">IH10x", 1 << 16, 1 << 8)
    track = struct.pack(">6I16x", 7, 0, 0, 1, 0, count) + _UNIT
    track += struct.pack(">II", width << 16, height << 16)
    media = _box(
        b"mdia",
        _box(b"mdhd", bytes(4), times, struct.pack(">HH", 0x55C4, 0)),  # language: und
        _box(b"hdlr", bytes(8), b"vide", bytes(12), b"\0"),
        _box(
            b"minf",
            _box(b"vmhd", struct.pack(">I8x", 1)),
            _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1"))),
            _table(width, height, samples, offset),
        ),
    )
    return _box(
        b"moov",
        _box(b"mvhd", header, _UNIT, bytes(24), struct.pack(">I", 2)),
        _box(b"trak", _box(b"tkhd", track), media),
        tags,
    )


def _table(width: int, height: int, samples: Sequence[bytes], offset: int) -> bytes:
    """Return the box that says what the samples are, how long each lasts, and where it is."""
    sequence, parameters = _sequence(width, height), _parameters()
    sets = b"\1".join(struct.pack(">H", len(each)) + each for each in (sequence, parameters))
    configuration = bytes([1, _PROFILE, _COMPATIBILITY, _LEVEL, 0xFF, 0xE1]) + sets
    entry = struct.pack(">6xH16xHHII4xH32xHh", 1, width, height, 72 << 16, 72 << 16, 1, 24, -1)
    count, sizes = len(samples), [len(each) for each in samples]
    return _box(
        b"stbl",
        _box(
            b"stsd",
            struct.pack(">II", 0, 1),
            _box(b"avc1", entry, _box(b"avcC", configuration)),
        ),
        _box(b"stts", struct.pack(">4I", 0, 1, count, 1)),
        _box(b"stss", struct.pack(">3I", 0, 1, 1)),
        _box(b"stsc", struct.pack(">5I", 0, 1, 1, count, 1)),
        _box(b"stsz", struct.pack(f">{3 + count}I", 0, 0, count, *sizes)),
        _box(b"stco", struct.pack(">3I", 0, 1, offset)),
    )


def _tags(title: str, comment: str) -> bytes:
    """Return title and comment, where players look for them."""
    texts = {b"\xa9nam": title, b"\xa9cmt": comment}
    tags = [
        _box(name, _box(b"data", struct.pack(">II", 1, 0), text.encode("utf-8", "replace")))
        for name, text in texts.items()
        if text
    ]
    handler = _box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    return _box(b"meta", bytes(4), handler, _box(b"ilst", *tags))
