"""Write the table of job states in docs/architecture.md; `--check` only compares it."""

from __future__ import annotations

import sys
from pathlib import Path

from python_text import keep_table, table

from akool_async.engine.state import TRANSITIONS, JobState

PAGE = Path(__file__).with_name("architecture.md")


def changes_from(state: JobState) -> str:
    """Return each trigger that a state knows, with the state after it."""
    known = [
        (trigger, after) for (before, trigger), after in TRANSITIONS.items() if before is state
    ]
    return ", ".join(f"{trigger.name} → {after.name}" for trigger, after in known) or "none"


def main() -> int:
    """Write the table, or compare it."""
    rows = ([f"`{each.name}`", each.meaning, changes_from(each)] for each in JobState)
    lines = table("state", "meaning", "trigger → next state", rows=rows)
    return keep_table(PAGE, Path(__file__), lines)


if __name__ == "__main__":
    sys.exit(main())
