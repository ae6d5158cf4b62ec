"""Bar charts as SVG, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from benchmarks.report import Bar, Chart

# Narrow, with each label above its bar: legible on a phone, too.
WIDTH, EDGE, VALUES = 480, 16, 70
ROW, BAR, TOP, BOTTOM = 44, 16, 66, 6

# A page that is switched to light or dark by its reader does not tell a picture: a background of
# its own keeps it legible there, too.
STYLE = """\
<style>
  text { font: 15px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .page { fill: #ffffff; stroke: #d0d7de; }
  .theirs { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; stroke: #30363d; }
    .theirs { fill: #6e7681; }
    .ours { fill: #58a6ff; }
  }
</style>"""


def svg(chart: Chart) -> str:
    """Draw a chart of horizontal bars."""
    height = TOP + ROW * len(chart.bars) + BOTTOM
    title, unit = escape(chart.title), escape(chart.unit)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        f' viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title} ({unit})</title>",
        f"<desc>{escape(in_words(chart))}</desc>",
        STYLE,
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'<text class="title" x="{EDGE}" y="28">{title}</text>',
        f'<text x="{EDGE}" y="48">{unit}</text>',
        *_bars(chart.bars),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def in_words(chart: Chart) -> str:
    """Return the bars as text, for who does not see them."""
    return "; ".join(f"{bar.label}: {_text(bar.value)}" for bar in chart.bars)


def _bars(bars: list[Bar]) -> Iterable[str]:
    most = max((bar.value for bar in bars), default=1.0)
    room = WIDTH - EDGE - VALUES
    for number, bar in enumerate(bars):
        y = TOP + ROW * number
        length = max(1.0, room * bar.value / most)
        side = "ours" if bar.ours else "theirs"
        yield f'<text x="{EDGE}" y="{y + 12}">{escape(bar.label)}</text>'
        size = f'width="{length:.1f}" height="{BAR}"'
        yield f'<rect class="{side}" x="{EDGE}" y="{y + 18}" {size} rx="2"/>'
        yield f'<text x="{EDGE + length + 6:.1f}" y="{y + 31}">{_text(bar.value)}</text>'


def _text(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}".replace(",", "\u202f")
