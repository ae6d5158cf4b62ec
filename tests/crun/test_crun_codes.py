"""CRUN's codes, compared with the table on CRUN's page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akool_async import (
    APIError,
    AuthenticationError,
    Conflict,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    ProcessingError,
    RateLimited,
    Retry,
)
from akool_async.clock import ManualClock
from akool_async.crun import CODES, GetTask
from akool_async.protocol.wire import HttpResponse

if TYPE_CHECKING:
    from tests.clocks import Elapse
    from tests.crun.conftest import Connect
    from tests.servers import Serve, Visit


ROOT = Path(__file__).parents[2]
COPY = ROOT / "tests" / "fixtures_crun" / "codes.json"
"""The table's rows, as the page prints them."""
PAGES = ROOT.parent / "shared" / "reference" / "seeds"
"""The vendor's pages, if they lie beside this checkout."""
SUCCESS = 200

CLASSES: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: InsufficientCredit,
    404: NotFound,
    422: InvalidRequest,
    429: RateLimited,
    455: RateLimited,
    500: APIError,
    501: ProcessingError,
    505: Conflict,
}
"""The expected error of each code."""

PASSING = (429, 455)
"""Codes that say that nothing was started, and that a retry is welcome."""

PHOTO = "https://photos.example/group.png"


def copied_rows() -> dict[int, str]:
    rows: dict[str, str] = json.loads(COPY.read_text(encoding="utf-8"))["rows"]
    return {int(code): sentence for code, sentence in rows.items()}


def printed_rows(page: str) -> dict[int, str]:
    rows = re.findall(r"^- (\d{3}): (.+)$", page, re.MULTILINE)
    return {int(code): sentence for code, sentence in rows}


def test_the_copied_table_is_complete() -> None:
    assert sorted(copied_rows()) == [SUCCESS, *sorted(CLASSES)]


def test_the_copied_table_equals_the_page_s_table() -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("004_*.txt"))]
    # Without the pages beside the checkout, the copy speaks for them.
    assert (printed_rows(pages[0]) if pages else copied_rows()) == copied_rows()


def refused(code: int, http_status: int = 200) -> APIError:
    body = json.dumps({"code": code, "message": "said", "data": None}).encode()
    response = HttpResponse(status=http_status, headers={}, body=body)
    with pytest.raises(APIError) as caught:
        GetTask(task_id="task_1").decode(response)
    return caught.value


@pytest.mark.parametrize(("code", "sentence"), sorted(copied_rows().items()))
def test_every_code_has_the_sentence_of_the_page(code: int, sentence: str) -> None:
    if code == SUCCESS:
        assert code not in CODES
    else:
        assert CODES[code].sentence == sentence
        assert f"said ({sentence})" in str(refused(code))


def test_every_code_is_on_the_page() -> None:
    assert set(CODES) == set(copied_rows()) - {SUCCESS}


@pytest.mark.parametrize("http_status", ["as the code", 200, 503])
@pytest.mark.parametrize("code", CLASSES)
def test_a_code_decides_its_error_for_any_http_status(code: int, http_status: int | str) -> None:
    status = http_status if isinstance(http_status, int) else code
    error = refused(code, status)
    assert type(error) is CLASSES[code]
    assert (error.code, error.msg, error.http_status) == (code, "said", status)
    assert error.endpoint == "crun.task"


def test_an_unknown_code_is_a_plain_api_error() -> None:
    assert type(refused(418)) is APIError


def test_akool_s_codes_have_no_meaning_at_crun() -> None:
    assert type(refused(1005)) is APIError
    assert type(refused(1000)) is APIError


# The effect of codes on a job


def envelope(code: int) -> bytes:
    return json.dumps({"code": code, "message": "said", "data": None}).encode()


@pytest.mark.parametrize("code", [code for code in CLASSES if code not in PASSING])
async def test_a_create_that_is_refused_is_sent_once_and_ends_the_job(
    code: int, serve: Serve, connect: Connect
) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.answer(envelope(code))

    server = await serve(refuse)
    async with connect(server.url) as crun:
        job = crun.detect_faces(image_url=PHOTO)
        with pytest.raises(CLASSES[code]) as caught:
            await job
        assert caught.value.code == code
    assert len(server.visits) == 1


