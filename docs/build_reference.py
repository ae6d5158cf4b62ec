"""Write the pages in docs/reference/ from the endpoint classes; `--check` only compares them.

`python docs/build_reference.py` writes a page for each namespace, an index, a page of codes and
a page for CRUN.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from inspect import Parameter
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from python_text import is_current, parameters_of, section_of, signature_text, table, type_text
from request_examples import example_of

from akool_async import crun
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.namespace import Namespace
from akool_async.endpoints.paging import Page
from akool_async.errors import CODES, PAGE_CODES, CodeMeaning
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.documentation import field_docs, summary
from akool_async.protocol.endpoint import Endpoint, Operation, Recipe
from akool_async.protocol.fields import plan_of
from akool_async.protocol.help_texts import reply_of
from akool_async.protocol.price import Price
from akool_async.protocol.value import Input, Value
from akool_async.result import Result

T = TypeVar("T")
Lines: TypeAlias = Iterator[str]

FOLDER = Path(__file__).with_name("reference")
QUIRK = re.compile(r"(`[^`]*`)|\b([TNW]\d{1,2})\b")
_NOTE = "<!-- Written by `python docs/build_reference.py`: change the classes, not this page. -->"


class Entry(NamedTuple):
    """An endpoint or a recipe, and the method that sends it."""

    name: str
    cls: type[Endpoint[Any] | Recipe[Any]]
    method: Callable[..., Any]
    title: str
    """The heading, which is how a program calls the method."""

    @property
    def is_recipe(self) -> bool:
        """Whether it is several steps in one call."""
        return issubclass(self.cls, Recipe)

    @property
    def starts_job(self) -> bool:
        """Whether the method returns a job."""
        return issubclass(self.cls, Operation | Recipe)

    @property
    def kind(self) -> str:
        """The word for what it is."""
        return "recipe" if self.is_recipe else "operation" if self.starts_job else "call"

    @property
    def reply(self) -> Any:
        """The type of the result, or of the reply."""
        starter: Any = self.cls
        return starter.family.result if self.starts_job else reply_of(self.cls)

    @property
    def pages(self) -> tuple[str, ...]:
        """Addresses of the vendor's pages about it."""
        return (self.cls.docs, *getattr(self.cls, "also_in", ()))


def pages() -> Mapping[Path, str]:
    """Return the text of each page, by its path."""
    entries = _entries()
    namespaces = sorted({each.name.partition(".")[0] for each in entries})
    written = {
        namespace: _namespace_page(namespace, _of_namespace(namespace, entries))
        for namespace in namespaces
    }
    written |= {"index": _index(namespaces, entries), "codes": _codes(), "crun": _crun()}
    seen: set[str] = set()
    return {
        FOLDER / f"{name}.md": "\n".join(_explained(_with_own_anchors(lines, seen)))
        for name, lines in written.items()
    }


def _anchored(cls: type[Any]) -> Lines:
    """Yield an anchor by which other pages of the site link to the class of the next heading."""
    home = cls.__module__.partition(".")[2].partition(".")[0]
    if home in {"endpoints", "crun"}:
        yield from (f'<a id="akool_async.{home}.{cls.__name__}"></a>', "")


def _with_own_anchors(lines: Lines, seen: set[str]) -> Lines:
    """Leave out the anchors that an earlier page has: links to a class lead to one place."""
    for line in lines:
        if line.startswith("<a id=") and line in seen:
            next(lines)  # the blank one after it
            continue
        seen.add(line)
        yield line


def _explained(lines: Lines) -> Lines:
    """Let the number of a quirk lead to what it means, except in code."""
    is_code = False
    for line in lines:
        is_code ^= line.startswith("```")
        yield line if is_code else QUIRK.sub(_leading_to_quirks, line)


def _leading_to_quirks(found: re.Match[str]) -> str:
    code, number = found.groups()
    return code or f"[{number}](../quirks.md#{number.lower()})"


def _entries() -> list[Entry]:
    bound: dict[str, type[Endpoint[Any] | Recipe[Any]]] = {**ENDPOINTS, **RECIPES}
    return [
        Entry(name, cls, getattr(_class_of(name), name.partition(".")[2]), f"akool.{name}")
        for name, cls in sorted(bound.items())
    ]


