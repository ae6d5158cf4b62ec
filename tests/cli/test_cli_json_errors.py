"""`--json` prints one JSON document on stdout, whatever happens; and other small promises."""

from __future__ import annotations

import io
import signal
import subprocess
from pathlib import Path

import pytest
from aiohttp import web

from akool_async.cli.statuses import BAD_INPUT, IN_DOUBT, NO_ANSWER, REFUSED, TIMED_OUT
from akool_async.cli.tree import COMMANDS
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol import token
from akool_async.protocol.token import JobReference
from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, Command, Ended, point_at

PHOTO = "https://photos.example/ann.jpg"
OLDER = ("reage", "image", "--target-image", PHOTO, "--face-reage", "10", "--modify-image", PHOTO)
SPEECH = ("audio", "tts", "--input-text", "Hello.", "--voice-id", "v")
SOME_TOKEN = token.write(JobReference(name="reage.image", id="abc", job_id=None, created=0))


SHAPE = {"type", "message", "code", "endpoint", "token", "advice", "exit_status"}
"""What every error has."""

# Errors


@pytest.mark.parametrize(
    ("arguments", "kind", "status"),
    [
        (("job", "nonsense"), "UsageError", 2),
        (("job",), "UsageError", 2),
        (("job", SOME_TOKEN, "--cancel", "--wait"), "UsageError", 2),
        (("job", SOME_TOKEN, "--timeout", "5"), "UsageError", 2),
        (("reage", "image"), "UsageError", 2),
        ((*OLDER[:-1], "nowhere"), "UsageError", 2),
        (("reage", "imag"), "UsageError", 2),
        (("reag",), "UsageError", 2),
        (("journal", "list", "--file", "nowhere"), "UsageError", 2),
        (OLDER, "MissingCredentials", BAD_INPUT),
        (("account", "credit"), "MissingCredentials", BAD_INPUT),
        (("job", SOME_TOKEN), "MissingCredentials", BAD_INPUT),
        (("job", SOME_TOKEN, "--cancel"), "MissingCredentials", BAD_INPUT),
    ],
)
def test_an_error_before_any_request_is_json_too(
    bare: Command, arguments: tuple[str, ...], kind: str, status: int
) -> None:
    plain, as_json = bare(*arguments), bare(*arguments, "--json")
    assert (plain.status, plain.out) == (status, "")
    assert (as_json.status, as_json.err) == (status, plain.err)
    error = as_json.document["error"]
    assert (error["type"], error["exit_status"]) == (kind, status)
    assert error.keys() >= SHAPE
    assert plain.err.endswith(f": {error['message']}\n")


def test_a_refusal_of_akool_is_json_with_its_code(
    akool: Command, akool_simulator: Simulator
) -> None:
    async def refuse(_name: str, _request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"code": 1102, "msg": "\x1b[31mno"})

    akool_simulator.fault = refuse
    for arguments in (("account", "credit"), OLDER, ("job", SOME_TOKEN)):
        ended = akool(*arguments, "--json")
        error = ended.document["error"]
        assert (ended.status, error["code"], error["http_status"]) == (REFUSED, 1102, 200)
        assert error["message"] in ended.err
        assert error["exit_status"] == REFUSED
        assert error["endpoint"].partition(".")[0] in {"account", "reage", "faceswap"}


def test_a_create_of_unknown_outcome_is_json_too(
    akool: Command, akool_simulator: Simulator
) -> None:
    async def drop(_name: str, _request: web.Request) -> web.StreamResponse | None:
        raise ConnectionResetError

    akool_simulator.fault = drop
    ended = akool(*OLDER, "--json")
    error = ended.document["error"]
    assert error["type"] == "CreateOutcomeUnknown"
    assert "might pay twice" in error["message"]
    assert ended.status == error["exit_status"] == IN_DOUBT


def test_a_wrong_option_is_json_that_says_where_the_options_are(bare: Command) -> None:
    error = bare("reage", "image", "--years", "10", "--json").document["error"]
    assert (error["type"], error["token"], error["code"]) == ("UsageError", None, None)
    assert "`akool reage image --help`" in error["advice"]


