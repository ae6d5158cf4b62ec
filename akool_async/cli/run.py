"""`akool run`: carries out the rows of a manifest, in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from akool_async import Akool
from akool_async.batch import names
from akool_async.batch.check import Checked, check
from akool_async.batch.fault import Fault
from akool_async.batch.folder import RunFolder
from akool_async.batch.names import FileNames
from akool_async.batch.options import RowOptions
from akool_async.batch.planning import Plan, lines_of
from akool_async.batch.record import write_record
from akool_async.batch.rows import BatchRow, read
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.cli.messages import Problem
from akool_async.cli.opening import client
from akool_async.cli.options import Number
from akool_async.cli.places import check_folder
from akool_async.cli.run_display import Display, JsonLines
from akool_async.cli.run_ending import BAD_INPUT, exit_code, run_command, tell_doubts
from akool_async.cli.run_serving import serve
from akool_async.cli.run_types import ANY_CODE, Codes, Pair, Rate
from akool_async.errors import InvalidInput, JournalInUse

STDIN: Final = "-"


class BadInput(Problem):
    """What is wrong before anything is sent."""

    exit_code = BAD_INPUT


@click.command("run")
@click.argument("manifest", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--operation", metavar="NAME", help="The operation of all rows.")
@click.option("--set", "set_", multiple=True, metavar="PARAMETER=VALUE", help="Of all rows.")
@click.option(
    "--map", "map_", multiple=True, metavar="COLUMN=PARAMETER", help="What a column stands for."
)
@click.option("--each", metavar="PARAMETER", help="The parameter that takes each of many files.")
@click.option("--dedupe", is_flag=True, help="Take equal rows as one.")
@click.option("--sheet", metavar="NAME", help="The sheet of a spreadsheet; else its first.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The run's folder; else named after the manifest.",
)
@click.option("--check", is_flag=True, help="Read and check all rows, and stop there.")
@click.option(
    "--retry-failed",
    type=Codes(),
    is_flag=False,
    flag_value=ANY_CODE,
    metavar="[CODE,...]",
    help="Send, and pay for, failed rows again: all, or those with a code or class of error.",
)
@click.option("--limit", type=click.IntRange(0), help="Send at most so many rows.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only such operations, or keys.")
@click.option("--skip", multiple=True, metavar="PATTERN", help="No such operations, or keys.")
@click.option("--sample", type=click.IntRange(0), help="Send at most so many of each operation.")
@click.option("--max-creates", type=click.IntRange(0), help="Create at most so many jobs.")
@click.option(
    "--max-credits",
    type=Number(0),
    help="Spend at most so many credits: read every 30 s and 100 creates; see the docs.",
)
@click.option(
    "--price", type=Pair(), multiple=True, help="Credits for a row, such as audio.tts=0.5."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and stop there.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=100, show_default=True, help="Jobs at once."
)
@click.option(
    "--limits", type=Pair(), multiple=True, help="Jobs at once by operation, such as video.*=20."
)
@click.option("--rate", type=Rate(), help="Creates at most, such as 5/s, 100/min or 1000/h.")
@click.option(
    "--on-credit",
    type=click.Choice(["pause", "stop"]),
    default="pause",
    show_default=True,
    help="What to do when there is no credit left.",
)
@click.option("--name", default=names.DEFAULT, show_default=True, help="Names of saved files.")
@click.option("--no-save", is_flag=True, help="Save no results.")
@click.option("--quiet", is_flag=True, help="Print no figures.")
@click.option("--on-end", metavar="COMMAND", help="Run this at the end, with the figures.")
def command(manifest: tuple[str, ...], **given: Any) -> int:
    """Carry out the rows of MANIFEST: JSON Lines, CSV, XLSX or Parquet, or - for standard input.

    The same command again goes on where this one stopped: finished rows cost nothing. Ctrl-C once
    creates nothing more, and awaits and saves what is in flight; twice leaves at once.

    Exits with 0 if all rows completed, 1 if some failed, 2 for bad input, 3 if it stopped early,
    and 4 if nobody knows of some creates whether they made a job.
    """
    folder = RunFolder.at(given["out"] or _folder_of(manifest, given))
    reading = _reading(given)
    try:
        options = _options(given)
    except InvalidInput as error:
        raise BadInput(str(error), {}, "InvalidInput") from None
    checked = None
    if manifest != (STDIN,) or given["check"]:
        checked = _checked(manifest, reading, folder, FileNames(options.name))
    if given["check"]:
        click.echo("\n".join(checked.lines()) if checked else "")
        return 0
    if given["dry_run"]:
        plan = Plan(folder, options).of(read(manifest, reading))
        click.echo("\n".join(lines_of(plan, given["concurrency"])))
        return 0
    check_folder(folder.root)
    try:
        akool = _client(given)
        run = Run(folder, options, planned=checked.operations if checked else None)
    except InvalidInput as error:
        raise BadInput(str(error), {}, "InvalidInput") from None
    except JournalInUse as error:
        who = str(error).partition("; ")[0]
        raise BadInput(f"{folder.root} is in use: {who}", {}, "JournalInUse") from None
    files = () if given["each"] else tuple(each for each in manifest if each != STDIN)
    arguments = {name: str(v) if isinstance(v, Path) else v for name, v in given.items()}
    write_record(folder, {"manifest": manifest, **arguments}, files)
    return asyncio.run(_carry_out(run, read(manifest, reading), akool, given))


async def _carry_out(
    run: Run, rows: Iterator[BatchRow | Fault], akool: Akool, given: dict[str, Any]
) -> int:
    figures = await serve(run, rows, akool, _display(quiet=given["quiet"]))
    code = exit_code(run)
    tell_doubts(run)
    if run.stopped_by:
        click.echo(f"Stopped early: {run.stopped_by}. The same command goes on.", err=True)
    if given["on_end"]:
        await run_command(given["on_end"], run, figures, code)
    return code


def _display(*, quiet: bool) -> Display:
    console = Console(markup=False, emoji=False, highlight=False)
    # Ask the file, not rich: FORCE_COLOR in a build log makes rich assume a terminal.
    if quiet or not console.file.isatty() or console.is_dumb_terminal:
        return JsonLines(quiet=quiet)
    from akool_async.cli.run_view import LiveView  # not for a log

    return LiveView(console)


def _folder_of(manifest: tuple[str, ...], given: dict[str, Any]) -> Path:
    first = manifest[0]
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
    manifest: tuple[str, ...], reading: RowOptions, folder: RunFolder, names: FileNames
) -> Checked:
    """Read all rows once, and print what is wrong with them.

    Raises:
        BadInput: something is.
    """
    try:
        checked = check(
            manifest,
            reading,
            folder=folder if folder.journal.exists() else None,
            name_of=(lambda row: row.key) if names.by_key else None,
        )
    except InvalidInput as error:
        raise BadInput(str(error), {}, "InvalidInput") from None
    if not checked.ok or checked.notices:
        for line in checked.lines():
            click.echo(line, err=True)
    if not checked.ok:
        raise BadInput("the manifest cannot be carried out; nothing was sent", {})
    return checked


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
