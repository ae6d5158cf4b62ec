"""A web backend with FastAPI, as a user writes one: values go in and out, and show in its page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Body, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, TypeAdapter, ValidationError

from akool_async import AkoolError, Face, JobFailed, Retry, Status
from akool_async.client.stats import Stats
from akool_async.endpoints import Audio, ImageReage, Video
from akool_async.endpoints.audio import Voice
from akool_async.endpoints.paging import Page
from akool_async.endpoints.video import TalkingAvatar
from akool_async.errors import RateLimited
from akool_async.media import MediaStream, Policy, StandaloneDownloader
from akool_async.result import Link

if TYPE_CHECKING:
    from tests.clocks import Until
    from tests.servers import Serve, Visit

PICTURE = "https://example.com/a.png"
REQUEST = ImageReage(target_image=[Face(PICTURE)], face_reage=10, modify_image=PICTURE)
SPEECH = Audio(id="65f8", status=Status.COMPLETED, media="https://example.com/a.mp3")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20_000


class Order(BaseModel):
    """A user's own model, with values of the package in it."""

    number: int
    request: ImageReage
    results: list[Audio] = []


async def result_of(request: Request) -> Audio:
    address = request.query_params["address"]
    result = Audio(id="65f8", status=Status.COMPLETED, media=address)
    downloader = StandaloneDownloader(
        Policy(allow_private=True), Retry(attempts=2, initial=0.001, maximum=0.002)
    )
    return result.attach(Link(downloader))


async def media_of(result: Annotated[Audio, Depends(result_of)]) -> AsyncIterator[MediaStream]:
    async with result.stream() as chunks:
        yield chunks


routes = APIRouter()


@routes.get("/speech")
async def speech() -> Audio:
    return SPEECH


@routes.get("/speeches")
async def speeches() -> dict[str, list[Audio]]:
    return {"all": [SPEECH, SPEECH]}


@routes.get("/voices")
async def voices() -> Page[Voice]:
    return Page(items=(Voice(voice_id="v"),), count=1)


@routes.get("/stats")
async def stats() -> Stats:
    return Stats(queued=3)


@routes.post("/age")
async def age(request: Annotated[ImageReage, Body()]) -> ImageReage:
    assert isinstance(request, ImageReage)
    return request


@routes.post("/order")
async def order(order: Order) -> Order:
    return order


@routes.get("/fails", responses={429: {"model": AkoolError}})
async def fails() -> Audio:
    raise RateLimited(1005, "slow down", endpoint="audio.tts")


@routes.get("/failed")
async def failed() -> AkoolError:
    return JobFailed("no", name="audio.tts", token="akj1.x")


@routes.get("/media")
async def media(chunks: Annotated[MediaStream, Depends(media_of)]) -> StreamingResponse:
    return StreamingResponse(chunks, media_type=chunks.media_type)


async def refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AkoolError)
    return JSONResponse(error.to_dict(), status_code=429)


def backend() -> FastAPI:
    app = FastAPI(exception_handlers={AkoolError: refused})
    app.include_router(routes)
    return app


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(backend())
    async with httpx.AsyncClient(transport=transport, base_url="http://backend") as client:
        yield client


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app with uvicorn on a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


