"""Types, signatures and docstrings as text, for the scripts that write pages."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from inspect import Parameter
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from akool_async.protocol.help_texts import LaterText
from akool_async.protocol.shown_types import plain


def type_text(hint: Any) -> str:
    """Return a type as Python code, without the rules in its annotations."""
    if isinstance(hint, str):
        return hint
    hint = plain(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin in {Union, UnionType}:
        return " | ".join(map(type_text, args))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(type_text, args))}]"
    if hint is Ellipsis:
        return "..."
    return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))


def value_text(value: Any) -> str:
    """Return a plain value as Python code; a member of an enum as its value."""
    if isinstance(value, Enum):
        value = value.value
    return f'"{value}"' if isinstance(value, str) and '"' not in value else repr(value)


def parameters_of(method: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters that a caller gives."""
    return [each for each in inspect.signature(method).parameters.values() if each.name != "self"]


def signature_text(name: str, parameters: Sequence[Parameter], returned: str) -> str:
    """Return a signature as Python code, a line for each parameter."""
    if not parameters:
        return f"{name}() -> {returned}"
    return "\n".join([f"{name}(", *_parameter_lines(parameters), f") -> {returned}"])


def _parameter_lines(parameters: Sequence[Parameter]) -> Iterator[str]:
    star_is_due = True
    for each in parameters:
        if each.kind is Parameter.KEYWORD_ONLY and star_is_due:
            yield "    *,"
            star_is_due = False
        default = "" if each.default is Parameter.empty else f" = {value_text(each.default)}"
        yield f"    {each.name}: {type_text(each.annotation)}{default},"


def section_of(documented: Any, title: str) -> Mapping[str, str]:
    """Return the entries of a docstring's section, such as `Raises`, by name, on one line each."""
    # Of a method that a class makes, the class says the same, and more.
    own: object = getattr(documented, "__doc__", "")
    docstring = "" if isinstance(own, LaterText) else inspect.getdoc(documented) or ""
    found = re.search(rf"^{title}:\n((?:[ ]{{4}}.*\n?|\n)+)", docstring, re.MULTILINE)
    if found is None:
        return {}
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", found[1], re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def table(*columns: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, and a blank one."""
    yield f"| {' | '.join(columns)} |"
    yield "|" + " --- |" * len(columns)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |"
    yield ""


BAR = "\\|"
"""A bar that does not end a cell."""


def is_current(pages: Mapping[Any, str]) -> bool:
    """Say whether each file holds its page."""
    return all(path.exists() and path.read_text("utf-8") == text for path, text in pages.items())


def keep_table(page: Path, script: Path, lines: Iterable[str]) -> int:
    """Write a table between its two marks in a page; with `--check`, only compare it.

    Returns:
        The exit status: 1 if the table was compared and is not current.
    """
    begin = f"<!-- Written by `python docs/{script.name}`: change the code, not this table. -->\n"
    end = "<!-- End of the table. -->\n"
    old = page.read_text(encoding="utf-8")
    pattern = rf"(?<={re.escape(begin)}).*?(?={re.escape(end)})"
    body = "\n".join(lines)
    new = re.sub(pattern, lambda _: f"\n{body}\n", old, count=1, flags=re.DOTALL)
    if "--check" not in sys.argv:
        page.write_text(new, encoding="utf-8")
    elif new != old:
        sys.stderr.write(f"docs/{page.name} is not current: run python docs/{script.name}\n")
        return 1
    return 0
