"""The names of a run's files: from a template, safe on every file system, never outside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple

from akool_async.media.name_template import NameTemplate

if TYPE_CHECKING:
    from akool_async.batch.manifest.rows import BatchRow

DEFAULT: Final = "{key}{ext}"
"""The template of a run that names none."""
FOLDER_SIZE: Final = 10_000
"""Rows of the manifest whose files share a folder: file managers and backups choke on more."""


class NamedRow(NamedTuple):
    """What a name is made of."""

    key: str
    operation: str
    line: int
    """Its line in the manifest; 0 if that is not known."""
    id: str
    ended_at: datetime
    """When its job ended, in UTC."""
    input: str | None = None
    """The file that it was made for, if it was made for one."""


class FileNames:
    """Makes the path of each row's file inside the folder for media.

    Args:
        template: Folders and a file name, such as `{operation}/{key}{ext}`. `{key}`,
            `{operation}`, `{line}`, `{id}`, `{stem}` and `{date:%Y-%m-%d}` are fields. `{stem}` is
            the name of the file that the row was made for, without its extension; the key of a
            row that was made for none. `{ext}` is the extension, by the file's content, and is
            added where the template has none.

    Raises:
        InvalidInput: two rows would get one name, a field is unknown, or a part of it could lead
            outside or is refused by some file system.
    """

    def __init__(self, template: str = DEFAULT) -> None:
        self._template = NameTemplate(template, ("key", "line", "id", "stem"), "name")

    @property
    def template(self) -> str:
        """The template, as it was given."""
        return self._template.text

    @property
    def by_key(self) -> bool:
        """Whether a file's name tells its row by the key: two keys may differ in case only."""
        names_by = self._template.names_by
        return names_by("key") and not (names_by("line") or names_by("id"))

    @property
    def by_stem(self) -> bool:
        """Whether a file's name tells its row by `{stem}` alone, which two rows may share."""
        names_by = self._template.names_by
        return not any(names_by(each) for each in ("key", "line", "id"))

    def name_of(self, row: BatchRow) -> str:
        """Return the path that a row's file will have, as far as it is known before its job."""
        named = NamedRow(row.key, row.operation, row.line, "", datetime.now(UTC), row.input)
        return self.path_of(named, "")

    def path_of(self, row: NamedRow, extension: str) -> str:
        """Return the path of a row's file, relative to the folder for media, with `/`.

        Files of rows from line 10 000 on stand in folders of their own, ten thousand in each. The
        key stands for a line that is not known.
        """
        line = str(row.line or row.key)
        values = {"key": row.key, "operation": row.operation, "line": line, "id": row.id}
        values["stem"] = PurePath(row.input).stem if row.input else row.key
        folders, name = self._template.filled(values, row.ended_at)
        many = row.line // FOLDER_SIZE
        return "/".join([*folders, *([str(many)] if many else []), name + extension])
