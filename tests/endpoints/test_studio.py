"""Swap Studio V5: one request is one job, and what does not fit is refused before it is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, InvalidInput, Operation, Status
from akool_async.endpoints import (
    AnalysisResult,
    AnalyzeCharacters,
    Box,
    CharacterMapping,
    CharacterSwapV5,
    ClothingSwap,
    FoundPerson,
    GetStudioAnalysis,
    GetStudioSwap,
    HairSwap,
    HeadAnalysis,
    HeadSwapV5,
    ListStudioModels,
    MotionSwap,
    StudioAnalysis,
)
from akool_async.protocol.files import files_in, with_addresses
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from akool_async.clock import ManualClock
    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.servers import Serve, Visit

PICTURE, VIDEO = "https://media.example/a.png", "https://media.example/a.mp4"
HAIR, OTHER = "https://media.example/hair.png", "https://media.example/other.png"
AKOOL, KLING = "akool-premium-multi-person", "kling-v3.0-pro/character-swap"
MOTION = "kwaivgi/kling-v3.0-pro/motion-control"
ID = "6a0000000000000000000701"
BOXED = {"source_url": PICTURE, "source_bbox": [1, 2, 30, 40], "target_bbox": [5, 6, 70, 80]}
PERSON = {"obj_id": 0, "img_url": PICTURE}


def picture(**fields: Any) -> CharacterSwapV5:
    known = {"media_type": "image", "target_url": PICTURE, "mappings": [BOXED]}
    return CharacterSwapV5(**{**known, **fields})


def video(**fields: Any) -> CharacterSwapV5:
    known = {"media_type": "video", "target_url": VIDEO, "analyze_id": ID, "mappings": [PERSON]}
    return CharacterSwapV5(**{**known, **fields})


def motion(**fields: Any) -> MotionSwap:
    return MotionSwap(**{"video": VIDEO, "images": [PICTURE], "model_name": MOTION, **fields})


def hair(**fields: Any) -> HairSwap:
    return HairSwap(target_url=PICTURE, **fields)


def clothing(**fields: Any) -> ClothingSwap:
    known = {"target_url": VIDEO, "media_type": "video", "analyze_id": ID, "mappings": [PERSON]}
    return ClothingSwap(**{**known, **fields})


def said(data: Any) -> HttpResponse:
    body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    return HttpResponse(status=200, headers={}, body=body)


def sent(request: Operation[Any]) -> dict[str, Any]:
    return json.loads(request.encode().body or b"{}")  # type: ignore[no-any-return]


REFUSED: list[tuple[Any, dict[str, Any], str, str]] = [
    # Which fields go with which kind of media
    (picture, {"mappings": [PERSON]}, r"mappings\[0\]", "must have source_url, source_bbox"),
    (picture, {"mappings": [BOXED] * 3}, "mappings", "must hold 1 to 2 persons"),
    (picture, {"mappings": None}, "mappings", "is required for a picture"),
    (picture, {"analyze_id": ID}, "analyze_id", "is for videos"),
    (picture, {"image": PICTURE}, "image", "is for videos"),
    (picture, {"character_orientation": "video"}, "character_orientation", "is for videos"),
    (video, {"mappings": [BOXED]}, r"mappings\[0\]", "must have obj_id and img_url"),
    (video, {"mappings": []}, "mappings", "must hold 1 to 5 persons"),
    (video, {"mappings": [PERSON] * 2}, "mappings", "each obj_id once"),
    (video, {"analyze_id": None}, "analyze_id", "is required for a video with Akool's model"),
    (video, {"mappings": None}, "mappings", "is required for a video with Akool's model"),
    (video, {"image": PICTURE, "model_name": AKOOL}, "image", f"is no field of {AKOOL}"),
    (video, {"image": PICTURE}, "analyze_id|mappings", f"is no field of {KLING}"),
    (video, {"model_name": KLING}, "image", "is required for Kling"),
    (video, {"resolution": "480P"}, "resolution", "must be written 480p"),
    (picture, {"mappings": [{**BOXED, **PERSON}]}, r"mappings.*obj_id", "either obj_id and"),
    (picture, {"mappings": [{"source_url": PICTURE}]}, "mappings.*bbox", "is required beside"),
    # Boxes
    *(
        (picture, {"mappings": [{**BOXED, "target_bbox": box}]}, "mappings.*target_bbox", "corners")
        for box in ([90, 40, 80, 50], [90, 40, 91, 40], [1, 2, 3], [1, 2, 3, 4, 5], [-1, 2, 3, 4])
    ),
    (picture, {"mappings": [{**BOXED, "target_bbox": [1.5, 2, 3, 4]}]}, "mappings", "must be "),
    (picture, {"mappings": [{**BOXED, "target_bbox": "1,2,3,4"}]}, "mappings", "must be "),
    # Resolutions and names by model
    (motion, {"resolution": "720p"}, "resolution", "must be written 720P"),
    (
        motion,
        {"model_name": "pixverse/motion-control", "resolution": "1080P"},
        "resolution",
        "must be written 1080p",
    ),
    (motion, {"mode": "replace"}, "mode", "is no field of"),
    (
        motion,
        {"model_name": "kwaivgi/kling-v2.6-pro/motion-control"},
        "model_name",
        f"is a model of characterswap.create; studio.motion takes {MOTION}",
    ),
    (motion, {"model_name": KLING}, "model_name", f"is a model of studio.character; .* {MOTION}"),
    (video, {"model_name": MOTION}, "model_name", f"is a model of studio.motion; .*{KLING}"),
    # One request, one job
    (motion, {"images": [PICTURE, OTHER]}, "images", "each is a job of its own"),
    (motion, {"images": []}, "images", "must hold one picture"),
    (hair, {"images": [HAIR, OTHER]}, "images", "each is a job of its own"),
    (hair, {}, "images", "exactly one of images and mappings"),
    (hair, {"images": [HAIR], "mappings": [{"source_url": HAIR}]}, "images", "exactly one of"),
    (hair, {"mappings": [{"source_url": HAIR}] * 2}, "mappings", "target_face_index once"),
    (hair, {"mappings": []}, "mappings", "must hold 1 to 50 persons"),
    (
        hair,
        {"mappings": [{"source_url": HAIR}], "target_face_index": 1},
        "target_face_index",
        "goes with images",
    ),
    (
        hair,
        {
            "mappings": [{"source_url": HAIR, "target_face_index": n} for n in range(2)],
            "multi_shot": True,
        },
        "multi_shot",
        "is for one person",
    ),
    (clothing, {"clothing_area": "top"}, "clothing_area", "write Top"),
    (clothing, {"clothing_area": ""}, "clothing_area", "such as Full Outfit, Top, Auto"),
    (clothing, {"mappings": [PERSON] * 2}, "mappings", "each obj_id once"),
    (
        clothing,
        {"mappings": [{**PERSON, "obj_id": n} for n in range(51)]},
        "mappings",
        "must hold 1 to 50 persons",
    ),
]


@pytest.mark.parametrize(("make", "fields", "field", "rule"), REFUSED)
def test_bad_input_is_refused_by_name(make: Any, fields: Any, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as caught:
        make(**fields)
    assert re.match(field, caught.value.field)
    assert re.match(r"[A-Z]\w+\.", str(caught.value))  # the class is named first


def test_a_model_of_tomorrow_is_not_judged() -> None:
    fields: dict[str, Any] = {"mode": "animate", "character_orientation": "image"}
    assert motion(model_name="next/model", resolution="4P", **fields).resolution == "4P"
    assert video(model_name="next/model", image=PICTURE).image == PICTURE
    assert clothing(clothing_area="Left Sleeve").clothing_area == "Left Sleeve"


@pytest.mark.parametrize("images", [PICTURE, [PICTURE], (PICTURE,)])
def test_one_picture_travels_in_a_list(images: Any) -> None:
    assert sent(motion(images=images))["images"] == [PICTURE]
    assert sent(hair(images=images))["images"] == [PICTURE]
    assert motion(images=images) == MotionSwap.from_wire(motion(images=PICTURE).to_wire())


@pytest.mark.parametrize("images", [Path("face.png"), [Path("face.png")]])
def test_the_one_picture_may_be_a_file(images: Any) -> None:
    request = motion(images=images)
    (wanted,) = files_in(request)
    assert (wanted.field, wanted.path) == ("images", Path("face.png"))
    assert sent(with_addresses(request, lambda _path: OTHER))["images"] == [OTHER]
    assert request.to_wire()["images"][0].startswith("file:")


def test_a_detected_box_is_sent_as_corners_in_whole_pixels() -> None:
    box = Box(x=9.6, y=20, width=30, height=40.2)
    mapping = CharacterMapping(source_url=PICTURE, source_bbox=box, target_bbox=[1, 2, 3, 4])
    (row,) = sent(picture(mappings=[mapping]))["mappings"]
    assert row == {
        "source_url": PICTURE,
        "source_bbox": [10, 20, 40, 60],
        "target_bbox": [1, 2, 3, 4],
    }


def test_no_webhook_is_added_by_the_client() -> None:
    assert not motion().takes_address
    assert sent(motion(webhook_url="https://me.example/hook"))["webhookUrl"]


# Analyses

ANALYSIS = StudioAnalysis(
    id=ID,
    status=Status.COMPLETED,
    source_url=VIDEO,
    media_type="video",
    analysis_result=AnalysisResult(
        track_manifest_url="https://cdn.example/tracks.json", media=(FoundPerson(obj_id=0),)
    ),
)


def head(**fields: Any) -> HeadSwapV5:
    return HeadSwapV5(**{"target_url": VIDEO, "analyze_id": ID, "mappings": [PERSON], **fields})


@pytest.mark.parametrize("make", [video, head, clothing])
def test_a_swap_fits_its_analysis_or_is_refused(make: Any) -> None:
    assert make(analysis=ANALYSIS) == make()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"target_url": VIDEO + "?a=b"}, "character by character"),
        ({"analyze_id": "6a02"}, f"must be the id of the analysis, {ID}"),
        ({"mappings": [{**PERSON, "obj_id": 1}]}, "a person of the analysis"),
    ]
    for fields, rule in wrong:
        with pytest.raises(InvalidInput, match=rule):
            make(analysis=ANALYSIS, **fields)
    other = HeadAnalysis(id=ID, status=Status.COMPLETED, video_url=VIDEO)
    with pytest.raises(InvalidInput, match=r"awaited: of studio\.analyze_"):
        make(analysis=other)


def looked_up(**data: Any) -> StudioAnalysis:
    document = {"_id": ID, "status": 3, "url": VIDEO, **data}
    return GetStudioAnalysis(feature="headswap", id=ID).decode(said(document))


def test_an_analysis_of_a_video_is_not_done_before_its_tracks_are_there() -> None:
    family = AnalyzeCharacters.family
    found = {"media": [{"obj_id": 0}]}
    early = looked_up(media_type="video", analysis_result=found)
    assert family.lacks_address(early)
    assert family.without_end(early).status is Status.PROCESSING
    tracked = found | {"track_manifest_url": "https://cdn.example/tracks.json"}
    assert not family.lacks_address(looked_up(media_type="video", analysis_result=tracked))
    assert not family.lacks_address(looked_up(media_type="image", analysis_result=found))


async def test_a_video_s_tracks_are_waited_for(
    clock: ManualClock, serve: Serve, connect: Connect, elapse: Elapse
) -> None:
    found: dict[str, Any] = {"media": [{"obj_id": 0}]}

    async def answer(visit: Visit) -> None:
        data: dict[str, Any] = {"_id": ID, "status": 1, "media_type": "video"}
        if visit.method == "GET":
            tracks = {"track_manifest_url": "https://cdn.example/tracks.json"}
            late = tracks if clock.time() > 30 else {}
            data |= {"status": 3, "url": VIDEO, "analysis_result": found | late}
        body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
        await visit.answer(body, content_type="application/json")

    server = await serve(answer)
    async with connect(server.url, clock=clock) as akool:
        job = akool.studio.analyze_head(url=VIDEO)
        await elapse(clock, job.done, step=1.0)
        assert job.result().analysis_result.track_manifest_url
    assert 30 < clock.time() < 90


def test_an_analysis_without_its_tracks_is_refused() -> None:
    early = looked_up(media_type="video", analysis_result={"media": [{"obj_id": 0}]})
    with pytest.raises(InvalidInput, match="track_manifest_url"):
        head(analysis=early)


def test_an_analysis_keeps_what_no_page_shows() -> None:
    analysis = looked_up(analysis_result={"media": [{"obj_id": 0, "bbox": [1, 2, 3, 4]}]})
    assert analysis.persons == (FoundPerson(obj_id=0),)
    assert analysis.document["analysis_result"]["media"][0]["bbox"] == [1, 2, 3, 4]
    assert looked_up(analysis_result=None).persons == ()


# Routes and results


@pytest.mark.parametrize(
    "feature", ["characterSwap", "motionSwap", "headswap", "hairswap", "clothingSwap"]
)
def test_each_feature_has_its_own_models_and_results(feature: Any) -> None:
    root = f"/api/open/v5/{feature}"
    assert ListStudioModels(feature=feature).encode().path == f"{root}/models"
    lookup = GetStudioSwap(feature=feature, id=ID)
    assert lookup.encode().path == f"{root}/task/detail?_id={ID}"


@pytest.mark.parametrize("request_", [picture(), motion(), head(), hair(images=HAIR), clothing()])
def test_a_job_is_looked_up_at_its_own_feature(request_: Any) -> None:
    base = type(request_).path.removesuffix("/create")
    assert request_.family.lookup([ID]).encode().path.startswith(f"/api/open/{base}/task/detail?")


def test_a_parameter_s_name_holds_no_result_of_its_own_feature_only() -> None:
    data = {"_id": ID, "status": 3, "image": OTHER}
    assert GetStudioSwap(feature="hairswap", id=ID).decode(said(data)).url == OTHER
    assert GetStudioSwap(feature="characterSwap", id=ID).decode(said(data)).url == ""


async def test_four_shots_of_one_person_are_one_job(tmp_path: Path) -> None:
    async with (
        Simulator(pace=0.0) as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
    ):
        shots = await akool.studio.hair(target_url=PICTURE, images=[HAIR], multi_shot=True)
        await shots.save(f"{tmp_path}/shots/")
        found = await akool.studio.analyze_clothing(url=VIDEO, media_type="video")
        worn = await akool.studio.clothing(
            analysis=found,
            target_url=found.source_url,
            media_type="video",
            analyze_id=found.id,
            mappings=[{"obj_id": 1, "img_url": PICTURE}],  # type: ignore[list-item]
        )
    assert len(shots.urls) == 4
    assert len([*(tmp_path / "shots").iterdir()]) == 4
    assert worn.url
    assert simulator.world.creates["studio.hair"] == 1
