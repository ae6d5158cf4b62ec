"""The knowledge bases of the simulated account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from akool_async.endpoints import (
    CreateKnowledge,
    KnowledgeBase,
    KnowledgeDocument,
    ListKnowledge,
    UpdateKnowledge,
)

_OWN = 2
"""`from` of the account's own knowledge bases."""


class NameTaken(Exception):
    """Another knowledge base has the name."""


class KnowledgeBases:
    """The knowledge bases, by id; those of Akool's are none."""

    def __init__(self) -> None:
        self.kept: dict[str, KnowledgeBase] = {}
        self._made = 0

    def create(self, request: CreateKnowledge, now: int) -> KnowledgeBase:
        """Make one.

        Args:
            request: The request.
            now: Milliseconds since 1970.

        Raises:
            NameTaken: another one has its name.
        """
        self._refuse(request.name, "")
        self._made += 1
        made = KnowledgeBase(
            id=f"{self._made:024x}",
            from_=_OWN,
            create_time=now,
            update_time=now,
            **_given(request),
        )
        self.kept[made.id] = made
        return made

    def update(self, request: UpdateKnowledge, now: int) -> KnowledgeBase:
        """Change one.

        Raises:
            KeyError: there is none of this id.
            NameTaken: another one has its new name.
        """
        before = self.kept[request.id]
        self._refuse(request.name, request.id)
        after = msgspec.structs.replace(before, update_time=now, **_given(request))
        self.kept[request.id] = after
        return after

    def listed(self, request: ListKnowledge) -> Sequence[KnowledgeBase]:
        """Return those that a list shows, the newest first."""
        if request.from_ not in {None, _OWN}:
            return ()
        name = (request.name or "").lower()
        return [each for each in reversed(self.kept.values()) if name in each.name.lower()]

    def _refuse(self, name: str | None, own: str) -> None:
        """Refuse a name that another one has."""
        if name and any(each.name == name and each.id != own for each in self.kept.values()):
            raise NameTaken(name)


def _given(request: CreateKnowledge | UpdateKnowledge) -> dict[str, Any]:
    """Return the fields that a request sets: an empty text clears, what is missing stays (N38)."""
    names = ("name", "prologue", "prompt", "urls")
    given = {name: getattr(request, name) for name in names}
    if request.docs is not None:
        given["docs"] = tuple(
            KnowledgeDocument(name=each.name, url=str(each.url), size=each.size)
            for each in request.docs
        )
    return {name: value for name, value in given.items() if value is not None}
