"""What the journal knows of rows: one question for each page of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.sending.comparing import fingerprint_of, is_same
from akool_async.journal.outcome_lines import KnownRow, OutcomeLines
from akool_async.protocol.endpoint import Recipe
from akool_async.protocol.files import holds_files

_RECIPE: Final[Any] = Recipe


class KnownRows:
    """The rows of one page after the other, as the journal knows them.

    Args:
        lines: The journal's table of lines.
        brief: Whether the lines of rows that completed are not asked for.
    """

    def __init__(self, lines: OutcomeLines, *, brief: bool) -> None:
        self._lines = lines
        self._brief = brief
        self._known: dict[str, KnownRow] = {}
        self._read: dict[str, str | None] = {}
        """By key, the fingerprints of rows whose files were read; `None` if that failed."""

    async def look_up(self, rows: Sequence[BatchRow]) -> None:
        """Ask for a page of rows, in place of the page before."""
        recipes = [row.key for row in rows if isinstance(row.request, _RECIPE)]
        plain = [row.key for row in rows if not isinstance(row.request, _RECIPE)]
        known = await self._lines.known(plain, brief=self._brief) if plain else {}
        if recipes:
            known |= await self._lines.known(recipes, recipes=True, brief=self._brief)
        known |= await self._of_another_kind([row for row in rows if row.key not in known])
        self._known = known
        self._read = await self._read_files([row for row in rows if row.key in known])

    def get(self, row: BatchRow) -> KnownRow | None:
        """Return what is known of a row of the page."""
        return self._known.get(row.key)

    def is_same(self, row: BatchRow, known: KnownRow) -> bool:
        """Say whether a row of the page asks for the same as its job."""
        own = None
        if not row.given:
            own = self._read[row.key] if row.key in self._read else fingerprint_of(row)
        return is_same(row, known.fingerprint, own)

    async def _of_another_kind(self, rows: Sequence[BatchRow]) -> dict[str, KnownRow]:
        """Look for jobs of recipes under the keys of operations, and the other way round.

        A key made from a request is never that of another one, so only rows' own keys are asked.
        """
        rows = [row for row in rows if not row.given]
        recipes = [row.key for row in rows if not isinstance(row.request, _RECIPE)]
        plain = [row.key for row in rows if isinstance(row.request, _RECIPE)]
        found = await self._lines.known(plain) if plain else {}
        # A recipe's own key may be that of a step of another one.
        found = {key: each for key, each in found.items() if "/" not in each.fingerprint}
        return found | (await self._lines.known(recipes, recipes=True) if recipes else {})

    @staticmethod
    async def _read_files(rows: Sequence[BatchRow]) -> dict[str, str | None]:
        """Return the fingerprints of rows with files and keys of their own, read in a thread."""
        asked = [row for row in rows if not row.given and holds_files(row.request)]
        if not asked:
            return {}
        found = await asyncio.to_thread(lambda: [*map(fingerprint_of, asked)])
        return {row.key: each for row, each in zip(asked, found, strict=True)}
