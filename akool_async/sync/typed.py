"""The namespaces of a synchronous client, for type checkers and editors.

`python -m akool_async.endpoints` makes this file from the namespaces of the asynchronous client. It
is never imported.
"""

# ruff: noqa: D102 - the texts stand in the asynchronous client
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, overload

from akool_async.endpoints.account import Account as _Account
from akool_async.endpoints.audio import AudioNamespace as _AudioNamespace
from akool_async.endpoints.avatar import AvatarNamespace as _AvatarNamespace
from akool_async.endpoints.characterswap import CharacterSwapNamespace as _CharacterSwapNamespace
from akool_async.endpoints.faceswap import FaceswapNamespace as _FaceswapNamespace
from akool_async.endpoints.headswap import HeadSwapNamespace as _HeadSwapNamespace
from akool_async.endpoints.image import ImageNamespace as _ImageNamespace
from akool_async.endpoints.image2video import ImageToVideoNamespace as _ImageToVideoNamespace
from akool_async.endpoints.knowledge import KnowledgeNamespace as _KnowledgeNamespace
from akool_async.endpoints.models import ModelsNamespace as _ModelsNamespace
from akool_async.endpoints.moderation import ModerationNamespace as _ModerationNamespace
from akool_async.endpoints.reage import ReageNamespace as _ReageNamespace
from akool_async.endpoints.streaming import StreamingNamespace as _StreamingNamespace
from akool_async.endpoints.studio import StudioNamespace as _StudioNamespace
from akool_async.endpoints.text2video import TextToVideoNamespace as _TextToVideoNamespace
from akool_async.endpoints.video import Video, _Translated
from akool_async.endpoints.video import VideoNamespace as _VideoNamespace
from akool_async.endpoints.voice import VoiceNamespace as _VoiceNamespace
from akool_async.sync.calls import blocking
from akool_async.sync.job import Job, Jobs
from akool_async.sync.namespace import Namespace


class Account(Namespace):
    """Credit and tokens."""

    credit = blocking(_Account.credit)
    token = blocking(_Account.token)


class AudioNamespace(Namespace):
    """Text to speech and cloned voices."""

    tts = blocking(_AudioNamespace.tts)
    clone = blocking(_AudioNamespace.clone)
    voices = blocking(_AudioNamespace.voices)
    get = blocking(_AudioNamespace.get)


class AvatarNamespace(Namespace):
    """Avatars: Akool's, and the account's own."""

    upload = blocking(_AvatarNamespace.upload)
    list = blocking(_AvatarNamespace.list)
    get = blocking(_AvatarNamespace.get)


class CharacterSwapNamespace(Namespace):
    """Character swap v4: a picture's person moves as in a video."""

    create = blocking(_CharacterSwapNamespace.create)
    get = blocking(_CharacterSwapNamespace.get)


class FaceswapNamespace(Namespace):
    """Face swap in images and videos."""

    image = blocking(_FaceswapNamespace.image)
    video = blocking(_FaceswapNamespace.video)
    pro = blocking(_FaceswapNamespace.pro)
    plus = blocking(_FaceswapNamespace.plus)
    swap = blocking(_FaceswapNamespace.swap)
    detect_legacy = blocking(_FaceswapNamespace.detect_legacy)
    analyze_frames = blocking(_FaceswapNamespace.analyze_frames)
    results = blocking(_FaceswapNamespace.results)
    delete = blocking(_FaceswapNamespace.delete)
    cancel = blocking(_FaceswapNamespace.cancel)
    live_create = blocking(_FaceswapNamespace.live_create)
    live_update = blocking(_FaceswapNamespace.live_update)
    live_close = blocking(_FaceswapNamespace.live_close)
    detect = blocking(_FaceswapNamespace.detect)


class HeadSwapNamespace(Namespace):
    """Head swap v4: persons in a video get other heads."""

    analyze = blocking(_HeadSwapNamespace.analyze)
    create = blocking(_HeadSwapNamespace.create)
    get = blocking(_HeadSwapNamespace.get)
    get_analysis = blocking(_HeadSwapNamespace.get_analysis)


class ImageNamespace(Namespace):
    """Images generated, refined and put before other backgrounds."""

    create = blocking(_ImageNamespace.create)
    generate = blocking(_ImageNamespace.generate)
    refine = blocking(_ImageNamespace.refine)
    replace_background = blocking(_ImageNamespace.replace_background)
    get = blocking(_ImageNamespace.get)


class ImageToVideoNamespace(Namespace):
    """Videos out of pictures, with a text or an effect."""

    create = blocking(_ImageToVideoNamespace.create)
    batch = blocking(_ImageToVideoNamespace.batch)
    audio = blocking(_ImageToVideoNamespace.audio)
    results = blocking(_ImageToVideoNamespace.results)
    effects = blocking(_ImageToVideoNamespace.effects)
    delete = blocking(_ImageToVideoNamespace.delete)


class KnowledgeNamespace(Namespace):
    """Knowledge bases for live avatars."""

    list = blocking(_KnowledgeNamespace.list)
    create = blocking(_KnowledgeNamespace.create)
    get = blocking(_KnowledgeNamespace.get)
    update = blocking(_KnowledgeNamespace.update)
    delete = blocking(_KnowledgeNamespace.delete)


