"""What a release is made of: its version, its changelog, and what a package index shows."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

import akool_async

ROOT = Path(__file__).parents[2]
HOME = "https://github.com/OWNER/akool_async"
RELATIVE = re.compile(r"\]\((?!https?:|#)")

CHANGELOG = """\
# Changelog

Words.

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-01-02

### Added

- All of it.
"""


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


# The version


def test_the_version_is_spelled_in_one_place() -> None:
    assert metadata("akool_async")["Version"] == akool_async.__version__
    assert "version" in project()["project"]["dynamic"]


def test_a_classifier_names_each_python_that_is_tested_and_no_other() -> None:
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    tested = re.findall(r"^tested=\((.*)\)$", gate, re.MULTILINE)[0].split()
    named = metadata("akool_async").get_all("Classifier") or []
    versions = [each.rpartition(" ")[2] for each in named if re.search(r":: 3\.\d+$", each)]
    assert versions == tested
    allowed = SpecifierSet(project()["project"]["requires-python"])
    assert all(version in allowed for version in versions)


# The README on a package index


def test_where_the_project_has_a_home_every_link_of_the_readme_leads_there() -> None:
    shown = loaded("hatch_build.py").absolute(readme(), HOME, "v1.0")
    assert RELATIVE.search(shown) is None
    assert f"]({HOME}/blob/v1.0/docs/" in shown
    assert shown.count("](") == readme().count("](")


def test_without_a_home_no_link_of_the_readme_leads_nowhere_and_no_word_is_lost() -> None:
    shown = loaded("hatch_build.py").absolute(readme(), "", "v1.0")
    assert RELATIVE.search(shown) is None
    named = re.findall(r"(?<!!)\[([^]!]+)\]\((?!https?:)", readme())
    assert named
    assert all(text in shown for text in named)
    assert "(https://docs.akool.com)" in shown


@pytest.mark.parametrize(
    ("text", "shown", "without"),
    [
        ("[a](b.md#c)", f"[a]({HOME}/blob/v1/b.md#c)", "a"),
        ("![a](b.png)", f"![a]({HOME}/raw/v1/b.png)", ""),
        ("[![a](b.png)](c.md)", f"[![a]({HOME}/raw/v1/b.png)]({HOME}/blob/v1/c.md)", ""),
        ("[a](#b) [c](https://d.example)", None, None),
    ],
)
def test_links_pictures_and_both_are_rewritten(
    text: str, shown: str | None, without: str | None
) -> None:
    absolute = loaded("hatch_build.py").absolute
    assert absolute(text, HOME, "v1") == (text if shown is None else shown)
    assert absolute(text, "", "v1") == (text if without is None else without)


def test_no_address_is_invented() -> None:
    addresses = loaded("hatch_build.py").addresses
    assert list(addresses("", "v1.0").values()) == ["https://docs.akool.com"]
    assert all(
        each.startswith(HOME) for name, each in addresses(HOME, "v1").items() if "'" not in name
    )


# The changelog


def test_a_cut_gives_what_was_unreleased_to_the_version() -> None:
    cut = loaded(".ci/cut_changelog.py").cut(CHANGELOG, "0.2.0", "2026-03-04")
    assert cut == CHANGELOG.replace(
        "## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-03-04\n"
    )


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("0.1.0", "does not come after 0.1.0"),
        ("0.0.9", "does not come after 0.1.0"),
        ("v0.2.0", "is spelled 0.2.0"),
        ("next", "is no version"),
    ],
)
def test_a_version_that_cannot_come_next_is_refused(version: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        loaded(".ci/cut_changelog.py").cut(CHANGELOG, version, "2026-03-04")


def test_a_release_without_changes_is_refused() -> None:
    tool = loaded(".ci/cut_changelog.py")
    once = tool.cut(CHANGELOG, "0.2.0", "2026-03-04")
    with pytest.raises(ValueError, match="nothing under Unreleased"):
        tool.cut(once, "0.3.0", "2026-03-05")


def test_the_command_changes_changelog_and_version_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = loaded(".ci/cut_changelog.py")
    (tmp_path / "akool_async").mkdir()
    package = tmp_path / "akool_async/__init__.py"
    package.write_text('"""Words."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["cut_changelog.py", "0.1.0"])
    assert tool.main() == 1
    assert "does not come after" in capsys.readouterr().err
    assert (tmp_path / "CHANGELOG.md").read_text() == CHANGELOG
    monkeypatch.setattr("sys.argv", ["cut_changelog.py", "0.2.0"])
    assert tool.main() == 0
    assert package.read_text() == '"""Words."""\n\n__version__ = "0.2.0"\n'
    assert "## [0.2.0] - 20" in (tmp_path / "CHANGELOG.md").read_text()


def test_the_changelog_of_this_package_can_be_cut() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.count("## [Unreleased]\n") == 1
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert {*kinds} <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
