"""The page on coverage: every endpoint that Akool has documented, and what covers it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from akool_async.endpoints import ENDPOINTS, OPERATIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def builder() -> Iterator[ModuleType]:
    """Import the script that writes the page, as it finds its own parts when it runs."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield import_module("build_coverage")
    sys.path.remove(str(ROOT / "docs"))


def written() -> dict[str, Any]:
    return tomllib.loads((ROOT / "docs/coverage.toml").read_text(encoding="utf-8"))


@pytest.fixture
def data() -> dict[str, Any]:
    """Return what docs/coverage.toml holds, to be changed."""
    return written()


@pytest.fixture(scope="module")
def rows(builder: ModuleType) -> list[Any]:
    """Return the rows of the page, read once."""
    return list(builder.read(written()))


def problems(builder: ModuleType, data: dict[str, Any]) -> list[str]:
    return list(builder.problems(builder.read(data), data))


def called_by(line: str) -> list[str]:
    """Return the names in the second column of a row."""
    cells = line.split(" | ")
    return cells[1].split(", ") if line.startswith("| `") else []


def test_the_page_on_coverage_is_current() -> None:
    command = [sys.executable, "docs/build_coverage.py", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_page_that_is_not_current_is_refused(
    builder: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(builder, "PAGE", tmp_path / "coverage.md")
    (tmp_path / "coverage.md").write_text("stale", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["build_coverage.py", "--check"])
    assert builder.main() == 1
    assert "run python docs/build_coverage.py" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["build_coverage.py"])
    assert builder.main() == 0
    monkeypatch.setattr(sys, "argv", ["build_coverage.py", "--check"])
    assert builder.main() == 0


@pytest.mark.parametrize("name", [*ENDPOINTS])
def test_each_endpoint_s_route_is_documented_and_its_name_is_on_the_page(
    rows: list[Any], name: str
) -> None:
    (covering,) = {
        covering for row in rows for covering in row.covering if covering.cls is ENDPOINTS[name]
    }
    assert name in covering.names
    page = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if f"`{name}`" in called_by(line)]
    assert lines
    deprecated = ENDPOINTS[name].deprecated
    assert deprecated is None or all(deprecated.advice in line for line in lines)


@pytest.mark.parametrize("name", [*OPERATIONS])
def test_each_lookup_of_a_family_is_documented(rows: list[Any], name: str) -> None:
    lookup = type(OPERATIONS[name].family.lookup(["6a0000000000000000000101"]))
    assert any(covering.cls is lookup for row in rows for covering in row.covering)


# What is refused


def test_an_endpoint_with_neither_a_class_nor_a_reason_is_refused(
    builder: ModuleType, data: dict[str, Any]
) -> None:
    before = problems(builder, data)
    data["pages"]["some/page"] = ["POST /api/open/v9/never"]
    found = {*problems(builder, data)} - {*before}
    assert found == {"POST /api/open/v9/never has neither a class nor a reason"}
    data["reasons"]["POST /api/open/v9/never"] = "Nobody has it."
    assert problems(builder, data) == before


def test_a_route_of_a_class_that_no_page_documents_is_refused(
    builder: ModuleType, data: dict[str, Any]
) -> None:
    data["pages"]["ai-tools-suite/lip-sync"].remove("POST /api/open/v3/content/video/lipsync")
    (found,) = problems(builder, data)
    assert found == "POST /api/open/v3/content/video/lipsync of LipSync is on no page"


def test_a_reason_beside_a_class_and_one_without_a_page_are_refused(
    builder: ModuleType, data: dict[str, Any]
) -> None:
    data["reasons"]["GET /api/open/v3/language/list"] = "It is dull."
    data["reasons"]["GET /api/open/v9/nowhere"] = "It is dull."
    covered, nowhere = problems(builder, data)
    assert covered.startswith("GET /api/open/v3/language/list is covered")
    assert nowhere == "GET /api/open/v9/nowhere has a reason, and no page"


def test_an_endpoint_on_two_pages_is_refused(builder: ModuleType, data: dict[str, Any]) -> None:
    data["pages"]["some/page"] = ["GET /api/open/v3/language/list"]
    assert problems(builder, data) == ["GET /api/open/v3/language/list stands there twice"]


def test_a_part_in_braces_stands_for_any(builder: ModuleType) -> None:
    class Detail:
        method, root, path = "GET", "/api/open/", "v4/voice/detail/{id}"

    covering = builder.Covering(Detail, ())
    assert covering.covers("GET /api/open/v4/voice/detail/{_id}")
    assert not covering.covers("GET /api/open/v4/voice/detail/{_id}/more")
    assert not covering.covers("POST /api/open/v4/voice/detail/{_id}")
