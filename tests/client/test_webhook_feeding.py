"""`akool.webhooks.feed` where something goes wrong: no event is lost, and no error is another's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from akool_async import JournalError
from akool_async.journal import Attempt, Journal
from akool_async.protocol.snapshot import Status
from akool_async.webhook import Outcome, recent
from akool_async.webhook.address import Addresses
from tests.armed import CREDENTIALS, HOOK, SPEECH, Vendor, body, connect

FOREIGN = Addresses(HOOK, CREDENTIALS, b"somebody").token(Attempt(1, 1))


class FullDisk(Journal):
    """A journal that cannot be written while its disk is full."""

    full = True

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        if self.full:
            raise JournalError("the disk is full")
        return await super().adopt(attempt, id)


async def test_an_event_that_cannot_be_written_down_is_taken_in_when_it_comes_again(
    vendor: Vendor, url: str, tmp_path: Path
) -> None:
    journal = FullDisk(tmp_path / "jobs.sqlite")
    async with connect(url, journal=journal) as akool:
        job = akool.submit(SPEECH, key="order-7")
        await job.created()
        (job_id,) = vendor.ids
        event, token = vendor.ends(job_id), vendor.token(job_id)
        with pytest.raises(JournalError):
            await akool.webhooks.feed(event, token)
        assert not akool.stats.webhooks
        journal.full = False
        assert await akool.webhooks.feed(event, token) is Outcome.WOKEN
        assert (await job).id == job_id


@pytest.mark.parametrize("text", [False, True])
async def test_a_function_that_fails_with_an_event_of_another_worker_is_logged(
    vendor: Vendor, url: str, *, text: bool, caplog: pytest.LogCaptureFixture
) -> None:
    event = body("a" * 24)
    offered: list[tuple[bytes, str]] = []

    def on_foreign(*given: Any) -> None:
        offered.append(given)
        raise RuntimeError("a mistake of the user's")

    async with connect(url) as akool:
        given = event.decode() if text else event
        outcome = await akool.webhooks.feed(given, FOREIGN, on_foreign=on_foreign)
        assert outcome is Outcome.FOREIGN
        assert akool.stats.webhooks == {"foreign": 1}
    assert offered == [(event, FOREIGN)]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "on_foreign failed" in record.message
    assert CREDENTIALS.client_secret not in caplog.text


async def test_repetitions_are_known_in_bounded_memory(
    vendor: Vendor, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT", 2)
    first, second, third = (body(f"{number:024x}") for number in range(3))
    async with connect(url) as akool:
        outcomes = [
            await akool.webhooks.feed(each, FOREIGN)
            for each in (first, second, first, third, third, first)
        ]
    repeated = [outcome is Outcome.REPEATED for outcome in outcomes]
    assert repeated == [False, False, True, False, True, False]


@pytest.mark.parametrize("with_token", [True, False])
async def test_a_receiver_passes_on_what_is_about_jobs_of_another_client(
    vendor: Vendor, url: str, *, with_token: bool
) -> None:
    async with connect(url) as akool, connect(url) as other:
        jobs = [other.submit(SPEECH) for _ in range(2)]
        for job in jobs:
            await job.created()
        job_id, second = (job.id or "" for job in jobs)
        token = vendor.token(job_id) if with_token else None
        nobodys = Outcome.FOREIGN if with_token else Outcome.UNKNOWN
        moved = body(job_id, Status.PROCESSING)
        with akool.webhooks.passing_on_to(other.webhooks):
            assert await akool.webhooks.feed(moved, token) is Outcome.MOVED
            assert await akool.webhooks.feed(moved, token) is Outcome.REPEATED
            assert await akool.webhooks.feed(body("a" * 24), FOREIGN) is Outcome.FOREIGN
            assert await akool.webhooks.feed(body("b" * 24)) is Outcome.UNKNOWN
        late = vendor.token(second) if with_token else None
        assert await akool.webhooks.feed(body(second, Status.PROCESSING), late) is nobodys
        with akool.webhooks.passing_on_to(other.webhooks):
            assert await akool.webhooks.feed(vendor.ends(job_id), token) is Outcome.WOKEN
            assert await akool.webhooks.feed(vendor.ends(second), late) is Outcome.WOKEN
        assert [(await job).id for job in jobs] == [job_id, second]


async def test_what_is_passed_on_to_a_closed_client_is_nobodys(vendor: Vendor, url: str) -> None:
    async with connect(url) as akool:
        other = connect(url)
        async with other:
            await (job := other.submit(SPEECH)).created()
            job_id, token = vendor.ids[0], vendor.token(vendor.ids[0])
        with akool.webhooks.passing_on_to(other.webhooks):
            assert await akool.webhooks.feed(vendor.ends(job_id), token) is Outcome.FOREIGN
    assert job.done()
