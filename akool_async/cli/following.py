"""A job on the command line: print its token, wait for its end, or save its result."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from akool_async import (
    Akool,
    AkoolError,
    CreateOutcomeUnknown,
    DownloadError,
    Job,
    JobTimeout,
    ResultExpired,
)
from akool_async.cli.display import fields_of, show_fields, show_json, text_of
from akool_async.cli.messages import Problem, told
from akool_async.cli.options import SECONDS
from akool_async.cli.places import place_of
from akool_async.cli.problems import show_problem
from akool_async.cli.status import showing_status
from akool_async.cli.statuses import IN_DOUBT, INTERRUPTED, TIMED_OUT
from akool_async.clock import within
from akool_async.protocol.secret_fields import without_repeated
from akool_async.protocol.words import counted

STANDARD_OUTPUT: Final = "-"


class Aims(NamedTuple):
    """What the command line asks for, beside the request."""

    wait: bool
    save: str | None
    """Path of a file, or of a folder, which then ends with a separator; `-` is stdout."""
    timeout: float | None
    """Seconds to wait, from the start of the command."""
    as_json: bool


def job_options(*, media: bool) -> list[click.Option]:
    """Return the options that all commands with a job have; `--save` only if it has media."""
    saving = click.Option(
        ["--save"],
        type=click.Path(),
        metavar="PATH",
        help="Wait, and save the result: in the folder PATH, or as the file PATH if that has an"
        " extension; - is standard output.",
    )
    return [
        click.Option(
            ["--wait"], is_flag=True, help="Wait until the job ends, and print the result."
        ),
        *([saving] if media else []),
        click.Option(
            ["--timeout"],
            type=SECONDS,
            metavar="SECONDS",
            help="Stop waiting after this time; the job continues.",
        ),
        click.Option(["as_json", "--json"], is_flag=True, help="Print JSON instead of a table."),
    ]


def aims_of(ctx: click.Context) -> Aims:
    """Read the options of `job_options`.

    Raises:
        click.ClickException: the options contradict each other, or the path of `--save`
            cannot be written.
    """
    save, timeout = ctx.params.get("save"), ctx.params["timeout"]
    wait = ctx.params["wait"] or save is not None
    if timeout is not None and not wait:
        raise click.UsageError("--timeout goes with --wait or --save", ctx)
    as_json: bool = ctx.params["as_json"]
    if save == STANDARD_OUTPUT:
        if as_json:
            raise click.UsageError("--save - goes not with --json: both are for stdout", ctx)
        if sys.stdout.isatty():
            raise click.UsageError("--save - writes media: redirect it to a file or a pipe", ctx)
        return Aims(wait, save, timeout, as_json)
    place = None if save is None else place_of(save)
    return Aims(wait, place, timeout, as_json)


def follow(akool: Akool, start: Callable[[Akool], Job[Any]], aims: Aims) -> int:
    """Start or resume a job, wait and save as asked, and return the exit status.

    Args:
        akool: The client; it is closed at the end.
        start: Starts or resumes the job.
        aims: What the command line asks for.

    Raises:
        click.ClickException: `--timeout` ran out, or the result could not be saved.
        AkoolError: the job ended without a result.
    """
    held: list[Job[Any]] = []
    try:
        asyncio.run(_follow(akool, start, aims, held))
    except KeyboardInterrupt:
        return _interrupted(held, as_json=aims.as_json)
    except JobTimeout:
        raise
    except TimeoutError:
        pass
    else:
        return 0
    waited = counted(aims.timeout or 0.0, "second")
    status = IN_DOUBT if any(map(_is_in_doubt, held)) else TIMED_OUT
    raise Problem(f"not ended after {waited}; {_fate(held)}", _known(held), "Timeout", status)


def _is_in_doubt(job: Job[Any]) -> bool:
    return job.done() and isinstance(job.exception(), CreateOutcomeUnknown)


def _interrupted(held: list[Job[Any]], *, as_json: bool) -> int:
    message = f"Stopped; {_fate(held)}"
    if as_json:
        show_problem(Problem(message, _known(held), "Interrupted"), message, INTERRUPTED)
    click.echo(message, err=True)
    return INTERRUPTED


async def _follow(
    akool: Akool, start: Callable[[Akool], Job[Any]], aims: Aims, held: list[Job[Any]]
) -> None:
    async with akool:
        job = start(akool)
        held.append(job)
        if not aims.wait:
            await _accepted(job, as_json=aims.as_json)
            return
        result = await _ended(job, aims)
        paths, problem = await _saved(job, result, aims.save)
        if not (problem and aims.as_json):
            aside = aims.save == STANDARD_OUTPUT
            _show_result(job, result, paths, as_json=aims.as_json, aside=aside)
        if problem:
            raise Problem(problem, _fields(job, result))


async def _accepted(job: Job[Any], *, as_json: bool) -> None:
    """Print the job's token as soon as Akool has accepted the job."""
    with showing_status(f"{job.name}: not accepted yet"):
        await job.created()
    if job.done():
        job.result()  # raises if the create reply says already that the job failed
    if as_json:
        show_json(_fields(job, job.receipt) if job.receipt else _heading(job))
        return
    click.echo(job.token)
    click.echo(_continuing(job), err=True)
    _show_credentials(job)


