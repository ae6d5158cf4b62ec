"""One paid create, and one wait, by each SDK that `rivals.py` compares.

Each SDK runs with its defaults, except for the address, a request timeout of one second, and a
short pause between two polls; the last two only where the SDK has these settings.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

KEY = "canary-0123456789"
PHOTO = "https://x.example/y.png"


class Sdk(NamedTuple):
    """An SDK, and the replies of its server."""

    package: str
    """Its name in the package registry."""
    create: Callable[[str], Awaitable[Any]]
    """Creates one paid job at a server."""
    created: dict[str, Any] = {}  # noqa: RUF012 - the default of a named tuple is never changed
    """The server's reply to a create; `URL` in its texts stands for the server's address."""
    wait: Callable[[str], Awaitable[Any]] | None = None
    """Creates a job and waits for its end; `None` if the SDK leaves that to its users."""
    done: dict[str, Any] = {}  # noqa: RUF012
    """The server's reply to a poll of a finished job."""
    status: int = 200
    """The HTTP status of its reply to a create."""


def load(name: str) -> Any:
    """Import an SDK. Each environment contains another one."""
    return importlib.import_module(name)


async def akool_async(url: str) -> Any:
    """Make a speech, and wait for it."""
    sdk = load("akool_async")
    soon = sdk.Backoff(initial=0.1)
    async with sdk.Akool(KEY, base_url=url, timeout=1.0, backoff=soon) as akool:
        return await akool.audio.tts(input_text="a fox", voice_id="v")


async def anthropic(url: str) -> Any:
    """Make a batch of messages."""
    client = load("anthropic").AsyncAnthropic(base_url=url, api_key=KEY, timeout=1.0)
    params = {"max_tokens": 9, "model": "m", "messages": [{"role": "user", "content": "a fox"}]}
    await client.messages.batches.create(requests=[{"custom_id": "1", "params": params}])


async def assemblyai(url: str) -> Any:
    """Make a transcript, and wait for it."""
    sdk = load("assemblyai")
    settings = sdk.Settings(api_key=KEY, base_url=url, http_timeout=1.0, polling_interval=0.1)
    async with sdk.AsyncClient(settings=settings) as client:
        found = await sdk.AsyncTranscriber(client=client).transcribe("https://x.example/y.mp3")
        if found.status != "completed":
            raise RuntimeError(found.error)


async def comfy(url: str) -> Any:
    """Run a workflow."""
    os.environ["COMFY_BASE_URL"] = url
    async with load("comfy_sdk").AsyncComfy(api_key=KEY, timeout=1.0) as client:
        graph = {"1": {"class_type": "KSampler", "inputs": {}}}
        await client.run(client.workflows.from_json(graph))


async def deepgram(url: str) -> Any:
    """Make a transcript; the answer is the result."""
    sdk = load("deepgram")
    place = load("deepgram.environment").DeepgramClientEnvironment(
        base=url, production=url, agent=url, agent_rest=url
    )
    client = sdk.AsyncDeepgramClient(api_key=KEY, environment=place, timeout=1.0)
    await client.listen.v1.media.transcribe_url(url="https://x.example/y.mp3", model="nova-3")


async def elevenlabs(url: str) -> Any:
    """Make a dubbing."""
    client = load("elevenlabs.client").AsyncElevenLabs(base_url=url, api_key=KEY, timeout=1.0)
    await client.dubbing.create(source_url="https://x.example/y.mp4", target_lang="en")


async def fal(url: str) -> Any:
    """Queue a job, and wait for it."""
    sdk = load("fal_client.client")
    # It has no setting for the base URL; this constant is the address of its queue.
    sdk.QUEUE_URL_FORMAT = f"{url}/"
    client = sdk.AsyncClient(key=KEY, default_timeout=1.0)
    return await (await client.submit("owner/app", {"prompt": "a fox"})).get()


async def google(url: str) -> Any:
    """Make a text."""
    sdk = load("google.genai")
    options = sdk.types.HttpOptions(base_url=url, timeout=1000)
    client = sdk.Client(api_key=KEY, http_options=options)
    await client.aio.models.generate_content(model="gemini", contents="a fox")


async def lumaai(url: str) -> Any:
    """Make a video."""
    client = load("lumaai").AsyncLumaAI(base_url=url, auth_token=KEY, timeout=1.0)
    await client.generations.create(prompt="a fox", model="ray-2")


async def openai(url: str) -> Any:
    """Make a video, and wait for it."""
    client = load("openai").AsyncOpenAI(base_url=url, api_key=KEY, timeout=1.0)
    return await client.videos.create_and_poll(prompt="a fox", poll_interval_ms=100)


async def replicate(url: str) -> Any:
    """Make a prediction, and wait for it."""
    client = load("replicate").Client(api_token=KEY, base_url=url, timeout=1.0)
    made = await client.predictions.async_create(version="a" * 64, input={"prompt": "a fox"})
    await made.async_wait()


