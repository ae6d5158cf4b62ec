"""Options of commands, made from the fields of requests.

Name, help and default come from the class of the request; none of them is repeated here.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from akool_async.endpoints.forms import ADDRESS, FACE, FILE, Form, form_of
from akool_async.protocol.documentation import field_docs, without_traps
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.protocol.value import Input

_SAME_SHAPE = re.compile(r"; (?:a dict|dicts) of the same shape (?:is|are) taken too")
"""What the text under a field says to those who write Python."""

_KEPT_ASIDE = (
    " It may hold a secret: give it as @FILE, or as - for standard input, so that it gets neither"
    " into the shell's history nor into the list of processes."
)


def dashed(name: str) -> str:
    """Return the name of a field's option, or of a verb's command, without leading dashes."""
    return name.rstrip("_").replace("_", "-")


def options_of(cls: type[Input]) -> list[click.Option]:
    """Return the options of a request's fields, required ones first."""
    plans = sorted(plan_of(cls), key=lambda plan: not plan.required)
    return [_option(cls, plan) for plan in plans]


def _option(cls: type[Input], plan: FieldPlan) -> click.Option:
    name, form, text = dashed(plan.name), form_of(plan), _help(cls, plan)
    if form.flag:
        return click.Option([plan.name, f"--{name}/--no-{name}"], default=None, help=text)
    return click.Option(
        [plan.name, f"--{name}"],
        metavar=form.metavar,
        multiple=form.repeated or plan.one_each is not None,  # else the last one counted alone
        help=text,
        shell_complete=partial(_complete, form),
    )


def _complete(
    form: Form, _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    if form.metavar in {ADDRESS, FACE, FILE}:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(choice) for choice in form.choices if choice.startswith(incomplete)]


def _help(cls: type[Input], plan: FieldPlan) -> str:
    form = form_of(plan)
    notes = [
        *(["required"] if plan.required else []),
        *(["repeatable"] if form.repeated else []),
        *_default(cls, plan),
    ]
    text = without_traps(field_docs(cls).get(plan.name, ""))
    text += f" {plan.deprecated.note}" if plan.deprecated is not None else ""
    text = _SAME_SHAPE.sub("", text) + _keys(form)
    text += f" By name: {', '.join(form.names)}." if form.names else ""
    text += _KEPT_ASIDE if plan.hides else ""
    return f"{text}  [{'; '.join(notes)}]" if notes else text


def _keys(form: Form) -> str:
    """Say which names a JSON object has; nothing for other forms."""
    if not form.keys:
        return ""
    marked = "; those with * are required" if any(key.endswith("*") for key in form.keys) else ""
    return f" As JSON, with {', '.join(form.keys)}{marked}."


def _default(cls: type[Input], plan: FieldPlan) -> list[str]:
    default = _defaults_of(cls)[plan.name]
    if default in (None, msgspec.NODEFAULT, False, ()):
        return []
    shown = getattr(default, "value", default)
    return [f"default: {dashed(plan.name) if shown is True else shown}"]


@cache  # msgspec compiles the annotations of all fields at each call
def _defaults_of(cls: type[Input]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(cls)}
