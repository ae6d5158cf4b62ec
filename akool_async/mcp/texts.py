"""The texts of classes and fields, as an agent reads them."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Final

_TRAP: Final = re.compile(r"\s\((?:[TN]\d+(?:, )?)+\)|(?<=\()[TN]\d+: ")
"""The number of a quirk of Akool's: it means something to readers of the source only."""
_SECTION: Final = re.compile(r"\n\n(?:Args|Raises|Returns|Attributes):\n")


def without_traps(text: str) -> str:
    """Return a text without the numbers of Akool's quirks."""
    return _TRAP.sub("", text)


def text_of(cls: type[Any]) -> str:
    """Return the docstring of a class, without what it says of Python."""
    whole = _SECTION.split(inspect.getdoc(cls) or "")[0]
    paragraphs = [" ".join(each.split()) for each in whole.split("\n\n")]
    return without_traps("\n\n".join(paragraphs))


def cleaned(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as plain JSON, without these numbers in its descriptions."""
    plain: dict[str, Any] = json.loads(without_traps(json.dumps(schema)))
    return plain
