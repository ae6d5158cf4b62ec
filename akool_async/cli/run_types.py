"""Types of the options of `akool run`."""

from __future__ import annotations

import re
from typing import Any, Final

import click


class Pair(click.ParamType[tuple[str, str]]):
    """A name and a value, such as `voice_id=voice-nicole`."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split the text at its first `=`."""
        name, equals, rest = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
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
