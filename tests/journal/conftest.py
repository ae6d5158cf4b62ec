"""Journals in files of their own, and programs in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from akool_async.journal import Journal

_NOBODY = 65534

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """Open a journal."""
    opened = Journal(path)
    yield opened
    opened.close_now()


@pytest.fixture
def run(path: Path) -> Run:
    """Run a program in a process of its own, with the journal's path as its argument."""

    def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        source = textwrap.dedent(program)
        command = [sys.executable, "-W", "error", "-c", source, str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return _run


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Give up the right to write everything; return a folder that is ours all the same."""
    with tempfile.TemporaryDirectory() as folder:
        privileged = os.geteuid() == 0
        if privileged:
            os.chown(folder, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        try:
            yield Path(folder)
        finally:
            Path(folder).chmod(0o700)
            if privileged:
                os.seteuid(0)
