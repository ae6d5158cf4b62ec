"""Queries as pages print them: their numbers are texts."""

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
