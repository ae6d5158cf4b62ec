"""What a failed lookup means for its jobs: an error in, an action out, without any I/O."""

from __future__ import annotations

import pytest

from akool_async import (
    APIError,
    ConnectFailed,
    NotFound,
    RateLimited,
    ReplyError,
    TransportError,
)
from akool_async.engine.lookup_errors import (
    GRACE,
    Action,
    action_on,
    is_about_length,
    may_be_about_number,
)
from akool_async.errors import api_error


def said(code: int, status: int = 200) -> APIError:
    """Return the error of one of Akool's codes."""
    return api_error(code, "no", http_status=status)


def unreadable(status: int) -> ReplyError:
    return ReplyError("no JSON", http_status=status)


WAIT, REPEAT, HOLD, SPLIT = Action.WAIT, Action.REPEAT, Action.HOLD, Action.SPLIT
SUSPECT_HOST, ALONE, ABSENT = Action.SUSPECT_HOST, Action.ALONE, Action.ABSENT
DOUBT, CONFIRM = Action.DOUBT, Action.CONFIRM
END, END_ALL = Action.END, Action.END_ALL

ROWS = [
    # The reason, the error, what it means for several ids, and for one id alone.
    ("no connection", ConnectFailed("refused"), WAIT, WAIT),
    ("a dropped connection", TransportError("reset"), WAIT, WAIT),
    ("a page instead of JSON", unreadable(200), SPLIT, ALONE),
    ("a gateway's page", unreadable(502), WAIT, WAIT),
    ("a defect of our own", ZeroDivisionError(), WAIT, WAIT),
    ("too many requests", said(1005), REPEAT, REPEAT),
    ("a bare 429", RateLimited(0, "", http_status=429), REPEAT, REPEAT),
    ("a success about no job", NotFound(0, "no job"), ABSENT, ABSENT),
    ("a bare 404", NotFound(0, "", http_status=404), WAIT, WAIT),
    ("a code that nobody knows", said(4711), WAIT, WAIT),
    ("an HTTP status without a code", said(0, 500), WAIT, WAIT),
    ("an HTTP status that refuses, and no code", said(0, 403), WAIT, WAIT),
    ("a bare 401", said(0, 401), WAIT, WAIT),
    ("a conflict", said(1010), WAIT, WAIT),
    ("an id that does not exist", said(1008), SPLIT, END),
    ("a processing error, again and again", said(1015), SPLIT, END),
    ("a request line too long, from a proxy", unreadable(414), SPLIT, SUSPECT_HOST),
    ("headers too large", unreadable(431), SPLIT, SUSPECT_HOST),
    ("a body too large", unreadable(413), SPLIT, SUSPECT_HOST),
    ("a bare bad request", said(0, 400), SPLIT, SUSPECT_HOST),
    ("a readable code, whatever HTTP says", said(1003, 414), SPLIT, END),
    ("a wrong parameter", said(1003), SPLIT, END),
    ("no right to one of the ids", said(1009), SPLIT, END),
    ("no credit", said(1006), SPLIT, END),
    ("a stale credential", said(1101), HOLD, END_ALL),
    ("a banned account", said(1200), HOLD, END_ALL),
]


@pytest.mark.parametrize(
    ("error", "several", "alone"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_error_has_a_meaning_for_several_ids_and_for_one(
    error: Exception, several: Action, alone: Action
) -> None:
    old = GRACE + 1
    assert action_on(error, 2, age=old, doubts=9) is several
    assert action_on(error, 300, age=old, doubts=9) is several
    assert action_on(error, 1, age=old, doubts=9) is alone


@pytest.mark.parametrize(
    ("code", "age", "doubts", "expected"),
    [
        # Results appear some time after the create.
        (1008, 0.0, 1, DOUBT),
        (1008, GRACE - 0.1, 99, DOUBT),
        # Later, three times in a row is an answer.
        (1008, GRACE, 2, CONFIRM),
        (1008, GRACE, 3, END),
        (1008, 1e6, 1, CONFIRM),
        (1008, 1e6, 3, END),
        # Akool failed while processing: once is an accident, three times in a row is an answer.
        (1015, 0.0, 1, DOUBT),
        (1015, 1e6, 2, DOUBT),
        (1015, 0.0, 3, END),
        # Akool could not call a webhook: that says nothing about the job.
        (1111, 1e6, 99, DOUBT),
        (1217, 1e6, 99, DOUBT),
        # So it is with every other refusal, and with one of the account.
        (1003, 0.0, 1, CONFIRM),
        (1003, 0.0, 2, CONFIRM),
        (1003, 0.0, 3, END),
        (1009, 0.0, 2, CONFIRM),
        (1101, 0.0, 1, HOLD),
        (1101, 0.0, 2, HOLD),
        (1101, 0.0, 3, END_ALL),
    ],
)
def test_one_id_that_is_refused_may_be_accepted_soon(
    code: int, age: float, doubts: int, expected: Action
) -> None:
    assert action_on(said(code), 1, age=age, doubts=doubts) is expected


@pytest.mark.parametrize("code", [1008, 1015, 1111, 1217])
def test_several_ids_of_which_one_is_refused_are_split_however_young_they_are(code: int) -> None:
    for age in (0.0, 1e6):
        for doubts in (1, 99):
            assert action_on(said(code), 2, age=age, doubts=doubts) is SPLIT


@pytest.mark.parametrize(
    ("code", "expected"), [(1003, END), (1008, END), (1009, END), (1101, END_ALL), (1015, DOUBT)]
)
def test_one_definite_refusal_is_enough_where_it_is_believed_at_once(
    code: int, expected: Action
) -> None:
    assert action_on(said(code), 1, age=GRACE, doubts=1, at_once=True) is expected


@pytest.mark.parametrize(("doubts", "expected"), [(1, WAIT), (2, SPLIT)])
def test_a_list_that_is_unreadable_twice_is_split(doubts: int, expected: Action) -> None:
    assert action_on(unreadable(200), 9, doubts=doubts) is expected


@pytest.mark.parametrize(("ids", "expected"), [(3, SPLIT), (1, Action.ALONE)])
def test_a_refusal_in_words_that_say_nothing_ends_no_job(ids: int, expected: Action) -> None:
    error = api_error(1003, "Failed to get results")  # N1
    error.vague = True
    assert action_on(error, ids, age=9999.0, doubts=99) is expected


def test_every_action_is_reached_and_says_why() -> None:
    in_the_table = {action for _, _, *actions in ROWS for action in actions}
    assert in_the_table | {DOUBT, CONFIRM} == set(Action)
    assert all(": " in action.value for action in Action)


@pytest.mark.parametrize(
    ("error", "length", "number"),
    [
        (unreadable(414), True, True),
        (said(0, 413), True, True),
        (said(1003), False, True),
        (said(1003, 414), False, True),
        (said(1009, 414), False, False),
        (said(1008), False, False),
        (unreadable(502), False, False),
        (ConnectFailed("refused"), False, False),
    ],
)
def test_only_a_refused_length_or_parameter_may_be_about_the_number_of_ids(
    error: Exception,
    length: bool,  # noqa: FBT001
    number: bool,  # noqa: FBT001
) -> None:
    assert is_about_length(error) is length
    assert may_be_about_number(error) is number
