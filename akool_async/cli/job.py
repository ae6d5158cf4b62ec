"""`akool job TOKEN`: a job that another command, or another process, started."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from akool_async import Akool, InvalidToken, JobFailed, Result, Snapshot, Status
from akool_async.cli.display import fields_of, show_fields, show_json, text_of
from akool_async.cli.following import aims_of, follow, job_options
from akool_async.cli.opening import client
from akool_async.endpoints import OPERATIONS
from akool_async.media import StandaloneDownloader
from akool_async.protocol import token as tokens
from akool_async.protocol.endpoint import Family
from akool_async.protocol.token import JobReference
from akool_async.result import Link

_PAUSES = (0.0, 0.5, 1.0)
"""Seconds before each lookup. There are several, because a list may lack the job now and then."""


@click.pass_context
def _run(
    ctx: click.Context,
    /,
    token: str,
    cancel: bool,  # noqa: FBT001
    operation: str | None,
    **_params: Any,
) -> int:
    aims = aims_of(ctx)
    if operation is not None and tokens.is_id(token):
        token = tokens.write(tokens.reference_to(operation, token, None, 0))
    reference, family = _read(ctx, token)
    if cancel and aims.wait:
        raise click.UsageError("--cancel goes with neither --wait nor --save", ctx)
    if cancel:
        asyncio.run(_cancel(client(), token, as_json=aims.as_json))
    elif aims.wait:
        return follow(client(), lambda akool: akool.job(token), aims)
    else:
        _show(token, asyncio.run(_look_up(client(), reference, family)), as_json=aims.as_json)
    return 0


command = click.Command(
    "job",
    callback=_run,
    params=[
        click.Argument(["token"]),
        *job_options(media=True),
        click.Option(
            ["--operation"],
            type=click.Choice(sorted(OPERATIONS)),
            metavar="NAME",
            help="TOKEN is an id from Akool's website, of a job of this operation.",
        ),
        click.Option(["--cancel"], is_flag=True, help="Cancel the job, if Akool can cancel it."),
    ],
    help="""Show a job by its token, wait for it, or cancel it.

    The commands that start a job print its token. A token works on every machine that has
    the account's credentials. Without --wait, the job is looked up once.

    Exits with 1 if the job has failed.""",
)
"""The command."""


def _read(ctx: click.Context, token: str) -> tuple[JobReference, Family[Any]]:
    try:
        reference = tokens.read(token)
        if reference.name in OPERATIONS:
            return reference, OPERATIONS[reference.name].family
        problem = f"it is for {reference.name}, which is no operation"
    except InvalidToken as error:
        problem = error.message
        if tokens.is_id(token):
            problem = (
                "it is no token; an id from Akool's website needs its operation, such as"
                " --operation reage.image"
            )
    raise click.BadParameter(problem, ctx, param_hint="'TOKEN'")


async def _cancel(akool: Akool, token: str, *, as_json: bool) -> None:
    async with akool:
        job = akool.job(token)
        cancelled = await job.cancel()
        if as_json:
            known = {"id": job.id} if job.snapshot is None else fields_of(job.snapshot)
            heading = {"operation": job.name, "token": token, "cancelled": cancelled}
            show_json(heading | known)
        elif cancelled:
            click.echo(f"{job.name} {job.id} is cancelled.")
        elif job.status is Status.COMPLETED:
            click.echo(
                f"{job.name} {job.id} was completed before, and its result is kept;"
                f" to get it: akool job {token} --wait"
            )
        else:
            click.echo(f"{job.name} {job.id} had ended before: {text_of(job.status)}.")


async def _look_up(akool: Akool, reference: JobReference, family: Family[Any]) -> Snapshot:
    async with akool:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            for snapshot in family.observed(await akool.call(family.lookup([reference.id]))):
                if snapshot.id in {reference.id, ""}:
                    return _with_creation_time(snapshot, reference)
    raise click.ClickException(f"Akool does not list {reference.name} {reference.id}")


def _with_creation_time(snapshot: Snapshot, reference: JobReference) -> Snapshot:
    """Add the time of creation to a result; the token holds it."""
    if isinstance(snapshot, Result):
        link = Link(
            StandaloneDownloader(),
            operation=reference.name,
            accepted_at=reference.created or None,
        )
        return snapshot.attach(link)
    return snapshot


def _show(token: str, snapshot: Snapshot, *, as_json: bool) -> None:
    """Print a job's status and fields.

    Raises:
        JobFailed: the job has failed; `--json` prints its fields with the error.
    """
    reference = tokens.read(token)
    if snapshot.status is Status.FAILED:
        why = f": {snapshot.reason}" if snapshot.reason else ""
        message = f"Akool reports that the job failed{why}"
        raise JobFailed(message, name=reference.name, token=token, snapshot=snapshot)
    fields = {"operation": reference.name, **fields_of(snapshot)}
    if as_json:
        show_json({"token": token, **fields})
    else:
        show_fields(fields)
