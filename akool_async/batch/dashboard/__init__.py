"""The page of `akool dashboard`: a run, live or over, in a browser on the same machine.

It stands in a process of its own and reads the journal beside the run, which is not slowed by who
looks. What changes each second comes over the run's control socket, once for all pages.
"""

from __future__ import annotations

from akool_async.batch.dashboard.server import Dashboard

__all__ = ["Dashboard"]
