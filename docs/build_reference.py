"""Write docs/reference.md from the endpoint classes; `--check` says whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from akool_async.documentation import field_docs, summary
from akool_async.endpoint import Endpoint, Operation, Recipe
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.errors import CODES, PAGE_CODES
from akool_async.value import FieldPlan, plan_of

PAGE = Path(__file__).with_name("reference.md")


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_head(), *_operations(), *_calls(), *_recipes(), *_codes()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Made from the classes in `akool_async.endpoints` by `python docs/build_reference.py`;"
    yield "change those, not this page. Paths lie below `/api/open/` unless they begin with `/`."
    yield "A parameter in **bold** is required."
    yield ""


def _operations() -> Iterator[str]:
    yield "## Operations"
    yield ""
    yield "Each returns a job. The family says which result endpoint the job is asked about at."
    yield ""
    yield "| operation | class | method and path | family | parameters | errors by code | page |"
    yield "|---|---|---|---|---|---|---|"
    for name, cls in sorted(ENDPOINTS.items()):
        if issubclass(cls, Operation):
            yield _row(name, cls, cls.family.name)
    yield ""


def _calls() -> Iterator[str]:
    yield "## Calls"
    yield ""
    yield "Each is a coroutine; lists can be awaited for a page, or iterated for everything."
    yield ""
    yield "| call | class | method and path | parameters | errors by code | page |"
    yield "|---|---|---|---|---|---|"
    for name, cls in sorted(ENDPOINTS.items()):
        if not issubclass(cls, Operation):
            yield _row(name, cls)
    yield ""


def _recipes() -> Iterator[str]:
    yield "## Recipes"
    yield ""
    yield "Several steps in one call. Each returns the job of its last step."
    yield ""
    yield "| recipe | class | what it does | parameters | page |"
    yield "|---|---|---|---|---|"
    for name, cls in sorted(RECIPES.items()):
        cells = [f"`{name}`", f"`{cls.__name__}`", summary(cls), _parameters(cls), _link(cls)]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _codes() -> Iterator[str]:
    yield "## Codes"
    yield ""
    yield "Akool's codes and the errors they become. A page's own table goes before this one."
    yield ""
    yield "| code | error | what Akool says |"
    yield "|---|---|---|"
    for code, meaning in CODES.items():
        yield f"| {code} | `{meaning.error.__name__}` | {meaning.sentence} |"


def _row(name: str, cls: type[Endpoint[Any]], *family: str) -> str:
    path = cls.path if cls.root == "/api/open/" else cls.root + cls.path
    cells = [f"`{name}`", f"`{cls.__name__}`", f"{cls.method} `{path}`", *family]
    return f"| {' | '.join([*cells, _parameters(cls), _errors(cls), _link(cls)])} |"


def _parameters(cls: type[Endpoint[Any] | Recipe[Any]]) -> str:
    docs = field_docs(cls)
    return "<br>".join(_parameter(plan, docs.get(plan.name, "")) for plan in plan_of(cls))


def _parameter(plan: FieldPlan, doc: str) -> str:
    name = f"**`{plan.name}`**" if plan.required else f"`{plan.name}`"
    wire = "" if plan.wire_name == plan.name else f" (`{plan.wire_name}`)"
    return f"{name}{wire}: {doc}".replace("|", "\\|")


def _errors(cls: type[Endpoint[Any]]) -> str:
    by_class: dict[str, list[str]] = {}
    for code, meaning in PAGE_CODES.get(cls.docs, {}).items():
        by_class.setdefault(meaning.error.__name__, []).append(str(code))
    return "<br>".join(f"`{name}` {', '.join(codes)}" for name, codes in sorted(by_class.items()))


def _link(cls: type[Endpoint[Any] | Recipe[Any]]) -> str:
    return f"[{cls.docs.rpartition('/')[2]}]({cls.docs})"


def main() -> int:
    """Write the page, or compare it."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write("docs/reference.md is not current: run python docs/build_reference.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
