"""Write `typed.py`, for type checkers and editors: `python -m akool_async.endpoints`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from akool_async.endpoints.registry import NAMESPACES, modules

PATH: Final = Path(__file__).with_name("typed.py")

_HEAD: Final = '''\
"""All names of this package, and the namespaces of a client, for type checkers and editors.

`python -m akool_async.endpoints` makes this file from `registry.py`; change that table.
It is never imported.
"""

# ruff: noqa: F403, F405 - each module says which names are public

from __future__ import annotations
'''

_CLASS: Final = '''

class Namespaces:
    """The namespaces of a client; each is loaded when it is first used."""
'''


def text() -> str:
    """Return the whole file."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield _HEAD
    for module in modules():
        yield f"from akool_async.endpoints.{module} import *"
    yield _CLASS
    for title, row in NAMESPACES.items():
        yield f"    {title}: {row.cls}"
        yield f'    """{row.summary}"""'


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
