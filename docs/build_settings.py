"""Write the table of settings in docs/settings.md; `--check` only compares it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from python_text import is_current, section_of, table, type_text

from akool_async import Akool
from akool_async.client.settings import DEFAULTS, AkoolSettings, Settings
from akool_async.protocol.documentation import field_docs

PAGE = Path(__file__).with_name("settings.md")
_BEGIN = "<!-- Written by `python docs/build_settings.py`: change the code, not this table. -->\n"
_END = "<!-- End of the table. -->\n"


class Setting(NamedTuple):
    """One keyword argument of `Akool`."""

    name: str
    type: str
    default: object
    text: str


def settings() -> Iterator[Setting]:
    """Yield the api key, and each field of `AkoolSettings` with its default and text."""
    api_key = inspect.signature(Akool).parameters["api_key"]
    text = section_of(Akool, "Args")["api_key"]
    yield Setting("api_key", type_text(api_key.annotation), api_key.default, text)
    texts = {**field_docs(AkoolSettings), **field_docs(Settings)}
    for name, hint in AkoolSettings.__annotations__.items():
        shown = getattr(hint, "__forward_arg__", None) or type_text(hint)
        yield Setting(name, shown, DEFAULTS.get(name), texts[name])


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
