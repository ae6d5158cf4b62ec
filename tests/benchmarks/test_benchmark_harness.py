"""How the benchmarks measure, and what they make of it."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest

from benchmarks.bench import QUICK, Bench, Entry, medians
from benchmarks.charts import svg
from benchmarks.experiments.jobs import at_delay
from benchmarks.meter import delays, quantile
from benchmarks.report import (
    Bar,
    Chart,
    Conditions,
    Goal,
    Section,
    Table,
    decode,
    encode,
    page,
)

HERE = Conditions("2026-01-01", "a machine", {"Python": "3"})


def identified(moment: float) -> str:
    return f"{round(moment * 1e6):014x}{0:010x}"


def test_delays_run_from_the_moment_in_the_id_to_the_wake_up() -> None:
    woken = [(identified(10.0), 10.0 + late) for late in (0.1, 0.2, 0.3)]
    found = delays(woken)
    assert found["mean"] == pytest.approx(200)
    assert found["p50"] == pytest.approx(200)
    assert found["longest"] == pytest.approx(300)


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_the_value_that_so_many_do_not_exceed(part: float, value: int) -> None:
    assert quantile(range(1, 101), part) == value


def test_all_contestants_do_the_same_work_and_no_job_is_missing() -> None:
    bench = Bench("try", QUICK)
    found = bench.compare(
        [
            Entry("floor", "floor", {"count": 20}),
            Entry("naive", "naive", {"count": 20, "every": 0.1}),
            Entry("map", "ours", {"count": 20, "every": 0.1}),
            Entry("gather", "ours", {"count": 20, "every": 0.1, "mode": "gather"}),
        ]
    )
    assert bench.failures == []
    assert {label: figures["created"] for label, figures in found.items()} == dict.fromkeys(
        ("floor", "naive", "map", "gather"), 20
    )
    assert found["floor"]["requests"] == 1
    assert all(found[label]["woken"] == 20 for label in ("naive", "map", "gather"))
    assert all(found[label]["mean"] > 0 for label in ("naive", "map", "gather"))


def test_a_contestant_that_fails_is_reported_and_the_others_go_on() -> None:
    bench = Bench("try", QUICK)
    entries = [
        Entry("broken", "ours", {"count": 1, "mode": "no such mode"}),
        Entry("floor", "floor", {"count": 5}),
    ]
    found = bench.compare(entries)
    assert len(bench.failures) == 1
    assert "no such mode" in bench.failures[0]
    assert math.isnan(found["broken"]["cpu"])
    assert found["floor"]["created"] == 5


def test_what_two_experiments_share_is_measured_once() -> None:
    entry = Entry("floor", "floor", {"count": 5})
    runs: dict[str, list[dict[str, float]]] = {}
    first = Bench("one", QUICK, runs).compare([entry])["floor"]
    assert Bench("two", QUICK, runs).compare([entry])["floor"] == first


def test_figures_are_medians_of_the_runs() -> None:
    assert medians([{"cpu": 1.0}, {"cpu": 9.0}, {"cpu": 2.0}])["cpu"] == 2.0


@pytest.mark.parametrize(
    ("measured", "said"), [(1.0, "yes"), (1.2, "yes"), (1.21, "no"), (math.nan, "no"), (None, "no")]
)
def test_a_goal_is_met_or_not_and_one_without_a_figure_is_not(
    measured: float | None, said: str
) -> None:
    assert Goal("a figure", 1.2, measured).cells[-1] == said


def test_the_page_survives_the_way_through_its_file() -> None:
    sections = [
        Section(
            "jobs",
            "Jobs",
            "Text.",
            [Table(["", "a"], [("row", "1")])],
            [Goal("figure", 1.0, math.nan)],
            [Chart("cpu", "CPU", "ms", [Bar("ours", 1.0, ours=True)])],
            ["naive: it broke"],
        )
    ]
    again = decode(encode(HERE, sections))[1]
    assert page(again, HERE) == page(sections, HERE)
    assert "| figure | no figure | ≤ 1.00 | no |" in page(again, HERE)
    assert "Failed: naive: it broke" in page(again, HERE)


def test_a_chart_is_xml_with_a_bar_for_each_contestant() -> None:
    chart = Chart("cpu", "CPU <here>", "ms", [Bar("a & b", 1.0), Bar("ours", 2.0, ours=True)])
    root = ET.fromstring(svg(chart))  # noqa: S314 - our own
    bars = [each for each in root.iter() if each.tag.endswith("rect")][1:]  # the page is one, too
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert [bar.attrib["class"] for bar in bars] == ["theirs", "ours"]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


def test_a_figure_at_a_delay_between_two_runs_lies_on_the_line_between_them() -> None:
    one, two = ({"mean": 100.0, "cpu": 8.0}, {"mean": 400.0, "cpu": 2.0})
    assert at_delay(200.0, one, two, "cpu") == pytest.approx(4.0)
    assert at_delay(400.0, one, two, "cpu") == pytest.approx(2.0)


def test_noise_between_two_runs_does_not_turn_the_line_round() -> None:
    one, two = ({"mean": 100.0, "cpu": 2.0}, {"mean": 110.0, "cpu": 3.0})
    assert at_delay(200.0, one, two, "cpu") == pytest.approx(3.0)
