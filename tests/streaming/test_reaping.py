"""What a crash leaves open is closed, once, by whoever has the journal next."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Retry
from akool_async.journal import Change, Entry, Intent, Journal, State, fingerprint
from akool_async.streaming.reaping import Reaped, opened_by
from tests.faults.killing import ended
from tests.streaming.sessions import House, started

if TYPE_CHECKING:
    from tests.servers import Serve

Rows = Callable[..., Awaitable[None]]

killed = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def client(url: str, path: Path | None) -> Akool:
    return Akool("the-key", base_url=url, journal=path, retry=Retry(attempts=1))


def entries(path: Path) -> list[Entry]:
    with Journal.reader(path) as view:
        return list(view.entries())


async def left_by_a_crash(serve: Serve, path: Path, house: House, what: str) -> str:
    """Kill a program in a session; return the server's address."""
    url = (await serve(house)).url
    process = await started(url, path, what)
    await house.creating.wait()
    while not [each for each in entries(path) if each.id]:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await ended(process)
    assert not house.closes
    return url


@killed
@pytest.mark.parametrize("what", ["held", "submitted", "swapped"])
async def test_a_session_whose_process_was_killed_is_closed_once(
    serve: Serve, path: Path, what: str
) -> None:
    house = House()
    url = await left_by_a_crash(serve, path, house, what)
    async with client(url, path) as akool:
        (one,) = await akool.streaming.reap()
        assert await akool.streaming.reap() == ()
    assert (one.id, one.row, one.closed, one.reason) == (house.opened[0], 1, True, "")
    assert one.operation == ("faceswap.live_create" if what == "swapped" else "streaming.session")
    assert one.opened_at is not None
    assert one.age is not None
    assert abs(time.time() - one.opened_at.timestamp() - one.age) < 30
    assert not one.guessed
    assert house.closes == {house.opened[0]: 1}
    (row,) = entries(path)
    assert row.state is State.CLOSED


@killed
async def test_a_session_that_recover_gives_back_is_live_and_is_reaped(
    serve: Serve, path: Path
) -> None:
    house = House()
    url = await left_by_a_crash(serve, path, house, "held")
    async with client(url, path) as akool:
        (job,) = [job async for job in akool.recover()]
        assert (job.id, job.done()) == (house.opened[0], False)
        (one,) = await akool.streaming.reap()
        assert one.closed
        assert job.cancelled()
    assert house.closes == {house.opened[0]: 1}
    assert entries(path)[0].state is State.CLOSED


@killed
async def test_a_create_without_an_answer_is_reported_and_nothing_is_closed(
    serve: Serve, path: Path
) -> None:
    house = House()
    house.answers_creates = False
    url = (await serve(house)).url
    process = await started(url, path)
    await house.creating.wait()
    process.send_signal(signal.SIGKILL)
    await ended(process)
    async with client(url, path) as akool:
        (one,) = await akool.streaming.reap()
    assert (one.id, one.closed) == (None, False)
    assert "nobody knows its id" in one.reason
    assert not house.closes


# Which rows are closed


async def rows(path: Path, *notes: tuple[State, str | None]) -> None:
    """Write down sessions as an earlier process has left them."""
    journal = Journal(path)
    for number, (state, known) in enumerate(notes):
        request = b'{"avatar_id":"Alma"}'
        print_ = fingerprint("streaming.session", {"number": number})
        intent = Intent(name="streaming.session", request=request, fingerprint=print_)
        row = (await journal.intend(intent)).row
        at = int(time.time())
        await journal.note(row, Change(state, id=known, created_at=None if known is None else at))
    await journal.close()


async def test_rows_are_closed_that_may_run_and_no_others(serve: Serve, path: Path) -> None:
    house = House()
    await rows(
        path,
        (State.CREATED, "a1"),
        (State.COMPLETED, "a2"),
        (State.FAILED, "a3"),
        (State.CLOSED, "a4"),
        (State.REFUSED, None),
        (State.UNKNOWN, None),
        (State.ABANDONED, None),
    )
    async with client((await serve(house)).url, path) as akool:
        found = await akool.streaming.reap()
    assert [(each.id, each.closed) for each in found] == [("a1", True), ("a2", True), (None, False)]
    assert house.closes == {"a1": 1, "a2": 1}


