"""How the pages of the repository become the site, and what is found wrong with a site."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest

from tests.docs.pages import ROOT

Stage: TypeAlias = Callable[[Mapping[str, str]], Path]
pytest_plugins = ["tests.docs.built_site"]
pytestmark = pytest.mark.timeout(600)  # one of them may build the site, on however busy a machine

PARTS = ("build_site", "check_site", "llms_text", "site_pages")


@pytest.fixture(scope="module")
def scripts() -> Iterator[Mapping[str, ModuleType]]:
    """Import the scripts, as they find each other when they run."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield {name: import_module(name) for name in PARTS}
    sys.path.remove(str(ROOT / "docs"))


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


# Pages


@pytest.fixture
def staged(scripts: Mapping[str, ModuleType], tmp_path: Path) -> Stage:
    """Stage the pages of a small repository; return their folder."""

    def stage(files: Mapping[str, str]) -> Path:
        always = dict.fromkeys(("README.md", "CHANGELOG.md", "CONTRIBUTING.md"), "# A\n")
        more = {"SECURITY.md": "# A\n", "benchmarks/README.md": "# B\n", "docs/site/assets/a": ""}
        folders = {"docs/decisions/0001-a.md": "# 1. A\n", "examples/some.py": "some = 1\n"}
        root = write(tmp_path / "root", always | more | folders | dict(files))
        shutil.rmtree(tmp_path / "pages", ignore_errors=True)
        scripts["site_pages"].stage(root, tmp_path / "pages")
        return tmp_path / "pages"

    return stage


def test_a_link_out_of_docs_leads_to_a_page_of_the_site(staged: Stage) -> None:
    links = (
        "[a](../CHANGELOG.md#anchor) [b](../examples) [c](../examples/some.py) [d](decisions)",
        "![e](../benchmarks/chart.svg) [f](https://akool.example) [g](#here) `[h](../x.md)`",
    )
    files = {"docs/jobs.md": "\n".join(links), "benchmarks/chart.svg": "<svg/>"}
    pages = staged(files)
    assert (pages / "jobs.md").read_text() == (
        "[a](changelog.md#anchor) [b](examples/index.md) [c](examples/some.py.md)"
        " [d](decisions/index.md)\n"
        "![e](benchmarks/chart.svg) [f](https://akool.example) [g](#here) `[h](../x.md)`"
    )
    assert "```py\nsome = 1\n```" in (pages / "examples/some.py.md").read_text()
    assert (pages / "benchmarks/chart.svg").read_text() == "<svg/>"
    assert "- [1. A](0001-a.md)" in (pages / "decisions/index.md").read_text()


def test_a_notebook_is_a_page_with_what_its_code_has_printed(staged: Stage) -> None:
    shown = {"output_type": "execute_result", "data": {"text/plain": ["<Job>"], "text/html": []}}
    printed = {"output_type": "stream", "text": ["1\n", "2\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# One\n", "\n", "Text."]},
        {"cell_type": "code", "source": ["job"], "outputs": [printed, shown]},
    ]
    pages = staged({"examples/n.ipynb": json.dumps({"cells": cells})})
    assert (pages / "examples/n.ipynb.md").read_text() == (
        "# One\n\nText.\n\n```py\njob\n```\n\n```text\n1\n2\n```\n\n```text\n<Job>\n```\n"
    )


def test_the_readme_is_the_start_page_until_there_is_one(staged: Stage) -> None:
    assert (staged({}) / "index.md").read_text() == "# A\n"
    assert (staged({"docs/index.md": "# Start\n"}) / "index.md").read_text() == "# Start\n"


def test_the_number_of_a_quirk_is_a_link_outside_code(staged: Stage) -> None:
    files = {"docs/reference/x.md": "One (T18, N43). `T18`\n\n```py\nT18\n```\n"}
    assert (staged(files) / "reference/x.md").read_text() == files["docs/reference/x.md"]
    pages = staged(files | {"docs/quirks.md": "## T18\n\n## N43\n"})
    assert (pages / "reference/x.md").read_text() == (
        "One ([T18](../quirks.md#t18), [N43](../quirks.md#n43)). `T18`\n\n```py\nT18\n```\n"
    )
    assert (pages / "quirks.md").read_text() == "## T18\n\n## N43\n"


def test_a_bar_in_code_in_a_table_has_no_backslash_on_the_site(staged: Stage) -> None:
    assert (staged({"docs/x.md": "| `a \\| b` | c \\| d |"}) / "x.md").read_text() == (
        "| `a | b` | c \\| d |"
    )


def test_the_first_mention_of_a_public_name_is_a_link_to_the_reference(staged: Stage) -> None:
    text = "# `Job`\n\nA `Job`, [`Retry`](x.md), `Job`, `Jobs`, `job`.\n"
    pages = staged({"docs/x.md": text, "docs/reference/y.md": "`Job` `Job`"})
    assert (pages / "x.md").read_text() == (
        "# `Job`\n\nA [`Job`][akool_async.Job], [`Retry`](x.md), `Job`,"
        " [`Jobs`][akool_async.Jobs], `job`.\n"
    )
    assert (pages / "reference/y.md").read_text() == " ".join(["[`Job`][akool_async.Job]"] * 2)


# The navigation


