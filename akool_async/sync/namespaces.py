"""The namespaces of a synchronous client, made from those of the asynchronous one.

A namespace is made when it is first used, from the class in the table of namespaces,
`akool_async/endpoints/registry.py`. For type checkers and editors, `typed.py` says the same:
`python -m akool_async.endpoints` writes it.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from akool_async.endpoints.namespace import Namespace as AsyncNamespace
from akool_async.endpoints.namespace import without_loop
from akool_async.endpoints.registry import NAMESPACES, NamespaceRow
from akool_async.sync.calls import blocking
from akool_async.sync.namespace import Namespace


@cache
def made_from(cls: type[AsyncNamespace]) -> type[Namespace]:
    """Return the class with the blocking methods of an asynchronous namespace."""
    methods = {name: blocking(method) for name, method in without_loop(cls).items()}
    texts = {"__doc__": cls.__doc__, "__module__": cls.__module__}
    return type(cls.__name__, (Namespace,), texts | methods)


if TYPE_CHECKING:
    from akool_async.sync.typed import Namespaces
else:

    def _attribute(title: str, row: NamespaceRow) -> Any:
        def load(client: Any) -> Namespace:
            return made_from(row.load())(title, client.behind)

        load.__doc__ = row.summary
        return cached_property(load)

    Namespaces = type(
        "Namespaces",
        (),
        {
            "__doc__": "The namespaces of a client; each is made when it is first used.",
            "__module__": __name__,
        }
        | {title: _attribute(title, row) for title, row in NAMESPACES.items()},
    )

__all__ = ["Namespaces", "made_from"]
