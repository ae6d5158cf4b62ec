"""The modules that an import loads, in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import pytest

import akool_async


def loaded_by(statement: str) -> set[str]:
    """Return the modules that are loaded after a statement has run."""
    code = f"import sys; {statement}; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return set(ended.stdout.split())


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import akool_async")
    assert "akool_async" in loaded
    assert not {name for name in loaded if name.startswith("akool_async.")}
    assert not loaded & {"aiohttp", "msgspec", "asyncio", "anyio", "sqlite3"}


def test_errors_are_imported_without_network_libraries() -> None:
    loaded = loaded_by("from akool_async import AkoolError")
    assert "akool_async.errors" in loaded
    assert not loaded & {"aiohttp", "msgspec", "asyncio"}


def test_requests_are_built_without_the_modules_that_save_results() -> None:
    loaded = loaded_by("from akool_async.endpoints import TTS; TTS(input_text='a', voice_id='v')")
    assert "akool_async.endpoints.audio" in loaded
    assert not loaded & {"anyio", "akool_async.media.download", "akool_async.simulator"}


@pytest.mark.parametrize("name", akool_async.__all__)
def test_every_public_name_is_imported_on_first_access(name: str) -> None:
    value = getattr(akool_async, name)
    assert getattr(value, "__name__", name).rpartition(".")[2] == name
