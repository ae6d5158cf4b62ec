"""A span for each job, as OpenTelemetry's own SDK exports it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, AgeFaces
from akool_async.simulator import Simulator
from akool_async.telemetry import OpenTelemetry
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until

PHOTO = "https://photos.example/photo.png"


class Traces:
    """A hook, and the spans that it has ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.hook = OpenTelemetry(tracer_provider=self.provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended."""
        return list(self._exporter.get_finished_spans())

    def only(self) -> ReadableSpan:
        """Return the one span."""
        (span,) = self.spans
        return span


@pytest.fixture
def traces() -> Traces:
    return Traces()


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def events_of(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def context_of(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def links_of(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def speech(text: str = "hello") -> TTS:
    return TTS(input_text=text, voice_id="voice")


def refusing(code: int) -> Callable[[str, web.Request], Awaitable[web.Response | None]]:
    async def fault(asked: str, _request: web.Request) -> web.Response | None:
        return web.json_response({"code": code, "msg": "no"}) if asked == "audio.tts" else None

    return fault


async def test_a_completed_job_is_one_span_from_its_submission_to_its_end(
    simulator: Simulator, clock: ManualClock, connect: Connect, traces: Traces, until: Until
) -> None:
    async with connect(simulator, clock=clock, on_event=traces.hook) as akool:
        job = akool.submit(speech())
        await until(lambda: job.id)
        while not job.done():
            await clock.advance(0.05)
            await asyncio.sleep(0.001)
        took = clock.time()
    span = traces.only()
    assert (span.name, span.kind, span.parent) == ("audio.tts", SpanKind.CLIENT, None)
    assert about(span) == {
        "akool.operation": "audio.tts",
        "akool.job.id": job.id,
        "akool.job.token": job.token,
        "akool.outcome": "completed",
    }
    names = events_of(span)
    assert names[:3] == ["job.queued", "job.creating", "job.created"]
    assert names[-2:] == ["job.status", "job.completed"]
    statuses = [
        (event.attributes or {})["akool.job.status"]
        for event in span.events
        if event.name == "job.status"
    ]
    assert statuses[-1] == "completed"
    assert span.status.status_code is StatusCode.UNSET
    assert span.start_time == 1767225600 * 10**9
    assert span.end_time is not None
    assert took - 0.051 <= (span.end_time - span.start_time) / 1e9 <= took + 1e-6


async def test_a_job_is_a_child_of_the_span_in_which_it_was_submitted(
    quick: Simulator, connect: Connect, traces: Traces
) -> None:
    tracer = traces.provider.get_tracer("a program")
    async with connect(quick, on_event=traces.hook, max_concurrency=1) as akool:
        jobs = []
        for name in ("first", "second"):
            with tracer.start_as_current_span(name):
                jobs.append(akool.submit(speech(name)))
        await asyncio.gather(*jobs)
    outer = {span.name: context_of(span) for span in traces.spans if span.name != "audio.tts"}
    inner = [span for span in traces.spans if span.name == "audio.tts"]
    parents = [(each.parent.trace_id, each.parent.span_id) for each in inner if each.parent]
    assert parents == [outer["first"], outer["second"]]


async def test_a_job_that_failed_has_the_status_error_and_its_exceptions_type(
    connect: Connect, traces: Traces
) -> None:
    async with (
        Simulator(pace=0.02, fail_rate=1.0, instant_audio_rate=0.0) as simulator,
        connect(simulator, on_event=traces.hook) as akool,
    ):
        await asyncio.gather(akool.submit(speech()), return_exceptions=True)
    span = traces.only()
    assert span.status.status_code is StatusCode.ERROR
    assert about(span)["error.type"] == span.status.description == "JobFailed"
    assert about(span)["akool.outcome"] == "failed"


async def test_a_refused_job_has_the_code_and_nothing_that_its_request_said(
    quick: Simulator, connect: Connect, traces: Traces
) -> None:
    quick.fault = refusing(1003)
    async with connect(quick, on_event=traces.hook) as akool:
        await asyncio.gather(akool.submit(speech("between us")), return_exceptions=True)
    span = traces.only()
    assert (about(span)["error.type"], about(span)["akool.code"]) == ("InvalidRequest", 1003)
    assert about(span)["akool.outcome"] == "refused"
    assert "akool.job.token" not in about(span)
    assert "between us" not in span.to_json()
    assert quick.api_key not in span.to_json()


async def test_what_became_of_other_jobs_is_their_outcome(
    simulator: Simulator, connect: Connect, traces: Traces
) -> None:
    async def drop(_name: str, _request: web.Request) -> None:
        raise ConnectionResetError

    async with connect(simulator, on_event=traces.hook, max_concurrency=1) as akool:
        await asyncio.gather(akool.submit(speech(), timeout=0.05), return_exceptions=True)
        blocking, queued = akool.submit(speech()), akool.submit(speech())
        await blocking.created()
        await queued.cancel()
    simulator.fault = drop
    async with connect(simulator, on_event=traces.hook) as akool:
        await asyncio.gather(akool.submit(speech()), return_exceptions=True)
    found = {about(span)["akool.outcome"]: span for span in traces.spans}
    assert {name: about(span).get("error.type") for name, span in found.items()} == {
        "timed_out": "JobTimeout",
        "cancelled": None,
        "closed": "ClientClosed",
        "unknown": "CreateOutcomeUnknown",
    }
    assert found["cancelled"].status.status_code is StatusCode.UNSET
    assert found["unknown"].status.status_code is StatusCode.ERROR


async def test_a_resumed_job_is_linked_to_the_span_that_watched_it_before(
    quick: Simulator, connect: Connect, traces: Traces
) -> None:
    async with connect(quick, on_event=traces.hook) as akool:
        token = (await akool.submit(speech()).created()).token
    async with connect(quick, on_event=traces.hook) as akool:
        await akool.job(token)
    before, after = traces.spans
    assert events_of(after)[0] == "job.resumed"
    assert links_of(after) == [context_of(before)]
    assert links_of(before) == []
    assert about(after)["akool.job.token"] == about(before)["akool.job.token"] == token


async def test_spans_of_one_job_in_two_processes_have_the_same_token(
    quick: Simulator, connect: Connect, traces: Traces
) -> None:
    async with connect(quick, on_event=traces.hook) as akool:
        token = (await akool.submit(speech()).created()).token
    elsewhere = f"""
import asyncio
from akool_async import Akool
from tests.telemetry.test_spans import Traces, about

async def main():
    traces = Traces()
    async with Akool({quick.api_key!r}, base_url={quick.url!r}, on_event=traces.hook) as akool:
        await akool.job({token!r})
    print(about(traces.only())["akool.job.token"], about(traces.only())["akool.job.id"])

asyncio.run(main())
"""
    command = [sys.executable, "-c", elsewhere]
    root = Path(__file__).parents[2]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.split() == [token, about(traces.only())["akool.job.id"]], ran.stderr


async def test_a_save_is_a_span_of_its_own_linked_to_the_jobs(
    quick: Simulator, connect: Connect, traces: Traces, tmp_path: Path
) -> None:
    async with connect(quick, on_event=traces.hook, save_to=tmp_path) as akool:
        await akool.submit(speech())
    job, save = traces.spans
    assert (job.name, save.name, save.kind) == ("audio.tts", "save audio.tts", SpanKind.INTERNAL)
    assert links_of(save) == [context_of(job)]
    assert about(save)["akool.job.token"] == about(job)["akool.job.token"]
    assert save.start_time == job.end_time
    assert save.end_time is not None
    assert save.start_time is not None
    assert save.end_time > save.start_time
    assert save.status.status_code is StatusCode.UNSET


async def test_a_result_that_was_not_saved_is_a_span_with_the_status_error(
    quick: Simulator, connect: Connect, traces: Traces, tmp_path: Path, until: Until
) -> None:
    async def fail(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=500) if name == "media" else None

    quick.fault = fail
    akool = connect(quick, on_event=traces.hook, save_to=tmp_path)
    await akool.submit(speech())
    await until(lambda: quick.requests["media"])
    closing = asyncio.create_task(akool.close())
    await turns()
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    save = traces.spans[-1]
    assert save.name == "save audio.tts"
    assert save.status.status_code is StatusCode.ERROR
    assert about(save)["error.type"] == "ClientClosed"


async def test_a_recipe_is_one_span_with_its_steps_in_it_and_named_as_it_was_submitted(
    quick: Simulator, connect: Connect, traces: Traces
) -> None:
    async with connect(quick, on_event=traces.hook) as akool:
        await akool.submit(AgeFaces(PHOTO))
    span = traces.only()
    assert span.name == about(span)["akool.recipe"] == "reage.photo"
    assert about(span)["akool.operation"] == "reage.image"
    assert events_of(span)[:3] == ["job.preparing", "job.queued", "job.creating"]


async def test_a_job_whose_end_a_journal_remembers_is_a_span_that_says_so(
    quick: Simulator, connect: Connect, traces: Traces, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        await akool.submit(speech(), key="K")
    async with connect(quick, journal=path, on_event=traces.hook) as akool:
        again = akool.submit(speech(), key="K")
        await again
    span = traces.only()
    assert about(span)["akool.job.restored"] is True
    assert about(span)["akool.job.token"] == again.token
    assert span.start_time == span.end_time


def test_nothing_else_imports_opentelemetry() -> None:
    program = (
        "import sys, akool_async, akool_async.client.akool\n"
        "import akool_async.crun, akool_async.simulator\n"
        "akool_async.Akool('key')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    program = (
        "import sys\nsys.modules['opentelemetry'] = None\n"
        "try:\n    import akool_async.telemetry\n"
        "except ImportError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'akool_async[otel]'" in ran.stdout
