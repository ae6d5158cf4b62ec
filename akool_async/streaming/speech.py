"""Something that a live avatar was told to say."""

from __future__ import annotations


class Speech:
    """A text on its way to the avatar; `await session.say(text)` returns it."""
