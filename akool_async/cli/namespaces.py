"""`akool NAMESPACE VERB`: a command for each endpoint and recipe, made of its class."""

from __future__ import annotations

import inspect
from typing import Any

import click

from akool_async import Akool, Endpoint, Job
from akool_async.cli.calls import call, call_options
from akool_async.cli.fields import dashed, options_of, request_of, told_without_traps
from akool_async.cli.following import aims_of, follow, job_options
from akool_async.cli.tree import NAMESPACES
from akool_async.documentation import summary
from akool_async.endpoint import Operation, Recipe, Startable
from akool_async.endpoints import ENDPOINTS, RECIPES

_WHOLE = click.Option(
    ["--request"],
    metavar="FILE",
    help="Instead of the options above: the whole request as JSON, as Akool's page prints it;"
    " - for standard input.",
)

_TEXTS = "A TEXT or URL may be @FILE, for what a file holds, or - for standard input."


def commands_of(title: str) -> click.Group:
    """Return the commands of a namespace."""
    group = click.Group(title, callback=_help, invoke_without_command=True, help=NAMESPACES[title])
    for name, cls in {**ENDPOINTS, **RECIPES}.items():
        namespace, _, verb = name.partition(".")
        if namespace == title:
            group.add_command(_command(dashed(verb), cls))
    return group


@click.pass_context
def _help(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _command(verb: str, cls: type[Endpoint[Any] | Recipe[Any]]) -> click.Command:
    if issubclass(cls, Operation | Recipe):
        callback, options = _starting(cls), job_options(media=bool(cls.family.result.media_field))
    else:
        callback, options = _calling(cls), call_options(cls)
    return click.Command(
        verb,
        callback=callback,
        params=[*options_of(cls), _WHOLE, *options],
        help=_described(cls),
        short_help=told_without_traps(summary(cls)),
        epilog=f"{_TEXTS} Akool's page: {cls.docs}",
    )


def _described(cls: type[Any]) -> str:
    text, _, _errors = (inspect.getdoc(cls) or "").partition("\n\nRaises:")
    return told_without_traps(text)


def _starting(cls: type[Operation[Any] | Recipe[Any]]) -> Any:
    @click.pass_context
    def callback(ctx: click.Context, **_params: Any) -> int:
        request: Startable[Any] = request_of(ctx, cls)
        aims = aims_of(ctx)

        def start(akool: Akool) -> Job[Any]:
            return akool.submit(request)

        return follow(client(), start, aims)

    return callback


def _calling(cls: type[Endpoint[Any]]) -> Any:
    @click.pass_context
    def callback(ctx: click.Context, **_params: Any) -> None:
        call(ctx, cls)

    return callback
