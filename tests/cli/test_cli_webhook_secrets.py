"""No credential of the environment shows in what `akool webhooks` prints, saves or sends."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import time
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from akool_async.cli.tree import run
from akool_async.cli.webhook_report import Reporter
from tests.cli.commands import Command, Ended
from tests.cli.webhook_parts import (
    API_KEY,
    CLIENT_ID,
    SECRET,
    Receiver,
    assert_hides,
    listening,
    post,
    webhook,
)

pytestmark = pytest.mark.usefixtures("webhook_account")

OTHER_ID, OTHER_SECRET = "your-client-id-BBBBBBBBB==", "stolen-secret-9876543210-zyxwvut"
WRONG: dict[str, dict[str, str]] = {
    "right": {},
    "wrong id": {"AKOOL_CLIENT_ID": OTHER_ID},
    "wrong secret": {"AKOOL_CLIENT_SECRET": OTHER_SECRET},
    "secret of another length": {"AKOOL_CLIENT_SECRET": OTHER_SECRET[:24]},
    "another account": {"AKOOL_CLIENT_ID": OTHER_ID, "AKOOL_CLIENT_SECRET": OTHER_SECRET},
    "swapped": {"AKOOL_CLIENT_ID": SECRET, "AKOOL_CLIENT_SECRET": CLIENT_ID[:24]},
    "quoted id": {"AKOOL_CLIENT_ID": f"'{CLIENT_ID}'"},
    "no length": {"AKOOL_CLIENT_SECRET": SECRET + "x"},
    "quoted secret": {"AKOOL_CLIENT_SECRET": f'"{SECRET}"'},
    "broken id": {"AKOOL_CLIENT_ID": f"{CLIENT_ID}\n"},
    "id with a bell": {"AKOOL_CLIENT_ID": f"{CLIENT_ID}\a-"},
    "secret twice": {"AKOOL_CLIENT_ID": SECRET},
    "key as secret": {"AKOOL_CLIENT_SECRET": API_KEY},
    "key as id": {"AKOOL_CLIENT_ID": API_KEY},
}
LISTENS = tuple(WRONG)[:7]


def set_wrong(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WRONG[how].items():
        monkeypatch.setenv(name, value)


def assert_all_hidden(ended: Ended) -> None:
    assert_hides(ended.out + ended.err)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("secret", [CLIENT_ID, SECRET, API_KEY])
@pytest.mark.parametrize("ahead", ["", "x", "xy", "xyz"])
def test_these_tests_find_a_secret_in_any_code(secret: str, ahead: str) -> None:
    data = f"{ahead}{secret}!".encode()
    shown = (data.decode(), data.hex(), data.hex().upper(), base64.b64encode(data).decode())
    for text in shown:
        with pytest.raises(AssertionError):
            assert_hides(f"<{text}>")


@pytest.mark.parametrize("options", [(), ("--json",)], ids=" ".join)
@pytest.mark.parametrize("how", LISTENS)
def test_listen_shows_saves_and_sends_on_none(
    how: str,
    options: tuple[str, ...],
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_wrong(how, monkeypatch)
    path = tmp_path / "hooks.jsonl"
    receiver.status = 500
    given = ("--save", str(path), "--forward-to", receiver.url, *options)
    with listening(*given) as running:  # it looks at what is printed
        bodies = [webhook("id-1"), webhook("id-1", timestamp=5), b"junk", webhook("id-2")[:-40]]
        statuses = [post(f"{running.url}/TOKEN?order=7", body) for body in bodies]
        post(running.url, b"", method="GET")
        post(running.url, b"x" * 70_000)
        status, _, complaints = running.stop()
    assert (status, "Traceback" in complaints) == (0, False)
    assert statuses == [500 if how == "right" else 400, 400, 400, 400]
    assert len(path.read_text().splitlines()) == len(bodies)
    assert_hides(path.read_text())
    assert len(receiver.got) == (1 if how == "right" else 0)
    assert_hides(str(receiver.got))


@pytest.mark.parametrize("how", tuple(WRONG)[7:])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=" ".join)
def test_credentials_that_cannot_be_right_are_told_before_anything_is_done_and_not_shown(
    how: str, options: tuple[str, ...], bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_wrong(how, monkeypatch)
    for command in (("listen", "--port", "0"), ("send", "--id", "x", "--to", "127.0.0.1:9")):
        ended = bare("webhooks", *command, *options)
        assert ended.status == 1
        assert "AKOOL_CLIENT_" in ended.err
        assert_all_hidden(ended)


def test_a_value_in_two_places_is_named_by_the_variables(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_wrong("key as secret", monkeypatch)
    ended = bare("webhooks", "listen", "--port", "0")
    assert "AKOOL_CLIENT_SECRET and AKOOL_API_KEY have the same value" in ended.err


@pytest.mark.parametrize("options", [(), ("--json",)], ids=" ".join)
@pytest.mark.parametrize("answer", [200, 302, 500])
def test_send_and_replay_show_none(
    answer: int, options: tuple[str, ...], tmp_path: Path, receiver: Receiver, bare: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    with listening("--save", str(path), "--any-age") as running:
        post(running.url, webhook("id-1"))
        post(running.url, webhook("id-2", timestamp=int((time.time() - 900) * 1000)))
    receiver.status = answer
    to = ("--to", receiver.url, *options)
    for command in (
        ("send", "--id", "id-1", *to),
        ("replay", str(path), *to),
        ("replay", str(path), "--fresh", *to),
    ):
        ended = bare("webhooks", *command)
        assert ended.status == (0 if answer == 200 else 1)
        assert_all_hidden(ended)
    assert len(receiver.got) == 5
    assert_hides(str(receiver.got))


@pytest.mark.parametrize("how", ["wrong id", "wrong secret", "another account"])
def test_what_cannot_be_signed_anew_shows_none(
    how: str, tmp_path: Path, bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hooks.jsonl"
    with listening("--save", str(path)) as running:
        post(running.url, webhook("id-1"))
    set_wrong(how, monkeypatch)
    for options in ((), ("--json",)):
        ended = bare("webhooks", "replay", str(path), "--to", "127.0.0.1:9", "--fresh", *options)
        assert ended.status == 1
        assert_all_hidden(ended)


@pytest.mark.parametrize(
    "arguments",
    [
        ("listen", "--port", "x"),
        ("listen", "--journal", "nowhere"),
        ("listen", "--forward-to", "ftp://x"),
        ("listen", "--save", "/"),
        ("listen", "--port", "0", "--tunnel", "no-such-program"),
        ("listen", "--port", "0", "--tunnel", "env"),
        ("send", "--id", "x", "--to", "127.0.0.1:9"),
        ("send", "--id", "x", "--to", "127.0.0.1:9", "--status", "7"),
        ("replay", "nowhere", "--to", "127.0.0.1:9"),
        ("replay", __file__, "--to", "127.0.0.1:9"),
        ("sing",),
    ],
    ids=" ".join,
)
def test_errors_show_none(arguments: tuple[str, ...], bare: Command) -> None:
    for options in ((), ("--json",)):
        ended = bare("webhooks", *arguments, *options)
        assert ended.status in {1, 2}
        assert_all_hidden(ended)


@pytest.mark.parametrize("command", [(), ("listen",), ("send",), ("replay",)], ids=" ".join)
def test_help_shows_none(command: tuple[str, ...], bare: Command) -> None:
    ended = bare("webhooks", *command, "--help")
    assert ended.status == 0
    assert_all_hidden(ended)


def broken(*_: Any) -> None:
    raise RuntimeError("a mistake in this program")


def test_the_traceback_of_a_mistake_shows_none_even_with_its_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Reporter, "greet", broken)
    with pytest.raises(RuntimeError) as caught:
        run(["webhooks", "listen", "--port", "0"])
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(told.format())
    assert "credentials" in text
    assert_hides(text)


def test_a_mistake_while_a_request_is_answered_is_logged_without_any(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with listening() as running:
        monkeypatch.setattr("akool_async.cli.webhook_listener.check_head", broken)
        assert post(running.url, webhook("id-1")) == 500
        running.stop()
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    told = traceback.TracebackException.from_exception(record.exc_info[1], capture_locals=True)
    assert "a mistake in this program" in caplog.text
    assert_hides(caplog.text + "".join(told.format()))


def test_what_is_no_http_is_one_line_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with listening("--json") as running:
        for junk in (b"\x16\x03\x01\x02\x00\x01", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=30)
            connection.connect()
            connection.sock.sendall(junk + b"\r\n\r\n")
            assert connection.sock.recv(12)[-3:] == b"400"
            connection.close()
            told = json.loads(running.line())
            assert (told["verdict"], told["reason"], told["answer"]) == ("refused", "no_http", 400)
            assert "http, not https" in told["why"]
        status, _, complaints = running.stop()
    assert status == 0
    assert complaints == "\n0 verified, 0 repeated, 2 refused\n"
    assert not [each for each in caplog.records if each.name.startswith("aiohttp")]
