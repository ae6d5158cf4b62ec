"""Which row of a list is the job of a create whose reply was lost: certain, or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from akool_async.protocol.listed import CLOSE, Choice, Fit, Listed, Lost, Search
from akool_async.protocol.value import Value

SENT = 1_760_000_000.0
WITHIN = 900.0


class Say(Value):
    """A request: its row shows the text, and neither the voice nor the file's address."""

    listed: ClassVar[Listed] = Listed(
        lambda _request: None,
        by=("text", "file"),
        also=("language",),
        shown={"file": "file_name"},
        where={"sung": False},
    )

    text: str = ""
    file: str | Path | None = None
    voice: str = "ann"
    language: str = ""
    webhook_url: str | None = None


class Row(Value):
    """What a list shows."""

    id: str = "a"
    text: str = ""
    file_name: str = ""
    language: str = ""
    sung: bool | None = None
    webhook_url: str = ""
    create_time: int = 0


def row(id: str, text: str = "Hi.", after: float | None = 0.0, **shown: Any) -> Row:
    """Return a row that was created so many seconds after the create was sent."""
    time = 0 if after is None else int((SENT + after) * 1000)
    return Row(id=id, text=text, create_time=time, **shown)


def lost(after: float = 0.0, **fields: Any) -> Lost:
    return Lost(Say(**({"text": "Hi."} | fields)), SENT + after)


def choose(rows: Sequence[Row], *others: Lost, within: float = WITHIN, **fields: Any) -> Choice:
    return Search(lost(**fields), within).choose(rows, others)


def found(choice: Choice) -> str | None:
    assert not choice.candidates
    return None if choice.row is None else choice.row.id


def candidates(choice: Choice) -> set[str]:
    assert choice.row is None
    return {each.id for each in choice.candidates}


@pytest.mark.parametrize(
    ("request_", "shown", "fit"),
    [
        (Say(text="Hi."), Row(text="Hi."), Fit.YES),
        (Say(text=" Hi. "), Row(text="Hi."), Fit.YES),
        (Say(text="Hi."), Row(text="hi."), Fit.NO),
        (Say(text="Hi."), Row(), Fit.PERHAPS),
        (Say(), Row(text="Hi."), Fit.PERHAPS),
        (Say(text="Hi.", language="en"), Row(text="Hi.", language="fr"), Fit.NO),
        (Say(text="Hi.", language="en"), Row(text="Hi."), Fit.YES),
        (Say(text="Hi."), Row(text="Hi.", language="fr"), Fit.YES),
        (Say(text="Hi."), Row(text="Hi.", sung=True), Fit.NO),
        (Say(text="Hi."), Row(text="Hi.", sung=False), Fit.YES),
        (Say(file="https://a.example/b/c%20d.mp3?x=1"), Row(file_name="c d.mp3"), Fit.YES),
        (Say(file="https://a.example/b/c.mp3"), Row(file_name="d.mp3"), Fit.NO),
        (Say(file="https://a.example/c.mp3"), Row(file_name="https://b.example/c.mp3"), Fit.NO),
        (Say(text="Hi.", file="https://a.example/c.mp3"), Row(text="Hi."), Fit.PERHAPS),
        (Say(file=Path("c.mp3")), Row(file_name="d.mp3"), Fit.PERHAPS),
        (Say(text="Hi.", file=Path("c.mp3")), Row(text="Hi.", file_name="d.mp3"), Fit.YES),
        (
            Say(text="Hi.", webhook_url="https://a.example/1"),
            Row(text="Hi.", webhook_url="https://a.example/2"),
            Fit.NO,
        ),
    ],
)
def test_a_row_fits_if_it_shows_what_was_asked_for_and_nothing_else(
    request_: Say, shown: Row, fit: Fit
) -> None:
    assert Say.listed.fit(request_, shown) is fit


def test_a_row_of_the_time_with_the_text_is_the_job() -> None:
    assert found(choose([row("a", "Ho."), row("b", after=2.0), row("c", after=3000.0)])) == "b"


def test_there_may_be_no_such_row() -> None:
    assert found(choose([])) is None
    assert (
        found(choose([row("a", "Ho."), row("b", after=WITHIN + 1), row("c", after=-1000)])) is None
    )


@pytest.mark.parametrize("skew", [-800.0, -CLOSE - 1, CLOSE + 1, 800.0])
def test_clocks_may_differ(skew: float) -> None:
    assert found(choose([row("a", after=skew)])) == "a"
    assert found(choose([row("a", after=skew)], within=30.0)) is None


def test_the_one_near_in_time_goes_before_those_further_away() -> None:
    rows = [row("a", after=-CLOSE - 1), row("b", after=5.0), row("c", after=CLOSE + 1)]
    assert found(choose(rows)) == "b"


def test_of_two_that_are_near_none_is_chosen() -> None:
    assert candidates(choose([row("a"), row("b", after=1.0), row("c", "Ho.")])) == {"a", "b"}


def test_of_two_that_are_far_none_is_chosen() -> None:
    rows = [row("a", after=-500.0), row("b", after=100.0)]
    assert candidates(choose(rows)) == {"a", "b"}


def test_a_row_without_a_time_may_be_of_any_time() -> None:
    assert found(choose([row("a", after=None)])) == "a"
    assert candidates(choose([row("a", after=None), row("b", after=500.0)])) == {"a", "b"}
    assert found(choose([row("a", after=None), row("b", after=1.0)])) == "b"


def test_a_row_that_does_not_show_the_text_is_no_more_than_a_candidate() -> None:
    assert candidates(choose([row("a", "")])) == {"a"}
    assert candidates(choose([row("a")], text="")) == {"a"}


def test_the_row_may_be_that_of_another_request_whose_reply_was_lost() -> None:
    assert candidates(choose([row("a")], lost(1.0, voice="bob"))) == {"a"}
    assert found(choose([row("a")], lost(1.0, text="Ho."))) == "a"
    assert found(choose([row("a")], lost(-5000.0, voice="bob"))) == "a"


def test_a_request_of_minutes_before_does_not_compete_for_a_row_that_is_near() -> None:
    assert found(choose([row("a", after=1.0)], lost(-300.0, voice="bob"))) == "a"
    assert candidates(choose([row("a", after=200.0)], lost(-300.0, voice="bob"))) == {"a"}


def test_of_equal_creates_each_gets_one_row_the_nearest_first() -> None:
    rows = [row("b", after=2.1), row("a", after=0.1)]
    assert found(choose(rows, lost(2.0))) == "a"
    assert found(choose(rows, lost(-2.0))) == "a"
    assert candidates(choose([*rows, row("c", after=3.0)], lost(2.0))) == {"a", "b", "c"}


def test_an_equal_create_of_long_before_claims_no_row() -> None:
    rows = [row("a"), row("b", after=1.0)]
    assert candidates(choose(rows, lost(-5000.0))) == {"a", "b"}


def test_a_search_goes_back_as_far_as_clocks_may_differ() -> None:
    search = Search(lost(), WITHIN)
    assert not search.is_before(row("a", after=-WITHIN + 1))
    assert search.is_before(row("a", after=-WITHIN - 1))
    assert not search.is_before(row("a", after=None))
