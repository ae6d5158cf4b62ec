"""A namespace of a synchronous client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akool_async.endpoints.registry import NAMESPACES
from akool_async.sync.behind import Behind


class Namespace:
    """A group of blocking methods on the client.

    Args:
        title: The name of the client's attribute.
        behind: The asynchronous client.
    """

    def __init__(self, title: str, behind: Behind) -> None:
        self.title = title
        self.behind = behind

    @property
    def original(self) -> Any:
        """The asynchronous namespace; of another client in a child after a fork."""
        return getattr(self.behind.akool, self.title)

    def __repr__(self) -> str:
        return f"<akool.{self.title} of {self.behind!r}>"

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in {"behind", "original", "title"}]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say why a method of the asynchronous namespace is not here."""
            if not name.startswith("_") and name in vars(NAMESPACES[self.title].load()):
                problem = "needs an event loop: use akool_async.Akool"
                raise AttributeError(f"akool.{self.title}.{name}() {problem}", name=name, obj=self)
            title = vars(self).get("title")  # `copy` asks before there is one
            problem = f"akool.{title} has no attribute {name!r}"
            raise AttributeError(problem, name=name, obj=self)