async def runpod(url: str) -> Any:
    """Run an endpoint, and wait for its output."""
    sdk = load("runpod")
    sdk.endpoint_url_base = url
    async with load("aiohttp").ClientSession(timeout=load("aiohttp").ClientTimeout(1.0)) as session:
        endpoint = sdk.AsyncioEndpoint("e", session, api_key=KEY)
        await (await endpoint.run({"input": {"prompt": "a fox"}})).output(timeout=30)


async def runwayml(url: str) -> Any:
    """Make a video, and wait for it."""
    client = load("runwayml").AsyncRunwayML(base_url=url, api_key=KEY, timeout=1.0)
    made = await client.image_to_video.create(
        model="gen4_turbo", prompt_image=PHOTO, ratio="1280:720"
    )
    return await made.wait_for_task_output(timeout=30)


async def speechmatics(url: str) -> Any:
    """Make a transcript, and wait for it."""
    sdk = load("speechmatics.batch")
    config = sdk.ConnectionConfig(operation_timeout=1.0)
    async with sdk.AsyncClient(api_key=KEY, url=url, conn_config=config) as client:
        fetched = sdk.FetchData(url="https://x.example/y.mp3")
        wanted = sdk.JobConfig(
            type=sdk.JobType.TRANSCRIPTION,
            transcription_config=sdk.TranscriptionConfig(),
            fetch_data=fetched,
        )
        made = await client.submit_job(None, config=wanted)
        await client.wait_for_completion(made.id, polling_interval=0.1)


_DATE = "2026-01-01T00:00:00Z"
_PREDICTION = {
    "id": "j1",
    "version": "a" * 64,
    "model": "o/m",
    "status": "starting",
    "input": {},
    "output": None,
    "logs": "",
    "error": None,
    "created_at": _DATE,
    "urls": {"get": "URL/predictions/j1", "cancel": "URL/predictions/j1/cancel"},
}
_COMFY: dict[str, Any] = {
    "id": "j1",
    "status": "queued",
    "created_at": _DATE,
    "started_at": None,
    "completed_at": None,
    "expires_at": "2030-01-01T00:00:00Z",
    "queue_position": None,
    "progress": None,
    "outputs": [],
    "error": None,
    "urls": {name: f"URL/api/v2/jobs/j1/{name}" for name in ("self", "cancel", "events")},
}
_SPEECH = {"_id": "65f8017f56559aa67f0ecde7", "status": 1, "url": ""}
_FAL = {name: f"URL/{name}" for name in ("response_url", "status_url", "cancel_url")}

SDKS = {
    "akool_async": Sdk(
        "akool_async",
        akool_async,
        {"code": 1000, "data": _SPEECH},
        akool_async,
        {"code": 1000, "data": {**_SPEECH, "status": 3}},
    ),
    "anthropic": Sdk("anthropic", anthropic),
    "assemblyai": Sdk(
        "assemblyai",
        assemblyai,
        {"id": "j1", "status": "queued", "audio_url": "u"},
        assemblyai,
        {"id": "j1", "status": "completed", "audio_url": "u", "text": "a"},
    ),
    "comfy": Sdk("comfy-sdk", comfy, _COMFY, comfy, {**_COMFY, "status": "succeeded"}, 201),
    "deepgram": Sdk("deepgram-sdk", deepgram),
    "elevenlabs": Sdk("elevenlabs", elevenlabs),
    "fal": Sdk(
        "fal-client",
        fal,
        {"request_id": "j1", **_FAL},
        fal,
        {"status": "COMPLETED", "logs": [], "metrics": {}},
    ),
    "google": Sdk("google-genai", google),
    "lumaai": Sdk("lumaai", lumaai),
    "openai": Sdk(
        "openai",
        openai,
        {"id": "j1", "object": "video", "status": "queued"},
        openai,
        {"id": "j1", "object": "video", "status": "completed"},
    ),
    "replicate": Sdk(
        "replicate", replicate, _PREDICTION, replicate, {**_PREDICTION, "status": "succeeded"}
    ),
    "runpod": Sdk(
        "runpod",
        runpod,
        {"id": "j1", "status": "IN_QUEUE"},
        runpod,
        {"id": "j1", "status": "COMPLETED", "output": "x"},
    ),
    "runwayml": Sdk(
        "runwayml",
        runwayml,
        {"id": "j1"},
        runwayml,
        {"id": "j1", "status": "SUCCEEDED", "createdAt": _DATE, "output": ["u"]},
    ),
    "speechmatics": Sdk(
        "speechmatics-batch",
        speechmatics,
        {"id": "j1"},
        speechmatics,
        {
            "job": {"id": "j1", "status": "done", "created_at": _DATE, "data_name": "y.mp3"},
            "format": "2.9",
            "metadata": {"created_at": _DATE, "type": "transcription"},
            "results": [],
        },
    ),
}


async def abandon_rest() -> None:
    """Cancel the tasks that an SDK has left running."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
