"""What went wrong in lookups, for the few jobs, or the account, that it went wrong for.

One bad answer may be a hiccup of the server, and every watched job is paid for. So no job that a
look has shown ends for one bad answer: this module counts how often in a row something was wrong,
and a good answer takes the count back. It keeps nothing about the jobs that go well, which are
nearly all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from akool_async.engine.lookup_errors import (
    TRIES,
    Action,
    action_on,
    is_about_account,
    is_unreadable,
)
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.errors import NotFound, RateLimited
from akool_async.http.retry import Retry
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.backoff import Backoff

S = TypeVar("S", bound=Snapshot)

ADDRESS_WAIT: Final = 60.0
"""Seconds for which a COMPLETED job is polled again, while its media has no address."""
FIRST_ADDRESS_WAIT: Final = 4.0
"""The same, while no job of the family was seen with an address. Where the first such wait was in
vain, no other job waits until an address was seen: each would hold a place."""
_ADDRESS_LOOKS: Final = Backoff(jitter=0.0)
"""How soon: the "age" is the time since the address was first missing."""

_AT_LEAST: Final = 0.001
"""Shortest pause between two questions about one refusal, in seconds."""


class Streak:
    """Failures in a row. Those of lookups that were under way together count once."""

    __slots__ = ("_since", "number")

    def __init__(self) -> None:
        self.number = 0
        """How many there were since the last success."""
        self._since = -math.inf
        """When the last one that counts was learned of."""

    def failed(self, asked_at: float, now: float) -> int:
        """Count the failure of a lookup that was sent at `asked_at`; return the number."""
        if asked_at > self._since or not self.number:
            self.number += 1
            self._since = now
        return self.number

    def over(self) -> None:
        """Forget them: something succeeded."""
        self.number = 0


class AccountDoubt:
    """Holds back a family's lookups while it is in doubt whether the account is refused.

    Args:
        retry: Says how soon the question is asked again.
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._streak = Streak()
        self._next_at = 0.0
        """When the next lookup may be sent, while there is doubt."""

    def pause(self, now: float) -> float:
        """Return the seconds until a lookup may be sent; 0 without doubt."""
        return max(0.0, self._next_at - now) if self._streak.number else 0.0

    def sent(self, now: float) -> None:
        """Take note that a lookup is sent: in doubt, no other one for a while."""
        if self._streak.number:
            self._wait(now)

    def refused(self, asked_at: float, now: float) -> int:
        """Count a refusal of a lookup sent at `asked_at`; return how many there are in a row."""
        number = self._streak.failed(asked_at, now)
        self._wait(now)
        return number

    def _wait(self, now: float) -> None:
        self._next_at = now + max(_AT_LEAST, self._retry.pause(self._streak.number))

    def over(self) -> None:
        """Let all lookups go: one was answered."""
        self._streak.over()


class _Setback:
    """What went wrong for one job, and how often in a row."""

    __slots__ = (
        "absences",
        "refusals",
        "throttled",
        "unnamed",
        "unnamed_since",
        "unreadable",
        "warned",
    )

    def __init__(self) -> None:
        self.refusals = 0
        """Lookups of its id alone that were refused."""
        self.throttled = 0
        """Lookups that were refused as too frequent."""
        self.unreadable = 0
        """Lookups that were answered with success, and not readably."""
        self.absences = 0
        """Readable answers that left the job out."""
        self.warned = False
        """Whether its absence was warned of."""
        self.unnamed = 0
        """Answers that showed it COMPLETED without an address of its media."""
        self.unnamed_since: float | None = None
        """When the first of them came."""


