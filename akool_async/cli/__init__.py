"""The `akool` command. It needs click and rich, which the extra `cli` installs."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit with its status.

    Without click or rich, exit with a message that says how to install them.
    """
    if find_spec("click") is None or find_spec("rich") is None:
        sys.exit("akool: the command line needs click and rich: pip install 'akool_async[cli]'")
    from akool_async.cli.tree import run

    _show_deprecations()
    sys.exit(run())


def _show_deprecations() -> None:
    """Print warnings of deprecated endpoints in one line, unless Python was told what to do."""
    if not sys.warnoptions:
        from akool_async.protocol.deprecation import AkoolDeprecationWarning

        warnings.simplefilter("default", AkoolDeprecationWarning)
        warnings.showwarning = _show


def _show(message: Warning | str, *_where: object, **_more: object) -> None:
    sys.stderr.write(f"akool: {message}\n")
