"""Lists in pages, in programs without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from akool_async.endpoints.paging import Page
from akool_async.endpoints.paging import Paged as AsyncPaged
from akool_async.sync.behind import Behind

T = TypeVar("T")


class Paged(Generic[T]):
    """A list: iterate over it for all items, or ask for the requested page: `.page()`.

    Each iteration asks Akool again, page by page, as far as it is read.
    """

    def __init__(self, pages: AsyncPaged[T], behind: Behind) -> None:
        self._pages = pages
        self._behind = behind

    def __repr__(self) -> str:
        return f"<Paged {self._pages.name}: iterate over it for all items, `.page()` for a page>"

    def page(self) -> Page[T]:
        """Return the requested page alone.

        Raises:
            APIError: Akool said no.
            TransportError: no usable answer came.
        """
        page: Page[T] = self._behind.run(self._asked)
        return page

    async def _asked(self) -> Page[T]:
        return await self._pages

    def __iter__(self) -> Iterator[T]:
        return self._behind.background().each(lambda: self._pages)
