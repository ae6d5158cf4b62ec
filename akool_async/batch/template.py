"""The names of files from a template, as far as they are known before a row is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from string import Formatter
from typing import Any, NamedTuple

from akool_async.batch.rows import BatchRow
from akool_async.errors import InvalidInput


class Names(NamedTuple):
    """What is known of the names of files before a row is sent."""

    of: Callable[[BatchRow], str] | None
    """Names the file of a row; `None` if no two names can be equal."""
    by_key: bool = False
    """Whether two names are equal only if their keys are, but for upper and lower case."""


def names_from(template: str) -> Names:
    """Return what a template says of the names of files.

    Raises:
        InvalidInput: the template has an unknown field, or no valid form.
    """
    known: dict[str, Any] = {"id": "", "ext": "", "date": datetime.now(UTC)}
    known |= {"key": "", "operation": "", "line": 0}
    try:
        fields = {name: spec for _, name, spec, _ in Formatter().parse(template) if name}
        template.format(**known)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        problem = str(error)
    else:
        if {"id", "line"} & fields.keys():  # each row has another one
            return Names(None)

        def name(row: BatchRow) -> str:
            told = {"key": row.key, "operation": row.operation, "line": row.line}
            return template.format(**{**known, **told})

        return Names(name, by_key=fields.get("key") == "")  # {key:.3} may be one of several keys
    rule = f"must be a template of {', '.join('{' + name + '}' for name in known)}: {problem}"
    raise InvalidInput("name", template, rule)
