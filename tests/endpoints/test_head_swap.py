"""Head swap v4: a swap fits its analysis, or is refused before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, APIError, InvalidInput, Status
from akool_async.endpoints import (
    AnalysisResult,
    FoundPerson,
    GetHeadSwap,
    HeadAnalysis,
    HeadSwap,
    StudioAnalysis,
)
from akool_async.engine.lookup_errors import Action, action_on
from akool_async.errors import ReplyError
from akool_async.protocol.fields import plan_of
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

VIDEO, FACE = "https://media.example/a.mp4", "https://media.example/face.png"
ANALYSIS = HeadAnalysis(
    id="6a01",
    status=Status.COMPLETED,
    video_url=VIDEO,
    analysis_result=AnalysisResult(media=(FoundPerson(obj_id=0), FoundPerson(obj_id=1))),
)


def swap(**changes: Any) -> HeadSwap:
    mappings = [{"obj_id": 0, "img_url": FACE}, {"obj_id": 1, "img_url": FACE}]
    return HeadSwap(**{"video_url": VIDEO, "mappings": mappings, "resolution": "720p", **changes})


def test_a_swap_that_fits_its_analysis_is_sent_without_it() -> None:
    checked = swap(analysis=ANALYSIS)
    assert checked == swap()
    assert checked.to_wire() == swap().to_wire()
    assert HeadSwap.from_dict(checked.to_dict()) == checked
    assert "analysis" not in {plan.name for plan in plan_of(HeadSwap)}


@pytest.mark.parametrize(
    "address",
    [VIDEO + "?", "https://media.example/A.mp4", "https://MEDIA.example/a.mp4", Path("a")],
)
def test_another_address_than_the_analyzed_one_is_refused(address: Any) -> None:
    with pytest.raises(InvalidInput, match="character by character") as caught:
        swap(analysis=ANALYSIS, video_url=address)
    assert caught.value.field == "video_url"


def test_a_person_whom_the_analysis_did_not_find_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a person of the analysis") as caught:
        swap(analysis=ANALYSIS, mappings=[{"obj_id": 2, "img_url": FACE}])
    assert (caught.value.field, caught.value.value) == ("mappings[0].obj_id", 2)


@pytest.mark.parametrize(
    ("analysis", "rule"),
    [
        (HeadAnalysis(status=Status.PROCESSING, video_url=VIDEO), "must be COMPLETED"),
        ("6a01", "must be the result of an analysis, awaited"),
        (
            StudioAnalysis(status=Status.COMPLETED, source_url=VIDEO),
            "awaited: of headswap.analyze",  # Akool finds none of Swap Studio for this swap
        ),
    ],
)
def test_what_is_no_ended_analysis_is_refused(analysis: Any, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        swap(analysis=analysis)


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"mappings": []}, "mappings", "must hold 1 to 5 persons"),
        (
            {"mappings": [{"obj_id": n, "img_url": FACE} for n in range(6)]},
            "mappings",
            "must hold 1 to 5 persons",
        ),
        ({"mappings": [{"obj_id": 0, "img_url": FACE}] * 2}, "mappings", "each obj_id once"),
        ({"mappings": [{"obj_id": -1, "img_url": FACE}]}, "mappings[0].obj_id", "at least 0"),
        ({"resolution": "720P"}, "resolution", "must be written 720p"),
        ({"resolution": "720"}, "resolution", "must be written 720p"),
        ({"resolution": " 720p"}, "resolution", "must be written 720p"),
        ({"model_name": "Akool-Premium"}, "model_name", "must be written akool-premium"),
        ({"model_name": "akool/hair-swap"}, "model_name", "is a model of studio.hair"),
    ],
)
def test_bad_input_is_refused_by_name(changes: Any, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as caught:
        swap(**changes)
    assert caught.value.field == field


def test_a_model_and_a_resolution_of_tomorrow_are_taken() -> None:
    assert swap(model_name="akool-premium-2", resolution="1080P").resolution == "1080P"
    assert swap(resolution="2k").resolution == "2k"


def said(**document: Any) -> HttpResponse:
    return HttpResponse(status=200, headers={}, body=json.dumps(document).encode())


def test_the_input_of_a_swap_is_not_its_result() -> None:
    pending = {"_id": "6a02", "status": 2, "source_video_url": VIDEO, "video_url": None}
    result = GetHeadSwap(id="6a02").decode(said(code=1000, data=pending))
    assert (result.url, result.media_url, result.source_video_url) == ("", "", VIDEO)


def test_the_word_success_is_no_reason() -> None:
    analysis = HeadAnalysis(id="6a01", status=Status.COMPLETED, error_reason="success")
    assert analysis.reason == ""


def test_a_server_error_leaves_a_create_in_doubt_and_ends_no_job() -> None:
    reply = said(code=2001, msg="Server error")
    with pytest.raises(ReplyError, match="2001"):
        swap().receive(reply)
    with pytest.raises(APIError) as caught:
        GetHeadSwap(id="6a02").decode(reply)
    assert caught.value.meaning == "Server error"
    assert action_on(caught.value, 1, doubts=9) is Action.WAIT


async def test_an_analysis_and_its_swap_run_one_after_the_other() -> None:
    async with (
        Simulator(pace=0.0) as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
    ):
        analysis = await akool.headswap.analyze(video_url=VIDEO)
        heads = [{"obj_id": each.obj_id, "img_url": FACE} for each in analysis.persons]
        swapped = await akool.headswap.create(
            analysis=analysis,
            video_url=analysis.video_url,
            mappings=heads,  # type: ignore[arg-type]
            resolution="480p",
        )
    assert len(heads) == 2
    assert swapped.url.startswith(simulator.url)
    assert swapped.source_video_url == VIDEO
