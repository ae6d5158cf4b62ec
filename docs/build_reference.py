"""Write docs/reference.md from the endpoint classes; `--check` says whether it is current."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from akool_async import crun
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.namespace import plain
from akool_async.errors import CODES, PAGE_CODES, CodeMeaning
from akool_async.protocol.documentation import field_docs, summary
from akool_async.protocol.endpoint import Endpoint, Operation, Recipe
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.value import Input, Value
from akool_async.result import Result

T = TypeVar("T")

PAGE = Path(__file__).with_name("reference.md")

_CRUN = (crun.DetectFaces, crun.SwapFaces, crun.GetDetection, crun.GetTask)


def page() -> str:
    """Return the whole page."""
    parts = (
        _head,
        _operations,
        _calls,
        _recipes,
        _inputs,
        _enums,
        _results,
        _others,
        _codes,
        _crun,
    )
    return "\n".join(line for part in parts for line in part())


def _head() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Made from the classes in `akool_async.endpoints` by `python docs/build_reference.py`;"
    yield "change those, not this page. Paths lie below `/api/open/` unless they begin with `/`."
    yield "A parameter in **bold** is required; behind its name stand Akool's own, where that is"
    yield "another, its type and its default."
    yield ""


def _section(title: str, *text: str) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from text
    yield ""


def _table(*columns: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


_ENDPOINT = ("class", "method and path")
_REST = ("parameters", "returns", "errors by code", "page")


def _operations() -> Iterator[str]:
    text = "Each returns a job. The family says which result endpoint the job is asked about at."
    yield from _section("Operations", text)
    rows = (_row(name, cls) for name, cls in sorted(ENDPOINTS.items()) if _is_operation(cls))
    yield from _table("operation", *_ENDPOINT, "family", *_REST, rows=rows)


def _calls() -> Iterator[str]:
    text = "Each is a coroutine; lists can be awaited for a page, or iterated for everything."
    yield from _section("Calls", text)
    rows = (_row(name, cls) for name, cls in sorted(ENDPOINTS.items()) if not _is_operation(cls))
    yield from _table("call", *_ENDPOINT, *_REST, rows=rows)


def _is_operation(cls: type[Any]) -> bool:
    return issubclass(cls, Operation)


def _recipes() -> Iterator[str]:
    yield from _section(
        "Recipes", "Several steps in one call. Each returns the job of its last step."
    )
    rows = (
        [
            f"`{name}`",
            f"`{cls.__name__}`",
            summary(cls),
            _parameters(cls),
            _returned(cls),
            _link(cls),
        ]
        for name, cls in sorted(RECIPES.items())
    )
    columns = ("recipe", "class", "what it does", "parameters", "returns", "page")
    yield from _table(*columns, rows=rows)


def _row(name: str, cls: type[Endpoint[Any]]) -> list[str]:
    family = [cls.family.name] if issubclass(cls, Operation) else []
    told = [_parameters(cls), _returned(cls), _errors(cls), _link(cls)]
    return [*_called(name, cls), *family, *told]


def _called(name: str, cls: type[Endpoint[Any]]) -> list[str]:
    path = cls.path if cls.root == "/api/open/" else cls.root + cls.path
    return [f"`{name}`", f"`{cls.__name__}`", f"{cls.method} `{path}`"]


# Fields


def _parameters(cls: type[Input]) -> str:
    """Return a cell with the fields of a request, those that are required first."""
    docs = field_docs(cls)
    plans = sorted(plan_of(cls), key=lambda plan: not plan.required)
    return "<br>".join(f"{_named(cls, plan)}: {_cell(docs.get(plan.name, ''))}" for plan in plans)


def _named(cls: type[Input], plan: FieldPlan) -> str:
    name = f"**`{plan.name}`**" if plan.required else f"`{plan.name}`"
    wire = "" if plan.wire_name == plan.name else f" (`{plan.wire_name}`)"
    return f"{name}{wire} {_kind(cls, plan.name)}{_default(cls, plan.name)}"


def _kind(cls: type[Any], name: str) -> str:
    return f"`{_cell(_shown(plain(get_type_hints(cls, include_extras=True)[name])))}`"


def _default(cls: type[Any], name: str) -> str:
    field = next(each for each in msgspec.structs.fields(cls) if each.name == name)
    if field.default in (None, msgspec.NODEFAULT, ""):
        return ""
    return f" = `{getattr(field.default, 'value', field.default)}`"


def _shown(hint: Any) -> str:
    """Return a type as it is written in Python."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(map(repr, args))
    if origin in {Union, UnionType}:
        return " | ".join(map(_shown, args))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_shown, args))}]"
    if hint is Ellipsis:
        return "..."
    return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _fields(cls: type[Value]) -> Iterator[str]:
    """Write a table of a class's fields."""
    docs = field_docs(cls)
    rows = (
        [
            f"`{field.name}`",
            f"`{field.encode_name}`" if field.encode_name != field.name else "",
            _kind(cls, field.name),
            _cell(docs.get(field.name, "")),
        ]
        for field in msgspec.structs.fields(cls)
    )
    yield from _table("field", "on the wire", "type", "what it is", rows=rows)


# What requests are made of


def _inputs() -> Iterator[str]:
    yield from _section("Parts of requests", "Dicts of the same shape are taken too.")
    for cls in _types_within(Input):
        yield f"### {cls.__name__}"
        yield ""
        yield _cell(summary(cls)) + _tag(cls)
        yield ""
        rows = ([_named(cls, plan), field_docs(cls)[plan.name]] for plan in plan_of(cls))
        yield from _table("field", "what it is", rows=rows)


