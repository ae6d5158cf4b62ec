"""Manifests: files whose rows become requests. Nothing here knows what a row means."""

from __future__ import annotations

from akool_async.batch.manifest.row import Cell, NoCell, RawRow, Table
from akool_async.batch.manifest.source import Manifest, records

__all__ = ["Cell", "Manifest", "NoCell", "RawRow", "Table", "records"]
