"""The states of a job, and the one table of changes between them.

`JobRecord.change` is the only place that assigns a state, and it looks the change up here. A
change that the table does not have is a defect of the engine, and raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class JobState(IntEnum):
    """How far a job has come in this process. An `IntEnum`, because its hash is the cheapest."""

    NEW = 0
    PREPARING = 1
    CLAIMING = 2
    QUEUED = 3
    CREATING = 4
    UNANSWERED = 5
    WATCHED = 6
    FOLLOWING = 7
    ENDED = 8

    @property
    def meaning(self) -> str:
        """The state in words, for people."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[JobState, str]] = {
    JobState.NEW: "new",
    JobState.PREPARING: "its recipe's steps run, or its files are uploaded",
    JobState.CLAIMING: "the journal is asked about its key",
    JobState.QUEUED: "waiting for a place under the limit",
    JobState.CREATING: "being created",
    JobState.UNANSWERED: "sent, and the reply lost; a webhook may bring the id",
    JobState.WATCHED: "accepted, and watched",
    JobState.FOLLOWING: "mirrors another job of its key",
    JobState.ENDED: "ended",
}


class Trigger(IntEnum):
    """An event that moves a job from one state to another."""

    PREPARE = 0
    """A recipe's steps begin, or files are read or uploaded."""
    CLAIM = 1
    """The journal is asked about the job's key."""
    QUEUE = 2
    """The job waits for a place; again, if it was refused for want of credit, or never left."""
    CREATE = 3
    """The job has a place, and its create is about to leave."""
    ACCEPT = 4
    """The vendor accepted the create."""
    ADOPT = 5
    """The vendor accepted the job earlier, perhaps in another process."""
    FOLLOW = 6
    """Another job of the same key runs already; this one mirrors it."""
    FINISH = 7
    """The job has its outcome."""
    LOSE = 8
    """The reply to the create is lost, and the job waits for a webhook."""


_S, _T = JobState, Trigger
TRANSITIONS: Final[Mapping[tuple[JobState, Trigger], JobState]] = {
    (_S.NEW, _T.PREPARE): _S.PREPARING,
    (_S.NEW, _T.CLAIM): _S.CLAIMING,
    (_S.NEW, _T.QUEUE): _S.QUEUED,
    (_S.NEW, _T.ADOPT): _S.WATCHED,
    (_S.NEW, _T.FOLLOW): _S.FOLLOWING,
    (_S.PREPARING, _T.CLAIM): _S.CLAIMING,
    (_S.PREPARING, _T.QUEUE): _S.QUEUED,
    (_S.PREPARING, _T.FOLLOW): _S.FOLLOWING,
    (_S.CLAIMING, _T.PREPARE): _S.PREPARING,
    (_S.CLAIMING, _T.QUEUE): _S.QUEUED,
    (_S.CLAIMING, _T.ADOPT): _S.WATCHED,
    (_S.CLAIMING, _T.FOLLOW): _S.FOLLOWING,
    (_S.QUEUED, _T.CREATE): _S.CREATING,
    (_S.CREATING, _T.QUEUE): _S.QUEUED,
    (_S.CREATING, _T.ACCEPT): _S.WATCHED,
    (_S.CREATING, _T.LOSE): _S.UNANSWERED,
    (_S.NEW, _T.LOSE): _S.UNANSWERED,
    (_S.CLAIMING, _T.LOSE): _S.UNANSWERED,
    (_S.UNANSWERED, _T.ADOPT): _S.WATCHED,
    (_S.UNANSWERED, _T.FOLLOW): _S.FOLLOWING,
    **{(state, _T.FINISH): _S.ENDED for state in JobState if state is not _S.ENDED},
}
"""(state, trigger) -> next state."""

# Names of a module are found faster than members of a class, up to Python 3.11.
NEW, PREPARING, CLAIMING, QUEUED = _S.NEW, _S.PREPARING, _S.CLAIMING, _S.QUEUED
CREATING, WATCHED, FOLLOWING, ENDED = _S.CREATING, _S.WATCHED, _S.FOLLOWING, _S.ENDED
UNANSWERED = _S.UNANSWERED

UNSENT: Final = frozenset({NEW, PREPARING, CLAIMING, QUEUED})
"""States in which no create of the job itself has left."""
BEFORE_ANSWER: Final = frozenset({NEW, PREPARING, CLAIMING})
"""States in which the journal has not answered about the job's key."""
