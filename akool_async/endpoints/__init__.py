"""What Akool offers: one module per namespace, one class per endpoint.

Every public name of those modules is one of this package, so that a new endpoint is listed
nowhere. They are loaded when one of them is touched: a client loads only the modules of the
namespaces that it uses. `OPERATIONS` maps each operation's dotted name to its class,
`ENDPOINTS` every endpoint's, `RECIPES` every recipe's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.endpoints.account import *
    from akool_async.endpoints.audio import *
    from akool_async.endpoints.avatar import *
    from akool_async.endpoints.detection import *
    from akool_async.endpoints.face import *
    from akool_async.endpoints.faceswap import *
    from akool_async.endpoints.image import *
    from akool_async.endpoints.moderation import *
    from akool_async.endpoints.namespace import ENDPOINTS as ENDPOINTS
    from akool_async.endpoints.namespace import OPERATIONS as OPERATIONS
    from akool_async.endpoints.namespace import RECIPES as RECIPES
    from akool_async.endpoints.reage import *
    from akool_async.endpoints.streaming import *
    from akool_async.endpoints.video import *

_NAMESPACES = (
    *("account", "audio", "avatar", "detection", "face", "faceswap"),
    *("image", "moderation", "reage", "streaming", "video"),
)
_REGISTRIES = ("ENDPOINTS", "OPERATIONS", "RECIPES")


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        _load()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load() -> None:
    for module in (*(f"{__name__}.{each}" for each in _NAMESPACES), f"{__name__}.namespace"):
        names = vars(import_module(module)).items()
        globals().update({name: value for name, value in names if not name.startswith("_")})


def __dir__() -> list[str]:
    """Leave out what those modules import from elsewhere."""
    _load()
    own = (name for name, value in globals().items() if _is_own(value))
    return sorted([*own, *_REGISTRIES])


def _is_own(value: object) -> bool:
    return isinstance(value, type) and value.__module__.startswith(f"{__name__}.")
