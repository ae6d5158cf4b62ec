"""How the rows of a manifest become requests: what `akool run` is told about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Self

from akool_async.endpoints import OPERATIONS
from akool_async.errors import InvalidInput
from akool_async.plain import HIDDEN
from akool_async.protocol.secret_fields import places_of
from akool_async.protocol.value import Value

_KEPT: Final = (
    "may hold a secret, and the run's folder keeps what is set here: put it into the manifest"
)


class RowOptions(Value):
    """How the rows of a manifest become requests."""

    operation: str | None = None
    """The operation or recipe of every row, whatever its own column says."""
    set: Mapping[str, Any] = {}
    """Values for every row, by parameter, whatever its own column says. A text is read like a
    cell."""
    map: Mapping[str, str] = {}
    """The parameter that a column stands for, by the column's name; an empty text for none."""
    each: str | None = None
    """The parameter that takes each file of a list of files."""
    dedupe: bool = False
    """Whether equal rows are one."""
    sheet: str | None = None
    """The sheet of a spreadsheet, by name; else its first."""

    @classmethod
    def of_texts(cls, *, set: Iterable[str] = (), map: Iterable[str] = (), **others: Any) -> Self:
        """Return the options that texts such as `voice_id=voice-nicole` say.

        Args:
            set: `PARAMETER=VALUE` each.
            map: `COLUMN=PARAMETER` each; `COLUMN=` for a column that is to be left alone.
            others: The other options.

        Raises:
            InvalidInput: a text has no `=`, names twice what may be named once, or may hold a
                secret: a run's folder keeps these texts.
        """
        values = dict[str, Any]()
        for text in set:
            name, equals, value = text.partition("=")
            if name.strip() in _secret_names():
                raise InvalidInput("set", HIDDEN, f"{name}: {_KEPT}")
            _check("set", text, "PARAMETER=VALUE", bool(name and equals) and name not in values)
            values[name] = value
        renames = dict[str, str]()
        for text in map:
            column, equals, name = text.rpartition("=")  # a parameter has no "=" in its name
            _check("map", text, "COLUMN=PARAMETER", bool(column and equals))
            _check("map", text, "a column that is mapped once", column not in renames)
            renames[column] = name
        return cls(set=values, map=renames, **others)


@cache
def _secret_names() -> frozenset[str]:
    """Return the parameters that may hold a secret, by both of their names."""
    plans = (plan for cls in OPERATIONS.values() for plan in places_of(cls))
    return frozenset(name for plan in plans for name in (plan.name, plan.wire_name))


def _check(option: str, text: str, form: str, fine: bool) -> None:  # noqa: FBT001
    if not fine:
        raise InvalidInput(option, text, f"must be {form}")
