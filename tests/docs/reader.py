"""A reader who follows a tutorial: saves its files, runs its commands, compares what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from tests.docs.pages import FENCED, text_of

_SAVED: Final = re.compile(r"Save this as `([\w.]+)`")
_NOT_HERE: Final = ("pip install", "python3 -m venv", ". .venv/", "export AWS_", "unset ", "#")
"""What is there already, or is for the real Akool."""
_DIFFERENT: Final = {
    r"\b[0-9a-f]{24}\b": "ID",
    r"127\.0\.0\.1:\d+": "HOST",
    r"\d+ bytes": "SIZE",
    r"expires \d+ \w{3}": "expires DAY",
    r"in \d+\.\d+s": "in SECONDS",
    r"(process|guest number|row) \d+": "COUNTED",
    r"#\d+": "ROW",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC": "TIME",
    r" {2,}": "  ",
    r"\d+ of 1000 speeches": "speeches",
}
"""What differs from run to run, each with a word for it."""


class Step(NamedTuple):
    """A block of a tutorial."""

    language: str
    text: str
    file: str
    """The file as which the text before the block says to save it; else empty."""

    @property
    def commands(self) -> str:
        """The commands of a block of shell, without those that are not for a test."""
        lines = self.text.splitlines() if self.language == "sh" else []
        return "\n".join(line for line in lines if not line.startswith(_NOT_HERE))


def steps_of(page: Path) -> list[Step]:
    """Return the blocks of a tutorial, up to what it says of the real Akool."""
    text, _, _ = text_of(page).partition("\n## With the real Akool")
    found: list[Step] = []
    end = 0
    for block in FENCED.finditer(text):
        paragraph = text[end : block.start()].strip().rpartition("\n\n")[2]
        named = _SAVED.search(paragraph.replace("\n", " "))
        found.append(Step(block[1], block[2], named[1] if named else ""))
        end = block.end()
    return found


def printed_as(shown: str, printed: str) -> bool:
    """Whether a program has printed what a page shows.

    Ids, ports, times and sizes may differ. `...` stands for anything in a line, and on a line of
    its own for any lines, or none.
    """
    lines = _alike(shown).splitlines()
    pattern = "".join("(?:.*\n)*?" if line == "..." else f"{_pattern(line)}\n" for line in lines)
    return re.fullmatch(pattern, _alike(printed)) is not None


def _pattern(line: str) -> str:
    return re.escape(line).replace(r"\.\.\.", ".*?")


def _alike(text: str) -> str:
    for pattern, name in _DIFFERENT.items():
        text = re.sub(pattern, name, text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


class Reader:
    """Follows the steps of a tutorial in the working folder, as somebody at a terminal does."""

    def __init__(self) -> None:
        self.environment = os.environ | {"PYTHONWARNINGS": "error,ignore:Akool endpoint"}
        folder = Path(sys.executable).parent
        self.environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.printed: str | None = None

    def follow(self, step: Step) -> None:
        """Save a file, run commands, or compare what the last ones have printed."""
        if step.file:
            Path(step.file).write_text(step.text)
        elif step.language == "sh" and step.commands:
            self.printed = self.run(step.commands)
        elif step.language == "text":
            assert self.printed is not None, f"nothing was run that prints {step.text!r}"
            assert printed_as(step.text, self.printed), f"{step.text}---\n{self.printed}"

    def run(self, commands: str) -> str:
        """Run commands to their end; return what they print."""
        ended = subprocess.run(
            ["/bin/sh", "-c", f"set -e\n{commands}"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # a terminal shows both
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert "Traceback" not in ended.stdout, ended.stdout
        return ended.stdout

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start a command that goes on; return its process, with what it prints."""
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
