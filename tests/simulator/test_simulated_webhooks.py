"""The webhooks of the simulated Akool, received by an armed client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from akool_async import Akool, Backoff, InvalidInput
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from akool_async.testing import armed
from tests.clocks import Elapse, Until

MANY = 60


def speech(number: int) -> TTS:
    return TTS(input_text=f"Number {number}.", voice_id="v")


def quick(**behaviour: Any) -> Simulator:
    return Simulator(pace=0.2, instant_audio_rate=0.0, **behaviour)


async def run_many(akool: Akool) -> None:
    jobs = [akool.submit(speech(number)) for number in range(MANY)]
    results = await asyncio.gather(*jobs)
    assert len({result.id for result in results}) == MANY


async def test_each_job_is_told_of_and_asked_about_once(until: Until) -> None:
    rarely = Backoff(initial=600.0, maximum=600.0)  # no poll is earlier than a webhook
    async with quick() as simulator, armed(simulator, backoff=rarely) as akool:
        await run_many(akool)
        await until(lambda: simulator.webhooks.answers[200] == 2 * MANY)
        assert simulator.webhooks.sent == {2: MANY, 3: MANY}
        assert set(simulator.webhooks.answers) == {200}
        assert simulator.requests["audio.get"] == MANY


@pytest.mark.parametrize(
    "behaviour",
    [
        {"webhook_duplicate_rate": 1.0},
        {"webhook_late_rate": 1.0, "webhook_lateness": 0.2},
        {"webhook_early_rate": 1.0},
        {"drop_reply_rate": 1.0},
        {"drop_reply_rate": 0.5, "webhook_early_rate": 0.5, "webhook_duplicate_rate": 0.5},
        {"webhook_loss_rate": 0.2},
    ],
    ids="+".join,
)
async def test_every_job_ends_however_its_webhooks_come(behaviour: dict[str, Any]) -> None:
    async with quick(**behaviour) as simulator, armed(simulator) as akool:
        await run_many(akool)
        assert simulator.world.creates.total() == MANY


async def test_a_webhook_that_is_not_answered_by_200_is_sent_again(until: Until) -> None:
    async with quick(webhook_retries=(0.01,) * 3) as simulator:
        async with armed(simulator) as akool:
            address = akool.webhooks.address
            assert address is not None
        # The receiver is gone: nobody listens at the address any more.
        async with Akool(simulator.api_key, base_url=simulator.url) as akool:
            await akool.submit(TTS(input_text="Hello.", voice_id="v", webhook_url=address))
        await until(lambda: simulator.webhooks.sent[3] == 4)
        assert 200 not in simulator.webhooks.answers


async def test_nothing_is_sent_to_another_machine() -> None:
    async with quick() as simulator, Akool(simulator.api_key, base_url=simulator.url) as akool:
        elsewhere = "https://hooks.example/akool"
        await akool.submit(TTS(input_text="Hello.", voice_id="v", webhook_url=elsewhere))
        assert simulator.webhooks.answers == {"not on loopback": 1}
        assert not simulator.webhooks.sent


@pytest.mark.parametrize("late", [0.0, 1.0], ids=["while it runs", "before its event is sent"])
async def test_a_job_that_was_deleted_is_told_of_no_more(
    late: float, clock: ManualClock, elapse: Elapse
) -> None:
    behaviour: dict[str, Any] = {"webhook_late_rate": late, "webhook_lateness": 1e5}
    simulator = Simulator(clock=clock, instant_audio_rate=0.0, webhook_retries=(), **behaviour)
    async with simulator, Akool(simulator.api_key, base_url=simulator.url) as akool:
        nobody = "http://127.0.0.1:9/akool"
        job = akool.submit(TTS(input_text="Hello.", voice_id="v", webhook_url=nobody))
        await job.created()
        (simulated,) = simulator.world.jobs.values()
        seen = simulator.webhooks.answers
        step = simulated.duration / 20
        await elapse(clock, lambda: clock.time() > simulated.ends if late else seen, step=step)
        simulator.world.remove(list(simulator.world.jobs))
        await elapse(clock, lambda: clock.time() > simulated.ends + 1e5, step=5e3)
        assert simulator.webhooks.sent == ({} if late else {2: 1})


@pytest.mark.parametrize(
    "wrong",
    [{"webhook_lateness": -1.0}, {"webhook_retries": (1.0, -1.0)}, {"webhook_loss_rate": 1.5}],
    ids="+".join,
)
def test_a_behaviour_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Simulator(**wrong)
