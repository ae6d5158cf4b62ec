"""`akool webhooks`: what arrives is told, made, saved and sent again."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from aiohttp import web

from akool_async import Akool
from akool_async.cli import webhook_posts
from akool_async.cli import webhooks as commands
from akool_async.cli.webhook_listener import Arrival
from akool_async.cli.webhook_report import Reporter
from akool_async.endpoints import TTS
from akool_async.journal import Journal
from akool_async.protocol.snapshot import Status
from akool_async.receivers import aiohttp as aiohttp_receiver
from akool_async.simulator import Simulator
from akool_async.webhook import recent, verify
from tests.cli.commands import Command, Ended, serving_process
from tests.cli.webhook_parts import (
    CREDENTIALS,
    SECRET,
    Receiver,
    assert_hides,
    listening,
    post,
    webhook,
)
from tests.servers import held_port

pytestmark = pytest.mark.usefixtures("webhook_account")

SPEECH = TTS(input_text="Hello.", voice_id="voice-nicole")
CLOCK = r"\d\d:\d\d:\d\d"


@pytest.fixture
def akool(bare: Command) -> Command:
    """Run `akool webhooks`; whatever it prints, no credential is in it."""

    def command(*arguments: str) -> Ended:
        ended = bare("webhooks", *arguments)
        assert_hides(ended.out + ended.err)
        return ended

    return command


# listen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_events_are_told_until_a_signal_and_then_counted(number: signal.Signals) -> None:
    with listening(run=serving_process) as running:
        assert "--tunnel" in running.greeting
        body = webhook("id-1")
        assert post(running.url, webhook("id-2", Status.PROCESSING)) == 200
        assert re.fullmatch(rf"{CLOCK}  verified  processing  audio  id-2", running.line())
        assert post(f"{running.url}/any/path", body) == 200
        assert re.fullmatch(rf"{CLOCK}  verified  completed  audio  id-1", running.line())
        assert post(running.url, body) == 200
        assert re.fullmatch(rf"{CLOCK}  repeated  completed  audio  id-1", running.line())
        status, written, complaints = running.stop(number)
    assert (status, complaints) == (0, "")
    assert written == "\n2 verified, 1 repeated, 0 refused\n"


REFUSED: dict[str, tuple[str, str]] = {
    "AKOOL_CLIENT_ID": ("your-client-id-BBBBBBB==", "Wrong client id"),
    "AKOOL_CLIENT_SECRET": ("0123456789abcdef", "Wrong client secret"),
}


@pytest.mark.parametrize("variable", REFUSED)
def test_beside_a_wrong_credential_a_sentence_tells_what_to_change(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, said = REFUSED[variable]
    monkeypatch.setenv(variable, value)
    with listening() as running:
        assert post(running.url, webhook("id-1")) == 400
        line = running.line()
        _, written, complaints = running.stop()
    assert said in line
    assert variable in line
    assert written == "\n0 verified, 0 repeated, 1 refused\n"
    assert value not in running.greeting + line + written + complaints


def test_what_is_no_webhook_is_told_in_words_and_refused() -> None:
    with listening() as running:

        def told(expected: int, body: bytes, **given: Any) -> str:
            assert post(running.url, body, **given) == expected
            return running.line()

        assert "GET request: the address works" in told(405, b"", method="GET")
        assert "content type is text/plain" in told(415, webhook("a"), Content_Type="text/plain")
        assert "compressed the body (gzip)" in told(415, webhook("a"), Content_Encoding="gzip")
        assert "64 KiB" in told(413, b"x" * 70_000)
        assert "Stale: it was signed 9 min ago" in told(400, old(540))
        assert "became a blank" in told(400, with_plus().replace(b"+", b" "))


def old(seconds: float) -> bytes:
    return webhook("id-1", timestamp=int((time.time() - seconds) * 1000))


def with_plus() -> bytes:
    """Return a webhook whose ciphertext has a sign that forms change."""
    bodies = (webhook(f"id-{number}") for number in range(1000))
    return next(body for body in bodies if b"+" in body)


def connected(url: str) -> socket.socket:
    """Connect to a listener, and send the head of a webhook whose body has to follow."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
    head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    return connection


