"""What options name: operations, patterns of them, errors. A name of nothing would do nothing."""

from __future__ import annotations

import builtins
from fnmatch import fnmatchcase
from typing import Final

from akool_async import errors
from akool_async.endpoints import OPERATIONS, RECIPES
from akool_async.protocol.words import did_you_mean

_NAMES: Final = (*OPERATIONS, *RECIPES)
_PATTERNS: Final = (*_NAMES, *dict.fromkeys(f"{name.partition('.')[0]}.*" for name in _NAMES))


def no_operation(name: str) -> str:
    """Return what is wrong with the name of an operation or recipe; nothing if it is one."""
    return "" if name in _NAMES else f"must name an operation{did_you_mean(name, _NAMES)}"


def no_pattern(pattern: str) -> str:
    """Return what is wrong with a pattern of such names; nothing if one fits it."""
    if any(fnmatchcase(name, pattern) for name in _NAMES):
        return ""
    return f"must fit the name of an operation{did_you_mean(pattern, _PATTERNS)}"


def no_reason(name: str) -> str:
    """Return what is wrong with a code, or the name of a class of errors; nothing if it is one."""
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if name.isdecimal() or (isinstance(kind, type) and issubclass(kind, Exception)):
        return ""
    known = [each for each, kind in vars(errors).items() if isinstance(kind, type)]
    return f"must be a code, or a class of errors such as JobFailed{did_you_mean(name, known)}"


def meant_pattern(pattern: str) -> str:
    """Return which pattern of operations may be meant by one; nothing if none is near."""
    return did_you_mean(pattern, _PATTERNS)
