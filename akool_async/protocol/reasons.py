"""Why a job failed, under whatever name and in whatever shape a reply says it.

Akool's pages document a reason for few families, under three names: `error_reason`,
`error_reasons` and `faceswap_fail_reason`. Other replies say it elsewhere: in `msg`, in an
object, in a list of objects. A failed job whose documented fields say nothing is searched for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec

from akool_async.errors import meaning_of
from akool_async.protocol.snapshot import Snapshot, Status, telling

T = TypeVar("T")

_NAMES: Final = (
    # Not "preferred", "override" or "interrupted".
    re.compile(
        r"(^err|error|err(or)?s?$|err(msg|message|info|desc|text|detail)|fail|reject)"
        r"(?!.*(code|status|count|id|time|url|at)$)"
    ),
    re.compile(r"reason|cause|exception|problem"),
    re.compile(r"(msg|message|detail)s?$"),
)
"""Names of fields that say why a job failed, the surest first; of a name, its letters count."""

_CODES: Final = re.compile(r"(err|fail).*code$|^(err|error|fail)$")
"""Names of fields that say it in a number."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}")

_DEEPEST: Final = 5
"""How many objects and lists, one inside the other, are searched."""

_LONGEST: Final = 500
"""Characters of a reason that are kept."""


def says_enough(value: object) -> bool:
    """Say whether a value is no failed job, or one that says why it failed."""
    return not isinstance(value, Snapshot) or value.status is not Status.FAILED or bool(value.told)


def explained(value: T, document: object) -> T:
    """Return a job with the reason that its document says; unchanged if it did not fail.

    Args:
        value: What was read from the document.
        document: The data of the reply, or the row of a list.
    """
    if says_enough(value):
        return value
    reason = reason_in(document)
    return msgspec.structs.replace(cast("Any", value), error_reason=reason) if reason else value


def reason_in(document: Any, depth: int = 1) -> str:
    """Return why a job failed, in one line; empty if its document does not say."""
    if depth > _DEEPEST:
        return ""
    if isinstance(document, list):
        rows: list[Any] = cast("Any", document)
        return _joined([reason_in(each, depth + 1) for each in rows])
    if not isinstance(document, Mapping):
        return ""
    known: Mapping[str, Any] = cast("Any", document)
    fields = [(_letters(name), value) for name, value in known.items()]
    for names in _NAMES:
        for name, value in fields:
            if names.search(name) and (said := _said(value, depth)):
                return said
    inside = (reason_in(value, depth + 1) for _, value in fields)
    return next(filter(None, inside), "") or _meaning(fields)


def _letters(name: str) -> str:
    # CRUN's inner fields are named `result.message` here.
    return re.sub(r"[^a-z]", "", name.rpartition(".")[2].lower())


def _said(value: Any, depth: int) -> str:
    """Return what a field says whose name promises a reason: a text, an object, or a list."""
    if isinstance(value, str):
        return telling(value)[:_LONGEST]
    if isinstance(value, list):
        rows: list[Any] = cast("Any", value) if depth <= _DEEPEST else []
        return _joined([_said(each, depth + 1) for each in rows])
    if isinstance(value, Mapping) and value:
        inner: Mapping[str, Any] = cast("Any", value)
        written = json.dumps(inner, ensure_ascii=False, separators=(",", ":"))
        return reason_in(inner, depth + 1) or written[:_LONGEST]
    return ""


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, texts)))[:_LONGEST]


def _meaning(fields: Sequence[tuple[str, Any]]) -> str:
    for name, value in fields:
        code = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
        if _CODES.search(name) and isinstance(code, int) and code not in {0, 1, 200, 1000}:
            return f"{meaning_of((), code).sentence} [code {code}]".lstrip()
    return ""