def test_a_body_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_receiver, "SLOWEST", 0.05)
    with listening() as running, connected(running.url) as connection:
        assert connection.recv(12) == b"HTTP/1.1 408"
        assert "did not come in 5 s" in running.line()


def test_a_body_that_grows_too_large_is_told_while_it_is_read() -> None:
    with listening() as running, connected(running.url) as connection:
        connection.sendall(b"10001\r\n" + b" " * 0x10001 + b"\r\n")  # and its end never comes
        assert connection.recv(12) == b"HTTP/1.1 413"
        assert "larger than 64 KiB" in running.line()


def test_a_sender_that_hangs_up_is_not_told_and_harms_nobody() -> None:
    with listening() as running:
        with connected(running.url) as connection:
            connection.sendall(b"10\r\n")
        assert post(running.url, webhook("id-1")) == 200
        assert running.line().endswith("id-1")
        assert running.stop() == (0, "\n1 verified, 0 repeated, 0 refused\n", "")


def test_an_empty_content_type_is_told_as_such() -> None:
    with listening() as running:
        assert post(running.url, webhook("id-1"), Content_Type="") == 415
        assert "content type is empty, not application/json" in running.line()


def test_repetitions_are_known_among_a_bounded_number_of_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "KEPT", 2)
    first, second, third = (webhook(f"id-{number}") for number in range(3))
    with listening() as running:
        for body, verdict in (
            (first, "verified"),
            (second, "verified"),
            (first, "repeated"),
            (third, "verified"),
            (third, "repeated"),
            (first, "verified"),
        ):
            post(running.url, body)
            assert verdict in running.line()


def test_an_event_that_was_stale_by_a_moment_is_told_to_be_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = time.time()
    arrival = Arrival(at, "POST", "/", {}, webhook("id-1", timestamp=int((at - 299) * 1000)))
    Reporter(CREDENTIALS, tolerance=300.0, as_json=False).show(arrival, None)
    assert (
        "signed just as long ago as is allowed: check this machine's clock"
        in capsys.readouterr()[0]
    )


def test_events_of_any_age_are_taken_if_that_is_asked_for() -> None:
    with listening("--any-age") as running:
        assert post(running.url, old(9000)) == 200


def test_with_json_each_request_is_one_line_and_all_else_is_on_stderr() -> None:
    with listening("--json") as running:
        post(f"{running.url}/akool?a=1", webhook("id-1"))
        told = json.loads(running.line())
        post(running.url, b"junk")
        refused = json.loads(running.line())
        status, written, complaints = running.stop()
    assert told["event"] == {
        "id": "id-1",
        "status": "completed",
        "type": "audio",
        "url": "https://cdn.example/x.mp3",
        "extras": {},
    }
    assert told["operations"] == ["audio.tts", "audio.clone"]
    assert (told["verdict"], told["target"], told["answer"]) == ("verified", "/akool?a=1", 200)
    assert told["reason"] is told["why"] is told["job"] is told["forwarded"] is None
    assert (refused["verdict"], refused["reason"], refused["event"]) == (
        "refused",
        "no_webhook",
        None,
    )
    assert "no JSON" in refused["why"]
    assert (status, written) == (0, "")
    assert "1 verified, 0 repeated, 1 refused" in complaints


def test_every_answer_is_the_one_that_is_asked_for() -> None:
    with listening("--answer", "503") as running:
        assert post(running.url, webhook("id-1")) == 503
        assert post(running.url, b"junk") == 503
        assert post(running.url, b"", method="GET") == 503
        assert "verified" in running.line()


def test_verified_webhooks_are_sent_on_unchanged_and_answered_as_there(receiver: Receiver) -> None:
    with listening("--forward-to", receiver.url) as running:
        first, second = webhook("id-1"), webhook("id-2")
        assert post(running.url, first) == 200
        assert running.line().endswith("id-1")
        assert f"{receiver.url} answered 200" in running.line()
        receiver.status = 500
        assert post(f"{running.url}/TOKEN?order=7", second) == 500
        assert running.line().endswith("id-2")
        assert re.fullmatch(r" +\S+ answered 500 in \d+ ms: not today \[2J", running.line())
        assert post(running.url, b"junk") == 400
    assert receiver.got == [
        ("/akool", "application/json", first),
        ("/akool/TOKEN?order=7", "application/json", second),
    ]


