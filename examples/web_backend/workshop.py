"""Carries orders out: one order is one key, so it is paid for once, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    CreateOutcomeUnknown,
    Event,
    InsufficientCredit,
    Job,
    JobError,
    JobTimeout,
    KeyConflict,
    ResultExpired,
    TransportError,
)
from akool_async.endpoints import AgeFaces, SwapFaces

from .orders import Again, End, Order, OrderBook
from .streams import Streams


class Workshop:
    """Runs the orders, and knows how far they are.

    Args:
        client: Makes the client, with an `on_event` and an `on_end`.
        book: Where orders and their ends are written down.
        streams: Who is told of changes.
        results: The folder in which finished pictures are saved.
    """

    def __init__(
        self, client: Callable[..., Akool], book: OrderBook, streams: Streams, results: Path
    ) -> None:
        self._book = book
        self._streams = streams
        self._results = results
        results.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.akool = client(on_event=self._moved, on_end=self._ended)

    async def take(self, order: Order, *, again: bool = False) -> None:
        """Start an order's job; return once its key is on disk, and no crash loses it.

        That waits neither for Akool nor for a place in line. It may be done again, by a page that
        heard no answer, or by the next process: one key is one job.
        """
        job = self.akool.submit(_request_of(order), key=order.id, retry_failed=again)
        try:
            await job.recorded()
            error = job.exception() if job.done() else None
        except KeyConflict as conflict:
            error = conflict
        if error is not None:  # it had ended before, and `on_end` was told of it then
            self._end(order, _explained(error))

    async def take_up(self) -> None:
        """Take up what an earlier process did not finish.

        The journal knows what became of each: a job that Akool has is watched, and only one that
        was never sent is sent. Nothing that failed is sent again: only a person decides to pay
        once more.
        """
        await asyncio.gather(*map(self.take, self._book.unfinished()))

    def shown(self, order: Order) -> dict[str, Any]:
        """Return what a page may know of an order, as it is now."""
        if order.state != "open":
            return order.shown()
        try:
            job = self.akool.job(key=order.id)
        except AkoolError:  # it is not in the journal: the page sends the order again
            return order.shown("queued")
        if job.done():  # and `on_end` has not returned yet
            return order.shown("processing", note="It is being saved.")
        if job.id is not None:
            return order.shown("processing")
        number = job.position
        note = "" if number else "Akool has not answered yet."
        return order.shown("queued", note=note, position=number)

    def _moved(self, event: Event) -> None:
        """Tell the page that a job has moved on: the client's `on_event`."""
        order = self._book.find(event.key or "")
        if order is not None:
            self._streams.note(order.browser, order.id)

    async def _ended(self, job: Job[Any]) -> None:
        """Write down how an order ended: the client's `on_end`.

        It is called until it raises nothing, also by the next process. So each end gets into the
        book, and a picture that cannot be saved now is saved later.
        """
        order = self._book.find(job.key or "")
        if order is None:
            return
        error = job.exception()
        if error is None:
            try:
                # Akool keeps a picture for seven days; this server keeps it for good.
                saved = await job.result().save(f"{self._results}/")
            except ResultExpired as expired:
                error = expired
            else:
                self._end(order, End("done", result=saved.name))
        if error is not None:
            self._end(order, _explained(error))

    def _end(self, order: Order, end: End) -> None:
        self._book.end(order.id, end)
        self._streams.note(order.browser, order.id)


def _request_of(order: Order) -> AgeFaces | SwapFaces:
    """Build an order's request: the same one each time, as its key demands."""
    photo = f"{order.site}/photos/{order.photo}"
    if order.kind == "face":
        return SwapFaces(source=f"{order.site}/photos/{order.face}", target=photo)
    return AgeFaces(url=photo, years=order.years or 0)


_EXPLAINED: tuple[tuple[type[Exception], str, Again], ...] = (
    (JobTimeout, "It takes very long. Akool may still finish it.", "look"),
    (ResultExpired, "It was not fetched in time; Akool has deleted it.", ""),
    (InsufficientCredit, "The account has no credit left.", "try"),
    (KeyConflict, "Another order has the same number.", ""),
)
"""What the page shows for an error, and what its button does."""

_IN_DOUBT = "It was sent, but no answer came. It may be paid for, so it is not sent again."


def _explained(error: BaseException) -> End:
    if isinstance(error, CreateOutcomeUnknown):
        return End("unsure", note=_IN_DOUBT, again="look")
    for kind, note, again in _EXPLAINED:
        if isinstance(error, kind):
            return End("failed", note=note, again=again)
    return End("failed", note=_reason(error), again="try")


def _reason(error: BaseException) -> str:
    """Return an error's words without the name of the operation or endpoint before them."""
    text = str(error)
    name = ""
    if isinstance(error, JobError):
        name = error.name
    elif isinstance(error, APIError | TransportError):
        name = error.endpoint
    text = text.removeprefix(f"{name}: ").removeprefix("Akool reports that the job failed: ")
    return f"{text[:1].upper()}{text[1:]}."
