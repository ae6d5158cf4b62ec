"""`akool.find`: the job of a create whose reply was lost is found in a list, and never guessed."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

from akool_async import (
    Akool,
    AuthenticationError,
    CreateOutcomeUnknown,
    Event,
    InvalidInput,
    Job,
    JournalError,
    NotSearchable,
    Status,
    UncertainMatch,
    UnknownKey,
)
from akool_async.clock import LoopClock
from akool_async.endpoints import OPERATIONS, SpeakText
from akool_async.journal import Attempt, Journal, State
from akool_async.protocol.endpoint import Endpoint, Operation
from akool_async.simulator import Simulator
from akool_async.testing import armed

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until

FIXTURES = Path(__file__).parents[1] / "fixtures"
LISTED = sorted(name for name, each in OPERATIONS.items() if each.listed is not None)
SAME_WORDS = [{name} for name in LISTED] + [{"image2video.batch", "image2video.create"}]
"""Operations whose documented requests ask for the same."""
VOICE = "6a0000000000000000000402"


@pytest.fixture
async def losing() -> AsyncIterator[Simulator]:
    """Run a simulated Akool that starts every job, and answers no create."""
    async with Simulator(
        pace=0.02, omit_rate=0.0, instant_audio_rate=0.0, drop_reply_rate=1.0
    ) as running:
        yield running


def speech(text: str, voice: str = VOICE) -> SpeakText:
    return SpeakText(input_text=text, voice_id=voice)


def loses(simulator: Simulator, share: float) -> None:
    """Set how many of the creates are not answered from now on."""
    world = simulator.world
    world.behaviour = msgspec.structs.replace(world.behaviour, drop_reply_rate=share)


async def unreachable(name: str, _request: web.Request) -> None:
    """Drop each create before it starts a job."""
    if name in OPERATIONS:
        raise ConnectionResetError


async def lose(akool: Akool, request: Operation[Any], key: str | None = None) -> Any:
    """Submit a request whose reply is lost, and return the error."""
    with pytest.raises(CreateOutcomeUnknown) as caught:
        await akool.submit(request, key=key)
    return caught.value


def at_akool(simulator: Simulator) -> list[str]:
    """Return the ids of all jobs, the oldest first."""
    return list(simulator.world.jobs)


def ids_of(found: Sequence[Job[Any] | None]) -> list[str]:
    return sorted(str(job.id) for job in found if job is not None)


def rows_of(path: Path) -> dict[str | None, tuple[State, str | None]]:
    """Return the state and the job of each row, by key."""
    journal = Journal(path)
    rows = {each.key: (each.state, each.id) for each in journal.entries()}
    journal.close_now()
    return rows


async def all_ended(simulator: Simulator, until: Until) -> None:
    """Wait until all jobs have ended: one list shows no others."""
    await until(lambda: not simulator.world.in_flight)


def documented(name: str) -> Operation[Any]:
    """Return the request that Akool's page prints for an operation."""
    namespace, _, verb = name.partition(".")
    exchange = json.loads((FIXTURES / namespace / f"{verb}.json").read_text(encoding="utf-8"))
    wire = exchange["body"] | exchange.get("stand_in", {})
    wire = {key: value for key, value in wire.items() if key.lower() != "webhookurl"}
    return OPERATIONS[name].from_wire(wire)


# Every operation


@pytest.mark.parametrize("name", LISTED)
async def test_the_job_of_a_lost_create_is_found(
    name: str, losing: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(losing) as akool:
        error = await lose(akool, documented(name))
        await all_ended(losing, until)
        job = await akool.find(error)
        assert job is not None
        assert [job.id] == at_akool(losing)
        assert job.request == error.request
        assert (await job).status is Status.COMPLETED
    assert losing.world.creates.total() == 1


@pytest.mark.parametrize("name", LISTED)
async def test_a_list_that_shows_only_other_jobs_says_so(
    name: str, losing: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(losing) as akool, connect(losing) as stranger:
        error = await lose(akool, documented(name))
        await all_ended(losing, until)
        losing.world.jobs.clear()
        for other in LISTED:
            if {name, other} not in SAME_WORDS:
                await lose(stranger, documented(other))
        await all_ended(losing, until)
        assert await akool.find(error) is None


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - set(LISTED)))
async def test_where_no_list_shows_the_jobs_nothing_is_asked(
    name: str, quick: Simulator, connect: Connect
) -> None:
    error = CreateOutcomeUnknown(name, documented(name), datetime.now(UTC), "it broke off")
    async with connect(quick) as akool:
        with pytest.raises(NotSearchable, match=name):
            await akool.find(error)
    assert not quick.requests