# Out


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/speech", SPEECH.to_dict()),
        ("/speeches", {"all": [SPEECH.to_dict()] * 2}),
        ("/voices", Page(items=(Voice(voice_id="v"),), count=1).to_dict()),
        ("/stats", Stats(queued=3).to_dict()),
        ("/failed", JobFailed("no", name="audio.tts", token="akj1.x").to_dict()),
    ],
)
async def test_what_a_handler_returns_is_its_plain_data(
    path: str, expected: Any, browser: httpx.AsyncClient
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.json() == expected


async def test_an_error_is_an_answer_in_one_line(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/fails")
    assert (answer.status_code, answer.json()["type"]) == (429, "RateLimited")
    assert answer.json()["code"] == 1005


# In


async def test_a_body_becomes_a_checked_request(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/age", json=REQUEST.to_dict())
    assert (answer.status_code, answer.json()) == (200, REQUEST.to_dict())


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ({"face_reage": 200}, ["face_reage"], "must be from -30 to 30"),
        ({"target_image": [{"path": "x"}]}, ["target_image", 0, "path"], "must be an http"),
        ({"modify_image": None}, ["modify_image"], "is required"),
        ({"wings": 2}, ["wings"], "is not a field"),
    ],
)
async def test_a_bad_body_is_answered_with_422_that_names_the_field(
    change: dict[str, Any], where: list[Any], why: str, browser: httpx.AsyncClient
) -> None:
    answer = await browser.post("/age", json=REQUEST.to_dict() | change)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["body", *where]
    assert why in problem["msg"]


async def test_values_are_fields_of_a_model_of_the_users_own(browser: httpx.AsyncClient) -> None:
    order = {"number": 1, "request": REQUEST.to_dict(), "results": [SPEECH.to_dict()]}
    answer = await browser.post("/order", json=order)
    assert (answer.status_code, answer.json()) == (200, order)
    assert Order.model_validate(order).results == [SPEECH]
    wrong = await browser.post("/order", json=order | {"request": []})
    assert wrong.status_code == 422
    assert wrong.json()["detail"][0]["loc"] == ["body", "request", "data"]


def test_no_error_is_built_of_data() -> None:
    with pytest.raises(ValidationError, match="must be an error of this package"):
        TypeAdapter(AkoolError).validate_python({"type": "JobFailed"})


# The OpenAPI page


async def test_the_openapi_page_describes_what_goes_in_and_out(
    browser: httpx.AsyncClient,
) -> None:
    assert (await browser.get("/docs")).status_code == 200
    page = (await browser.get("/openapi.json")).json()
    schemas = page["components"]["schemas"]
    answer = page["paths"]["/speech"]["get"]["responses"]["200"]["content"]["application/json"]
    speech = schemas[answer["schema"]["$ref"].rpartition("/")[2]]["properties"]
    assert speech["media"]["description"].startswith("Address of the file")
    assert speech["expires_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert "3 is COMPLETED" in speech["status"]["description"]
    body = page["paths"]["/age"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rpartition("/")[2]
    age = schemas[name]
    assert age["properties"]["face_reage"] == {
        "type": "integer",
        "minimum": -30,
        "maximum": 30,
        "description": "Years to add, from -30 to 30; below 0 for younger.",
    }
    assert set(age["required"]) == {"target_image", "face_reage", "modify_image"}
    inner = age["properties"]["target_image"]["items"]
    assert "http" in inner["properties"]["path"]["description"]
    assert "AkoolError" in schemas
    assert "Page_Voice" in schemas


def written(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema(mode="serialization")


@pytest.mark.parametrize("value", [SPEECH, REQUEST, Stats(), Video(id="a")])
def test_the_schema_names_what_is_written_and_nothing_else(value: Any) -> None:
    schema = written(type(value))
    assert set(schema["properties"]) == set(value.to_dict()) == set(schema["required"])


def test_elements_of_several_kinds_are_told_apart_by_their_tag() -> None:
    schema = TypeAdapter(TalkingAvatar).json_schema()
    kinds = schema["properties"]["elements"]["items"]["anyOf"]
    assert {kind["properties"]["type"]["const"] for kind in kinds} == {"avatar", "image", "audio"}


def test_a_page_for_any_items_is_described_too() -> None:
    assert written(Page)["properties"]["items"]["type"] == "array"


# Media


async def test_media_is_passed_on_as_it_comes(serve: Serve) -> None:
    origin = await serve(lambda visit: visit.answer(PNG, content_type="text/html"))
    async with served(backend()) as url, aiohttp.ClientSession() as browser:
        answer = await browser.get(f"{url}/media", params={"address": f"{origin.url}/a"})
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert await answer.read() == PNG


async def test_media_that_is_gone_is_an_answer_and_no_broken_body(serve: Serve) -> None:
    origin = await serve(lambda visit: visit.answer(status=400))
    async with served(backend()) as url, aiohttp.ClientSession() as browser:
        answer = await browser.get(f"{url}/media", params={"address": f"{origin.url}/a"})
        assert answer.status == 429
        assert (await answer.json())["type"] == "DownloadError"


async def test_a_browser_that_leaves_ends_the_download(serve: Serve, until: Until) -> None:
    async def pour(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + PNG)
        while True:
            await visit.send(PNG)

    origin = await serve(pour)
    async with served(backend()) as url, aiohttp.ClientSession() as browser:
        answer = await browser.get(f"{url}/media", params={"address": f"{origin.url}/a"})
        await answer.content.readexactly(100)
        answer.close()
        await until(lambda: not origin.tasks)
