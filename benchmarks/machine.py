"""The machine and the versions of a run."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.report import Conditions

PACKAGES = (
    "akool_async",
    "aiohttp",
    "msgspec",
    "uvloop",
    "httpx",
    "httpx2",
    "requests",
    "openai",
)


def conditions(*, quick: bool) -> Conditions:
    """Return the description of this machine and environment."""
    versions = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    cores = os.cpu_count()
    return Conditions(date, f"{_processor()}, {cores} cores, {platform.system()}", versions, quick)


def version(package: str) -> str:
    """Return the installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
