from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

API = Path(__file__).with_name("api.py")
BLOCKING = Path(__file__).with_name("blocking.py")

MYPY = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable"]
PYRIGHT = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]

STRICT = "# pyright: strict, reportUnnecessaryTypeIgnoreComment=error\n"
"""What makes pyright strict in a file of a project without settings."""

APART = '{"enableTypeIgnoreComments": false}'
"""What keeps pyright from heeding mypy's comments; no comment of a file can say so."""

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


@pytest.mark.parametrize(
    ("checker", "complaint"),
    [(MYPY, "[arg-type]"), (PYRIGHT, "reportArgumentType")],
    ids=["mypy", "pyright"],
)
def test_the_installed_package_has_the_types_that_it_promises_and_a_mistake_is_an_error_at_its_line(
    checker: list[str], complaint: str, tmp_path: Path
) -> None:
    # A folder of its own has none of this project's settings, and not its source either. One call
    # checks all: reading the package takes most of its time.
    texts = {"right.py": RIGHT, "wrong.py": WRONG}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in (API, BLOCKING)}
    for name, text in texts.items():
        (tmp_path / name).write_text(STRICT + text, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(APART)
    line = next(n for n, text in enumerate((STRICT + WRONG).splitlines(), 1) if "ten" in text)
    checked = subprocess.run(
        [*checker, *texts], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 1
    errors = [each for each in checked.stdout.splitlines() if " error: " in each]
    assert len(errors) == 1, checked.stdout
    assert f"wrong.py:{line}:" in errors[0]
    assert complaint in checked.stdout  # pyright explains a mistake in lines of their own
