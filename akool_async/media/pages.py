"""Error pages that come with status 200 where media should be: HTML, XML, JSON, or plain text.

The content decides. What begins as media does is media, whatever it is labelled as; what reads as
a page is one, even if it is labelled as a video.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from akool_async.media.names import extension_in, main_type

_LONGEST: Final = 200
"""Characters of an excerpt."""

_MARKUP: Final = re.compile(r"<(!doctype\b|!--|\?xml\b|[a-z][\w:.-]*[\s/>])|[\[{]", re.IGNORECASE)
"""How HTML, XML and JSON begin."""
_PAGE_TYPE: Final = re.compile(r"text/x?html|(text|application)/(.+\+)?(html|xml|json)|.*\+json")
_QUERY: Final = re.compile(r"\?[^\s\"'<>]+")
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def page_in(head: bytes, content_type: str) -> str | None:
    """Return an excerpt of a page; `None` if a file is no page.

    Args:
        head: The file's first bytes.
        content_type: What the server calls it.
    """
    if extension_in(head):
        return None
    kind, text = main_type(content_type), _text_of(head)
    if text is None:  # such as a page that is compressed, and does not say so
        return "" if _PAGE_TYPE.fullmatch(kind) else None
    labelled = kind.startswith("text/") or _PAGE_TYPE.fullmatch(kind)
    return _excerpt(text) if labelled or _MARKUP.match(text) else None


def complaint_about(head: bytes, content_type: str) -> str | None:
    """Return why a file is no media, in words; `None` if it is no page."""
    page = page_in(head, content_type)
    return None if page is None else f"what came is a page and no media: {page!r}"


def _text_of(head: bytes) -> str | None:
    """Return bytes as a text; `None` if they are none. The last character may be cut."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore").strip()
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    text = text.strip()
    printable = all(character.isprintable() or character.isspace() for character in text)
    return text if printable else None


def _excerpt(text: str) -> str:
    """Return the beginning of a page in one line; no part of a URL's query."""
    line = " ".join(_QUERY.sub("?...", text).split())
    return "".join(filter(str.isprintable, line))[:_LONGEST]
