"""A server of live sessions that counts their closes, and a program that is stopped in one."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.strict import STRICT

if TYPE_CHECKING:
    from tests.servers import Visit

OK = {"code": 1000, "msg": "OK"}
SWAP = "6a0000000000000000000103"


class House:
    """Opens sessions, counts their closes, and lists them."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closes: Counter[str] = Counter()
        """How often each session was closed."""
        self.listed: list[dict[str, Any]] = []
        """What `session/list` shows, the newest first."""
        self.answers_creates = True
        self.answers_closes = True
        self.creating = asyncio.Event()

    async def __call__(self, visit: Visit) -> None:
        where, _, query = visit.target.partition("?")
        verb = where.rpartition("/")[2]
        if verb == "create":
            await self._open(visit, swap="faceswap" in where)
        elif verb == "close":
            body = json.loads(visit.body)
            self.closes[body.get("id") or body["_id"]] += 1
            await (visit.say(OK) if self.answers_closes else visit.hang())
        elif verb == "list":
            status = int(query.partition("status=")[2].partition("&")[0])
            shown = [each for each in self.listed if each["status"] == status]
            await visit.say({**OK, "data": {"count": len(shown), "result": shown}})
        else:
            await visit.say({**OK, "data": {"_id": query.rpartition("=")[2], "status": 2}})

    async def _open(self, visit: Visit, *, swap: bool) -> None:
        session = SWAP if swap else f"{int(time.time()):08x}{len(self.opened):016x}"
        self.opened.append(session)
        self.creating.set()
        if not self.answers_creates:
            await visit.hang()
        await visit.say({**OK, "data": {"_id": session, "status": 1, "faceswap_status": 1}})


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from akool_async import Akool
    from akool_async.endpoints import Face

    FACES = [Face("https://a.example/new.jpg", opts="1,2:3,4:5,6:7,8")]

    async def main(url, path, what):
        async with Akool("the-key", base_url=url, journal=path or None) as akool:
            if what == "submitted":
                await akool.streaming.session(avatar_id="Alma", duration=600).created()
                await asyncio.sleep(30)
            session = akool.streaming.open(avatar_id="Alma", duration=600)
            if what == "swapped":
                session = akool.faceswap.live(source_image=FACES)
            async with session:
                print("open", flush=True)
                await asyncio.sleep(30)

    asyncio.run(main(*sys.argv[1:]))
""")


async def started(url: str, path: Path | str, what: str = "held") -> asyncio.subprocess.Process:
    """Start a program that holds a session open."""
    words: Sequence[str] = (*STRICT, "-c", PROGRAM, url, str(path), what)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)
