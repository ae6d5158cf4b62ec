"""The exception tree: parents, pickling, and messages."""

from __future__ import annotations

import copy
import pickle
import threading
from datetime import UTC, datetime
from typing import Any, cast

import pytest

import akool_async
from akool_async import errors
from akool_async.endpoints import TTS, Audio
from akool_async.errors import CODES, AkoolError, APIError, JobError, api_error

TREE = {
    "AkoolError": "Exception",
    "InvalidInput": "AkoolError",
    "MissingCredentials": "AkoolError",
    "InvalidToken": "AkoolError",
    "APIError": "AkoolError",
    "AuthenticationError": "APIError",
    "AccountError": "APIError",
    "InsufficientCredit": "APIError",
    "RateLimited": "APIError",
    "InvalidRequest": "APIError",
    "NotFound": "APIError",
    "PermissionDenied": "APIError",
    "Conflict": "APIError",
    "ProcessingError": "APIError",
    "DetectionError": "APIError",
    "TransportError": "AkoolError",
    "ConnectFailed": "TransportError",
    "ReplyError": "TransportError",
    "CreateOutcomeUnknown": "AkoolError",
    "NotSearchable": "AkoolError",
    "UncertainMatch": "AkoolError",
    "SessionLeftOpen": "AkoolError",
    "StreamingError": "AkoolError",
    "NotJoined": "StreamingError",
    "SessionEnded": "StreamingError",
    "CommandRefused": "StreamingError",
    "NoAnswer": "StreamingError",
    "AlreadySpeaking": "StreamingError",
    "TooMuchWaiting": "StreamingError",
    "JobError": "AkoolError",
    "JobFailed": "JobError",
    "JobTimeout": "JobError",
    "JobCancelled": "JobError",
    "ClientClosed": "JobError",
    "CancelNotSupported": "JobError",
    "ResultExpired": "JobError",
    "KeyConflict": "AkoolError",
    "UnknownKey": "AkoolError",
    "JournalError": "AkoolError",
    "JournalInUse": "JournalError",
    "DownloadError": "AkoolError",
    "UploadError": "AkoolError",
    "WebhookError": "AkoolError",
    "InvalidSignature": "WebhookError",
    "DecryptionFailed": "WebhookError",
    "StaleEvent": "WebhookError",
}

REQUEST = TTS(input_text="Hello", voice_id="v")
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


MADE_OF: dict[str, tuple[Any, ...]] = {
    "InvalidInput": ("rate", "200%", "must be less"),
    "CreateOutcomeUnknown": ("audio.tts", REQUEST, WHEN, "the connection was reset"),
    "NotSearchable": ("audio.tts", "no list"),
    "UncertainMatch": ("audio.tts", REQUEST, ["akj1.one", "akj1.two"], "2 jobs may be it"),
    "SessionLeftOpen": ("faceswap.live_create", "6a00", "no answer came"),
    "CommandRefused": ("set-params", 1003, "no such voice"),
    "NoAnswer": ("set-params", 6.0),
    "TooMuchWaiting": (262_000, 262_144),
}
"""What errors are made of, other than those of a family, and than a text."""


def made(name: str) -> AkoolError:
    """Build an error of each kind with all of its fields set."""
    cls: Any = getattr(errors, name)
    error: Any
    if name in MADE_OF:
        error = cls(*MADE_OF[name])
    elif issubclass(cls, APIError):
        error = cls(1005, "slow down", endpoint="audio.tts", http_status=429)
        error.retry_after, error.attempts = 2.5, 3
    elif issubclass(cls, JobError):
        error = cls("why", name="audio.tts", token="t", snapshot=Audio(id="a"), request=REQUEST)
    elif cls is errors.ReplyError:
        error = cls("no envelope", endpoint="audio.tts", http_status=502, excerpt="<html>")
    elif issubclass(cls, errors.TransportError):
        error = cls("no route", endpoint="audio.tts")
    else:
        error = cls("why")
    error.token = "akj1.token"
    return cast("AkoolError", error)