def _show_credentials(job: Job[Any]) -> None:
    """Print the credentials of a live session: only the create reply has them, for minutes."""
    credentials = getattr(job.receipt, "credentials", None)
    if credentials is not None:
        show_fields(fields_of(without_repeated(credentials, job.request)), err=True)


async def _ended(job: Job[Any], aims: Aims) -> Any:
    """Wait for the result, and show the job's status meanwhile.

    Raises:
        TimeoutError: `--timeout` ran out.
        AkoolError: the job ended without a result.
    """
    with showing_status(f"{job.name}: not accepted yet") as display:
        async with within(aims.timeout):
            if job.id is None:
                await job.created()
                display.line(f"{job.name} {job.id} is accepted; its token is {job.token}")
                _show_credentials(job)
            async for snapshot in job:
                display.status(f"{job.name} {job.id}: {text_of(snapshot.status)}")
            return await job


async def _saved(job: Job[Any], result: Any, place: str | None) -> tuple[tuple[Path, ...], str]:
    """Save a result; return the paths of its files and an empty text, or none and the problem."""
    if place is None:
        return (), ""
    try:
        if place == STANDARD_OUTPUT:
            await _write_out(result)
            return (), ""
        return await result.save_all(place), ""
    except ResultExpired as error:
        return (), told(error)
    except (DownloadError, OSError) as error:
        problem = str(error)
    return (), f"{problem}; to try again: akool job {job.token} --save PATH"


async def _write_out(result: Any) -> None:
    """Write a result's media, the primary one, to standard output, once it is whole."""
    with tempfile.TemporaryFile() as file:
        async with result.stream() as chunks:
            async for chunk in chunks:
                file.write(chunk)
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _show_result(
    job: Job[Any], result: Any, paths: Sequence[Path], *, as_json: bool, aside: bool
) -> None:
    """Print a result; on stderr if it stands aside of media on standard output."""
    fields = _fields(job, result)
    if paths:
        fields["saved"] = str(paths[0])
    if paths[1:]:
        fields["saved_too"] = list(map(str, paths[1:]))
    if as_json:
        show_json(fields)
        return
    last = ("url", "urls", "expires_at", "saved", "saved_too", "token")
    names = [*(name for name in fields if name not in last), *last]
    show_fields({name: fields[name] for name in names if name in fields}, err=aside)


def _known(held: list[Job[Any]]) -> dict[str, Any]:
    """Return what is known of a job that goes on, for `--json`."""
    return {} if not held or held[0].id is None else _heading(held[0]) | {"id": held[0].id}


def _fields(job: Job[Any], result: Any) -> dict[str, Any]:
    """Return what is printed of a reply. What the user has as a secret already is not repeated."""
    return _heading(job) | fields_of(without_repeated(result, job.request))


def _heading(job: Job[Any]) -> dict[str, Any]:
    return {"operation": job.name, "token": job.token}


def _fate(held: list[Job[Any]]) -> str:
    """Describe the state of a job after the command has stopped waiting."""
    for job in held:
        error = job.exception() if job.done() else None
        if job.id is not None:
            return _continuing(job)
        if isinstance(error, CreateOutcomeUnknown):
            return told(error)
        steps = error.steps if isinstance(error, AkoolError) else ()
        paid = f"; steps already paid for: {' '.join(steps)}" if steps else ""
        return f"{job.name} was not started{paid}"
    return "nothing was started"


def _continuing(job: Job[Any]) -> str:
    return f"{job.name} {job.id} continues at Akool; to wait for it: akool job {job.token} --wait"