class Setbacks(Generic[S]):
    """What went wrong for the jobs of one family.

    Args:
        retry: Says how soon a refusal is confirmed.
    """

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._of: dict[JobRecord[S], _Setback] = {}
        self.account = AccountDoubt(retry)
        self._address_wait = FIRST_ADDRESS_WAIT
        """How long the family's jobs are looked at for an address."""

    def __bool__(self) -> bool:
        """Say whether anything is known of any job."""
        return bool(self._of)

    def _at(self, record: JobRecord[S]) -> _Setback:
        if record.state is not WATCHED:  # it ended during its lookup: nobody would forget it
            return _Setback()
        known = self._of.get(record)
        if known is None:
            known = self._of[record] = _Setback()
        return known

    def judge(
        self,
        error: Exception,
        chunk: Sequence[JobRecord[S]],
        *,
        asked_at: float,
        now: float,
        watched: int,
    ) -> Action:
        """Count a failed lookup, and return what to do about its jobs.

        Args:
            error: What the lookup raised.
            chunk: The jobs that it was about.
            asked_at: When it was sent.
            now: The clock's time.
            watched: How many jobs of the family are watched.
        """
        first = chunk[0]
        # A token may be of a job that never was, or of another account's: nothing is known of it.
        # A job that a look has shown is paid for, and goes on after one bad answer.
        if isinstance(error, NotFound):
            at_once = not first.seen
        else:
            at_once = watched == 1 and not first.looked_at
        if is_unreadable(error):
            doubts = self._count_unreadable(chunk)
        elif is_about_account(error):
            doubts = self.account.refused(asked_at, now)
        else:
            known = self._of.get(first)
            doubts = 1 if known is None else known.refusals + 1
        action = action_on(
            error, len(chunk), age=first.age_for_grace(now), doubts=doubts, at_once=at_once
        )
        if action in {Action.DOUBT, Action.CONFIRM}:
            self._at(first).refusals = doubts
        return action

    def _count_unreadable(self, chunk: Sequence[JobRecord[S]]) -> int:
        known = [self._at(record) for record in chunk]
        for each in known:
            each.unreadable += 1
        return max(each.unreadable for each in known)

    def before_repeating(self, error: RateLimited, chunk: Sequence[JobRecord[S]]) -> float | None:
        """Count a refusal as too frequent; return the seconds until the lookup is repeated.

        `None` if it was repeated as often as the retry policy allows.
        """
        known = [self._at(record) for record in chunk]
        for each in known:
            each.throttled += 1
        attempt = max(each.throttled for each in known)
        return self._retry.delay(error, attempt, repeatable=True)

    def before_confirming(self, record: JobRecord[S]) -> float:
        """Return the seconds until the next question about an id that was refused."""
        return self._retry.pause(max(1, self._at(record).refusals))

    def answered(self, chunk: Sequence[JobRecord[S]]) -> None:
        """Take note of a readable answer to a lookup."""
        self.account.over()
        if not self._of:
            return
        for record in chunk:
            known = self._of.get(record)
            if known is not None:
                known.refusals = known.throttled = known.unreadable = 0
                self._tidy(record, known)

    def seen(self, record: JobRecord[S]) -> None:
        """Take note that an answer showed a job."""
        known = self._of.get(record)
        if known is not None:
            known.absences = 0
            self._tidy(record, known)

    def _tidy(self, record: JobRecord[S], known: _Setback) -> None:
        """Forget a job for which nothing is wrong any more."""
        kept = known.absences or known.warned or known.unnamed_since is not None
        if not kept:
            del self._of[record]

    def absent(self, record: JobRecord[S]) -> int:
        """Count a readable answer that left a job out; return how many there are in a row."""
        known = self._at(record)
        known.absences += 1
        return known.absences

    def to_be_warned_of(self, record: JobRecord[S]) -> bool:
        """Say, once for each job, whether it was left out so often that a person should know."""
        known = self._at(record)
        due = known.absences >= TRIES and not known.warned
        known.warned = known.warned or due
        return due

    def pause_for_address(self, record: JobRecord[S], now: float) -> float | None:
        """Return the seconds until the next look for an address; `None` if it is time to end."""
        known = self._at(record)
        if known.unnamed_since is None:
            known.unnamed_since = now
        known.unnamed += 1
        waited = now - known.unnamed_since
        # Looks that failed meanwhile have taken time, and said nothing about the address.
        too_few = self._address_wait > 0 and known.unnamed < TRIES
        if waited < self._address_wait or too_few:
            return _ADDRESS_LOOKS.delay(waited)
        if self._address_wait < ADDRESS_WAIT:
            self._address_wait = 0.0
        return None

    def address_came(self) -> None:
        """Take note that a job was seen with an address: it is worth while to wait for others."""
        self._address_wait = ADDRESS_WAIT

    def forget(self, record: JobRecord[S]) -> None:
        """Forget a job that has ended."""
        self._of.pop(record, None)
