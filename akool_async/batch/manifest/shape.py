"""One operation and one set of columns: which column is which parameter, worked out once.

Most rows of a manifest have the same shape, so that a row costs little more than its request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from akool_async.batch.manifest.cells import IS_ADDRESS, CellReader, Read, is_empty, reader_of
from akool_async.batch.manifest.fault import FaultKind, shown
from akool_async.batch.manifest.row import NoCell
from akool_async.endpoints.forms import Unreadable, in_words
from akool_async.errors import InvalidInput
from akool_async.protocol.checking import checked
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.value import Input

_NEAR: Final = 0.75
"""How alike two names are of which one may be meant by the other; 1 for equal ones."""
_EXPECTED: Final = re.compile(r"expected (?P<kind>[^,]+), got [^-]+")


class Problem(NamedTuple):
    """What is wrong with one value of a row."""

    kind: FaultKind
    column: str
    sentence: str


class _Spread(NamedTuple):
    """A parameter of one item whose fields stand in several columns."""

    parameter: str
    alone: str | None
    """The column of the whole parameter."""
    parts: tuple[tuple[str, str], ...]
    """Fields of the item, and their columns."""
    read: Read


class Shape:
    """How rows with the same operation and the same columns become requests.

    Args:
        cls: The class of the operation or recipe.
        names: The parameter that each column stands for, by column; a later one wins.
        base: The folder that the names of files are relative to.
    """

    def __init__(
        self, cls: type[Startable[Any]], names: Mapping[str, str], base: Path | None
    ) -> None:
        self.cls = cls
        self.plans: Mapping[str, FieldPlan] = {plan.name: plan for plan in plan_of(cls)}
        columns = {name: column for column, name in names.items()}
        readers = {name: reader_of(plan, base) for name, plan in self.plans.items()}
        self._spread = tuple(_spread_over(columns, readers))
        spread = {each.parameter for each in self._spread}
        self._slots: tuple[tuple[str, str, type[Any] | None, Read], ...] = tuple(
            (name, columns[name], reader.direct, reader.read)
            for name, reader in readers.items()
            if name in columns and name not in spread
        )
        self.columns = self._columns_of()
        """The columns of each parameter; the first is the one to name in a sentence."""
        self.read = frozenset(column for each in self.columns.values() for column in each)
        """The columns that the operation reads."""
        self.misspelt: Mapping[str, str] = {}
        """Columns that nearly have the name of a parameter without a column, with that name."""
        self.known = known_names(cls)
        """All names that a column may have."""

    def build(self, cells: Mapping[str, Any]) -> Startable[Any]:
        """Return a row's request.

        Raises:
            InvalidInput: a value breaks a rule.
            Unreadable: a cell cannot be read.
            TypeError: a parameter is missing.
        """
        values: dict[str, Any] = {}
        for name, column, direct, read in self._slots:
            cell = cells[column]
            if type(cell) is direct and cell != "":
                values[name] = cell
            elif not is_empty(cell):
                values[name] = read(cell)
        for each in self._spread:
            if (items := _gathered(each, cells)) is not None:
                values[each.parameter] = items
        try:
            return self.cls(**values)
        except (InvalidInput, TypeError):
            pass  # what is right nearly always was not so here, such as the name of a file
        return self._build_carefully(cells)

    def _build_carefully(self, cells: Mapping[str, Any]) -> Startable[Any]:
        values = ((name, get()) for name, get in self._getters(cells))
        return self.cls(**{name: value for name, value in values if value is not None})

    def problems(
        self, cells: Mapping[str, Any], inspect: Callable[[Any], object] | None = None
    ) -> Iterator[Problem]:
        """Yield all that is wrong with a row that `build` or `inspect` refuses."""
        values: dict[str, Any] = {}
        wrong: set[str] = set()
        for name, get in self._getters(cells):
            try:
                if (value := get()) is not None:
                    values[name] = value
                    checked(self.plans[name], value, self.cls.__name__)
            except Unreadable as error:
                wrong.add(name)
                yield Problem("value", self.columns[name][0], str(error))
            except InvalidInput as error:
                wrong.add(name)
                yield self._problem(error)
        for name, plan in self.plans.items():
            if plan.required and name not in values and name not in wrong:
                wrong.add(name)
                yield self._missing(name, cells)
        if not wrong:
            yield from self._joint(values, inspect)

    def _joint(
        self, values: Mapping[str, Any], inspect: Callable[[Any], object] | None
    ) -> Iterator[Problem]:
        """Yield what is wrong with a request whose values are right one by one."""
        try:
            request = self.cls(**values)
            if inspect is not None:
                inspect(request)
        except InvalidInput as error:
            yield self._problem(error)

    def _getters(self, cells: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
        for name, column, _, read in self._slots:
            cell = cells[column]
            if not is_empty(cell):
                yield name, partial(read, cell)
        for each in self._spread:
            yield each.parameter, partial(_gathered, each, cells)

    def _problem(self, error: InvalidInput) -> Problem:
        head, *rest = re.split(r"(?=[.\[])", error.field, maxsplit=1)
        columns = self.columns.get(head, ())
        tail = "".join(rest)
        part = tail.removeprefix("[0]").removeprefix(".")
        column = next((each for each in columns if each.endswith(f".{part}")), None)
        value = _inner(error.value, tail)
        if column is not None or (tail == "[0].path" and isinstance(error.value, str)):
            tail = ""  # of one face, few know that it has a path
        elif part and not part.startswith("["):
            tail = part
        rule = _EXPECTED.sub(r"must be \g<kind>", in_words(error.rule.replace(" | null", "")))
        if error.rule == IS_ADDRESS.text and _is_name(error.value):
            rule += ", and there is no such file either"
        here = "" if value is None else f" (here: {_here(value)})"
        column = column or next(iter(columns), head)
        return Problem("value", column, f"{tail} {rule}{here}".strip())

    def _missing(self, name: str, cells: Mapping[str, Any]) -> Problem:
        columns = self.columns.get(name, ())
        if columns:
            return Problem("missing", columns[0], f"is empty, and {self.cls.name} requires it")
        sentence = f"there is no such column, and {self.cls.name} requires it"
        near = nearest(name, [each for each in cells if each not in self.read])
        return Problem(
            "missing", name, sentence + (f"; is it the column {near!r}?" if near else "")
        )

    def _columns_of(self) -> Mapping[str, tuple[str, ...]]:
        columns: dict[str, tuple[str, ...]] = {name: (each,) for name, each, *_ in self._slots}
        for each in self._spread:
            parts = [column for _, column in each.parts]
            columns[each.parameter] = tuple([each.alone, *parts] if each.alone else parts)
        return columns

    @property
    def absent(self) -> frozenset[str]:
        """The required parameters that no column stands for."""
        return frozenset(
            name for name, plan in self.plans.items() if plan.required and name not in self.columns
        )


def _is_name(value: object) -> bool:
    """Say whether a text may be the name of a file."""
    return isinstance(value, str) and "://" not in value and "." in value


def _here(value: object) -> str:
    return f"'{value}'" if isinstance(value, Path) else shown(value)


def _inner(value: Any, field: str) -> Any:
    """Return the part of a value that a field such as `[0].path` names, as far as it is there."""
    for index, name in re.findall(r"\[(\d+)\]|\.(\w+)", field):
        if isinstance(value, str):
            break
        try:
            value = value[int(index)] if index else value[name]
        except (LookupError, TypeError):
            return value
    return value


def known_names(cls: type[Startable[Any]]) -> tuple[str, ...]:
    """Return all names that a column of an operation's may have."""
    names: list[str] = []
    for plan in plan_of(cls):
        names += [plan.name, *(f"{plan.name}.{part}" for part in reader_of(plan, None).parts)]
    return tuple(names)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that is meant by a name, if one is near enough."""
    spelt = re.sub(r"[\s-]+", "_", name.strip().lower())
    by_spelling = {each.lower().replace(" ", "_"): each for each in known}
    near = get_close_matches(spelt, by_spelling, 1, _NEAR)
    return by_spelling[near[0]] if near else None


def _spread_over(
    columns: Mapping[str, str], readers: Mapping[str, CellReader]
) -> Iterator[_Spread]:
    """Yield the parameters of which a column holds a part, as `target_image.path` does."""
    for name, reader in readers.items():
        parts = tuple(
            (part, columns[f"{name}.{part}"])
            for part in reader.parts
            if f"{name}.{part}" in columns
        )
        if parts:
            yield _Spread(name, columns.get(name), parts, reader.read)


def _gathered(spread: _Spread, cells: Mapping[str, Any]) -> Any:
    """Return a parameter whose item stands in several columns; `None` if all are empty."""
    given: dict[str, Any] = {}
    for part, column in spread.parts:
        cell = cells[column]
        if not is_empty(cell):
            if isinstance(cell, NoCell):
                raise Unreadable(cell.why)
            given[part] = cell
    alone = None if spread.alone is None else cells[spread.alone]
    if is_empty(alone):
        return spread.read(given) if given else None
    items: Any = spread.read(alone)
    if not given:
        return items
    if len(items) > 1:
        parts = ", ".join(column for _, column in spread.parts)
        raise Unreadable(f"holds several, so {parts} cannot say which one they belong to")
    first = items[0]
    return spread.read((first.to_dict() if isinstance(first, Input) else first) | given)
