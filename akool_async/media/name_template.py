"""Names of files from a template: safe on every file system, and never outside their folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from akool_async.errors import InvalidInput
from akool_async.media.names import is_reserved, readable_name

_FIELD: Final = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}")
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f\\:*?\"<>|{}]*")
"""What may stand between the fields: no file system refuses it."""
_DATE: Final = re.compile(r"([^%]|%[aAbBcdDeFgGHIjmMpSTuUVwWxXyYzZ%])*")
"""What `strftime` understands everywhere; it returns anything else as it is."""
_LONGEST: Final = 180
"""Bytes of one part of a path; file systems allow 255 bytes, and a suffix may follow."""


class FilledName(NamedTuple):
    """A template with its fields filled in."""

    folders: list[str]
    """Relative to the folder that all files are in."""
    name: str
    """Without an extension."""


class NameTemplate:
    """Folders and a file name with fields, such as `{operation}/{key}{ext}`.

    `{key}`, `{id}` and the like name a file; `{operation}` and `{date:%Y-%m-%d}` may be added;
    `{ext}` is the extension, by the file's content, and is added where the template has none.

    Args:
        template: The template, with `/` between its parts.
        unique: The fields of which the file's name needs one, so that no two files share a name.
        setting: What the template was given as, for errors.

    Raises:
        InvalidInput: two files would get one name, a field is unknown, or a part of it could lead
            outside or is refused by some file system.
    """

    def __init__(self, template: str, unique: tuple[str, ...], setting: str) -> None:
        self.text = template
        self._unique = unique
        self._setting = setting
        parts = template.split("/")
        for part in parts:
            self._check(part)
        *self._folders, self._name = parts
        if not any(self.names_by(each) for each in unique):
            *most, last = [f"{{{each}}}" for each in unique]
            raise self._refused(f"needs {', '.join(most)} or {last} in the file's name")
        if "{ext}" in self._name.removesuffix("{ext}") or any("{ext}" in f for f in self._folders):
            raise self._refused("may have {ext} at its end only")
        self._name = self._name.removesuffix("{ext}")

    def names_by(self, field: str) -> bool:
        """Say whether a field is part of the file's name."""
        return any(name == field for name, _ in _FIELD.findall(self._name))

    def _check(self, part: str) -> None:
        if not part or part.strip(". ") == "":
            raise self._refused("must be relative, without empty parts, '.' and '..'")
        for name, form in _FIELD.findall(part):
            if name not in {*self._unique, "operation", "ext", "date"}:
                known = ", ".join(f"{{{each}}}" for each in (*self._unique, "operation", "ext"))
                raise self._refused(
                    f"has the unknown field {{{name}}}; there are {known} and {{date:%Y-%m-%d}}"
                )
            if form and name != "date":
                raise self._refused(f"gives {{{name}}} a form, and only {{date}} takes one")
            if not _DATE.fullmatch(form):
                raise self._refused("has a date of unknown parts; {date:%Y-%m-%d} has known ones")
        if set(_FIELD.sub("", part)) & set("{}"):
            raise self._refused("has a { or } that belongs to no field; none holds a /")
        if not _PLAIN.fullmatch(_FIELD.sub("", part)):
            raise self._refused("has characters that some file systems refuse")

    def _refused(self, rule: str) -> InvalidInput:
        return InvalidInput(self._setting, self.text, rule)

    def filled(self, values: Mapping[str, str], date: datetime) -> FilledName:
        """Return the template with its fields filled in.

        Args:
            values: The fields, but for `date` and `ext`; any text is made safe.
            date: What `{date}` shows.
        """

        def of(found: re.Match[str]) -> str:
            if found[1] == "date":
                return date.strftime(found[2] or "%Y-%m-%d")
            return readable_name(values[found[1]])

        def part(text: str) -> str:
            # A date may hold anything, and a name as a whole may be one that Windows keeps.
            plain = _FIELD.sub(of, text).replace("/", "-")
            return plain if _is_safe(plain) else readable_name(plain)

        return FilledName([part(each) for each in self._folders], part(self._name))


def _is_safe(name: str) -> bool:
    return (
        len(name.encode("utf-8", "surrogatepass")) <= _LONGEST
        and _PLAIN.fullmatch(name) is not None
        and name.strip(". ") == name
        and not is_reserved(name)
    )
