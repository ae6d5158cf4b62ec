"""The table of changes between the states of a job: complete, without traps, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from akool_async import Backoff, Status
from akool_async.clock import Moment
from akool_async.endpoints.faceswap_family import FACESWAPS, Faceswap
from akool_async.engine import JobRecord, JobState, OperationState
from akool_async.engine.state import CREATING, TRANSITIONS, UNANSWERED, UNSENT, WATCHED, Trigger
from akool_async.protocol.token import JobReference

Record: TypeAlias = JobRecord[Faceswap]

MISSING = [
    (state, trigger)
    for state in JobState
    for trigger in Trigger
    if (state, trigger) not in TRANSITIONS
]
HOLDS_PLACE = {CREATING, UNANSWERED, WATCHED}
"""States in which a job holds a place under the limit."""
REFERENCE = JobReference(name="reage.image", id="a" * 24, job_id="1-2", created=1)


def name_of(value: JobState | Trigger) -> str:
    return value.name


def after(state: JobState) -> set[JobState]:
    """Return the states that one trigger leads to."""
    return {following for (before, _), following in TRANSITIONS.items() if before is state}


def reachable(state: JobState) -> set[JobState]:
    """Return the states that any number of triggers leads to."""
    found: set[JobState] = set()
    new = after(state)
    while new:
        found |= new
        new = set[JobState]().union(*map(after, new)) - found
    return found


def way_to(state: JobState) -> list[Trigger]:
    """Return triggers that lead a new job to a state."""
    ways: dict[JobState, list[Trigger]] = {JobState.NEW: []}
    while state not in ways:
        for (before, trigger), following in TRANSITIONS.items():
            if before in ways:
                ways.setdefault(following, [*ways[before], trigger])
    return ways[state]


def record_in(state: JobState) -> Record:
    """Return a job in a state."""
    operation = OperationState("reage.image", FACESWAPS, schedule=Backoff(), timeout=9)
    record = JobRecord(operation)
    for trigger in way_to(state):
        record.change(trigger)
    assert record.state is state
    return record


def all_of(record: Record) -> dict[str, Any]:
    """Return all that a record holds."""
    names = [
        name
        for cls in JobRecord.__mro__
        for name in getattr(cls, "__slots__", ())
        if name[:2] != "__"
    ]
    return {name: getattr(record, name) for name in names}


def another_one() -> Record:
    """Return another record of the job, which the vendor has accepted."""
    leader = record_in(JobState.CREATING)
    leader.accept(Faceswap(id="b" * 24, job_id="3-4"), Moment(5.0, 5.0))
    return leader


METHODS: dict[Trigger, Callable[[Record], object]] = {
    Trigger.ACCEPT: lambda record: record.accept(Faceswap(id="a" * 24), Moment(7.0, 7.0)),
    Trigger.ADOPT: lambda record: record.adopt(REFERENCE, Moment(7.0, 7.0)),
    Trigger.FOLLOW: lambda record: record.follow(another_one()),
    Trigger.FINISH: lambda record: record.finish(Faceswap(id="a" * 24, status=Status.COMPLETED)),
}
"""The methods of a record that change its state, and more."""


def go(record: Record, trigger: Trigger) -> None:
    """Change a record's state, by its method if there is one for that."""
    if trigger in METHODS:
        METHODS[trigger](record)
    else:
        record.change(trigger)


@pytest.mark.parametrize(("state", "trigger"), TRANSITIONS, ids=name_of)
async def test_a_change_leads_where_the_table_says(state: JobState, trigger: Trigger) -> None:
    record = record_in(state)
    go(record, trigger)
    assert record.state is TRANSITIONS[state, trigger]


@pytest.mark.parametrize(("state", "trigger"), MISSING, ids=name_of)
async def test_a_change_that_the_table_lacks_is_refused_and_changes_nothing(
    state: JobState, trigger: Trigger
) -> None:
    record = record_in(state)
    before = all_of(record)
    with pytest.raises(KeyError):
        record.change(trigger)
    with pytest.raises(KeyError):
        go(record, trigger)
    assert all_of(record) == before


def test_the_table_says_which_changes_a_job_goes_through() -> None:
    """A change of the table is a decision: make it here, too."""
    ways = {state.name: {each.name for each in after(state)} for state in JobState}
    assert ways == {
        "NEW": {"PREPARING", "CLAIMING", "QUEUED", "UNANSWERED", "WATCHED", "FOLLOWING", "ENDED"},
        "PREPARING": {"CLAIMING", "QUEUED", "FOLLOWING", "ENDED"},
        "CLAIMING": {"PREPARING", "QUEUED", "UNANSWERED", "WATCHED", "FOLLOWING", "ENDED"},
        "QUEUED": {"CREATING", "ENDED"},
        "CREATING": {"QUEUED", "UNANSWERED", "WATCHED", "ENDED"},
        "UNANSWERED": {"WATCHED", "FOLLOWING", "ENDED"},
        "WATCHED": {"ENDED"},
        "FOLLOWING": {"ENDED"},
        "ENDED": set(),
    }


@pytest.mark.parametrize("state", [each for each in JobState if each is not JobState.ENDED])
def test_a_job_can_end_at_once_in_every_state(state: JobState) -> None:
    assert TRANSITIONS[state, Trigger.FINISH] is JobState.ENDED


def test_an_end_is_for_ever() -> None:
    assert not after(JobState.ENDED)


def test_every_state_is_reached_by_some_job() -> None:
    assert reachable(JobState.NEW) == set(JobState) - {JobState.NEW}


def test_a_job_that_holds_a_place_has_come_through_the_queue_or_was_sent_elsewhere() -> None:
    ways_in = {
        (before, trigger)
        for (before, trigger), following in TRANSITIONS.items()
        if following in HOLDS_PLACE and before not in HOLDS_PLACE
    }
    assert {trigger for _, trigger in ways_in} == {Trigger.CREATE, Trigger.ADOPT, Trigger.LOSE}
    assert not HOLDS_PLACE & UNSENT


def test_no_job_that_the_vendor_has_accepted_is_sent_again() -> None:
    for state in (JobState.WATCHED, JobState.FOLLOWING):
        assert not reachable(state) & {JobState.QUEUED, JobState.CREATING}
