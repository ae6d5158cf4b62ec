"""Face detection: two endpoints and their replies, one meaning."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aioresponses import aioresponses

from akool_async import (
    Akool,
    AuthenticationError,
    DetectionError,
    Face,
    InsufficientCredit,
    ReplyError,
    Retry,
)
from akool_async.endpoints import Box, DetectFaces, Detection, LegacyDetectFaces
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

PICTURE = "https://media.example/group.png"
CROPS = ("https://crops.example/0.png", "https://crops.example/1.png")
PNG = b"\x89PNG\r\n\x1a\n pixels"
PNG_TEXT = base64.b64encode(PNG).decode()
DATA_URI = f"data:image/png;base64,{PNG_TEXT}"

SIX = [[238, 365], [386, 363], [318, 470], [267, 539], [0, 0], [0, 0]]
FOUR = "238,365:386,363:318,470:267,539"
OTHER = "1,2:3,4:5,6:7,8"

FRAME: Mapping[str, Any] = {
    "landmarks": [SIX, SIX],
    "landmarks_str": [FOUR, OTHER],
    "region": [[150, 195, 317, 429], [1.5, 2, 3, 4]],
}
CROPPED: Mapping[str, Any] = {**FRAME, "face_urls": [*CROPS], "crop_landmarks": [OTHER, FOUR]}
FOUND: Mapping[str, Any] = {"error_code": 0, "error_msg": "SUCCESS"}


def framed(*frames: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newer endpoint's reply."""
    return {**FOUND, "faces_obj": {str(number): frame for number, frame in enumerate(frames)}}


def reply(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(document).encode())


def detected(document: object, picture: str | None = PICTURE, *, legacy: bool = False) -> Detection:
    """Return what a reply means."""
    img = None if picture else PNG_TEXT
    if legacy:
        return LegacyDetectFaces(image_url=picture, img=img).decode(reply(document))
    return DetectFaces(image_url=picture, img=img).decode(reply(document))


BOTH = pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])


def answer_of(frame: Mapping[str, Any], *, legacy: bool) -> dict[str, Any]:
    return {**FOUND, **frame} if legacy else framed(frame)


# What a reply means


@BOTH
def test_a_crop_is_a_face_with_its_landmarks_in_the_crop(*, legacy: bool) -> None:
    found = detected(answer_of(CROPPED, legacy=legacy), legacy=legacy)
    assert found.faces == (Face(CROPS[0], opts=OTHER), Face(CROPS[1], opts=FOUR))
    assert found.landmarks == (FOUR, OTHER)  # those in the whole picture


@BOTH
def test_without_crops_a_face_is_the_picture_with_its_landmarks_there(*, legacy: bool) -> None:
    found = detected(answer_of(FRAME, legacy=legacy), legacy=legacy)
    assert found.faces == (Face(PICTURE, opts=FOUR), Face(PICTURE, opts=OTHER))


@BOTH
def test_boxes_are_named_and_in_pixels(*, legacy: bool) -> None:
    found = detected(answer_of(FRAME, legacy=legacy), legacy=legacy)
    assert found.boxes == (
        Box(x=150, y=195, width=317, height=429),
        Box(x=1.5, y=2, width=3, height=4),
    )


@pytest.mark.parametrize(
    "points",
    [SIX, FOUR, f"{FOUR}:0,0:0,0", FOUR.split(":"), [*FOUR.split(":"), "0,0", "0,0"]],
    ids=["six lists", "text", "long text", "texts", "six texts"],
)
@BOTH
def test_landmarks_are_cut_to_the_four_that_akool_takes(points: Any, *, legacy: bool) -> None:
    frame = {"landmarks_str": [], "landmarks": [points], "region": [[1, 2, 3, 4]]}
    assert detected(answer_of(frame, legacy=legacy), legacy=legacy).landmarks == (FOUR,)
    cropped = {**frame, "face_urls": [CROPS[0]], "crop_landmarks": [points]}
    found = detected(answer_of(cropped, legacy=legacy), legacy=legacy)
    assert found.faces == (Face(CROPS[0], opts=FOUR),)


def test_landmarks_that_are_no_points_are_none_of_the_face_s() -> None:
    frame = {**FRAME, "landmarks_str": [FOUR, "somewhere"]}
    found = detected({**FOUND, **frame}, legacy=True)
    assert found.faces == (Face(PICTURE, opts=FOUR), Face(PICTURE))
    assert found.landmarks == (FOUR, "somewhere")


