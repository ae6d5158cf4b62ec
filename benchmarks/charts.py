"""Bar charts as SVG, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from benchmarks.report import Bar, Chart

WIDTH, LABELS, VALUES = 760, 270, 70
ROW, BAR, TOP = 26, 16, 44

STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .theirs { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .theirs { fill: #6e7681; }
    .ours { fill: #58a6ff; }
  }
</style>"""


def svg(chart: Chart) -> str:
    """Draw a chart of horizontal bars."""
    height = TOP + ROW * len(chart.bars)
    title = escape(f"{chart.title} ({chart.unit})")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title}</title>",
        STYLE,
        f'<text class="title" x="8" y="22">{title}</text>',
        *_bars(chart.bars),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bars(bars: list[Bar]) -> Iterable[str]:
    most = max((bar.value for bar in bars), default=1.0)
    room = WIDTH - LABELS - VALUES
    for number, bar in enumerate(bars):
        y = TOP + ROW * number
        length = max(1.0, room * bar.value / most)
        side = "ours" if bar.ours else "theirs"
        base = y + BAR - 3
        yield f'<text x="{LABELS - 8}" y="{base}" text-anchor="end">{escape(bar.label)}</text>'
        size = f'width="{length:.1f}" height="{BAR}"'
        yield f'<rect class="{side}" x="{LABELS}" y="{y}" {size} rx="2"/>'
        yield f'<text x="{LABELS + length + 6:.1f}" y="{base}">{_text(bar.value)}</text>'


def _text(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}".replace(",", "\u202f")
