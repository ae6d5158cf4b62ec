"""`akool journal`: lists a journal's rows, and records decisions about unknown outcomes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import anyio
import click
import msgspec
from msgspec.structs import replace

from akool_async import Akool, NotSearchable, UncertainMatch
from akool_async.cli.display import fields_of, show_fields, show_json, show_rows
from akool_async.cli.opening import client
from akool_async.client.restoring import in_doubt, is_step, reference_of, request_of
from akool_async.journal import UNDECIDED, UNFINISHED, Entry, Journal, State
from akool_async.protocol.token import is_id, write
from akool_async.protocol.value import Value
from akool_async.protocol.words import counted

_DAY = 24 * 3600.0


@click.group("journal")
def command() -> None:
    """Look into a journal; decide about creates of unknown outcome.

    The journal is the file that `Akool(journal=...)` was given. It can be listed at any time. To
    find, to decide, or to compact it, first stop the program that uses it.
    """


def _file(function: Any) -> Any:
    return click.option(
        "--file",
        "path",
        envvar="AKOOL_JOURNAL",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The journal; else AKOOL_JOURNAL.",
    )(function)


@command.command("list")
@_file
@click.option(
    "--state", type=click.Choice([each.value for each in State]), help="Only rows in this state."
)
@click.option(
    "--unfinished",
    is_flag=True,
    help="Only rows of jobs that Akool may have, and that did not end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(path: Path, state: str | None, *, unfinished: bool, as_json: bool) -> None:
    """List the jobs of a journal, also while a program uses it."""
    with Journal.reader(path) as journal:
        states = UNFINISHED if unfinished else [State(state)] if state else []
        rows = [_row(entry) for entry in journal.entries(*states)]
    if as_json:
        show_json(rows)
    elif rows:
        show_rows(rows)
    unknown = sum(row.state in UNDECIDED for row in rows)
    if unknown and not as_json:
        click.echo(
            f"\n{unknown} may have been created: `akool journal find` looks for them at Akool, and"
            " `akool journal resolve` decides.",
            err=True,
        )


@command.command("resolve")
@click.argument("rows", nargs=-1, metavar="ROW...")
@_file
@click.option(
    "--from",
    "list_",
    type=click.File(encoding="utf-8"),
    metavar="KEYS",
    help="Also what is still in doubt of KEYS: a run's errors.jsonl, or one key a line; - for"
    " stdin.",
)
@click.option("--accept", metavar="ID", help="It was created, and this is its id.")
@click.option("--job-id", metavar="ID", help="With --accept: the id that cancelling takes.")
@click.option("--resend", is_flag=True, help="It was not created: its key may be sent again.")
@click.option("--abandon", is_flag=True, help="Give the job up.")
def resolve(
    rows: tuple[str, ...],
    path: Path,
    list_: TextIO | None,
    accept: str | None,
    job_id: str | None,
    *,
    resend: bool,
    abandon: bool,
) -> None:
    """Decide what became of each ROW: its key, the key of its recipe, or #N for row number N.

    Look at the account first: --resend pays again for what was created after all.
    """
    if (accept is not None) + resend + abandon != 1:
        raise click.UsageError("exactly one of --accept, --resend and --abandon must be given")
    for option, value in (("--accept", accept), ("--job-id", job_id)):
        if value is not None and not is_id(value):
            raise click.BadParameter("is no id", param_hint=option)
    if not rows and list_ is None:
        raise click.UsageError("no ROW was given, and no --from")
    if accept is not None and (len(rows) != 1 or list_ is not None):
        raise click.UsageError("--accept takes one ROW: each job has an id of its own")
    with _opened(path) as journal:
        numbers = [_number_of(journal, row) for row in dict.fromkeys(rows)]
        keys = iter(()) if list_ is None else _keys_in(list_)
        listed = [_in_doubt(journal, key) for key in keys]
        decided = [
            journal.resolve(each, accept=accept, job_id=job_id, resend=resend, abandon=abandon)
            for each in dict.fromkeys([*numbers, *chain(*listed)])
        ]
    if len(rows) == 1 and list_ is None:
        show_fields(fields_of(_row(decided[0])))
        return
    what = "may be sent again" if resend else "given up"
    others = listed.count([])
    beside = f"; {counted(others, 'key')} of the list not in doubt" if others else ""
    click.echo(f"{counted(len(decided), 'create')} {what}{beside}")


def _number_of(journal: Journal, row: str) -> int:
    """Return the number of the row that is in doubt under a key, or under that of a recipe.

    Raises:
        ClickException: there is none; nothing has been decided about any other row, either.
    """
    number = row.removeprefix("#")
    if row.startswith("#") and number.isdecimal():
        found = [journal.get(int(number))]
    else:
        found = [journal.find(row)]
        if found == [None]:
            found = _steps(journal, row)
    known = [each for each in found if each is not None]
    if not known:
        raise click.ClickException(f"the journal has no row {row!r}; nothing was decided")
    for entry in known:
        if entry.state in UNDECIDED:
            return entry.number
    state = known[-1].state
    raise click.ClickException(f"row {row!r} is {state}, and not in doubt; nothing was decided")


def _steps(journal: Journal, key: str) -> list[Entry | None]:
    """Return the rows of a recipe: each of its paid steps has one, and it has none itself."""
    found: list[Entry | None] = []
    while (entry := journal.find(f"{key}/{len(found) + 1}")) is not None and is_step(entry):
        found.append(entry)
    return found


def _in_doubt(journal: Journal, key: str) -> list[int]:
    """Return the numbers of a key's rows about which nobody has decided."""
    entries = [journal.find(key), *_steps(journal, key)]
    return [each.number for each in entries if each is not None and each.state in UNDECIDED]


