"""Warnings of what Akool no longer offers as it did."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from click.testing import CliRunner

from akool_async import Akool, AkoolDeprecationWarning, InvalidInput
from akool_async.cli.namespaces import commands_of
from akool_async.client import deprecations
from akool_async.client.deprecations import warn_of
from akool_async.client.settings import AkoolSettings
from akool_async.endpoints import ENDPOINTS, RECIPES, TTS, GetCredit
from akool_async.endpoints.audio import AudioOperation
from akool_async.protocol.deprecation import Deprecated, with_note
from akool_async.protocol.endpoint import Endpoint, Lookup
from akool_async.simulator import Simulator

SPEECH: dict[str, Any] = {"input_text": "Hello", "voice_id": "v"}
DEPRECATED: dict[str, type[Endpoint[Any]]] = {
    name: cls for name, cls in ENDPOINTS.items() if cls.deprecated is not None
}
HEARD = pytest.mark.filterwarnings("always::akool_async.AkoolDeprecationWarning")
HIT = pytest.mark.filterwarnings("error::akool_async.AkoolDeprecationWarning")

pytestmark = pytest.mark.usefixtures("unwarned")


class Whisper(AudioOperation):
    """Whisper a text."""

    path = "v3/audio/whisper"

    voice_id: str
    """A voice."""
    volume: Annotated[int, Deprecated(since="2026-01-02")] = 50
    """How loud it is."""


@pytest.fixture
def unwarned() -> Iterator[None]:
    """Forget what this process has been warned of, and what it is warned of in a test."""
    known: tuple[set[Any], ...] = deprecations.SETTLED, vars(deprecations)["_TOLD"]
    before = [each.copy() for each in known]
    for each in known:
        each.clear()
    yield
    for told, kept in zip(known, before, strict=True):
        told.clear()
        told.update(kept)


def here() -> int:
    """Return the number of the line that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def heard(caught: list[warnings.WarningMessage]) -> list[tuple[str, int, str]]:
    """Return where the warnings point to, and the endpoints that they name."""
    ours = (each for each in caught if each.category is AkoolDeprecationWarning)
    return [(each.filename, each.lineno, str(each.message).partition(":")[0]) for each in ours]


@pytest.fixture
async def akool() -> Any:
    async with Simulator(pace=0.001) as simulator:
        pair = {"client_id": simulator.client_id, "client_secret": simulator.api_key}
        async with Akool(base_url=simulator.url, **pair) as akool:  # type: ignore[arg-type]
            yield akool


# When there is a warning


@HEARD
async def test_an_endpoint_warns_once_and_points_at_the_line_that_uses_it(akool: Akool) -> None:
    async def use() -> tuple[int, int]:
        await akool.audio.tts(**SPEECH)
        speech = here() - 1
        await akool.audio.tts(**SPEECH)
        await akool.submit(TTS(**SPEECH))
        await akool.audio.voices()
        return speech, here() - 1

    with pytest.warns(AkoolDeprecationWarning) as caught:
        speech, voices = await use()
    assert heard([*caught]) == [
        (__file__, speech, "Akool endpoint audio.tts"),
        (__file__, voices, "Akool endpoint audio.voices"),
    ]
    assert str(caught[0].message) == (
        "Akool endpoint audio.tts: no longer in Akool's documentation since 2025-07-31;"
        " use voice.tts"
    )


@HEARD
async def test_a_stream_of_requests_warns_at_the_line_that_reads_it(akool: Akool) -> None:
    rows: list[Any] = [
        TTS(**SPEECH),
        {"operation": "audio.clone", "input_text": "a", "voice_id": "v"},
    ]
    jobs = akool.map([*rows, *rows])
    line = here() - 1
    with pytest.warns(AkoolDeprecationWarning) as caught:
        assert len([job async for job in jobs if job.succeeded]) == 4
    assert heard([*caught]) == [
        (__file__, line, "Akool endpoint audio.tts"),
        (__file__, line, "Akool endpoint audio.clone"),
    ]


