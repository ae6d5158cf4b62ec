"""Starts a server and a contestant, each in a fresh process, and returns the figures."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from benchmarks.meter import Figures

ROOT = Path(__file__).parents[1]
PATIENCE = 300.0
"""Seconds after which a contestant counts as failed."""


class Failed(Exception):
    """A contestant could not be measured. The message says why."""


@contextlib.contextmanager
def server(**options: Any) -> Generator[str]:
    """Run a server with these options; yield its address."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.server", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def measure(name: str, served: dict[str, Any] | None = None, **options: Any) -> Figures:
    """Run one contestant against a server of its own, and return its figures.

    Raises:
        Failed: It failed, or did not end in time.
    """
    with server(**(served or {})) as url:
        return contest(name, url=url, **options)


def contest(name: str, **options: Any) -> Figures:
    """Run one contestant in a fresh process.

    Raises:
        Failed: It failed, or did not end in time.
    """
    command = [sys.executable, "-m", "benchmarks.contestants", name, json.dumps(options)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name}: not done after {PATIENCE:g} seconds") from None
    if done.returncode != 0:
        raise Failed(f"{name}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
