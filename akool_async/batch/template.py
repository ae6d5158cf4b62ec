"""The names of files from a template, as far as they are known before a row is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from akool_async.batch.rows import BatchRow
from akool_async.errors import InvalidInput


def name_from(template: str) -> Callable[[BatchRow], str] | None:
    """Return what names a row's file before it is sent; `None` if no two names can be equal.

    Raises:
        InvalidInput: the template has an unknown field, or no valid form.
    """
    known: dict[str, Any] = {"id": "", "ext": "", "date": datetime.now(UTC)}
    known |= {"key": "", "operation": "", "line": 0}
    try:
        fields = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        template.format(**known)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        problem = str(error)
    else:
        if "id" in fields:  # Akool's own, so that each row has another one
            return None
        return lambda row: template.format(
            **{**known, "key": row.key, "operation": row.operation, "line": row.line}
        )
    rule = f"must be a template of {', '.join('{' + name + '}' for name in known)}: {problem}"
    raise InvalidInput("name", template, rule)
