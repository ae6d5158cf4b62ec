"""The `akool` command. Its libraries, click and rich, come with the extra `cli`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit with its status; without its libraries, say what to do."""
    if find_spec("click") is None or find_spec("rich") is None:
        sys.exit("akool: the command line needs more: pip install 'akool_async[cli]'")
    from akool_async.cli.tree import run

    sys.exit(run())
