"""The example notebook in a real kernel: cards change in place, and the last state is saved."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from akool_async.notebook.display import in_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
BUILD = ROOT / "docs" / "build_notebook.py"

MORE = (
    """
import asyncio
from akool_async.sync import Akool as PlainAkool

plain = PlainAkool(api_key=simulator.api_key, base_url=simulator.url)
plain_job = plain.voice.tts(input_text="Hello.", voice_id="voice-nicole")
plain_job""",
    """
while not plain_job.done():
    await asyncio.sleep(0.02)
plain.close()""",
    """
never = akool.reage.image(target_image=[Face(PHOTO)], face_reage=9, modify_image=PHOTO)
await never.created()
created = len(asyncio.all_tasks())
never.show()
same = len(asyncio.all_tasks()) == created
await akool.close()
assert same  # the card costs no task""",
)
"""A job of the synchronous client, awaited a cell later; and one whose client is closed then."""


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the notebook; return the HTML that each cell shows in the end, by its last line."""
    notebook = read()
    notebook.cells[-1:-1] = [nbformat.v4.new_code_cell(each.strip()) for each in MORE]
    place = tmp_path_factory.mktemp("notebook") / "notebook.ipynb"
    nbformat.write(notebook, place)
    # In a process of its own: jupyter leaves sockets open, and warnings are errors here.
    subprocess.run([sys.executable, str(BUILD), str(place)], check=True, capture_output=True)
    ran: Any = nbformat.read(place, as_version=4)
    return {
        cell.source.rpartition("\n")[2]: "".join(
            each.data.get("text/html", "") for each in cell.outputs if "data" in each
        )
        for cell in ran.cells
        if cell.cell_type == "code"
    }


def test_the_card_of_a_job_is_saved_as_it_was_in_the_end(cells: dict[str, str]) -> None:
    assert re.search(
        r"reage\.image.*COMPLETED.*<img src=\"http://127.0.0.1:\d+/media/", cells["job"]
    )
    assert re.search(r"Faceswap.*COMPLETED.*<img ", cells["result"])


def test_a_job_whose_client_is_closed_says_so(cells: dict[str, str]) -> None:
    shown = next(html for line, html in cells.items() if "costs no task" in line)
    assert "reage.image" in shown
    assert " closed<" in shown


def test_a_job_of_the_synchronous_client_is_followed_too(cells: dict[str, str]) -> None:
    assert re.search(r"voice\.tts.*COMPLETED.*<audio ", cells["plain_job"])


def test_progress_is_a_bar_in_its_cell(cells: dict[str, str]) -> None:
    assert "<b>4</b> of 4 ended" in cells["    speech = await each"]


def test_the_notebook_shows_the_other_values_as_cards(cells: dict[str, str]) -> None:
    assert "api key" in cells["akool"]
    assert "<audio " in cells["speech"]
    assert "simulated-voice-alma" in cells["await akool.voice.video_translation()"]
    assert "must be from -30 to 30" in cells["refused"]
    assert "voice.tts" in cells["akool.stats"]


def test_the_example_is_stored_as_it_was_run() -> None:
    notebook = read()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert all(each.output_type != "error" for cell in code for each in cell.outputs)
    for output in (each for cell in code for each in cell.outputs if "data" in each):
        output.data.pop("image/png", None)  # in base64 it may hold any word
        assert not re.search(r"/(?:home|root|tmp|work|Users)/", str(output))
    job = next(cell for cell in code if cell.source.endswith("\njob"))
    assert "COMPLETED" in job.outputs[0].data["text/html"]


def test_outside_of_a_kernel_nothing_is_shown_live() -> None:
    assert not in_notebook()


def test_the_example_fits_into_a_repository() -> None:
    assert NOTEBOOK.stat().st_size < 60_000
