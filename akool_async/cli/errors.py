"""`akool errors`: the meanings of Akool's codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

import click
from click.shell_completion import CompletionItem
from rich import box
from rich.console import Console
from rich.table import Table

from akool_async.errors import CODES, PAGE_CODES, CodeMeaning
from akool_async.protocol.documentation import summary

_KNOWN: Final[Mapping[int, CodeMeaning]] = {
    **dict(chain.from_iterable(meanings.items() for meanings in PAGE_CODES.values())),
    **CODES,
}
"""The general meaning of each code; where only single pages list a code, what they say."""


def _complete(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [
        CompletionItem(str(code), help=meaning.sentence)
        for code, meaning in sorted(_KNOWN.items())
        if str(code).startswith(incomplete)
    ]


@click.command("errors")
@click.argument("code", type=int, required=False, shell_complete=_complete)
def command(code: int | None) -> None:
    """Explain Akool's error codes.

    With CODE: explain this code. That is its general meaning, the class of its error, and
    each page of an endpoint that gives the code another meaning. Without CODE: list all codes.
    """
    if code is None:
        _list()
    elif code not in _KNOWN:
        raise click.ClickException(f"{code} is none of Akool's documented error codes")
    else:
        _explain(code)


def _explain(code: int) -> None:
    general = _KNOWN[code]
    click.echo(f"{code}  {general.sentence}")
    click.echo(f"{general.error.__name__}: {summary(general.error)}")
    click.echo(f"What to do: {general.advice_on(code)}")
    for page, meaning in _on_pages(code):
        click.echo(f"\n{page}\n  {meaning.sentence}")
        if meaning.error is not general.error:
            click.echo(f"  {meaning.error.__name__}: {summary(meaning.error)}")


def _on_pages(code: int) -> Iterator[tuple[str, CodeMeaning]]:
    """Yield the pages, with their meanings, that differ from the table of all codes."""
    for page, meanings in PAGE_CODES.items():
        if code in meanings and (code not in CODES or meanings[code] != CODES[code]):
            yield page, meanings[code]


def _list() -> None:
    table = Table("code", "error", "meaning", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for code, meaning in sorted(_KNOWN.items()):
        table.add_row(str(code), meaning.error.__name__, meaning.sentence)
    Console(markup=False, emoji=False, highlight=False).print(table)
    click.echo("\n`akool errors CODE` explains one code.")
