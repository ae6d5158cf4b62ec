"""A check of a manifest compares rows with what their models can do, if it is given the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from akool_async.batch.check import check
from akool_async.batch.model_check import ModelCheck
from akool_async.endpoints import Model, ModelResolution
from akool_async.errors import TransportError

MODEL = Model(
    value="a-model", type=1501, resolution_list=(ModelResolution(value="720p"),), duration_list=(5,)
)
ROW: dict[str, Any] = {
    "operation": "image2video.batch",
    "image_url": "https://media.example/still.png",
    "prompt": "slow push in",
    "resolution": "720p",
    "video_length": 5,
    "model_name": "a-model",
}


class Models:
    """Akool's models, and how often they were asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.types: list[int] = []

    def __call__(self, type: int) -> tuple[Model, ...]:
        self.types.append(type)
        if self.error is not None:
            raise self.error
        return (MODEL,)


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_that_their_models_cannot_carry_out_are_faults(tmp_path: Path) -> None:
    rows = written(
        tmp_path,
        ROW,
        ROW | {"resolution": "4k"},
        ROW | {"model_name": "of yesterday", "prompt": "pan left"},
        {"operation": "audio.tts", "input_text": "Hello.", "voice_id": "nicole"},
    )
    models = Models()
    checked = check(str(rows), models=ModelCheck(models))
    (group,) = checked.faults
    first, second = group.first
    assert (first.line, first.column) == (2, "resolution")
    assert "must be one of 720p (model a-model)" in first.sentence
    assert (second.line, second.column) == (3, "model_name")
    assert "must be a model of type 1501: a-model" in second.sentence
    assert checked.operations == {"image2video.batch": 1, "audio.tts": 1}
    assert models.types == [1501]


def test_nothing_is_asked_for_without_a_row_that_names_a_model(tmp_path: Path) -> None:
    row = {name: value for name, value in ROW.items() if name != "model_name"}
    models = Models()
    assert check(str(written(tmp_path, row)), models=ModelCheck(models)).ok
    assert models.types == []


def test_models_that_are_not_to_be_had_are_a_notice_and_no_fault(tmp_path: Path) -> None:
    models = Models(TransportError("no network"))
    rows = written(tmp_path, ROW, ROW | {"resolution": "4k"})
    checked = check(str(rows), models=ModelCheck(models))
    assert checked.ok
    assert any("models were not checked: no network" in line for line in checked.lines())
    assert models.types == [1501]


def test_rows_are_compared_with_no_model_unless_that_is_asked_for(tmp_path: Path) -> None:
    assert check(str(written(tmp_path, ROW | {"resolution": "4k"}))).ok


@pytest.mark.parametrize("models", [None, ModelCheck(Models())])
def test_the_other_check_of_each_row_goes_on_beside_it(
    tmp_path: Path, models: ModelCheck | None
) -> None:
    seen: list[Any] = []
    check(str(written(tmp_path, ROW)), inspect=seen.append, models=models)
    assert len(seen) == 1
