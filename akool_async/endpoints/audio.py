"""Speech: text to speech, and cloned voices."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import field

from akool_async.endpoints.namespace import Namespace, calls, lists, submits
from akool_async.endpoints.paging import Page, Pages
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Query, Webhook
from akool_async.protocol.fields import AudioUrl, Id, Rule
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import ID
from akool_async.protocol.value import Value
from akool_async.result import Result

_PAGE = "https://docs.akool.com/ai-tools-suite/audio"
_NEWER_PAGE = "https://docs.akool.com/ai-tools-suite/voiceLab"
_UNLISTED = "2025-07-31"
"""The day on which the page of VoiceLab took this page's place."""

MOST_WORDS = 5000
"""Akool's page counts the text in words."""


_RATE = r"0*(100|[0-9]{1,2})%"


def _is_rate(text: str) -> bool:
    return re.fullmatch(_RATE, text) is not None


def _is_sayable(text: str) -> bool:
    return 1 <= len(text.split()) <= MOST_WORDS


Text = Annotated[str, Rule(f"must hold 1 to {MOST_WORDS} words", _is_sayable)]
"""A text to be spoken."""

Rate = Annotated[str, Rule("must be a percentage from 0% to 100%", _is_rate)]
"""The speed of the speech, such as `80%`."""


class Audio(Result):
    """Speech, as a file."""

    media_field = "media"

    media: str = field(name="url", default="")
    """Address of the file, which may not be there yet (T25)."""
    create_time: int = 0
    """Milliseconds since 1970."""
    uid: int | None = None
    from_: int | None = field(name="from", default=None)
    input_text: str = ""
    rate: str = ""
    voice_model_id: str | None = None
    """Akool's id of the voice; lookups do not take it."""


class GetAudio(Lookup[Audio]):
    """Look up a speech by its id."""

    path = "v3/audio/infobymodelid"
    docs = _PAGE
    deprecated = Deprecated(since=_UNLISTED, instead="voice.resource", page=_NEWER_PAGE)
    parse = Reply(Audio)

    id: Id = field(name="audio_model_id")
    """The job's `id`."""


AUDIOS = Family(
    name="audio",
    result=Audio,
    lookup=lambda ids: GetAudio(id=ids[0]),
    media="audio",
    usual=Guess(5.0),
)


class AudioOperation(Webhook, Operation[Audio]):
    """The fields, and the reply, of every operation of this family."""

    family = AUDIOS
    docs = _PAGE
    parse = Reply(Audio)

    input_text: Text
    """The text to say: at most 5000 words."""
    rate: Rate = "100%"
    """The speed of the speech, from `0%` to `100%`."""


class TTS(AudioOperation):
    """Say a text in one of the listed voices."""

    path = "v3/audio/create"
    deprecated = Deprecated(since=_UNLISTED, instead="voice.tts", page=_NEWER_PAGE)

    voice_id: Id
    """A voice's `voice_id`, from `audio.voices`."""


class VoiceClone(AudioOperation):
    """Say a text in a voice cloned from a recording, or in one cloned before."""

    path = "v3/audio/clone"
    deprecated = Deprecated(since=_UNLISTED, instead="voice.clone", page=_NEWER_PAGE)
    usual = Guess(10.0)

    voice_url: AudioUrl | None = None
    """Recording of the voice to clone."""
    voice_id: Id | None = None
    """A voice's `voice_id`. The page's note asks for exactly one of the two."""

    def check(self) -> None:
        """Require exactly one source of the voice."""
        if (self.voice_url is None) == (self.voice_id is None):
            raise self.refuse("voice_url", "exactly one of voice_url and voice_id must be given")


class Voice(Value):
    """A voice."""

    voice_id: str
    """The id that `audio.tts` takes."""
    name: str = ""
    gender: str = ""
    accent: str = ""
    description: str = ""
    use_case: str = field(name="useCase", default="")
    preview: str = ""
    """Address of a sample."""
    type: int | None = None
    from_: int | None = field(name="from", default=None)
    """3 for Akool's own voices, 4 for the account's."""
    id: str = ID
    create_time: int = 0
    """Milliseconds since 1970."""
    uid: int | None = None


class ListVoices(Query[Page[Voice]]):
    """List the voices."""

    path = "v3/voice/list"
    docs = _PAGE
    deprecated = Deprecated(since=_UNLISTED, instead="voice.list", page=_NEWER_PAGE)
    parse = Pages(Voice, bare=True)

    from_: Literal[3, 4] | None = field(name="from", default=None)
    """3 for Akool's own voices, 4 for the account's; all if not given."""


class AudioNamespace(Namespace, title="audio"):
    """Text to speech and cloned voices."""

    tts = submits(TTS)
    clone = submits(VoiceClone)
    voices = lists(ListVoices)
    get = calls(GetAudio)
