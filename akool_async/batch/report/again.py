"""The commands that a person goes on with: those that repeat, decide or fetch."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from akool_async.batch.folder import RunFolder
from akool_async.batch.record import read_record
from akool_async.batch.report.failures import FailureGroup
from akool_async.journal import State

_STDIN: Final = "-"
_MOST_FILES: Final = 5
"""Files that a command names; of more it says a pattern, where that fits just these."""
_MOST_KEYS: Final = 10
"""Keys that a command names, rather than their operation."""
_NAMED: Final = 3
_REPEATED: Final = (
    "operation",
    "set_",
    "map_",
    "each",
    "dedupe",
    "sheet",
    "concurrency",
    "limits",
    "rate",
    "on_credit",
    "name",
    "no_save",
    "price",
)
"""Options that say what the rows are, where they go, and how many run at once. Not those that chose
among rows, or limited what was spent: the command is to be about the rows that it stands beside."""
_DEFAULTS: Final[Mapping[str, Any]] = {
    "concurrency": 100,
    "on_credit": "pause",
    "name": "{key}{ext}",
}


class Advice(NamedTuple):
    """What a person can do about some rows."""

    sentence: str
    command: str
    """The command, or an empty text."""


class Commands:
    """The commands for one run.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        # Whoever reads the report may stand in another folder, or be told to on another day.
        self._root = folder.root.absolute()
        self._record = read_record(folder)
        self._arguments = self._record.arguments

    def run(self, *more: str) -> str:
        """Return the command that goes on with the run; empty if a program carried it out."""
        manifest = self._arguments.get("manifest")
        if not _is_list(manifest) or not manifest:
            return ""
        options = [*self._options(), "--out", str(self._root), *more]
        words = ["akool", "run", *self._files(list(map(str, manifest))), *map(shlex.quote, options)]
        where = self._record.directory
        return " ".join([f"cd {shlex.quote(where)} &&", *words] if where else words)

    def fetch(self) -> str:
        """Return the command that saves results without a file."""
        return shlex.join(["akool", "fetch", str(self._root)])

    def about(self, group: FailureGroup, beside: int = 0) -> Advice:
        """Return what can be done about the rows of a group.

        Args:
            group: The group.
            beside: How many other rows of its operation `akool run` would send, too.
        """
        status, error, operation = group.key.status, group.key.error, group.key.operation
        only = ["--only", operation] if operation else []
        if beside and not group.more and group.count <= _MOST_KEYS:
            beside = 0
            only = [word for row in group.rows for word in ("--only", glob.escape(row.key))]
        if status == State.UNKNOWN:
            return self._decision(group)
        if status == State.REFUSED:
            if not operation or error in {"InvalidInput", "KeyConflict"}:
                sentence = "Nothing was paid. Correct the row in the manifest, then:"
            else:
                sentence = "Nothing was paid. The same command sends these rows again:"
            return self._advice(sentence, only)
        if status == State.CREATED:
            return self._advice("Akool has the jobs. The same command goes on waiting:", only)
        if status == State.FAILED:
            code = str(group.key.code) if group.key.code is not None else error
            retry = f"--retry-failed={code}" if code else "--retry-failed=any"
            also = f" It sends, and pays for, {beside:,} other rows of {operation}, too:"
            sentence = "This sends these rows, and pays for them, again"
            return self._advice(f"{sentence}{f'.{also}' if beside else ':'}", [retry, *only])
        sentence = "A row with a new key is made, and paid for, again."
        if status == State.EXPIRED:
            return Advice(f"Akool has deleted the results. {sentence}", "")
        return Advice(f"They were given up. {sentence}", "")

    def _decision(self, group: FailureGroup) -> Advice:
        key = group.rows[0].key if group.rows else "KEY"
        journal = shlex.quote(str(RunFolder.at(self._root).journal))
        return Advice(
            "Nobody knows whether Akool made these jobs: look at the account, then decide about"
            " each key. --resend pays again for one that was made.",
            f"akool journal resolve {shlex.quote(key)} --file {journal}"
            " (--accept ID | --resend | --abandon)",
        )

    def _advice(self, sentence: str, more: Sequence[str]) -> Advice:
        command = self.run(*more)
        if _STDIN in self._arguments.get("manifest", ()):
            sentence = f"{sentence.removesuffix(':')}, with the same rows on its standard input:"
        return Advice(sentence, command or _in_a_program(more))

    def _files(self, names: Sequence[str]) -> list[str]:
        """Return the words that name the manifest's files to a shell."""
        pattern = _pattern_of(names, self._record.directory) if len(names) > _MOST_FILES else ""
        return [pattern] if pattern else list(map(shlex.quote, names))

    def _options(self) -> list[str]:
        words: list[str] = []
        for name in _REPEATED:
            value, option = self._arguments.get(name), f"--{name.rstrip('_').replace('_', '-')}"
            if value in (None, False, [], "") or value == _DEFAULTS.get(name):
                continue
            if value is True:
                words.append(option)
                continue
            for each in value if _is_list(value) else [value]:
                words.append(option)
                words.append("=".join(map(str, each)) if _is_list(each) else str(each))
        return words

    @property
    def manifests(self) -> str:
        """The names of the manifests: of the first three, if there are more."""
        names = [Path(each).name for each in self._record.manifests]
        more = len(names) - _NAMED
        return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

    @property
    def prices(self) -> dict[str, float]:
        """Return the prices that the run was given."""
        given: dict[str, float] = {}
        pairs: list[Any] = self._arguments.get("price") or []
        for pair in pairs:
            try:
                name, price = pair
                given[str(name)] = float(price)
            except (TypeError, ValueError):  # written by another version
                continue
        return given


def _in_a_program(words: Sequence[str]) -> str:
    """Return the call of a run that a program carried out, with its options as arguments."""
    arguments = ["rows", "akool", "out=..."]
    for word in words:
        name, _, value = word.partition("=")
        if name == "--retry-failed":
            arguments.append(f"retry_failed={True if value == 'any' else [value]}")
    if only := [word for before, word in pairwise(words) if before == "--only"]:
        arguments.append(f"only={only}")
    return f"batch.run({', '.join(arguments)})"


def _pattern_of(names: Sequence[str], directory: str) -> str:
    """Return a pattern that a shell takes for just these files; empty if there is none."""
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120 - as they were written
    suffixes = {os.path.splitext(name)[1] for name in names}  # noqa: PTH122
    if len(folders) > 1 or len(suffixes) > 1:
        return ""
    folder, suffix = os.path.join(folders.pop(), ""), suffixes.pop()  # noqa: PTH118
    pattern = f"{glob.escape(folder)}*{glob.escape(suffix)}"
    if sorted(glob.glob(pattern, root_dir=directory or None)) != sorted(names):  # noqa: PTH207
        return ""
    return f"{shlex.quote(folder) if folder else ''}*{shlex.quote(suffix) if suffix else ''}"


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
