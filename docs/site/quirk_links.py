"""In docstrings on the site, the number of a quirk of Akool's is a link to what it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object

NUMBER = re.compile(r"(`[^`]*`)|\b([TN]\d{1,2})\b")


class QuirkLinks(Extension):
    """Puts the links in, if the page of quirks is there."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Look at each docstring."""
        if obj.docstring is not None and Path("pages/quirks.md").exists():
            obj.docstring.value = NUMBER.sub(_linked, obj.docstring.value)


def _linked(found: re.Match[str]) -> str:
    code, number = found.groups()
    return code or f"[{number}](../quirks.html#{number.lower()})"
