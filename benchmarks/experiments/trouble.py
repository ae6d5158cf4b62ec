"""Servers with limits and faults."""

from __future__ import annotations

import math

from benchmarks.bench import Bench, Entry
from benchmarks.report import Goal, Section, Table, number, shown

FEW_IDS = 10

CAP_TEXT = """\
A server that takes at most 10 ids in a request, and refuses longer lists with HTTP 414, with
Akool's own code 1003, or with HTTP 400. The client does not know the limit beforehand. No job
may fail or be lost because of it. With 10 ids in a request, a poll of a job costs a tenth of a
request instead of a three-hundredth. The last row is a server without a limit."""


def cap(bench: Bench) -> Section:
    """Run jobs on a server that takes few ids in a request."""
    section = Section("cap", "A server that takes 10 ids at a time", CAP_TEXT)
    table = Table(["refusal", "jobs completed", "requests/job", "delay, mean (ms)", "p99"])
    lost = 0.0
    for refusal in (414, 1003, 400, 0):
        served = {"cap": FEW_IDS, "refusal": refusal} if refusal else {}
        label = {0: "none", 1003: "code 1003"}.get(refusal, f"HTTP {refusal}")
        entry = Entry(f"refusal: {label}", "ours", {"count": bench.size.few})
        found = bench.compare([entry], median=bench.size.median / 2, **served)[entry.label]
        lost += found["count"] - found["woken"]
        figures = (found["requests"], found["mean"], found["p99"])
        forms = ("{:.2f}", "{:.0f}", "{:.0f}")
        cells = [shown(form, each) for form, each in zip(forms, figures, strict=True)]
        table.rows.append((label, shown("{:.0f}", found["woken"]), *cells))
    section.tables = [table]
    section.goals = [Goal("jobs lost where a server takes 10 ids at a time", 0, lost, "{:.0f}")]
    return section


SOAK_TEXT = """\
500 jobs at a time, for {seconds:.0f} seconds, on a server that answers 2 % of all requests with a
502, drops 1 % of the connections after it has carried out the request, and never answers 0.5 %. A
create that meets one of these faults may have been paid for: it ends as `CreateOutcomeUnknown`, and
is not sent again. Every other job must complete. The memory in the last quarter of the time should
equal that in the second quarter."""


def soak(bench: Bench) -> Section:
    """Run jobs under faults for some seconds."""
    seconds = bench.size.soak
    section = Section("soak", "A soak with faults", SOAK_TEXT.format(seconds=seconds))
    served = {"median": bench.size.median / 4, "faults": "bad=.02,reset=.01,hang=.005"}
    found = bench.one("soak", served=served, seconds=seconds)
    rows = (
        ("jobs", found["jobs"]),
        ("completed", found["completed"]),
        ("ended as CreateOutcomeUnknown", found["unknown"]),
        ("ended otherwise", found["otherwise"]),
        ("creates that the server carried out", found["created"]),
    )
    section.tables = [Table(["", ""], [(name, _counted(value)) for name, value in rows])]
    sizes = [f"{shown('{:.1f}', found[name] / 1e6)} MB" for name in ("early", "late")]
    section.tables[0].rows.append(("memory, second and last quarter", " and ".join(sizes)))
    twice = max(0.0, found["created"] - found["jobs"])
    missing = found["jobs"] - found["completed"] - found["unknown"]
    section.goals = [
        Goal("soak: jobs lost", 0, missing, "{:.0f}"),
        Goal("soak: creates beyond one for each job", 0, twice, "{:.0f}"),
        Goal("soak: memory in the last quarter, × the second", 1.05, found["growth"], "{:.3f}"),
    ]
    return section


def _counted(value: float) -> str:
    return shown("{}", value) if math.isnan(value) else number(round(value))
