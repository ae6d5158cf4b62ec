"""What is wrong with a manifest: one fault, with its place and a sentence."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from akool_async.protocol.value import Value

FaultKind: TypeAlias = Literal[
    "file",
    "syntax",
    "operation",
    "missing",
    "value",
    "key",
    "changed",
    "name",
    "unread",
    "gone",
    "pattern",
    "model",
]
"""Which faults belong together in a list:

- `file`: the file cannot be read as a manifest.
- `syntax`: a line cannot be read.
- `operation`: a row names no operation.
- `missing`: a parameter that the operation requires is not there.
- `value`: a value breaks a rule.
- `key`: two rows have one key.
- `changed`: the run's folder knows the key with another request.
- `name`: two rows would be saved under one file name.
- `unread`: no operation reads the column.
- `gone`: the run's folder knows the key, and no row has it.
- `pattern`: no row fits a pattern that chooses among them.
- `model`: rows name models, and what these can do is not known.
"""


class Fault(Value, frozen=True):
    """One thing that is wrong with a manifest."""

    kind: FaultKind
    sentence: str
    """What is wrong, and what to do, in words for whoever wrote the manifest."""
    file: str = ""
    """The manifest's name as it was given; `-` for standard input; empty for rows from Python."""
    line: int = 0
    """The line, from 1; in a spreadsheet or table the row's number; 0 for the whole file."""
    column: str = ""
    """The column; in a spreadsheet with its letter, as in `C (voice_id)`; empty for the row."""
    input: str = ""
    """The file that the row was made for, of those given for `each`."""
    notice: bool = False
    """Whether the run may go on all the same."""

    def __str__(self) -> str:
        """Return the fault in one line: its place, then the sentence."""
        row = f"line {self.line}" if self.line else ""
        column = f"column {self.column}" if self.column else ""
        place = ", ".join(part for part in (self.file, self.input or row, column) if part)
        return f"{place}: {self.sentence}" if place else self.sentence


_LONGEST: Final = 60


def shown(value: Any) -> str:
    """Return a value of a manifest as a sentence shows it: quoted, in one line, and short."""
    text = " ".join(str(value).split())
    text = "".join(mark if mark.isprintable() else "?" for mark in text)
    return f"'{text[:_LONGEST]}{'...' if len(text) > _LONGEST else ''}'"
