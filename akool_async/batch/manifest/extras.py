"""Libraries that an extra installs, imported when a file asks for them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from akool_async.errors import InvalidInput


@contextmanager
def needs(module: str, extra: str, why: str) -> Generator[None]:
    """Import a library inside of this block.

    Raises:
        InvalidInput: it is not there; the sentence names the extra that installs it.
    """
    missing = False
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module:
            raise
        missing = True
    if missing:
        install = f"pip install 'akool_async[{extra}]'"
        raise InvalidInput("manifest", module, f"{why}, which needs {module}: {install}")
