"""Write docs/coverage.md from the classes and docs/coverage.toml; `--check` only compares it.

The page says of every endpoint that Akool has documented whether it is covered, and by what. The
script fails if an endpoint is neither covered nor left out for a reason, or if the route of a class
is in no page of docs/coverage.toml.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from python_text import is_current, table

from akool_async.endpoints import ENDPOINTS, OPERATIONS
from akool_async.protocol.endpoint import Endpoint

Lines: TypeAlias = Iterator[str]

STATES = ("covered", "deprecated", "not covered")

SITE = "https://docs.akool.com"
PAGE = Path(__file__).with_name("coverage.md")
DATA = Path(__file__).with_name("coverage.toml")
_AN_ID = "6a0000000000000000000101"
_NOTE = "<!-- Written by `python docs/build_coverage.py`: change coverage.toml or the classes. -->"


class Covering(NamedTuple):
    """A class that covers endpoints, and the names that it is called by."""

    cls: type[Endpoint[Any]]
    names: tuple[str, ...]
    """Its dotted names; empty for a lookup that only the client sends."""

    @property
    def route(self) -> str:
        """Its method and path, such as `GET /api/open/v3/voice/list`."""
        return f"{self.cls.method} {self.cls.root}{self.cls.path}"

    def covers(self, endpoint: str) -> bool:
        """Say whether an endpoint is its own; a part in braces stands for any."""
        parts = re.split(r"\{\w+\}", self.route)
        return re.fullmatch("[^/]+".join(map(re.escape, parts)), endpoint) is not None


class Row(NamedTuple):
    """A documented endpoint, and what covers it."""

    endpoint: str
    page: str
    covering: tuple[Covering, ...]
    reason: str
    """Why nothing covers it; empty if something does, or if nobody gave a reason."""

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if not self.covering:
            return "not covered"
        return "deprecated" if self.covering[0].cls.deprecated is not None else "covered"

    def cells(self) -> list[str]:
        """Return what the page shows of it."""
        names = [f"`{name}`" for each in self.covering for name in each.names]
        by = ", ".join(names) or ("jobs, when they are polled" if self.covering else "")
        return [f"`{self.endpoint}`", by, self._note(), _link(self.page)]

    def _note(self) -> str:
        deprecated = self.covering[0].cls.deprecated if self.covering else None
        if deprecated is None:
            return self.reason
        words = deprecated.state_words
        return f"{words[:1].upper()}{words[1:]}. {deprecated.advice}"


def read(data: Mapping[str, Any]) -> list[Row]:
    """Return a row for each documented endpoint."""
    covering, reasons = tuple(_covering()), data["reasons"]
    return [
        Row(
            endpoint,
            page,
            tuple(each for each in covering if each.covers(endpoint)),
            reasons.get(endpoint, ""),
        )
        for page, endpoints in data["pages"].items()
        for endpoint in endpoints
    ]


def _covering() -> Iterator[Covering]:
    """Yield the classes that are bound, then the lookups that are not."""
    names: dict[type[Endpoint[Any]], list[str]] = {}
    for name, cls in ENDPOINTS.items():
        names.setdefault(cls, []).append(name)
    for operation in OPERATIONS.values():
        names.setdefault(type(operation.family.lookup([_AN_ID])), [])
    for cls, found in names.items():
        yield Covering(cls, tuple(sorted(found)))


def problems(rows: list[Row], data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the data file, a sentence each."""
    endpoints = [row.endpoint for row in rows]
    for endpoint in sorted({each for each in endpoints if endpoints.count(each) > 1}):
        yield f"{endpoint} stands there twice"
    for row in rows:
        if not row.covering and not row.reason:
            yield f"{row.endpoint} has neither a class nor a reason"
        elif row.covering and row.reason:
            yield f"{row.endpoint} is covered: the reason why it is not has to go"
    for endpoint in sorted(data["reasons"].keys() - set(endpoints)):
        yield f"{endpoint} has a reason, and no page"
    documented = {covering for row in rows for covering in row.covering}
    for covering in _covering():
        if covering not in documented:
            yield f"{covering.route} of {covering.cls.__name__} is on no page"


def text_of(rows: list[Row]) -> str:
    """Return the page."""
    return "\n".join(_lines(rows))


def _lines(rows: list[Row]) -> Lines:
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    yield from ("# Coverage", "", _NOTE, "")
    yield f"Akool has documented {len(rows)} endpoints. {counts['covered']} of them are covered."
    yield f"{counts['deprecated']} more are no longer on its newest pages: they still work here,"
    yield f"and [warn](errors.md#warnings). Not covered: {counts['not covered']}, for the reason in"
    yield "the last table. The [reference](reference/index.md) describes what each name takes."
    for state in STATES:
        chosen = [row.cells() for row in rows if row.state == state]
        if chosen:
            yield from ("", f"## {state.capitalize()}", "")
            yield from table("endpoint", "called by", "note", "page", rows=chosen)


def _link(page: str) -> str:
    return f"[{page.rpartition('/')[2]}]({SITE}/{page})"


def main() -> int:
    """Write the page, or compare it."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    rows = read(data)
    wrong = list(problems(rows, data))
    for sentence in wrong:
        sys.stderr.write(f"docs/{DATA.name}: {sentence}\n")
    if wrong:
        return 1
    if "--check" not in sys.argv:
        PAGE.write_text(text_of(rows), encoding="utf-8")
    elif not is_current({PAGE: text_of(rows)}):
        sys.stderr.write(f"docs/{PAGE.name} is not current: run python docs/build_coverage.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
