"""Files of packages from npm, for tests of pages: fetched once, kept in `.ci/npm`, never run.

`python tests/npm_packages.py` fetches all of them; `.ci/run` does so before the tests.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import pytest

_CACHE: Final = Path(__file__).parents[1] / ".ci" / "npm"
_SECONDS: Final = 60


class Package(NamedTuple):
    """One file of one version of a package."""

    name: str
    version: str
    file: str
    integrity: str
    """The digest of the archive, as npm prints it: `npm view NAME@VERSION dist.integrity`."""

    @property
    def kept(self) -> Path:
        """Where the file is kept."""
        return _CACHE / f"{self.name}-{self.version}-{Path(self.file).name}"


AGORA: Final = Package(
    "agora-rtc-sdk-ng",
    "4.24.8",
    "AgoraRTC_N-production.js",
    "sha512-TkHDu1HxYcjfbvpmOfOAucSgMJRlphODQlVN6fwAMCh7yIKt6J4O3wITNCvUkEVi9aaZTjeJOZ+onFUu/zlnuw==",
)
AXE: Final = Package(
    "axe-core",
    "4.14.1",
    "axe.min.js",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
PACKAGES: Final = (AGORA, AXE)


def fetched(package: Package) -> Path:
    """Return the file of a package; fetch it if it is not kept yet.

    Raises:
        OSError: there is no npm, or it could not fetch the package.
        ValueError: the archive is another one.
    """
    if package.kept.exists():
        return package.kept
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        # `npm pack` fetches one archive: nothing is installed, and no script of it is run.
        command = [npm, "pack", f"{package.name}@{package.version}", "--silent"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        archives = list(Path(folder).glob("*.tgz"))
        if not archives:
            raise OSError(f"npm could not fetch {package.name}: {done.stderr.strip()[-300:]}")
        _keep(package, archives[0])
    return package.kept


def _keep(package: Package, archive: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        raise ValueError(f"{package.name} {package.version} is another archive than it was")
    with tarfile.open(archive) as opened:
        content = opened.extractfile(f"package/{package.file}")
        assert content is not None
        _CACHE.mkdir(parents=True, exist_ok=True)
        begun = _CACHE / f"{package.kept.name}.{os.getpid()}"  # another process may fetch it, too
        begun.write_bytes(content.read())
        begun.replace(package.kept)


@pytest.fixture(scope="session")
def agora_sdk() -> Path:
    """Return the script of Agora's SDK; skip the test where npm cannot fetch it."""
    try:
        return fetched(AGORA)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"needs npm, and {AGORA.name} {AGORA.version} from its registry: {error}")


@pytest.fixture(scope="session")
def axe_core() -> str:
    """Return axe's script; empty where npm cannot fetch it. Ask for it before `inside_loopback`."""
    try:
        return fetched(AXE).read_text(encoding="utf-8")
    except (OSError, subprocess.SubprocessError):
        return ""


if __name__ == "__main__":
    try:
        print(*map(fetched, PACKAGES), sep="\n")  # noqa: T201
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
