"""Steps of recipes in the journal: a recipe has no row of its own there, but its paid steps have.

The key of a step, and its fingerprint, are those of its recipe, a slash, and its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from akool_async.batch.manifest.rows import BatchRow
from akool_async.endpoints import RECIPES
from akool_async.journal.outcome_lines import KnownRow
from akool_async.protocol.endpoint import Recipe

_RECIPE: Final[Any] = Recipe


def is_step(known: KnownRow) -> bool:
    """Say whether a row of the journal is that of a recipe's step."""
    return "/" in known.fingerprint


def row_key(known: KnownRow) -> str:
    """Return the key of the manifest's row that a row of the journal belongs to."""
    return known.key.rpartition("/")[0] if is_step(known) else known.key


def last_steps(operations: Mapping[str, Any]) -> frozenset[str]:
    """Return the operations that recipes end in: only the last step's result is a recipe's own."""
    families = {recipe.family.name for recipe in RECIPES.values()}
    return frozenset(name for name, each in operations.items() if each.family.name in families)


def creates_left(row: BatchRow, known: KnownRow | None) -> int:
    """Return how many creates a row may need beyond the job that the journal has."""
    request: Any = row.request
    is_recipe = isinstance(request, _RECIPE)
    steps: int = request.paid_steps if is_recipe else 1
    if known is None:
        return steps
    begun = int(known.key.rpartition("/")[2]) if is_recipe else 1
    return max(0, steps - begun)
