"""What all tests share: a clean environment, no complaint unheard, and one repaired mock.

Fixtures of other kinds stand in the modules that `pytest_plugins` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import inspect
import itertools
import json
import math
import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

import aiohttp
import pytest
from aioresponses import aioresponses
from aioresponses import core as aioresponses_core
from hypothesis import settings

from akool_async.endpoints import ENDPOINTS
from akool_async.protocol.endpoint import Endpoint
from tests.printed import typed

pytest_plugins = [
    "pytester",
    "tests.armed",
    "tests.browser_network",
    "tests.clients",
    "tests.clocks",
    "tests.npm_packages",
    "tests.s3",
    "tests.servers",
]

# The same examples every time, and no limit in seconds: a busy machine is no failure.
settings.register_profile(
    "akool", deadline=None, derandomize=True, max_examples=50, print_blob=True
)
# `make again` draws others each time.
settings.register_profile("again", settings.get_profile("akool"), derandomize=False)
settings.load_profile("akool")


def pytest_xdist_auto_num_workers() -> int:
    """Run three processes per core: two leave a third of it idle, waiting for servers."""
    return 3 * (os.cpu_count() or 1)


def _repair_aioresponses() -> None:
    """Give the responses that aioresponses builds the argument that aiohttp 3.14 asks for.

    https://github.com/pnuckowski/aioresponses/issues/289. Does nothing where aiohttp does
    not ask for it, and gives way where aioresponses passes it.
    """
    made: Callable[..., aiohttp.ClientResponse] = aiohttp.ClientResponse
    if "stream_writer" in inspect.signature(made).parameters:
        written = SimpleNamespace(output_size=0)
        repaired = functools.partial(made, stream_writer=written)
        setattr(aioresponses_core, "ClientResponse", repaired)  # noqa: B010 - not exported there


_repair_aioresponses()

# A shell starts background processes with Ctrl-C ignored, and so do their children, which the
# tests of Ctrl-C start: give them the usual signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _unmeasured(config: pytest.Config) -> Iterator[None]:
    """Measure no coverage for a while, where it is measured at all: it costs as much as the tests.

    pytest-cov's marker `no_cover` leaves out the function of a test alone, not its fixtures.
    """
    measuring = None
    if config.pluginmanager.hasplugin("_cov"):
        measuring = importlib.import_module("coverage").Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Find the tests without the garbage collector, which would find nothing among them.

    Each process imports all modules. The coverage of that is measured in the first one.
    """
    gc.disable()
    try:
        if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
            return (yield)
        with _unmeasured(session.config):
            return (yield)
    finally:
        gc.enable()


MEASURED = 6
"""Cases of one parametrised test whose coverage is measured."""

_IS_MEASURED: Final = pytest.StashKey[bool]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the cases of each test whose coverage is measured: all run, most without its cost.

    The many cases of a table go through the same lines. Measured are cases from all over it.
    """
    if not config.pluginmanager.hasplugin("_cov"):
        return
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in tests.values():
        every = math.ceil(len(cases) / MEASURED)
        for number, case in enumerate(cases):
            case.stash[_IS_MEASURED] = number % every == 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test with its fixtures, measured or not."""
    if item.stash.get(_IS_MEASURED, True):
        return (yield)
    with _unmeasured(item.config):
        return (yield)


_begun = itertools.count()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Keep what is there before a test out of the garbage collections that it asks for.

    Again every twenty tests, as pytest keeps a little of each: after a thousand, a collection
    would take longer than a test.
    """
    if next(_begun) % 20 == 0:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the credentials of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("AKOOL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """Collect what the loop complains of; fail a test that leaves any of it, or a task."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    yield said
    gc.collect()
    await asyncio.sleep(0)
    assert not asyncio.all_tasks() - {asyncio.current_task()}
    assert not said


@pytest.fixture(autouse=True)
def _complaints_are_heard(request: pytest.FixtureRequest) -> None:
    """Fail each asynchronous test that leaves a complaint of its loop, or a task."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("complaints")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a journal that is not there yet."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def responses() -> Iterator[aioresponses]:
    """Answer aiohttp's requests without a network."""
    with aioresponses() as mock:
        yield mock


FIXTURES = Path(__file__).parent / "fixtures"

Example: TypeAlias = Callable[[str], Endpoint[Any]]
"""Return the request that Akool's page prints for an endpoint."""


@pytest.fixture(scope="session")
def example() -> Example:
    """Build documented requests, so that a new endpoint is tested by its fixture."""

    def built(name: str) -> Endpoint[Any]:
        path = FIXTURES.joinpath(*name.split(".")).with_suffix(".json")
        printed = json.loads(path.read_text(encoding="utf-8"))
        if (body := printed.get("body")) is not None:
            return ENDPOINTS[name].from_wire(body | printed.get("stand_in", {}))
        return ENDPOINTS[name].from_wire(typed(printed["query"]))

    return built


@pytest.fixture
def leftovers() -> Callable[[], set[asyncio.Task[Any]]]:
    """Return a function that lists the tasks begun since, and not ended."""
    before: set[asyncio.Task[Any]] = set()
    with contextlib.suppress(RuntimeError):
        before = asyncio.all_tasks()

    def since() -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - before - {asyncio.current_task()}

    return since
