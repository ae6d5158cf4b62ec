"""Webhooks against polling, and what a webhook costs its receiver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from akool_async.schedule.learner import Schedule
from benchmarks.bench import Bench, Entry, Size
from benchmarks.meter import Figures
from benchmarks.report import Goal, Section, Table, number, shown

COST = Schedule().cost
"""What a request is worth, in seconds of delay; the schedule's own value."""
DISTANCE = 0.05
"""Seconds of the simulated round trip where one is needed."""

ARMED, POLLED = "webhooks", "polling"

TEXT = """\
The server sends a webhook at the end of each job whose create has an address for it; its code is
written from Akool's page, and not shared with the client. Client and receiver are one process, as
in a web backend. The client first runs jobs from which it learns durations, and that webhooks
arrive. *Delay* is the time from the completion at the server to the wake-up of the job's awaiter;
it includes the webhook's way, which a round trip of the network makes longer, and the lookup that
confirms it. *Arrival* is the moment in which the client has verified the webhook. *J* is the mean
delay, plus {cost:g} s for each lookup of a job: what the schedule minimizes."""

COLUMNS = (
    ("lookups/job", "looks", "{:.3f}"),
    ("delay, mean (ms)", "mean", "{:.1f}"),
    ("p50", "p50", "{:.1f}"),
    ("p99", "p99", "{:.1f}"),
    ("after arrival, p50 (ms)", "after_p50", "{:.1f}"),
    ("p99", "after_p99", "{:.1f}"),
    ("jobs ended", "woken", "{:.0f}"),
    ("records held 1 s later", "held", "{:.0f}"),
)


class Contest(NamedTuple):
    """One comparison, or one run where there is nothing to compare with."""

    title: str
    run: str
    options: Mapping[str, Any]
    single: bool = True
    rtt: float = 0.0
    hooks: str = ""
    """What the server does to webhooks."""
    polls: bool = False
    """Whether the same jobs are also run by polling alone."""


