"""The requests of the demo: the examples of Akool's own pages."""

from __future__ import annotations

import random
from importlib import resources
from typing import Any

import msgspec

from akool_async import Operation
from akool_async.endpoints import OPERATIONS


def documented_requests() -> dict[str, Operation[Any]]:
    """Return one request for each operation of the demo, as Akool's page prints it.

    For `faceswap.image`, it is the page's cURL sample: the page's JSON sample has the two
    faces exchanged (T18).
    """
    text = resources.files("akool_async.cli").joinpath("bodies.json").read_bytes()
    bodies = msgspec.json.decode(text, type=dict[str, dict[str, Any]])
    return {name: OPERATIONS[name].from_wire(body) for name, body in bodies.items()}


def paid_requests() -> dict[str, Operation[Any]]:
    """Return the same requests without the webhook addresses of the pages (T42).

    Those name a port of the reader's own machine, at which some other program may listen.
    """
    return {
        name: msgspec.structs.replace(request, webhook_url=None)
        for name, request in documented_requests().items()
    }


def mixed_requests(count: int, seed: int) -> list[Operation[Any]]:
    """Return equal numbers of these requests, in a random order given by the seed."""
    kinds = list(paid_requests().values())
    mix = [kinds[number % len(kinds)] for number in range(count)]
    random.Random(seed).shuffle(mix)
    return mix
