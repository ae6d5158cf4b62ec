"""What a program holds: the client, its settings, and one runtime per event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.client.akool import Akool

__all__ = ["Akool"]


def __getattr__(name: str) -> Any:
    if name != "Akool":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Loaded when it is touched: modules of this package are imported without it.
    from akool_async.client.akool import Akool

    return Akool
