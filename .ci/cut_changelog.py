"""Cut a release in CHANGELOG.md and set the version: `python .ci/cut_changelog.py 0.2.0`.

What stands under Unreleased becomes the new version's, and Unreleased is empty again.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
UNRELEASED = "## [Unreleased]\n"
RELEASED = re.compile(r"^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", re.MULTILINE)
SPELLED = re.compile(r'(?<=^__version__ = ")[^"]+(?="$)', re.MULTILINE)


def cut(changelog: str, version: str, day: str) -> str:
    """Return a changelog in which what was unreleased belongs to a version.

    Raises:
        ValueError: There is nothing to release, or the version is none that can come next.
    """
    before, found, after = changelog.partition(UNRELEASED)
    notes = after.partition("\n## [")[0].strip()
    if not found or not notes:
        raise ValueError("CHANGELOG.md has nothing under Unreleased")
    _check_next(version, RELEASED.findall(changelog))
    return f"{before}{UNRELEASED}\n## [{version}] - {day}\n{after}"


def _check_next(version: str, released: list[str]) -> None:
    try:
        if str(Version(version)) != version:
            raise ValueError(f"{version} is spelled {Version(version)}")
    except InvalidVersion:
        raise ValueError(f"{version} is no version, such as 0.2.0") from None
    newest = max(map(Version, released), default=None)
    if newest is not None and Version(version) <= newest:
        raise ValueError(f"{version} does not come after {newest}")


def main() -> int:
    """Cut the release that is asked for; return the exit status."""
    changelog, package = ROOT / "CHANGELOG.md", ROOT / "akool_async/__init__.py"
    try:
        (version,) = sys.argv[1:]
        text = cut(changelog.read_text(encoding="utf-8"), version, f"{datetime.now(UTC):%Y-%m-%d}")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    spelled = SPELLED.sub(version, package.read_text(encoding="utf-8"), count=1)
    changelog.write_text(text, encoding="utf-8")
    package.write_text(spelled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
