"""The vendor's code that cuts a text into messages, in Python: rule by rule as on its page.

The page is "Streaming Avatar Integration: using Agora SDK", step 5. The code there is JavaScript: a
text is a sequence of UTF-16 units, so that an emoji is two of them, and may be cut in half.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

MAX_ENCODED_SIZE: Final = 950
BYTES_PER_SECOND: Final = 6000

_HALF: Final = re.compile("[\ud800-\udfff]")


def messages(content: str, mid: str) -> list[bytes]:
    """Cut a text, and write its messages."""
    chunks = list(_chunks(units(content), mid))
    last = len(chunks) - 1
    return [_encoded(chunk, mid, idx, fin=idx == last) for idx, chunk in enumerate(chunks)]


def moments(some: Sequence[bytes]) -> list[float]:
    """Return the seconds at which the vendor's code sends the messages."""
    waits = [math.ceil(1000 * len(each) / BYTES_PER_SECOND) / 1000 for each in some]
    return [sum(waits[:number]) for number in range(len(some))]


def units(text: str) -> str:
    """Return a text whose characters are UTF-16 units, as JavaScript counts them."""
    wide = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(wide[at] | wide[at + 1] << 8) for at in range(0, len(wide), 2))


def _chunks(remaining: str, mid: str) -> Iterator[str]:
    longest = (MAX_ENCODED_SIZE - len(_encoded("", mid, 0, fin=False))) // 4
    idx = 0
    while remaining:
        chunk = remaining[:longest]
        while len(_encoded(chunk, mid, idx, fin=False)) > MAX_ENCODED_SIZE and len(chunk) > 1:
            chunk = chunk[: math.ceil(len(chunk) / 2)]
        if len(_encoded(chunk, mid, idx, fin=False)) > MAX_ENCODED_SIZE:
            raise ValueError("Message encoding failed: content too large for chunking")
        yield chunk
        remaining, idx = remaining[len(chunk) :], idx + 1


def _encoded(chunk: str, mid: str, idx: int, *, fin: bool) -> bytes:
    """Write a message as `JSON.stringify` and `TextEncoder` do: half a character is an escape."""
    text = chunk.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    message = {"v": 2, "type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": {"text": text}}
    written = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", written).encode()
