"""Queries and commands from the command line: send one request, print its reply."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import click

from akool_async import Akool, Endpoint, MissingCredentials
from akool_async.cli.arguments import in_options, request_of
from akool_async.cli.display import fields_of, show_fields, show_json, show_rows
from akool_async.cli.messages import Problem
from akool_async.cli.opening import client
from akool_async.cli.statuses import BAD_INPUT
from akool_async.endpoints import GetToken, Token
from akool_async.endpoints.paging import Page, Paged, Pages
from akool_async.protocol.fields import plan_of


def is_paged(cls: type[Endpoint[Any]]) -> bool:
    """Return whether an endpoint's reply is one page of a longer list."""
    return isinstance(cls.parse, Pages) and "page" in {plan.name for plan in plan_of(cls)}


def call_options(cls: type[Endpoint[Any]]) -> list[click.Option]:
    """Return the options of a call that do not belong to fields."""
    options = [
        click.Option(["as_json", "--json"], is_flag=True, help="Print JSON instead of a table.")
    ]
    if is_paged(cls):
        text = "Print all pages, from the given one to the last."
        options.append(click.Option(["all_pages", "--all"], is_flag=True, help=text))
    if cls is GetToken:
        text = "Print the token itself, which is a secret."
        options.append(click.Option(["--show"], is_flag=True, help=text))
    return options


def call(ctx: click.Context, cls: type[Endpoint[Any]]) -> None:
    """Send the request of the command line, and print the reply."""
    request = request_of(ctx, cls)
    akool = _client_for(request)
    try:
        reply = asyncio.run(_reply(akool, request, all_pages=ctx.params.get("all_pages", False)))
    except (
        MissingCredentials
    ) as error:  # a token needs an id and secret, even if there is an api key
        problem = error.message
    else:
        _show(reply, **ctx.params)
        return
    raise Problem(in_options(cls, problem), {}, "MissingCredentials", BAD_INPUT)


def _client_for(request: Endpoint[Any]) -> Akool:
    """Return a client; for an exchange of an id and secret, those are its credentials."""
    if isinstance(request, GetToken) and request.client_id:
        return client(request.client_id, request.client_secret)
    return client()


async def _reply(akool: Akool, request: Endpoint[Any], *, all_pages: bool) -> Any:
    async with akool:
        if all_pages:
            return tuple([item async for item in Paged(akool.call, request)])
        return await akool.call(request)


def _show(reply: Any, *, as_json: bool, show: bool = False, **_others: Any) -> None:
    if isinstance(reply, Token):
        _show_token(reply, as_json=as_json, show=show)
    elif isinstance(reply, Page | tuple):
        _show_list(cast("Any", reply), as_json=as_json)
    elif as_json:
        show_json(reply)
    elif reply is None:
        click.echo("Done.")
    else:
        show_fields(fields_of(reply))


def _show_token(reply: Token, *, as_json: bool, show: bool) -> None:
    shown = reply.token if show else "***"
    if as_json:
        show_json({"token": shown})
    else:
        click.echo(shown)
    if not show:
        click.echo("--show prints the token itself.", err=True)


def _show_list(reply: Any, *, as_json: bool) -> None:
    """Print the rows of a page, or of all pages."""
    rows = tuple(reply)
    count: int | None = None if type(reply) is tuple else reply.count
    if as_json:
        show_json(rows)
    elif rows:
        show_rows(rows)
    else:
        click.echo("There is none.", err=True)
    if count is not None and count > len(rows):
        click.echo(f"{len(rows)} of {count}; --all prints all.", err=True)
