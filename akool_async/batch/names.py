"""The names of a run's files: from a template, safe on every file system, never outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from akool_async.errors import InvalidInput
from akool_async.media.names import safe_name

DEFAULT: Final = "{key}{ext}"
"""The template of a run that names none."""
FOLDER_SIZE: Final = 10_000
"""Rows of the manifest whose files share a folder: file managers and backups choke on more."""

_FIELD: Final = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}")
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f\\:*?\"<>|{}]*")
"""What may stand between the fields: no file system refuses it."""
_UNIQUE: Final = frozenset({"key", "line", "id"})
_LONGEST: Final = 180
"""Characters of one part of a path; file systems allow 255 bytes, and a suffix may follow."""


class NamedRow(NamedTuple):
    """What a name is made of."""

    key: str
    operation: str
    line: int
    id: str
    ended_at: datetime
    """When its job ended, in UTC."""


class FileNames:
    """Makes the path of each row's file inside the folder for media.

    Args:
        template: Folders and a file name, such as `{operation}/{key}{ext}`. `{key}`,
            `{operation}`, `{line}`, `{id}` and `{date:%Y-%m-%d}` are fields; `{ext}` is the
            extension, by the file's content, and is added where the template has none.

    Raises:
        InvalidInput: two rows would get one name, a field is unknown, or a part of it could lead
            outside or is refused by some file system.
    """

    def __init__(self, template: str = DEFAULT) -> None:
        self.template = template
        parts = template.split("/")
        for part in parts:
            self._check(part)
        *self._folders, self._name = parts
        if not any(name in _UNIQUE for name, _ in _FIELD.findall(self._name)):
            raise self._refused("needs {key}, {line} or {id} in the file's name")
        if "{ext}" in self._name.removesuffix("{ext}") or any("{ext}" in f for f in self._folders):
            raise self._refused("may have {ext} at its end only")
        self._name = self._name.removesuffix("{ext}")

    @property
    def by_key(self) -> bool:
        """Whether a file's name tells its row by the key: two keys may differ in case only."""
        return "{key}" in self._name and not any(f"{{{n}}}" in self._name for n in ("line", "id"))

    def _check(self, part: str) -> None:
        if not part or part.strip(". ") == "":
            raise self._refused("must be relative, without empty parts, '.' and '..'")
        for name, form in _FIELD.findall(part):
            if name not in {*_UNIQUE, "operation", "ext", "date"} or (form and name != "date"):
                raise self._refused(
                    f"has the unknown field {{{name}}}; there are {{key}}, {{operation}}, {{line}},"
                    " {id}, {ext} and {date:%Y-%m-%d}"
                )
        if not _PLAIN.fullmatch(_FIELD.sub("", part)):
            raise self._refused("has characters that some file systems refuse")

    def _refused(self, rule: str) -> InvalidInput:
        return InvalidInput("name", self.template, rule)

    def path_of(self, row: NamedRow, extension: str) -> str:
        """Return the path of a row's file, relative to the folder for media, with `/`.

        Files of rows from line 10 000 on stand in folders of their own, ten thousand in each.
        """
        fields: Mapping[str, Callable[[str], str]] = {
            "key": lambda _: safe_name(row.key),
            "operation": lambda _: safe_name(row.operation),
            "line": lambda _: str(row.line),
            "id": lambda _: safe_name(row.id),
            "date": lambda form: row.ended_at.strftime(form or "%Y-%m-%d"),
        }

        def filled(part: str) -> str:
            made = _FIELD.sub(lambda found: fields[found[1]](found[2] or ""), part)
            # A date may hold anything, and a name as a whole may be one that Windows keeps.
            plain = made.replace("/", "-")
            return plain if _is_safe(plain) else safe_name(plain)

        folders = [filled(part) for part in self._folders]
        many = row.line // FOLDER_SIZE
        return "/".join([*folders, *([str(many)] if many else []), filled(self._name) + extension])


def _is_safe(name: str) -> bool:
    return (
        len(name) <= _LONGEST
        and _PLAIN.fullmatch(name) is not None
        and name.strip(". ") == name
        and not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE)
    )
