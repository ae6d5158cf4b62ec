"""Timers that begin again whenever something happens."""

from __future__ import annotations

from collections.abc import Callable

from akool_async.clock import LATE, ONE_LOOK, Clock, Timer


class Countdown:
    """Calls a function once nothing has restarted it for some seconds.

    To start it again costs next to nothing, so each frame may do so. A process that was stopped
    reads what has come meanwhile before a countdown ends.

    Args:
        clock: Where time comes from.
        seconds: How long it runs.
        action: What is called at its end.
        look: Seconds for what came meanwhile, where a timer rang late; 0 for an action that
            decides nothing.
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        action: Callable[[], object],
        *,
        look: float = ONE_LOOK,
    ) -> None:
        self._look = look
        self._clock = clock
        self._seconds = seconds
        self._action = action
        self._timer: Timer | None = None
        self._set_for = 0.0
        self._end = 0.0

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._timer is not None

    def start(self) -> None:
        """Start, or start again, from now on."""
        self._end = self._clock.time() + self._seconds
        if self._timer is None:
            self._set(self._end)

    def hold(self, seconds: float) -> None:
        """Let it run for so many seconds at least."""
        self._end = max(self._end, self._clock.time() + seconds)

    def stop(self) -> None:
        """Stop; nothing is called. Stopping twice does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, when: float) -> None:
        self._set_for = when
        self._timer = self._clock.call_at(when, self._ring)

    def _ring(self) -> None:
        if self._timer is None:
            return
        now = self._clock.time()
        if now - self._set_for > LATE:
            self._end = max(self._end, now + self._look)
        if self._end > now:
            self._set(self._end)
            return
        self._timer = None
        self._action()
