"""Shows HTML in a notebook, and changes it in place, by IPython's display handles.

A display has an id that the notebook remembers; what is shown under it last is also what the
notebook saves.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

EVERY: Final = 1.0
"""Seconds between two looks at what is shown, while it may change."""


def in_notebook() -> bool:
    """Say whether this program runs in the kernel of a notebook."""
    return getattr(_shell(), "kernel", None) is not None  # a terminal's shell has none


def _shell() -> object:
    """Return IPython's shell; `None` where none runs."""
    return import_module("IPython").get_ipython() if "IPython" in sys.modules else None


class Display:
    """One output of a notebook; its content may be replaced.

    Args:
        shown: What it shows first: something with a card.
    """

    def __init__(self, shown: object) -> None:
        self._last = _bundle(shown)
        display = import_module("IPython.display").display
        self._handle: Any = display(self._last, raw=True, display_id=True)

    def update(self, shown: object) -> None:
        """Show this from now on, wherever the output stands."""
        bundle = _bundle(shown)
        if bundle != self._last:
            self._last = bundle
            # Outside of the context in which the output was made, the change counts as one of the
            # cell that runs now. Programs that run notebooks, such as nbclient, pass over others.
            contextvars.Context().run(self._handle.update, bundle, raw=True)


def show_once(shown: object) -> None:
    """Show something that does not change; a terminal shows its repr."""
    if _shell() is None:
        sys.stdout.write(f"{shown!r}\n")
    else:
        import_module("IPython.display").display(_bundle(shown), raw=True)


class Following:
    """Keeps an output up to date until what it shows changes no more.

    Args:
        shown: What it shows.
        again: Calls a function after so many seconds.
        over: Says whether it changes no more.
    """

    def __init__(
        self,
        shown: object,
        again: Callable[[float, Callable[[], None]], object],
        over: Callable[[], bool],
    ) -> None:
        self._shown = shown
        self._again = again
        self._over = over
        self._display = Display(shown)

    def begin(self) -> None:
        """Look again from now on."""
        self.update()
        if not self._over():
            self._again(EVERY, self.begin)

    def update(self) -> None:
        """Show it as it is now."""
        self._display.update(self._shown)


def html_of(shown: object) -> str:
    """Return the HTML of what has a card."""
    # The name is IPython's, and means no private method.
    return str(getattr(shown, "_repr_html_")())  # noqa: B009


def _bundle(shown: object) -> dict[str, str]:
    return {"text/plain": repr(shown), "text/html": html_of(shown)}
