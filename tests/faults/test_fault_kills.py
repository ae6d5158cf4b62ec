"""Killed at any moment, and at the worst: nothing is paid for twice, and nothing is forgotten.

300 jobs under their keys, on one journal, by one process after the other. Each is killed with
SIGKILL: some at random, some by the server, after it has noted a create and before it answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.killing import Shop, ended, kill_many, states_in
from tests.strict import STRICT

if TYPE_CHECKING:
    from tests.faults.conftest import Scripted

JOBS = 300
RANDOM_KILLS = 20
WORST_KILLS = 5

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PROGRAM = textwrap.dedent("""
    import asyncio, json, sys
    from akool_async import Akool, Backoff, CreateOutcomeUnknown
    from akool_async.endpoints import TTS

    def requests(count):
        for number in range(count):
            yield f"key {number}", TTS(input_text=f"text {number}", voice_id="voice")

    async def main(url, path, count):
        outcomes = {}
        soon = Backoff(initial=0.05, maximum=0.1)
        settings = {"journal": path, "max_concurrency": 8, "backoff": soon}
        async with Akool("the-key", base_url=url, **settings) as akool:
            recovered = [job async for job in akool.recover()]
            async for job in akool.map(requests(count)):
                error = job.exception()
                assert error is None or isinstance(error, CreateOutcomeUnknown), error
                outcomes[job.request.input_text] = "unknown" if error else job.result().id
        for job in recovered:
            assert job.done()
            job.exception()
        print(json.dumps(outcomes))

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
""")


@pytest.mark.timeout(600)  # two dozen processes, one after the other, on however busy a machine
async def test_kills_at_any_moment_cost_no_job_and_no_second_payment(
    tmp_path: Path, scripted: Scripted
) -> None:
    shop, path = Shop(), tmp_path / "jobs.sqlite"
    server = await scripted(shop)
    words = (*STRICT, "-c", PROGRAM, server.url, str(path), str(JOBS))

    async def start() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)

    await kill_many(shop, start, random_kills=RANDOM_KILLS, worst_kills=WORST_KILLS)
    code, output, errors = await ended(await start())
    assert code == 0, errors
    check(shop, json.loads(output), path)


def check(shop: Shop, outcomes: dict[str, str], path: Path) -> None:
    """Compare what the last process says with the books of the shop."""
    sold: dict[str, Any] = dict(shop.sold)
    assert max(Counter(text for text, _ in shop.sold).values()) == 1  # none was paid for twice
    assert sorted(outcomes) == sorted(f"text {n}" for n in range(JOBS))  # none was forgotten
    for text, outcome in outcomes.items():
        assert outcome in {"unknown", sold.get(text)}
    assert len(shop.silent) == WORST_KILLS
    assert all(outcomes[text] == "unknown" for text in shop.silent)
    # In doubt is at most what was under way in the moment of a kill.
    unknown = [text for text, outcome in outcomes.items() if outcome == "unknown"]
    assert len(unknown) <= 8 * (RANDOM_KILLS + WORST_KILLS)
    assert states_in(path) == {"completed": JOBS - len(unknown), "unknown": len(unknown)}
    print(f"{len(shop.sold)} creates, {len(unknown)} in doubt")  # noqa: T201 - shown by pytest -s