def test_a_host_that_is_down_has_a_status_of_its_own(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator().in_thread() as simulator:
        point_at(simulator, monkeypatch)
    ended = bare("account", "credit", "--json")  # nobody listens there any more
    error = ended.document["error"]
    assert (ended.status, error["exit_status"]) == (NO_ANSWER, NO_ANSWER)
    assert error["endpoint"] == "account.credit"


def test_a_failed_job_is_json_with_its_fields_its_token_and_the_error(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=0.001, fail_rate=1.0, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        waited = bare(*OLDER, "--wait", "--json")
        text = waited.document["token"]
        looked = bare("job", text, "--json")
    for ended in (waited, looked):
        assert ended.status == 1
        assert ended.document["operation"] == "reage.image"
        assert (ended.document["token"], ended.document["status"]) == (text, "failed")
        error = ended.document["error"]
        assert (error["type"], error["exit_status"]) == ("JobFailed", 1)
        assert (error["token"], error["endpoint"]) == (text, "reage.image")
        assert ended.document["error_reason"] in ended.document["error"]["message"]


def test_a_wait_that_is_over_is_json_with_the_token_to_go_on_with(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        ended = bare(*OLDER, "--wait", "--timeout", "1", "--json")
        (job,) = simulator.world.jobs
    assert (ended.status, ended.document["error"]["type"]) == (TIMED_OUT, "Timeout")
    assert token.read(ended.document["token"]).id == ended.document["id"] == job
    assert "not ended after 1 second;" in ended.err


def test_a_wait_that_is_interrupted_is_json_with_the_token_to_go_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        with subprocess.Popen(
            [*COMMAND, *OLDER, "--wait", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as process:
            assert process.stderr is not None
            process.stderr.readline()  # not accepted yet
            process.stderr.readline()  # its token
            process.send_signal(signal.SIGINT)
            ended = Ended(process.wait(60), *process.communicate(timeout=60))
    assert (ended.status, ended.document["error"]["type"]) == (130, "Interrupted")
    assert ended.document["token"] in ended.document["error"]["message"]


def test_a_result_that_cannot_be_saved_is_one_document_with_its_fields_and_the_error(
    akool: Command, akool_simulator: Simulator, tmp_path: Path
) -> None:
    async def fault(name: str, _request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=404) if name == "media" else None

    text = akool(*OLDER, "--wait", "--json").document["token"]
    akool_simulator.fault = fault
    ended = akool("job", text, "--save", f"{tmp_path}/blocked.png", "--json")
    assert ended.status == 1
    assert ended.document["url"].endswith(".png")
    assert ended.document["error"]["message"]


# Cancelling


def test_a_cancel_is_json_too(bare: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(pace=1000.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        text = bare(*OLDER).out.strip()
        ended = bare("job", text, "--cancel", "--json")
    assert ended.status == 0
    assert ended.document["operation"] == "reage.image"
    assert ended.document["token"] == text
    assert ended.document["id"] == token.read(text).id
    assert ended.document["cancelled"] is True


def test_a_cancel_that_is_not_offered_is_json_too(akool: Command) -> None:
    text = akool("video", "talking-photo", "--talking-photo-url", PHOTO, "--audio-url", PHOTO).out
    ended = akool("job", text.strip(), "--cancel", "--json")
    assert (ended.status, ended.document["error"]["type"]) == (1, "CancelNotSupported")


# Media on standard output


def binary(*arguments: str) -> tuple[int, bytes, str]:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr.decode()


def test_save_to_a_dash_writes_the_media_to_standard_output_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Simulator(pace=0.001, omit_rate=0.0).in_thread() as simulator:
        point_at(simulator, monkeypatch)
        monkeypatch.chdir(tmp_path)
        status, out, err = binary(*SPEECH, "--save", "-")
        (job,) = simulator.world.jobs
        assert (status, out[:4]) == (0, b"RIFF")
        assert job.encode() in out
        assert f"{simulator.url}/media/{job}" in err
        text = next(line.split()[1] for line in err.splitlines() if line.startswith("token "))
        assert binary("job", text, "--save", "-")[:2] == (0, out)
    assert list(tmp_path.iterdir()) == []


def test_media_and_json_are_not_both_written_to_standard_output(akool: Command) -> None:
    ended = akool(*SPEECH, "--save", "-", "--json")
    assert (ended.status, ended.document["error"]["type"]) == (2, "UsageError")


def test_media_are_not_written_to_a_terminal(
    akool: Command, akool_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    ended = akool(*SPEECH, "--save", "-")
    assert ended.status == 2
    assert "redirect it" in ended.err
    assert akool_simulator.requests.total() == 0


# Misspelt commands


@pytest.mark.parametrize(
    ("misspelt", "right"),
    [("reag", "reage"), ("journals", "journal"), ("Audio", "audio"), ("avatars", "avatar")],
)
def test_a_misspelt_command_is_answered_with_the_nearest_one(
    bare: Command, misspelt: str, right: str
) -> None:
    assert bare(misspelt, "x") == (
        2,
        "",
        f"akool: No such command {misspelt!r}. Did you mean {right!r}?\n",
    )


@pytest.mark.parametrize("name", sorted({*COMMANDS, *NAMESPACES} - {"jobs"}))  # nearer to `job`
def test_every_command_is_suggested_where_a_letter_is_missing(bare: Command, name: str) -> None:
    assert f"Did you mean {name!r}?" in bare(name[:-1] + "_").err


def test_a_command_that_is_like_no_other_is_answered_without_advice(bare: Command) -> None:
    assert bare("xyzzy") == (2, "", "akool: No such command 'xyzzy'.\n")
