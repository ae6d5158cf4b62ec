"""What a run shows on a terminal: bars, and sentences that stay to be read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from akool_async.batch.figures import OperationFigures, RunFigures
from akool_async.cli.run_view import LiveView, view_of


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