@pytest.mark.parametrize(("name", "parent"), TREE.items())
def test_every_error_is_importable_and_has_its_documented_parent(name: str, parent: str) -> None:
    cls = getattr(akool_async, name)
    assert cls is getattr(errors, name)
    assert parent in [base.__name__ for base in cls.__bases__]
    assert name in akool_async.__all__


def test_every_error_is_in_the_documented_tree() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found == set(TREE)


def test_a_wrong_value_and_a_timeout_are_python_s_own_errors_too() -> None:
    assert issubclass(akool_async.InvalidInput, ValueError)
    assert issubclass(akool_async.JobTimeout, TimeoutError)


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_with_its_fields(name: str, protocol: int) -> None:
    error = made(name)
    arrived = pickle.loads(pickle.dumps(error, protocol))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert arrived.args == error.args
    assert vars(arrived) == vars(error)
    assert arrived.token == "akj1.token"


@pytest.mark.parametrize("name", TREE)
def test_every_error_can_be_copied(name: str) -> None:
    error = made(name)
    assert vars(copy.copy(error)) == vars(error)


def test_a_pickled_error_leaves_its_job_out() -> None:
    error = errors.JobFailed("why", name="audio.tts", token="t")
    error.job = object()  # type: ignore[assignment]
    arrived = pickle.loads(pickle.dumps(error))
    assert arrived.job is None
    assert error.job is not None
    assert (arrived.name, arrived.token) == ("audio.tts", "t")


def test_a_refused_value_that_cannot_be_pickled_is_replaced_by_its_repr() -> None:
    error = errors.InvalidInput("prompt", threading.Lock(), "must be a text")
    arrived = pickle.loads(pickle.dumps(error))
    assert arrived.value.startswith("<unlocked _thread.lock")
    assert (str(arrived), arrived.field, arrived.rule) == (str(error), error.field, error.rule)


def test_notes_are_pickled_too() -> None:
    error = made("JobFailed")
    error.add_note("row 17")
    arrived = pickle.loads(pickle.dumps(error))
    assert arrived.__notes__ == ["row 17"]


# Messages


def test_an_api_error_names_endpoint_sentence_meaning_and_code() -> None:
    error = api_error(1003, "bad face", endpoint="reage.image", http_status=400)
    assert error.message == "reage.image: bad face (Parameter error) [code 1003, HTTP 400]"


@pytest.mark.parametrize(
    ("status", "message"),
    [(200, "faceswap.detect: no face"), (503, "faceswap.detect: no face [HTTP 503]")],
)
def test_an_error_without_a_code_shows_none(status: int, message: str) -> None:
    error = errors.DetectionError(0, "no face", endpoint="faceswap.detect", http_status=status)
    assert error.message == message


@pytest.mark.parametrize("msg", ["parameter error", "Parameter error", ""])
def test_a_meaning_equal_to_the_message_is_not_repeated(msg: str) -> None:
    assert api_error(1003, msg).message == "reply: Parameter error [code 1003, HTTP 200]"


def test_an_unknown_code_without_a_sentence_says_so() -> None:
    error = api_error(4711, "")
    assert type(error) is APIError
    assert str(error) == "reply: no reason given [code 4711, HTTP 200]"


@pytest.mark.parametrize("code", CODES)
def test_every_known_code_builds_its_error(code: int) -> None:
    error = api_error(code, "said", endpoint="audio.tts")
    assert type(error) is CODES[code].error
    assert CODES[code].sentence in str(error)


def test_an_unknown_outcome_says_that_it_may_have_been_charged() -> None:
    error = made("CreateOutcomeUnknown")
    assert "2026-01-02 03:04:05Z" in str(error)
    assert "may have been started and charged" in str(error)


def test_a_long_value_is_shortened_in_the_message_and_whole_in_the_field() -> None:
    error = errors.InvalidInput("text", "x" * 9000, "must be shorter")
    assert len(str(error)) < 200
    assert error.value == "x" * 9000
