"""The commands that a person goes on with: those that repeat, decide or fetch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from akool_async.batch.folder import RunFolder
from akool_async.batch.record import read_arguments
from akool_async.batch.report.failures import FailureGroup
from akool_async.journal import State

_MOST_FILES: Final = 5
_REPEATED: Final = (
    "operation",
    "set_",
    "map_",
    "each",
    "dedupe",
    "sheet",
    "out",
    "concurrency",
    "limits",
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
        self._folder = folder
        self._arguments = read_arguments(folder)

    def run(self, *more: str) -> str:
        """Return the command that goes on with the run; empty if a program carried it out."""
        manifest = self._arguments.get("manifest")
        if not _is_list(manifest) or not manifest:
            return ""
        files = [str(each) for each in manifest[:_MOST_FILES]]
        words = [*map(shlex.quote, files), *(["…"] if len(manifest) > _MOST_FILES else [])]
        words += [shlex.quote(each) for each in (*self._options(), *more)]
        return " ".join(["akool", "run", *words])

    def fetch(self) -> str:
        """Return the command that saves results without a file."""
        return shlex.join(["akool", "fetch", str(self._folder.root)])

    def about(self, group: FailureGroup) -> Advice:
        """Return what can be done about the rows of a group."""
        status, error, operation = group.key.status, group.key.error, group.key.operation
        only = ["--only", operation] if operation else []
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
            return self._advice("This sends these rows, and pays for them, again:", [retry, *only])
        sentence = "A row with a new key is made, and paid for, again."
        if status == State.EXPIRED:
            return Advice(f"Akool has deleted the results. {sentence}", "")
        return Advice(f"They were given up. {sentence}", "")

    def _decision(self, group: FailureGroup) -> Advice:
        key = group.rows[0].key if group.rows else "KEY"
        journal = shlex.quote(str(self._folder.journal))
        return Advice(
            "Nobody knows whether Akool made these jobs: look at the account, then decide about"
            " each key. --resend pays again for one that was made.",
            f"akool journal resolve {shlex.quote(key)} --file {journal}"
            " (--accept ID | --resend | --abandon)",
        )

    def _advice(self, sentence: str, more: Sequence[str]) -> Advice:
        return Advice(sentence, self.run(*more) or _in_a_program(more))

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
    if "--only" in words:
        arguments.append(f"only={[words[-1]]}")
    return f"batch.run({', '.join(arguments)})"


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
