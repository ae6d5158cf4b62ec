"""Cards that follow their jobs, on a clock of the test's: when they change, and when they stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from akool_async import Akool, Face, Jobs
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageReage, SpeakText
from akool_async.notebook.display import in_notebook

PHOTO = "https://photos.example/ann.jpg"
REAGE = ImageReage(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Run IPython's shell as a kernel does; return what it displays."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    shell: Any = InteractiveShell.instance(config=config)
    shell.kernel = object()
    shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    yield shell.display_pub.outputs
    InteractiveShell.clear_instance()


def shown(output: dict[str, Any]) -> str:
    return str(output["data"]["text/html"])


async def test_a_card_changes_while_its_job_runs_and_no_more_after_its_end(
    outputs: list[dict[str, Any]], akool: Akool, clock: ManualClock
) -> None:
    job = await akool.submit(REAGE).created()
    job._ipython_display_()
    assert in_notebook()
    assert [("QUEUED" in shown(each), each["update"]) for each in outputs] == [(True, False)]
    await clock.advance(3)
    left = [shown(each).partition("about ")[2].partition(" left")[0] for each in outputs]
    assert len({*left}) == len(left) > 1  # each change shows another time that is left
    await clock.advance(60)
    assert "COMPLETED" in shown(outputs[-1])
    assert "<img " in shown(outputs[-1])
    assert {each["transient"]["display_id"] for each in outputs} == {
        outputs[0]["transient"]["display_id"]
    }
    ended = len(outputs)
    await clock.advance(60)
    assert len(outputs) == ended


async def test_a_card_of_a_job_that_has_ended_is_shown_once(
    outputs: list[dict[str, Any]], akool: Akool, clock: ManualClock
) -> None:
    job = akool.submit(REAGE)
    await job.created()
    await clock.advance(60)
    await job
    job.show()
    await clock.advance(60)
    assert ["COMPLETED" in shown(each) for each in outputs] == [True]


async def test_several_jobs_of_one_call_have_an_output_each(
    outputs: list[dict[str, Any]], akool: Akool
) -> None:
    Jobs([akool.submit(REAGE), akool.submit(REAGE)])._ipython_display_()
    assert len({each["transient"]["display_id"] for each in outputs}) == 2


async def test_progress_is_a_bar_that_changes_in_place(
    outputs: list[dict[str, Any]], akool: Akool, clock: ManualClock
) -> None:
    jobs = [akool.submit(SpeakText(input_text="Hello.", voice_id="v")) for _ in range(3)]
    for job in jobs:
        await job.created()
    await clock.advance(120)
    assert [job async for job in akool.progress(jobs)]
    assert "<b>3</b> of 3 ended" in shown(outputs[-1])
    assert "3 ended, " in outputs[-1]["data"]["text/plain"]
