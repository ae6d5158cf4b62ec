"""What agents are told about errors: what to do, in words that are none of a program's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from akool_async.errors import (
    CODES,
    AkoolError,
    CreateOutcomeUnknown,
    DownloadError,
    InvalidInput,
    JobFailed,
    JobTimeout,
    KeyConflict,
    MissingCredentials,
    UnknownKey,
    api_error,
)
from akool_async.mcp.advice import advice_for
from akool_async.mcp.answers import refused

ERRORS: list[AkoolError] = [
    *(api_error(code, "no") for code in CODES),
    CreateOutcomeUnknown("image.create", None, datetime.now(UTC), "no reply"),
    DownloadError("it broke off"),
    InvalidInput("years", 99, "must be at most 30"),
    JobFailed("Akool reports that the job failed", name="reage.image", token="akj1.x"),
    JobTimeout("it did not end", name="reage.image"),
    KeyConflict("another request has it"),
    MissingCredentials("there is none"),
    UnknownKey("nobody knows it"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: f"{type(each).__name__} {each}"[:40])
def test_no_agent_is_told_to_write_a_program(error: AkoolError) -> None:
    told = advice_for(error)
    for word in ("await", "Akool(", "error.", "akool.job", "akool.find", "max_concurrency"):
        assert word not in told


def test_an_error_has_words_for_the_model_and_data_for_the_client() -> None:
    error = JobFailed("Akool reports that the job failed", name="reage.image", token="akj1.x")
    answer = refused(error, {"operation": "reage.image"})
    assert answer.is_error
    text = getattr(answer.content[0], "text", "")
    assert "The job's token is akj1.x." in text
    data = answer.structured_content
    assert data["operation"] == "reage.image"
    assert data["error"]["type"] == "JobFailed"
    assert data["error"]["token"] == "akj1.x"


def test_it_is_said_where_nothing_is_paid() -> None:
    assert "nothing is paid" in advice_for(InvalidInput("years", 99, "must be at most 30"))
    assert "may be paid for" in advice_for(
        CreateOutcomeUnknown("image.create", None, datetime.now(UTC), "no reply")
    )