def _tag(cls: type[Input]) -> str:
    config = cls.__struct_config__
    return f" In a dict, `{config.tag_field}` is `{config.tag}`." if config.tag else ""


def _enums() -> Iterator[str]:
    yield from _section("Values", "Members are taken, and their plain values too.")
    for cls in _types_within(Enum):
        yield f"### {cls.__name__}"
        yield ""
        yield re.sub(r"^(?=[A-Z]+: )", "- ", inspect.getdoc(cls) or "", flags=re.MULTILINE)
        yield ""
        yield ", ".join(f"`{member.name}` = `{member.value}`" for member in cls)
        yield ""


def _types_within(base: type[T]) -> list[type[T]]:
    """Return the classes of some kind that requests hold, by name."""
    found: dict[str, type[T]] = {}
    for cls in (*ENDPOINTS.values(), *RECIPES.values()):
        for hint in get_type_hints(cls, include_extras=False).values():
            found |= {kind.__name__: kind for kind in _classes_in(hint) if issubclass(kind, base)}
    return [found[name] for name in sorted(found)]


def _classes_in(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and get_origin(hint) is None:
        yield hint
    for arg in get_args(hint):
        yield from _classes_in(arg)


# What comes back


def _returned(cls: type[Any]) -> str:
    reply = cls.family.result if issubclass(cls, Operation | Recipe) else _reply_of(cls)
    return "" if reply is type(None) else f"`{_shown(reply)}`"


def _reply_of(cls: type[Any]) -> Any:
    """Return the type that an endpoint's class says its reply means."""
    for each in cls.__mro__:
        for base in each.__dict__.get("__orig_bases__", ()):
            if issubclass(get_origin(base) or base, Endpoint):
                return get_args(base)[0]
    raise TypeError(f"{cls.__name__} does not say what it returns")


_EVERY_RESULT = (
    "Every result has `id`, `status`, `url` (empty until it is COMPLETED), `expires_at`,",
    "`reason` (why it failed) and `await result.save(path)` besides its own fields, which are",
    "those of Akool's replies; all are optional, and what is not listed here is ignored.",
)


def _results() -> Iterator[str]:
    yield from _section("Results", *_EVERY_RESULT)
    for cls in _replies(is_result=True):
        yield from _reply(cls)


def _others() -> Iterator[str]:
    yield from _section("Other replies", "What calls bring that is no job's result.")
    for cls in _replies(is_result=False):
        yield from _reply(cls)


def _replies(*, is_result: bool) -> list[type[Value]]:
    found: set[type[Value]] = set()
    for cls in ENDPOINTS.values():
        _collect(_reply_of(cls), found)
    kinds = (kind for kind in found if issubclass(kind, Result) is is_result)
    return sorted(kinds, key=lambda kind: kind.__name__)


def _collect(hint: Any, found: set[type[Value]]) -> None:
    """Add the classes that a type is made of, and those that they are made of."""
    for kind in _classes_in(hint):
        if issubclass(kind, Value) and not issubclass(kind, Input) and kind not in found:
            found.add(kind)
            for inner in get_type_hints(kind).values():
                _collect(inner, found)


def _reply(cls: type[Value]) -> Iterator[str]:
    yield f"### {cls.__name__}"
    yield ""
    yield _cell(summary(cls))
    yield ""
    yield from _fields(cls)


# Codes


def _codes() -> Iterator[str]:
    text = "Akool's codes and the errors they become. A page's own table goes before this one."
    yield from _section("Codes", text)
    yield from _table("code", "error", "what Akool says", rows=_rows_of(CODES))
    yield "What single pages say in other words:"
    yield ""
    rows = (
        [*_code(code, meaning), ", ".join(map(_linked, pages))]
        for (code, meaning), pages in sorted(_on_pages().items(), key=str)
    )
    yield from _table("code", "error", "what Akool says", "where", rows=rows)


def _rows_of(codes: Mapping[int, CodeMeaning]) -> list[list[str]]:
    return [_code(code, meaning) for code, meaning in codes.items()]


def _code(code: int, meaning: CodeMeaning) -> list[str]:
    return [str(code), f"`{meaning.error.__name__}`", meaning.sentence]


def _on_pages() -> Mapping[tuple[int, CodeMeaning], list[str]]:
    found: dict[tuple[int, CodeMeaning], list[str]] = {}
    for address, meanings in PAGE_CODES.items():
        for code, meaning in meanings.items():
            found.setdefault((code, meaning), []).append(address)
    return found


def _errors(cls: type[Endpoint[Any]]) -> str:
    by_class: dict[str, set[int]] = {}
    for address in reversed((cls.docs, *cls.also_in)):
        for code, meaning in PAGE_CODES.get(address, {}).items():
            by_class.setdefault(meaning.error.__name__, set()).add(code)
    return "<br>".join(
        f"`{name}` {', '.join(map(str, sorted(codes)))}" for name, codes in sorted(by_class.items())
    )


def _link(cls: type[Endpoint[Any] | Recipe[Any]]) -> str:
    return ", ".join(map(_linked, (cls.docs, *getattr(cls, "also_in", ()))))


def _linked(address: str) -> str:
    return f"[{address.rpartition('/')[2]}]({address})"


# Another vendor


def _crun() -> Iterator[str]:
    yield from _section(
        "CRUN", "Another vendor, in `akool_async.crun`: two operations and their lookups."
    )
    rows = (
        [*_called(cls.name, cls), _parameters(cls), _returned(cls), _link(cls)] for cls in _CRUN
    )
    yield from _table("name", *_ENDPOINT, "parameters", "returns", "page", rows=rows)
    yield from _table("code", "error", "what CRUN says", rows=_rows_of(crun.CODES))


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
