"""The requests of the contestants that speak Akool's protocol by hand."""

from __future__ import annotations

from typing import Any

CREATE = "/api/open/v3/faceswap/highquality/imgreage"
LOOK = "/api/open/v3/faceswap/result/listbyids"
CREDIT = "/api/open/v3/faceswap/quota/info"
DELETE = "/api/open/v3/faceswap/result/delbyids"
KEY_HEADER = "x-api-key"
AT_ONCE = 100
"""Concurrent requests."""


def body(number: int, more: str = "") -> dict[str, Any]:
    """Return the body of a create."""
    photo = f"https://photos.example/{number}.jpg{more}"
    return {"targetImage": [{"path": photo}], "face_reage": 10, "modifyImage": photo}
