"""What a run shows on a terminal: bars, and sentences that stay to be read."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from akool_async.batch.figures.run_figures import OperationFigures, RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.rows import read
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.cli.run_display import JsonLines
from akool_async.cli.run_serving import serve
from akool_async.cli.run_view import LiveView, view_of
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Until


def drawn(figures: RunFigures, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view_of(figures))
    file: Any = console.file
    text: str = file.getvalue()
    return text


def figures_of(**fields: int) -> RunFigures:
    return RunFigures(phase="running", operations={"audio.tts": OperationFigures(**fields)})


def test_titles_are_whole_and_the_bar_is_seen_at_eighty_columns() -> None:
    counts = {"completed": 70_000, "failed": 1_000, "in_flight": 100, "waiting": 28_900}
    lines = drawn(figures_of(**counts, rows=100_000)).splitlines()
    assert lines[0].split() == ["operation", "done", "failed", "flight", "waiting", "rows"]
    assert lines[2].count("━") >= 12
    everything = drawn(figures_of(**counts, in_doubt=3, skipped=7, rows=100_010))
    assert "…" not in everything
    assert all(
        title in everything for title in ("doubt", "skipped", "flight", "waiting", "100,010")
    )


def test_what_was_skipped_is_no_progress() -> None:
    def full(figures: RunFigures) -> int:
        return drawn(figures, 120).splitlines()[2].count("━")

    assert 0 < full(figures_of(completed=14, skipped=136, rows=150)) < 5
    assert full(figures_of(completed=75, skipped=75, rows=150)) == 12


@pytest.mark.parametrize(("spent", "shown"), [(None, "unknown spent"), (3.5, "3.5 spent")])
def test_credits_are_those_of_the_last_reading_and_unknown_is_not_0(
    spent: float | None, shown: str
) -> None:
    figures = RunFigures(credits_left=9170.0, credits_spent=spent)
    assert f"credits as last read: 9170 left, {shown}" in drawn(figures)


def test_sentences_and_figures_stay_above_the_view() -> None:
    console = Console(
        file=io.StringIO(), width=60, height=20, force_terminal=True, markup=False, highlight=False
    )
    figures = figures_of(completed=1, rows=2)
    with LiveView(console) as view:
        view.show(figures)
        view.say("Nothing more is created.")
        view.tell(figures)
        view.show(figures)
    file: Any = console.file
    text: str = file.getvalue()
    assert "Nothing more is created." in text
    assert figures.to_json() in text
    # It is drawn twice after that, each time over itself alone, and not over what was said.
    after = text.partition(figures.to_json())[2]
    before = text.partition("Nothing more")[0]
    height = before.count("\n")
    assert after.count("\x1b[1A") == 2 * height


def test_the_end_is_never_no_time_away() -> None:
    assert "about 0:01 left" in drawn(RunFigures(phase="running", eta=0.2))


class Spoken(JsonLines):
    """A display that keeps the sentences, and looks often."""

    interval = 0.01

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        """Keep a sentence."""
        self.sentences.append(sentence)


async def test_a_run_without_credit_says_once_what_a_person_can_do(
    connect: Connect, tmp_path: Path, until: Until
) -> None:
    display = Spoken()
    async with Simulator(pace=0.02, omit_rate=0.0, credit=2.0) as simulator:
        run = Run(RunFolder.at(tmp_path), RunOptions())
        rows = [(f"{n}", TTS(input_text=f"{n}", voice_id="voice")) for n in range(4)]
        work = run.carry_out(read(rows), connect(simulator))
        serving = asyncio.create_task(serve(run, work, display))
        await until(lambda: display.sentences)
        simulator.world.credit = 100.0
        run.resume()
        figures = await serving
    (sentence,) = display.sentences
    assert sentence.startswith("No credit left. Add some")
    assert f"akool resume {tmp_path}" in sentence
    assert figures.operations["audio.tts"].completed == 4
