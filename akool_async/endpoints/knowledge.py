"""Knowledge bases: what a live avatar knows and how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from posixpath import splitext
from typing import Annotated, Final, Literal

from msgspec import Meta, field

from akool_async.endpoints.namespace import Namespace, calls, lists
from akool_async.endpoints.paging import ByPage, Page, Pages
from akool_async.endpoints.removal import Removal
from akool_async.protocol.endpoint import Command, Query
from akool_async.protocol.fields import MB, Files, Id, Rule, Url, is_http_url, sized
from akool_async.protocol.reply import Reply
from akool_async.protocol.value import Input, Value
from akool_async.result import from_milliseconds

_PAGE = "https://docs.akool.com/ai-tools-suite/knowledge-base"

_FORMATS: Final = (".csv", ".doc", ".docx", ".json", ".md", ".pdf", ".txt", ".xml")
_LARGEST: Final = 100 * MB
_LARGEST_TOGETHER: Final = 500 * MB


def _has_format(name: str) -> bool:
    return splitext(name.lower())[1] in _FORMATS


def _fit_together(docs: Sequence[KnowledgeFile]) -> bool:
    return sum(each.size for each in docs) <= _LARGEST_TOGETHER


def _are_urls(urls: Sequence[str]) -> bool:
    return all(map(is_http_url, urls))


class KnowledgeFile(Input):
    """A document for a knowledge base."""

    name: Annotated[str, Rule(f"must end in one of {', '.join(_FORMATS)}", _has_format)]
    """Its name, such as `manual.pdf`: csv, doc, docx, json, md, pdf, txt or xml."""
    url: Annotated[Url, Files(formats=_FORMATS, largest=_LARGEST)]
    """Its address, or its path."""
    size: Annotated[int, Meta(ge=0, le=_LARGEST)]
    """Its size in bytes, at most 100 MB (104 857 600)."""


_Name = Annotated[str, sized("characters", 100, least=0)]
_Prologue = Annotated[str, sized("characters", 2000, least=0)]
_Prompt = Annotated[str, sized("characters", 10_000, least=0)]
_Docs = Annotated[Sequence[KnowledgeFile], Rule("must have at most 500 MB together", _fit_together)]
_Pages = Annotated[Sequence[str], Rule("must hold http or https URLs", _are_urls)]


class KnowledgeDocument(Value):
    """A document of a knowledge base."""

    name: str = ""
    url: str = ""
    size: int | None = None
    """Bytes."""


class KnowledgeBase(Value):
    """A knowledge base."""

    id: str = field(name="_id")
    """The id that a live avatar's session takes as `knowledge_id`."""
    name: str = ""
    prologue: str = ""
    """What the avatar says first."""
    prompt: str = ""
    """Instructions for its answers."""
    docs: tuple[KnowledgeDocument, ...] = ()
    urls: tuple[str, ...] = ()
    """Addresses of web pages."""
    from_: int | None = field(name="from", default=None)
    """1 for Akool's, 2 for the account's."""
    user_type: int | None = None
    uid: int | None = None
    team_id: str | None = None
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int = 0
    """Milliseconds since 1970."""

    @property
    def creation_time(self) -> datetime | None:
        """When Akool created it."""
        return from_milliseconds(self.create_time)


class ListKnowledge(ByPage, Query[Page[KnowledgeBase]]):
    """List knowledge bases, the newest first, a page at a time."""

    path = "v4/knowledge/list"
    docs = _PAGE
    parse = Pages(KnowledgeBase, key="knowledge_list", bare=True)  # N37

    size: Annotated[int, Meta(ge=1, le=100)] = 100
    """Knowledge bases on a page, at most 100."""
    name: str | None = None
    """Only knowledge bases with this name."""
    from_: Literal[1, 2] | None = field(name="from", default=None)
    """1 for Akool's, 2 for the account's; the account's if not given."""


class GetKnowledge(Query[KnowledgeBase]):
    """Look up a knowledge base."""

    path = "v4/knowledge/detail"
    docs = _PAGE
    parse = Reply(KnowledgeBase)

    id: Id
    """Its `id`."""


class KnowledgeCommand(Command[KnowledgeBase]):
    """The reply of what makes or changes a knowledge base."""

    docs = _PAGE  # here, because those below have a parameter of this name
    parse = Reply(KnowledgeBase)


class CreateKnowledge(KnowledgeCommand):
    """Make a knowledge base. It costs no credit.

    `Conflict` (1233) says that there is one of this name, perhaps made by an earlier request whose
    answer was lost: `knowledge.list(name=...)` finds it.
    """

    path = "v4/knowledge/create"

    name: _Name | None = None
    """Its name, at most 100 characters; no two of a user's have the same."""
    prologue: _Prologue | None = None
    """What the avatar says first, at most 2000 characters."""
    prompt: _Prompt | None = None
    """Instructions for its answers, at most 10 000 characters."""
    docs: _Docs | None = None  # type: ignore[assignment]  # the class has the page
    """Documents, at most 500 MB together; dicts of the same shape are taken too."""
    urls: _Pages | None = None
    """Addresses of web pages."""


class UpdateKnowledge(KnowledgeCommand):
    """Change a knowledge base. What is not given stays; an empty text or list clears."""

    # N38: an empty text travels.
    path = "v4/knowledge/update"
    repeatable = True

    id: Id
    """Its `id`."""
    name: _Name | None = None
    """Its name, at most 100 characters; no two of a user's have the same."""
    prologue: _Prologue | None = None
    """What the avatar says first, at most 2000 characters; an empty text clears it."""
    prompt: _Prompt | None = None
    """Instructions for its answers, at most 10 000 characters."""
    docs: _Docs | None = None  # type: ignore[assignment]  # the class has the page
    """All its documents from now on; dicts of the same shape are taken too."""
    urls: _Pages | None = None
    """All its addresses of web pages from now on."""


class DeleteKnowledge(Removal):
    """Delete a knowledge base. One that is gone already is no error."""

    method = "DELETE"  # with a body (N36)
    path = "v4/knowledge/delete"
    docs = _PAGE
    gone = 1232  # a knowledge base that is not there

    id: Id
    """Its `id`."""


class KnowledgeNamespace(Namespace, title="knowledge"):
    """Knowledge bases for live avatars."""

    list = lists(ListKnowledge)
    create = calls(CreateKnowledge)
    get = calls(GetKnowledge)
    update = calls(UpdateKnowledge)
    delete = calls(DeleteKnowledge)
