"""Runs of many rows: a manifest in, every file on disk, a report."""

from __future__ import annotations

from akool_async.batch.check import Checked, FaultGroup, check
from akool_async.batch.fault import Fault
from akool_async.batch.options import RowOptions
from akool_async.batch.rows import BatchRow, read

__all__ = ["BatchRow", "Checked", "Fault", "FaultGroup", "RowOptions", "check", "read"]
