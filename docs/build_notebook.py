"""Run examples/notebook.ipynb, or another notebook, in a real kernel, and write what it shows."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.ipynb"


def executed(notebook: Any, folder: Path) -> Any:
    """Run a notebook in a kernel of its own, and return it with the outputs.

    The kernel is spoken to through a socket in the file system: no port is opened.
    """
    with TemporaryDirectory() as sockets:
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(
            notebook, km=kernel, timeout=60, resources=where, record_timing=False
        ).execute()
    notebook.metadata.pop("language_info", None)  # it names the version of Python
    return notebook


def main() -> int:
    """Run the notebook, or the one of the argument, and write it."""
    path = Path(sys.argv[1]) if sys.argv[1:] else NOTEBOOK
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(executed(notebook, path.parent), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
