"""Write the table of settings in docs/settings.md; `--check` only compares it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from python_text import keep_table, section_of, table, type_text

from akool_async import Akool
from akool_async.client.settings import DEFAULTS, AkoolSettings, Settings
from akool_async.protocol.documentation import field_docs

PAGE = Path(__file__).with_name("settings.md")


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


def main() -> int:
    """Write the table, or compare it."""
    rows = ([f"`{s.name}`", f"`{s.default}`", f"`{s.type}`", s.text] for s in settings())
    lines = table("setting", "default", "type", "what it is", rows=rows)
    return keep_table(PAGE, Path(__file__), lines)


if __name__ == "__main__":
    sys.exit(main())
