"""What `akool run` does: checks the rows, opens the folder, carries out, and ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from akool_async import Akool, MissingCredentials, Retry
from akool_async.batch.check import Checked, check
from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.rows import BatchRow, read
from akool_async.batch.model_check import ModelCheck
from akool_async.batch.planning import Plan, lines_of
from akool_async.batch.record import write_record
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.cli.messages import Problem
from akool_async.cli.opening import client
from akool_async.cli.places import check_folder
from akool_async.cli.run_display import display_for
from akool_async.cli.run_ending import (
    exit_code,
    run_command,
    tell_doubts,
    tell_gone,
    tell_limit,
    tell_overshoot,
)
from akool_async.cli.run_page import make_page
from akool_async.cli.run_serving import serve
from akool_async.cli.run_types import ANY_CODE
from akool_async.cli.statuses import BAD_INPUT
from akool_async.endpoints.models import Model
from akool_async.errors import InvalidInput, JournalError, JournalInUse
from akool_async.uploads import check_files, refuse_files

STDIN: Final = "-"
"""The names of all operations and recipes."""


class BadInput(Problem):
    """What is wrong before anything is sent."""

    exit_code = BAD_INPUT


def start(manifest: tuple[str, ...], given: dict[str, Any]) -> int:
    """Carry out the rows of a manifest, and return the exit status.

    Args:
        manifest: The paths.
        given: The options, by name.

    Raises:
        BadInput: something is wrong before anything is sent.
    """
    folder = RunFolder.at(given["out"] or _folder_of(manifest, given))
    reading = _reading(given)
    try:
        options = _options(given)
    except InvalidInput as error:
        raise BadInput(str(error), {}, "InvalidInput") from None
    checked = None
    if manifest != (STDIN,) or given["check"]:
        checked = _checked(manifest, reading, folder, options, told_later=given["check"])
    if given["check"]:
        click.echo("\n".join(checked.lines()) if checked else "")
        return 0
    if given["dry_run"]:
        plan = Plan(folder, options)
        lines = lines_of(plan.of(read(manifest, reading)), given["concurrency"])
        click.echo("\n".join([*lines, *plan.notes()]))
        return 0
    akool, run = _opened(folder, options, checked, given)
    files = () if given["each"] else tuple(each for each in manifest if each != STDIN)
    arguments = {name: str(v) if isinstance(v, Path) else v for name, v in given.items()}
    write_record(folder, {"manifest": manifest, **arguments}, files)
    return _carry_out(run, read(manifest, reading), akool, given)


def _opened(
    folder: RunFolder, options: RunOptions, checked: Checked | None, given: dict[str, Any]
) -> tuple[Akool, Run]:
    """Return the client and the run, once both can be used.

    Raises:
        BadInput: there is no credential, or the folder cannot be used.
    """
    try:
        akool = _client(given)  # before the folder is made
        check_folder(folder.root)
        return akool, Run(folder, options, planned=checked.operations if checked else None)
    except JournalInUse as error:
        who = error.message
        problem, kind = f"{folder.root} is in use: {who}", "JournalInUse"
    except (InvalidInput, JournalError) as error:
        problem, kind = str(error), type(error).__name__
    except click.UsageError:
        raise
    except click.ClickException as error:
        problem, kind = error.message, getattr(error, "kind", "Error")
    raise BadInput(problem, {}, kind)


def _carry_out(
    run: Run, rows: Iterator[BatchRow | Fault], akool: Akool, given: dict[str, Any]
) -> int:
    tell_limit(run)
    work = run.carry_out(rows, akool)
    figures = asyncio.run(serve(run, work, display_for(quiet=given["quiet"])))
    code = exit_code(run)
    tell_doubts(run)
    tell_gone(run, figures)
    tell_overshoot(run, figures)
    if run.stopped_by:
        click.echo(f"Stopped early: {run.stopped_by}. The same command goes on.", err=True)
    if not given["no_report"]:
        make_page(run, quiet=given["quiet"])
    if given["on_end"]:
        asyncio.run(run_command(given["on_end"], run, figures, code))
    return code


def _file_check() -> Callable[[Any], object]:
    """Return what looks at each row's files; without a bucket, none may be there."""
    return check_files if os.environ.get("AKOOL_UPLOADS") else refuse_files