@pytest.mark.parametrize("code", PASSING)
async def test_a_create_is_sent_again_after_a_rate_limit_or_maintenance(
    code: int, serve: Serve, connect: Connect, clock: ManualClock, elapse: Elapse
) -> None:
    async def refuse_twice(visit: Visit) -> None:
        accepted = {"code": 200, "message": "success", "data": {"detect_task_id": "d1"}}
        await visit.answer(
            envelope(code) if len(server.visits) <= 2 else json.dumps(accepted).encode()
        )

    server = await serve(refuse_twice)
    async with connect(server.url, clock=clock) as crun:
        job = crun.detect_faces(image_url=PHOTO)
        await elapse(clock, lambda: job.id == "d1", step=0.1)
    assert sum(visit.is_create for visit in server.visits) == 3


@pytest.mark.parametrize("code", PASSING)
async def test_a_create_that_is_refused_at_every_attempt_fails(
    code: int, serve: Serve, connect: Connect, clock: ManualClock, elapse: Elapse
) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.answer(envelope(code))

    server = await serve(refuse)
    patience = Retry(throttled=0.001, maximum=0.001, throttled_attempts=3)
    async with connect(server.url, retry=patience, clock=clock) as crun:
        job = crun.detect_faces(image_url=PHOTO)
        await elapse(clock, job.done, step=0.1)
        with pytest.raises(RateLimited) as caught:
            await job
    assert caught.value.attempts == len(server.visits) == 3


@pytest.mark.parametrize("status", [401, 402, 404, 422, 429, 455])
async def test_an_http_status_of_the_table_refuses_even_without_an_envelope(
    status: int, serve: Serve, connect: Connect
) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.answer(b'{"detail": "no"}', status=status)

    server = await serve(refuse)
    async with connect(server.url, retry=Retry(attempts=1, throttled_attempts=1)) as crun:
        with pytest.raises(CLASSES[status]) as caught:
            await crun.detect_faces(image_url=PHOTO)
    assert (caught.value.code, caught.value.http_status) == (0, status)
    assert len(server.visits) == 1


@pytest.mark.parametrize("status", [500, 501, 502, 505])
async def test_an_http_status_that_proxies_send_too_leaves_the_outcome_unknown(
    status: int, serve: Serve, connect: Connect
) -> None:
    async def break_down(visit: Visit) -> None:
        await visit.answer(b"<h1>broken</h1>", status=status)

    server = await serve(break_down)
    async with connect(server.url) as crun:
        with pytest.raises(CreateOutcomeUnknown):
            await crun.detect_faces(image_url=PHOTO)
    assert len(server.visits) == 1


@pytest.mark.parametrize("code", [429, 455, 500, 505])
async def test_a_wait_survives_errors_that_say_nothing_about_its_job(
    code: int, serve: Serve, connect: Connect, clock: ManualClock, elapse: Elapse
) -> None:
    async def react(visit: Visit) -> None:
        reply: dict[str, object] = {"detect_task_id": "d1"}
        if not visit.is_create and len(server.visits) < 12:
            await visit.answer(envelope(code), status=code)
            return
        if not visit.is_create:
            reply |= {"status": "succeeded", "result": {"id": "f1", "faces": []}}
        await visit.answer(json.dumps({"code": 200, "data": reply}).encode())

    server = await serve(react)
    async with connect(server.url, clock=clock) as crun:
        job = crun.detect_faces(image_url=PHOTO)
        await elapse(clock, job.done, step=0.1)
        assert (await job).detect_id == "f1"
    assert len(server.visits) == 12


@pytest.mark.parametrize("code", [401, 402, 422, 501])
async def test_a_wait_ends_with_a_permanent_error(
    code: int, serve: Serve, connect: Connect
) -> None:
    async def react(visit: Visit) -> None:
        created = json.dumps({"code": 200, "data": {"detect_task_id": "d1"}}).encode()
        await visit.answer(created if visit.is_create else envelope(code))

    server = await serve(react)
    async with connect(server.url) as crun:
        job = await crun.detect_faces(image_url=PHOTO).created()
        with pytest.raises(CLASSES[code]) as caught:
            await job
        assert caught.value.token == job.token