def test_a_program_that_cannot_be_reached_is_told_and_the_webhook_comes_again() -> None:
    with held_port() as port, listening("--forward-to", f"127.0.0.1:{port}") as running:
        assert post(running.url, webhook("id-1")) == 502
        running.line()
        assert f"http://127.0.0.1:{port}/ did not answer: connection refused" in running.line()


def test_a_program_that_does_not_answer_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_posts, "_PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with listening("--forward-to", address) as running:
            assert post(running.url, webhook("id-1")) == 502
            running.line()
            assert "did not answer: it took longer than 0.1 s" in running.line()


def test_a_redirect_is_told_and_not_followed(receiver: Receiver) -> None:
    receiver.status = 302
    with listening("--forward-to", receiver.url) as running:
        assert post(running.url, webhook("id-1")) == 302
        running.line()
        assert "redirects to /elsewhere" in running.line()
    assert len(receiver.got) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it needs a disk that is full")
def test_what_cannot_be_saved_is_told_and_the_webhook_is_taken_in_all_the_same() -> None:
    with listening("--save", "/dev/full") as running:
        assert post(running.url, webhook("id-1")) == 200
        assert running.line().endswith("id-1")
        assert running.line().endswith("it could not be saved: No space left on device")


def test_credentials_in_each_others_place_are_told_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AKOOL_CLIENT_ID", SECRET)
    monkeypatch.setenv("AKOOL_CLIENT_SECRET", "my-client-id-AAAAAAAAA==")
    with listening() as running:
        assert post(running.url, webhook("id-1")) == 400
        line = running.line()
        _, written, complaints = running.stop()
    assert "swap the two" in line
    assert SECRET[:4] not in running.greeting + line + written + complaints