def test_fractions_of_pixels_stay_as_they_are() -> None:
    frame = {"landmarks": [[[1.5, 2], [3, 4.25], [5, 6], [7, 8]]]}
    assert detected({**FOUND, **frame}, legacy=True).landmarks == ("1.5,2:3,4.25:5,6:7,8",)


@BOTH
def test_of_an_uploaded_picture_only_crops_have_an_address(*, legacy: bool) -> None:
    whole = detected(answer_of(FRAME, legacy=legacy), None, legacy=legacy)
    assert (whole.faces, whole.landmarks) == ((), (FOUR, OTHER))
    crops = detected(answer_of(CROPPED, legacy=legacy), None, legacy=legacy)
    assert [face.path for face in crops.faces] == [*CROPS]


@pytest.mark.parametrize(
    "crops",
    [
        {"face_urls": [CROPS[0]]},
        {"crop_landmarks": [FOUR]},
        {"crop_landmarks": []},
        {"face_urls": ["crop.png", "crop.png"]},
        {"face_urls": [None, None]},
        {"crop_landmarks": [[1, 2], [3, 4]]},
        {"crop_landmarks": [{"x": 1}, {}]},
        {"crop_landmarks": [[[1], [2]], [[3], [4]]]},
        {"crop_landmarks": [FOUR, "somewhere"]},
    ],
)
@BOTH
def test_crops_that_cannot_be_used_give_way_to_the_picture(
    crops: Mapping[str, Any], *, legacy: bool
) -> None:
    found = detected(answer_of({**CROPPED, **crops}, legacy=legacy), legacy=legacy)
    assert found.faces == (Face(PICTURE, opts=FOUR), Face(PICTURE, opts=OTHER))


@pytest.mark.parametrize("document", [framed(), framed({}), {**FOUND}, {**FOUND, "region": []}])
def test_no_faces_are_a_finding_too(document: Mapping[str, Any]) -> None:
    assert detected(document) == Detection()
    assert detected(document, legacy=True) == Detection()


def test_of_a_video_the_first_frame_with_the_most_faces_counts() -> None:
    alone = {"region": [[1, 2, 3, 4]], "landmarks_str": [OTHER]}
    shown = framed({"region": []}, {}, alone, FRAME, CROPPED)
    assert detected(shown).landmarks == (FOUR, OTHER)
    assert [face.path for face in detected(shown).faces] == [PICTURE, PICTURE]


def test_frames_are_in_the_order_of_their_numbers() -> None:
    frames = {str(number): {**FRAME, "landmarks_str": [f"{number},0"]} for number in (10, 9, 2)}
    assert detected({**FOUND, "faces_obj": frames}).landmarks == ("2,0",)


def test_a_frame_is_read_as_far_as_it_can_be() -> None:
    frame = {**CROPPED, "region": "nowhere", "removed": None}
    found = detected(framed(frame))
    assert found.boxes == ()
    assert [face.path for face in found.faces] == [*CROPS]


@pytest.mark.parametrize("faces", [[5], "0", 5, {"first": {}}, {"0": []}, {"0": None}, {"0": 5}])
def test_frames_that_are_none_are_an_unreadable_reply(faces: Any) -> None:
    with pytest.raises(ReplyError):
        detected({**FOUND, "faces_obj": faces})


# What is sent


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    path = tmp_path / "face.png"
    path.write_bytes(PNG)
    return path


