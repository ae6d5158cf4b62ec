"""Knowledge bases: their limits, their life, and what travels when they change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    Conflict,
    InvalidInput,
    NotFound,
    ProcessingError,
    Retry,
)
from akool_async.endpoints import (
    CreateKnowledge,
    DeleteKnowledge,
    KnowledgeFile,
    ListKnowledge,
    UpdateKnowledge,
)
from akool_async.protocol.fields import MB
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator
from akool_async.uploads import check_files

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.servers import Serve, Visit

SOON = Retry(initial=0.002, maximum=0.005)
MANUAL: Any = {"name": "manual.pdf", "url": "https://media.example/a.pdf", "size": 10}


def refused(**fields: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        CreateKnowledge(**fields)
    return caught.value.field, caught.value.rule


# Limits


@pytest.mark.parametrize(("field", "most"), [("name", 100), ("prologue", 2000), ("prompt", 10_000)])
def test_a_text_has_so_many_characters(field: str, most: int) -> None:
    longest: Any = {field: "a" * most}
    assert CreateKnowledge(**longest).to_wire() == longest
    rule = f"must hold at most {most} characters"
    assert refused(**{field: "a" * (most + 1)}) == (field, rule)


def test_a_document_has_a_known_format_an_address_and_a_size() -> None:
    assert CreateKnowledge(docs=[MANUAL]) == CreateKnowledge(docs=[KnowledgeFile(**MANUAL)])
    for wrong, field in (
        ({"name": "manual.exe"}, "docs[0].name"),
        ({"name": "manual"}, "docs[0].name"),
        ({"url": "ftp://media.example/a.pdf"}, "docs[0].url"),
        ({"size": 100 * MB + 1}, "docs[0].size"),
        ({"size": -1}, "docs[0].size"),
    ):
        assert refused(docs=[MANUAL | wrong])[0] == field
    for name in ("a.PDF", "a.doc", "a.docx", "a.txt", "a.md", "a.json", "a.xml", "a.csv"):
        CreateKnowledge(docs=[MANUAL | {"name": name}])


def test_all_documents_together_have_500_megabytes() -> None:
    large = MANUAL | {"size": 100 * MB}
    assert len(CreateKnowledge(docs=[large] * 5).docs or ()) == 5
    assert refused(docs=[large] * 5 + [MANUAL]) == ("docs", "must have at most 500 MB together")


def test_pages_are_given_by_their_addresses() -> None:
    assert refused(urls=["https://a.example/", "a.html"]) == (
        "urls",
        "must hold http or https URLs",
    )


def test_a_document_may_be_a_file(tmp_path: Path) -> None:
    manual, program = tmp_path / "a.pdf", tmp_path / "a.exe"
    manual.write_bytes(b"%PDF-1.7")
    program.write_bytes(b"MZ")
    check_files(CreateKnowledge(docs=[MANUAL | {"url": manual}]))
    with pytest.raises(InvalidInput, match="must be one of csv, doc"):
        check_files(CreateKnowledge(docs=[MANUAL | {"url": program}]))


# The life of one


async def test_a_knowledge_base_is_made_found_changed_and_deleted(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        made = await akool.knowledge.create(name="Support", prologue="Hello.", docs=[MANUAL])
        other = await akool.knowledge.create(name="Sales")
        assert made.docs[0].to_dict() == MANUAL
        assert made.creation_time is not None
        assert [each.id async for each in akool.knowledge.list(size=1)] == [other.id, made.id]
        assert [each.id for each in await akool.knowledge.list(name="Support")] == [made.id]
        assert len(await akool.knowledge.list(from_=1)) == 0
        changed = await akool.knowledge.update(id=made.id, name="Help", prologue="")
        assert (changed.name, changed.prologue, changed.docs) == ("Help", "", made.docs)
        assert await akool.knowledge.get(id=made.id) == changed
        await akool.knowledge.delete(id=made.id)
        with pytest.raises(NotFound, match="Knowledge not found"):
            await akool.knowledge.get(id=made.id)
        await akool.knowledge.delete(id=made.id)  # N36
    assert quick.world.credit == quick.world.behaviour.credit


async def test_two_of_the_same_name_are_a_conflict(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        await akool.knowledge.create(name="Support")
        other = await akool.knowledge.create()
        for call in (
            akool.knowledge.create(name="Support"),
            akool.knowledge.update(id=other.id, name="Support"),
        ):
            with pytest.raises(Conflict) as caught:
                await call
            assert caught.value.code == 1233
        await akool.knowledge.update(id=other.id, name="Sales")
        await akool.knowledge.update(id=other.id, name="Sales")  # its own name


@pytest.mark.parametrize(
    ("code", "error"),
    [(1232, NotFound), (1233, Conflict), *((each, ProcessingError) for each in (1234, 1235, 1236))],
)
def test_the_page_s_codes_are_told_by_class(code: int, error: type[APIError]) -> None:
    body = json.dumps({"code": code, "msg": "no"}).encode()
    with pytest.raises(error):
        CreateKnowledge().decode(HttpResponse(status=200, headers={}, body=body))


# What travels


def test_an_empty_text_or_list_travels_and_what_is_not_given_does_not() -> None:
    sent = UpdateKnowledge(id="a", prologue="", urls=[], docs=[]).encode()
    assert json.loads(sent.body or b"") == {
        "id": "a",
        "prologue": "",
        "urls": [],
        "docs": [],
    }  # N38
    assert CreateKnowledge().to_wire() == {}


def test_a_list_is_an_array_or_lies_one_level_deeper() -> None:
    rows = [{"_id": "a", "name": "Support", "team_id": "team_000001"}]
    query = ListKnowledge(page=2, size=5, from_=2)
    assert parse_qs(urlsplit(query.encode().path).query) == {
        "page": ["2"],
        "size": ["5"],
        "from": ["2"],
    }
    for data in (rows, {"knowledge_list": rows}):  # N37
        body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
        page = query.decode(HttpResponse(status=200, headers={}, body=body))
        assert [each.team_id for each in page] == ["team_000001"]
    beyond: Any = ({"size": 101}, {"page": 0}, {"from_": 3})
    for wrong in beyond:
        with pytest.raises(InvalidInput):
            ListKnowledge(**wrong)


class Losing:
    """A server that loses the answers to the first requests, and refuses then with a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.visits: list[tuple[str, bytes]] = []

    async def __call__(self, visit: Visit) -> None:
        self.visits.append((visit.method, visit.body))
        if len(self.visits) == 1:
            visit.reset()
        else:
            await visit.answer(json.dumps({"code": self.code, "msg": "no"}).encode())


async def test_a_delete_is_a_delete_with_a_body_and_may_be_sent_again(serve: Serve) -> None:
    losing = Losing(1232)
    server = await serve(losing)
    async with Akool("the-key", base_url=server.url, retry=SOON) as akool:
        await akool.knowledge.delete(id="a")
    assert losing.visits == [("DELETE", b'{"id":"a"}')] * 2


async def test_a_create_is_sent_once(serve: Serve) -> None:
    losing = Losing(1233)
    server = await serve(losing)
    async with Akool("the-key", base_url=server.url, retry=SOON) as akool:
        with pytest.raises(AkoolError) as caught:
            await akool.knowledge.create(name="Support")
    assert not isinstance(caught.value, APIError)
    assert len(losing.visits) == 1


def test_another_refusal_of_a_delete_is_an_error() -> None:
    body = json.dumps({"code": 1003, "msg": "no"}).encode()
    with pytest.raises(APIError, match="Parameter validation error"):
        DeleteKnowledge(id="a").decode(HttpResponse(status=200, headers={}, body=body))
