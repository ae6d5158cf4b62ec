"""Commands that may be sent again, and queries that are sent in parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from akool_async import Akool, InvalidInput, NotFound, Retry
from akool_async.endpoints import Video

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

SOON = Retry(initial=0.002, maximum=0.005)


class Losing:
    """A server that does what it is asked, loses the answer, and says then that it is done."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.bodies: list[bytes] = []

    async def __call__(self, visit: Visit) -> None:
        self.bodies.append(visit.body)
        if len(self.bodies) == 1:
            visit.reset()
        else:
            await visit.answer(json.dumps({"code": self.code, "msg": "gone"}).encode())


@pytest.mark.parametrize("code", [1008, 1014])
async def test_what_is_deleted_already_is_deleted(code: int, serve: Serve) -> None:
    losing = Losing(code)
    server = await serve(losing)
    async with Akool("the-key", base_url=server.url, retry=SOON) as akool:
        await akool.faceswap.delete(ids=["65d3"])
    assert losing.bodies == [b'{"_ids":"65d3"}'] * 2


async def test_a_session_that_is_closed_already_is_closed(serve: Serve) -> None:
    losing = Losing(1219)
    server = await serve(losing)
    async with Akool("the-key", base_url=server.url, retry=SOON) as akool:
        await akool.streaming.close(id="65d3")
    assert losing.bodies == [b'{"id":"65d3"}'] * 2


async def test_a_session_that_does_not_exist_is_told_of_because_another_may_be_open(
    serve: Serve,
) -> None:
    server = await serve(Losing(1216))
    async with Akool("the-key", base_url=server.url, retry=SOON) as akool:
        with pytest.raises(NotFound, match="session not exist"):
            await akool.streaming.close(id="65d3")


class Listing:
    """A server that lists what it is asked about, the other way round."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def __call__(self, visit: Visit) -> None:
        ids = parse_qs(urlsplit(visit.target).query)["_ids"][0].split(",")
        self.asked.append(ids)
        rows = [{"_id": each, "faceswap_status": 3} for each in reversed(ids)]
        document = {"code": 1000, "msg": "OK", "data": {"result": rows}}
        await visit.answer(json.dumps(document).encode())


@pytest.mark.parametrize("namespace", ["faceswap", "reage"])
async def test_any_number_of_results_can_be_asked_for(namespace: str, serve: Serve) -> None:
    listing = Listing()
    server = await serve(listing)
    ids = [f"{number:024x}" for number in range(700)]
    async with Akool("the-key", base_url=server.url) as akool:
        results: Any = await getattr(akool, namespace).results(ids=ids)
    assert [len(part) for part in listing.asked] == [300, 300, 100]
    assert [each for part in listing.asked for each in part] == ids
    assert sorted(each.id for each in results) == ids
    assert all(len(visit.line) < 8190 for visit in server.visits)


async def test_one_wrong_id_of_many_is_refused_before_any_request(serve: Serve) -> None:
    listing = Listing()
    server = await serve(listing)
    async with Akool("the-key", base_url=server.url) as akool:
        with pytest.raises(InvalidInput):
            await akool.faceswap.results(ids=[*(f"{number:024x}" for number in range(700)), "a,b"])
    assert listing.asked == []


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"error_code": 1210}, "video fps exceed [code 1210]"),
        ({"error_code": 4711}, "[code 4711]"),
        ({"error_code": 1210, "error_reason": "too quick"}, "too quick"),
        ({"error_code": 0}, ""),
        ({}, ""),
    ],
)
def test_a_video_that_failed_with_a_code_says_what_it_means(
    told: dict[str, Any], reason: str
) -> None:
    assert Video(id="65d3", **told).reason == reason