def _folder_of(manifest: tuple[str, ...], given: dict[str, Any]) -> Path:
    first = manifest[0]
    if first == STDIN and given["check"]:
        return Path("stdin.run")  # no run has this folder
    if first == STDIN:
        raise click.UsageError("rows from standard input need --out DIR")
    name = Path(first).resolve()
    if given["each"] and not name.is_dir():
        name = name.parent
    return Path(f"{name.name.partition('.')[0] or 'akool'}.run")


def _reading(given: dict[str, Any]) -> RowOptions:
    try:
        return RowOptions.of_texts(
            operation=given["operation"],
            set=given["set_"],
            map=given["map_"],
            each=given["each"],
            dedupe=given["dedupe"],
            sheet=given["sheet"],
        )
    except InvalidInput as error:
        raise BadInput(f"--{error.field} {error.rule}", {}, "InvalidInput") from None


def _checked(
    manifest: tuple[str, ...],
    reading: RowOptions,
    folder: RunFolder,
    options: RunOptions,
    *,
    told_later: bool,
) -> Checked:
    """Read all rows once, and print what is wrong with them; notes, too, unless told later.

    Raises:
        BadInput: something is.
    """
    try:
        checked = check(
            manifest,
            reading,
            folder=folder if folder.journal.exists() else None,
            name_of=options.name,
            inspect=_file_check(),
            models=ModelCheck(_models_of) if told_later else None,
            only=options.only,
            skip=options.skip,
        )
    except (InvalidInput, JournalError) as error:
        raise BadInput(str(error), {}, type(error).__name__) from None
    if not checked.ok or (checked.notices and not told_later):
        for line in checked.lines():
            click.echo(line, err=True)
    if not checked.ok:
        raise BadInput("the manifest cannot be carried out; nothing was sent", {})
    return checked


def _models_of(type: int) -> tuple[Model, ...]:
    """Ask for the models of a type, once: `--check` may be used where there is no network.

    Raises:
        AkoolError: they are not to be had.
    """
    try:
        akool = client().with_settings(retry=Retry(attempts=1))
    except click.ClickException as error:
        problem = error.message
    else:
        return asyncio.run(_listed(akool, type))
    raise MissingCredentials(problem)


async def _listed(akool: Akool, type: int) -> tuple[Model, ...]:
    async with akool:
        return await akool.models.list(types=(type,))


def _client(given: dict[str, Any]) -> Akool:
    limits: dict[str, int] = {}
    for pattern, most in given["limits"]:
        if not most.isdecimal():
            raise click.BadParameter(f"{pattern}={most} is no number", param_hint="--limits")
        limits[pattern] = int(most)
    return client().with_settings(max_concurrency=given["concurrency"], limits=limits or None)


def _retried(codes: tuple[str, ...] | None) -> bool | tuple[str, ...]:
    return bool(codes) if codes in {None, (ANY_CODE,)} else codes or False


def _prices(pairs: tuple[tuple[str, str], ...]) -> dict[str, float]:
    prices: dict[str, float] = {}
    for operation, text in pairs:
        try:
            prices[operation] = float(text)
        except ValueError:
            prices[operation] = -1.0
        if not 0 <= prices[operation] < float("inf"):
            raise click.BadParameter(f"{operation}={text} is no price", param_hint="--price")
    return prices


def _options(given: dict[str, Any]) -> RunOptions:
    return RunOptions(
        save=not given["no_save"],
        name=given["name"],
        retry_failed=_retried(given["retry_failed"]),
        limit=given["limit"],
        only=given["only"],
        skip=given["skip"],
        sample=given["sample"],
        max_creates=given["max_creates"],
        max_credits=given["max_credits"],
        prices=_prices(given["price"]),
        rate=given["rate"],
        on_credit=given["on_credit"],
    )
