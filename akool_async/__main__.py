"""Run the `akool` command as `python -m akool_async`."""

from __future__ import annotations

from akool_async.cli import main

main()
