"""Compares rows that name a model with what Akool says of that model, if asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from akool_async.endpoints.models import ByModel, Model, model_for
from akool_async.errors import AkoolError

Ask: TypeAlias = Callable[[int], Sequence[Model]]
"""Returns Akool's models of a type; raises `AkoolError` if they are not to be had."""


class ModelCheck:
    """Refuses a request that its model cannot carry out; each type is asked for once.

    Args:
        ask: Asks for the models of a type.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[int, Sequence[Model]] = {}
        self.trouble = ""
        """Why some models are not known; empty if all are, or none was needed."""

    def __call__(self, request: object) -> None:
        """Check a request; without a model, or if its models are not known, it passes.

        Raises:
            InvalidInput: the model cannot do that, or Akool lists no such model.
        """
        if isinstance(request, ByModel) and getattr(request, "model_name", None) is not None:
            model_for(request, self._models(request.model_type))

    def _models(self, type: int) -> Sequence[Model]:
        if type not in self._known:
            self._known[type] = ()
            try:
                self._known[type] = self._ask(type)
            except AkoolError as error:
                self.trouble = error.message
        return self._known[type]
