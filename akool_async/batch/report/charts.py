"""The report's charts: SVG without scripts, drawn by Vega-Lite beforehand, without a network.

Colours are names that the page's style knows, so that they follow the reader's light or dark
scheme. Times are the local ones of the machine that makes the report: they are passed as if they
were UTC, as the reader's browser has no part in the drawing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from akool_async.batch.report.spread import Timeline
from akool_async.batch.report.tally import OperationTally

_VERSION: Final = "5.20"
_WIDTH: Final = 340
_HEIGHT: Final = 150
_DAY: Final = 86400
_MINUTE: Final = 60
_TEN_MINUTES: Final = 600
_MOST_OPERATIONS: Final = 20
_SHORTEST: Final = 0.01
"""Seconds that a logarithmic axis can show."""
_PADDING: Final = {"left": 14, "right": 14, "top": 5, "bottom": 5}
_CONFIG: Final[Mapping[str, Any]] = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "padding": _PADDING,
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
}


class Chart(NamedTuple):
    """A drawing, and what it says in words."""

    title: str
    words: str
    svg: str


def warm_up() -> None:
    """Start the engine that draws, which takes longer than a drawing. Blocks."""
    _draw({"data": {"values": []}, "mark": "bar"})


def charts_over_time(timeline: Timeline) -> list[Chart]:
    """Return the charts of jobs in flight, throughput and failures, where there were any. Blocks.

    A title names what the axis counts. A label beside the axis would lie over the numbers in a
    browser with a wider font than the machine that drew the chart.
    """
    per_minute = 60 / timeline.width
    in_flight = timeline.in_flight
    completed = [count * per_minute for count in timeline.completed]
    failed = timeline.failed
    span = _span(timeline.width)
    over = "" if timeline.width == _MINUTE else f", averaged over {span}"
    charts: list[Chart] = []
    if any(in_flight):
        words = f"At most {max(in_flight):,.0f} at once, averaged over {span}."
        drawing = _over_time(timeline, in_flight, "var(--flight)")
        charts.append(Chart("Jobs in flight", words, drawing))
    if any(completed):
        words = f"At most {max(completed):,.0f} rows a minute{over}."
        drawing = _over_time(timeline, completed, "var(--done)")
        charts.append(Chart("Completed in a minute", words, drawing))
    if any(failed):
        words = f"{sum(failed):,} in all, at most {max(failed):,} in {span}."
        drawing = _over_time(timeline, failed, "var(--bad)")
        charts.append(Chart(f"Failed in {span}", words, drawing))
    return charts


def chart_of_durations(operations: Mapping[str, OperationTally]) -> Chart | None:
    """Return the chart of durations by operation; `None` if nothing completed. Blocks."""
    values: list[dict[str, Any]] = []
    ordered = sorted(operations.items(), key=lambda each: -each[1].places["completed"])
    for name, tally in ordered[:_MOST_OPERATIONS]:
        for phase, spread in (("in the queue", tally.in_queue), ("at Akool", tally.at_akool)):
            middle, late = spread.quantile(0.5), spread.quantile(0.95)
            if middle is not None and late is not None:
                values.append(
                    {
                        "operation": name,
                        "phase": phase,
                        "p50": max(middle, _SHORTEST),
                        "p95": max(late, _SHORTEST),
                    }
                )
    if not values:
        return None
    words = "From the median, a dot, to the 95th percentile, a stroke. The table has the figures."
    if len(ordered) > _MOST_OPERATIONS:
        words += f" These are the {_MOST_OPERATIONS} operations of which most rows completed."
    return Chart("Durations by operation", words, _draw(_durations(values)))


def _durations(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    colour = {
        "field": "phase",
        "type": "nominal",
        "scale": {
            "domain": ["in the queue", "at Akool"],
            "range": ["var(--queue)", "var(--flight)"],
        },
        "legend": None,
    }
    y = {"field": "operation", "type": "nominal", "sort": None, "title": None}
    offset = {"yOffset": {"field": "phase", "type": "nominal", "sort": None}, "color": colour}
    scale = {"type": "log", "nice": True}
    axis = {"format": "~f", "tickCount": 4}
    x = {
        "field": "p50",
        "type": "quantitative",
        "title": "seconds, on a logarithmic scale",
        "scale": scale,
        "axis": axis,
    }
    late = {"field": "p95", "type": "quantitative"}
    return {
        "width": _WIDTH - 110,
        "padding": _PADDING | {"left": 40},  # a browser's font may be wider than ours
        "height": {"step": 18},
        "data": {"values": values},
        "encoding": {"y": y, **offset},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3},
                "encoding": {"x": x, "x2": {"field": "p95"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": x},
            },
            {"mark": {"type": "tick", "thickness": 3, "size": 12}, "encoding": {"x": late}},
        ],
    }


def _over_time(timeline: Timeline, numbers: Sequence[float], colour: str) -> str:
    moments = [_local(timeline.start(index)) for index in range(timeline.size + 1)]
    steps = zip(moments, [*numbers, numbers[-1]], strict=True)
    return _draw(
        {
            "width": _WIDTH,
            "height": _HEIGHT,
            "data": {"values": [{"at": at, "n": round(number, 3)} for at, number in steps]},
            "mark": {"type": "area", "interpolate": "step-after", "color": colour},
            "encoding": {
                "x": {
                    "field": "at",
                    "type": "temporal",
                    "scale": {"type": "utc"},
                    "title": None,
                    "axis": {"format": _format(timeline), "tickCount": 4, "labelOverlap": True},
                },
                "y": {
                    "field": "n",
                    "type": "quantitative",
                    "title": None,
                    "axis": {"tickCount": 4, "tickMinStep": 1, "format": ",~f"},
                },
            },
        }
    )


def _draw(spec: Mapping[str, Any]) -> str:
    import vl_convert  # not before a report is made

    # No background: the page's own shows through. No address stands in the data, so it loads none.
    whole = {**spec, "background": None, "config": _CONFIG}
    return vl_convert.vegalite_to_svg(whole, vl_version=_VERSION)


def _local(at: float) -> int:
    """Return a time in milliseconds as if the local clock showed UTC."""
    moment = datetime.fromtimestamp(at, UTC).astimezone().replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _format(timeline: Timeline) -> str:
    span = timeline.size * timeline.width
    if span >= 2 * _DAY:
        return "%d %b"
    return "%H:%M:%S" if span < _TEN_MINUTES else "%H:%M"


def _span(seconds: int) -> str:
    for name, size in (("day", _DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"a {name}".replace("a hour", "an hour") if count == 1 else f"{count} {name}s"
    return "a second" if seconds == 1 else f"{seconds} seconds"


def zone() -> str:
    """Return the local zone of all times, such as `UTC+01:00`."""
    offset = time.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:]}"
