"""What pydantic, and so FastAPI, asks a class for: how to check, build and write its values.

Only pydantic calls this, so pydantic is there; nothing else needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


def core_schema_of(
    cls: type[Any], title: str, build: Callable[[Any], Any], source: Any = None
) -> Any:
    """Return pydantic's schema of a class with `to_dict`.

    Args:
        cls: The class. Its instances are accepted as they are.
        title: The name in an OpenAPI page.
        build: Makes an instance of other data, or raises `InvalidInput`; that is a `ValueError`
            here, as this layer lies below the errors.
        source: The class as it was asked for: a generic one with its parameters.
    """
    from pydantic_core import core_schema

    def accepted(value: Any) -> Any:
        return value if isinstance(value, cls) else _built(title, build, value)

    def written(value: Any) -> Any:
        return value.to_dict()

    return core_schema.no_info_plain_validator_function(
        accepted,
        # The reference makes a named schema of it, so that generated clients have a named type.
        ref=f"{cls.__module__}.{title}:{id(cls)}",
        metadata={"type": source},
        serialization=core_schema.plain_serializer_function_ser_schema(written),
    )


def _built(title: str, build: Callable[[Any], Any], value: Any) -> Any:
    try:
        return build(value)
    except ValueError as error:
        refusal: Any = error
    raise _refused(title, refusal)


def _refused(title: str, refusal: Any) -> Exception:
    """Return pydantic's own error, which names the field; FastAPI answers it with 422."""
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    steps = re.findall(r"[^.\[\]]+", refusal.field)
    where = tuple(int(step) if step.isdecimal() else step for step in steps)
    # The template's own braces stay as they are where no context fills them.
    what = PydanticCustomError("invalid_input", "{rule}", {"rule": refusal.rule})
    details = InitErrorDetails(type=what, loc=where, input=refusal.value)
    return ValidationError.from_exception_data(title, [details])
