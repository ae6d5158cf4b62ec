"""The backend as a FastAPI app: start a job in a handler, answer at once, tell of its end."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
from fastapi import APIRouter, Cookie, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from akool_async import Akool, AkoolError
from akool_async.webhook import WebhookCredentials

from .door import Door
from .orders import Order, OrderBook, Wish
from .photos import Photos, Refused, media_type
from .streams import Line, Stream, Streams
from .workshop import Workshop

STATIC = Path(__file__).with_name("static")
COOKIE = "akool_browser"
A_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Setup:
    """How the backend is run."""

    folder: Path
    """Where orders, photos, pictures and the journal are kept."""
    site: str
    """Where Akool reaches this server: photos are fetched, and webhooks are sent, there."""
    account: str
    """Names Akool's side: orders that another one worked on do not go on."""
    simulated: bool
    """Whether nothing is paid."""
    api_key: str = field(repr=False)
    api: str | None = None
    """The address of Akool's API; `None` for the real one."""
    credentials: WebhookCredentials | None = None
    """What webhooks are encrypted with; `None` for no webhooks: jobs are polled."""
    lease: object = field(default=None, repr=False)
    """What keeps the simulated Akool going, for as long as this object lives."""
    at_once: int = 10
    """Jobs that Akool works on at once; the others stand in line."""

    def client(self, **hooks: Any) -> Akool:
        """Make the one client of this server, with an `on_event` and an `on_end`."""
        return Akool(
            self.api_key,
            base_url=self.api,
            journal=self.folder / f"journal-{self.account}.sqlite",
            max_concurrency=self.at_once,
            **hooks,
            webhook_url=f"{self.site}/akool" if self.credentials else None,
            webhook_credentials=self.credentials,
        )


class Backend:
    """The parts of a running backend."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.photos = Photos(setup.folder / "photos")
        self.results = setup.folder / "results"
        self.book = OrderBook(setup.folder / "orders.sqlite")
        self.book.open_account(setup.account)
        self.streams = Streams()
        try:
            self.workshop = Workshop(setup.client, self.book, self.streams, self.results)
        except AkoolError:
            self.book.close()
            raise

    def page(self, browser: str) -> dict[str, Any]:
        """Return all that a browser's page shows."""
        return {
            "simulated": self.setup.simulated,
            "orders": [self.workshop.shown(order) for order in self.book.of_browser(browser)],
        }

    async def close(self) -> None:
        """End within a second: the jobs go on at Akool, and the next server takes them up.

        Where webhooks bring the answer to a create, this server need not wait for it.
        """
        grace = 5.0 if self.setup.credentials is None else 0.5
        await self.workshop.akool.close(grace=grace, saving=0.4)
        self.book.close()


def build_app(setup: Setup) -> FastAPI:
    """Build the app.

    Raises:
        JournalError: another server uses the folder.
    """
    backend = Backend(setup)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncGenerator[None]:
        try:
            await backend.workshop.take_up()
            yield
        finally:
            await backend.close()

    # The pages on which FastAPI shows an API load their scripts from another host.
    app = FastAPI(title="akool_async web backend", lifespan=running, openapi_url=None)
    app.state.backend = backend
    app.include_router(routes)
    app.mount("/static", StaticFiles(directory=STATIC))
    if setup.credentials is not None:
        app.mount("/akool", backend.workshop.akool.webhooks.asgi_app())
    app.add_middleware(Door)
    return app


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


def _browser(browser: Annotated[str | None, Cookie(alias=COOKIE)] = None) -> str:
    """Return which browser asks: its cookie is the password to its orders."""
    if browser is None or re.fullmatch(r"[A-Za-z0-9_-]{43}", browser) is None:
        raise HTTPException(401, "Open the page first.")
    return browser


TheBackend = Annotated[Backend, Depends(_backend)]
Browser = Annotated[str, Depends(_browser)]
NAME = Field(max_length=1000)


class Age(BaseModel):
    """Make the faces older, or younger."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["age"]
    years: int = Field(ge=-30, le=30)


class Face(BaseModel):
    """Put another face into the photo."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["face"]
    face: str = NAME


class NewOrder(BaseModel):
    """What a page orders."""

    model_config = ConfigDict(extra="forbid")
    photo: str = NAME
    photo_name: str = NAME
    change: Annotated[Age | Face, Field(discriminator="kind")]


class OnceMore(BaseModel):
    """Which attempt failed, before the one that is asked for."""

    model_config = ConfigDict(extra="forbid")
    failed: int


routes = APIRouter()


@routes.get("/")
async def page(browser: Annotated[str | None, Cookie(alias=COOKIE)] = None) -> FileResponse:
    """Show the page; a new browser gets a cookie."""
    answer = FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})
    if browser is None:
        made = secrets.token_urlsafe(32)
        answer.set_cookie(COOKIE, made, max_age=A_YEAR, httponly=True, samesite="strict")
    return answer


@routes.get("/health")
async def health(backend: TheBackend) -> dict[str, Any]:
    """Say that the server works, and on how much."""
    return {
        "status": "ok",
        "streams": len(backend.streams),
        "unfinished": len(backend.book.unfinished()),
        "webhooks": dict(backend.workshop.akool.stats.webhooks),
    }


