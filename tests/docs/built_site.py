"""The documentation site as it is built: once for all processes of a test run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

BUILT = "BUILT_SITE"
"""Names the folder of a site that is built already, as `.ci/run` has built it."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the folder of the built site; the first process that asks builds it."""
    if BUILT in os.environ:
        return Path(os.environ[BUILT])
    place = tmp_path_factory.getbasetemp()
    place = (place if worker_id == "master" else place.parent) / "docs"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "site/llms.txt").exists():  # it is written last
            command = [sys.executable, "docs/build_site.py", "--into", str(place)]
            ended = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
            )
            assert ended.returncode == 0, ended.stdout + ended.stderr
    return place / "site"
