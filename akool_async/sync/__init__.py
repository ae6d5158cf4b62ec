"""Akool for programs without an event loop: scripts, views and tasks of Django and Celery, a REPL.

`akool_async.sync.Akool` has the namespaces, names and types of `akool_async.Akool`. What is a
coroutine there returns its value here, and a job is a `concurrent.futures.Future`.
"""

from akool_async.sync.akool import Akool
from akool_async.sync.job import Job, Jobs
from akool_async.sync.media import Chunks
from akool_async.sync.namespace import Namespace
from akool_async.sync.paging import Paged
from akool_async.sync.webhooks import Webhooks

__all__ = ["Akool", "Chunks", "Job", "Jobs", "Namespace", "Paged", "Webhooks"]
