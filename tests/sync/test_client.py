from __future__ import annotations

import gc
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akool_async import Event
from akool_async.endpoints import GetCredit, ListVoices
from akool_async.endpoints.paging import Page
from akool_async.errors import (
    AkoolError,
    InvalidInput,
    JournalInUse,
    MissingCredentials,
    UnknownKey,
)
from akool_async.protocol.deprecation import AkoolDeprecationWarning
from akool_async.simulator import Simulator
from akool_async.sync import Akool, Jobs
from tests.sync.conftest import Connected, speech

LOOP = "akool-sync"


def loops() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == LOOP]


def test_a_call_returns_its_value(akool: Akool) -> None:
    assert akool.account.credit().credit > 0
    assert akool.call(GetCredit()) == akool.account.credit()


def test_a_list_is_iterated_over_or_asked_for_a_page(akool: Akool) -> None:
    avatars = akool.streaming.avatars(size=2)
    assert repr(avatars).startswith("<Paged streaming.avatars: iterate")
    page = avatars.page()
    assert list(avatars)[: len(page)] == list(page)
    assert isinstance(page, Page)


def test_a_notebook_shows_cards_of_client_job_and_jobs(akool: Akool) -> None:
    job = akool.submit(speech())
    jobs = Jobs([job])
    job.result(30)
    html = [each._repr_html_() for each in (akool, job, jobs)]
    assert "Akool" in html[0]
    assert "audio.tts" in html[1]
    assert html[1] in html[2]


def test_all_clients_of_a_process_share_one_loop_that_ends_with_the_last(
    connected: Connected,
) -> None:
    first, second = connected(), connected()
    assert loops() == []
    first.account.credit()
    second.account.credit()
    assert loops() == [LOOP]
    first.close()
    assert loops() == [LOOP]
    assert second.account.credit()
    second.close()
    assert loops() == []


def test_a_closed_client_says_so_and_with_opens_it_again(
    connected: Connected, tmp_path: Path
) -> None:
    akool = connected(journal=tmp_path / "jobs.db")
    with akool:
        with akool:  # the last block closes it
            pass
        assert akool.submit(speech(), key="a").result(30)
    with pytest.raises(RuntimeError, match="enter it again with `with`"):
        akool.account.credit()
    with pytest.raises(RuntimeError, match="enter it again with `with`"):
        akool.map([])
    akool.close()
    with akool:
        assert akool.job(key="a").result(30)


def test_a_client_that_was_never_used_gives_its_journal_back(
    connected: Connected, tmp_path: Path
) -> None:
    akool = connected(journal=tmp_path / "jobs.db")
    with pytest.raises(JournalInUse):
        connected(journal=tmp_path / "jobs.db")
    akool.close()
    connected(journal=tmp_path / "jobs.db").close()


def test_with_settings_is_another_client_with_the_hooks_of_both(connected: Connected) -> None:
    seen: list[str] = []
    first = connected(on_event=lambda event: seen.append(f"first {event.name}"))
    with first.with_settings(on_event=lambda event: seen.append(f"second {event.name}")) as other:
        other.submit(speech()).result(30)
        assert type(other) is Akool
    assert {"first job.completed", "second job.completed"} <= set(seen)


def test_settings_are_checked_as_those_of_the_other_client(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="did you mean 'max_concurrency'"):
        Akool("key", max_concurency=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match=r"session.*has its own"):
        Akool("key", session=object())  # type: ignore[arg-type]
    for name in ("AKOOL_API_KEY", "AKOOL_TOKEN", "AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingCredentials):
        Akool()
    assert "the-secret" not in repr(Akool("the-secret"))


def test_it_is_paused_resumed_and_limited(connected: Connected) -> None:
    with connected() as akool:
        akool.pause()
        job = akool.submit(speech())
        assert akool.stats.paused
        with pytest.raises(TimeoutError):
            job.result(0.02)
        akool.resume()
        akool.set_concurrency(3)
        akool.set_limits({"audio.*": 2})
        assert job.result(30)
        assert (akool.stats.places, akool.stats.limits) == (3, {"audio.*": 2})
        assert akool.stats.jobs["audio.tts"].completed == 1


def test_hooks_run_in_the_thread_of_the_loop_and_may_not_wait_there(connected: Connected) -> None:
    threads: set[str] = set()
    refused: list[str] = []

    def hook(_event: Event) -> None:
        threads.add(threading.current_thread().name)
        assert akool.stats.requests is not None
        for wait in (akool.account.credit, akool.close, connected().account.credit):
            with pytest.raises(RuntimeError) as error:
                wait()
            refused.append(str(error.value))

    with connected(on_event=hook) as akool:
        akool.submit(speech()).result(30)
    assert threads == {LOOP}
    assert len(refused) >= 3
    assert all("a thread of yours" in each for each in refused)


def test_a_key_that_nobody_used_is_not_found(connected: Connected, tmp_path: Path) -> None:
    with connected(journal=tmp_path / "jobs.db") as akool, pytest.raises(UnknownKey):
        akool.find(key="b")
    with connected() as akool, pytest.raises(ValueError, match="journal"):
        list(akool.recover())


def test_webhooks_are_fed_by_a_view(connected: Connected, simulator: Simulator) -> None:
    settings = {
        "webhook_url": "https://hooks.example/akool",
        "webhook_credentials": simulator.webhook_credentials,
    }
    with connected(**settings) as akool:
        webhooks = akool.webhooks
        assert (webhooks.address, webhooks.needs_token) == (settings["webhook_url"], True)
        assert not webhooks.is_ours("nobody's")
        with pytest.raises(Exception, match="no token of this account"):
            webhooks.feed(b"{}", "nobody's")


def test_a_client_that_nobody_holds_is_closed_and_the_log_says_so(
    connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    def use() -> object:
        return connected().submit(speech())  # the job holds the client

    job: Any = use()
    with caplog.at_level(logging.WARNING, "akool_async"):
        assert job.result(30)
        assert loops() == [LOOP]
        assert "not closed" not in caplog.text
        del job
        gc.collect()
        for _ in range(1000):
            if not loops():
                break
            time.sleep(0.005)
    assert loops() == []
    assert caplog.text.count("not closed: use `with`") == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda akool: akool.audio.tts(input_text="Hello.", voice_id="v").result(30),
        lambda akool: list(akool.map([speech()])),
        lambda akool: akool.call(ListVoices()),
    ],
    ids=["method", "map", "call"],
)
def test_a_warning_of_what_is_deprecated_names_the_line_of_the_program(
    use: Callable[[Akool], object], connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    from akool_async.client import deprecations

    monkeypatch.setattr(deprecations, "_TOLD", set())
    monkeypatch.setattr(deprecations, "SETTLED", set())
    monkeypatch.setattr("akool_async.client.caller.SETTLED", set())
    with connected() as akool, pytest.warns(AkoolDeprecationWarning) as told:
        use(akool)
    assert {each.filename for each in told} == {__file__}
    assert deprecations.LINE.get() is None


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="from Python 3.12 on, a frame in a traceback holds its callers, and so anyio's future",
)
def test_an_error_of_an_argument_is_freed_without_the_garbage_collector(akool: Akool) -> None:
    akool.account.credit()

    def refused(call: Callable[[], object]) -> Any:
        # pytest.raises would hold the error.
        try:
            return call()
        except AkoolError as error:
            return weakref.ref(error)

    gc.disable()
    try:
        assert refused(lambda: akool.job("akj1.broken"))() is None
        assert refused(lambda: akool.voice.tts(input_text="", voice_id="v"))() is None
    finally:
        gc.enable()