def test_a_port_in_use_is_reported_in_one_line(akool: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = akool("listen", "--port", str(port))
    assert (ended.status, ended.out) == (1, "")
    assert re.fullmatch(rf"akool: port {port} cannot be listened on: .+\n", ended.err)


# The journal


async def test_the_job_of_an_event_is_named_from_a_journal_in_use(tmp_path: Path) -> None:
    journal = tmp_path / "jobs.sqlite"
    async with Simulator(pace=0.01) as simulator:
        settings: Any = {"api_key": simulator.api_key, "base_url": simulator.url}
        async with Akool(
            **settings,
            journal=journal,
            webhook_url="http://127.0.0.1:9/akool",
            webhook_credentials=CREDENTIALS,
        ) as akool:
            job = akool.submit(SPEECH, key="order-7")
            await job
            (simulated,) = simulator.world.jobs.values()
            assert isinstance(simulated.request, TTS)
            target = urlsplit(str(simulated.request.webhook_url)).path
            for place in ("", target):
                told = _told_with(journal, place, str(job.id))
                assert told[1].strip().startswith("audio.tts, key order-7: ")
                assert told[1].endswith(" s after its creation")
            assert "does not have this job" in _told_with(journal, "", "unknown")[1]
            document = json.loads(_told_with(journal, target, str(job.id), "--json")[0])
            assert document["job"]["key"] == "order-7"
            assert document["job"]["operation"] == "audio.tts"
            assert 0 <= document["job"]["seconds"] < 600


def _told_with(journal: Path, target: str, job_id: str, *options: str) -> list[str]:
    with listening("--journal", str(journal), *options) as running:
        assert post(running.url + target, webhook(job_id)) == 200
        return [running.line() for _ in range(1 if options else 2)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal without jobs."""
    path = tmp_path / "jobs.sqlite"
    Journal(path).close_now()
    return path


def test_beside_a_journal_all_else_is_told_as_without(journal: Path) -> None:
    with listening("--journal", str(journal), "--json") as running:
        post(running.url, b"junk")
        refused = json.loads(running.line())
        post(running.url, webhook("unknown"))
        unknown = json.loads(running.line())
    assert (refused["verdict"], refused["job"]) == ("refused", None)
    assert (unknown["verdict"], unknown["job"]) == ("verified", None)


def test_a_journal_that_breaks_is_told_and_the_events_are_told_on(journal: Path) -> None:
    with listening("--journal", str(journal)) as running:
        journal.write_bytes(b"no journal any more" * 1000)
        assert post(running.url, webhook("id-1")) == 200
        assert running.line().endswith("verified  completed  audio  id-1")
        status, _, complaints = running.stop()
    assert status == 0
    assert re.fullmatch(r"journal '.+jobs.sqlite' .+\n", complaints)


def test_what_is_no_journal_is_refused_at_once(tmp_path: Path, akool: Command) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no journal at all" * 1000)
    ended = akool("listen", "--port", "0", "--journal", str(path))
    assert (ended.status, ended.out) == (1, "")
    assert re.fullmatch(r"akool: journal '.+jobs.sqlite' .+\n", ended.err)


# save and replay


def saved(path: Path, *bodies: bytes, target: str = "/") -> None:
    """Save webhooks in a file, as they arrive."""
    with listening("--save", str(path), "--any-age") as running:
        for body in bodies:
            post(running.url + target, body)


def test_saved_webhooks_are_sent_again_as_they_arrived(
    tmp_path: Path, receiver: Receiver, akool: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    bodies = [webhook("id-1"), b"\xff junk", webhook("id-2")]
    saved(path, *bodies[:2], target="/TOKEN?a=1")
    saved(path, bodies[2])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_hides(path.read_text())
    verdicts = [json.loads(line)["verdict"] for line in path.read_text().splitlines()]
    assert verdicts == ["verified", "refused", "verified"]
    ended = akool("replay", str(path), "--to", receiver.url)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.endswith("3 of 3 were answered 200\n")
    assert [each.body for each in receiver.got] == bodies
    assert [each.target for each in receiver.got] == ["/akool/TOKEN?a=1"] * 2 + ["/akool"]


def test_old_webhooks_are_sent_again_as_new_ones_if_that_is_asked_for(
    tmp_path: Path, receiver: Receiver, akool: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    saved(path, old(9000))
    line = json.loads(path.read_text())
    path.write_text(json.dumps({**line, "at": line["at"] - 9000}))
    receiver.status = 400
    refused = akool("replay", str(path), "--to", receiver.url)
    assert refused.status == 1
    assert "--fresh" in refused.err
    receiver.status = 200
    assert akool("replay", str(path), "--to", receiver.url, "--fresh").status == 0
    assert verify(receiver.got[-1].body, CREDENTIALS).id == "id-1"


def test_with_json_each_answer_of_a_replay_is_one_line(
    tmp_path: Path, receiver: Receiver, akool: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    saved(path, webhook("id-1"), webhook("id-2"), target="/TOKEN")
    receiver.status = 503
    ended = akool("replay", str(path), "--to", receiver.url, "--json")
    assert (ended.status, ended.err) == (1, "")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [(each["to"], each["status"]) for each in answers] == [
        (f"{receiver.url}/TOKEN", 503)
    ] * 2


def test_what_is_none_of_this_account_is_not_signed_anew(
    tmp_path: Path, receiver: Receiver, akool: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    saved(path, webhook("id-1"), b"junk")
    ended = akool("replay", str(path), "--to", receiver.url, "--fresh")
    assert ended.status == 1
    assert "webhook 2 is none of this account" in ended.err
    assert receiver.got == []


def test_a_file_that_nobody_saved_is_refused_before_anything_is_sent(
    tmp_path: Path, receiver: Receiver, akool: Command
) -> None:
    path = tmp_path / "hooks.jsonl"
    saved(path, webhook("id-1"))
    path.write_text(path.read_text() + '\n{"at": 1}\n')
    ended = akool("replay", str(path), "--to", receiver.url)
    assert ended.status == 1
    assert "line 3" in ended.err
    assert receiver.got == []


def test_a_place_where_nothing_can_be_saved_is_told_at_once(tmp_path: Path, akool: Command) -> None:
    ended = akool("listen", "--port", "0", "--save", str(tmp_path / "none" / "hooks.jsonl"))
    assert ended.status == 1
    assert "cannot be written" in ended.err


# send


def test_a_webhook_is_made_as_akool_makes_it(receiver: Receiver, akool: Command) -> None:
    arguments = ("--id", "id-9", "--status", "4", "--type", "lipsync", "--to", receiver.url)
    ended = akool("send", *arguments)
    assert (ended.status, ended.err) == (0, "")
    assert re.fullmatch(r"\S+/akool answered 200 in \d+ ms\n", ended.out)
    event = verify(receiver.got[0].body, CREDENTIALS)
    assert (event.id, event.status, event.type) == ("id-9", Status.FAILED, "lipsync")


def test_an_answer_other_than_200_is_an_error(receiver: Receiver, akool: Command) -> None:
    receiver.status = 400
    ended = akool("send", "--id", "id-9", "--to", receiver.url, "--age", "900", "--json")
    document = json.loads(ended.out)
    assert ended.status == 1
    assert (document["posted"]["status"], document["event"]["id"]) == (400, "id-9")
    body = receiver.got[0].body
    assert json.loads(body)["timestamp"] < (time.time() - 890) * 1000


async def test_the_webhooks_of_armed_jobs_reach_the_program_with_their_tokens(
    akool_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKOOL_CLIENT_ID", akool_simulator.client_id)
    monkeypatch.setenv("AKOOL_CLIENT_SECRET", akool_simulator.client_secret)
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    ours = socket.create_server(("127.0.0.1", 0))
    with listening("--forward-to", f"127.0.0.1:{ours.getsockname()[1]}/akool") as running:
        async with Akool(
            akool_simulator.api_key,
            base_url=akool_simulator.url,
            webhook_url=running.url,
            webhook_credentials=akool_simulator.webhook_credentials,
        ) as akool:
            # Without the token of a job in its address, it would be answered 404.
            app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
            await runner.setup()
            await web.SockSite(runner, ours).start()
            job = akool.submit(SPEECH)
            await job
            lines = [await asyncio.to_thread(running.line) for _ in range(2)]
            await runner.cleanup()
    assert lines[0].endswith(f"audio  {job.id}")
    assert re.search(r"/akool/[\w-]{43} answered 200 in", lines[1])


# Wrong command lines, and credentials


@pytest.mark.parametrize(
    "address", ["ftp://127.0.0.1/", "http://", "http://me:hush@127.0.0.1/", "http://[::1", ":0"]
)
def test_an_address_that_cannot_be_one_is_refused(address: str, akool: Command) -> None:
    ended = akool("send", "--id", "x", "--to", address)
    assert ended.status == 2
    assert "--to" in ended.err
    assert "hush" not in ended.err


@pytest.mark.parametrize("name", ["AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET"])
def test_a_credential_that_is_missing_is_named(
    name: str, akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    ended = akool("listen", "--port", "0")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"akool: set {name}: ")


@pytest.mark.parametrize(
    ("secret", "said"), [(SECRET[:-1], "this one has 31"), (f'"{SECRET}"', "quotes around it")]
)
def test_a_secret_of_another_length_is_told_at_once(
    secret: str, said: str, akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKOOL_CLIENT_SECRET", secret)
    ended = akool("send", "--id", "x", "--to", "127.0.0.1:9")
    assert ended.status == 1
    assert "AKOOL_CLIENT_SECRET must be" in ended.err
    assert said in ended.err
    assert secret not in ended.err
    assert SECRET[:-1] not in ended.err


def test_without_its_package_the_command_names_the_extra_to_install(
    akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    ended = akool("listen", "--port", "0")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.endswith("pip install 'akool_async[webhook]'\n")


# The page


PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
SHOWN = re.findall(r"^akool (webhooks .+)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_that_the_page_shows_can_be_given(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hooks.jsonl").touch()
    group, name, *arguments = shlex.split(line)
    chosen = commands.command.get_command(click.Context(commands.command), name)
    assert group == "webhooks"
    assert chosen is not None
    with chosen.make_context(name, arguments) as ctx:
        assert ctx.params


def test_the_page_lists_every_option_of_listen() -> None:
    listen = commands.command.commands["listen"]
    options = {option for each in listen.params for option in each.opts} - {"--port"}
    assert set(re.findall(r"^\| `(--[\w-]+)", PAGE.read_text(), re.MULTILINE)) == options
    assert len(SHOWN) == 4
