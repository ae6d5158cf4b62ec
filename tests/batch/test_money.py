"""The money of a run: prices that are learned, limits, and what would be spent."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool, Face
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.money.prices import Prices, documented_price
from akool_async.batch.money.spending import UNPRICED, Money
from akool_async.batch.planning import Plan, lines_of
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.endpoints import AnalyzeContent, ImageReage
from akool_async.protocol.price import Price
from akool_async.simulator import Simulator
from tests.batch.run_parts import speeches
from tests.clients import Connect
from tests.clocks import Until, turns


def test_a_price_is_learned_from_one_operation_alone() -> None:
    prices = Prices()
    assert prices.of("audio.tts") is None
    prices.learn({"audio.tts": 20}, 10.0)
    assert prices.of("audio.tts") == pytest.approx(0.5)


def test_prices_of_mixed_rows_are_told_apart_by_several_readings() -> None:
    prices = Prices()
    prices.learn({"audio.tts": 10, "reage.image": 10}, 45.0)
    assert prices.of("audio.tts") is None
    prices.learn({"audio.tts": 20, "reage.image": 10}, 50.0)
    assert prices.of("audio.tts") == pytest.approx(0.5)
    assert prices.of("reage.image") == pytest.approx(4.0)
    again = Prices(learned=prices.dump())
    assert again.of("reage.image") == pytest.approx(4.0)


def test_a_payment_meanwhile_teaches_nothing_and_a_given_price_stays() -> None:
    prices = Prices({"audio.tts": 2.0})
    prices.learn({"audio.tts": 10}, -100.0)
    prices.learn({"audio.tts": 10}, 5.0)
    assert prices.of("audio.tts") == 2.0


@pytest.mark.parametrize(
    ("kind", "content", "price"),
    [
        (1, "https://host.example/a.jpg", 0.2),
        (2, "https://host.example/a.mp4", None),
        (4, "x" * 601, 0.2),
    ],
)
def test_a_price_that_the_page_prints_is_known(
    kind: int, content: str, price: float | None
) -> None:
    request = AnalyzeContent(content=content, type=kind, language="en")
    assert documented_price(request) == price
    assert Prices().of("moderation.analyze", request) == price


async def test_a_limit_on_credits_is_kept_once_the_price_is_known(
    connect: Connect, tmp_path: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, credit=1000.0) as simulator:
        akool = connect(simulator, max_concurrency=8)
        run = Run(RunFolder.at(tmp_path), RunOptions(max_credits=25))
        await run.carry_out(read(speeches(100)), akool)
        assert simulator.world.creates.total() == 25
        assert run.figures().credits_spent == 25
        assert run.figures().credits_left == 975
        assert "credits" in run.stopped_by
        again = Run(RunFolder.at(tmp_path), RunOptions(max_credits=5))
        await again.carry_out(read(speeches(100)), akool)
        assert simulator.world.creates.total() == 30


async def test_an_unknown_price_overshoots_by_a_few_rows_at_most(
    connect: Connect, tmp_path: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0) as simulator:
        akool = connect(simulator, max_concurrency=50)
        run = Run(RunFolder.at(tmp_path), RunOptions(max_credits=3))
        await run.carry_out(read(speeches(100)), akool)
        assert 3 <= simulator.world.creates.total() <= UNPRICED


async def test_what_is_in_flight_counts_at_its_price() -> None:
    async def credit() -> float:
        return 100.0

    money = Money(credit, Prices({"a": 2.0}), most=5.0, changed=lambda: None)
    await money.read()
    sent = 0
    while (verdict := money.verdict("a", None)) == "yes":
        money.send(f"row-{sent}", "a", None)
        sent += 1
    assert (sent, verdict) == (2, "wait")
    for number in range(2):
        money.end(f"row-{number}", created=True)
    await money.read()
    assert money.verdict("a", None) == "yes"  # the account says that they cost nothing


async def test_what_is_in_flight_counts_at_the_price_that_is_printed_for_it(
    connect: Connect, tmp_path: Path, gate: asyncio.Event, until: Until
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0) as simulator:

        async def only_creates(name: str, _request: web.Request) -> None:
            if name == "moderation.get":
                await gate.wait()

        simulator.fault = only_creates
        pictures = [
            (f"row-{n}", AnalyzeContent(type=1, content=f"https://h.example/{n}.jpg"))
            for n in range(50)
        ]
        run = Run(RunFolder.at(tmp_path), RunOptions(max_credits=2))
        akool = connect(simulator, max_concurrency=40)
        work = asyncio.create_task(run.carry_out(read(pictures), akool))
        await until(lambda: simulator.world.creates.total() >= 10)
        await turns()
        assert simulator.world.creates.total() == 10  # at 0.2 each
        run.drain("enough")
        gate.set()
        await work


async def test_a_price_that_accounts_contradict_lets_few_rows_run_until_it_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def credit() -> float:
        return 100.0

    paid = Price(says="", page="", date="", credits=lambda _: 0.2, observed="1 for a picture")
    monkeypatch.setattr(AnalyzeContent, "price", paid)
    picture = AnalyzeContent(type=1, content="https://h.example/a.jpg")
    money = Money(credit, Prices(), most=50.0, changed=lambda: None)
    await money.read()
    name, sent = "moderation.analyze", 0
    while money.verdict(name, picture) == "yes":
        money.send(f"row-{sent}", name, picture)
        sent += 1
    assert sent == UNPRICED
    money.prices.told(name, 1.0)
    while money.verdict(name, picture) == "yes":
        money.send(f"row-{sent}", name, picture)
        sent += 1
    assert sent == 50


def test_what_was_measured_counts_before_what_is_documented() -> None:
    picture = AnalyzeContent(type=1, content="https://h.example/a.jpg")
    prices = Prices()
    assert prices.of("moderation.analyze", picture) == 0.2
    assert prices.measured("moderation.analyze") is None
    prices.learn({"moderation.analyze": 20}, 20.0)
    assert prices.of("moderation.analyze", picture) == 1.0
    assert Prices({"moderation.analyze": 3.0}).of("moderation.analyze", picture) == 3.0


def test_a_dry_run_says_which_credits_are_documented(tmp_path: Path) -> None:
    pictures = [
        (f"picture-{n}", AnalyzeContent(type=1, content=f"https://h.example/{n}.jpg"))
        for n in range(50)
    ]
    told = plan_of(tmp_path, [*pictures, *speeches(10)], prices={"audio.tts": 2.0})
    assert "credits: 30" in told
    assert "documented: 10 of these credits; what is charged may differ" in told
    told = plan_of(tmp_path, pictures, prices={"moderation.analyze": 2.0})
    assert "credits: 100" in told
    assert not [line for line in told if "documented" in line]


@pytest.mark.parametrize("at_its", ["begin", "end"])
async def test_jobs_of_an_earlier_process_spoil_no_price(at_its: str) -> None:
    credit = 100.0

    async def ask() -> float:
        return credit

    def end(key: str) -> None:
        nonlocal credit
        credit -= at_its == "end"
        money.end(key, created=True)

    def send(key: str) -> None:
        nonlocal credit
        credit -= at_its == "begin"
        money.send(key, "a", None)

    money = Money(ask, Prices(), most=None, changed=lambda: None)
    await money.read()
    for n in range(4):
        send(f"row-{n}")
    for n in range(30):
        end(f"earlier-{n}")
    for n in range(4):
        end(f"row-{n}")
    await money.read()
    assert money.prices.of("a") is None  # nobody knows
    for n in range(4, 8):
        send(f"row-{n}")
        end(f"row-{n}")
    await money.read()
    assert money.prices.of("a") == 1.0


async def test_two_rows_of_one_key_are_one_job_to_the_limit() -> None:
    async def credit() -> float:
        return 100.0

    money = Money(credit, Prices({"a": 2.0}), most=3.0, changed=lambda: None)
    await money.read()
    for _ in range(2):
        money.send("row", "a", None)
    for _ in range(2):
        money.end("row", created=True)
    await money.read()
    assert money.verdict("a", None) == "yes"


def plan_of(folder: Path, rows: list[Any], **options: Any) -> list[str]:
    plan = Plan(RunFolder.at(folder), RunOptions(**options))
    return [*lines_of(plan.of(read(rows)), 10), *plan.notes()]


def test_a_dry_run_keeps_to_a_limit_on_credits_or_says_by_how_much_it_cannot(
    tmp_path: Path,
) -> None:
    told = plan_of(tmp_path, speeches(360), max_credits=20, prices={"audio.tts": 0.5})
    assert told[:2] == ["audio.tts: 360 rows: 40 would be sent, 320 left out", "credits: 20"]
    assert not [line for line in told if "limit" in line]
    told = plan_of(tmp_path, speeches(360), max_credits=20)
    assert told[0] == "audio.tts: 360 rows: 360 would be sent"
    assert told[-1] == "limit: 20 credits; it may be exceeded by 10 rows of unknown price"


def test_a_dry_run_of_a_new_folder_knows_the_rows_and_not_the_rest(tmp_path: Path) -> None:
    image = ImageReage(
        target_image=[Face(path="https://h.example/a.jpg", opts="1,2:3,4:5,6:7,8")],
        face_reage=5,
        modify_image="https://h.example/b.jpg",
    )
    told = plan_of(tmp_path / "new", [*speeches(3), image], max_creates=2)
    assert told == [
        "audio.tts: 3 rows: 2 would be sent, 1 left out",
        "reage.image: 1 row: 1 left out",
        "credits: unknown for audio.tts, of which nothing was learned yet",
        "disk: unknown for audio.tts, of which nothing was learned yet",
        "time: unknown for audio.tts, of which nothing was learned yet",
    ]


async def test_a_dry_run_knows_what_an_earlier_run_has_learned(
    connect: Connect, tmp_path: Path
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0) as simulator:
        akool: Akool = connect(simulator)
        await Run(RunFolder.at(tmp_path), RunOptions()).carry_out(read(speeches(5)), akool)
        requests = simulator.requests.total()
        told = plan_of(tmp_path, speeches(105))
        assert simulator.requests.total() == requests
    assert told[0] == "audio.tts: 105 rows: 100 would be sent, 5 completed"
    assert told[1] == "credits: 100"
    sizes = [
        json.loads(line)["bytes"] for line in (tmp_path / "results.jsonl").read_text().splitlines()
    ]
    assert told[2] == f"disk: about {100 * sum(sizes) / 5 / 1e3:.0f} kB"
    assert re.fullmatch(r"time: about 0:00:0\d \(h:mm:ss\), with 10 jobs at once", told[3])
    assert told[4] == "earlier runs here: 5 credits for 5 rows"


@pytest.mark.parametrize(("codes", "sent"), [(["1004"], 0), (["JobFailed"], 3), (True, 3)])
async def test_a_dry_run_sends_again_what_the_run_sends_again(
    connect: Connect, tmp_path: Path, codes: Any, sent: int
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, fail_rate=1.0) as simulator:
        akool = connect(simulator)
        await Run(RunFolder.at(tmp_path), RunOptions()).carry_out(read(speeches(3)), akool)
        options = RunOptions(retry_failed=codes)
        plan = Plan(RunFolder.at(tmp_path), options).of(read(speeches(3)))["audio.tts"]
        assert (plan.sent, plan.done, plan.failed) == (sent, 0, 3 - sent)
        await Run(RunFolder.at(tmp_path), options).carry_out(read(speeches(3)), akool)
        assert simulator.world.creates.total() == 3 + sent


async def test_a_dry_run_knows_that_a_recipe_of_which_a_step_is_done_goes_on(
    connect: Connect, tmp_path: Path
) -> None:
    speaking = {
        "operation": "video.speaking_photo",
        "talking_photo_url": "https://host.example/photo.jpg",
        "input_text": "Good morning.",
        "voice_id": "voice",
        "key": "speaking",
    }
    async with Simulator(pace=0.02, omit_rate=0.0) as simulator:
        run = Run(RunFolder.at(tmp_path), RunOptions())
        await run.carry_out(read([speaking]), connect(simulator))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal, journal:
        journal.execute("DELETE FROM outcome")  # as if it was killed after its first step
        journal.execute("DELETE FROM job WHERE key = 'speaking/2'")
    plan = Plan(RunFolder.at(tmp_path), RunOptions()).of(read([speaking]))
    each = plan["video.speaking_photo"]
    assert (each.rows, each.done, each.sent) == (1, 0, 1)
