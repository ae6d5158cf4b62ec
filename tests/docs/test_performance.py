"""The charts of the page on performance, and what stands beside them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from benchmarks.report import decode
from tests.docs.pages import ROOT, text_of

PAGE = ROOT / "docs/performance.md"
RESULTS = ROOT / "benchmarks/results.json"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs")
    spec = importlib.util.spec_from_file_location("build_charts", ROOT / "docs/build_charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(script: ModuleType) -> Mapping[Path, str]:
    pages: Mapping[Path, str] = script.pages()
    return pages


def test_the_charts_and_their_page_are_made_from_the_measured_figures(
    made: Mapping[Path, str],
) -> None:
    assert [path.name for path, text in made.items() if text_of(path) != text] == []
    assert {path for path in (ROOT / "docs/charts").iterdir() if path not in made} == set()


def test_a_figure_that_changes_changes_the_page(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = tmp_path / "results.json"
    old = text_of(RESULTS)
    changed.write_text(old.replace('"21.502"', '"21.602"'), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != old
    before = script.pages()
    monkeypatch.setattr(script, "RESULTS", changed)
    assert {path.name for path, text in script.pages().items() if before[path] != text} == {
        "requests.svg"
    }


def test_a_chart_says_its_figures_in_words_and_needs_nothing_from_elsewhere(
    made: Mapping[Path, str],
) -> None:
    for path, text in made.items():
        if path != PAGE:
            drawing = ET.fromstring(text)  # noqa: S314 - ours
            words = drawing.findtext(f"{SVG}desc", "")
            assert len(words.split(";")) == len(drawing.findall(f"{SVG}rect")) - 1 > 1
            assert "prefers-color-scheme: dark" in text
            assert text.count("://") == 1  # the name of what SVG is


def test_beside_each_chart_stands_the_command_that_measures_it() -> None:
    sections = {section.name for section in decode(RESULTS.read_bytes())[1]}
    shown = re.findall(
        r"^!\[.+\]\(charts/\w+\.svg\)\n\n`python -m benchmarks --only (\w+)`, ([\d-]+)$",
        text_of(PAGE),
        re.MULTILINE,
    )
    assert len(shown) == text_of(PAGE).count("![")
    assert {name for name, _ in shown} <= sections
