"""The namespaces: the one table that the client, the command line and this package are made from.

A row here is the whole registration of a namespace. Nothing in this module loads an endpoint, so
that a client is made quickly; a namespace's module is loaded when the namespace is first used.
After a change, `python -m akool_async.endpoints` rewrites `typed.py`, which type checkers and
editors read; a test fails until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple


class NamespaceRow(NamedTuple):
    """One namespace."""

    module: str
    """The module of this package that holds its endpoints."""
    cls: str
    """The class in that module that binds them."""
    summary: str
    """The first sentence of that class's docstring: `akool --help` shows it, and loads nothing."""

    def load(self) -> type[Any]:
        """Import the namespace's class."""
        cls: type[Any] = getattr(import_module(f"{__package__}.{self.module}"), self.cls)
        return cls


NAMESPACES: Final[Mapping[str, NamespaceRow]] = {
    title: NamespaceRow(*row)
    for title, row in {
        "account": ("account", "Account", "Credit and tokens."),
        "audio": ("audio", "AudioNamespace", "Text to speech and cloned voices."),
        "avatar": ("avatar", "AvatarNamespace", "Avatars: Akool's, and the account's own."),
        "characterswap": (
            *("characterswap", "CharacterSwapNamespace"),
            "Character swap v4: a picture's person moves as in a video.",
        ),
        "faceswap": ("faceswap", "FaceswapNamespace", "Face swap in images and videos."),
        "headswap": (
            *("headswap", "HeadSwapNamespace"),
            "Head swap v4: persons in a video get other heads.",
        ),
        "image": (
            *("image", "ImageNamespace"),
            "Images generated, refined and put before other backgrounds.",
        ),
        "image2video": (
            *("image2video", "ImageToVideoNamespace"),
            "Videos out of pictures, with a text or an effect.",
        ),
        "knowledge": ("knowledge", "KnowledgeNamespace", "Knowledge bases for live avatars."),
        "models": (
            *("models", "ModelsNamespace"),
            "The models that make videos, and what each can do.",
        ),
        "moderation": (
            *("moderation", "ModerationNamespace"),
            "Moderation of pictures, videos, recordings and texts.",
        ),
        "reage": ("reage", "ReageNamespace", "Reage in images and videos."),
        "streaming": ("streaming", "StreamingNamespace", "Live avatars and their sessions."),
        "studio": (
            *("studio", "StudioNamespace"),
            "Swap Studio V5: characters, motion, heads, hair and clothing.",
        ),
        "text2video": ("text2video", "TextToVideoNamespace", "Videos out of texts."),
        "video": (
            *("video", "VideoNamespace"),
            "Lip sync, translation, talking photos and talking avatars.",
        ),
        "voice": (
            *("voice", "VoiceNamespace"),
            "VoiceLab: text to speech, changed voices and cloned voices.",
        ),
    }.items()
}
"""Each namespace, by the name of the client's attribute and of the command."""

SHARED: Final = (
    *(
        "detection",
        "face",
        "faceswap_family",
        "live_faceswap",
        "persons",
        "removal",
        "studio_result",
    ),
)
"""Modules without a namespace whose public names belong to this package, too."""


def modules() -> tuple[str, ...]:
    """Return the modules whose public names are those of this package, sorted."""
    return tuple(sorted({*SHARED, *(row.module for row in NAMESPACES.values())}))


if TYPE_CHECKING:
    from akool_async.endpoints.typed import Namespaces
else:

    class _NamespaceOf(cached_property):
        """A client's attribute for a namespace; asked of the class, it is the namespace's class."""

        def __init__(self, load: Any, row: NamespaceRow) -> None:
            super().__init__(load)
            self._row = row

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            """Return the namespace of a client; of the class, its class: `help(Akool.reage)`."""
            return self._row.load() if instance is None else super().__get__(instance, owner)

    def _attribute(row: NamespaceRow) -> Any:
        """Return the client's attribute for a namespace."""

        def load(executor: Any) -> Any:
            return row.load()(executor)

        load.__doc__ = row.summary
        return _NamespaceOf(load, row)

    Namespaces = type(
        "Namespaces",
        (),
        {
            "__doc__": "The namespaces of a client; each is loaded when it is first used.",
            "__module__": __name__,
        }
        | {title: _attribute(row) for title, row in NAMESPACES.items()},
    )

__all__ = ["NAMESPACES", "SHARED", "NamespaceRow", "Namespaces", "modules"]