def _keys_in(lines: TextIO) -> Iterator[str]:
    """Yield the keys in doubt in a run's file of outcomes, or those of a plain list.

    Raises:
        ClickException: a line is neither.
    """
    from akool_async.batch.outcomes.endings import decoder  # not before it is needed

    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.startswith("{"):
            yield from [text] if text else []
            continue
        try:
            outcome = decoder.decode(text)
        except msgspec.MsgspecError as error:
            raise click.ClickException(f"{lines.name}, line {number}: {error}") from None
        if outcome.status in UNDECIDED:
            yield outcome.key


@command.command("find")
@click.argument("rows", nargs=-1, metavar="[ROW]...")
@_file
@click.option(
    "--within",
    type=click.FloatRange(min=0, min_open=True),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How far the clocks of Akool and of this machine may differ.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find(rows: tuple[str, ...], path: Path, within: float, *, as_json: bool) -> None:
    """Look at Akool for the jobs of creates in doubt: of each ROW, or of all.

    A job that is found is written down as its row's: `akool run`, or the program, goes on with
    it. Nothing is sent again. A create that is not listed stays in doubt: some lists show a job
    only after a while. `akool journal resolve` decides about it.
    """
    with _opened(path) as journal:
        numbers = [_number_of(journal, row) for row in dict.fromkeys(rows)]
        doubtful = [each for each in map(journal.get, numbers) if each is not None]
        if not rows:
            doubtful = list(journal.entries(*UNDECIDED))
        searched: list[Searched] = []
        try:
            asyncio.run(_find_all(client(journal=journal), doubtful, within, searched))
        finally:  # what was found before an error is found
            if as_json:
                show_json(searched)
            elif searched:
                show_rows(searched)
    found = sum(each.found == "yes" for each in searched)
    left = counted(len(searched) - found, "create")
    click.echo(f"{counted(found, 'job')} found; {left} still in doubt", err=True)


class Searched(Value):
    """The columns that are shown of a row that was looked for."""

    row: str
    key: str | None
    operation: str
    found: str
    """`yes`, `no`, `perhaps` where several jobs may be it, or `cannot be searched`."""
    id: str | None = None
    token: str | None = None
    candidates: tuple[str, ...] = ()
    """The tokens of the jobs that may be it."""
    reason: str = ""


async def _find_all(
    akool: Akool, entries: list[Entry], within: float, searched: list[Searched]
) -> None:
    async with akool:
        for entry in entries:
            searched.append(await _searched(akool, entry, within))  # noqa: PERF401 - one by one, in case of an error


async def _searched(akool: Akool, entry: Entry, within: float) -> Searched:
    known = Searched(row=f"#{entry.number}", key=entry.key, operation=entry.name, found="no")
    operation = akool.operations.get(entry.name)
    request = None if operation is None else request_of(entry, operation)
    try:
        job = await akool.find(in_doubt(entry, request), within=within)
    except NotSearchable as error:
        return replace(known, found="cannot be searched", reason=str(error))
    except UncertainMatch as error:
        return replace(known, found="perhaps", candidates=error.candidates, reason=str(error))
    if job is None:
        return known
    job.add_done_callback(lambda _job: None)  # else the log complains that nobody awaits it
    return replace(known, found="yes", id=job.id, token=job.token)


@command.command("compact")
@_file
@click.option("--days", type=click.FloatRange(min=0), default=30.0, show_default=True)
def compact(path: Path, days: float) -> None:
    """Empty the requests and results of jobs that ended more than DAYS days ago.

    A row still says that its key was used, for which request, and how the job ended.
    """
    with _opened(path) as journal:
        count = anyio.run(journal.compact, time.time() - days * _DAY)
    click.echo(f"{counted(count, 'row')} emptied")


@contextmanager
def _opened(path: Path) -> Generator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close_now()


class Row(Value):
    """The columns that are shown of an entry."""

    row: str
    key: str | None
    operation: str
    state: str
    attempt: int
    changed: datetime
    id: str | None
    saved: str | None
    reason: str
    token: str | None


def _row(entry: Entry) -> Row:
    reference = reference_of(entry)
    return Row(
        row=f"#{entry.number}",
        key=entry.key,
        operation=entry.name,
        state=entry.state.value,
        attempt=entry.attempt,
        changed=datetime.fromtimestamp(entry.updated_at, UTC).replace(microsecond=0),
        id=entry.id,
        saved=entry.saved,
        reason=entry.reason,
        token=None if reference is None else write(reference),
    )
