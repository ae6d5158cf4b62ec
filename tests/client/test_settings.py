"""Settings: spelled once, shared by all clients, checked by name, and silent about secrets."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, Backoff, InvalidInput, Limits, MissingCredentials, Retry, Timeout
from akool_async.client.client import Client
from akool_async.client.settings import DEFAULTS, AkoolSettings, Configuration, Settings
from akool_async.clock import LoopClock
from akool_async.crun import Crun
from akool_async.endpoints import OPERATIONS
from akool_async.engine import SemaphorePlaces

TESTS = str(Path(__file__).parents[1])
CANARY = "canary-5up3r"
HOSTS = {"api": "https://api.example"}

Make = Callable[..., Client]

both = pytest.mark.parametrize("make", [Akool, Crun])


def configured(**settings: Any) -> Configuration:
    return Configuration(settings, HOSTS, dict)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def shown(error: BaseException) -> str:
    """Return all that an error and its chain show, with the locals of the package's frames."""
    parts, chain = [], [error]
    for each in chain:
        report = traceback.TracebackException.from_exception(each, capture_locals=True)
        parts += [repr(each), str(each), repr(vars(each))]
        parts += [
            f"{frame.name}: {frame.locals}"
            for frame in report.stack
            if not frame.filename.startswith(TESTS)
        ]
        chain += [other for other in (each.__cause__, each.__context__) if other is not None]
    return "\n".join(parts)


# Names


@both
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("max_concurency", "max_concurrency"),
        ("job_timout", "job_timeout"),
        ("on_credits", "on_credit"),
        ("baseurl", "base_url"),
        ("apikey", "api_key"),
        ("saveto", "save_to"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused_with_the_nearest_one(
    make: Make, wrong: str, right: str
) -> None:
    with pytest.raises(TypeError) as caught:
        make("key", **{wrong: 1})
    owner = getattr(make, "__name__", "")
    assert str(caught.value) == (
        f"{owner}() got an unexpected keyword argument {wrong!r}; did you mean {right!r}?"
    )


@both
def test_a_name_that_is_like_no_setting_is_refused_without_advice(make: Make) -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzz'$"):
        make("key", zzz=1)


@both
def test_a_wrong_name_is_found_before_a_wrong_value_or_a_missing_credential(make: Make) -> None:
    with pytest.raises(TypeError, match="'max_concurrency'"):
        make(max_concurency=0, timeout=-1)
    with pytest.raises(MissingCredentials):
        make(max_concurrency=0)


@both
@pytest.mark.parametrize("name", Settings.__annotations__)
def test_every_client_takes_every_shared_setting(make: Make, name: str) -> None:
    default: Any = dict(DEFAULTS).get(name)
    assert repr(make("key", **{name: default})) == repr(make("key"))


@pytest.mark.parametrize(
    "name", sorted(AkoolSettings.__annotations__.keys() - Settings.__annotations__)
)
def test_crun_refuses_the_settings_of_akool_alone(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^Crun\(\) got an unexpected keyword argument {name!r}"):
        Crun("key", **{name: "value"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@both
def test_only_the_api_key_may_stand_without_its_name(make: Make) -> None:
    with pytest.raises(TypeError, match="positional"):
        make("key", "https://api.example")


# Defaults


def test_defaults_are_those_that_the_documents_name() -> None:
    plain = configured()
    assert plain.max_concurrency == 100
    assert plain.timeout == Timeout(total=60.0)
    assert plain.job_timeout("audio.tts") == 4 * 3600.0
    assert plain.retry == Retry()
    assert plain.limits == Limits()
    assert (plain.schedule, plain.backoff("audio"), plain.places) == (None, None, None)
    assert (plain.session, plain.journal, plain.save_to, plain.on_event) == (None, None, None, ())
    assert isinstance(plain.clock, LoopClock)
    assert not plain.waits_for_credit
    assert (plain.downloads.largest, plain.downloads.allow_private) == (4 * 2**30, False)
    assert plain.proxies == {}


def test_every_default_is_that_of_a_setting() -> None:
    assert DEFAULTS.keys() <= AkoolSettings.__annotations__.keys()
    assert None not in DEFAULTS.values()


def test_a_setting_may_be_given_in_its_short_form() -> None:
    fixed = Backoff()
    short = configured(
        timeout=5,
        limits={"video.*": 2},
        backoff={"audio": fixed},
        job_timeout=None,
        on_credit="pause",
    )
    assert short.timeout == Timeout(total=5)
    assert short.limits == Limits(operations={"video.*": 2})
    assert (short.backoff("audio"), short.backoff("video")) == (fixed, None)
    assert short.job_timeout("audio.tts") is None
    assert short.waits_for_credit


def test_a_job_timeout_by_operation_leaves_the_others_alone() -> None:
    settings: Settings = {"job_timeout": {"audio.tts": 5}}
    by_name = Configuration(settings, HOSTS, lambda: OPERATIONS)
    assert (by_name.job_timeout("audio.tts"), by_name.job_timeout("x")) == (5.0, 4 * 3600.0)


async def test_a_semaphore_becomes_shared_places() -> None:
    assert isinstance(configured(semaphore=asyncio.Semaphore(3)).places, SemaphorePlaces)


@both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrency", 0),
        ("max_concurrency", "50"),
        ("max_concurrency", True),
        ("job_timeout", 0),
        ("job_timeout", {"no.operation": 5}),
        ("max_download_bytes", 0.5),
        ("on_credit", "wait"),
        ("on_outage", "pause"),
        ("on_event", 7),
        ("base_url", "http://api.example"),
        ("base_url", "https://api.example/path"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(make: Make, name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        make("key", **{name: value})
    assert caught.value.field.partition("[")[0] == name


# Secrets


@both
@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": CANARY},
        {"proxy": f"http://user:{CANARY}@proxy.example"},
        {"base_url": f"https://user:{CANARY}@api.example"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_traceback_with_local_variables_shows_no_secret(
    make: Make, settings: dict[str, str]
) -> None:
    for mistake in ({"max_concurrency": 0}, {"max_concurency": 1}, {"on_event": 7}):
        with pytest.raises((InvalidInput, TypeError)) as caught:
            make(**({"api_key": "key"} | settings | mistake))
        assert CANARY not in shown(caught.value)
        assert "settings" in shown(caught.value)  # the frames are those with the settings


@pytest.mark.parametrize("name", ["token", "client_secret"])
def test_a_traceback_shows_no_secret_of_akool_either(name: str) -> None:
    settings: Any = {name: CANARY, "client_id": "id", "max_concurrency": 0}
    with pytest.raises(InvalidInput) as caught:
        Akool(**settings)
    assert CANARY not in shown(caught.value)


@both
@pytest.mark.parametrize("name", ["api_kee", "clientsecret", "tokn", "zzz"])
def test_a_traceback_shows_no_secret_whose_name_was_misspelt(make: Make, name: str) -> None:
    with pytest.raises(TypeError) as caught:
        make("key", **{name: CANARY})
    assert CANARY not in shown(caught.value)


def test_settings_that_are_no_secrets_stay_readable_in_a_traceback() -> None:
    with pytest.raises(InvalidInput) as caught:
        Akool("key", base_url="https://api.example", save_to="results/", max_concurrency=0)
    assert "https://api.example" in shown(caught.value)
    assert "results/" in shown(caught.value)
