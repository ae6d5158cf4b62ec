"""Translations: one language is one job, and several languages are several jobs."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, AkoolDeprecationWarning, InvalidInput, Job, Jobs
from akool_async.batch import run
from akool_async.client import deprecations
from akool_async.endpoints import (
    DubbingVoice,
    StudioVoice,
    TranslateVideo,
    Video,
)
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

URL = "https://media.example/a.mp4"
FIELDS: dict[str, Any] = {"url": URL}


@pytest.mark.parametrize(
    "language", ["ja,fr", "ja, fr", "ja,", ["ja", "fr"], ("ja",), deque(["ja", "fr"])]
)
def test_several_languages_are_no_field_of_one_request(language: Any) -> None:
    with pytest.raises(InvalidInput, match=r"each language is a job of its own.*each\(\)") as told:
        TranslateVideo(language=language, **FIELDS)
    assert told.value.field == "language"


def test_each_makes_one_request_per_language() -> None:
    voices: Any = {"ja": {"voice_id": "v1"}}
    made = TranslateVideo.each(language=["ja", "fr"], lipsync=True, voices_map=voices, **FIELDS)
    assert [each.language for each in made] == ["ja", "fr"]
    assert [each.to_wire().get("voices_map") for each in made] == [voices, None]
    assert all(each.lipsync for each in made)


@pytest.mark.parametrize(
    ("language", "voices"),
    [(["ja", "ja"], {}), ([], {}), (["ja,fr"], {}), (["ja"], {"fr": {"voice_id": "v"}})],
)
def test_languages_are_refused_before_anything_is_sent(
    language: Sequence[str], voices: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        Akool("key").video.translate(language=language, voices_map=voices, **FIELDS)


async def test_a_warning_that_is_an_error_starts_none_of_the_jobs(
    quick: Simulator,
) -> None:
    for told in (deprecations.SETTLED, vars(deprecations)["_TOLD"]):
        told.clear()  # a warning comes once in a process
    voices = {"fr": {"voice_id": "v"}}
    async with Akool(quick.api_key, base_url=quick.url) as akool:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AkoolDeprecationWarning)
            with pytest.raises(AkoolDeprecationWarning, match="voices_map"):
                akool.video.translate(language=["ja", "fr"], voices_map=voices, **FIELDS)
        await asyncio.sleep(0)
        assert not akool.stats.jobs
    assert not quick.world.jobs


def test_a_voice_of_another_language_is_refused() -> None:
    with pytest.raises(InvalidInput, match="voices of 'ja' only"):
        TranslateVideo(language="ja", voices_map={"fr": DubbingVoice(voice_id="v")}, **FIELDS)


async def test_a_sequence_of_languages_is_a_job_for_each(
    quick: Simulator, connect: Callable[..., Akool]
) -> None:
    async with connect(quick) as akool:
        jobs = akool.video.translate(language=["ja", "fr", "de"], **FIELDS)
        assert isinstance(jobs, Jobs)
        assert [type(job) for job in jobs] == [Job] * 3
        results = await jobs
        assert [video.language for video in results] == ["ja", "fr", "de"]
        assert len({video.id for video in results}) == 3
        assert quick.world.creates.total() == 3
        assert isinstance(akool.video.translate(language="ja", **FIELDS), Job)


def test_the_source_language_may_be_left_to_akool() -> None:
    assert TranslateVideo(language="ja", **FIELDS).to_wire() == {
        "url": URL,
        "source_language": "DEFAULT",
        "language": "ja",
        "lipsync": False,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("speaker_num", -1),
        ("caption_type", 5),
        ("studio_voice", {"style": "cool"}),
        ("studio_voice", {"styles": "calm"}),
        ("studio_voice", {"fixed_words": {"a": 1}}),
        ("voices_map", {"ja": 3}),
        ("caption_url", "captions.srt"),
    ],
)
def test_a_newer_field_is_checked(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as told:
        TranslateVideo(language="ja", **FIELDS, **{field: value})
    assert told.value.field.startswith(field)


def test_newer_fields_are_sent_as_akool_names_them() -> None:
    voice = StudioVoice(no_translate_words=("Akool",), pronounced_words={"a": "b"}, style="calm")
    newer: dict[str, Any] = {
        "speaker_num": 2,
        "remove_bgm": True,
        "caption_type": 3,
        "caption_url": "https://media.example/a.srt",
        "dynamic_duration": True,
        "voices_map": {"ja": {"voice_id": "v"}},
    }
    sent = TranslateVideo(language="ja", **FIELDS, **newer, studio_voice=voice).to_wire()
    told = {"no_translate_words": ("Akool",), "pronounced_words": {"a": "b"}, "style": "calm"}
    assert {name: sent[name] for name in (*newer, "studio_voice")} == newer | {"studio_voice": told}


def test_a_lookup_tells_progress_captions_and_why() -> None:
    splits = {"original_srt_url": "https://c/o.srt", "translated_srt_url": "https://c/t.srt"}
    done = {"_id": "6" * 24, "video_status": 3, "video": URL, "audio_splits": splits}
    video = decoded({**done, "progress": 100, "lipSyncType": 0})
    assert (video.progress, video.audio_splits.translated_srt_url) == (100, "https://c/t.srt")
    failed = decoded({"_id": "6" * 24, "video_status": 4, "error_code": 1203, "progress": 40})
    assert failed.reason == "Using Video and Audio [code 1203]"


def decoded(data: dict[str, Any]) -> Video:
    body = json.dumps({"code": 1000, "msg": "OK", "data": data}).encode()
    lookup = TranslateVideo.family.lookup(["6" * 24])
    video: Video = lookup.decode(HttpResponse(status=200, headers={}, body=body))
    return video


# Manifests


@pytest.mark.parametrize("language", ['["ja", "fr"]', '"ja,fr"'])
async def test_a_row_with_several_languages_is_refused_with_what_to_do(
    language: str, tmp_path: Path, quick: Simulator, connect: Callable[..., Akool]
) -> None:
    manifest = tmp_path / "rows.jsonl"
    row = f'{{"operation": "video.translate", "url": "{URL}", "language": {language}}}'
    manifest.write_text(row + "\n")
    (outcome,) = [each async for each in run(manifest, connect(quick), out=tmp_path / "out")]
    assert outcome.error == "InvalidInput"
    assert "write a row for each language" in (outcome.msg or "")
    assert quick.world.creates.total() == 0
