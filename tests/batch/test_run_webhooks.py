"""Webhooks about the rows of a run: they come to the receiver of the client that it was given."""

from __future__ import annotations

from pathlib import Path

from akool_async.batch import RunOptions
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.runner import Run
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from akool_async.testing import armed


async def test_creates_without_an_answer_are_adopted_by_their_webhooks(tmp_path: Path) -> None:
    rows = [(f"row-{n}", TTS(input_text=f"text {n}", voice_id="voice")) for n in range(3)]
    async with (
        Simulator(pace=0.02, omit_rate=0.0, drop_reply_rate=1.0) as simulator,
        armed(simulator, webhook_patience=30.0) as akool,
    ):
        run = Run(RunFolder.at(tmp_path), RunOptions())
        await run.carry_out(read(rows), akool)
        assert run.in_doubt == []
        assert run.counts.total("completed") == run.counts.saved == 3
        assert simulator.world.creates.total() == 3
        assert akool.stats.webhooks["adopted"] == 3