def contests(size: Size) -> Mapping[str, Contest]:
    """Return all comparisons, by a short name."""
    few, first = {"count": size.few}, max(size.few // 8, 5)
    learnt = {**few, "first": first}
    # A lost webhook costs the minute until the net's first poll. A quick run has no minute, and
    # so teaches its client nothing: it polls by the schedule.
    lost = learnt if size.repeats > 1 else {**few, "first": 0}
    jobs, far = f"{number(size.few)} jobs", f"round trip {DISTANCE * 1000:.0f} ms"
    slow = size.repeats > 1
    single_window = {"head": 8.0 if slow else 2.0, "window": size.few / (50 if slow else 100)}
    burst = {**learnt, "head": 5.0 if slow else 2.0, "window": 1.0}
    waiting = {**learnt, "further": size.many, **single_window}
    pending = f"{number(size.many)} pending, events one by one"
    return {
        "single": Contest(f"speeches, {jobs}", "armed", learnt, polls=True),
        "many": Contest(f"reages, {jobs}", "armed", learnt, single=False, polls=True),
        "pending": Contest(f"speeches, {pending}", "armed_ending", waiting),
        "pending, far": Contest(f"{pending}; {far}", "armed_ending", waiting, rtt=DISTANCE),
        "burst": Contest(
            f"reages, {number(size.few)} ends within a second; {far}",
            "armed_ending",
            burst,
            single=False,
            rtt=DISTANCE,
        ),
        "lost": Contest(
            f"speeches, {jobs}, one webhook in ten lost", "armed", lost, hooks="lost=.1"
        ),
        "twice": Contest(
            f"speeches, {jobs}, every webhook twice, and out of order",
            "armed",
            learnt,
            hooks="twice=1,late=.5",
        ),
    }


def webhooks(bench: Bench) -> Section:
    """Compare webhooks with polling, and measure their receiver."""
    section = Section("webhooks", "Webhooks", TEXT.format(cost=COST))
    known = contests(bench.size)
    found = {name: _run(bench, contest) for name, contest in known.items()}
    for name, contest in known.items():
        section.tables.append(_table(contest.title, found[name]))
    section.goals = list(_goals(found, bench.size))
    for part in (_receiver, _memory):
        table, goals = part(bench)
        section.tables.append(table)
        section.goals.extend(goals)
    return section


def _run(bench: Bench, contest: Contest) -> dict[str, Figures]:
    entries = [
        Entry(
            f"{label}, {contest.title}",
            contest.run,
            {**contest.options, "kind": {"single": contest.single, "armed": label == ARMED}},
        )
        for label in ((ARMED, POLLED) if contest.polls else (ARMED,))
    ]
    served: dict[str, Any] = {
        "rtt": contest.rtt,
        **({"hooks": contest.hooks} if contest.hooks else {}),
    }
    return {
        label.partition(",")[0]: figures
        for label, figures in bench.compare(entries, **served).items()
    }


def _table(title: str, found: Mapping[str, Figures]) -> Table:
    table = Table(["", *(head for head, _, _ in COLUMNS), "J (s)"], title=title)
    for label, figures in found.items():
        cells = (shown(form, figures[name]) if name in figures else "" for _, name, form in COLUMNS)
        table.rows.append((label, *cells, shown("{:.3f}", _cost(figures))))
    return table


def _cost(figures: Figures) -> float:
    return figures["mean"] / 1000 + COST * figures["looks"]


def _goals(found: Mapping[str, dict[str, Figures]], size: Size) -> Iterable[Goal]:
    armed, polled = found["single"][ARMED], found["single"][POLLED]
    yield Goal("lookups per job, single ids, webhooks", 1.02, armed["looks"], "{:.3f}")
    for part, bound in (("p50", 1 / 20), ("p99", 1 / 10)):
        figure = f"{part} delay, single ids, webhooks, × polling"
        yield Goal(figure, bound, armed[part] / polled[part], "{:.3f}")
    many, asked = found["many"][ARMED], found["many"][POLLED]
    figure = "delay and lookups (J), `listbyids`, webhooks, × polling"
    yield Goal(figure, 0.7, _cost(many) / _cost(asked))
    yield Goal("p99 delay, `listbyids`, webhooks, × polling", 1 / 3, many["p99"] / asked["p99"])
    yield from _one_by_one(found, size)
    burst = found["burst"][ARMED]
    title = f"{number(size.few)} ends within a second, {DISTANCE * 1000:.0f} ms"
    yield Goal(f"{title}: p99 after arrival, ms", 3e3 * DISTANCE, burst["after_p99"], "{:.0f}")
    yield Goal(f"{title}: lookups per job", 0.1, burst["looks"], "{:.3f}")
    lost, twice = found["lost"][ARMED], found["twice"][ARMED]
    yield Goal(
        "one webhook in ten lost: jobs that do not end", 0, size.few - lost["woken"], "{:.0f}"
    )
    yield Goal("one webhook in ten lost: lookups per job", 1.15, lost["looks"], "{:.3f}")
    yield Goal("every webhook twice, out of order: lookups per job", 1.05, twice["looks"], "{:.3f}")
    yield Goal("ended jobs held 1 s after their end", 0, armed["held"] + many["held"], "{:.0f}")


def _one_by_one(found: Mapping[str, dict[str, Figures]], size: Size) -> Iterable[Goal]:
    for name, rtt in (("pending", 0.0), ("pending, far", DISTANCE)):
        figures = found[name][ARMED]
        title = f"{number(size.many)} pending, round trip {rtt * 1000:.0f} ms"
        for part, most in (("p50", 5), ("p99", 25)):
            figure = f"{title}: {part} after arrival, ms"
            yield Goal(figure, most + 1000 * rtt, figures[f"after_{part}"], "{:.1f}")


def _receiver(bench: Bench) -> tuple[Table, list[Goal]]:
    """Measure what a webhook costs its receiver."""
    count = bench.size.calls
    check = bench.one("verifying", count=count)
    handled = bench.one("handling", count=count)
    rows = (
        ("`verify`", "{:.1f}", check["ours"]),
        ("the example on Akool's page: json, pycryptodome", "{:.1f}", check["page"]),
        ("`verify` of a wrong signature", "{:.1f}", check["forged"]),
        ("the whole handler, aiohttp.web", "{:.0f}", handled["whole"]),
        ("a handler that only reads the body", "{:.0f}", handled["empty"]),
        ("wrong padding and no JSON: medians apart, wall", "{:.3f}", check["apart"] / 1000),
    )
    table = Table(
        ["one webhook", "CPU (µs)"],
        [(name, shown(form, value)) for name, form, value in rows],
        title="the receiver",
    )
    goals = [
        Goal("`verify`, × the example on Akool's page", 0.5, check["ours"] / check["page"]),
        Goal("`verify` of a wrong signature, × a good one", 0.25, check["forged"] / check["ours"]),
        Goal("whole handler, × an empty one", 1.25, handled["whole"] / handled["empty"]),
        Goal(
            f"wrong padding and no JSON, {number(count)} of each, told apart by time:"
            " 1 - p of Mann and Whitney",
            0.95,
            1 - check["p"],
        ),
    ]
    return table, goals


def _memory(bench: Bench) -> tuple[Table, list[Goal]]:
    """Measure the memory of a pending job, with and without an address."""
    found = {
        label: bench.one("armed_holding", count=bench.size.many, armed=label == ARMED)["traced"]
        for label in (ARMED, POLLED)
    }
    table = Table(
        ["", "traced, bytes/job"],
        [(label, shown("{:.1f}", size)) for label, size in found.items()],
        title=f"{number(bench.size.many)} pending",
    )
    more = found[ARMED] - found[POLLED]
    return table, [Goal("bytes per pending job more than without webhooks", 0.5, more, "{:.1f}")]