@routes.post("/api/photos", status_code=201)
async def upload(request: Request, backend: TheBackend, _browser: Browser) -> dict[str, str]:
    """Keep a photo: the body is the file. It is refused while it is read if it is too large."""
    try:
        return {"photo": await backend.photos.keep(request.stream())}
    except Refused as refused:
        status, reason = refused.status, refused.reason
    raise HTTPException(status, reason)


@routes.get("/photos/{name}")
async def photo(name: str, backend: TheBackend) -> FileResponse:
    """Serve a photo, to the page and to Akool: whoever knows the name may have it."""
    return _picture(backend.photos.find(name))


@routes.put("/api/orders/{id}", status_code=202)
async def place(id: UUID, new: NewOrder, backend: TheBackend, browser: Browser) -> dict[str, Any]:
    """Take an order, and answer at once.

    The page names the order. So a page that heard no answer sends it again, also to the next
    server, and it is one order, one key, one payment.
    """
    change = new.change
    face = change.face if isinstance(change, Face) else None
    if any(backend.photos.find(name) is None for name in (new.photo, face) if name is not None):
        raise HTTPException(422, "The photo is not here. Upload it again.")
    wish = Wish(
        photo=new.photo,
        photo_name=new.photo_name,
        kind=change.kind,
        years=change.years if isinstance(change, Age) else None,
        face=face,
    )
    backend.book.add(str(id), browser, backend.setup.site, wish)
    order = _order_of(str(id), backend, browser)
    if order.wish != wish:
        raise HTTPException(409, "That number belongs to another order.")
    return await _taken(order, backend)


@routes.post("/api/orders/{id}/again", status_code=202)
async def again(id: UUID, once: OnceMore, backend: TheBackend, browser: Browser) -> dict[str, Any]:
    """Try a failed order again: a new attempt under the same key."""
    order = _order_of(str(id), backend, browser)
    is_new = backend.book.attempt_again(order.id, once.failed)
    return await _taken(_order_of(order.id, backend, browser), backend, again=is_new)


@routes.get("/api/orders/{id}/result")
async def result(
    id: UUID, backend: TheBackend, browser: Browser, *, download: Annotated[bool, Query()] = False
) -> FileResponse:
    """Serve the finished picture, to be shown or to be downloaded."""
    order = _order_of(str(id), backend, browser)
    path = backend.results / order.result if order.result else None
    name = f"{_plain(order.photo_name)}-{order.kind}" if download else None
    return _picture(path, name)


@routes.get("/api/orders")
async def orders(backend: TheBackend, browser: Browser) -> dict[str, Any]:
    """Return all orders of a browser."""
    return backend.page(browser)


@routes.get("/api/events")
async def events(backend: TheBackend, browser: Browser) -> EventSourceResponse:
    """Tell a browser of its orders: all of them first, then each that changes.

    A page that lost the connection needs no memory of what it missed.
    """
    stream, stopping = Stream(), anyio.Event()

    async def end() -> None:
        await stopping.wait()  # set when SIGTERM or Ctrl-C comes
        stream.end()

    return EventSourceResponse(
        _told(backend, browser, stream),
        ping=15,
        send_timeout=10,
        data_sender_callable=end,
        shutdown_event=stopping,
        shutdown_grace_period=1,
    )


async def _told(backend: Backend, browser: str, stream: Stream) -> AsyncGenerator[ServerSentEvent]:
    line, time = Line(), asyncio.get_running_loop().time
    with backend.streams.open(browser, stream):  # before the orders are read
        page = backend.page(browser)
        for shown in page["orders"]:
            line.note(shown["id"], shown["position"], time())
        yield _event("all", page)
        while (changed := await stream.changed(line.look_at)) is not None:
            for each in dict.fromkeys((*changed, *line.due(time()))):
                shown = backend.workshop.shown(_order_of(each, backend, browser))
                if line.note(each, shown["position"], time()) or each in changed:
                    yield _event("order", shown)


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=name, retry=500)


async def _taken(order: Order, backend: Backend, *, again: bool = False) -> dict[str, Any]:
    """Start an order, unless it has ended; return it as it is then."""
    if order.state == "open":
        await backend.workshop.take(order, again=again)
        backend.streams.note(order.browser, order.id)
    return backend.workshop.shown(backend.book.find(order.id) or order)


def _order_of(id: str, backend: Backend, browser: str) -> Order:
    """Return an order of this browser; nobody learns of another's."""
    order = backend.book.find(id)
    if order is None or order.browser != browser:
        raise HTTPException(404, "There is no such order.")
    return order


def _picture(path: Path | None, download_as: str | None = None) -> FileResponse:
    if path is None or not path.is_file():
        raise HTTPException(404, "There is no such picture.")
    return FileResponse(
        path,
        media_type=media_type(path),
        filename=None if download_as is None else download_as + path.suffix,
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )


def _plain(name: str) -> str:
    """Return what a file may be called on any system."""
    return re.sub(r"[^\w-]+", "-", name.rpartition(".")[0] or name).strip("-")[:60] or "photo"
