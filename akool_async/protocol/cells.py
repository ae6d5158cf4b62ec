"""Numbers of other libraries, as they stand in the cells of a table, as Python's own.

A row of a data frame holds `numpy.int64`, `numpy.float64`, `numpy.bool_` or `Decimal` where a
request takes a number, and `pandas.NA` or an array where there is none. Nothing here imports such
a library. Nothing here compares a value before its type is known: `pandas.NA == ""` is no truth
value, and an array compares each of its elements.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Final

from akool_async.errors import InvalidInput

_OWN: Final = (bool, int, float)


def plain_number(value: Any) -> Any:
    """Return a number or truth value of another library as Python's own; else the value itself.

    An array is a number only if it has no dimensions; one that hides values is none.
    """
    if value is None or isinstance(value, str) or type(value) in _OWN:
        return value
    try:
        number = _number_of(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise any error
        return value
    return number if type(number) in _OWN else value


def _number_of(value: Any) -> Any:
    from decimal import Decimal  # not before it is needed
    from numbers import Real

    if hasattr(value, "mask"):  # numpy's masked constant would be 0.0
        return value
    if hasattr(value, "__index__"):
        return operator.index(value)
    if isinstance(value, Real | Decimal):
        return float(value)
    return value.item() if value.ndim == 0 else value


def plain_cells(value: Any) -> Any:
    """Return a value, its lists and its dicts with Python's own numbers.

    A whole number that came as a float is an `int`: a column of whole numbers with a gap in it
    holds floats. Fields that take floats take an `int`, too.
    """
    if _is_dict(value):
        return {name: plain_cells(each) for name, each in value.items()}
    if is_sequence(value):
        return tuple(plain_cells(each) for each in value)
    number = plain_number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def is_sequence(value: Any) -> bool:
    """Say whether a value is a sequence, and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def checked_number(field: str, value: object, rule: str) -> int | float:
    """Return a number as Python's own; raise `InvalidInput` with the rule for anything else."""
    number: object = plain_number(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not _is_some(number):
        raise InvalidInput(field, value, rule)
    return number


def _is_some(number: float) -> bool:
    """Refuse NaN, and a whole number that is too large for a float."""
    try:
        return not math.isnan(number)
    except OverflowError:
        return False


def checked_whole(field: str, value: object, rule: str) -> int:
    """Return a whole number; raise `InvalidInput` with the rule for anything else."""
    number = checked_number(field, value, rule)
    if isinstance(number, float) and not number.is_integer():
        raise InvalidInput(field, value, rule)
    return int(number)


def checked_flag(field: str, value: object) -> bool:
    """Return a truth value; raise `InvalidInput` for anything else."""
    flag = plain_number(value)
    if not isinstance(flag, bool):
        raise InvalidInput(field, value, "must be True or False")
    return flag