def _of_namespace(namespace: str, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries of a namespace: operations first, then recipes, then calls."""
    own = (each for each in entries if each.name.partition(".")[0] == namespace)
    return sorted(own, key=lambda each: ("operation", "recipe", "call").index(each.kind))


def _class_of(name: str) -> type[Namespace]:
    """Return the class in which an endpoint is bound."""
    title, _, verb = name.partition(".")
    known = list(Namespace.__subclasses__())
    for cls in known:  # grows while it is walked
        known += cls.__subclasses__()
    return next(cls for cls in known if cls.title == title and hasattr(cls, verb))


# A namespace's page


def _namespace_page(namespace: str, entries: list[Entry]) -> Lines:
    cls = _class_of(entries[0].name)
    others = _other_methods(cls)
    yield from (*_anchored(cls), f"# akool.{namespace}", "", _NOTE, "")
    yield summary(cls)
    yield "[All namespaces](index.md)."
    yield ""
    rows = [*map(_row, entries), *(_other_row(title, others[title]) for title in others)]
    yield from table("method", "kind", "what it does", rows=rows)
    for title, method in others.items():
        yield from _other_section(title, method)
    yield from _sections(entries)


def _other_methods(cls: type[Namespace]) -> Mapping[str, Callable[..., Any]]:
    """Return the methods of a namespace that send several requests, or none; by their titles."""
    own = sorted({*dir(cls)} - {*dir(Namespace)})
    bound = {**ENDPOINTS, **RECIPES}
    return {
        f"akool.{cls.title}.{name}": getattr(cls, name)
        for name in own
        if not name.startswith("_") and f"{cls.title}.{name}" not in bound
    }


def _other_row(title: str, method: Callable[..., Any]) -> list[str]:
    return [_link(f"`{title}`", title), "method", summary(method)]


def _other_section(title: str, method: Callable[..., Any]) -> Lines:
    parameters = parameters_of(method)
    texts = {**_own_docs(method), **section_of(method, "Args")}
    about, *rest = re.split(
        r"^(Args|Returns|Raises):\n", inspect.getdoc(method) or "", flags=re.MULTILINE
    )
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    yield from (f"## {title}", "", *about.strip().splitlines(), "")
    returned = method.__annotations__["return"]
    yield from _code(signature_text(title, [*map(_shortened, parameters)], returned))
    rows = [
        [f"`{name}`", texts[name]] for name in (each.name for each in parameters) if name in texts
    ]
    if rows:
        yield from table("parameter", "what it is", rows=rows)
    if inspect.iscoroutinefunction(method):
        yield from ("It is a coroutine: await it.", "")
    if "Returns" in sections:
        yield from ("Returns: " + " ".join(sections["Returns"].split()), "")
    for error, text in section_of(method, "Raises").items():
        yield from (f"Raises `{error}`: {text}", "")


def _shortened(parameter: Parameter) -> Parameter:
    """Name a type that has a name of its own, and show a default that is made as what is made."""
    arguments = {"authorize": "Authorize", "on_text": "OnText | None"}
    shown = parameter.replace(annotation=arguments.get(parameter.name, parameter.annotation))
    made = repr(parameter.default) == "<factory>"
    return shown.replace(default={}) if made else shown


def _row(entry: Entry) -> list[str]:
    return [_link(f"`{entry.title}`", entry.title), entry.kind, _summary(entry)]


def _summary(entry: Entry) -> str:
    """Return what an entry does, in one sentence; and in one word, that it is deprecated."""
    is_deprecated = getattr(entry.cls, "deprecated", None) is not None
    return summary(entry.cls) + (" Deprecated." if is_deprecated else "")


def _sections(entries: list[Entry]) -> Lines:
    """Write a section for each entry, and for what they take and bring."""
    for entry in entries:
        yield from _section(entry)
    yield from _inputs(entries)
    yield from _enums(entries)
    yield from _replies(entries)
    yield from _errors(entries)


def _section(entry: Entry) -> Lines:
    yield from _anchored(entry.cls)
    yield from (f"## {entry.title}", "", summary(entry.cls), "")
    yield from _code(signature_text(entry.title, parameters_of(entry.method), _returned(entry)))
    yield from _facts(entry)
    parameters = [_parameter_row(entry, each) for each in parameters_of(entry.method)]
    if parameters:
        columns = ("parameter", "Akool's name", "type", "default", "what it is")
        yield from table(*columns, rows=parameters)
    example = _example(entry)
    yield from _code(example) if example else ()
    yield from (*_what_returns(entry), *_what_raises(entry))


def _code(text: str) -> Lines:
    # `py`: the tests of this page run these blocks; those of all pages run `python` blocks.
    yield from ("```py", text, "```", "")


def _returned(entry: Entry) -> str:
    """Return what the method returns, as in a signature."""
    reply = type_text(entry.reply)
    if entry.starts_job:
        return f"Job[{reply}] | Jobs[{reply}]" if _for_each(entry) else f"Job[{reply}]"
    return reply.replace("Page[", "Paged[") if _is_list(entry) else reply


def _is_list(entry: Entry) -> bool:
    return get_origin(entry.reply) is Page


def _facts(entry: Entry) -> Lines:
    links = ", ".join(map(_external, entry.pages))
    yield f"- {entry.kind} `{entry.name}`, class `{entry.cls.__name__}`"
    if issubclass(entry.cls, Endpoint):
        yield f"- {entry.cls.method} `{entry.cls.root}{entry.cls.path}`"
    if issubclass(entry.cls, Operation | Recipe):
        yield f"- result family `{entry.cls.family.name}`"
    yield f"- documented in {links}"
    price: Price | None = getattr(entry.cls, "price", None)
    if price is not None:
        yield f"- documented price: {price.says} ({_external(price.page)}, {price.date})"
        yield f"- observed price: {price.observed}" if price.observed else _NOT_OBSERVED
    deprecated: Deprecated | None = getattr(entry.cls, "deprecated", None)
    if deprecated is not None:
        page = f" ({_external(deprecated.page)})" if deprecated.page else ""
        yield f"- **deprecated**: {deprecated.state_words}{page}. {deprecated.advice}"
    yield ""


_NOT_OBSERVED = "- observed price: nobody has written it down; those of other operations differ"


def _external(address: str) -> str:
    return f"[{address.rpartition('/')[2]}]({address})"


def _link(text: str, heading: str) -> str:
    """Return a link to a heading of the same page."""
    return f"[{text}](#{_anchor(heading)})"


def _linked_type(hint: Any, *kinds: type[Any]) -> str:
    """Return a type as code; a link, if a class of these kinds in it has a heading on the page."""
    code = f"`{type_text(hint)}`"
    homes = ("akool_async.endpoints.", "akool_async.crun.")
    shown = [
        cls.__name__
        for cls in _classes_in(hint)
        if issubclass(cls, kinds) and cls.__module__.startswith(homes) and cls.__name__ in code
    ]
    return _link(code, shown[0]) if shown else code


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _parameter_row(entry: Entry, parameter: Parameter) -> list[str]:
    plan = {each.name: each for each in plan_of(entry.cls)}.get(parameter.name)
    wire_name = "" if plan is None or plan.wire_name == plan.name else f"`{plan.wire_name}`"
    texts = {**_own_docs(entry.method), **field_docs(entry.cls)}
    texts |= section_of(entry.method, "Args")
    default = (
        "required"
        if parameter.default is Parameter.empty
        else f"`{getattr(parameter.default, 'value', parameter.default)}`".replace("``", '`""`')
    )
    hint = _linked_type(parameter.annotation, Input, Enum)
    text = texts.get(parameter.name, "")
    if plan is not None and plan.deprecated is not None:
        text = f"{text} {plan.deprecated.note}"
    return [f"`{parameter.name}`", wire_name, hint, default, text]


def _own_docs(method: Callable[..., Any]) -> Mapping[str, str]:
    """Return the texts of arguments that a method has beside the fields of its endpoint."""
    arguments: Any = inspect.unwrap(method)
    return field_docs(arguments) if isinstance(arguments, type) else {}


_USED_WHEN_CREATED = frozenset({"streaming.session"})
"""Operations of which a program uses the create reply, long before the job ends."""


def _example(entry: Entry) -> str:
    called = f"await {entry.title}"
    if entry.name in _USED_WHEN_CREATED:
        return example_of(called, entry.cls, assigned="job") + ".created()"
    if entry.reply is type(None):
        return example_of(called, entry.cls, assigned="")
    name = "result" if entry.starts_job else "page" if _is_list(entry) else "reply"
    return example_of(called, entry.cls, assigned=name)


def _for_each(entry: Entry) -> str:
    """Return the field of which a sequence starts a job for each value; empty if there is none."""
    return next((plan.name for plan in plan_of(entry.cls) if plan.one_each is not None), "")


def _what_returns(entry: Entry) -> Lines:
    names = ", ".join(_link(f"`{cls.__name__}`", cls.__name__) for cls in _values_in(entry.reply))
    if entry.starts_job:
        yield f"Returns a job at once; awaited, the job gives the result: {names}."
        if several := _for_each(entry):
            yield f"A sequence as `{several}` starts a job for each of its values, and returns"
            yield "[`Jobs`](../jobs.md#many-jobs): awaited, they give all results, in order."
    elif _is_list(entry):
        yield f"Awaited, it gives one page; `async for` goes over all items. Items: {names}."
    elif names:
        yield f"Returns: {names}."
    else:
        yield "Returns nothing."
    yield ""


def _what_raises(entry: Entry) -> Lines:
    for error, text in {
        **section_of(entry.cls, "Raises"),
        **section_of(entry.method, "Raises"),
    }.items():
        yield f"Raises `{error}`: {text}"
        yield ""
    codes: dict[str, set[int]] = {}
    for code, meaning in _meanings(entry).items():
        codes.setdefault(meaning.error.__name__, set()).add(code)
    listed = [f"`{error}` {', '.join(map(str, sorted(codes[error])))}" for error in sorted(codes)]
    if listed:
        yield f"{_link('Errors', 'Errors')} by code: {'; '.join(listed)}."
    else:
        yield "The page lists no codes of its own; [codes](codes.md) has all of them."
    yield ""


def _meanings(entry: Entry) -> Mapping[int, CodeMeaning]:
    """Return the codes of an entry's pages; the first page decides."""
    merged: dict[int, CodeMeaning] = {}
    for address in reversed(entry.pages):
        merged |= PAGE_CODES.get(address, {})
    return merged


# What requests are made of


def _inputs(entries: list[Entry]) -> Lines:
    found = _classes_within(entries, Input)
    if found:
        yield from ("## Parts of requests", "", "Dicts of the same shape are accepted too.", "")
    for cls in found:
        yield from (*_anchored(cls), f"### {cls.__name__}", "", summary(cls) + _tag(cls), "")
        fields = {field.name: field for field in msgspec.structs.fields(cls)}
        rows = [
            [
                f"`{plan.name}`",
                _linked_type(get_type_hints(cls)[plan.name], Input, Enum),
                "required" if plan.required else f"`{fields[plan.name].default}`",
                field_docs(cls).get(plan.name, ""),
            ]
            for plan in plan_of(cls)
        ]
        yield from table("field", "type", "default", "what it is", rows=rows)


def _tag(cls: type[Input]) -> str:
    config = cls.__struct_config__
    return f" In a dict, `{config.tag_field}` is `{config.tag}`." if config.tag else ""


def _enums(entries: list[Entry]) -> Lines:
    found = _classes_within(entries, Enum)
    if found:
        yield from ("## Values", "", "A member is accepted, and so is its plain value.", "")
    for cls in found:
        text = re.sub(r"^(?=[A-Z]+: )", "- ", inspect.getdoc(cls) or "", flags=re.MULTILINE)
        yield from (*_anchored(cls), f"### {cls.__name__}", "", text, "")
        yield ", ".join(f"`{member.name}` = `{member.value}`" for member in cls)
        yield ""


def _classes_within(entries: Iterable[Entry], base: type[T]) -> list[type[T]]:
    """Return the classes of some kind in the fields of requests, by name."""
    hints = (hint for entry in entries for hint in get_type_hints(entry.cls).values())
    found = {kind for hint in hints for kind in _classes_in(hint) if issubclass(kind, base)}
    return sorted(found, key=lambda kind: kind.__name__)


def _classes_in(hint: Any) -> Iterator[type[Any]]:
    """Yield the classes that a type is made of, and those that parts of requests are made of."""
    if isinstance(hint, type) and get_origin(hint) is None:
        yield hint
        if issubclass(hint, Input):  # values of a request hold others
            for inner in get_type_hints(hint).values():
                yield from _classes_in(inner)
    for arg in get_args(hint):
        yield from _classes_in(arg)


# What comes back


def _values_in(hint: Any) -> list[type[Value]]:
    """Return the values that a reply is made of, without what holds them."""
    return [kind for kind in _classes_in(hint) if issubclass(kind, Value)]


_EVERY_RESULT = (
    "Every result has `id`, `status`, `url` (empty until the status is COMPLETED), `urls` (all,",
    "where a job makes several files), `expires_at`, `reason` (why the job failed) and",
    "`await result.save(path)`, besides the fields in its table.",
    "[Results](../results.md) has the other methods, such as `to_dict`, `read` and `stream`.",
)


def _replies(entries: list[Entry]) -> Lines:
    found: set[type[Value]] = set()
    for entry in entries:
        _collect(entry.reply, found)
    if not found:
        return
    yield from ("## Replies", "")
    yield "Unknown fields of a reply are ignored. An optional field that cannot be read takes its"
    yield "default."
    if any(issubclass(cls, Result) for cls in found):
        yield from _EVERY_RESULT
    yield ""
    for cls in sorted(found, key=lambda kind: kind.__name__):
        yield from (*_anchored(cls), f"### {cls.__name__}", "", summary(cls), "", *_fields(cls))


def _collect(hint: Any, found: set[type[Value]]) -> None:
    """Add the values that a type is made of, and the values that those are made of."""
    for kind in _values_in(hint):
        if not issubclass(kind, Input) and kind not in found:
            found.add(kind)
            for inner in get_type_hints(kind).values():
                _collect(inner, found)


def _fields(cls: type[Value]) -> Lines:
    docs = field_docs(cls)
    rows = (
        [
            f"`{field.name}`",
            f"`{field.encode_name}`" if field.encode_name != field.name else "",
            _linked_type(get_type_hints(cls)[field.name], Value),
            docs.get(field.name, ""),
        ]
        for field in msgspec.structs.fields(cls)
    )
    yield from table("field", "Akool's name", "type", "what it is", rows=rows)


# Codes


def _errors(entries: list[Entry]) -> Lines:
    addresses = sorted({page for entry in entries for page in entry.pages if page in PAGE_CODES})
    if not addresses:
        return
    yield from ("## Errors", "", "The codes that Akool's pages list; [codes](codes.md) has all.")
    yield ""
    columns = ("code", "error", "what Akool says", "what to do", "page")
    yield from table(*columns, rows=_code_rows(_by_meaning(addresses)))


def _code_rows(found: Mapping[tuple[int, CodeMeaning], list[str]]) -> list[list[str]]:
    return [
        [*_code_cells(code, meaning), ", ".join(map(_external, addresses))]
        for (code, meaning), addresses in sorted(found.items(), key=str)
    ]


def _by_meaning(addresses: Iterable[str]) -> Mapping[tuple[int, CodeMeaning], list[str]]:
    """Return the pages that list a code with the same meaning."""
    found: dict[tuple[int, CodeMeaning], list[str]] = {}
    for address in addresses:
        for code, meaning in PAGE_CODES[address].items():
            found.setdefault((code, meaning), []).append(address)
    return found


def _code_cells(code: int, meaning: CodeMeaning) -> list[str]:
    error = f"`{meaning.error.__name__}`"
    return [str(code), error, meaning.sentence, meaning.advice_on(code)]


def _codes() -> Lines:
    yield from ("# Akool's codes", "", _NOTE, "")
    yield "The exception class follows from Akool's code. An endpoint's own page decides before the"
    yield "general table. A code in neither table is a plain `APIError`. `akool errors 1015` shows"
    yield "the same in a terminal. What to do is `error.advice`, and its first sentence ends the"
    yield "error's text."
    yield ""
    rows = [_code_cells(code, meaning) for code, meaning in CODES.items()]
    yield from table("code", "error", "what Akool says", "what to do", rows=rows)
    yield from ("## In the words of single pages", "")
    columns = ("code", "error", "what Akool says", "what to do", "page")
    yield from table(*columns, rows=_code_rows(_by_meaning(PAGE_CODES)))


# Other pages


def _index(namespaces: list[str], entries: list[Entry]) -> Lines:
    yield from ("# Reference", "", _NOTE, "")
    yield "An **operation** returns a job. A **recipe** takes several steps in one call, and"
    yield "returns the job of its last step. A **call** is a coroutine; a list can be awaited for"
    yield "one page or iterated for all items. Every class is in `akool_async.endpoints`."
    yield ""
    rows = [
        [f"[`akool.{namespace}`]({namespace}.md)", summary(_class_of(own[0].name))]
        for namespace in namespaces
        if (own := _of_namespace(namespace, entries))
    ]
    rows += [
        ["[`akool_async.crun`](crun.md)", "CRUN, another vendor: face detection and face swap."],
        ["[Codes](codes.md)", "Akool's codes, and the exception class of each."],
        ["[Coverage](../coverage.md)", "Every endpoint of Akool, and what covers it."],
    ]
    yield from table("page", "what is on it", rows=rows)
    for kind in ("operation", "recipe", "call"):
        yield from (f"## {kind.capitalize()}s", "")
        rows = [_index_row(each) for each in entries if each.kind == kind]
        yield from table("name", "what it does", rows=rows)


def _index_row(entry: Entry) -> list[str]:
    page = entry.name.partition(".")[0]
    return [f"[`{entry.name}`]({page}.md#{_anchor(entry.title)})", _summary(entry)]


def _crun() -> Lines:
    yield from ("# akool_async.crun", "", _NOTE, "")
    yield "CRUN is another vendor, on the same jobs, engine and errors. Two operations are methods"
    yield "of `Crun`; their lookups are requests for `await crun.call(request)`."
    yield ""
    yield from _code(dedent((crun.__doc__ or "").split("\n\n")[1]))
    for cls in (crun.DetectFaces, crun.SwapFaces, crun.GetDetection, crun.GetTask):
        yield from _crun_section(cls)
    yield from _crun_parts()
    yield from ("## Errors", "")
    rows = [_code_cells(code, meaning) for code, meaning in crun.CODES.items()]
    yield from table("code", "error", "what CRUN says", "what to do", rows=rows)


def _crun_section(cls: type[Endpoint[Any]]) -> Lines:
    method = getattr(crun.Crun, cls.name.partition(".")[2], cls)
    entry = Entry(cls.name, cls, method, cls.name if method is not cls else cls.__name__)
    parameters = parameters_of(cls)
    yield from (*_anchored(cls), f"## {entry.title}", "", summary(cls), "")
    yield from _code(signature_text(entry.title, parameters, _returned(entry)))
    yield from _facts(entry)
    columns = ("parameter", "CRUN's name", "type", "default", "what it is")
    yield from table(*columns, rows=[_parameter_row(entry, each) for each in parameters])
    yield from _what_returns(entry)


def _crun_parts() -> Lines:
    entries = [Entry(cls.name, cls, cls, cls.name) for cls in (crun.DetectFaces, crun.SwapFaces)]
    yield from _inputs(entries)
    yield from _replies(entries)


def main() -> int:
    """Write the pages, or compare them."""
    written = pages()
    if "--check" not in sys.argv:
        FOLDER.mkdir(exist_ok=True)
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
        for path in set(FOLDER.glob("*.md")) - written.keys():
            path.unlink()
        return 0
    if set(FOLDER.glob("*.md")) == written.keys() and is_current(written):
        return 0
    sys.stderr.write("docs/reference/ is not current: run python docs/build_reference.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
