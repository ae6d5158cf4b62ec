"""Record a real run of `akool demo` as an asciicast, of which an animated SVG is made.

`python docs/record_demo.py > demo.cast`, then
`npx svg-term-cli --in demo.cast --out docs/images/demo.svg --window --no-cursor`.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator

COLUMNS, LINES = 92, 26
FRAME = 0.5
"""Seconds that one picture of the recording lasts; what is printed meanwhile is shown at once."""
END = 4.0
"""Seconds for which the last picture stays."""
COMMAND = ("akool", "demo", "--jobs", "300")


def printed_by(command: tuple[str, ...], folder: str) -> Iterator[bytes]:
    """Run a command on a terminal of its own; yield what it prints, as it prints it."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(  # noqa: S603
        command, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    try:
        while chunk := os.read(ours, 65536):
            yield chunk
    except OSError:  # Linux's way to say that nobody has the other end open any more
        process.wait()


def show(at: float, text: str) -> None:
    """Write what the terminal shows from a moment on, in seconds from the start."""
    sys.stdout.write(json.dumps([at, "o", text]) + "\n")


def main() -> None:
    """Write the recording."""
    header = {"version": 2, "width": COLUMNS, "height": LINES}
    sys.stdout.write(json.dumps(header) + "\n")
    show(0.0, f"$ {' '.join(COMMAND)}\r\n")
    begun, frame, waiting = time.monotonic(), FRAME, b""
    with tempfile.TemporaryDirectory() as folder:
        for chunk in printed_by(COMMAND, folder):
            waiting += chunk
            if (now := time.monotonic() - begun) >= frame:
                show(now, waiting.decode(errors="ignore"))
                frame, waiting = now + FRAME, b""
    end = time.monotonic() - begun
    show(end, waiting.decode(errors="ignore"))
    show(end + END, "")


if __name__ == "__main__":
    main()
