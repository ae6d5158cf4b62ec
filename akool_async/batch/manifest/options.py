"""How the rows of a manifest become requests: what `akool run` is told about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from akool_async.errors import InvalidInput
from akool_async.protocol.value import Value


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
            InvalidInput: a text has no `=`, or names twice what may be named once.
        """
        values = dict[str, Any]()
        for text in set:
            name, equals, value = text.partition("=")
            _check("set", text, "PARAMETER=VALUE", bool(name and equals) and name not in values)
            values[name] = value
        renames = dict[str, str]()
        for text in map:
            column, equals, name = text.rpartition("=")  # a parameter has no "=" in its name
            _check("map", text, "COLUMN=PARAMETER", bool(column and equals))
            _check("map", text, "a column that is mapped once", column not in renames)
            renames[column] = name
        return cls(set=values, map=renames, **others)


def _check(option: str, text: str, form: str, fine: bool) -> None:  # noqa: FBT001
    if not fine:
        raise InvalidInput(option, text, f"must be {form}")
