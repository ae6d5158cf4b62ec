"""The tasks that the engine starts, and what it means if somebody else cancels one."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from akool_async.clock import steady

NAME: Final = "akool_async"
"""The name of every task that the package starts for jobs."""


Over: TypeAlias = Callable[[asyncio.Task[None]], object]
"""Called with a task that is over. Called again if an interrupt falls into it."""


def start(steps: Coroutine[Any, Any, None], over: Over | None = None) -> asyncio.Task[None]:
    """Run a coroutine in a task of the engine; call `over` with the task at its end."""
    task = asyncio.get_running_loop().create_task(steps, name=NAME)
    if over is not None:
        task.add_done_callback(functools.partial(steady, over))
    return task


def loop_goes_on() -> bool:
    """Say whether the loop has a task of the user's that is not being cancelled.

    `asyncio.run()` cancels every task when its work is over, and a program may cancel tasks of
    the package by mistake. In the first case no create may leave any more; this tells them apart.
    """
    return any(not task.cancelling() and task.get_name() != NAME for task in asyncio.all_tasks())