def test_a_star_stands_for_the_pages_that_are_named_nowhere_else(
    scripts: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    pages = write(tmp_path, {"a/one.md": "", "a/two.md": "", "a/three.md": ""})
    config = 'nav = [\n    "a/*.md",\n    "a/two.md",\n]\n'
    assert scripts["build_site"].configured(config, pages) == (
        'nav = [\n    "a/one.md",\n    "a/three.md",\n    "a/two.md",\n]\n'
    )


# Problems


@pytest.fixture
def problems(scripts: Mapping[str, ModuleType], tmp_path: Path) -> Callable[..., list[str]]:
    """Say what is wrong with a small site, besides the names that it does not document."""

    def found(pages: Mapping[str, str], navigation: set[str], staged: set[str]) -> list[str]:
        site = write(tmp_path / "site", pages)
        every: list[str] = list(scripts["check_site"].problems(site, navigation, staged))
        return [each for each in every if "documented on no page" not in each]

    return found


def test_a_site_without_a_fault_has_no_problem(problems: Callable[..., list[str]]) -> None:
    other = '<h1 id="top">A</h1><a href="../a.html?h=x#top"></a><a href="mailto:a@b.example"></a>'
    pages = {
        "a.html": '<h1 id="top">A</h1><a href="b/c.html#top"></a><img src="data:image/png;x">',
        "b/c.html": f'{other}<a href="https://akool.example">x</a><code>a[1][2]</code>',
    }
    assert problems(pages, {"a.md"}, {"a.md"}) == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('<a href="b.html">', "a.html: b.html leads nowhere"),
        ('<img src="b.png">', "a.html: b.png leads nowhere"),
        ('<a href="#b">', "a.html: a.html has no anchor b"),
        ('<script src="https://cdn.example/x.js">', "https://cdn.example/x.js from another host"),
        ('<link href="//fonts.example/x.css">', "//fonts.example/x.css from another host"),
        ("See [text][akool_async.Nothing].", "][akool_async.Nothing] is not resolved"),
    ],
)
def test_a_fault_in_a_page_is_found(
    source: str, problem: str, problems: Callable[..., list[str]]
) -> None:
    (found,) = problems({"a.html": source}, set(), set())
    assert problem in found


def test_a_font_of_another_host_is_found(problems: Callable[..., list[str]]) -> None:
    css = "@font-face { src: url('https://fonts.example/x.woff2') }"
    (found,) = problems({"a.html": "", "x.css": css}, set(), set())
    assert found.startswith("x.css: ")


def test_a_page_outside_the_navigation_is_found_and_an_entry_without_a_page(
    problems: Callable[..., list[str]],
) -> None:
    assert problems({}, {"a.md", "b.md"}, {"b.md", "c.md"}) == [
        "navigation: a.md is no page",
        "c.md: not in the navigation",
    ]


def test_a_public_name_without_documentation_is_found(
    scripts: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    write(tmp_path, {"a.html": '<h2 id="akool_async.Job">'})
    found: Any = list(scripts["check_site"].problems(tmp_path, set(), set()))
    assert "akool_async.Jobs: documented on no page" in found
    assert "akool_async.endpoints.ImageReage: documented on no page" in found
    assert "akool_async.Job: documented on no page" not in found


# What language models read


def test_llms_txt_lists_the_pages_and_the_texts_hold_docstrings(
    scripts: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    directive = "::: akool_async.Timeout\n    options:\n      members: true\n"
    pages = write(
        tmp_path / "pages",
        {
            "index.md": "# Start\n\nThis is [it](a.md), a [`Job`][akool_async.Job]. And more.\n",
            "python/a.md": f"# Values\n\n<!-- note -->\n\nText.\n\n{directive}\nEnd.\n",
            "b.md": "# Why\n",
        },
    )
    settings = {
        "site_name": "name",
        "site_description": "What it is.",
        "nav": [{"Start": "index.md"}, {"Ref": [{"P": ["python/a.md"]}]}, {"Background": ["b.md"]}],
    }
    site = write(tmp_path / "site", {})
    scripts["llms_text"].write(settings, pages, site)
    assert (site / "llms.txt").read_text() == (
        "# name\n\n> What it is.\n"
        "\n## Start\n\n- [Start](index.md): This is it, a `Job`.\n"
        "\n## Ref\n\n- [Values](python/a.md): Text.\n"
        "\n## Optional\n\n- [Why](b.md)\n"
    )
    text = (site / "python/a.md").read_text()
    assert "Time limits for one HTTP request" in text
    assert "- `connect`: " in text
    assert "options:" not in text
    assert "note" not in text
    assert text in (site / "llms-full.txt").read_text()


# The whole site


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_a_class_of_values_is_shown_with_its_constructor(site: Path) -> None:
    text = text_of(site / "python/configuration.html")
    assert "Timeout(*, total: float = 60.0, connect: float = 10.0)" in text
    assert "hidden_fields" not in text


def test_the_number_of_a_quirk_in_a_docstring_is_a_link(site: Path) -> None:
    assert '<a href="../quirks.html#t25">' in (site / "python/results.html").read_text()


def test_every_page_of_llms_txt_is_there_as_markdown(site: Path) -> None:
    pages = re.findall(r"\]\(([^)]+\.md)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert {"index.md", "python/jobs.md", "reference/reage.md", "quirks.md"} <= {*pages}
    assert [page for page in pages if not (site / page).is_file()] == []
