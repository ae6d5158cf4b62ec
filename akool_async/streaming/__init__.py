"""Live avatars: sessions that always end, what is said in them, and the backend of a page."""

from __future__ import annotations
