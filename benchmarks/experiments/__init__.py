"""The experiments: one function per section of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.experiments import (
    backing,
    batch,
    blocking,
    calls,
    clients,
    holding,
    importing,
    interrupting,
    jobs,
    learning,
    messages,
    records,
    speaking,
    starving,
    trouble,
    trust,
    webhooks,
)
from benchmarks.report import Section

EXPERIMENTS: Mapping[str, Callable[[Bench], Section]] = {
    "jobs": jobs.jobs,
    "equal_delay": jobs.equal_delay,
    "scale": jobs.scale,
    "single": jobs.single,
    "schedule": learning.learning,
    "clients": clients.clients,
    "starving": starving.starving,
    "calls": calls.calls,
    "blocking": blocking.blocking,
    "decoding": calls.decoding,
    "imports": importing.importing,
    "holding": holding.holding,
    "journal": records.records,
    "cap": trouble.cap,
    "webhooks": webhooks.webhooks,
    "batch": batch.batch,
    "messages": messages.messages,
    "interrupting": interrupting.interrupting,
    "speaking": speaking.speaking,
    "backing": backing.backing,
    "soak": trouble.soak,
    "rivals": trust.trust,
}
"""By the name that `--only` takes, in the order of the page."""

ON_REQUEST = frozenset({"rivals"})
"""Experiments that run only if `--only` names them."""
