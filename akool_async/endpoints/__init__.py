"""What Akool offers: one module per namespace, one class per endpoint.

Every public name of those modules is one of this package. They are loaded when one of the names
is first used: a client loads only the modules of the namespaces that it uses. `OPERATIONS` maps
each operation's dotted name to its class, `ENDPOINTS` every endpoint's, `RECIPES` every recipe's.
`registry.py` lists the namespaces.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.endpoints.namespace import ENDPOINTS as ENDPOINTS
    from akool_async.endpoints.namespace import OPERATIONS as OPERATIONS
    from akool_async.endpoints.namespace import RECIPES as RECIPES
    from akool_async.endpoints.typed import *

_TABLES = ("ENDPOINTS", "OPERATIONS", "RECIPES")


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        _load()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load() -> None:
    from akool_async.endpoints.registry import modules

    for module in (*modules(), "namespace"):
        names = vars(import_module(f"{__name__}.{module}")).items()
        globals().update({name: value for name, value in names if not name.startswith("_")})


def __dir__() -> list[str]:
    """Leave out the names that those modules import from elsewhere."""
    _load()
    own = (name for name, value in globals().items() if _is_own(value))
    return sorted([*own, *_TABLES])


def _is_own(value: object) -> bool:
    return isinstance(value, type) and value.__module__.startswith(f"{__name__}.")
