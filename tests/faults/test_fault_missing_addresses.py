"""Kind: status 3 without the address of the media is not the end of a job."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import Backoff, DownloadError, Status
from akool_async.clock import ManualClock
from akool_async.crun import Crun, FaceTarget, SwapFaces
from akool_async.endpoints import OPERATIONS
from akool_async.engine.setbacks import ADDRESS_WAIT, FIRST_ADDRESS_WAIT
from akool_async.journal import Change, Intent, Journal, State, fingerprint
from akool_async.result import Result
from tests.clients import soon

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until
    from tests.faults.conftest import Documented, Scripted
    from tests.servers import Serve, Visit

QUICKLY = Backoff(initial=0.5, multiplier=1.2, maximum=2.0)


def media_keys(documented: Documented) -> list[str]:
    """Return the wire names of the fields with addresses."""
    result = documented.operation.family.result
    assert issubclass(result, Result)
    fields = msgspec.structs.fields(result)
    named = {result.media_field, *result.more_media}
    return [field.encode_name for field in fields if field.name in named]


def with_address(document: Any, keys: list[str], address: object) -> Any:
    """Return a reply with another address in each row; `...` for no such field."""
    changed = copy.deepcopy(document)

    def change(part: Any) -> None:
        if isinstance(part, dict):
            for key in part.keys() & {*keys}:
                part[key] = [] if isinstance(part[key], list) else address
                if address is ...:
                    del part[key]
            for each in part.values():
                change(each)
        elif isinstance(part, list):
            for each in part:
                change(each)

    change(changed["data"])
    return changed


WITH_MEDIA = sorted({cls.family.name for cls in OPERATIONS.values() if cls.family.media})


@pytest.mark.parametrize("address", ["", " ", None, ...], ids=["empty", "blank", "null", "none"])
@pytest.mark.parametrize("of_each_family", WITH_MEDIA, indirect=True)
async def test_a_job_whose_address_is_missing_is_looked_at_until_it_is_there(
    of_each_family: Documented,
    address: object,
    *,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
) -> None:
    keys, looks = media_keys(of_each_family), 0

    async def answer(visit: Visit) -> None:
        nonlocal looks
        if visit.is_create:
            await visit.say(of_each_family.created)
            return
        looks += 1
        missing = with_address(of_each_family.completed, keys, address)
        await visit.say(missing if looks <= 2 else of_each_family.completed)

    server = await scripted(answer)
    async with connect(server.url, clock=clock, backoff=QUICKLY) as akool:
        job = akool.submit(of_each_family.request)
        # The second answer has arrived when the job's status shows it, not when it was written.
        await elapse(clock, lambda: looks == 2 and job.status is Status.PROCESSING, step=0.1)
        assert not job.done()
        await elapse(clock, job.done, step=0.1)
        assert job.result().url
        assert looks == 3
        assert clock.time() < 10


async def test_an_address_that_is_missing_before_and_after_an_outage_is_asked_for_again(
    speech: Documented, clock: ManualClock, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    answered = 0

    async def answer(visit: Visit) -> None:
        nonlocal answered
        if visit.is_create:
            await visit.say(speech.created)
        elif answered and clock.time() < 3 * FIRST_ADDRESS_WAIT:
            visit.reset()
        else:
            answered += 1
            missing = with_address(speech.completed, ["url"], "")
            await visit.say(missing if answered <= 2 else speech.completed)

    server = await scripted(answer)
    async with connect(server.url, clock=clock, backoff=QUICKLY) as akool:
        job = akool.submit(speech.request)
        await elapse(clock, job.done, step=0.1)
        assert job.result().url
        assert answered == 3


async def test_a_create_that_is_answered_as_complete_without_an_address_is_watched(
    speech: Documented, clock: ManualClock, scripted: Scripted, connect: Connect, elapse: Elapse
) -> None:
    created = copy.deepcopy(speech.created)
    created["data"] |= {"status": 3, "url": ""}

    async def answer(visit: Visit) -> None:
        await visit.say(created if visit.is_create else speech.completed)

    server = await scripted(answer)
    async with connect(server.url, clock=clock, backoff=QUICKLY) as akool:
        job = akool.submit(speech.request)
        await job.created()
        assert not job.done()
        assert not job.status.terminal
        await elapse(clock, job.done, step=0.1)
        assert job.result().url


async def test_a_swap_of_crun_without_media_urls_is_looked_at_again(
    serve: Serve, until: Until
) -> None:
    looks = 0

    async def answer(visit: Visit) -> None:
        nonlocal looks
        row: dict[str, Any] = {"task_id": "1" * 24}
        if not visit.is_create:
            looks += 1
            urls = [[], None, ["https://cdn.example/a.png"]][min(looks, 3) - 1]
            row |= {"status": "success", "result": {"media_urls": urls}}
        await visit.say({"code": 200, "message": "ok", "data": row})

    server = await serve(answer)
    swap = SwapFaces(
        detect_id="1",
        image_url="https://photos.example/a.png",
        faces=[FaceTarget(0, "https://photos.example/b.png")],
    )
    clock = ManualClock()
    async with Crun("key", base_url=server.url, clock=clock, **soon()) as crun:
        job = crun.submit(swap)
        await until(lambda: job.id)
        while not job.done():
            await clock.advance(0.1)
            await until(lambda: True)
        assert job.result().url == "https://cdn.example/a.png"
        assert looks == 3


@pytest.mark.parametrize("others_had_one", [False, True])
async def test_an_address_that_never_comes_ends_the_job_with_a_warning_and_as_unsaved(
    *,
    others_had_one: bool,
    speech: Documented,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    missing = True

    async def answer(visit: Visit) -> None:
        if visit.target == "/speech.mp3":
            await visit.answer(b"ID3" + bytes(1000), content_type="audio/mpeg")
            return
        address = "" if missing else f"{server.url}/speech.mp3"
        completed = with_address(speech.completed, ["url"], address)
        await visit.say(speech.created if visit.is_create else completed)

    events: list[tuple[str, object]] = []
    server = await scripted(answer)
    async with connect(
        server.url,
        clock=clock,
        backoff=QUICKLY,
        save_to=tmp_path,
        on_event=lambda event: events.append((event.name, event.error)),
    ) as akool:
        if others_had_one:
            missing = False
            await elapse(clock, akool.submit(speech.request).done)
            missing = True
        begun, longest = clock.time(), ADDRESS_WAIT if others_had_one else FIRST_ADDRESS_WAIT
        job = akool.submit(speech.request)
        await elapse(clock, job.done)
        assert longest <= clock.time() - begun < longest + 20
        assert job.result().status is Status.COMPLETED
        assert not job.result().url
        with pytest.raises(DownloadError, match="no media") as refused:
            await job.result().save(tmp_path)
        assert refused.value.token == job.token
        assert "said where its media is" in caplog.text
        assert job.token in caplog.text
        assert server.polls < 25
    assert [name for name, _ in events][-2:] == ["job.completed", "job.unsaved"]
    assert isinstance(events[-1][1], DownloadError)


@pytest.mark.parametrize("by", ["recover", "key", "key in the same process"])
async def test_a_stored_job_without_an_address_is_watched_again(
    speech: Documented,
    by: str,
    *,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
    tmp_path: Path,
) -> None:
    missing = True

    async def answer(visit: Visit) -> None:
        completed = with_address(speech.completed, ["url"], "") if missing else speech.completed
        await visit.say(speech.created if visit.is_create else completed)

    server = await scripted(answer)
    settings: dict[str, Any] = {
        "clock": clock, "backoff": QUICKLY, "journal": tmp_path / "jobs.sqlite",
    }  # fmt: skip
    async with connect(server.url, **settings) as akool:
        job = akool.submit(speech.request, key="one")
        await elapse(clock, job.done)
        assert not (await job).url
        missing = False
        if by == "key in the same process":
            again = akool.submit(speech.request, key="one")
            await elapse(clock, again.done, step=0.1)
            assert (await again).url
    async with connect(server.url, **settings) as akool:
        if by == "recover":
            [again] = [each async for each in akool.recover()]
        else:
            again = akool.submit(speech.request, key="one")
        await elapse(clock, again.done, step=0.1)
        assert (await again).url
    async with connect(server.url, **settings) as akool:
        assert [each async for each in akool.recover()] == []
        assert (await akool.submit(speech.request, key="one")).url
    assert server.creates == 1


@pytest.mark.parametrize("by", ["recover", "key"])
async def test_a_result_that_an_earlier_release_stored_without_an_address_is_watched_again(
    speech: Documented,
    by: str,
    *,
    clock: ManualClock,
    scripted: Scripted,
    connect: Connect,
    elapse: Elapse,
    tmp_path: Path,
) -> None:
    request = speech.request
    journal = Journal(tmp_path / "jobs.sqlite")
    intent = Intent(
        name=request.label,
        request=msgspec.json.encode(request.to_wire()),
        fingerprint=fingerprint(request.label, request.unarmed_wire()),
        key="one",
    )
    [row] = await journal.claim([intent])
    assert isinstance(row, int)
    await journal.intend(intent, row)
    stored = msgspec.json.encode({"_id": speech.id, "status": 3, "url": ""})
    now = int(clock.now().timestamp())
    journal.note_soon(row, Change(State.CREATED, id=speech.id, created_at=now))
    journal.note_soon(row, Change(State.COMPLETED, result=stored))
    await journal.close()

    async def answer(visit: Visit) -> None:
        if visit.target == "/speech.mp3":
            await visit.answer(b"ID3" + bytes(1000), content_type="audio/mpeg")
        else:
            await visit.say(with_address(speech.completed, ["url"], f"{server.url}/speech.mp3"))

    server = await scripted(answer)
    settings: dict[str, Any] = {
        "clock": clock, "backoff": QUICKLY, "journal": tmp_path / "jobs.sqlite",
        "save_to": tmp_path / "saved",
    }  # fmt: skip
    async with connect(server.url, **settings) as akool:
        if by == "recover":
            [again] = [each async for each in akool.recover()]
        else:
            again = akool.submit(request, key="one")
        await elapse(clock, again.done, step=0.1)
        assert (await again).url
    assert server.creates == 0
