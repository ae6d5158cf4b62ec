"""The lists of jobs: each operation says in which list its jobs are (`Operation.listed`)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from akool_async.protocol.listed import Listed
from akool_async.simulator.world import SimulatedJob, World

_ANY = frozenset({"page", "size"})
"""Fields of a query that choose no rows."""


def job_rows(world: World, query: Any, base_url: str) -> list[Any]:
    """Return the rows of a list's jobs, the newest first.

    Args:
        world: The jobs.
        query: The query of the list.
        base_url: The address of the simulator.
    """
    rows: list[Any] = []
    for job in reversed(world.jobs.values()):
        listed = job.request.listed
        if listed is None or not _is_in(listed.query(job.request), query):
            continue
        status = job.status_at(world.clock.time())
        if status.terminal or not listed.only_ended:
            rows.append(_row(query.parse.row, listed, job, world.snapshot(job, base_url)))
    return rows


def _is_in(own: Any, query: Any) -> bool:
    """Say whether a list's query asks for the rows that an operation's own query asks for."""
    if type(own) is not type(query):
        return False
    chosen = {each: getattr(own, each) for each in set(own.__struct_fields__) - _ANY}
    return all(
        getattr(query, each) in (None, value) for each, value in chosen.items() if value is not None
    )


def _row(row: Any, listed: Listed, job: SimulatedJob, snapshot: Any) -> Any:
    """Return what a list shows of a job: of its request, and of its state."""
    asked = (*listed.by, "webhook_url")
    known = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
    known |= {name: getattr(job.request, name, None) for name in asked}
    known = {name: value for name, value in known.items() if value not in (None, "")}
    known |= {"create_time": int(job.created_at.timestamp() * 1000)}
    for name, shown in listed.shown.items():
        known[shown] = _file_name(known.pop(name, None))
    known |= listed.where
    return row(**{name: known[name] for name in row.__struct_fields__ if name in known})


def _file_name(value: Any) -> Any:
    """Return an address as a list shows it that has no place for addresses."""
    is_address = isinstance(value, str) and value.startswith("http")
    return urlsplit(value).path.rpartition("/")[2] if is_address else value
