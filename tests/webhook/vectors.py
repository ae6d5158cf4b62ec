"""Webhooks made with the code that Akool publishes, and the broken one that its page prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_FILE = Path(__file__).parents[1] / "fixtures" / "webhook_vectors.jsonl"

VECTORS: tuple[Mapping[str, Any], ...] = tuple(
    msgspec.json.decode(line) for line in _FILE.read_bytes().splitlines()
)

PRINTED: Mapping[str, Any] = {
    "clientId": "AKDt8rWEczpYPzCGur2xE=",
    "clientSecret": "nmwUjMAK0PJpl0MOiXLOOOwZADm0gkLo",
    "signature": "04e30dd43d9d8f95dd7c127dad617f0929d61c1d",
    "timestamp": 1710757981609,
    "nonce": "1529",
    "dataEncrypt": (
        "LuG1OVSVIwOO/xpW00eSYo77Ncxa9h4VKmOJRjwoyoAmCIS/8FdJRJ+BpZn90BVAAg8xpU1bMmcDlAYDT010"
        "Wa9tNi1jivX25Ld03iA4EKs="
    ),
}
"""The vector on Akool's page. Its id or secret was altered: it neither verifies nor decrypts."""


def body_of(vector: Mapping[str, Any], **changes: Any) -> bytes:
    """Return the body of a vector's webhook, with some parts changed."""
    parts = {name: vector[name] for name in ("signature", "dataEncrypt", "timestamp", "nonce")}
    return msgspec.json.encode(parts | changes)
