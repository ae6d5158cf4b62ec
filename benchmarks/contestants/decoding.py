"""The reply of `listbyids`, from bytes to values."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from statistics import median

import msgspec

from akool_async.endpoints import GetFaceswaps
from akool_async.protocol.snapshot import Status
from akool_async.protocol.wire import HttpResponse
from benchmarks.meter import Figures, Meter
from benchmarks.server import COMPLETED, OK, REST

PLAIN = {
    "faceswap_type": int,
    "faceswap_quality": int,
    "faceswap_status": int,
    "deduction_status": int,
    "image": int,
    "video_duration": float,
    "deduction_duration": float,
    "update_time": int,
    "_id": str,
    "userId": str,
    "uid": int,
    "url": str,
    "createdAt": str,
}
"""The fields of a row, with JSON types."""

TYPED = {**PLAIN, "faceswap_status": Status, "createdAt": datetime}
"""The same fields, with the types of the package's own rows."""


def decoder_of(fields: dict[str, type]) -> Callable[[bytes], object]:
    """Return a bare msgspec decoder of the whole reply."""
    row = msgspec.defstruct("Row", list(fields.items()))
    data = msgspec.defstruct("Data", [("result", list[row])])  # type: ignore[valid-type]
    reply = msgspec.defstruct("Reply", [("code", int), ("msg", str), ("data", data)])
    return msgspec.json.Decoder(reply).decode


async def decode(_meter: Meter, *, rows: int, repeats: int) -> Figures:
    """Decode a reply in three ways, in turn; return nanoseconds per row."""
    listed = b",".join(
        COMPLETED + b"%014x%010x" % (number, number) + REST for number in range(rows)
    )
    body = OK % (b'{"result":[' + listed + b"]}")
    response = HttpResponse(status=200, headers={}, body=body)
    endpoint = GetFaceswaps(ids=["64dae65af6e250d4fb2bca63"])
    ways: dict[str, Callable[[], object]] = {}
    for name, fields in (("plain", PLAIN), ("typed", TYPED)):
        bare = decoder_of(fields)
        ways[name] = lambda bare=bare: bare(body)  # type: ignore[misc]
    ways["ours"] = lambda: endpoint.decode(response)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            found[name].append(_timed(way) / rows)
    return {name: median(times) for name, times in found.items()}


def _timed(way: Callable[[], object], calls: int = 20) -> float:
    began = time.process_time_ns()
    for _ in range(calls):
        way()
    return (time.process_time_ns() - began) / calls
