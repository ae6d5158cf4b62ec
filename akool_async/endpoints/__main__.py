"""Write both `typed.py`, for type checkers and editors: `python -m akool_async.endpoints`.

One has the namespaces of the asynchronous client, the other, `akool_async/sync/typed.py`, those of
the synchronous one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_overloads

from akool_async.endpoints.namespace import without_loop
from akool_async.endpoints.registry import NAMESPACES, NamespaceRow, modules

PATH: Final = Path(__file__).with_name("typed.py")
BLOCKING_PATH: Final = Path(__file__).parents[1] / "sync" / "typed.py"

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


_BLOCKING_HEAD: Final = '''\
"""The namespaces of a synchronous client, for type checkers and editors.

`python -m akool_async.endpoints` makes this file from the namespaces of the asynchronous client. It
is never imported.
"""

# ruff: noqa: D102 - the texts stand in the asynchronous client
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, overload
'''

_OVERLAP: Final = "# type: ignore[overload-overlap] # pyright: ignore[reportOverlappingOverload]"
"""As in the asynchronous namespace: a text is a sequence, too."""

_NAMESPACE: Final = '''

class {cls}(Namespace):
    """{summary}"""
'''


def blocking_text() -> str:
    """Return the whole file of the synchronous client."""
    return "\n".join([*_blocking_lines(), ""])


def _blocking_lines() -> Iterator[str]:
    yield _BLOCKING_HEAD
    for row in NAMESPACES.values():
        names = sorted(set(_named(row)))
        if names:
            yield f"from akool_async.endpoints.{row.module} import {', '.join(names)}"
        yield f"from akool_async.endpoints.{row.module} import {row.cls} as _{row.cls}"
    yield "from akool_async.sync.calls import blocking"
    yield "from akool_async.sync.job import Job, Jobs"
    yield "from akool_async.sync.namespace import Namespace"
    for row in NAMESPACES.values():
        yield _NAMESPACE.format(cls=row.cls, summary=row.summary)
        for name, method in without_loop(row.load()).items():
            yield from _blocking_method(row, name, method)
    yield _CLASS
    for title, row in NAMESPACES.items():
        yield f"    {title}: {row.cls}"
        yield f'    """{row.summary}"""'


def _blocking_method(row: NamespaceRow, name: str, method: Callable[..., Any]) -> Iterator[str]:
    """Yield the lines of one method; one with several signatures repeats them."""
    for number, each in enumerate(signatures := get_overloads(method)):
        parameters, returned = _signature(each)
        yield "    @overload" if number else "\n    @overload"
        yield f"    def {name}(" if number else f"    def {name}(  {_OVERLAP}"
        yield f"        {parameters}"
        yield f"    ) -> {returned}: ..."
    if signatures:
        yield f"    def {name}(self, **fields: Any) -> Any: ..."
    else:
        yield f"    {name} = blocking(_{row.cls}.{name})"


def _signature(function: Callable[..., Any]) -> tuple[str, str]:
    """Return the parameters of a function and its result, as they are written."""
    signature = str(inspect.signature(function)).replace("'", "")
    parameters, _, returned = signature.rpartition(") -> ")
    return parameters.removeprefix("("), returned


def _named(row: NamespaceRow) -> Iterator[str]:
    """Yield the classes of a module that the signatures of its overloads name."""
    known = vars(import_module(row.load().__module__))
    for method in without_loop(row.load()).values():
        for each in get_overloads(method):
            for name in re.findall(r"\w+", " ".join(_signature(each))):
                if getattr(known.get(name), "__module__", "") == row.load().__module__:
                    yield name


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    BLOCKING_PATH.write_text(blocking_text(), encoding="utf-8")
