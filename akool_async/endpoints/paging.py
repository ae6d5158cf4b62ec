"""Lists in pages: await one for a single page, iterate over it for all items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar, cast, overload

import msgspec
from msgspec import Meta, Raw

from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.reply import Reply, Rows
from akool_async.protocol.value import Input, Value
from akool_async.protocol.words import in_line

T = TypeVar("T")


class Page(Value, Generic[T]):
    """One page of a list: a sequence of its items."""

    items: tuple[T, ...] = ()
    count: int | None = None
    """Number of items on all pages, where Akool says."""
    sent: int = 0
    """Number of items that Akool sent on this page, unreadable ones included."""

    def __repr__(self) -> str:
        count = "" if self.count is None else f", {self.count} in all"
        kind = f" {type(self.items[0]).__name__}" if self.items else ""
        first = f": {in_line(', '.join(map(repr, self.items[:3])))}" if self.items else ""
        return f"<Page of {len(self.items)}{kind}{count}{first}>"

    def _repr_html_(self) -> str:
        """Return a table for a notebook, of the fields that any row has set."""
        from akool_async.notebook import pieces

        shown = [_fields_of(each) for each in self.items[:_ROWS]]
        columns = [*{name: None for row in shown for name in row}][:_COLUMNS]
        table = pieces.table(columns, ([row.get(name, "") for name in columns] for row in shown))
        count = "" if self.count is None else f"{self.count} in all"
        more = f"{len(self.items) - len(shown)} more on this page"
        left = more if len(self.items) > len(shown) else ""
        return pieces.quiet(f"{len(self.items)} items", count, left) + (table if shown else "")

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.items[index]


_ROWS: Final = 20
_COLUMNS: Final = 8
"""Rows and columns that a notebook shows of a page."""


def _fields_of(row: object) -> dict[str, object]:
    return dict(row.__rich_repr__()) if isinstance(row, Value) else {"item": row}


class ByPage(Input, abstract="last"):
    """Which page of a list is asked for."""

    page: Annotated[int, Meta(ge=1)] = 1
    """Number of the page; the first is 1."""
    size: Annotated[int, Meta(ge=1)] = 100
    """Items on a page."""


class Pages(Reply[Page[T]]):
    """Decodes a page: bare rows, or an object with rows and their count (T10)."""

    def __init__(self, row: type[T], *, key: str = "result", bare: bool = False) -> None:
        self.row = row
        self.type = Page
        self._rows = Rows(row, key=key, bare=bare)
        self._bare = bare

    def printed(self, schema_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the schema of `data`, as the page prints it."""
        rows = self._rows.printed(schema_of)
        if self._bare:
            return rows
        return rows | {"properties": {**rows["properties"], "count": {"type": "integer"}}}

    def __call__(self, data: Raw, /) -> Page[T]:
        """Decode a page.

        Raises:
            msgspec.ValidationError: there are no rows at all.
        """
        items = self._rows(data)
        return Page(items=items, count=_count_in(data), sent=self._rows.number_in(data))

    def encode(self, value: Sequence[T] | Page[T]) -> Any:
        """Return the data that decodes to a page."""
        document = self._rows.encode(tuple(value))
        count = value.count if isinstance(value, Page) else None
        return document if self._bare else {"count": count or len(value), **document}


class _Count(Value):
    count: int | None = None


def _count_in(data: Raw) -> int | None:
    try:
        return msgspec.json.decode(data, type=_Count).count
    except msgspec.ValidationError:
        return None


class Paged(Generic[T]):
    """A list: `await` it for the requested page, `async for` it for all items from there on."""

    def __init__(
        self, call: Callable[[Endpoint[Page[T]]], Awaitable[Page[T]]], query: Endpoint[Page[T]]
    ) -> None:
        self._call = call
        self._query = query

    @property
    def name(self) -> str:
        """The dotted name of the list, such as `voice.list`."""
        return self._query.label

    def __repr__(self) -> str:
        return f"<Paged {self._query.label}: `await` it for a page, `async for` it for all items>"

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._call(self._query).__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield all items, page by page."""
        query, before = self._query, None
        seen = _passed_over(query)
        while True:
            page = await self._call(query)
            if page.items == before:  # a server without pages repeats the same answer for ever
                return
            for item in page:
                yield item
            seen += page.sent
            if _is_last(query, page, seen):
                return
            before = page.items
            query = msgspec.structs.replace(query, page=cast("Any", query).page + 1)


def _passed_over(query: Any) -> int:
    """Return the number of items before the requested page."""
    return (query.page - 1) * query.size if hasattr(query, "size") else 0


def _is_last(query: Endpoint[Any], page: Page[Any], seen: int) -> bool:
    size: int | None = getattr(query, "size", None)
    if size is None or not page.sent:
        return True
    if page.count is None or seen > page.count:  # a count that is too small is ignored
        return page.sent < size
    return seen == page.count
