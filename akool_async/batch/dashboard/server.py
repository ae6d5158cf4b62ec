"""The server of the dashboard: one page, and what its script asks for."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from aiohttp import web
from aiohttp_sse import sse_response

from akool_async.batch.control.client import Command, CommandRefused, NotRunning, calling
from akool_async.batch.dashboard import documents
from akool_async.batch.dashboard.guard import Guard, add_headers
from akool_async.batch.dashboard.watching import Cached, Picture, Watch
from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.errors import JournalError
from akool_async.journal import State
from akool_async.journal.browsing import TROUBLE, Wanted
from akool_async.journal.looking import JournalView

_PAGE: Final = 50
"""Rows of one page."""
_STEPS: Final = 120
"""Points of a chart."""
_HISTORY_KEPT: Final = 5.0
"""Seconds after which a chart may be made anew."""
_LARGEST: Final = 4096
"""Bytes of the largest command."""
_STATIC: Final = Path(__file__).parent / "static"
_FILES: Final = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "rows.js": ("rows.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    do: Literal["pause", "resume", "drain", "set"]
    concurrency: int = 0


class Dashboard:
    """Serves the page of a run on this machine only.

    Args:
        folder: The run's folder.

    Raises:
        JournalError: the folder has no journal that can be read.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._view = JournalView(folder.journal)
        # What reads all rows has a connection of its own: a page of rows never waits for it.
        self._counting = JournalView(folder.journal)
        self._token = secrets.token_urlsafe(24)
        self._guard = Guard(self._token)
        self.watch = Watch(folder, self._counting)
        history = partial(self._counting.jobs.history, _STEPS)
        self._history = Cached(lambda: documents.history_of(history()), _HISTORY_KEPT)
        self._runner = self._made_runner()

    async def start(self, port: int = 0) -> str:
        """Listen, and return the address of the page; who knows it may use it.

        Args:
            port: The port to listen on; 0 for a free one.

        Raises:
            OSError: the port cannot be listened on.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._guard.port = int(self._runner.addresses[0][1])
        return f"http://127.0.0.1:{self._guard.port}/{self._token}/"

    async def stop(self) -> None:
        """Close all pages' connections, and the journal."""
        await self._runner.cleanup()
        self._view.close()
        self._counting.close()

    def _made_runner(self) -> web.AppRunner:
        app = web.Application(middlewares=[self._guard.let_in], client_max_size=_LARGEST)
        app.on_response_prepare.append(add_headers)
        root = f"/{self._token}"
        for path, (name, kind) in _FILES.items():
            body = (_STATIC / name).read_bytes()
            app.router.add_get(f"{root}/{path}", partial(_static, body, kind))
        app.router.add_get(f"{root}/api/run", self._run)
        app.router.add_get(f"{root}/api/events", self._events)
        app.router.add_get(f"{root}/api/history", self._times)
        app.router.add_get(f"{root}/api/rows", self._rows)
        app.router.add_get(rf"{root}/api/rows/{{number:-?\d{{1,15}}}}", self._job)
        app.router.add_get(f"{root}/media/{{path:.+}}", self._media)
        app.router.add_post(f"{root}/api/do", self._do)
        # A page that is closed ends its stream at once: then nobody watches the run.
        return web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)

    async def _run(self, _request: web.Request) -> web.Response:
        return _json(await asyncio.to_thread(documents.run_of, self._folder))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Stream the figures, two a second at most, until the page is closed or hidden."""
        async with sse_response(request) as stream, aclosing(self.watch.pictures()) as pictures:
            async for picture in pictures:
                try:
                    await stream.send(_picture(picture))
                except (ConnectionError, TimeoutError):  # it has gone
                    break
        return stream

    async def _times(self, _request: web.Request) -> web.Response:
        try:
            return web.Response(body=await self._history.get(), content_type="application/json")
        except JournalError as error:
            return _refused(500, str(error))

    async def _rows(self, request: web.Request) -> web.Response:
        asked = request.query
        state, before = asked.get("state", ""), asked.get("before", "")
        try:
            states = TROUBLE if state == "trouble" else (State(state),) if state else ()
            last = int(before) if before else None
        except ValueError:
            return _refused(400, "there is no such state, or no such row")
        wanted = Wanted(
            states, operation=asked.get("operation", ""), text=asked.get("search", "").strip()
        )
        read = partial(self._view.jobs.page, wanted, before=last, limit=_PAGE + 1)
        try:
            rows = await asyncio.to_thread(read)
        except (JournalError, OverflowError) as error:
            return _refused(500, str(error))
        return _json(documents.page_of(rows, _PAGE))

    async def _job(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        try:
            entry, line = await asyncio.to_thread(self._view.jobs.entry, number)
        except JournalError as error:
            return _refused(500, str(error))
        job = documents.job_of(number, entry, line)
        return _refused(404, "the journal has no such row") if job is None else _json(job)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        found = await asyncio.to_thread(documents.served_file, self._folder, path)
        if found is None:
            return _refused(404, "there is no such file")
        file, kind, shown = found
        headers = {"Content-Type": kind}
        if not shown or "download" in request.query:
            headers["Content-Disposition"] = "attachment"
        return web.FileResponse(file, headers=headers)

    async def _do(self, request: web.Request) -> web.Response:
        """Pass a command on to the run."""
        if request.content_type != "application/json":
            return _refused(415, "a command is JSON")
        try:
            asked = msgspec.json.decode(await request.read(), type=_Asked)
        except msgspec.MsgspecError:
            return _refused(400, "there is no such command")
        try:
            figures = await self._told(asked)
        except NotRunning as problem:
            return _refused(409, str(problem))
        except CommandRefused as refused:
            return _refused(400, str(refused))
        self.watch.show(Picture(running=True, figures=figures))
        return _json(figures.to_dict())

    async def _told(self, asked: _Asked) -> RunFigures:
        async with calling(self._folder) as call:
            if asked.do == "set":
                return await call.set_concurrency(asked.concurrency)
            command: Command = asked.do
            return await call.do(command)


async def _static(body: bytes, kind: str, _request: web.Request) -> web.Response:
    return web.Response(body=body, content_type=kind, charset="utf-8")


def _json(document: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json")


def _refused(status: int, why: str) -> web.Response:
    body = msgspec.json.encode({"error": why})
    return web.Response(status=status, body=body, content_type="application/json")


def _picture(picture: Picture) -> str:
    document = picture._asdict() | {"figures": picture.figures.to_dict()}
    return msgspec.json.encode(document).decode()
