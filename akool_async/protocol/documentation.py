"""The texts under the fields of classes, read from the source.

Help, the command line's too, and the reference use them; requests and replies do not.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, Final

_TRAP: Final = re.compile(r"\s+\((?:[TNW]\d+(?:,\s+)?)+\)|(?<=\()[TNW]\d+: ")
"""The number of a quirk of Akool's: it means something to readers of the source only."""


def without_traps(text: str) -> str:
    """Return a text without the numbers of Akool's quirks."""
    return _TRAP.sub("", text)


@cache
def field_docs(cls: type[Any]) -> Mapping[str, str]:
    """Return the text under each field of a class, those of its parents included, on one line."""
    docs: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        docs |= _texts_of(sys.modules[each.__module__]).get(each.__qualname__, {})
    return docs


@cache
def _texts_of(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """Return the fields' texts of every class in a module, by the class's name."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):  # built in, or shipped without its source
        return {}
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {node.name: dict(_documented(node)) for node in classes}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield field.target.id, " ".join(str(text.value.value).split())


def summary(documented: object) -> str:
    """Return the first paragraph of the docstring of a class or a method, on one line."""
    return (inspect.getdoc(documented) or "").partition("\n\n")[0].replace("\n", " ")
