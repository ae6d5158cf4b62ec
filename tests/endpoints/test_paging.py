"""Lists that come in pages: one page awaited, all of them iterated, and always an end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from akool_async import Akool, InvalidInput, NotFound
from akool_async.endpoints import AvatarType, ListAvatars, ListedAvatar, ListSessions, Session
from akool_async.endpoints.paging import Page, Pages
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.servers import Serve, Visit


class Shelf:
    """A server's list of avatars or sessions, served in pages."""

    def __init__(
        self,
        length: int,
        *,
        count: int | None = None,
        most: int = 10_000,
        ignores_pages: bool = False,
        sick: frozenset[int] = frozenset(),
    ) -> None:
        self.rows: list[Any] = [{"_id": str(n), "avatar_id": str(n)} for n in range(length)]
        for number in sick:
            self.rows[number] = {"_id": [number], "avatar_id": None}
        self.count = count
        """What it says there is on all pages; a bare array if nothing."""
        self.most = most
        """The largest page that it makes, whatever it is asked for."""
        self.ignores_pages = ignores_pages
        self.asked: list[tuple[int, int]] = []
        """Page and size of each request."""

    async def __call__(self, visit: Visit) -> None:
        query = {
            name: int(values[0]) for name, values in parse_qs(urlsplit(visit.target).query).items()
        }
        page, size = query["page"], min(query["size"], self.most)
        self.asked.append((page, query["size"]))
        assert len(self.asked) < 50, "it never ends"
        start = 0 if self.ignores_pages else (page - 1) * size
        rows = self.rows[start : start + size]
        data: Any = rows if self.count is None else {"count": self.count, "result": rows}
        await visit.answer(json.dumps({"code": 1000, "msg": "OK", "data": data}).encode())


Opened = tuple[Akool, Shelf]


@pytest.fixture
async def opened(serve: Serve) -> AsyncIterator[Callable[..., Any]]:
    """Return a maker of shelves and clients of them."""
    clients: list[Akool] = []

    async def make(length: int, **settings: Any) -> Opened:
        shelf = Shelf(length, **settings)
        server = await serve(shelf)
        clients.append(Akool("the-key", base_url=server.url))
        return clients[-1], shelf

    yield make
    for client in clients:
        await client.close()


def numbers(avatars: list[ListedAvatar] | Page[ListedAvatar]) -> list[int]:
    return [int(avatar.avatar_id) for avatar in avatars]


def ids(sessions: list[Session]) -> list[int]:
    return [int(session.id) for session in sessions]


# One page


async def test_awaited_a_list_is_the_page_that_was_asked_for(opened: Any) -> None:
    akool, shelf = await opened(25)
    page = await akool.avatar.list(page=2, size=10)
    assert numbers(page) == [*range(10, 20)]
    assert shelf.asked == [(2, 10)]


async def test_a_page_is_a_sequence_of_its_items(opened: Any) -> None:
    akool, _shelf = await opened(5, count=18)
    page = await akool.streaming.sessions(size=3)
    assert (len(page), page.count, bool(page)) == (3, 18, True)
    assert [session.id for session in page] == ["0", "1", "2"]
    assert (page[0].id, page[-1].id) == ("0", "2")
    assert [session.id for session in page[1:]] == ["1", "2"]
    assert page[1] in page.items


async def test_an_empty_page_is_false_and_no_error(opened: Any) -> None:
    akool, _shelf = await opened(0)
    page = await akool.avatar.list()
    assert not page
    assert (len(page), page.count, page.items) == (0, None, ())


async def test_a_list_can_be_awaited_again_for_news(opened: Any) -> None:
    akool, shelf = await opened(3)
    listed = akool.avatar.list()
    assert len(await listed) == 3
    shelf.rows.append({"avatar_id": "3"})
    assert len(await listed) == 4


async def test_nothing_is_asked_for_before_a_list_is_awaited(opened: Any) -> None:
    akool, shelf = await opened(3)
    akool.avatar.list()
    assert shelf.asked == []


# All of them


@pytest.mark.parametrize(
    ("length", "requests"), [(0, 1), (1, 1), (9, 1), (10, 2), (11, 2), (20, 3), (25, 3)]
)
async def test_without_a_count_a_short_page_is_the_last(
    length: int, requests: int, opened: Any
) -> None:
    akool, shelf = await opened(length)
    assert numbers([each async for each in akool.avatar.list(size=10)]) == [*range(length)]
    assert shelf.asked == [(page, 10) for page in range(1, requests + 1)]


