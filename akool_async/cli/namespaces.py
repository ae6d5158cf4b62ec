"""`akool NAMESPACE VERB`: a command for each endpoint and recipe, made from its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from akool_async import Akool, Endpoint, Face, Job
from akool_async.cli.arguments import request_of
from akool_async.cli.calls import call, call_options
from akool_async.cli.examples import add_documented_example
from akool_async.cli.fields import dashed, options_of
from akool_async.cli.following import aims_of, follow, job_options
from akool_async.cli.opening import client
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.forms import FACE, form_of
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol.documentation import field_docs, summary, without_traps
from akool_async.protocol.endpoint import Operation, Recipe, Startable
from akool_async.protocol.fields import plan_of
from akool_async.protocol.price import Price

_TEXTS = "As TEXT, URL or JSON, @FILE means the content of a file, and - means standard input."


_BY_HAND: Mapping[str, Mapping[str, str]] = {
    "streaming": {"demo": "streaming_demo", "reap": "streaming_reap"},
}
"""The commands of a namespace that no endpoint makes: the module of each, by its verb. It has
`command` in it, and is imported when the namespace is asked for."""


def commands_of(title: str) -> click.Group:
    """Return the commands of a namespace."""
    about = NAMESPACES[title].summary
    group = click.Group(title, callback=_help, invoke_without_command=True, help=about)
    offered: dict[str, type[Endpoint[Any] | Recipe[Any]]] = {**ENDPOINTS, **RECIPES}
    own = {name: cls for name, cls in offered.items() if name.partition(".")[0] == title}
    for name, cls in own.items():
        command = _command(dashed(name.partition(".")[2]), cls)
        add_documented_example(command, f"akool {title} {command.name}", name)
        group.add_command(command)
    starting = [name for name, cls in own.items() if issubclass(cls, Operation | Recipe)]
    typical = (starting or [*own])[0]
    add_documented_example(group, f"akool {title} {dashed(typical.partition('.')[2])}", typical)
    for verb, module in _BY_HAND.get(title, {}).items():
        group.add_command(import_module(f"akool_async.cli.{module}").command, verb)
    return group


@click.pass_context
def _help(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _command(verb: str, cls: type[Endpoint[Any] | Recipe[Any]]) -> click.Command:
    if issubclass(cls, Operation | Recipe):
        callback, options = _starting(cls), job_options(media=cls.family.media_of(cls) is not None)
    else:
        callback, options = _calling(cls), call_options(cls)
    return click.Command(
        verb,
        callback=callback,
        params=[*options_of(cls), _whole(cls), *options],
        help=_described(cls),
        short_help=without_traps(summary(cls)),
        epilog=_epilog(cls),
    )


def _whole(cls: type[Endpoint[Any] | Recipe[Any]]) -> click.Option:
    printed = "" if issubclass(cls, Recipe) else ", as Akool's page prints it"
    text = f"Read the whole request from FILE, as JSON{printed}; - is standard input."
    return click.Option(["--request"], type=click.Path(), metavar="FILE", help=text)


def _described(cls: type[Any]) -> str:
    text, _, _errors = (inspect.getdoc(cls) or "").partition("\n\nRaises:")
    return without_traps(text)


def _epilog(cls: type[Endpoint[Any] | Recipe[Any]]) -> str:
    forms = [form_of(plan) for plan in plan_of(cls)]
    faces = any(form.metavar == FACE for form in forms)
    opts = without_traps(field_docs(Face)["opts"])
    notes = [_TEXTS] if forms else []
    notes += [f"A face may have OPTS. {opts}"] if faces else []
    price: Price | None = getattr(cls, "price", None)
    notes += [f"Documented price: {price.says}. What is charged may differ."] if price else []
    # After \b click does not wrap lines: a wrapped address cannot be clicked.
    return "\n\n".join([*notes, f"\b\nAkool's page: {cls.docs}"])


def _starting(cls: type[Operation[Any] | Recipe[Any]]) -> Any:
    @click.pass_context
    def callback(ctx: click.Context, /, **_params: Any) -> int:
        request: Startable[Any] = request_of(ctx, cls)
        akool = client()
        _tell_price(request)

        def start(akool: Akool) -> Job[Any]:
            return akool.submit(request)

        return follow(akool, start, aims_of(ctx))

    return callback


def _tell_price(request: Startable[Any]) -> None:
    """Say what a request costs by Akool's documentation, if that says, before it is sent."""
    cost = request.estimate()
    if cost is not None and request.price is not None:
        observed = request.price.observed
        paid = f"accounts paid {observed}" if observed else "what is charged may differ"
        click.echo(f"{cost:g} credits by Akool's documentation; {paid}", err=True)


def _calling(cls: type[Endpoint[Any]]) -> Any:
    @click.pass_context
    def callback(ctx: click.Context, /, **_params: Any) -> None:
        call(ctx, cls)

    return callback
