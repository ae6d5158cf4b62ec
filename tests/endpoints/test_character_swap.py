"""Character swap v4: which fields go with which model, and where the result is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from akool_async import InvalidInput, Status
from akool_async.endpoints import CharacterSwap, GetVideo
from akool_async.protocol.wire import HttpResponse

PICTURE, VIDEO = "https://media.example/a.png", "https://media.example/a.mp4"
WAN = "wavespeed-ai/wan-2.2/animate"
KLING = "kwaivgi/kling-v2.6-std/motion-control"


def swap(**fields: Any) -> CharacterSwap:
    return CharacterSwap(image=PICTURE, video=VIDEO, **fields)


def said(**data: Any) -> HttpResponse:
    document = {"code": 1000, "msg": "OK", "data": {"_id": "6a0501", **data}}
    return HttpResponse(status=200, headers={}, body=json.dumps(document).encode())


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"negative_prompt": "blur"}, "negative_prompt", f"is no field of {WAN}"),
        ({"keep_original_sound": False}, "keep_original_sound", "is no field of"),
        ({"model_name": KLING, "mode": "animate"}, "mode", f"is no field of {KLING}"),
        ({"model_name": KLING, "resolution": "720p"}, "resolution", "is no field of"),
        ({"prompt": "x" * 501}, "prompt", "at most 500 characters"),
        ({"model_name": KLING, "prompt": "x" * 5001}, "prompt", "at most 5000 characters"),
        ({"model_name": KLING, "duration": 2}, "duration", "from 3 to 30 seconds"),
        ({"duration": 121}, "duration", "from 1 to 120"),
        ({"duration": 0}, "duration", "from 1 to 120"),
        ({"resolution": "720P"}, "resolution", "must be written 720p"),
        (
            {"model_name": "kwaivgi/kling-v3.0-pro/motion-control"},
            "model_name",
            "is a model of studio.motion; characterswap.create takes .*kling-v2.6-pro",
        ),
    ],
)
def test_what_a_model_does_not_take_is_refused(fields: Any, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as caught:
        swap(**fields)
    assert caught.value.field == field


def test_an_unknown_model_is_not_judged() -> None:
    fields: dict[str, Any] = {"resolution": "4K", "mode": "animate", "negative_prompt": "blur"}
    assert swap(model_name="next/model", **fields).resolution == "4K"


def test_the_webhook_is_spelt_with_a_small_u() -> None:
    assert "webhookurl" in swap(webhook_url="https://me.example/hook").to_wire()


def test_the_receipt_says_status_and_the_lookup_video_status() -> None:
    assert swap().receive(said(status=2)).status is Status.PROCESSING
    assert GetVideo(id="6a0501").decode(said(video_status=2)).status is Status.PROCESSING


def test_the_input_video_is_not_the_result() -> None:
    result = GetVideo(id="6a0501").decode(said(video_status=3, video_url=VIDEO, video=""))
    assert (result.url, result.video_url) == ("", VIDEO)


def test_a_failure_says_why_and_costs_nothing() -> None:
    reply = said(video_status=4, faceswap_fail_reason="No face.", deduction_credit=0)
    result = GetVideo(id="6a0501").decode(reply)
    assert (result.reason, result.credits) == ("No face.", 0)


@pytest.mark.parametrize(
    ("fields", "credits"),
    [
        ({"duration": 12, "resolution": "720p"}, 30),
        ({"duration": 5}, 10),
        ({"duration": 6, "resolution": "480p"}, 10),
        ({"duration": 10, "model_name": KLING}, 20),
        ({"duration": 10, "model_name": KLING.replace("std", "pro")}, 20),
        ({"duration": 10, "model_name": "next/model"}, None),
        ({}, None),
    ],
)
def test_the_documented_price_is_worked_out(fields: Any, credits: float | None) -> None:
    assert swap(**fields).estimate() == credits
