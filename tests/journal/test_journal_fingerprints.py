"""What tells two requests apart: everything in them, and not the order of their fields."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from akool_async.journal import fingerprint

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
_REQUESTS = st.dictionaries(st.text(max_size=4), _VALUES, max_size=4)


def _backwards(request: dict[str, Any]) -> dict[str, Any]:
    """Return an equal request whose objects list their fields the other way round."""
    backwards: dict[str, Any] = json.loads(
        json.dumps(request), object_pairs_hook=lambda pairs: dict(reversed(pairs))
    )
    return backwards


@given(_REQUESTS)
def test_the_order_of_fields_is_no_difference(request: dict[str, Any]) -> None:
    assert fingerprint("audio.tts", _backwards(request)) == fingerprint("audio.tts", request)


@given(_REQUESTS, _REQUESTS)
def test_requests_differ_as_their_json_does(one: dict[str, Any], other: dict[str, Any]) -> None:
    same_json = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint("audio.tts", one) == fingerprint("audio.tts", other)) is same_json


def test_the_order_of_a_list_is_a_difference() -> None:
    assert fingerprint("a.b", {"ids": [1, 2]}) != fingerprint("a.b", {"ids": [2, 1]})


def test_one_payload_for_two_operations_is_two_requests() -> None:
    assert fingerprint("reage.image", {"a": 1}) != fingerprint("reage.video", {"a": 1})


def test_files_written_long_ago_hold_the_same_fingerprints() -> None:
    written = hashlib.sha256(b'reage.image\n{"a":[2,true],"b":{"c":"\xc3\xa9","d":1.5}}')
    request = {"b": {"d": 1.5, "c": "é"}, "a": (2, True)}
    assert fingerprint("reage.image", request) == written.hexdigest()
