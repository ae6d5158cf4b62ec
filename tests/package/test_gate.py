"""The hooks before a commit, `make lint` and the gate check format and style in one way."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUFF = re.compile(r"""/ruff"? ((?:format|check)[^\n]*)""")


def ruff_in(name: str, *, of: str = "") -> list[str]:
    """Return how a file calls ruff, in what follows a text."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return RUFF.findall(text[text.index(of) :])[:2]


def test_hooks_and_make_and_gate_check_format_and_style_in_one_way() -> None:
    gate = ruff_in(".ci/run")
    assert gate == ["format --check", "check"]
    assert ruff_in(".pre-commit-config.yaml", of="entry:") == gate
    assert ruff_in("Makefile", of="\nlint:") == gate
