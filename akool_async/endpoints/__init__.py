"""What Akool offers: one module per namespace, one class per endpoint.

Every public name of those modules is one of this package, so that a new endpoint is listed
nowhere. `OPERATIONS` maps each operation's dotted name to its class, `ENDPOINTS` every
endpoint's, `RECIPES` every recipe's.
"""

from __future__ import annotations

from akool_async.endpoints.account import *
from akool_async.endpoints.audio import *
from akool_async.endpoints.avatar import *
from akool_async.endpoints.detection import *
from akool_async.endpoints.face import *
from akool_async.endpoints.faceswap import *
from akool_async.endpoints.image import *
from akool_async.endpoints.moderation import *
from akool_async.endpoints.reage import *
from akool_async.endpoints.streaming import *
from akool_async.endpoints.video import *
from akool_async.namespace import ENDPOINTS as ENDPOINTS
from akool_async.namespace import OPERATIONS as OPERATIONS
from akool_async.namespace import RECIPES as RECIPES

_REGISTRIES = ("ENDPOINTS", "OPERATIONS", "RECIPES")


def __dir__() -> list[str]:
    """Leave out what those modules import from elsewhere."""
    own = (name for name, value in globals().items() if _is_own(value))
    return sorted([*own, *_REGISTRIES])


def _is_own(value: object) -> bool:
    return isinstance(value, type) and value.__module__.startswith(f"{__name__}.")
