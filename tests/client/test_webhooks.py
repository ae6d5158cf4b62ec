"""`akool.webhooks.feed`: events wake their jobs, and bring the ids of creates without a reply."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, CreateOutcomeUnknown, InvalidInput, InvalidSignature, JobCancelled
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.errors import ClientClosed, JobError, JobFailed, MissingCredentials
from akool_async.journal import Attempt, Journal, State
from akool_async.protocol.snapshot import Status
from akool_async.webhook import Outcome
from tests.armed import CREDENTIALS, HOOK, SPEECH, Vendor, body, connect
from tests.clocks import Until


async def test_an_event_wakes_its_job(vendor: Vendor, url: str) -> None:
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        assert await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id)) is Outcome.WOKEN
        result = await job
        assert result.url == f"https://cdn.example/{job_id}.mp3"
        assert vendor.asked[job_id] == 1


async def test_the_vendors_answer_decides_and_not_the_event(vendor: Vendor, url: str) -> None:
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        vendor.status[job_id] = 4
        await akool.webhooks.feed(body(job_id, Status.COMPLETED), vendor.token(job_id))
        with pytest.raises(JobFailed):
            await job


async def test_an_event_of_a_running_job_moves_its_status_and_asks_nothing(
    vendor: Vendor, url: str
) -> None:
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        running = body(job_id, Status.PROCESSING)
        assert await akool.webhooks.feed(running, vendor.token(job_id)) is Outcome.MOVED
        assert job.status is Status.PROCESSING
        assert not vendor.asked


async def test_a_repeated_event_asks_nothing(vendor: Vendor, url: str) -> None:
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        event, token = vendor.ends(job_id), vendor.token(job_id)
        await akool.webhooks.feed(event, token)
        await job
        assert await akool.webhooks.feed(event, token) is Outcome.REPEATED
        # Signed anew, at another time: the ciphertext is the same.
        assert await akool.webhooks.feed(vendor.ends(job_id), token) is Outcome.REPEATED
        assert vendor.asked[job_id] == 1


async def test_a_create_without_a_reply_is_found_by_its_event(
    vendor: Vendor, url: str, until: Until
) -> None:
    vendor.loses = True
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await until(lambda: len(vendor.ids) == 1 and "lost" in repr(job))
        (job_id,) = vendor.ids
        assert akool.stats.in_flight == 1
        assert (
            await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id)) is Outcome.ADOPTED
        )
        assert (await job).id == job_id
        assert len(vendor.ids) == 1


async def test_without_an_event_a_create_without_a_reply_ends_after_its_patience(
    vendor: Vendor, url: str, clock: ManualClock, until: Until
) -> None:
    vendor.loses = True
    async with connect(url, clock, webhook_patience=100.0) as akool:
        job = akool.submit(SPEECH)
        await until(lambda: "lost" in repr(job))
        await clock.advance(99.0)
        assert not job.done()
        await clock.advance(2.0)
        with pytest.raises(CreateOutcomeUnknown):
            await job
        assert akool.stats.in_flight == 0


async def test_an_event_that_overtakes_a_reply_that_is_lost_brings_the_id(
    vendor: Vendor, url: str, until: Until
) -> None:
    vendor.loses, vendor.gate = True, asyncio.Event()
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await until(lambda: len(vendor.ids) == 1)
        (job_id,) = vendor.ids
        assert await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id)) is Outcome.WOKEN
        vendor.gate.set()
        assert (await job).id == job_id


async def test_an_event_that_overtakes_the_reply_is_not_lost(
    vendor: Vendor, url: str, until: Until
) -> None:
    vendor.gate = asyncio.Event()
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await until(lambda: len(vendor.ids) == 1)
        (job_id,) = vendor.ids
        await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id))
        vendor.gate.set()
        assert (await job).id == job_id


async def test_a_row_of_an_earlier_process_is_found_by_its_event(
    vendor: Vendor, url: str, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    vendor.loses = True
    async with connect(url, journal=path) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(job))
    (job_id,) = vendor.ids
    event = vendor.ends(job_id)
    async with connect(url, journal=path) as akool:
        again = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(again))
        assert await akool.webhooks.feed(event, vendor.token(job_id)) is Outcome.ADOPTED
        assert (await again).id == job_id
    assert len(vendor.ids) == 1


async def test_an_event_is_on_disk_before_anybody_asks_for_its_row(
    vendor: Vendor, url: str, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    vendor.loses = True
    async with connect(url, journal=path) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(job))
    (job_id,) = vendor.ids
    event, token = vendor.ends(job_id), vendor.token(job_id)
    journal = Journal(path)
    async with connect(url, journal=journal) as akool:
        assert await akool.webhooks.feed(event, token) is Outcome.ADOPTED
        (row,) = journal.entries()
        assert (row.state, row.id) == (State.CREATED, job_id)
    await journal.close()
    async with connect(url, journal=path) as akool:
        assert await akool.webhooks.feed(event, token) is Outcome.REPEATED
        assert (await akool.submit(SPEECH, key="k")).id == job_id
    assert len(vendor.ids) == 1


async def test_recover_gives_a_job_that_waits_for_its_event(
    vendor: Vendor, url: str, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    vendor.loses = True
    async with connect(url, journal=path) as akool:
        job = akool.submit(SPEECH)
        await until(lambda: "lost" in repr(job))
    (job_id,) = vendor.ids
    async with connect(url, journal=path) as akool:
        (again,) = [job async for job in akool.recover()]
        assert not again.done()
        await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id))
        assert (await again).id == job_id


async def test_a_late_event_of_a_first_attempt_does_not_touch_the_second(
    vendor: Vendor, url: str, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    vendor.loses = True
    async with connect(url, journal=path) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(job))
    journal = Journal(path)
    journal.resolve("k", resend=True)
    journal.close_now()
    async with connect(url, journal=path) as akool:
        again = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(again))
        first, second = vendor.ids
        assert vendor.token(first) != vendor.token(second)
        late = await akool.webhooks.feed(vendor.ends(first), vendor.token(first))
        assert late is Outcome.UNKNOWN
        assert not again.done()
        await akool.webhooks.feed(vendor.ends(second), vendor.token(second))
        assert (await again).id == second


async def test_an_address_of_the_users_own_is_left_alone(vendor: Vendor, url: str) -> None:
    own = "https://other.example/hook"
    async with connect(url) as akool:
        job = akool.submit(TTS(input_text="Hello.", voice_id="v", webhook_url=own))
        await job.created()
        assert list(vendor.hooks.values()) == [own]


async def test_an_armed_request_is_the_users_own_everywhere_but_on_the_wire(
    vendor: Vendor, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    journal = Journal(path)
    async with connect(url, journal=journal) as akool:
        job = akool.submit(SPEECH, key="k")
        await job.created()
        assert job.request is SPEECH
        (row,) = journal.entries()
        assert b"hooks.example" not in row.request
    await journal.close()
    async with connect(url, journal=path, webhook_url=None) as akool:
        assert akool.submit(SPEECH, key="k").id is None
        await akool.submit(SPEECH, key="k").created()
    assert len(vendor.ids) == 1


async def test_an_event_for_another_worker_is_offered(vendor: Vendor, url: str) -> None:
    offered: list[tuple[bytes, str]] = []
    async with connect(url) as akool, connect(url) as other:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        event, token = vendor.ends(job_id), vendor.token(job_id)

        async def forward(body: bytes, token: str) -> None:
            offered.append((body, token))
            await akool.webhooks.feed(body, token)

        assert await other.webhooks.feed(event, token, on_foreign=forward) is Outcome.FOREIGN
        assert offered == [(event, token)]
        assert (await job).id == job_id


async def test_a_token_that_nobody_with_the_secret_made_is_refused(
    vendor: Vendor, url: str
) -> None:
    async with connect(url) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        token = vendor.token(job_id)
        for wrong in ("", "x", token[:-1], token + "A", token.swapcase(), token[::-1], "é" * 43):
            with pytest.raises(InvalidSignature):
                await akool.webhooks.feed(vendor.ends(job_id), wrong)
        assert not vendor.asked
        assert not job.done()


async def test_an_event_without_a_token_wakes_by_its_id(vendor: Vendor, url: str) -> None:
    async with connect(url, webhook_url=None) as akool:
        job = akool.submit(SPEECH)
        await job.created()
        (job_id,) = vendor.ids
        assert vendor.hooks[job_id] is None
        assert await akool.webhooks.feed(vendor.ends(job_id)) is Outcome.WOKEN
        assert (await job).id == job_id


async def test_a_closed_client_takes_no_events(vendor: Vendor, url: str) -> None:
    akool = connect(url)
    async with akool:
        pass
    with pytest.raises(ClientClosed):
        await akool.webhooks.feed(body("1"))


@pytest.mark.parametrize(
    "hook",
    [
        "http://hooks.example/akool",
        "https://localhost/akool",
        "https://127.0.0.1/akool",
        "https://10.0.0.1/akool",
        "https://[::1]/akool",
        "https://intranet/akool",
        "https://me.local/akool",
        "https://me@hooks.example/akool",
        "https://hooks.example/akool?x=1",
        "https://hooks.example/akool#x",
        "hooks.example/akool",
        "",
    ],
)
def test_an_address_that_akool_cannot_call_is_refused(hook: str) -> None:
    with pytest.raises(InvalidInput):
        Akool("key", webhook_url=hook, webhook_credentials=CREDENTIALS)


def test_webhooks_without_credentials_say_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingCredentials, match="AKOOL_CLIENT_ID"):
        Akool("key", webhook_url=HOOK)


class SlowJournal(Journal):
    """A journal whose writer takes some time to say that an id is written down."""

    clock: ManualClock

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        written = await super().adopt(attempt, id)
        await self.clock.advance(100.0)
        return written


async def test_an_id_stays_in_its_row_though_patience_ends_while_it_is_written(
    vendor: Vendor, url: str, clock: ManualClock, until: Until, tmp_path: Path
) -> None:
    vendor.loses = True
    journal = SlowJournal(tmp_path / "jobs.db")
    journal.clock = clock
    async with connect(url, clock, journal=journal, webhook_patience=50.0) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(job))
        (job_id,) = vendor.ids
        await akool.webhooks.feed(vendor.ends(job_id), vendor.token(job_id))
        with pytest.raises(CreateOutcomeUnknown):
            await job
    await journal.close()
    async with connect(url, journal=tmp_path / "jobs.db") as akool:
        assert (await asyncio.wait_for(akool.submit(SPEECH, key="k"), 20)).id == job_id
    assert vendor.ids == [job_id]


async def test_old_rows_of_unknown_outcome_do_not_keep_new_jobs_waiting(
    vendor: Vendor, url: str, clock: ManualClock, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    few: dict[str, Any] = {"max_concurrency": 2, "webhook_patience": 100.0}
    vendor.loses = True
    async with connect(url, clock, journal=path, **few) as akool:
        lost = [akool.submit(SPEECH, key=f"k{number}") for number in range(2)]
        await until(lambda: all("lost" in repr(job) for job in lost))
        assert akool.stats.in_flight == 2
    vendor.loses = False
    _set_intended_at(path, clock.now().timestamp() - 101.0)
    async with connect(url, clock, journal=path, **few) as akool:
        again = [job async for job in akool.recover()]
        assert (len(again), akool.stats.in_flight) == (2, 0)
        new = akool.submit(SPEECH)
        await until(lambda: len(vendor.ids) == 3)
        assert akool.stats.in_flight == 1
        first, second, third = vendor.ids
        # Found to exist, they count like any other job.
        for each in (first, second):
            await akool.webhooks.feed(body(each, Status.PROCESSING), vendor.token(each))
        assert akool.stats.in_flight == 3
        for each in (first, second, third):
            await akool.webhooks.feed(vendor.ends(each), vendor.token(each))
        assert {job.id for job in await asyncio.gather(*again, new)} == {first, second, third}
        assert akool.stats.in_flight == 0


def _set_intended_at(path: Path, when: float) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE job SET intended_at = ?", (when,))
        connection.commit()


async def test_a_create_that_left_without_an_address_does_not_wait_for_an_event(
    vendor: Vendor, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    vendor.loses = True
    async with Akool("key", base_url=url, journal=path) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await akool.submit(SPEECH, key="k")
    async with connect(url, journal=path) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await akool.submit(SPEECH, key="k")


@pytest.mark.parametrize("decision", ["accept", "resend", "abandon"])
async def test_a_job_that_waits_goes_on_as_a_person_decides(
    vendor: Vendor, url: str, until: Until, tmp_path: Path, decision: str
) -> None:
    journal = Journal(tmp_path / "jobs.db")
    vendor.loses = True
    async with connect(url, journal=journal) as akool:
        job = akool.submit(SPEECH, key="k")
        await until(lambda: "lost" in repr(job))
        vendor.loses = False
        (job_id,) = vendor.ids
        given: dict[str, Any] = {decision: job_id if decision == "accept" else True}
        journal.resolve("k", **given)
        if decision == "accept":
            vendor.status[job_id] = 3
            assert (await job).id == job_id
        else:
            with pytest.raises(JobCancelled if decision == "abandon" else JobError):
                await job
        assert akool.stats.in_flight == 0
        again = akool.submit(SPEECH, key="k")
        await again.created() if decision == "resend" else await until(again.done)
        assert len(vendor.ids) == (2 if decision == "resend" else 1)
        states = {"accept": State.COMPLETED, "resend": State.CREATED, "abandon": State.ABANDONED}
        await until(lambda: [each.state for each in journal.entries()] == [states[decision]])
    await journal.close()