# What is certain


async def test_jobs_that_this_client_knows_are_left_out(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        await akool.submit(speech("Hi."))
        job = akool.submit(speech("Hi."))
        await job.created()
        quick.fault = unreachable
        error = await lose(akool, speech("Hi."))
        quick.fault = None
        assert await akool.find(error) is None


async def test_jobs_that_the_journal_knows_are_left_out(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        await akool.submit(speech("Hi."), key="1")
        quick.fault = unreachable
        await lose(akool, speech("Hi."), key="2")
        quick.fault = None
    async with connect(quick, journal=path) as akool:
        assert await akool.find(key="2") is None
    assert rows_of(path)["2"] == (State.UNKNOWN, None)


async def test_a_job_whose_reply_is_on_its_way_is_left_alone(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate = asyncio.Event()
    answer = quick.webhooks.created

    async def slow(job: Any) -> None:
        await answer(job)
        await gate.wait()

    async with connect(quick, journal=path) as akool:
        quick.fault = unreachable
        error = await lose(akool, speech("Hi."), key="1")
        quick.fault, quick.webhooks.created = None, slow  # type: ignore[method-assign]
        under_way = akool.submit(speech("Hi."), key="2")
        await until(lambda: at_akool(quick))
        search = asyncio.ensure_future(akool.find(error))
        await until(lambda: quick.requests["voice.resources"])
        await asyncio.sleep(0.1)
        assert not search.done()
        gate.set()
        assert await search is None
        assert [(await under_way).id] == at_akool(quick)


async def test_a_job_that_is_being_created_is_not_in_doubt(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate = asyncio.Event()

    async def wait(name: str, _request: web.Request) -> None:
        if name == "voice.tts":
            await gate.wait()

    quick.fault = wait
    async with connect(quick, journal=path) as akool:
        job = akool.submit(speech("Hi."), key="1")
        await until(lambda: quick.requests["voice.tts"])
        search = asyncio.ensure_future(akool.find(key="1"))
        await until(lambda: quick.requests["voice.resources"])
        gate.set()
        assert await search == job
        assert (await job).status is Status.COMPLETED


async def test_two_equal_creates_get_a_job_each_and_a_third_gets_none(
    losing: Simulator, connect: Connect
) -> None:
    async with connect(losing) as akool:
        errors = [await lose(akool, speech("Hi.")) for _ in range(2)]
        losing.fault = unreachable
        errors.append(await lose(akool, speech("Hi.")))
        losing.fault = None
        found = await asyncio.gather(*map(akool.find, errors))
        assert ids_of(found) == sorted(at_akool(losing))
        again = await asyncio.gather(*map(akool.find, errors))
        assert [job and job.id for job in again] == [job and job.id for job in found]


async def test_two_equal_keys_of_a_journal_get_a_job_each(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(losing, journal=path) as akool:
        for key in "12":
            await lose(akool, speech("Hi."), key=key)
    async with connect(losing, journal=path) as akool:
        found = await asyncio.gather(akool.find(key="1"), akool.find(key="2"))
        assert ids_of(found) == sorted(at_akool(losing))
    assert sorted(str(made) for _, made in rows_of(path).values()) == sorted(at_akool(losing))


async def test_equal_creates_that_were_sent_at_once_are_told_apart(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(losing, journal=path) as akool:
        jobs = [akool.submit(speech("Hi."), key=f"{number}") for number in range(5)]
        errors: list[Any] = await asyncio.gather(*jobs, return_exceptions=True)
        for _ in range(2):
            found = [await akool.find(each) for each in errors]
            assert [job and job.key for job in found] == ["0", "1", "2", "3", "4"]
            assert ids_of(found) == sorted(at_akool(losing))


@pytest.mark.parametrize("journal", [True, False])
async def test_what_may_be_the_job_of_another_lost_create_is_not_taken(
    losing: Simulator, connect: Connect, path: Path, *, journal: bool
) -> None:
    async with connect(losing, journal=path if journal else None) as akool:
        error = await lose(akool, speech("Hi.", "ann"))
        losing.fault = unreachable
        other = await lose(akool, speech("Hi.", "bob"))  # the list does not show the voice
        losing.fault = None
        for each in (error, other):
            with pytest.raises(
                UncertainMatch, match=r"1 job may be .* nothing was decided"
            ) as caught:
                await akool.find(each)
            assert caught.value.request == each.request
        (token,) = caught.value.candidates
        assert [akool.job(token, SpeakText).id] == at_akool(losing)
        assert await akool.find(error) is None  # from now on it is known whose job that is


async def test_of_two_jobs_of_others_none_is_taken(losing: Simulator, connect: Connect) -> None:
    async with connect(losing) as akool, connect(losing) as stranger:
        error = await lose(akool, speech("Hi."))
        await lose(stranger, speech("Hi."))
        with pytest.raises(UncertainMatch) as caught:
            await akool.find(error)
        ids = {akool.job(each).id for each in caught.value.candidates}
    assert ids == set(at_akool(losing))


async def test_jobs_of_others_with_another_text_or_of_another_time_do_not_matter(
    connect: Connect,
) -> None:
    clock = Skewed()
    async with (
        Simulator(pace=0.02, omit_rate=0.0, drop_reply_rate=1.0, clock=clock) as losing,
        connect(losing) as akool,
        connect(losing) as stranger,
    ):
        for minutes, text in ((-90, "Hi."), (-20, "Hi."), (0, "Ho."), (0, "hi.")):
            clock.ahead = timedelta(minutes=minutes)
            await lose(stranger, speech(text))
        clock.ahead = timedelta()
        error = await lose(akool, speech("Hi."))
        job = await akool.find(error)
        assert job is not None
        assert job.id == at_akool(losing)[-1]


class Skewed(LoopClock):
    """A clock that is ahead of this machine's."""

    ahead = timedelta()

    def now(self) -> datetime:
        """Return the time of day."""
        return super().now() + self.ahead


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_the_clock_of_akool_may_be_wrong_by_minutes(connect: Connect, minutes: int) -> None:
    clock = Skewed()
    clock.ahead = timedelta(minutes=minutes)
    async with (
        Simulator(pace=0.02, omit_rate=0.0, drop_reply_rate=1.0, clock=clock) as losing,
        connect(losing) as akool,
    ):
        error = await lose(akool, speech("Hi."))
        assert await akool.find(error, within=60) is None
        job = await akool.find(error)
        assert job is not None
        assert [job.id] == at_akool(losing)


async def test_all_pages_back_to_the_create_are_read_and_no_more(connect: Connect) -> None:
    clock = Skewed()
    async with (
        Simulator(pace=0.0, omit_rate=0.0, clock=clock, credit=1e6) as simulator,
        connect(simulator) as akool,
        connect(simulator) as stranger,
    ):
        clock.ahead = timedelta(hours=-1)
        before = [stranger.submit(speech(f"{number}")) for number in range(250)]
        await asyncio.gather(*before)
        clock.ahead = timedelta()
        loses(simulator, 1.0)
        error = await lose(akool, speech("Hi."))
        loses(simulator, 0.0)
        lost = at_akool(simulator)[-1]
        await asyncio.gather(*[stranger.submit(speech(f"-{number}")) for number in range(230)])
        job = await akool.find(error)
        assert job is not None
        assert job.id == lost
        assert simulator.requests["voice.resources"] == 4  # of 5: 100 on a page


async def test_a_server_that_shortens_its_pages_hides_nothing(
    losing: Simulator, connect: Connect
) -> None:
    async def shorten(name: str, request: web.Request) -> web.Response | None:
        if name != "voice.resources":
            return None
        page = int(request.query["page"])
        rows = [
            {"_id": made, "input_text": _text(job), "create_time": _ms(job)}
            for made, job in reversed(losing.world.jobs.items())
        ]
        shown = rows[(page - 1) * 2 : page * 2]
        return web.json_response({"code": 1000, "msg": "OK", "data": {"result": shown}})

    async with connect(losing) as akool, connect(losing) as stranger:
        error = await lose(akool, speech("Hi."))
        for number in range(5):
            await lose(stranger, speech(f"{number}"))
        losing.fault = shorten
        job = await akool.find(error)
        assert job is not None
        assert job.id == at_akool(losing)[0]


def _text(job: Any) -> str:
    return str(job.request.input_text)


def _ms(job: Any) -> int:
    return int(job.created_at.timestamp() * 1000)


async def test_a_list_that_fails_raises_its_error_and_may_be_asked_again(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        refusal = {"code": 1101, "msg": "no"}
        return web.json_response(refusal) if name == "voice.resources" else None

    async with connect(losing, journal=path) as akool:
        error = await lose(akool, speech("Hi."), key="1")
        losing.fault = refuse
        with pytest.raises(AuthenticationError):
            await akool.find(error)
        losing.fault = None
        job = await akool.find(error)
        assert job is not None


async def test_a_reply_that_named_several_jobs_needs_no_search(
    quick: Simulator, connect: Connect
) -> None:
    error = CreateOutcomeUnknown("audio.tts", None, datetime.now(UTC), "two were started")
    error.ids = ("6a0000000000000000000301", "6a0000000000000000000302")
    async with connect(quick) as akool:
        with pytest.raises(UncertainMatch) as caught:
            await akool.find(error)
        assert tuple(akool.job(each).id for each in caught.value.candidates) == error.ids


# The journal


async def test_a_row_that_was_found_is_settled_and_its_key_gives_the_job(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    journal = Journal(path)
    async with connect(losing, journal=journal) as akool:
        error = await lose(akool, speech("Hi."), key="1")
        job = await akool.find(error)
        assert job is not None
        assert job.key == "1"
        entry = journal.find("1")
        assert entry is not None
        assert entry.id == job.id  # it is on disk
        assert akool.job(key="1") == job
        assert akool.submit(speech("Hi."), key="1") == job
        result = await job
    await journal.close()
    async with connect(losing, journal=path) as akool:
        assert (await akool.submit(speech("Hi."), key="1")).id == result.id
    assert rows_of(path)["1"] == (State.COMPLETED, result.id)
    assert losing.world.creates.total() == 1


async def test_a_row_without_a_key_is_settled_too(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(losing, journal=path) as akool:
        error = await lose(akool, speech("Hi."))
        assert await akool.find(error) is not None
    assert rows_of(path)[None][1] == at_akool(losing)[0]


async def test_an_error_of_another_process_settles_the_row_too(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(losing, journal=path) as akool:
        packed = pickle.dumps(await lose(akool, speech("Hi."), key="1"))
    async with connect(losing, journal=path) as akool:
        job = await akool.find(pickle.loads(packed))
        assert job is not None
        assert await job == await akool.submit(speech("Hi."), key="1")
        assert await akool.find(pickle.loads(packed)) == job
    assert losing.requests["voice.resources"] == 2  # one page, and the empty one behind it
    assert losing.world.creates.total() == 1


async def test_an_error_of_another_journal_is_not_taken_for_a_row_of_this_one(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    loses(losing, 0.0)
    async with connect(losing, journal=path) as akool:
        paid = await akool.submit(speech("Hi."), key="1")
    loses(losing, 1.0)
    async with connect(losing) as other:  # it has no journal
        error = await lose(other, speech("Hi."))
    _, lost = at_akool(losing)
    async with connect(losing, journal=path) as akool:
        job = await akool.find(error)
        assert job is not None
        assert job.id == lost
    assert rows_of(path)["1"] == (State.COMPLETED, paid.id)


async def test_an_error_needs_no_journal(losing: Simulator, connect: Connect) -> None:
    async with connect(losing) as akool:
        packed = pickle.dumps(await lose(akool, speech("Hi.")))
    async with connect(losing) as akool:
        job = await akool.find(pickle.loads(packed))
        assert job is not None
        assert (await job).status is Status.COMPLETED


_CUSTOMER = """
import asyncio, sys
from akool_async import Akool
from akool_async.endpoints import SpeakText

async def main():
    url, key, path = sys.argv[1:]
    async with Akool(key, base_url=url, journal=path) as akool:
        request = SpeakText(input_text="Hi.", voice_id="6a0000000000000000000402")
        await akool.submit(request, key="order 1")

asyncio.run(main())
"""


async def test_a_process_that_is_killed_between_create_and_reply_loses_nothing(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    command = (sys.executable, "-c", _CUSTOMER, quick.url, quick.api_key, str(path))
    process = await asyncio.create_subprocess_exec(*command)

    async def kill(name: str, request: web.Request) -> None:
        if name == "voice.tts":
            quick.world.create(SpeakText.from_wire(await request.json()))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            raise ConnectionResetError

    quick.fault = kill
    await process.wait()
    quick.fault = None
    assert rows_of(path)["order 1"] == (State.INTENT, None)
    async with connect(quick, journal=path) as akool:
        job = await akool.find(key="order 1")
        assert job is not None
        assert await akool.submit(speech("Hi."), key="order 1") == await job
    assert rows_of(path)["order 1"] == (State.COMPLETED, at_akool(quick)[0])
    assert quick.world.creates.total() == 1


async def test_what_is_not_found_stays_in_doubt(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        quick.fault = unreachable
        error = await lose(akool, speech("Hi."), key="1")
        quick.fault = None
        assert await akool.find(error) is None
        assert await akool.find(key="1") is None
        await lose(akool, speech("Hi."), key="1")  # and so it is not sent again
    assert rows_of(path)["1"] == (State.UNKNOWN, None)
    assert not quick.world.creates


async def test_a_key_that_is_not_in_doubt_is_not_looked_for(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        done = akool.submit(speech("Hi."), key="1")
        await done
        assert await akool.find(key="1") == done
        akool.pause()
        refused = await akool.submit(speech("Ho."), key="2").recorded()
        await refused.cancel()
        with pytest.raises(InvalidInput, match="nothing is in doubt"):
            await akool.find(key="2")
        with pytest.raises(UnknownKey):
            await akool.find(key="3")
    assert "voice.resources" not in quick.requests


class Stuck(Journal):
    """A journal that does not write down which job a create has started, until it may."""

    may = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = asyncio.Event()
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        """Wait, or write."""
        self.asked.set()
        return await super().adopt(attempt, id) if self.may else await self.answer


async def test_a_search_that_is_cancelled_takes_no_job(
    losing: Simulator, connect: Connect, path: Path
) -> None:
    journal = Stuck(path)
    async with connect(losing, journal=journal) as akool:
        error = await lose(akool, speech("Hi."), key="1")
        search = asyncio.ensure_future(akool.find(error))
        await journal.asked.wait()
        search.cancel()
        await asyncio.wait([search])
        journal.may = True
        job = await akool.find(error)
        assert job is not None
        assert [job.id] == at_akool(losing)
    await journal.close()


async def test_a_full_disk_takes_no_job(losing: Simulator, connect: Connect, path: Path) -> None:
    journal = Stuck(path)
    async with connect(losing, journal=journal) as akool:
        error = await lose(akool, speech("Hi."), key="1")
        journal.answer.set_exception(JournalError("the disk is full"))
        with pytest.raises(JournalError, match="full"):
            await akool.find(error)
        journal.may = True
        assert await akool.find(error) is not None
    await journal.close()


# Webhooks


async def test_a_create_that_waits_for_its_webhook_is_found_earlier(
    losing: Simulator, path: Path, until: Until
) -> None:
    behaviour = msgspec.structs.replace(losing.world.behaviour, webhook_loss_rate=1.0)
    losing.world.behaviour = behaviour
    events: list[str] = []

    def note(event: Event) -> None:
        events.append(event.name)

    async with armed(losing, journal=path, on_event=note) as akool:
        job = akool.submit(speech("Hi."), key="1")
        await until(lambda: "job.unanswered" in events)
        found = await akool.find(key="1")
        assert found == job
        assert (await job).id == at_akool(losing)[0]


async def test_the_webhook_address_in_a_row_names_its_create(losing: Simulator, path: Path) -> None:
    behaviour = msgspec.structs.replace(losing.world.behaviour, webhook_loss_rate=1.0)
    losing.world.behaviour = behaviour
    async with armed(losing, journal=path, webhook_patience=0.01) as akool:
        errors = [await lose(akool, speech("Hi.", voice), voice) for voice in ("ann", "bob")]
        found = [await akool.find(each) for each in errors]
        assert [job and job.id for job in found] == at_akool(losing)


# How it is called


async def test_what_is_no_lost_create_is_refused(quick: Simulator, connect: Connect) -> None:
    error: Any = CreateOutcomeUnknown("voice.tts", speech("Hi."), datetime.now(UTC), "why")
    wrong: Any = ValueError()
    async with connect(quick) as akool:
        for given, key in ((None, None), (error, "1"), (wrong, None)):
            with pytest.raises(TypeError):
                await akool.find(given, key=key)
        with pytest.raises(ValueError, match="journal"):
            await akool.find(key="1")
        with pytest.raises(InvalidInput):
            await akool.find(error, within=-1)
        error.request = None
        with pytest.raises(NotSearchable, match="not known any more"):
            await akool.find(error)
        error.name = "voice.unheard_of"
        with pytest.raises(NotSearchable, match="no operation"):
            await akool.find(error)


async def test_the_log_says_what_was_found(
    losing: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "akool_async")
    async with connect(losing) as akool:
        error = await lose(akool, speech("Hi."))
        await akool.find(error)
        losing.fault = unreachable
        await akool.find(await lose(akool, speech("Ho.")))
    told = [each.getMessage() for each in caplog.records if "lost create" in each.getMessage()]
    assert told == [
        f"voice.tts: found the job of a lost create, {at_akool(losing)[0]}",
        "voice.tts: no job of the lost create is listed",
    ]


def test_the_page_says_what_can_be_looked_for_and_by_what() -> None:
    page = (FIXTURES.parents[1] / "docs" / "journal.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| operation | list | told by |\n")
    rows = [line.split("|")[1:4] for line in table.partition("\n\n")[0].splitlines()[1:]]
    shown = {name.strip(" `"): (where, by) for name, where, by in rows}
    assert sorted(shown) == LISTED
    for name, (where, by) in shown.items():
        operation = OPERATIONS[name]
        assert operation.listed is not None
        query: Endpoint[Any] = operation.listed.query(documented(name))
        assert f"`{type(query).name}`" in where
        assert ("once it has ended" in where) is operation.listed.only_ended
        assert by.count("`") == 2 * len(operation.listed.by)
        assert all(f"`{each}`" in by for each in operation.listed.by)


@pytest.mark.parametrize("name", LISTED)
def test_what_tells_a_job_is_in_its_request_and_in_the_rows(name: str) -> None:
    operation = OPERATIONS[name]
    listed = operation.listed
    assert listed is not None
    query = listed.query(documented(name))
    row = query.parse.row
    fields = {listed.shown.get(each, each) for each in (*listed.by, *listed.also)}
    assert {*listed.by, *listed.also} <= {*operation.__struct_fields__}
    assert fields | listed.where.keys() | {"id"} <= {*row.__struct_fields__}
    assert query.page == 1


@pytest.mark.parametrize("journal", ["jobs.sqlite", None])
async def test_two_searches_at_once_for_one_create_find_one_job(
    losing: Simulator, connect: Connect, tmp_path: Path, journal: str | None
) -> None:
    async with connect(losing, journal=journal and tmp_path / journal) as akool:
        error = await lose(akool, speech("Hi."))
        found = await asyncio.gather(*(akool.find(error) for _ in range(4)))
        assert ids_of(found) == at_akool(losing) * 4
