"""A page on which people talk with a live avatar, and its backend."""

from __future__ import annotations

from .app import Deadlines, Setup, build_app, serving

__all__ = ["Deadlines", "Setup", "build_app", "serving"]
