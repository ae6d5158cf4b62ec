from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API = Path(__file__).with_name("api.py")

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


def check(command: list[str], file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Check a file, with the settings of a folder."""
    return subprocess.run(
        [*command, str(file)], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def users_script(tmp_path: Path) -> Path:
    """A folder of its own has none of this project's settings, and not its source either."""
    return tmp_path / "script.py"


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_the_api_has_the_types_that_it_promises_and_mistakes_stay_mistakes(
    checker: list[str],
) -> None:
    checked = check(checker, API, ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_a_users_script_sees_the_types_of_the_installed_package(
    checker: list[str], users_script: Path
) -> None:
    users_script.write_text(STRICT + RIGHT)
    checked = check(checker, users_script, users_script.parent)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("checker", "complaint"),
    [(MYPY, "[arg-type]"), (PYRIGHT, "reportArgumentType")],
    ids=["mypy", "pyright"],
)
def test_a_users_mistake_is_an_error_at_its_line(
    checker: list[str], complaint: str, users_script: Path
) -> None:
    users_script.write_text(STRICT + WRONG)
    line = 1 + next(
        number for number, text in enumerate(users_script.read_text().splitlines()) if "ten" in text
    )
    checked = check(checker, users_script, users_script.parent)
    assert checked.returncode == 1
    assert f"script.py:{line}:" in checked.stdout
    assert complaint in checked.stdout
