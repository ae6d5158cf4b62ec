from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API = Path(__file__).with_name("api.py")
BLOCKING = Path(__file__).with_name("blocking.py")

MYPY = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable"]
PYRIGHT = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]

STRICT = "# pyright: strict, reportUnnecessaryTypeIgnoreComment=error\n"
"""What makes pyright strict in a file of a project without settings."""

RIGHT = """
import asyncio

from akool_async import Akool, Face
from akool_async.endpoints import Faceswap


async def older(photo: str) -> Faceswap:
    async with Akool() as akool:
        return await akool.reage.image(
            target_image=[Face(photo)], face_reage=10, modify_image=photo
        )


asyncio.run(older("https://photos.example/ann.jpg"))
"""

WRONG = RIGHT.replace("face_reage=10", 'face_reage="ten"')


def check(command: list[str], folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    """Check files, with the settings of a folder."""
    return subprocess.run(
        [*command, *map(str, files)], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_the_api_has_the_types_that_it_promises_and_mistakes_stay_mistakes(
    checker: list[str],
) -> None:
    checked = check(checker, ROOT, API, BLOCKING)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("checker", "complaint"),
    [(MYPY, "[arg-type]"), (PYRIGHT, "reportArgumentType")],
    ids=["mypy", "pyright"],
)
def test_users_scripts_see_the_types_of_the_installed_package_and_a_mistake_is_an_error_at_its_line(
    checker: list[str], complaint: str, tmp_path: Path
) -> None:
    # A folder of its own has none of this project's settings, and not its source either.
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(STRICT + RIGHT)
    wrong.write_text(STRICT + WRONG)
    line = next(n for n, text in enumerate((STRICT + WRONG).splitlines(), 1) if "ten" in text)
    checked = check(checker, tmp_path, right, wrong)
    assert checked.returncode == 1
    (error,) = [each for each in checked.stdout.splitlines() if " error: " in each]
    assert f"wrong.py:{line}:" in error
    assert complaint in checked.stdout