@pytest.mark.parametrize(
    ("length", "requests"), [(0, 1), (1, 1), (10, 1), (11, 2), (20, 2), (25, 3)]
)
async def test_with_a_count_no_page_is_asked_for_in_vain(
    length: int, requests: int, opened: Any
) -> None:
    akool, shelf = await opened(length, count=length)
    assert ids([each async for each in akool.streaming.sessions(size=10)]) == [*range(length)]
    assert shelf.asked == [(page, 10) for page in range(1, requests + 1)]


@pytest.mark.parametrize("count", [None, 25])
async def test_iterating_begins_with_the_page_that_was_asked_for(count: Any, opened: Any) -> None:
    akool, shelf = await opened(25, count=count)
    listed = [each async for each in akool.streaming.sessions(page=2, size=10)]
    assert ids(listed) == [*range(10, 25)]
    assert shelf.asked == [(2, 10), (3, 10)]


async def test_leaving_early_asks_for_no_more(opened: Any) -> None:
    akool, shelf = await opened(25)
    async for avatar in akool.avatar.list(size=10):
        if avatar.avatar_id == "12":
            break
    assert len(shelf.asked) == 2


async def test_a_filter_goes_along_from_page_to_page(serve: Serve) -> None:
    shelf = Shelf(25)
    server = await serve(shelf)
    async with Akool("the-key", base_url=server.url) as akool:
        kept = akool.avatar.list(from_=3, type=AvatarType.STREAMING, size=20)
        assert len([each async for each in kept]) == 25
    queries = [parse_qs(urlsplit(visit.target).query) for visit in server.visits]
    assert [query["page"] for query in queries] == [["1"], ["2"]]
    assert {(query["from"][0], query["type"][0], query["size"][0]) for query in queries} == {
        ("3", "2", "20")
    }


# Servers that have ways of their own


@pytest.mark.parametrize("count", [None, 10, 18, 1000])
async def test_a_server_that_knows_no_pages_is_not_asked_for_ever(count: Any, opened: Any) -> None:
    akool, shelf = await opened(10, count=count, ignores_pages=True)
    assert ids([each async for each in akool.streaming.sessions(size=10)]) == [*range(10)]
    assert len(shelf.asked) <= 2


async def test_a_server_of_smaller_pages_is_read_to_its_count(opened: Any) -> None:
    akool, shelf = await opened(25, count=25, most=10)
    assert ids([each async for each in akool.streaming.sessions(size=100)]) == [*range(25)]
    assert len(shelf.asked) == 3


@pytest.mark.parametrize("count", [0, 3, 12, 24, 26, 30, 1000])
async def test_a_wrong_count_is_no_trap(count: int, opened: Any) -> None:
    akool, shelf = await opened(25, count=count)
    assert ids([each async for each in akool.streaming.sessions(size=10)]) == [*range(25)]
    assert len(shelf.asked) == (3 if count < 25 else 4)


async def test_a_row_that_cannot_be_read_is_not_the_end_of_the_list(opened: Any) -> None:
    akool, shelf = await opened(25, sick=frozenset({3, 14}))
    listed = numbers([each async for each in akool.avatar.list(size=10)])
    assert listed == [number for number in range(25) if number not in {3, 14}]
    assert len(shelf.asked) == 3


async def test_a_row_that_cannot_be_read_counts(opened: Any) -> None:
    akool, shelf = await opened(20, count=20, sick=frozenset({3, 14}))
    assert len([each async for each in akool.streaming.avatars(size=10)]) == 18
    assert len(shelf.asked) == 2


async def test_a_page_that_nothing_can_be_read_of_is_passed_over(opened: Any) -> None:
    akool, _shelf = await opened(25, sick=frozenset(range(10, 20)))
    listed = numbers([each async for each in akool.avatar.list(size=10)])
    assert listed == [*range(10), *range(20, 25)]


async def test_an_error_on_the_way_is_raised_there(serve: Serve) -> None:
    shelf = Shelf(25)

    async def then_refuse(visit: Visit) -> None:
        if len(shelf.asked) == 2:
            await visit.answer(b'{"code": 1008, "msg": "content not exist"}')
        else:
            await shelf(visit)

    server = await serve(then_refuse)
    async with Akool("the-key", base_url=server.url) as akool:
        listed = aiter(akool.avatar.list(size=10))
        assert numbers([await anext(listed) for _ in range(20)]) == [*range(20)]
        with pytest.raises(NotFound):
            await anext(listed)


