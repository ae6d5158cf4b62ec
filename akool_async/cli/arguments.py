"""Requests from the command line: each field from an option, or all from a JSON document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain
from typing import Any, cast

import click
from click.core import ParameterSource

from akool_async.cli.fields import dashed
from akool_async.cli.sources import json_of, picture_of, text_of
from akool_async.endpoints.forms import FILE, PICTURE, Form, Unreadable, form_of, in_words
from akool_async.errors import InvalidInput
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.files import holds_files, with_paths
from akool_async.protocol.value import Input
from akool_async.uploads import check_files


def given(ctx: click.Context, cls: type[Input]) -> dict[str, Any]:
    """Return the values of the fields whose options were given.

    Raises:
        click.BadParameter: an argument cannot be read.
    """
    return {
        plan.name: _read(ctx, plan)
        for plan in plan_of(cls)
        if ctx.get_parameter_source(plan.name) is ParameterSource.COMMANDLINE
    }


def _read(ctx: click.Context, plan: FieldPlan) -> Any:
    argument, form = ctx.params[plan.name], form_of(plan)
    try:
        if form.repeated:
            return [*chain.from_iterable(_value(form, each) for each in argument)]
        if plan.one_each is not None:
            several = [_value(form, each) for each in argument]
            return several[0] if len(several) == 1 else several
        return argument if form.flag else _value(form, argument)
    except Unreadable as error:
        problem = str(error)
    raise click.BadParameter(problem, ctx, _parameter(ctx, plan.name))


def _value(form: Form, argument: str) -> Any:
    """Read an argument: its own text, or that of a file or of standard input."""
    if form.metavar == FILE:
        return _picture(argument)
    return form.read(argument if form.choices else text_of(argument))


def _picture(argument: str) -> str:
    """Return a picture as text, from a file or an argument in base64.

    Any other argument is taken for the name of a file that does not exist.
    """
    text = picture_of(argument)
    if not PICTURE.holds(text):
        raise Unreadable(f"{argument[:60]!r} is no file, and {PICTURE.text}")
    return text


def _parameter(ctx: click.Context, name: str) -> click.Parameter | None:
    return next((each for each in ctx.command.params if each.name == name), None)


def request_of(ctx: click.Context, cls: type[Input]) -> Any:
    """Build the request from the options, or from the document of `--request`.

    Raises:
        click.UsageError: the request breaks a rule; the message names the option and the rule.
    """
    values = given(ctx, cls)
    if (whole := ctx.params["request"]) is not None:
        return _from_document(ctx, cls, whole, values)
    for plan in plan_of(cls):
        if plan.required and plan.name not in values:
            raise click.MissingParameter(ctx=ctx, param=_parameter(ctx, plan.name))
    try:
        request = cls(**with_paths(cls, values))
        if holds_files(request):
            check_files(request)
    except InvalidInput as error:
        head, rest = _split(error.field)
        problem = f"{rest} {in_options(cls, error.rule)}".strip()
    else:
        return request
    raise click.BadParameter(problem, ctx, _parameter(ctx, head))


def _from_document(
    ctx: click.Context, cls: type[Input], source: str, values: Mapping[str, Any]
) -> Any:
    """Build a request from a JSON document in the format of Akool's pages."""
    if values:
        extra = ", ".join(f"--{dashed(name)}" for name in values)
        raise click.UsageError(f"--request is the whole request: leave out {extra}", ctx)
    try:
        document: Any = json_of(source if source == "-" else f"@{source.removeprefix('@')}")
        if isinstance(document, dict):
            request = cls.from_wire(with_paths(cls, cast("dict[str, Any]", document)))
            if holds_files(request):
                check_files(request)
            return request
        problem = "must hold a JSON object"
    except Unreadable as error:
        problem = str(error)
    except InvalidInput as error:
        wire_names = {plan.name: plan.wire_name for plan in plan_of(cls)}
        head, rest = _split(error.field)
        problem = f"{wire_names.get(head, head)}{rest} {in_words(error.rule)}"
    raise click.BadParameter(problem, ctx, _parameter(ctx, "request"))


def _split(field: str) -> tuple[str, str]:
    """Split the path of a field into the field's name and the rest."""
    head, *rest = re.split(r"(?=[.\[])", field, maxsplit=1)
    return head, "".join(rest)


def in_options(cls: type[Input], rule: str) -> str:
    """Return a rule with the names of options instead of fields."""
    rule = in_words(rule)
    for name in sorted((plan.name for plan in plan_of(cls)), key=len, reverse=True):
        if "_" in name.rstrip("_"):  # a single word may be an ordinary word of the rule
            rule = re.sub(rf"(?<![-\w]){name}\b(=(?=\W))?", f"--{dashed(name)}", rule)
    return rule
