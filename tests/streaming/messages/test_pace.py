"""When messages may leave: in no second more than the carrier takes, and commands at once."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import InvalidInput
from akool_async.streaming.messages import AGORA, LIVEKIT, TRTC, Limits, Pace, chat


class Step(NamedTuple):
    """A message that somebody wants to send."""

    share: float
    """Of the carrier's largest message."""
    pause: float
    """Seconds before it, beyond the delay."""
    command: bool


class Left(NamedTuple):
    """A message that has left."""

    when: float
    size: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([1.0, 1.0, 0.93, 0.5, 0.1, 0.001]),
        st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.3, 0.999, 1.0, 1.4]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=20,
    max_size=60,
)
limits = st.one_of(
    st.sampled_from([AGORA, TRTC]),
    st.builds(
        lambda largest, times, often: Limits(
            carrier="own",
            largest=largest,
            bytes_per_second=int(largest * times),
            messages_per_second=often,
        ),
        st.integers(1, 2000),
        st.floats(1, 9),
        st.sampled_from([None, 1, 2, 7, 30]),
    ),
)
starts = st.sampled_from([0.0, 0.1, 12_345.678, 1e6 / 3, 1.7e9]) | st.floats(0, 2)


def run(carrier: Limits, some: list[Step], start: float) -> list[Left]:
    """Send as a program does: ask, wait as long as was said, send."""
    pace, now, left = Pace(carrier), start, list[Left]()
    for step in some:
        size = max(1, int(step.share * carrier.largest))
        now += step.pause
        now += pace.delay(size, now, command=step.command)
        pace.sent(size, now)
        left.append(Left(now, size))
    return left


def windows(left: list[Left]) -> list[list[Left]]:
    """Return the messages of every second, ends included, that begins with a message."""
    return [[each for each in left if 0 <= each.when - one.when <= 1.0] for one in left]


@given(limits, steps, starts)
def test_no_second_has_more_bytes_than_allowed(
    carrier: Limits, some: list[Step], start: float
) -> None:
    most = max(sum(each.size for each in window) for window in windows(run(carrier, some, start)))
    assert carrier.bytes_per_second is not None
    assert most <= carrier.bytes_per_second


@given(st.sampled_from([1, 2, 7, 30]), steps, starts)
def test_no_second_has_more_messages_than_allowed(
    often: int, some: list[Step], start: float
) -> None:
    carrier = Limits(carrier="own", largest=1024, messages_per_second=often)
    left = run(carrier, [step._replace(share=0.001) for step in some] * 3, start)
    assert max(map(len, windows(left))) <= often


@given(limits, steps, starts)
def test_after_the_delay_a_message_leaves_at_once(
    carrier: Limits, some: list[Step], start: float
) -> None:
    pace, now = Pace(carrier), start
    for step in some:
        size = max(1, int(step.share * carrier.largest))
        wait = pace.delay(size, now, command=step.command)
        assert 0.0 <= wait <= 1.1
        now += wait
        assert pace.delay(size, now, command=step.command) == 0.0
        pace.sent(size, now)


def test_a_delay_that_is_rounded_down_is_over_all_the_same() -> None:
    pace = Pace(Limits(carrier="own", largest=1024, messages_per_second=1))
    pace.sent(1, 0.56)
    now = 0.57 + pace.delay(1, 0.57)
    assert now < 0.56 + 1.05, "or this test shows nothing"
    assert pace.delay(1, now) == 0.0


@given(st.sampled_from([AGORA, TRTC]), steps, starts, st.floats(0, 1))
def test_a_command_leaves_at_once_however_much_is_said(
    carrier: Limits, some: list[Step], start: float, share: float
) -> None:
    pace, now = Pace(carrier), start
    for step in some * 2:
        size = max(1, int(step.share * carrier.largest))
        now += pace.delay(size, now)
        pace.sent(size, now)
        assert pace.delay(max(1, int(share * carrier.largest)), now, command=True) == 0.0


@pytest.mark.parametrize("often", [2, 3, 6])
def test_a_command_leaves_at_once_where_few_messages_are_allowed(often: int) -> None:
    pace = Pace(Limits(carrier="own", largest=1024, messages_per_second=often))
    while not pace.delay(1, 0.0):
        pace.sent(1, 0.0)
    assert pace.delay(1, 0.0, command=True) == 0.0


def test_where_one_message_fills_a_second_chat_leaves_still() -> None:
    pace = Pace(Limits(carrier="own", largest=1000, bytes_per_second=1000, messages_per_second=1))
    assert pace.delay(1000, 5.0) == 0.0
    pace.sent(1000, 5.0)
    assert 1.0 < pace.delay(1000, 5.0) < 1.1
    assert pace.delay(1000, 6.1) == 0.0


def test_the_first_5_kb_leave_at_once_and_60_kb_in_thirteen_seconds() -> None:
    messages, pace, now, moments = chat("x" * 60_000), Pace(AGORA), 0.0, list[float]()
    for message in messages:
        now += pace.delay(len(message), now)
        pace.sent(len(message), now)
        moments.append(now)
    assert moments[:5] == [0.0] * 5
    assert moments[-1] < 14


def test_a_carrier_without_limits_has_no_pace() -> None:
    left = run(LIVEKIT, [Step(1.0, 0.0, command=False)] * 1000, 3.0)
    assert left[-1].when == 3.0


def test_a_clock_that_goes_back_lets_no_more_through() -> None:
    pace = Pace(AGORA)
    pace.sent(1024, 100.0)
    for _ in range(4):
        pace.sent(1024, 90.0)
    assert 11.0 < pace.delay(1024, 90.0) < 11.1
    assert 0.5 < pace.delay(1024, 100.5) < 0.6


def test_a_message_that_no_carrier_takes_has_no_moment() -> None:
    with pytest.raises(InvalidInput, match="at most 1024"):
        Pace(AGORA).delay(1025, 0.0)
