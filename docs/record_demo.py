"""Record a real run of `akool demo` as docs/images/demo.svg, which moves without a script.

It needs node: `npx svg-term-cli` draws what the terminal has shown.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

IMAGE = Path(__file__).parent / "images/demo.svg"
COMMAND = ("akool", "demo")
COLUMNS, LINES = 100, 34
FRAME = 0.5
"""Seconds that one picture of the recording lasts; what is printed meanwhile is shown at once."""
PAUSE = 0.03
"""Seconds without output after which the terminal is taken to show a whole picture."""
END = 6.0
"""Seconds for which the last picture stays."""
STILL = (
    "<style>@media (prefers-reduced-motion: reduce) {{* {{animation-play-state: paused !important;"
    " animation-delay: -{:.0f}s !important}}}}</style>"
)
"""Who wants no motion sees the last picture."""


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
            if not select.select([ours], [], [], PAUSE)[0]:
                yield b""  # a picture is whole
    except OSError:  # Linux's way to say that nobody has the other end open any more
        process.wait()


def recorded() -> Iterator[tuple[float, str, str]]:
    """Yield what the terminal shows, each with the seconds from the start."""
    yield 0.0, "o", f"$ {' '.join(COMMAND)}\r\n"
    begun, frame, waiting = time.monotonic(), FRAME, b""
    with tempfile.TemporaryDirectory(prefix="clone-") as folder:
        for chunk in printed_by(COMMAND, folder):
            waiting += chunk
            if not chunk and (now := time.monotonic() - begun) >= frame:
                yield now, "o", waiting.decode(errors="ignore")
                frame, waiting = now + FRAME, b""
    end = time.monotonic() - begun
    yield end, "o", waiting.decode(errors="ignore")
    yield end + END, "o", ""


def main() -> None:
    """Record, and draw."""
    pictures = list(recorded())
    header = {"version": 2, "width": COLUMNS, "height": LINES}
    cast = "\n".join(json.dumps(line) for line in (header, *pictures))
    command = ["npx", "--yes", "svg-term-cli", "--window", "--no-cursor"]
    drawn = subprocess.run(command, input=cast, capture_output=True, text=True, check=True)  # noqa: S603
    image = drawn.stdout.replace("</style>", "</style>" + STILL.format(pictures[-1][0] - 1), 1)
    # So that it fits into a page that is narrower.
    image = re.sub(r'width="(\d+)" height="([\d.]+)"', r'\g<0> viewBox="0 0 \1 \2"', image, count=1)
    IMAGE.write_text(image)


if __name__ == "__main__":
    main()