@HEARD
def test_a_deprecated_field_warns_when_it_is_given() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of(Whisper(**SPEECH))
        warn_of(Whisper(**SPEECH, volume=50))
    assert Whisper not in deprecations.SETTLED
    with pytest.warns(AkoolDeprecationWarning, match=r"\(volume=.*2026-01-02; nothing replaces it"):
        warn_of(Whisper(**SPEECH, volume=60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of(Whisper(**SPEECH, volume=70))
    assert Whisper in deprecations.SETTLED


@HIT
async def test_a_warning_that_is_an_error_comes_before_anything_is_sent(akool: Akool) -> None:
    for _ in range(2):
        with pytest.raises(AkoolDeprecationWarning):
            akool.audio.tts(**SPEECH)
    with pytest.raises(AkoolDeprecationWarning):
        await akool.audio.voices()
    with pytest.raises(AkoolDeprecationWarning):
        _ = [job async for job in akool.map([TTS(**SPEECH)])]
    assert akool.stats.requests == {}


# When there is none


@HIT
async def test_what_the_client_sends_by_itself_warns_of_nothing(akool: Akool) -> None:
    await akool.account.credit()  # its token was exchanged for the id and secret
    job = akool.video.speaking_photo(**SPEECH, talking_photo_url="https://example.com/photo.png")
    await job
    assert len(job.steps) == 1
    quiet = akool.with_settings(on_deprecated="ignore")
    async with quiet:
        token = (await quiet.audio.tts(**SPEECH).created()).token
    assert (await akool.job(token)).url
    with pytest.raises(AkoolDeprecationWarning):
        await akool.account.token()


@HIT
async def test_a_job_that_runs_may_be_looked_up(akool: Akool) -> None:
    async with akool.with_settings(on_deprecated="ignore") as quiet:
        job = await quiet.audio.tts(**SPEECH).created()
    assert (await akool.audio.get(id=job.id or "")).id == job.id


@HEARD
async def test_a_setting_silences_one_client_and_no_other(akool: Akool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with akool.with_settings(on_deprecated="ignore") as quiet:
            await quiet.audio.tts(**SPEECH)
            await quiet.audio.voices()
            assert [job.succeeded async for job in quiet.map([TTS(**SPEECH)])] == [True]
    with pytest.warns(AkoolDeprecationWarning, match=r"audio\.tts"):
        await akool.audio.tts(**SPEECH)


def test_the_setting_has_two_values() -> None:
    with pytest.raises(InvalidInput, match='on_deprecated: must be "ignore" or "warn"'):
        Akool("key", on_deprecated="raise")  # type: ignore[arg-type]


@HEARD
async def test_python_s_filters_silence_it_too(akool: Akool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", AkoolDeprecationWarning)
        await akool.audio.tts(**SPEECH)
        assert issubclass(AkoolDeprecationWarning, DeprecationWarning)


@HEARD
async def test_a_class_of_which_all_is_told_costs_a_look_at_a_set(akool: Akool) -> None:
    with pytest.warns(AkoolDeprecationWarning):
        akool.audio.tts(**SPEECH)
    await akool.call(GetCredit())
    assert {TTS, GetCredit} <= deprecations.SETTLED


# What the pages say


@pytest.mark.parametrize("name", DEPRECATED)
def test_docstring_help_and_reference_say_since_when_and_what_replaces_it(name: str) -> None:
    cls = DEPRECATED[name]
    assert cls.deprecated is not None
    title, _, verb = name.partition(".")
    assert cls.deprecated.note in (inspect.getdoc(cls) or "").split("\n\n")
    command = commands_of(title).commands[verb.replace("_", "-")]
    shown = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert cls.deprecated.note in shown


def test_what_is_deprecated_is_what_the_newest_pages_no_longer_offer() -> None:
    assert {
        name: (cls.deprecated.state, cls.deprecated.since)
        for name, cls in DEPRECATED.items()
        if cls.deprecated
    } == {
        "account.token": ("legacy", "2025-10-09"),
        "audio.clone": ("unlisted", "2025-07-31"),
        "audio.get": ("unlisted", "2025-07-31"),
        "audio.tts": ("unlisted", "2025-07-31"),
        "audio.voices": ("unlisted", "2025-07-31"),
        "faceswap.detect_legacy": ("legacy", "2026-01-07"),
        "faceswap.video": ("legacy", "2026-05-06"),
        "image.generate": ("superseded", "2026-05-18"),
        "image.replace_background": ("gone", "2026-04-14"),
        "voice.video_translation": ("unlisted", "2025-11-25"),
    }


@pytest.mark.parametrize("name", DEPRECATED)
def test_what_replaces_an_endpoint_is_one_or_an_argument_of_the_client(name: str) -> None:
    deprecated = DEPRECATED[name].deprecated
    assert deprecated is not None
    argument = deprecated.instead.removeprefix("Akool(").removesuffix("=...)")
    known = {"", "api_key", *AkoolSettings.__annotations__, *ENDPOINTS, *RECIPES}
    assert argument in known
    other = ENDPOINTS.get(argument)
    assert other is None or other.deprecated is None
    assert deprecated.state != "gone" or deprecated.instead == ""
    assert deprecated.page.startswith("https://docs.akool.com/")


def test_a_note_stands_after_the_first_paragraph_of_a_docstring() -> None:
    gone = Deprecated(since="2026-01-02", state="gone")
    docstring = with_note("Do it.\n\n    Twice.\n    ", gone)
    assert inspect.cleandoc(docstring or "") == f"Do it.\n\n{gone.note}\n\nTwice."
    assert inspect.cleandoc(with_note("Do it.", gone) or "") == f"Do it.\n\n{gone.note}"
    # As Python compiles it from 3.13 on.
    assert with_note("Do it.\n\nTwice.\n", gone) == f"Do it.\n\n{gone.note}\n\nTwice.\n"
    assert with_note(None, gone) is None


def test_lookups_are_the_only_deprecated_endpoints_that_never_warn() -> None:
    quiet = [name for name, cls in DEPRECATED.items() if issubclass(cls, Lookup)]
    assert quiet == ["audio.get"]
