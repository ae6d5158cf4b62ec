"""Who observes jobs changes nothing: logs, hooks, callbacks and traces that raise."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from akool_async import Akool, Event, Face, InvalidInput, Job, Status
from akool_async.endpoints import TTS, ImageReage
from akool_async.journal import Change, Journal
from akool_async.simulator import Simulator
from akool_async.telemetry import OpenTelemetry
from tests.clients import Connect
from tests.faults.threaded import simulated_elsewhere

Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")


def speech(text: str = "Hello.") -> TTS:
    return TTS(input_text=text, voice_id="v")


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=10, modify_image=photo)


async def all_complete(akool: Akool, simulator: Simulator) -> None:
    """Run jobs of two families; each is created once, watched to its end, and can be awaited."""
    jobs: list[Job[Any]] = [akool.submit(speech()) for _ in range(4)]
    jobs += [akool.submit(reage()) for _ in range(4)]
    async with asyncio.timeout(20):
        results = await asyncio.gather(*jobs)
    assert all(result.status is Status.COMPLETED for result in results)
    assert simulator.world.creates.total() == 8
    assert akool.stats.in_flight == akool.stats.queued == 0


# The log


class _Raises(logging.Handler):
    """A handler, or a filter, that raises whatever comes."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def handle(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        raise self.error

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        raise self.error


