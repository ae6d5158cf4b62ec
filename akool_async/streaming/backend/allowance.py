"""What users may still spend: sessions at once, starts a minute, seconds a day.

Everything is counted before Akool is asked for a session, so that a thousand requests at the same
moment get no more than one after the other.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from akool_async.clock import Clock
from akool_async.streaming.backend.answers import Refusal, busy
from akool_async.streaming.backend.rules import Rules

_DAY: Final = 24 * 3600.0
_MINUTE: Final = 60.0


class Grant:
    """Seconds that a user was given for one session.

    Attributes:
        user: Whose they are.
        seconds: How many of them count, now.
        time: When they were given.
    """

    def __init__(self, allowance: Allowance, user: str, seconds: int, time: float) -> None:
        self.user = user
        self.seconds = seconds
        self.time = time
        self._allowance = allowance
        self._open = True

    def settle(self, used: float) -> None:
        """Give back the place, and the seconds that were not used. Does nothing twice."""
        if self._open:
            self._open = False
            self._allowance.take_back(self, max(0, self.seconds - math.ceil(used)))


class _Account:
    """What one user has had in the last 24 hours."""

    def __init__(self) -> None:
        self.open = 0
        self.seconds = 0
        self.grants: deque[Grant] = deque()
        """Of the last 24 hours, in order."""
        self.starts: deque[float] = deque()
        """Of the last minute, in order."""


class Allowance:
    """Counts what users spend. It lives in this process, and as long as it."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._grants: deque[Grant] = deque()
        """Of all users, in order."""
        self.open = 0
        """Sessions of all users."""

    def reserve(self, user: str, seconds: int) -> Grant:
        """Give a user seconds for a session.

        Raises:
            Refusal: one of the limits is reached.
        """
        now = self._clock.time()
        self._forget(now)
        account = self._accounts.get(user) or _Account()
        self._check(account, seconds, now)
        self._accounts[user] = account
        grant = Grant(self, user, seconds, now)
        self._grants.append(grant)
        account.grants.append(grant)
        account.starts.append(now)
        account.seconds += seconds
        account.open += 1
        self.open += 1
        return grant

    def _check(self, account: _Account, seconds: int, now: float) -> None:
        rules = self._rules
        if account.open >= rules.sessions_per_user:
            words = "You have a session already. Please end it first."
            raise Refusal(429, "too_many_sessions", words)
        while account.starts and account.starts[0] <= now - _MINUTE:
            account.starts.popleft()
        if len(account.starts) >= rules.starts_per_minute:
            words = "You started many sessions. Please wait a minute."
            wait = account.starts[0] + _MINUTE - now
            raise Refusal(429, "too_many_starts", words, retry_after=wait)
        if account.seconds + seconds > rules.seconds_per_day:
            words = "Your time of today is used up."
            wait = account.grants[0].time + _DAY - now
            raise Refusal(429, "no_time_left", words, retry_after=wait)
        if self.open >= rules.sessions_at_once:
            raise busy()

    def take_back(self, grant: Grant, unused: int) -> None:
        """Take back a place, and seconds that were not used."""
        self.open -= 1
        account = self._accounts.get(grant.user)
        if account is None:
            return
        account.open -= 1
        if account.grants and account.grants[0].time <= grant.time:  # else it was forgotten
            account.seconds -= unused
            grant.seconds -= unused

    def _forget(self, now: float) -> None:
        """Forget what is a day old, and users who have had nothing since."""
        while self._grants and self._grants[0].time <= now - _DAY:
            grant = self._grants.popleft()
            account = self._accounts[grant.user]
            account.grants.popleft()
            account.seconds -= grant.seconds
            if not account.grants and not account.open:
                del self._accounts[grant.user]
