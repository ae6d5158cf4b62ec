"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted(
    page
    for place in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/**/*.md")
    for page in ROOT.glob(place)
)

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks_of(page: Path, language: str) -> list[str]:
    """Return a page's blocks in a language."""
    found = FENCED.findall(text_of(page))
    return [source for spoken, source in found if spoken == language]
