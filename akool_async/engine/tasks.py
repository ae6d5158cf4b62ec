"""The tasks that the engine starts, and what it means if somebody else cancels one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

NAME: Final = "akool_async"
"""The name of every task that the package starts for jobs."""


def start(steps: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run a coroutine in a task of the engine."""
    return asyncio.get_running_loop().create_task(steps, name=NAME)


def loop_goes_on() -> bool:
    """Say whether the loop has a task of the user's that is not being cancelled.

    `asyncio.run()` cancels every task when its work is over, and a program may cancel tasks of
    the package by mistake. In the first case no create may leave any more; this tells them apart.
    """
    return any(not task.cancelling() and task.get_name() != NAME for task in asyncio.all_tasks())
