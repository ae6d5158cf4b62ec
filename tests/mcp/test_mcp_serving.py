"""`akool mcp` as clients run it: by stdio in a process, and by HTTP with a token."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import stat
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from akool_async.cli.mcp import token_of
from akool_async.journal import Journal
from akool_async.simulator import Simulator
from tests.cli.commands import COMMAND, environment, point_at, run_here, settings_of
from tests.mcp.agents import PICTURE, Agent, Person

TOKEN = "a-token-that-nobody-guesses"


async def test_a_client_starts_the_command_and_speaks_by_stdio(
    quick: Simulator, tmp_path: Path
) -> None:
    places = ("--folder", "out", "--journal", "agents.sqlite")
    command, person = [*COMMAND[1:], "mcp", "--limit", "0", *places], Person("accept")
    variables = settings_of(quick) | {"PYTHONPATH": str(Path.cwd())}
    started = StdioServerParameters(
        command=sys.executable, args=command, env=variables, cwd=tmp_path
    )
    async with Client(started, elicitation_callback=person.answer) as client:
        maker = Agent(client)
        assert "image_create" in await maker.names()
        job = await maker.data("image_create", **PICTURE)
        done = await maker.data("job_result", token=job["token"])
        assert done["status"] == "completed"
        saved = await maker.data("job_save", token=job["token"])
        assert Path(saved["saved"][0]).parent == tmp_path / "out"
    assert len(person.asked) == 1
    assert (tmp_path / "agents.sqlite").is_file()


@contextlib.asynccontextmanager
async def served(
    simulator: Simulator, *options: str
) -> AsyncGenerator[tuple[str, asyncio.subprocess.Process]]:
    """Serve HTTP in a process; yield its address."""
    variables = environment(simulator) | {"AKOOL_MCP_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "mcp", "--http", "0", *options, env=variables, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        assert b"without --journal" in await process.stderr.readline()
        line = (await process.stderr.readline()).decode()
        yield line.partition(" ")[0], process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_http_clients_need_the_token_and_a_signal_ends_their_waits() -> None:
    person, begun = Person("accept"), asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with (
        Simulator(pace=50) as slow,
        served(slow, "--tools", "image", "--limit", "0") as (url, process),
    ):
        for token in ("", "a-token-that-nobody-guessed"):
            assert await status_of(url, token=token) == 401
        assert await status_of(url, token=TOKEN, Origin="https://evil.example") == 403
        assert await status_of(url, token=TOKEN, Host="evil.example") == 421
        async with connected(url, mode="legacy", elicitation_callback=person.answer) as older:
            assert "image_create" in await Agent(older).names()
            job = await Agent(older).data("image_create", **PICTURE)
        async with connected(url) as client:
            given = {"token": job["token"], "wait_seconds": 40}
            waiting = asyncio.create_task(
                client.call_tool("job_result", given, progress_callback=note)
            )
            await begun.wait()
            process.send_signal(signal.SIGTERM)
            answer: Any = (await waiting).structured_content
            assert answer["token"] == job["token"]
            assert "goes on" in answer["note"]
            assert await process.wait() == 0
        assert len(person.asked) == 1
        assert process.stderr is not None
        said = (await process.stderr.read()).decode()
    assert "Traceback" not in said
    assert "ERROR" not in said
    assert TOKEN not in said


@contextlib.asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncGenerator[Client]:
    """Connect a client that has the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http), **options) as client,
    ):
        yield client


async def status_of(url: str, *, token: str, **headers: str) -> int:
    """Return the HTTP status of a request for the tools."""
    question: Any = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers |= {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=question, headers=headers) as answer,
    ):
        return answer.status


async def test_a_signal_stops_a_server_whose_client_stays(quick: Simulator) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("mcp", "--tools", "account"),
        env=environment(quick) | {"PYTHONPATH": str(Path.cwd())},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert b'"id":1' in await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGTERM


def test_a_server_that_cannot_start_says_why(
    akool_simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(akool_simulator, monkeypatch)
    monkeypatch.delenv("AKOOL_MCP_TOKEN", raising=False)

    def complaint(*options: str) -> str:
        ended = run_here("mcp", *options)
        assert ended.status != 0
        return ended.err

    assert "did you mean 'reage'" in complaint("--tools", "raege")
    assert "finite" in complaint("--limit", "inf")
    assert "--token-file" in complaint("--http", "0")
    short = tmp_path / "short"
    short.write_text("short")
    assert "16 characters" in complaint("--http", "0", "--token-file", str(short))
    assert "cannot be used" in complaint(
        "--http", "0", "--token-file", str(tmp_path / "no" / "token")
    )
    monkeypatch.setenv("AKOOL_MCP_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} cannot be listened on" in complaint("--http", port)
    journal = Journal(tmp_path / "agents.sqlite")
    assert "agents.sqlite" in complaint("--journal", str(tmp_path / "agents.sqlite"))
    journal.close_now()
    monkeypatch.setattr("akool_async.cli.mcp.find_spec", lambda _name: None)
    assert "pip install 'akool_async[mcp]'" in complaint()


def test_a_token_is_made_that_only_its_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = token_of(file)
    assert len(token) > 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token_of(file) == token
