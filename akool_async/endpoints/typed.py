"""All names of this package, and the namespaces of a client, for type checkers and editors.

`python -m akool_async.endpoints` makes this file from `registry.py`; change that table.
It is never imported.
"""

# ruff: noqa: F403, F405 - each module says which names are public

from __future__ import annotations

from akool_async.endpoints.account import *
from akool_async.endpoints.audio import *
from akool_async.endpoints.avatar import *
from akool_async.endpoints.characterswap import *
from akool_async.endpoints.detection import *
from akool_async.endpoints.face import *
from akool_async.endpoints.faceswap import *
from akool_async.endpoints.faceswap_family import *
from akool_async.endpoints.headswap import *
from akool_async.endpoints.image import *
from akool_async.endpoints.image2video import *
from akool_async.endpoints.knowledge import *
from akool_async.endpoints.live_faceswap import *
from akool_async.endpoints.models import *
from akool_async.endpoints.moderation import *
from akool_async.endpoints.persons import *
from akool_async.endpoints.reage import *
from akool_async.endpoints.removal import *
from akool_async.endpoints.streaming import *
from akool_async.endpoints.studio import *
from akool_async.endpoints.studio_result import *
from akool_async.endpoints.text2video import *
from akool_async.endpoints.video import *
from akool_async.endpoints.voice import *


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
