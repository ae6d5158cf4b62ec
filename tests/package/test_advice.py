"""What to do about an error: every code of Akool's has it, and so has every error with one way."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from akool_async import advice, crun
from akool_async.crun.protocol import crun_error
from akool_async.errors import (
    AkoolError,
    APIError,
    AuthenticationError,
    CreateOutcomeUnknown,
    InsufficientCredit,
    JobFailed,
    JournalInUse,
    MissingCredentials,
    RateLimited,
    ResultExpired,
    api_error,
    message_of,
)

_COPY = Path(__file__).parents[1] / "fixtures" / "error_codes.json"
_SUCCESS = 1000


def documented() -> list[tuple[str, int]]:
    """Return each code of Akool's pages, with the page that prints it."""
    copied: dict[str, Any] = json.loads(_COPY.read_text(encoding="utf-8"))
    tables: dict[str, dict[str, str]] = {"": copied["rows"], **copied["pages"]}
    codes = [(page, int(code)) for page, rows in tables.items() for code in rows]
    return [(page, code) for page, code in codes if code != _SUCCESS]


def is_advice(text: str) -> bool:
    """Say whether a text is one or two sentences."""
    return text[:1].isupper() and text.endswith(".") and text.count(". ") <= 1


@pytest.mark.parametrize(("page", "code"), documented())
def test_every_code_that_a_page_prints_has_something_to_do(page: str, code: int) -> None:
    error = api_error(code, "said", endpoint="audio.tts", pages=(page,))
    assert is_advice(error.advice)
    assert str(error).endswith(advice.first_sentence(error.advice))


def test_no_advice_is_there_for_a_code_that_no_page_prints() -> None:
    assert set(advice.CODES) == {code for _, code in documented()}
    assert api_error(4711, "").advice == ""


def test_a_code_with_another_meaning_on_a_page_has_other_advice_there() -> None:
    page = "https://docs.akool.com/ai-tools-suite/talking-avatar"
    assert api_error(1109, "", pages=(page,)).advice == advice.LATER
    assert api_error(1109, "").advice == advice.CREDENTIAL


@pytest.mark.parametrize("code", crun.CODES)
def test_every_code_of_crun_has_advice_of_its_own(code: int) -> None:
    error = crun_error(code, "said")
    assert is_advice(error.advice)
    assert "akool" not in error.advice.lower()


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (CreateOutcomeUnknown, "akool.find(error)"),
        (ResultExpired, "within 7 days"),
        (JournalInUse, "a journal of its own"),
        (RateLimited, "max_concurrency"),
        (InsufficientCredit, "Buy credit"),
        (AuthenticationError, "the credential"),
        (MissingCredentials, "in the environment"),
    ],
)
def test_an_error_with_one_clear_next_step_names_it(cls: type[AkoolError], words: str) -> None:
    assert words in cls.advice
    assert is_advice(cls.advice)


@pytest.mark.parametrize("cls", [AkoolError, *AkoolError.__subclasses__()])
def test_advice_of_classes_is_short_or_empty(cls: type[AkoolError]) -> None:
    for each in (cls, *cls.__subclasses__()):
        assert not each.advice or is_advice(each.advice)


@pytest.mark.parametrize(
    "reason", ["NSFW content detected", "Refused by moderation", "it violates our policy"]
)
def test_a_job_that_moderation_refused_says_that_repeating_is_useless(reason: str) -> None:
    failed = JobFailed(f"Akool reports that the job failed: {reason}", name="image.generate")
    assert failed.advice == advice.MODERATION


def test_a_job_that_failed_with_a_code_has_the_advice_of_the_code() -> None:
    class Told:
        error_code = 1203

    assert JobFailed("it failed", snapshot=Told()).advice == advice.CODES[1203]
    assert JobFailed("it failed", snapshot=object()).advice == ""


def test_the_text_ends_with_the_first_sentence_and_the_message_has_none() -> None:
    error = api_error(1104, "no credit left", endpoint="audio.tts")
    assert error.message == (
        "audio.tts: no credit left (Insufficient credit balance) [code 1104, HTTP 200]"
    )
    assert str(error) == f"{error.message}. Buy credit at akool.com."
    assert message_of(error) == error.message
    assert message_of(ValueError("other")) == "other"


def test_advice_survives_pickling_and_stands_in_plain_data() -> None:
    error = api_error(1104, "no credit left")
    error.advice = "Ask Ann. She pays."
    arrived: APIError = pickle.loads(pickle.dumps(error))
    assert (arrived.advice, str(arrived)) == (error.advice, str(error))
    assert error.to_dict()["advice"] == error.advice
    assert error.to_dict()["message"] == error.message
    assert AkoolError("x").to_dict()["advice"] == ""
