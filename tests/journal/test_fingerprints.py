"""A key keeps its request when the package is updated: what tells requests apart stays the same.

A field that is new, and is sent by default, would make another request of each old one. Then a key
of an older journal would be refused, in the middle of a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from akool_async.endpoints import OPERATIONS
from akool_async.engine.keys import request_fingerprint

FIXTURES = Path(__file__).parents[1] / "fixtures"
WRITTEN = json.loads((FIXTURES / "fingerprints.json").read_text(encoding="utf-8"))
"""Requests that journals hold, each with the fingerprint that was written beside it."""


@pytest.mark.parametrize("row", WRITTEN, ids=[each["operation"] for each in WRITTEN])
def test_a_request_of_an_older_journal_keeps_its_fingerprint(row: dict[str, Any]) -> None:
    request = OPERATIONS[row["operation"]].from_wire(row["request"])
    assert request_fingerprint(request) == row["fingerprint"]
