"""Carries orders out: one order is one key, so it is paid for once, whatever happens."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    ClientClosed,
    CreateOutcomeUnknown,
    DownloadError,
    Event,
    InsufficientCredit,
    JobError,
    JobTimeout,
    KeyConflict,
    ResultExpired,
    Status,
    TransportError,
)
from akool_async.endpoints import AgeFaces, SwapFaces

from .orders import Again, Order, OrderBook, State
from .streams import Streams

logger = logging.getLogger("web_backend")


class Workshop:
    """Runs the orders, and tells the pages how far they are.

    Args:
        book: Where orders are written down.
        streams: Who is told of changes.
        results: The folder in which finished pictures are saved.
    """

    def __init__(self, book: OrderBook, streams: Streams, results: Path) -> None:
        self._book = book
        self._streams = streams
        self._results = results
        self._tasks: set[asyncio.Task[None]] = set()
        results.mkdir(mode=0o700, parents=True, exist_ok=True)

    def resume(self, akool: Akool) -> None:
        """Take up what an earlier process did not finish.

        Each order's key is submitted once more. The journal knows what became of it: a job that
        Akool has is watched, and only a job that was never sent is sent. Nothing that failed is
        sent again here: only a person decides to pay once more.
        """
        for order in self._book.unfinished():
            self.start(akool, order)

    def start(self, akool: Akool, order: Order, *, again: bool = False) -> None:
        """Carry an order out, in the background."""
        task = asyncio.get_running_loop().create_task(self._carry_out(akool, order, again=again))
        self._tasks.add(task)  # a task that nobody holds may vanish
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, akool: Akool, order: Order, *, again: bool) -> None:
        try:
            result = await akool.submit(_request_of(order), key=order.id, retry_failed=again)
            # Akool keeps a picture for seven days; this server keeps it for good.
            saved = await result.save(self._results)
        except ClientClosed:
            return  # the server is stopping, and the next one goes on
        except (AkoolError, OSError) as error:
            state, note, button = _explained(error)
            self._book.change(order.id, state, note=note, again=button)
        except Exception:
            logger.exception("order %s", order.id)
            self._book.change(order.id, "failed", note="This server has a fault.", again="look")
        else:
            self._book.change(order.id, "done", result=saved.name)
        self._streams.note(order.browser, order.id)

    def noted(self, event: Event) -> None:
        """Take note of an event in the life of a job: the client's `on_event`."""
        order = None if event.job.key is None else self._book.find(event.job.key)
        if order is None:
            return
        if event.name == "job.unanswered":
            self._book.change(
                order.id, "queued", note="Akool's answer was lost; its webhook may come."
            )
        elif event.job.status is not Status.PROCESSING or not self._book.move(order.id):
            return
        self._streams.note(order.browser, order.id)

    async def close(self) -> None:
        """Follow no order any more; the jobs go on at Akool, and the next server follows them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _request_of(order: Order) -> AgeFaces | SwapFaces:
    """Build an order's request: the same one each time, as its key demands."""
    photo = f"{order.site}/photos/{order.photo}"
    if order.kind == "face":
        return SwapFaces(source=f"{order.site}/photos/{order.face}", target=photo)
    return AgeFaces(url=photo, years=order.years or 0)


_EXPLAINED: tuple[tuple[type[Exception], State, str, Again], ...] = (
    (
        CreateOutcomeUnknown,
        "unsure",
        "It was sent, but no answer came. It may be paid for, so it is not sent again.",
        "look",
    ),
    (JobTimeout, "failed", "It takes very long. Akool may still finish it.", "look"),
    (ResultExpired, "failed", "It was not fetched in time; Akool has deleted it.", ""),
    (DownloadError, "failed", "It is made, but could not be saved here.", "fetch"),
    (OSError, "failed", "It is made, but could not be saved here.", "fetch"),
    (InsufficientCredit, "failed", "The account has no credit left.", "try"),
    (KeyConflict, "failed", "Another order has the same number.", ""),
)
"""What the page shows for an error: state, words, and what the button does."""


def _explained(error: AkoolError | OSError) -> tuple[State, str, Again]:
    for kind, state, note, again in _EXPLAINED:
        if isinstance(error, kind):
            return state, note, again
    return "failed", _reason(error), "try"


def _reason(error: Exception) -> str:
    """Return an error's words without the name of the operation or endpoint before them."""
    text = str(error)
    name = ""
    if isinstance(error, JobError):
        name = error.name
    elif isinstance(error, APIError | TransportError):
        name = error.endpoint
    text = text.removeprefix(f"{name}: ").removeprefix("Akool reports that the job failed: ")
    return f"{text[:1].upper()}{text[1:]}."