@pytest.mark.parametrize(
    "data",
    [
        [{"_id": "1", "avatar_id": "1"}],
        {"count": 1, "result": [{"_id": "1", "avatar_id": "1"}]},
        {"result": [{"_id": "1", "avatar_id": "1"}]},
    ],
    ids=["array", "object", "object without count"],
)
async def test_arrays_and_objects_are_read_alike(data: Any, serve: Serve) -> None:
    answered = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    server = await serve(lambda visit: visit.answer(answered))
    async with Akool("the-key", base_url=server.url) as akool:
        for listed in (akool.avatar.list, akool.streaming.avatars, akool.streaming.sessions):
            page: Page[Any] = await listed()
            assert [each.id for each in page] == ["1"]
            assert [each.id async for each in listed()] == ["1"]


@pytest.mark.parametrize("wrapped", [False, True], ids=["array", "object"])
async def test_voices_come_all_at_once(serve: Serve, *, wrapped: bool) -> None:
    voices = [{"voice_id": f"v{number}"} for number in range(250)]
    data: Any = {"result": voices} if wrapped else voices
    answered = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    server = await serve(lambda visit: visit.answer(answered))
    async with Akool("the-key", base_url=server.url) as akool:
        assert len(await akool.audio.voices()) == 250
        assert len([each async for each in akool.audio.voices(from_=3)]) == 250
    assert [visit.target.partition("?")[2] for visit in server.visits] == ["", "from=3"]


# With the simulator


async def test_the_simulator_has_three_pages_of_avatars(simulator: Simulator, akool: Akool) -> None:
    listed = [each async for each in akool.avatar.list(type=AvatarType.TALKING, size=10)]
    assert len({avatar.avatar_id for avatar in listed}) == len(listed) == 25
    assert simulator.requests["avatar.list"] == 3
    streaming = [each async for each in akool.streaming.avatars(size=10)]
    assert simulator.requests["streaming.avatars"] == 3
    assert all(avatar.available and avatar.voice_id for avatar in streaming)
    everything = await akool.avatar.list()
    assert [*everything] == [*listed, *(await akool.avatar.list(type=2))]
    assert {avatar.avatar_id for avatar in everything[25:]} == {a.avatar_id for a in streaming}


async def test_the_simulator_s_avatars_are_akool_s_or_the_account_s(akool: Akool) -> None:
    own = await akool.avatar.list(from_=3)
    theirs = await akool.avatar.list(from_=2)
    assert (len(own), len(theirs)) == (10, 40)
    assert {avatar.from_ for avatar in own} == {3}


async def test_a_page_after_the_last_is_empty(akool: Akool) -> None:
    page = await akool.streaming.avatars(page=4, size=10)
    assert (len(page), page.count) == (0, 25)


async def test_the_simulator_knows_some_languages(akool: Akool) -> None:
    languages = {each.lang_code: each.lang_name for each in await akool.video.languages()}
    assert languages["en"] == "English"
    assert len(languages) > 1


async def test_the_simulator_tells_voices_apart(akool: Akool) -> None:
    every = await akool.audio.voices()
    official = await akool.audio.voices(from_=3)
    assert 0 < len(official) < len(every)
    assert {voice.from_ for voice in official} == {3}


# The values themselves


def test_a_page_is_written_as_it_is_read() -> None:
    pages = Pages(ListedAvatar, key="result")
    avatars = (ListedAvatar(avatar_id="a"), ListedAvatar(avatar_id="b"))
    written: Mapping[str, Any] = pages.encode(Page(items=avatars, count=7))
    assert (written["count"], len(written["result"])) == (7, 2)
    assert pages.encode(avatars)["count"] == 2
    assert len(Pages(ListedAvatar, bare=True).encode(Page(items=avatars, count=7))) == 2


@pytest.mark.parametrize("cls", [ListAvatars, ListSessions])
def test_a_page_that_is_none_is_refused(cls: Any) -> None:
    for wrong in ({"page": 0}, {"size": 0}, {"page": 1.5}):
        with pytest.raises(InvalidInput):
            cls(**wrong)
