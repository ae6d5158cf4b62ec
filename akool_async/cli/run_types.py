"""Types of the options of `akool run`."""

from __future__ import annotations

import re
from typing import Any, Final

import click


class Pair(click.ParamType[tuple[str, str]]):
    """An operation and a value, such as `audio.tts=0.5`.

    Args:
        pattern: Whether a pattern such as `audio.*` may stand for many operations.
    """

    name = "NAME=VALUE"

    def __init__(self, *, pattern: bool = False) -> None:
        self._pattern = pattern

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split the text at its first `=`."""
        from akool_async.batch.manifest.option_names import (  # not for `--help`
            no_operation,
            no_pattern,
        )

        name, equals, rest = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        if wrong := no_pattern(name) if self._pattern else no_operation(name):
            self.fail(f"{name!r} {wrong}", param, ctx)
        return name, rest


class Rate(click.ParamType[float]):
    """Creates in a second, given as `5`, `5/s`, `100/min` or `1000/h`."""

    name = "RATE"
    _units: Final = {"": 1, "s": 1, "min": 60, "h": 3600}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return creates in a second."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|min|h))?", str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no rate, such as 5/s, 100/min or 1000/h", param, ctx)
        return float(found[1]) / self._units[found[2] or ""]


ANY_CODE: Final = "any"
"""The value of `--retry-failed` without one."""


class Codes(click.ParamType[tuple[str, ...]]):
    """Codes of Akool, or classes of errors, such as `1004,JobFailed`."""

    name = "CODE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split the text at its commas."""
        from akool_async.batch.manifest.option_names import no_reason  # not for `--help`

        codes = tuple(each.strip() for each in str(value).split(","))
        wrong = [each for each in codes if not re.fullmatch(r"\d+|[A-Za-z]+", each)]
        if wrong:  # most often the manifest, which stands behind an option without a value
            rule = "is no code; MANIFEST stands before --retry-failed, or after --retry-failed=any"
            self.fail(f"{wrong[0]!r} {rule}", param, ctx)
        for code in codes:
            if code != ANY_CODE and (problem := no_reason(code)):
                self.fail(f"{code!r} {problem}", param, ctx)
        return codes