class Answering:
    """Answers every request with one document, and keeps the requests."""

    def __init__(self, document: object, status: int = 200) -> None:
        self.document = document
        self.status = status
        self.visits: list[Visit] = []

    async def __call__(self, visit: Visit) -> None:
        self.visits.append(visit)
        await visit.answer(json.dumps(self.document).encode(), self.status)

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the only request."""
        (visit,) = self.visits
        body: dict[str, Any] = json.loads(visit.body)
        return body


WAYS: Mapping[str, tuple[Callable[[Path], Any], str]] = {
    "bytes": (lambda _path: PNG, PNG_TEXT),
    "bytearray": (lambda _path: bytearray(PNG), PNG_TEXT),
    "memoryview": (lambda _path: memoryview(PNG), PNG_TEXT),
    "path": (lambda path: path, PNG_TEXT),
    "text of a path": (str, PNG_TEXT),
    "base64": (lambda _path: PNG_TEXT, PNG_TEXT),
    "base64 in lines": (lambda _path: "aGVs\nbG8=\n", "aGVs\nbG8=\n"),
    "long base64": (lambda _path: "QUFB" * 9999, "QUFB" * 9999),
    "data URI": (lambda _path: DATA_URI, DATA_URI),
}


@pytest.mark.parametrize("way", WAYS)
@BOTH
async def test_a_picture_is_taken_in_any_form(
    way: str, picture_file: Path, serve: Serve, *, legacy: bool
) -> None:
    make, text = WAYS[way]
    answering = Answering(answer_of(CROPPED, legacy=legacy))
    server = await serve(answering)
    async with Akool("the-key", base_url=server.url) as akool:
        found = await akool.faceswap.detect(img=make(picture_file), legacy=legacy)
    assert answering.sent["img"] == text
    assert answering.sent.keys().isdisjoint({"url", "image_url"})
    assert len(found.faces) == 2


async def test_the_newer_endpoint_is_asked_for_crops(serve: Serve) -> None:
    answering = Answering(framed(CROPPED))
    server = await serve(answering)
    async with Akool("the-key", base_url=server.url) as akool:
        await akool.faceswap.detect(image_url=PICTURE, single_face=True, num_frames=24)
    assert answering.sent == {
        "url": PICTURE,
        "num_frames": 24,
        "return_face_url": True,
        "single_face": True,
    }


async def test_the_legacy_endpoint_has_names_of_its_own(serve: Serve) -> None:
    answering = Answering({**FOUND, **FRAME})
    server = await serve(answering)
    async with Akool("the-key", base_url=server.url) as akool:
        both = await akool.faceswap.detect(image_url=PICTURE, img=PNG, legacy=True)
        assert both == await akool.call(LegacyDetectFaces(image_url=PICTURE, img=PNG_TEXT))
    first, second = answering.visits
    assert first.body == second.body
    assert json.loads(first.body) == {"image_url": PICTURE, "img": PNG_TEXT, "single_face": False}
    # Where both are given, the address counts.
    assert {face.path for face in both.faces} == {PICTURE}


# Where it is sent


NEWER_PATH = "/interface/detect-api/detect_faces"
LEGACY_PATH = "/detect"


@BOTH
async def test_detection_goes_to_the_host_of_everything_else(serve: Serve, *, legacy: bool) -> None:
    answering = Answering(answer_of(FRAME, legacy=legacy))
    server = await serve(answering)
    async with Akool("the-key", base_url=server.url) as akool:
        await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
    (visit,) = answering.visits
    assert visit.target == (LEGACY_PATH if legacy else NEWER_PATH)
    assert visit.headers["x-api-key"] == "the-key"
    assert "authorization" not in visit.headers


@BOTH
async def test_detection_goes_to_a_host_of_its_own_if_one_is_named(
    serve: Serve, *, legacy: bool
) -> None:
    answering, others = Answering(answer_of(FRAME, legacy=legacy)), Answering({})
    detector, server = await serve(answering), await serve(others)
    async with Akool("the-key", base_url=server.url, detect_url=detector.url) as akool:
        await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
    assert len(answering.visits) == 1
    assert others.visits == []


@BOTH
async def test_the_older_host_hears_of_the_key_only_when_it_is_asked(
    responses: aioresponses, *, legacy: bool
) -> None:
    hosts = {False: f"https://openapi.akool.com{NEWER_PATH}", True: "https://sg3.akool.com/detect"}
    for each, url in hosts.items():
        responses.post(url, body=json.dumps(answer_of(FRAME, legacy=each)))
    async with Akool("the-key") as akool:
        await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
    (((_method, asked), (call,)),) = responses.requests.items()
    assert str(asked) == hosts[legacy]
    assert call.kwargs["headers"]["x-api-key"] == "the-key"


async def test_a_named_detection_host_takes_the_older_one_s_place(responses: aioresponses) -> None:
    responses.post("https://faces.example/detect", body=json.dumps({**FOUND, **FRAME}))
    async with Akool("the-key", detect_url="https://faces.example") as akool:
        await akool.faceswap.detect(image_url=PICTURE, legacy=True)
    ((_method, url),) = responses.requests
    assert urlsplit(str(url)).hostname == "faces.example"


# What is refused


@pytest.mark.parametrize("status", [200, 400, 500])
@BOTH
async def test_a_picture_that_cannot_be_looked_at_is_said_so_once(
    status: int, serve: Serve, *, legacy: bool
) -> None:
    answering = Answering({"error_code": 1, "error_msg": "image decode failed"}, status)
    server = await serve(answering)
    async with Akool("the-key", base_url=server.url) as akool:
        with pytest.raises(DetectionError) as caught:
            await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
    error = caught.value
    assert (error.code, error.msg, error.http_status) == (1, "image decode failed", status)
    assert error.endpoint == ("faceswap.detect_legacy" if legacy else "faceswap.detect")
    assert "image decode failed" in str(error)
    assert len(answering.visits) == 1


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"code": 1101, "msg": "Illegal token"}, AuthenticationError),
        ({"code": 1102, "msg": "token cannot be empty"}, AuthenticationError),
        ({"code": 1006, "msg": "quota"}, InsufficientCredit),
        ({"error_code": 1101, "error_msg": "Illegal token"}, AuthenticationError),
    ],
)
@BOTH
async def test_akool_s_own_envelope_is_read_before_the_detection_s(
    document: Mapping[str, Any], expected: type[Exception], serve: Serve, *, legacy: bool
) -> None:
    server = await serve(Answering(document, 401))
    async with Akool("the-key", base_url=server.url) as akool:
        with pytest.raises(expected):
            await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)


@BOTH
async def test_detection_is_repeated_where_no_answer_came(serve: Serve, *, legacy: bool) -> None:
    async def second_time_lucky(visit: Visit) -> None:
        if len(server.visits) == 1:
            visit.reset()
        else:
            await visit.answer(json.dumps(answer_of(FRAME, legacy=legacy)).encode())

    server = await serve(second_time_lucky)
    async with Akool("the-key", base_url=server.url, retry=Retry(initial=0.001)) as akool:
        found = await akool.faceswap.detect(image_url=PICTURE, legacy=legacy)
    assert len(found.faces) == 2
    assert len(server.visits) == 2


# With the simulator, all the way


@pytest.fixture
async def crowd() -> AsyncIterator[Simulator]:
    async with Simulator(omit_rate=0.0) as simulator:
        yield simulator


@pytest.mark.parametrize("count", [0, 1, 3, 8, 12])
@BOTH
async def test_the_simulator_finds_as_many_faces_as_the_address_says(
    count: int, crowd: Simulator, *, legacy: bool
) -> None:
    async with Akool(crowd.api_key, base_url=crowd.url) as akool:
        found = await akool.faceswap.detect(image_url=f"{PICTURE}?faces={count}", legacy=legacy)
        one = await akool.faceswap.detect(
            image_url=f"{PICTURE}?faces={count}", single_face=True, legacy=legacy
        )
    assert len(found.faces) == len(found.boxes) == len(found.landmarks) == count
    assert len(one.faces) == min(count, 1)
    assert all(len((face.opts or "").split(":")) == 4 for face in found.faces)
    if not legacy:
        assert all(str(face.path).startswith(f"{crowd.url}/faces/") for face in found.faces)


@pytest.mark.parametrize("said", ["", "many", "-1", "1000000"])
async def test_an_address_that_says_no_number_shows_one_face(said: str, crowd: Simulator) -> None:
    async with Akool(crowd.api_key, base_url=crowd.url) as akool:
        found = await akool.faceswap.detect(image_url=f"{PICTURE}?faces={said}")
    assert len(found.faces) == 1


async def test_what_was_found_can_be_swapped_as_it_is(crowd: Simulator) -> None:
    async with Akool(crowd.api_key, base_url=crowd.url) as akool:
        new = await akool.faceswap.detect(image_url=f"{PICTURE}?faces=2")
        old = await akool.faceswap.detect(img=PNG)
        job = akool.faceswap.image(
            source_image=new.faces[:1], target_image=old.faces, modify_image=PICTURE
        )
        await job.created()
    request = crowd.world.jobs[job.id or ""].request
    assert request.to_wire()["sourceImage"] == (
        {"path": new.faces[0].path, "opts": new.faces[0].opts},
    )
