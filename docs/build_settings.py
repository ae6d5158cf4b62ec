"""Write the table of settings in docs/settings.md; `--check` only compares it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter
from pathlib import Path
from typing import Any, NamedTuple

from python_text import is_current, section_of, table, type_text

from akool_async import Akool
from akool_async.protocol.documentation import field_docs

PAGE = Path(__file__).with_name("settings.md")
_BEGIN = "<!-- Written by `python docs/build_settings.py`: change the code, not this table. -->\n"
_END = "<!-- End of the table. -->\n"
_SETTINGS = "akool_async.client.settings"
"""The module of `Settings` and `DEFAULTS`, where there is one."""


class Setting(NamedTuple):
    """One keyword argument of `Akool`."""

    name: str
    type: str
    default: object
    text: str


def settings() -> Iterator[Setting]:
    """Yield the parameters that `Akool` names, then those of `Settings`."""
    named = inspect.signature(Akool).parameters.values()
    texts = section_of(Akool, "Args")
    for each in named:
        if each.kind is not Parameter.VAR_KEYWORD:
            hint = type_text(each.annotation)
            yield Setting(each.name, hint, each.default, texts.get(each.name, ""))
    yield from _typed_settings({each.name for each in named})


def _typed_settings(known: set[str]) -> Iterator[Setting]:
    if find_spec(_SETTINGS) is None:
        return
    module = import_module(_SETTINGS)
    typed: Any = module.Settings
    defaults: Mapping[str, object] = module.DEFAULTS
    texts = {**section_of(Akool, "Args"), **field_docs(typed)}
    for name, hint in typed.__annotations__.items():
        if name not in known:
            text = getattr(hint, "__forward_arg__", None) or type_text(hint)
            yield Setting(name, text, defaults[name], texts.get(name, ""))


def page() -> str:
    """Return the page with a new table."""
    rows = ([f"`{s.name}`", f"`{s.default}`", f"`{s.type}`", s.text] for s in settings())
    lines = "\n".join(table("setting", "default", "type", "what it is", rows=rows))
    old = PAGE.read_text(encoding="utf-8")
    pattern = rf"(?<={re.escape(_BEGIN)}).*?(?={re.escape(_END)})"
    return re.sub(pattern, lambda _: f"\n{lines}\n", old, count=1, flags=re.DOTALL)


def main() -> int:
    """Write the table, or compare it."""
    written = {PAGE: page()}
    if "--check" not in sys.argv:
        PAGE.write_text(written[PAGE], encoding="utf-8")
        return 0
    if is_current(written):
        return 0
    sys.stderr.write("docs/settings.md is not current: run python docs/build_settings.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
