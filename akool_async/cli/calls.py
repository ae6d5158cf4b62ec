"""Queries and commands from the command line: one request, one reply, printed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import click

from akool_async import Akool, Endpoint
from akool_async.cli.display import fields_of, show_fields, show_json, show_rows
from akool_async.cli.fields import request_of
from akool_async.cli.opening import client
from akool_async.endpoints import GetToken, Token
from akool_async.paging import Page, Paged, Pages
from akool_async.value import plan_of


def is_paged(cls: type[Endpoint[Any]]) -> bool:
    """Say whether an endpoint answers with one page of several."""
    return isinstance(cls.parse, Pages) and "page" in {plan.name for plan in plan_of(cls)}


def call_options(cls: type[Endpoint[Any]]) -> list[click.Option]:
    """Return the options of a call that are no fields."""
    options = [click.Option(["as_json", "--json"], is_flag=True, help="Print JSON, not a table.")]
    if is_paged(cls):
        text = "Go on to the last page, from the one given."
        options.append(click.Option(["all_pages", "--all"], is_flag=True, help=text))
    if cls is GetToken:
        text = "Print the token itself; it is a secret."
        options.append(click.Option(["show"], is_flag=True, help=text))
    return options


def call(ctx: click.Context, cls: type[Endpoint[Any]]) -> None:
    """Send what the command line says, and print the reply."""
    request = request_of(ctx, cls)
    akool = _client_for(request)
    reply = asyncio.run(_reply(akool, request, all_pages=ctx.params.get("all_pages", False)))
    if isinstance(reply, Token):
        _show_token(reply, **ctx.params)
    elif ctx.params["as_json"]:
        show_json(reply.items if isinstance(reply, Page) else reply)
    else:
        _show(reply)


def _client_for(request: Endpoint[Any]) -> Akool:
    """Return a client; an exchange of an id and secret needs no other credentials."""
    if isinstance(request, GetToken) and request.client_id:
        return client(request.client_id, request.client_secret)
    return client()


async def _reply(akool: Akool, request: Endpoint[Any], *, all_pages: bool) -> Any:
    async with akool:
        if all_pages:
            return tuple([item async for item in Paged(akool.call, request)])
        return await akool.call(request)


def _show_token(reply: Token, *, show: bool, as_json: bool, **_others: Any) -> None:
    shown = reply.token if show else "***"
    if as_json:
        show_json({"token": shown})
    else:
        click.echo(shown)
    if not show:
        click.echo("--show prints the token itself.", err=True)


def _show(reply: Any) -> None:
    if reply is None:
        click.echo("Done.")
    elif isinstance(reply, Page | tuple):
        rows = tuple(cast("Sequence[Any]", reply))
        show_rows(rows) if rows else click.echo("There is none.")
        _tell_count(reply, len(rows))
    else:
        show_fields(fields_of(reply))


def _tell_count(reply: Any, shown: int) -> None:
    count = reply.count if isinstance(reply, Page) else None
    if count is not None and count > shown:
        click.echo(f"{shown} of {count}; --all prints all.", err=True)
