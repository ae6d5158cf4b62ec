from __future__ import annotations

import ast
import asyncio
import codeop
import doctest
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

import akool_async
from akool_async import AkoolError
from akool_async.client.settings import DEFAULTS, AkoolSettings
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.simulator import AvatarBehaviour, Behaviour
from tests.docs.pages import FENCED, PAGES, README, ROOT, blocks_of, text_of

MOST_WORDS = 500
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
TO_HEADING = re.compile(r"\]\(((?!https?:)[^)#]*\.md)?#([^)]+)\)")

SEARCHED = (
    *("poll", "queue", "rate limit", "retry", "idempotency key", "upload", "progress"),
    *("callback", "webhook", "concurrency", "timeout", "backoff", "download"),
    *("deployment", "monitoring"),
)
"""What people search for."""


def named(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


# Tutorials are followed as a whole by test_tutorials.py.
WITH_PYTHON = [
    page for page in PAGES if blocks_of(page, "python") and page.parent.name != "tutorials"
]
INTERACTIVE = [page for page in WITH_PYTHON if "asyncio.run(" not in text_of(page)]
WITH_TESTS = [page for page in WITH_PYTHON if "\nasync def test_" in text_of(page)]


# Code


class Interpreter:
    """Runs code in a running loop, with `await` at the top, as `python -m asyncio` does.

    Args:
        runner: Runs it.
        pasted: Whether it takes line by line, and runs each statement when it is whole. A blank
            line ends one that is indented, and nothing else does.
    """

    def __init__(self, runner: asyncio.Runner, *, pasted: bool = False) -> None:
        self._runner = runner
        self._pasted = pasted

    def __call__(self, example: Example) -> None:
        # Frameworks look their handlers' annotations up in the module.
        example.namespace.setdefault("__name__", "__main__")
        for code in (statements if self._pasted else whole)(example):
            if "asyncio.run(" in example.parsed:  # a script of its own, and its own loop
                eval(code, example.namespace)  # noqa: S307 - our own pages
            else:
                self._runner.run(self._run(code, example.namespace))

    async def _run(self, code: CodeType, namespace: dict[str, Any]) -> None:
        outcome = eval(code, namespace)  # noqa: S307
        if inspect.iscoroutine(outcome):
            await outcome


def whole(example: Example) -> Iterator[CodeType]:
    """Compile a block at once."""
    # The blank lines make a traceback name the line of the page.
    padding = "\n" * (example.line + example.parsed.line_offset)
    yield compile(
        padding + example.parsed,
        example.path,
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )


def statements(example: Example) -> Iterator[CodeType]:
    """Compile a block as an interactive Python does, to which it is pasted with a blank line."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    lines: list[str] = []
    for line in [*example.parsed.splitlines(), ""]:
        lines.append(line)
        code = compiler("\n".join(lines), example.path)
        if code is not None:
            lines.clear()
            yield code
    assert lines == []


@pytest.mark.parametrize("page", WITH_PYTHON, ids=named(WITH_PYTHON))
@pytest.mark.usefixtures("simulator_around", "files_around")
def test_every_python_block_of_a_page_runs(page: Path) -> None:
    evaluate(page, pasted=False)


@pytest.mark.parametrize("page", INTERACTIVE, ids=named(INTERACTIVE))
@pytest.mark.usefixtures("simulator_around", "files_around")
def test_every_block_of_a_page_can_be_pasted_into_an_interactive_python(page: Path) -> None:
    evaluate(page, pasted=True)


def evaluate(page: Path, *, pasted: bool) -> None:
    """Run all blocks of a page, one after the other."""
    with asyncio.Runner() as runner:
        parser = CodeBlockParser("python", Interpreter(runner, pasted=pasted))
        examples = list(Document.parse(str(page), parser).examples())
        for example in examples:
            example.evaluate()
    assert len(examples) == len(blocks_of(page, "python"))


@pytest.mark.usefixtures("simulator_around", "files_around")
def test_every_block_of_a_page_can_be_pasted_into_python_m_asyncio() -> None:
    blocks = blocks_of(ROOT / "docs/jobs.md", "python")
    pasted = "".join(f"{block}\n" for block in blocks)
    command = [sys.executable, "-m", "asyncio"]
    ended = subprocess.run(command, input=pasted, capture_output=True, text=True, check=False)
    assert (
        re.findall(r"^(?:>>> |\.\.\. )*(Traceback.*|\w*Error\b.*)", ended.stderr, re.MULTILINE)
        == []
    )
    assert ended.stdout.count(">>> ") >= len(blocks) > 1


@pytest.mark.parametrize("page", WITH_TESTS, ids=named(WITH_TESTS))
def test_every_test_that_a_page_shows_passes(page: Path, pytester: pytest.Pytester) -> None:
    shown = [block for block in blocks_of(page, "python") if "\nasync def test_" in block]
    pytester.makepyfile(**{f"test_{number}": block for number, block in enumerate(shown)})
    options = ("-p", "no:anyio", "-o", "asyncio_default_fixture_loop_scope=function")
    strict = ("-W", "error", "-W", "ignore::akool_async.AkoolDeprecationWarning")
    outcome = pytester.runpytest_subprocess(*options, *strict)
    outcome.assert_outcomes(passed=len(shown))


def test_every_doctest_of_the_package_holds() -> None:
    package = ROOT / "akool_async"
    files = [path for path in package.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    assert package / "schedule/backoff.py" in files
    for path in files:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        outcome = doctest.testmod(import_module(name.removesuffix(".__init__")))
        assert outcome.failed == 0, name
        assert outcome.attempted > 0, name


# What the pages say


def test_the_first_block_of_the_readme_holds_the_two_commands() -> None:
    _, first = FENCED.findall(text_of(README))[0]
    assert first.splitlines() == ["make demo", "make test"]
    makefile = text_of(ROOT / "Makefile")
    assert all(f"\n{target}:" in makefile for target in ("demo", "test"))


def test_the_prose_of_the_readme_has_at_most_five_hundred_words() -> None:
    """Count what stands between blanks, outside code blocks; tables and link targets count."""
    prose = FENCED.sub("", text_of(README))
    assert len(prose.split()) <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_link_to_another_file_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(text_of(page)) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("word", SEARCHED)
def test_a_word_that_people_search_for_stands_in_a_heading(word: str) -> None:
    texts = (FENCED.sub("", text_of(page)).lower() for page in (ROOT / "docs").glob("*.md"))
    headings = [line for text in texts for line in text.splitlines() if line.startswith("#")]
    assert [line for line in headings if word in line] != []


def test_the_start_page_leads_to_every_tutorial() -> None:
    start = text_of(ROOT / "docs/index.md")
    tutorials = [path.name for path in (ROOT / "docs/tutorials").glob("*.md")]
    assert [name for name in tutorials if f"(tutorials/{name})" not in start] == []


def anchors_of(page: Path) -> set[str]:
    """Return what a page's headings are called in links, as code hosts and the site name them.

    An address that stays when a heading changes stands before it.
    """
    prose = FENCED.sub("", text_of(page))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    words = (re.sub(r"\]\([^)]*\)|[^\w\s-]", "", heading).lower() for heading in headings)
    lasting = re.findall(r'^<a id="(\w+)"></a>$', prose, re.MULTILINE)
    return {re.sub(r"\s", "-", word.strip()) for word in words} | {*lasting}


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = [
        (page.parent / target if target else page, anchor)
        for target, anchor in TO_HEADING.findall(text_of(page))
    ]
    assert [link for link in links if link[1] not in anchors_of(link[0])] == []


def test_what_the_readme_names_is_there() -> None:
    namespaces = "|".join({name.partition(".")[0] for name in ENDPOINTS})
    named = set(re.findall(rf"`((?:{namespaces})\.\w+)`", text_of(README)))
    assert named >= {"reage.image", "voice.tts"}
    assert named <= {*ENDPOINTS, *RECIPES}


def table_in(page: Path) -> dict[str, str]:
    """Return the second column of the page's settings, by each name in the first."""
    rows = re.findall(r"^\| (`.+?`) \| `(.+?)` \|", text_of(page), re.MULTILINE)
    return {name.strip("`"): default for names, default in rows for name in names.split(", ")}


def test_the_page_on_settings_lists_every_setting_with_its_default() -> None:
    names = ["api_key", *AkoolSettings.__annotations__]
    listed = table_in(ROOT / "docs/settings.md")
    assert listed == {name: str(DEFAULTS.get(name)) for name in names}


@pytest.mark.parametrize("script", ["build_settings.py", "build_states.py"])
def test_a_table_that_is_made_from_the_code_is_current(script: str) -> None:
    command = [sys.executable, f"docs/{script}", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_page_on_testing_lists_how_the_simulator_can_behave() -> None:
    defaults = {
        name: str(getattr(behaviour, name))
        for behaviour in (AvatarBehaviour(), Behaviour())
        for name in behaviour.__struct_fields__
    }
    defaults["avatar"] = "AvatarBehaviour()"
    assert table_in(ROOT / "docs/testing.md") == defaults


def test_the_page_on_errors_draws_the_whole_tree() -> None:
    drawing = FENCED.findall(text_of(ROOT / "docs/errors.md"))[0][1]
    public = (getattr(akool_async, name) for name in akool_async.__all__)
    errors = {
        each.__name__ for each in public if isinstance(each, type) and issubclass(each, AkoolError)
    }
    assert set(re.findall(r"\b[A-Z]\w+[a-z]\w+\b", drawing)) >= errors


def test_the_page_on_architecture_has_a_row_for_every_part_of_the_package() -> None:
    text = text_of(ROOT / "docs/architecture.md")
    rows = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", text, re.MULTILINE)
    parts = {part.name for part in pkgutil.iter_modules(akool_async.__path__)}
    assert sorted(rows) == sorted(parts)


def test_the_glossary_explains_each_word_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \| \S", text_of(ROOT / "docs/glossary.md"), re.MULTILINE)
    assert len(words) == len(set(words)) > 0
    assert set(words) >= {"endpoint", "operation", "job", "poll", "retry", "key", "token"}
