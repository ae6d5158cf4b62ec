"""Face swap pro and plus, boxes, the analysis of frames, and image v4: rules and replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, Face, InvalidInput, InvalidRequest, Status
from akool_async.endpoints import (
    AnalyzeFrames,
    Box,
    CreateImage,
    DetectFaces,
    FaceMapping,
    FaceswapPlus,
    FaceswapPro,
    Image,
    Scale,
    SourceFaceInfo,
    TargetFaceInfo,
)
from akool_async.protocol.files import files_in, holds_files, with_addresses, with_paths
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

URL = "https://a.example/a.jpg"
OPTS = "1,2:3,4:5,6:7,8"
MARKED = Face(URL, opts=OPTS)


def said(document: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(document).encode())


# Pro


def test_pro_takes_fifty_pairs_in_one_request() -> None:
    request = FaceswapPro(source_image=[MARKED] * 50, target_image=[MARKED] * 50)
    assert len(request.to_wire()["targetImage"]) == 50
    assert request.to_wire()["face_enhance"] is False


def test_one_pair_needs_no_landmarks() -> None:
    assert FaceswapPro(source_image=[Face(URL)], target_image=[Face(URL)])


@pytest.mark.parametrize(
    ("sources", "targets", "field"),
    [
        ([], [], "source_image"),
        ([MARKED] * 51, [MARKED] * 51, "source_image"),
        ([MARKED, MARKED], [MARKED], "source_image"),
        ([MARKED, Face(URL)], [MARKED, MARKED], "source_image[1].opts"),
        ([MARKED, MARKED], [Face(URL), MARKED], "target_image[0].opts"),
    ],
)
def test_pro_refuses_what_are_no_pairs(
    sources: list[Face], targets: list[Face], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        FaceswapPro(source_image=sources, target_image=targets)
    assert caught.value.field == field


# Plus


def pair(**source: Any) -> FaceMapping:
    return FaceMapping(
        source_face_info=SourceFaceInfo(face_url=URL, **source), target_face_info=TargetFaceInfo()
    )


def test_plus_needs_a_mapping_unless_one_face_is_swapped() -> None:
    with pytest.raises(InvalidInput, match="face_mapping"):
        FaceswapPlus(source_url=URL, target_url=URL)
    with pytest.raises(InvalidInput, match="face_mapping"):
        FaceswapPlus(source_url=URL, target_url=URL, face_mapping=[])
    single = FaceswapPlus(source_url=URL, target_url=URL, single_face_mode=True)
    with pytest.raises(InvalidInput, match=r"model_style.*write realistic"):
        FaceswapPlus(source_url=URL, target_url=URL, single_face_mode=True, model_style="Realistic")
    assert "face_mapping" not in single.to_wire()


def test_a_box_of_detection_is_sent_as_its_corners() -> None:
    box = Box(x=30, y=0, width=250, height=280)
    request = FaceswapPlus(source_url=URL, target_url=URL, face_mapping=[pair(bbox=box)])
    (sent,) = json.loads(request.encode().body or b"")["face_mapping"]
    assert sent == {
        "source_face_info": {"face_url": URL, "bbox": [30, 0, 280, 280]},
        "target_face_info": {},
    }
    assert pair(bbox=box) == pair(bbox=box.corners)


@pytest.mark.parametrize(
    "bbox",
    [
        [300, 200, 150, 180],  # x, y, width, height (T15)
        [30, 200, 150, 180],
        [10, 10, 10, 20],
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [0, 0, float("nan"), 4],
        [0, 0, float("inf"), 4],
        [10**400, 0, 4, 4],  # a whole number that no float holds
        ["0", 0, 4, 4],
        "0,0,4,4",
    ],
)
def test_a_box_in_another_form_is_refused(bbox: Any) -> None:
    with pytest.raises(InvalidInput, match="bbox"):
        pair(bbox=bbox)


def test_the_rule_of_a_box_says_what_it_must_be() -> None:
    with pytest.raises(InvalidInput, match=r"\[x1, y1, x2, y2\].*crop_region"):
        pair(bbox=[300, 200, 150, 180])


def test_detection_says_where_its_crops_lie() -> None:
    frame = {
        "landmarks_str": [OPTS],
        "region": [[80, 50, 150, 180]],
        "crop_region": [[30, 0, 250, 280]],
        "face_urls": ["https://a.example/crop.jpg"],
        "crop_landmarks": [OPTS],
    }
    reply = said({"error_code": 0, "error_msg": "SUCCESS", "faces_obj": {"0": frame}})
    found = DetectFaces(image_url=URL).decode(reply)
    assert found.boxes == (Box(x=80, y=50, width=150, height=180),)
    assert [box.corners for box in found.crop_boxes] == [(30, 0, 280, 280)]


@pytest.mark.parametrize(
    ("target", "expected"),
    [(URL, "image"), ("https://a.example/v.MP4?x=1", "video"), (Path("a.mov"), "video")],
)
def test_a_swap_in_a_video_makes_a_video(target: Any, expected: str) -> None:
    request = FaceswapPlus(source_url=URL, target_url=target, single_face_mode=True)
    assert request.family.media_of(request) == expected
    assert request.family.media_of(FaceswapPlus) == "image"


def test_files_in_a_mapping_are_found_and_replaced() -> None:
    info = SourceFaceInfo(face_url=Path("face.jpg"))
    mapping = FaceMapping(source_face_info=info, target_face_info=TargetFaceInfo())
    request = FaceswapPlus(source_url=URL, target_url=URL, face_mapping=[mapping])
    assert holds_files(request)
    (file,) = files_in(request)
    assert (file.field, file.path) == (
        "face_mapping[0].source_face_info.face_url",
        Path("face.jpg"),
    )
    sent = with_addresses(request, lambda path: f"https://b.example/{path.name}")
    assert not holds_files(sent)
    assert sent.face_mapping is not None
    assert sent.face_mapping[0].source_face_info.face_url == "https://b.example/face.jpg"


def test_a_text_in_a_mapping_may_name_a_file() -> None:
    document = [{"source_face_info": {"face_url": "face.jpg"}, "target_face_info": {}}]
    found = with_paths(FaceswapPlus, {"face_mapping": document}, folder="/pictures")
    assert found["face_mapping"][0]["source_face_info"]["face_url"] == Path("/pictures/face.jpg")


# The analysis of frames


def test_no_persons_are_a_success() -> None:
    reply = said({"success": True, "frame_count": 1, "persons": []})
    found = AnalyzeFrames(frame_urls=[URL]).decode(reply)
    assert (found.persons, found.frame_count) == ((), 1)


def test_a_person_needs_no_more_than_an_id_and_its_box_is_taken_by_a_swap() -> None:
    person = {"person_id": "person_0", "bbox": [1, 2, 3, 4], "appearances": [{"frame_idx": 0}]}
    reply = said({"success": True, "frame_count": 1, "persons": [person]})
    (found,) = AnalyzeFrames(frame_urls=[URL]).decode(reply).persons
    assert (found.person_id, found.bbox) == ("person_0", (1, 2, 3, 4))
    assert pair(bbox=found.bbox)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"frame_urls": []}, "frame_urls"),
        ({"frame_urls": ["frame.jpg"]}, "frame_urls"),
        ({"frame_urls": [URL], "timestamps": []}, "timestamps"),
        ({"frame_urls": [URL], "timestamps": [0.0, 1.0]}, "timestamps"),
        ({"frame_urls": [URL], "timestamps": [float("nan")]}, "timestamps"),
        ({"frame_urls": [URL], "expand_ratio": 1.5}, "expand_ratio"),
        ({"frame_urls": [URL], "expand_ratio": -0.1}, "expand_ratio"),
    ],
)
def test_an_analysis_keeps_to_its_rules(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        AnalyzeFrames(**arguments)
    assert caught.value.field == field


async def test_an_analysis_is_a_read_and_goes_to_the_host_of_detection() -> None:
    assert AnalyzeFrames.repeatable
    assert not AnalyzeFrames.starts_job
    async with Simulator() as simulator:
        settings: Any = {"base_url": "http://127.0.0.1:9", "detect_url": simulator.url}
        async with Akool(simulator.api_key, **settings) as akool:
            frames = [f"{URL}?faces=1", f"{URL}?faces=2"]
            found = await akool.faceswap.analyze_frames(frame_urls=frames, timestamps=[0.5, 1.5])
    assert [len(person.appearances) for person in found.persons] == [2, 1]
    assert found.persons[1].first_seen == 1.5


async def test_the_simulator_refuses_in_the_envelope_of_the_analysis() -> None:
    async with Simulator() as simulator, Akool(simulator.api_key, base_url=simulator.url) as akool:
        with pytest.raises(InvalidRequest, match="frame_urls"):
            await akool.call(_Unsound(frame_urls=[URL]))


class _Unsound(AnalyzeFrames):
    """A request that the client takes and Akool does not."""

    def body_fields(self) -> dict[str, Any]:
        """Leave the frames out."""
        return {"frame_urls": []}


# Image v4


def test_a_picture_is_asked_for_once_whatever_is_left_out() -> None:
    wire = CreateImage(prompt="a lake", webhook_url="https://a.example/hook").to_wire()
    assert wire == {
        "prompt": "a lake",
        "scale": "1:1",
        "resolution": "4k",
        "batch_quantity": 1,
        "webhookurl": "https://a.example/hook",
    }
    assert CreateImage(prompt="a lake", scale=Scale.SIXTEEN_TO_NINE).to_wire()["scale"] == "16:9"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"batch_quantity": 2}, "batch_quantity"),
        ({"batch_quantity": True}, "batch_quantity"),
        ({"scale": "Original"}, "scale"),
        ({"scale": "5:4"}, "scale"),
        ({"similar": 0.5}, "similar"),
        ({"similar": 1.5, "source_images": [URL]}, "similar"),
        ({"model_name": "wavespeed-ai/flux-kontext-dev"}, "source_images"),
        ({"source_images": []}, "source_images"),
        ({"source_images": ["lake.jpg"]}, "source_images"),
        ({"resolution": "4K"}, "resolution"),
        ({"resolution": "1080P"}, "resolution"),
        ({"resolution": "1080"}, "resolution"),
        ({"resolution": ""}, "resolution"),
        ({"resolution": " "}, "resolution"),
        ({"prompt": ""}, "prompt"),
    ],
)
def test_image_v4_keeps_to_its_rules(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CreateImage(**{"prompt": "a lake", **fields})
    assert caught.value.field == field


def test_several_pictures_are_refused_with_the_way_to_get_them() -> None:
    with pytest.raises(InvalidInput, match=r"must be 1, .* as akool\.map does"):
        CreateImage(prompt="a lake", batch_quantity=4)


def test_a_misspelt_resolution_is_refused_with_the_right_spelling() -> None:
    with pytest.raises(InvalidInput, match="write 4k"):
        CreateImage(prompt="a lake", resolution="4K")


def test_a_resolution_that_is_new_is_taken() -> None:
    assert CreateImage(prompt="a lake", resolution="2k").resolution == "2k"


def test_a_picture_that_stands_among_the_upscaled_ones_only_is_the_result() -> None:
    image = Image(id="a", status=Status.COMPLETED, upscaled_urls=("", " https://b.example/1.jpg"))
    assert image.url == "https://b.example/1.jpg"
    assert Image(id="a", status=Status.PROCESSING, upscaled_urls=image.upscaled_urls).url == ""