class Logs:
    """Ways in which the log of a program may be broken."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.logger = logging.getLogger("akool_async")
        self.broken = _Raises(ValueError("broken"))

    def handler(self) -> None:
        self.logger.addHandler(self.broken)

    def handler_that_is_cancelled(self) -> None:
        self.broken.error = asyncio.CancelledError()
        self.logger.addHandler(self.broken)

    def filter(self) -> None:
        self.logger.addFilter(self.broken.filter)

    def factory(self) -> None:
        plain = logging.getLogRecordFactory()

        def make(*arguments: Any, **named: Any) -> logging.LogRecord:
            if arguments[0] == "akool_async":
                raise ValueError("broken")
            return plain(*arguments, **named)

        self._patch.setattr(logging, "_logRecordFactory", make)

    def factory_with_common_names(self) -> None:
        plain = logging.getLogRecordFactory()

        def make(*arguments: Any, **named: Any) -> logging.LogRecord:
            record = plain(*arguments, **named)
            for name in ("event", "job_id", "job_token", "operation", "status", "error", "path"):
                setattr(record, name, "the program's")
            return record

        self._patch.setattr(logging, "_logRecordFactory", make)

    def restore(self) -> None:
        self.logger.removeHandler(self.broken)
        self.logger.removeFilter(self.broken.filter)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    monkeypatch.setattr(logging, "_logRecordFactory", logging.getLogRecordFactory())
    logs = Logs(monkeypatch)
    logs.logger.setLevel(logging.DEBUG)
    yield logs
    logs.restore()
    logs.logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    "how",
    ["handler", "handler_that_is_cancelled", "filter", "factory", "factory_with_common_names"],
)
async def test_an_observer_a_broken_log_harms_no_job(
    quick: Simulator, connect: Connect, logs: Logs, how: str
) -> None:
    getattr(logs, how)()
    async with connect(quick) as akool:
        await all_complete(akool, quick)


async def test_an_observer_a_broken_log_is_told_of_on_stderr_once(
    quick: Simulator, connect: Connect, logs: Logs, capfd: pytest.CaptureFixture[str]
) -> None:
    from akool_async.observers import SafeLogger

    logs.filter()
    logger = SafeLogger("akool_async")
    for _ in range(3):
        logger.warning("anything")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("akool_async: logging failed")


async def test_an_observer_log_fields_have_names_that_nobody_else_uses(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "akool_async")
    async with connect(quick) as akool:
        await akool.submit(speech())
    ordinary = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
    added = {name for record in caplog.records for name in vars(record)} - ordinary
    assert added
    assert all(name.startswith("akool_") for name in added)


async def test_an_observer_a_log_message_names_the_line_that_it_came_from(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "akool_async")
    async with connect(quick) as akool:
        await akool.submit(speech())
    assert {record.filename for record in caplog.records if record.name == "akool_async"} == {
        "events.py"
    }


# Hooks, the journal and traces


class Unusual(BaseException):
    """An exception that is no `Exception`, such as those of a test framework."""


@pytest.mark.parametrize(
    "error", [ValueError(), asyncio.CancelledError(), GeneratorExit(), Unusual(), StopIteration()]
)
async def test_an_observer_a_hook_that_raises_anything_harms_no_job(
    quick: Simulator, connect: Connect, error: BaseException
) -> None:
    def hook(_event: Event) -> None:
        raise error

    async with connect(quick, on_event=hook) as akool:
        await all_complete(akool, quick)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", ["job.queued", "job.created", "job.status", "job.completed"])
def test_an_observer_an_interrupt_in_a_hook_is_raised_by_the_loop_and_harms_no_job(
    connect: Connect, error: type[BaseException], name: str
) -> None:
    raised: list[str] = []

    def hook(event: Event) -> None:
        if event.name == name and not raised:
            raised.append(name)
            raise error

    async def submit(akool: Akool) -> list[Job[Any]]:
        jobs: list[Job[Any]] = [akool.submit(speech()) for _ in range(4)]
        jobs += [akool.submit(reage()) for _ in range(4)]
        kept.extend(jobs)
        await asyncio.wait([asyncio.ensure_future(job.wait()) for job in jobs])
        return jobs

    kept: list[Job[Any]] = []
    with simulated_elsewhere() as simulator, asyncio.Runner() as runner:
        akool = connect(simulator, on_event=hook)
        running = runner.get_loop().create_task(submit(akool))
        with pytest.raises(error):
            runner.get_loop().run_until_complete(running)
        runner.get_loop().run_until_complete(asyncio.wait_for(running, 20))
        assert all(job.result().status is Status.COMPLETED for job in kept)
        assert simulator.world.creates.total() == 8
        runner.run(akool.close())


class _BrokenNotes(Journal):
    """A journal whose notes fail in a way that nobody expects."""

    def note_soon(self, number: int, change: Change) -> Future[None]:  # noqa: ARG002
        raise ZeroDivisionError(number)


async def test_an_observer_a_journal_that_takes_no_notes_harms_no_accepted_job(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    store = _BrokenNotes(path)
    async with connect(quick, journal=store) as akool:
        await all_complete(akool, quick)
    await store.close()


class _BrokenTraces(SpanProcessor):
    """A span processor that raises when a span begins, or when one ends."""

    def __init__(self, *, at_start: bool) -> None:
        self._at_start = at_start

    def on_start(self, span: Span, parent_context: object = None) -> None:  # noqa: ARG002
        if self._at_start:
            raise ValueError("broken")

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002
        raise ValueError("broken")


@pytest.mark.parametrize("at_start", [True, False])
async def test_an_observer_traces_that_raise_cost_no_metric_and_harm_no_job(
    quick: Simulator, connect: Connect, *, at_start: bool
) -> None:
    tracing, reader = TracerProvider(shutdown_on_exit=False), InMemoryMetricReader()
    tracing.add_span_processor(_BrokenTraces(at_start=at_start))
    hook = OpenTelemetry(tracer_provider=tracing, meter_provider=MeterProvider([reader]))
    async with connect(quick, on_event=hook) as akool:
        await all_complete(akool, quick)
        data: Any = reader.get_metrics_data()
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert sum(point.value for point in metrics["akool.jobs.ended"].data.data_points) == 8
    durations = metrics["akool.job.duration"].data.data_points
    assert sum(point.count for point in durations) == 8


# Callbacks


async def _coroutine(_job: object) -> None: ...


async def _generator(_job: object) -> Any:
    yield


class _Yields:
    async def __call__(self, _job: object) -> Any:
        yield


@pytest.mark.parametrize(
    "callback",
    [
        _generator,
        functools.partial(_generator),
        _Yields(),
        "no function",
        None,
    ],
)
async def test_a_callback_that_nobody_would_run_is_refused_at_once(
    quick: Simulator, connect: Connect, callback: Any
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        with pytest.raises(InvalidInput, match="callback"):
            job.add_done_callback(callback)
        await job
        with pytest.raises(InvalidInput, match="callback"):
            job.add_done_callback(callback)


async def test_a_callback_that_is_a_coroutine_is_refused_without_a_warning(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        with pytest.raises(InvalidInput, match="callback"):
            job.add_done_callback(_coroutine(job))  # type: ignore[arg-type]
        await job


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, Unusual])
async def test_a_callback_that_raises_reaches_no_other_waiter_and_no_other_job(
    quick: Simulator,
    connect: Connect,
    complaints: list[dict[str, Any]],
    error: type[BaseException],
    *,
    debug: bool,
) -> None:
    asyncio.get_running_loop().set_debug(debug)
    told: list[Job[Any]] = []

    def broken(_job: Job[Any]) -> None:
        raise error

    async with connect(quick) as akool:
        jobs = [akool.submit(reage()) for _ in range(5)]
        for job in jobs:
            job.add_done_callback(broken)
            job.add_done_callback(told.append)
        waiting = [asyncio.create_task(job.wait(timeout=20)) for job in jobs]
        async with asyncio.timeout(20):
            await asyncio.gather(*jobs, *waiting)
            await asyncio.sleep(0)
    assert sorted(map(id, told)) == sorted(map(id, jobs))
    assert all(isinstance(said["exception"], error) for said in complaints)
    complaints.clear()


async def test_a_waiter_that_raises_reaches_no_other_waiter(
    quick: Simulator, connect: Connect
) -> None:
    def broken(_record: object) -> None:
        raise Unusual

    async with connect(quick) as akool:
        job = akool.submit(speech())
        job._record.wait(broken)  # noqa: SLF001 - what the package itself may wait by
        job._record.listen(lambda _record, _snapshot: broken(_record))  # noqa: SLF001
        async with asyncio.timeout(20):
            assert (await job).status is Status.COMPLETED


async def test_a_waiter_learns_of_an_error_that_no_future_takes(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        job._engine.finish(job._record, StopIteration("odd"))  # noqa: SLF001
        with pytest.raises(RuntimeError, match="odd"):
            await job.wait(timeout=20)
