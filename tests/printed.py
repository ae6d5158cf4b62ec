"""What pages print: queries, whose numbers are texts, and replies, whose rows lie anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def typed(query: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the texts of digits in a query into numbers; those of a repeated name, each."""
    return {name: _number(text) for name, text in query.items()}


def _number(text: Any) -> Any:
    if isinstance(text, list):
        return [_number(each) for each in text]
    return int(text) if text.isdecimal() else text


HOLDERS = ("result", "lang_list", "successList", "list", "knowledge_list")
"""Where the rows of a reply may be."""


def rows_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a reply, wherever it has them."""
    data = document.get("data")
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return []
    lists = [data[key] for key in HOLDERS if isinstance(data.get(key), list)]
    if lists:
        rows: list[dict[str, Any]] = lists[0]
        return rows
    inner = data.get("result")
    return [inner] if isinstance(inner, dict) else [data]
