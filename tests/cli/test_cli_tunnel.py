"""`akool webhooks listen --tunnel`: any program that prints the address it serves."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from akool_async.cli.tunnel import address_in
from tests.cli.commands import Command, serving, serving_process
from tests.cli.webhook_parts import assert_hides, listening
from tests.clocks import Until

TUNNEL = """
import os, subprocess, sys, time
from pathlib import Path

print("By using this tunnel you accept https://tunnel.example/terms", flush=True)
print(f"INF |  https://blue-cat-{sys.argv[2]}.tunnel.example  |", file=sys.stderr, flush=True)
kept = [name for name in os.environ if name.startswith("AKOOL_")]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid} {kept}")
for _ in range(5000):
    print("a line that somebody has to read, or this program stands still")
Path(sys.argv[1] + ".on").touch()
time.sleep(600)
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + TUNNEL

pytestmark = pytest.mark.usefixtures("webhook_account")


@pytest.fixture
def hangup() -> Iterator[None]:
    """Let processes hear of a closed terminal, even if `nohup` started the tests."""
    number = getattr(signal, "SIGHUP", signal.SIGTERM)
    before = signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, before)


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    """A file in which a tunnel notes its processes; they are ended after the test."""
    path = tmp_path / "notes"
    yield path
    if path.exists():
        for number in path.read_text().split()[:2]:
            if is_running(int(number)):
                os.kill(int(number), signal.SIGKILL)


def is_running(number: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def noted(path: Path) -> tuple[int, int, str]:
    """Return what a tunnel noted: its number, its child's, and the credentials that it saw."""
    tunnel, child, kept = path.read_text().split(maxsplit=2)
    return int(tunnel), int(child), kept


def command(program: str, *arguments: str) -> str:
    return shlex.join([sys.executable, "-c", program, *arguments])


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.skipif(sys.platform == "win32", reason="it sends POSIX signals")
async def test_a_tunnel_shows_its_address_and_ends_with_all_that_it_started(
    number: signal.Signals, notes: Path, until: Until
) -> None:
    tunnel_command = command(TUNNEL, str(notes), "{port}")
    with listening("--tunnel", tunnel_command, run=serving_process) as running:
        port = running.url.rpartition(":")[2]
        address = f"https://blue-cat-{port}.tunnel.example"
        assert f'\n  Akool(webhook_url="{address}")\n' in running.greeting
        await until(Path(f"{notes}.on").exists)
        tunnel, child, kept = noted(notes)
        assert kept == "[]", "it sees no credential"
        status, written, complaints = running.stop(number)
    assert (status, complaints) == (0, "")
    assert "0 verified" in written
    await until(lambda: not is_running(tunnel) and not is_running(child))


@pytest.mark.skipif(sys.platform == "win32", reason="it sends POSIX signals")
async def test_a_tunnel_that_does_not_want_to_end_is_killed(notes: Path, until: Until) -> None:
    with listening("--tunnel", command(STUBBORN, str(notes), "{port}")) as running:
        await until(Path(f"{notes}.on").exists)
        tunnel, child, _ = noted(notes)
        assert running.stop()[0] == 0
    await until(lambda: not is_running(tunnel) and not is_running(child))


def test_a_tunnel_that_ends_while_it_is_used_ends_the_command() -> None:
    program = "import time; print('https://a-b.tunnel.example', flush=True); time.sleep(1); exit(3)"
    with listening("--tunnel", command(program)) as running:
        status, written, complaints = running.ended()
    assert status == 1
    assert complaints == (
        "akool: the tunnel ended with status 3; it said: https://a-b.tunnel.example\n"
    )
    assert written == "\n0 verified, 0 repeated, 0 refused\n"


async def test_ctrl_c_ends_a_tunnel_that_has_not_printed_its_address(
    notes: Path, until: Until
) -> None:
    silent = TUNNEL.replace("https://blue-cat", "blue-cat")
    tunnel_command = command(silent, str(notes), "{port}")
    with serving("webhooks", "listen", "--port", "0", "--tunnel", tunnel_command) as served:
        await until(Path(f"{notes}.on").exists)
        tunnel, child, _ = noted(notes)
        served.send(signal.SIGINT)
        status, written, complaints = served.ended()
    assert (status, complaints) == (0, "")
    assert written == "\n0 verified, 0 repeated, 0 refused\n"
    await until(lambda: not is_running(tunnel) and not is_running(child))


def test_a_tunnel_that_prints_no_address_in_time_is_told(
    bare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.cli.tunnel.PATIENCE", 1.0)
    slow = command("import time; print(); print('wait', flush=True); time.sleep(600)")
    ended = bare("webhooks", "listen", "--port", "0", "--tunnel", slow)
    assert ended.status == 1
    assert "akool: the tunnel printed no https address in 1 s; it said" in ended.err


@pytest.mark.parametrize(
    ("tunnel", "said"),
    [
        (command("print('no account'); exit(4)"), "ended with status 4; it said: no account"),
        ("no-such-tunnel --port {port}", "cannot be started: No such file"),
        ("'unclosed", "cannot be started: No closing quotation"),
        ("", "cannot be started"),
    ],
)
def test_a_tunnel_that_fails_is_told_with_what_it_said(
    tunnel: str, said: str, bare: Command
) -> None:
    status, written, complaints = bare("webhooks", "listen", "--port", "0", "--tunnel", tunnel)
    assert (status, written) == (1, "\n0 verified, 0 repeated, 0 refused\n")
    assert said in complaints
    assert_hides(complaints)


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("INF |  https://a-b-c.trycloudflare.com      |", "https://a-b-c.trycloudflare.com"),
        (
            "lvl=info addr=http://localhost:8899 url=https://1f.ngrok-free.app",
            "https://1f.ngrok-free.app",
        ),
        (
            "4797.lhr.life tunneled with tls termination, https://4797.lhr.life",
            "https://4797.lhr.life",
        ),
        ("your url is: https://chicken-12.loca.lt.", "https://chicken-12.loca.lt"),
        ("https://desk.tail1234.ts.net/", "https://desk.tail1234.ts.net"),
        (
            "at https://abc-8899.euw.devtunnels.ms:443, or so",
            "https://abc-8899.euw.devtunnels.ms:443",
        ),
        ("Terms of Use (https://www.cloudflare.com/website-terms/)", None),
        ("follow us at [https://twitter.com/localhost_run].", None),
        ("To set up custom domains go to https://admin.localhost.run/", None),
        ("Forwarding http://a-b.tunnel.example", None),
        ("", None),
    ],
)
def test_the_address_is_told_from_links_to_terms_and_help(line: str, address: str | None) -> None:
    assert address_in(line) == address
