"""Runs of many rows: a manifest in, every file on disk, a report."""
