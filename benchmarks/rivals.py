"""What becomes of a paid create when something goes wrong: ours, and other SDKs', in one run.

A loopback server reads each create whole and then drops the connection, answers 500, or never
answers. It counts the POSTs that one call of the user's leads to: more than 1 may be paid for
more than once. A second table asks whether waiting survives one 502.

    python benchmarks/rivals.py

The other SDKs are installed from the package registry into a temporary environment; each runs
there with its defaults, apart from a request timeout of one second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

RIVALS = ("openai", "runwayml", "replicate", "fal-client")
FAULTS = ("drop", "500", "hang")
PATIENCE = 60.0
"""Seconds after which a call is given up from outside."""


class FaultServer:
    """Reads requests whole; answers POSTs with one fault, and GETs with 502 and then success."""

    def __init__(self, fault: str) -> None:
        self.requests: Counter[str] = Counter()
        self.url = ""
        self._fault = fault
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length or 0))
            self.requests[head.partition(" ")[0].upper()] += 1
            if self._fault == "hang":
                await asyncio.sleep(PATIENCE)
            elif self._fault == "500":
                writer.write(
                    b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
                )
                await writer.drain()
        writer.close()


async def openai(url: str) -> None:
    """Make one paid image."""
    sdk: Any = importlib.import_module("openai")
    client = sdk.AsyncOpenAI(base_url=url, api_key="k", timeout=1.0)
    await client.images.generate(prompt="a fox", model="gpt-image-1")


async def runwayml(url: str) -> None:
    """Make one paid video."""
    sdk: Any = importlib.import_module("runwayml")
    client = sdk.AsyncRunwayML(base_url=url, api_key="k", timeout=1.0)
    await client.image_to_video.create(
        model="gen4_turbo", prompt_image="https://x.example/y.png", ratio="1280:720"
    )


async def replicate(url: str) -> None:
    """Make one paid prediction."""
    sdk: Any = importlib.import_module("replicate")
    client = sdk.Client(api_token="k", base_url=url, timeout=1.0)  # noqa: S106 - opens nothing
    await client.predictions.async_create(version="a" * 64, input={"prompt": "a fox"})


async def fal_client(url: str) -> None:
    """Queue one paid job."""
    sdk: Any = importlib.import_module("fal_client.client")
    # It knows no base URL; its queue's address is this constant.
    sdk.QUEUE_URL_FORMAT = f"{url}/"
    await sdk.AsyncClient(key="k", default_timeout=1.0).submit("owner/app", {"prompt": "a fox"})


async def akool_async(url: str) -> None:
    """Make one paid speech."""
    sdk: Any = importlib.import_module("akool_async")
    async with sdk.Akool(base_url=url, api_key="k", timeout=1.0) as akool:
        await akool.audio.tts(input_text="a fox", voice_id="v")


CALLS: Mapping[str, Callable[[str], Awaitable[None]]] = {
    "akool_async": akool_async,
    "fal-client": fal_client,
    "openai": openai,
    "replicate": replicate,
    "runwayml": runwayml,
}


async def measured(name: str, fault: str) -> str:
    """Return how many POSTs one call led to, and what the caller was told."""
    async with FaultServer(fault) as server:
        told = "no error"
        try:
            async with asyncio.timeout(PATIENCE):
                await CALLS[name](server.url)
        except Exception as error:  # noqa: BLE001 - what is raised is the finding
            told = type(error).__name__
        return f"{server.requests['POST']} ({told})"


def row(name: str, python: str) -> str:
    """Measure one SDK in the environment that has it."""
    cells = [
        subprocess.run(
            [python, __file__, "--drive", name, fault],
            capture_output=True,
            text=True,
            check=True,
            timeout=2 * PATIENCE,
        ).stdout.strip()
        for fault in FAULTS
    ]
    return f"| {name} | {' | '.join(cells)} |"


def compare() -> None:
    """Install the others, and print the table."""
    print("| POSTs for one call, and the error | dropped after reading | HTTP 500 | no answer |")
    print("| --- | --- | --- | --- |")
    print(row("akool_async", sys.executable))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", *RIVALS], check=True)
        for name in RIVALS:
            print(row(name, python), flush=True)


def main() -> None:
    """Run the comparison, or, with `--drive`, one call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drive", nargs=2, metavar=("NAME", "FAULT"))
    driven = parser.parse_args().drive
    if driven is None:
        compare()
    else:
        print(asyncio.run(measured(*driven)))


if __name__ == "__main__":
    main()
