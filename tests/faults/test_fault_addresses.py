"""Addresses that no server can have are refused by name, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from akool_async import Akool, InvalidInput
from akool_async.crun import Crun, DetectFaces
from akool_async.endpoints import LipSync, VoiceClone
from akool_async.endpoints.face import Face

TROUBLES = {
    "https://https://media.example": "it names the scheme twice",
    "https://https//media.example": "it names the scheme twice",
    "https://media.examplehttps://other.example": "it names the scheme twice",
    "https://media.example\\": "it holds a backslash",
    "https://media\\example": "it holds a backslash",
    "https://${HOST}": "its placeholder ${HOST} was not filled in",
    "https://{{host}}": "its placeholder {{host}} was not filled in",
    "https://%s": "'%s' in its host is no part of a host's name",
    "https://$HOST": "'$host' in its host is no part of a host's name",
    "https://<host>": "'<host>' in its host is no part of a host's name",
    "https://media example": "it holds a space",
    " https://media.example": "it holds a space",
    "https://media\u3000example": "it holds a space",
    "https://media.example:99999": "its port is no number from 1 to 65535",
    "https://media.example:0": "its port is no number from 1 to 65535",
    "https://media.example:http": "its port is no number from 1 to 65535",
    "https://media.example:80:80": "its port is no number from 1 to 65535",
    "https://media\0.example": "it holds the control character U+0000",
    "\x1bhttps://media.example": "it holds the control character U+001B",
    "https://media.example\n": "it holds the control character U+000A",
    "https://media.example\u200b": "it holds the invisible character U+200B",
    "\u200fhttps://media.example": "it holds the invisible character U+200F",
    "https://media\u202e.example": "it holds the invisible character U+202E",
    "https://media\u2066.example": "it holds the invisible character U+2066",
    "https://med\u200dia.example": "it holds the invisible character U+200D",
    "\ufeffhttps://media.example": "it holds the invisible character U+FEFF",
    "https://med\xadia.example": "it holds the invisible character U+00AD",
    "https://media..example": "its host has a dot too many",
    "https://.media.example": "its host has a dot too many",
    "https://.": "its host has a dot too many",
    f"https://{'a' * 64}.example": "a part of its host is longer than 63 characters",
    f"https://{'a.' * 130}example": "its host is longer than 253 characters",
    "https://999.1.1.1": "its host is a number, and no IPv4 address",
    "https://1.2.3": "its host is a number, and no IPv4 address",
    "https://[::1": "its host is no IPv6 address",
    "https://[zz]": "its host is no IPv6 address",
}
"""By address: what is wrong with it."""

POSSIBLE = (
    "https://media.example",
    "https://media.example.:8443/a.png",
    "HTTPS://MEDIA.EXAMPLE/a.png",
    "https://media.example?key={{macro}}&path=a\\b",
    "https://media.example/100%/{a}|b^.png",
    "https://media.example//a.png",
    "https://archive.example/https://media.example/a.png",
    "https://me:word@media.example/a.png",
    "https://203.0.113.7/a.png",
    "https://[2001:db8::1]:8443/a.png",
    "https://bucket_name.media.example/a.png",
    "https://-odd-.media.example/a.png",
    "http://minio:9000/bucket/a.png",
    "https://m\xfcnchen.example/\xfc.png",
    "https://\u4f8b\u3048.\u30c6\u30b9\u30c8/\u753b\u50cf.png",
    "https://media.example/\U0001f468\u200d\U0001f469.png",
)


def refusal(make: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(("address", "trouble"), TROUBLES.items())
def test_a_media_address_that_no_server_can_have_is_refused_by_name(
    address: str, trouble: str
) -> None:
    error = refusal(lambda: VoiceClone(voice_url=f"{address}", input_text="hi"))
    assert error.field == "voice_url"
    assert error.rule == f"must be an http or https URL; {trouble}"


@pytest.mark.parametrize("character", ["\\", "\x7f", "\x85", "\t", "\u200b", "\u200e", "\u2028"])
def test_a_character_that_no_address_holds_is_refused_in_its_path_too(character: str) -> None:
    with pytest.raises(InvalidInput, match="it holds"):
        VoiceClone(voice_url=f"https://media.example/a{character}b.mp3", input_text="hi")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda url: LipSync(video_url=url, audio_url="https://a.example/a.mp3"), "video_url"),
        (lambda url: LipSync(video_url="https://a.example/a.mp4", audio_url=url), "audio_url"),
        (lambda url: Face(path=url, opts="1,2"), "path"),
        (lambda url: VoiceClone(input_text="hi", voice_id="v", webhook_url=url), "webhook_url"),
        (lambda url: DetectFaces(image_url=url), "image_url"),
    ],
    ids=["video", "audio", "face", "webhook", "crun"],
)
def test_every_field_for_an_address_refuses_what_no_server_can_have(make: Any, field: str) -> None:
    for address in ("https://https://a.example/x", "https://${HOST}/x", "https://a.example:x/"):
        assert refusal(lambda given=address: make(given)).field == field


@pytest.mark.parametrize("address", POSSIBLE)
def test_an_address_that_a_server_can_have_is_taken(address: str) -> None:
    assert VoiceClone(voice_url=address, input_text="hi").voice_url == address


@pytest.mark.parametrize(("address", "trouble"), TROUBLES.items())
@pytest.mark.parametrize("field", ["base_url", "detect_url"])
def test_a_base_address_that_no_server_can_have_is_refused_by_name(
    address: str, trouble: str, field: str
) -> None:
    error = refusal(lambda: Akool("key", **{field: address}))  # type: ignore[arg-type]
    assert (error.field, error.value) == (field, address)
    assert trouble in error.rule


def test_a_base_address_from_the_environment_is_checked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AKOOL_BASE_URL", "https://${HOST}")
    assert refusal(lambda: Akool("key")).field == "base_url"
    monkeypatch.setenv("CRUN_BASE_URL", "https://crun.example:port")
    assert refusal(lambda: Crun("key")).field == "base_url"


@pytest.mark.parametrize("wrong", [5, b"https://api.example", ["https://api.example"]])
def test_a_base_address_that_is_no_text_is_refused(wrong: Any) -> None:
    assert refusal(lambda: Akool("key", base_url=wrong)).field == "base_url"


@pytest.mark.parametrize("address", ["https://api.example:", "https://api.example/\u200b"])
def test_a_base_address_with_something_after_the_host_is_refused(address: str) -> None:
    assert refusal(lambda: Akool("key", base_url=address)).field == "base_url"
