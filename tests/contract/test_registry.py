"""The table of namespaces, held against the modules and fixtures on disk, in both directions."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from akool_async import Akool, Operation, Query, crun
from akool_async.endpoints import ENDPOINTS, OPERATIONS, RECIPES, __main__
from akool_async.endpoints.namespace import Namespace
from akool_async.endpoints.registry import NAMESPACES, SHARED, modules
from akool_async.protocol.documentation import summary
from akool_async.protocol.endpoint import Endpoint, Recipe
from tests.creates import is_create

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "akool_async" / "endpoints"
FIXTURES = ROOT / "tests" / "fixtures"

MACHINERY = {
    "__init__",
    "__main__",
    "forms",
    "namespace",
    "openapi",
    "paging",
    "registry",
    "resolution",
    "schemas",
    "typed",
}
"""The package's modules that offer nothing of Akool's."""


def unmatched(folder: Path) -> set[str]:
    """Return the modules that are on disk or in the table, and not in both."""
    found = {path.stem for path in folder.glob("*.py")} - MACHINERY
    return found ^ {*SHARED, *(row.module for row in NAMESPACES.values())}


def test_every_module_is_registered_and_every_registered_module_exists() -> None:
    assert unmatched(PACKAGE) == set()


def test_a_module_without_a_row_and_a_row_without_a_module_are_found(tmp_path: Path) -> None:
    for path in PACKAGE.glob("*.py"):
        (tmp_path / path.name.replace("reage", "sculpture")).touch()
    assert unmatched(tmp_path) == {"sculpture", "reage"}


def test_a_public_name_means_one_thing_in_all_modules() -> None:
    meanings: dict[str, list[object]] = {}
    for module in modules():
        names = vars(import_module(f"akool_async.endpoints.{module}"))
        for name, value in names.items():
            known = meanings.setdefault(name, [])
            if not name.startswith("_") and not any(value is each for each in known):
                known.append(value)
    assert [name for name, values in meanings.items() if len(values) > 1] == []


def test_every_namespace_class_is_registered_under_its_title() -> None:
    classes = {row.load() for row in NAMESPACES.values()}
    assert classes == {cls for cls in Namespace.__subclasses__() if is_ours(cls)}
    assert {row.load().title for row in NAMESPACES.values()} == {*NAMESPACES}


def is_ours(cls: type[object]) -> bool:
    return cls.__module__.startswith("akool_async.")


@pytest.mark.parametrize("title", NAMESPACES)
def test_a_namespace_is_registered_with_the_first_sentence_of_its_class(title: str) -> None:
    assert NAMESPACES[title].summary == summary(NAMESPACES[title].load())


def test_every_folder_of_fixtures_is_a_namespace_and_every_namespace_has_one() -> None:
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} == {*NAMESPACES}


def test_every_endpoint_class_is_bound_to_a_namespace() -> None:
    bound = {*ENDPOINTS.values(), *RECIPES.values()}
    classes = [*concrete(Endpoint), *concrete(Recipe)]
    assert [cls for cls in classes if cls not in bound] == []


def concrete(cls: type[object]) -> list[type[object]]:
    """Return the package's own endpoint classes: with a path, or a recipe with steps."""
    below = [each for sub in cls.__subclasses__() for each in concrete(sub)]
    own = hasattr(cls, "path") or "prepare" in vars(cls)
    akool = cls.__module__.startswith("akool_async.endpoints.")
    return [*below, cls] if own and akool else below


def test_what_type_checkers_see_is_current() -> None:
    command = "run python -m akool_async.endpoints"
    assert __main__.PATH.read_text(encoding="utf-8") == __main__.text(), command


async def test_a_client_has_each_namespace_once() -> None:
    akool = Akool("the-key")
    for title, row in NAMESPACES.items():
        namespace = getattr(akool, title)
        assert type(namespace) is row.load()
        assert getattr(akool, title) is namespace
        assert getattr(Akool, title).__doc__ == row.summary
        assert title in dir(Akool)


def loaded_by(statements: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after some statements."""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; {statements}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stdout.split())


def test_a_client_loads_no_endpoint_before_one_is_used() -> None:
    endpoints = {f"akool_async.endpoints.{row.module}" for row in NAMESPACES.values()}
    made = loaded_by("import akool_async; akool = akool_async.Akool('the-key')")
    assert not endpoints & made
    used = loaded_by("import akool_async; akool_async.Akool('the-key').account")
    assert endpoints & used == {"akool_async.endpoints.account"}


# What an endpoint is


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_create_is_the_request_of_an_operation_and_nothing_else(name: str) -> None:
    cls = ENDPOINTS[name]
    assert is_create(cls.method, cls.root + cls.path) is issubclass(cls, Operation)
    assert not is_create("GET", cls.root + cls.path)


def test_crun_s_creates_are_creates_too() -> None:
    for cls in (crun.DetectFaces, crun.SwapFaces):
        assert is_create(cls.method, f"https://api.crun.ai{cls.root}{cls.path}?a=b")
    for query in (crun.GetDetection, crun.GetTask):
        assert not is_create(query.method, query.root + query.path)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_what_reads_may_be_repeated_and_what_starts_a_job_may_not(name: str) -> None:
    cls = ENDPOINTS[name]
    assert not issubclass(cls, Query) or cls.repeatable
    assert not (issubclass(cls, Operation) and cls.repeatable)
    assert cls.method in {"POST", "DELETE"} or issubclass(cls, Query)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_family_says_what_kind_of_media_its_result_has(name: str) -> None:
    cls = OPERATIONS[name]
    assert (cls.family.media_of(cls) is None) == (not cls.family.result.media_field)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_family_or_an_operation_says_how_long_its_jobs_usually_take(name: str) -> None:
    usual = OPERATIONS[name].family.usual_of(OPERATIONS[name])
    assert usual is not None
    assert 1 <= usual.median <= 3600


def test_an_operation_says_its_own_where_it_differs_from_its_family() -> None:
    picture, video = OPERATIONS["faceswap.image"], OPERATIONS["faceswap.video"]
    family = picture.family
    assert family is video.family
    assert (family.media_of(picture), family.media_of(video)) == ("image", "video")
    assert family.usual_of(picture) != family.usual_of(video)


# Pages


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_a_page_that_lists_the_operations_lists_all_of_them(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {name for name in OPERATIONS if f"`{name}`" in text}
    a_few_examples = len(named) < len(OPERATIONS) / 2
    assert a_few_examples or named == {*OPERATIONS}
    for number in re.findall(r"(\d+) operations", text):
        assert int(number) == len(OPERATIONS)