class ModelsNamespace(Namespace):
    """The models that make videos, and what each can do."""

    list = blocking(_ModelsNamespace.list)
    check = blocking(_ModelsNamespace.check)
    forget = blocking(_ModelsNamespace.forget)


class ModerationNamespace(Namespace):
    """Moderation of pictures, videos, recordings and texts."""

    analyze = blocking(_ModerationNamespace.analyze)
    get = blocking(_ModerationNamespace.get)


class ReageNamespace(Namespace):
    """Reage in images and videos."""

    image = blocking(_ReageNamespace.image)
    video = blocking(_ReageNamespace.video)
    photo = blocking(_ReageNamespace.photo)
    results = blocking(_ReageNamespace.results)
    delete = blocking(_ReageNamespace.delete)
    cancel = blocking(_ReageNamespace.cancel)


class StreamingNamespace(Namespace):
    """Live avatars and their sessions."""

    session = blocking(_StreamingNamespace.session)
    avatars = blocking(_StreamingNamespace.avatars)
    avatar = blocking(_StreamingNamespace.avatar)
    get = blocking(_StreamingNamespace.get)
    close = blocking(_StreamingNamespace.close)
    sessions = blocking(_StreamingNamespace.sessions)
    reap = blocking(_StreamingNamespace.reap)


class StudioNamespace(Namespace):
    """Swap Studio V5: characters, motion, heads, hair and clothing."""

    character = blocking(_StudioNamespace.character)
    motion = blocking(_StudioNamespace.motion)
    head = blocking(_StudioNamespace.head)
    hair = blocking(_StudioNamespace.hair)
    clothing = blocking(_StudioNamespace.clothing)
    analyze_character = blocking(_StudioNamespace.analyze_character)
    analyze_head = blocking(_StudioNamespace.analyze_head)
    analyze_clothing = blocking(_StudioNamespace.analyze_clothing)
    models = blocking(_StudioNamespace.models)
    get = blocking(_StudioNamespace.get)
    get_analysis = blocking(_StudioNamespace.get_analysis)


class TextToVideoNamespace(Namespace):
    """Videos out of texts."""

    create = blocking(_TextToVideoNamespace.create)


class VideoNamespace(Namespace):
    """Lip sync, translation, talking photos and talking avatars."""

    lip_sync = blocking(_VideoNamespace.lip_sync)
    talking_photo = blocking(_VideoNamespace.talking_photo)
    talking_avatar = blocking(_VideoNamespace.talking_avatar)
    speaking_photo = blocking(_VideoNamespace.speaking_photo)
    speaking_avatar = blocking(_VideoNamespace.speaking_avatar)
    get = blocking(_VideoNamespace.get)
    languages = blocking(_VideoNamespace.languages)
    list = blocking(_VideoNamespace.list)

    @overload
    def translate(  # type: ignore[overload-overlap] # pyright: ignore[reportOverlappingOverload]
        self, *, language: str, **fields: Unpack[_Translated]
    ) -> Job[Video]: ...
    @overload
    def translate(
        self, *, language: Sequence[str], **fields: Unpack[_Translated]
    ) -> Jobs[Video]: ...
    def translate(self, **fields: Any) -> Any: ...


class VoiceNamespace(Namespace):
    """VoiceLab: text to speech, changed voices and cloned voices."""

    tts = blocking(_VoiceNamespace.tts)
    change = blocking(_VoiceNamespace.change)
    clone = blocking(_VoiceNamespace.clone)
    list = blocking(_VoiceNamespace.list)
    get = blocking(_VoiceNamespace.get)
    resources = blocking(_VoiceNamespace.resources)
    resource = blocking(_VoiceNamespace.resource)
    delete = blocking(_VoiceNamespace.delete)
    video_translation = blocking(_VoiceNamespace.video_translation)


class Namespaces:
    """The namespaces of a client; each is loaded when it is first used."""

    account: Account
    """Credit and tokens."""
    audio: AudioNamespace
    """Text to speech and cloned voices."""
    avatar: AvatarNamespace
    """Avatars: Akool's, and the account's own."""
    characterswap: CharacterSwapNamespace
    """Character swap v4: a picture's person moves as in a video."""
    faceswap: FaceswapNamespace
    """Face swap in images and videos."""
    headswap: HeadSwapNamespace
    """Head swap v4: persons in a video get other heads."""
    image: ImageNamespace
    """Images generated, refined and put before other backgrounds."""
    image2video: ImageToVideoNamespace
    """Videos out of pictures, with a text or an effect."""
    knowledge: KnowledgeNamespace
    """Knowledge bases for live avatars."""
    models: ModelsNamespace
    """The models that make videos, and what each can do."""
    moderation: ModerationNamespace
    """Moderation of pictures, videos, recordings and texts."""
    reage: ReageNamespace
    """Reage in images and videos."""
    streaming: StreamingNamespace
    """Live avatars and their sessions."""
    studio: StudioNamespace
    """Swap Studio V5: characters, motion, heads, hair and clothing."""
    text2video: TextToVideoNamespace
    """Videos out of texts."""
    video: VideoNamespace
    """Lip sync, translation, talking photos and talking avatars."""
    voice: VoiceNamespace
    """VoiceLab: text to speech, changed voices and cloned voices."""
