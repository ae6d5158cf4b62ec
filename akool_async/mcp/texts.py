"""The texts of classes and fields, as an agent reads them."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from typing import Any, Final

from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.protocol.documentation import without_traps

_SECTION: Final = re.compile(r"\n\n(?:Args|Raises|Returns|Attributes):\n")


def tool_name(name: str) -> str:
    """Return the name of the tool of an endpoint: clients take no dots."""
    return name.replace(".", "_")


@cache
def _names() -> re.Pattern[str]:
    return re.compile(f"`({'|'.join(map(re.escape, (*ENDPOINTS, *RECIPES)))})`")


def for_agents(text: str) -> str:
    """Return a text of a class with the names of tools in place of those of methods."""
    return _names().sub(lambda found: f"`{tool_name(found[1])}`", without_traps(text))


def text_of(cls: type[Any]) -> str:
    """Return the docstring of a class, without what it says of Python."""
    whole = _SECTION.split(inspect.getdoc(cls) or "")[0]
    paragraphs = [" ".join(each.split()) for each in whole.split("\n\n")]
    return for_agents("\n\n".join(paragraphs))


def cleaned(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as plain JSON, with its descriptions as agents read them."""
    plain: dict[str, Any] = json.loads(for_agents(json.dumps(schema)))
    return plain
