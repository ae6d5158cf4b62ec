"""Write the table of job states in docs/architecture.md; `--check` only compares it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from python_text import is_current, table

from akool_async.engine.state import TRANSITIONS, JobState

PAGE = Path(__file__).with_name("architecture.md")
_BEGIN = "<!-- Written by `python docs/build_states.py`: change the code, not this table. -->\n"
_END = "<!-- End of the table. -->\n"


def changes_from(state: JobState) -> str:
    """Return each trigger that a state knows, with the state after it."""
    known = [
        (trigger, after) for (before, trigger), after in TRANSITIONS.items() if before is state
    ]
    return ", ".join(f"{trigger.name} → {after.name}" for trigger, after in known) or "none"


def page() -> str:
    """Return the page with a new table."""
    rows = ([f"`{each.name}`", each.meaning, changes_from(each)] for each in JobState)
    lines = "\n".join(table("state", "meaning", "trigger → next state", rows=rows))
    old = PAGE.read_text(encoding="utf-8")
    pattern = rf"(?<={re.escape(_BEGIN)}).*?(?={re.escape(_END)})"
    return re.sub(pattern, lambda _: f"\n{lines}\n", old, count=1, flags=re.DOTALL)


def main() -> int:
    """Write the table, or compare it."""
    written = {PAGE: page()}
    if "--check" not in sys.argv:
        PAGE.write_text(written[PAGE], encoding="utf-8")
        return 0
    if is_current(written):
        return 0
    sys.stderr.write("docs/architecture.md is not current: run python docs/build_states.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
