"""What Akool offers: one module per namespace, one class per endpoint.

`OPERATIONS` maps each operation's dotted name to its class, `ENDPOINTS` every endpoint's.
"""

from __future__ import annotations

from akool_async.endpoints.account import Account, Credit, GetCredit, GetToken, Token
from akool_async.endpoints.audio import (
    TTS,
    Audio,
    AudioNamespace,
    GetAudio,
    ListVoices,
    Voice,
    VoiceClone,
)
from akool_async.endpoints.faceswap import (
    CancelFaceswaps,
    DeleteFaceswaps,
    Face,
    Faceswap,
    FaceswapNamespace,
    GetFaceswaps,
    ImageFaceswap,
    VideoFaceswap,
)
from akool_async.endpoints.reage import ImageReage, ReageNamespace, VideoReage
from akool_async.namespace import ENDPOINTS, OPERATIONS

__all__ = [
    "ENDPOINTS",
    "OPERATIONS",
    "TTS",
    "Account",
    "Audio",
    "AudioNamespace",
    "CancelFaceswaps",
    "Credit",
    "DeleteFaceswaps",
    "Face",
    "Faceswap",
    "FaceswapNamespace",
    "GetAudio",
    "GetCredit",
    "GetFaceswaps",
    "GetToken",
    "ImageFaceswap",
    "ImageReage",
    "ListVoices",
    "ReageNamespace",
    "Token",
    "VideoFaceswap",
    "VideoReage",
    "Voice",
    "VoiceClone",
]