async def test_a_session_of_this_process_is_not_reaped(serve: Serve, path: Path) -> None:
    house = House()
    async with client((await serve(house)).url, path) as akool:
        async with akool.streaming.open(avatar_id="Alma") as session:
            kept = await akool.streaming.session(avatar_id="Alma", keep=True).created()
            assert await akool.streaming.reap() == ()
        assert house.closes == {session.id: 1}
    assert kept.id not in house.closes


async def test_a_session_whose_time_is_over_by_much_is_left_alone(
    serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    await rows(path, (State.CREATED, "a1"))
    later = time.time() + 4201
    monkeypatch.setattr("akool_async.client.session_rows.time.time", lambda: later)
    async with client((await serve(house)).url, path) as akool:
        assert await akool.streaming.reap() == ()
    assert not house.closes


async def test_a_session_that_cannot_be_closed_is_reported_and_stays(
    serve: Serve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.streaming.reaping.GRACE", 0.05)
    house = House()
    house.answers_closes = False
    await rows(path, (State.CREATED, "a1"))
    async with client((await serve(house)).url, path) as akool:
        (one,) = await akool.streaming.reap()
        assert (one.closed, one.reason) == (False, "Akool did not confirm it within 0.05 s")
        house.answers_closes = True
        monkeypatch.setattr("akool_async.streaming.reaping.GRACE", 60.0)
        (one,) = await akool.streaming.reap()
        assert one.closed
    assert entries(path)[0].state is State.CLOSED


async def test_without_a_journal_nothing_is_known_to_reap() -> None:
    async with Akool("the-key") as akool:
        with pytest.raises(ValueError, match="journal"):
            await akool.streaming.reap()


# All that run


def shown(id: str, status: int) -> dict[str, Any]:
    return {"_id": id, "status": status}


def hex_id(age: float, number: int = 0) -> str:
    return f"{int(time.time() - age):08x}{number:016x}"


async def test_all_that_the_list_shows_are_closed_but_those_that_are_held(
    serve: Serve, path: Path
) -> None:
    house = House()
    await rows(path, (State.CREATED, "a1"))
    young, running, over, odd = hex_id(60, 1), hex_id(99, 2), hex_id(9000, 3), "no-hex"
    async with (
        client((await serve(house)).url, path) as akool,
        akool.streaming.open(avatar_id="Alma") as held,
    ):
        house.listed = [
            shown(held.id, 2),
            shown("a1", 2),
            shown(running, 1),
            shown(odd, 2),
            shown(young, 3),
            shown(over, 3),
        ]
        found = await akool.streaming.reap(all=True)
        assert {each.id for each in found} == {"a1", running, odd, young}
        assert all(each.closed for each in found)
        assert held.id not in house.closes
    assert house.closes == {"a1": 1, running: 1, odd: 1, young: 1, held.id: 1}
    by_id = {each.id: each for each in found}
    assert not by_id["a1"].guessed
    assert by_id[running].guessed
    assert abs((by_id[running].age or 0.0) - 99) < 30
    assert (by_id[odd].age, by_id[odd].opened_at, by_id[odd].guessed) == (None, None, False)


async def test_all_needs_no_journal(serve: Serve) -> None:
    house = House()
    house.listed = [shown("b1", 2)]
    async with client((await serve(house)).url, None) as akool:
        assert await akool.streaming.reap(all=True) == (
            Reaped(id="b1", operation="streaming.session", closed=True),
        )
    assert house.closes == {"b1": 1}


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("6a0000000000000000000103", datetime(2026, 5, 10, 3, 48, 16, tzinfo=UTC)),
        ("6698c9d6", datetime(2024, 7, 18, 7, 52, 54, tzinfo=UTC)),
        ("6698c9d", None),
        ("0000000100000000", None),
        ("ffffffff00000000", None),
        ("zz0000000000000000000103", None),
        ("+6a000000000000000000103", None),
        ("", None),
    ],
)
def test_an_id_tells_when_its_session_was_opened(id: str, expected: datetime | None) -> None:
    assert opened_by(id, datetime(2026, 11, 29, tzinfo=UTC)) == expected
