"""Run one contestant and print its figures as JSON."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.cores import pin
from benchmarks.meter import Meter


def main() -> None:
    """Measure the contestant named by the arguments."""
    name, options = sys.argv[1], json.loads(sys.argv[2])
    pin(0)
    module, _, function = CONTESTANTS[name].partition(":")
    contestant: Contestant = getattr(importlib.import_module(module), function)
    meter = Meter(options.pop("url", ""))
    factory = loop_factory(options.pop("loop", "asyncio"))
    with asyncio.Runner(loop_factory=factory) as runner:
        figures = runner.run(contestant(meter, **options))
    print(json.dumps(figures))


def loop_factory(name: str) -> Any:
    """Return the factory of the event loop; `None` for asyncio's own."""
    return importlib.import_module(name).new_event_loop if name != "asyncio" else None


if __name__ == "__main__":
    main()
