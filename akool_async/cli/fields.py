"""From a field of a request to an option of a command, and back to the field's value.

Name, type, help, default and rules are those of the field's class; nothing is spelled here.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import click
import msgspec
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from akool_async.cli.sources import Unreadable, json_of, picture_of, text_of
from akool_async.documentation import field_docs
from akool_async.endpoints import Face
from akool_async.errors import InvalidInput
from akool_async.value import FieldPlan, Input, Url, plan_of

_PICTURES = frozenset({"img"})
"""Fields that hold a picture itself."""

_TRAP = re.compile(r"\s*\(T\d+[^)]*\)")
"""How texts under fields cite the traps of Akool's pages."""

_MARKED = re.compile(r"(?P<path>.+)@(?P<opts>[-0-9.]+,[-0-9.,:]+)", re.DOTALL)
"""A face's address with its landmarks; other `@` belong to the address."""

_KINDS = {"`int`": "a whole number", "`float`": "a number", "`str`": "text", "`null`": "nothing"}
"""What rules call a type, and what a person does."""


class Form(NamedTuple):
    """How a field's value is written as an argument."""

    metavar: str
    read: Callable[[str], Any]
    """Read one argument, into a list where the option may be repeated."""
    repeated: bool = False
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Other ways to write the choices."""
    flag: bool = False
    """Whether it is a pair of options without arguments."""


def told_without_traps(text: str) -> str:
    """Return a documentation text without its citations."""
    return _TRAP.sub("", text)


def dashed(name: str) -> str:
    """Return the option of a field, or the command of a verb, without leading dashes."""
    return name.rstrip("_").replace("_", "-")


def options_of(cls: type[Input]) -> list[click.Option]:
    """Return the options of a request's fields, those that are required first."""
    plans = sorted(plan_of(cls), key=lambda plan: not plan.required)
    return [_option(cls, plan) for plan in plans]


def _option(cls: type[Input], plan: FieldPlan) -> click.Option:
    name, form, help = dashed(plan.name), _form(plan), _help(cls, plan)
    if form.flag:
        return click.Option([plan.name, f"--{name}/--no-{name}"], default=None, help=help)
    return click.Option(
        [plan.name, f"--{name}"],
        metavar=form.metavar,
        multiple=form.repeated,
        help=help,
        shell_complete=partial(_complete, form.choices),
    )


def _complete(
    choices: tuple[str, ...], _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [CompletionItem(choice) for choice in choices if choice.startswith(incomplete)]


def _help(cls: type[Input], plan: FieldPlan) -> str:
    form = _form(plan)
    notes = [
        *(["required"] if plan.required else []),
        *(["repeatable"] if form.repeated else []),
        *_default(cls, plan),
    ]
    text = told_without_traps(field_docs(cls).get(plan.name, ""))
    text += f" By name: {', '.join(form.names)}." if form.names else ""
    return f"{text}  [{'; '.join(notes)}]" if notes else text


def _default(cls: type[Input], plan: FieldPlan) -> list[str]:
    for field in msgspec.structs.fields(cls):
        if field.name == plan.name and field.default not in (None, msgspec.NODEFAULT, False):
            shown = getattr(field.default, "value", field.default)
            return [f"default: {dashed(plan.name) if shown is True else shown}"]
    return []


@cache
def _form(plan: FieldPlan) -> Form:
    """Tell from a field's type how its value is written."""
    bare = _bare(plan.type)
    if plan.name in _PICTURES:
        return Form("FILE", picture_of)
    if bare is bool:
        return Form("", bool, flag=True)
    if get_origin(bare) is tuple:
        return _repeated(plan, _bare(get_args(bare)[0]))
    if chosen := _choices(bare):
        return chosen
    if bare is str:
        return Form("URL" if get_args(Url)[1] in plan.rules else "TEXT", text_of)
    if bare in {int, float}:
        return Form("INTEGER" if bare is int else "NUMBER", partial(_number, bare))
    return Form("JSON", json_of)


def _repeated(plan: FieldPlan, item: Any) -> Form:
    if item is Face:
        return Form("URL[@OPTS]", _faces, repeated=True)
    if item is str:
        return Form("TEXT", partial(_texts, split=plan.coding is not None), repeated=True)
    return Form("JSON", lambda argument: _listed(json_of(argument)), repeated=True)


def _choices(bare: Any) -> Form | None:
    """Return the form of a field that takes one of few values."""
    names: Mapping[str, Any] = {}
    values: list[Any] = []
    if get_origin(bare) is Literal:
        values = list(get_args(bare))
    elif isinstance(bare, type) and issubclass(bare, Enum):
        values = [member.value for member in bare]
        names = {dashed(member.name.lower()): member.value for member in bare}
    if not values:
        return None
    known = {str(value): value for value in values}
    own = tuple(name for name in names if name not in {text.lower() for text in known})
    spellings = {text.lower(): value for text, value in {**names, **known}.items()}
    read = partial(_chosen, tuple(known), spellings)
    return Form(f"[{'|'.join(known)}]", read, choices=(*known, *own), names=own)


def _chosen(known: tuple[str, ...], spellings: Mapping[str, Any], argument: str) -> Any:
    spelling = argument.lower()
    for each in (spelling, dashed(spelling)):
        if each in spellings:
            return spellings[each]
    raise Unreadable(f"must be one of {', '.join(known)}")


def _number(kind: type[int | float], argument: str) -> Any:
    """Return a number; what is none goes to the field, which says what it must be."""
    text = text_of(argument)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text


def _texts(argument: str, *, split: bool) -> list[str]:
    text = text_of(argument)
    return [part for part in re.split(r"[\s,]+", text) if part] if split else [text]


def _faces(argument: str) -> list[Any]:
    """Read `URL`, `URL@opts`, or JSON, which files hold."""
    if argument == "-" or argument.lstrip()[:1] in {"@", "{", "["}:
        return _listed(json_of(argument))
    marked = _MARKED.fullmatch(argument)
    return [marked.groupdict()] if marked else [{"path": argument}]


def _listed(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _bare(hint: Any) -> Any:
    """Return a type without its annotations and without `None`."""
    if get_origin(hint) is Annotated:
        return _bare(hint.__origin__)
    if get_origin(hint) in {Union, types.UnionType}:
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        return _bare(arms[0]) if len(arms) == 1 else hint
    return hint


def given(ctx: click.Context, cls: type[Input]) -> dict[str, Any]:
    """Return the values of the fields that the command line gives.

    Raises:
        click.BadParameter: an argument cannot be read.
    """
    return {
        plan.name: _read(ctx, plan)
        for plan in plan_of(cls)
        if ctx.get_parameter_source(plan.name) is ParameterSource.COMMANDLINE
    }


def _read(ctx: click.Context, plan: FieldPlan) -> Any:
    argument, form = ctx.params[plan.name], _form(plan)
    try:
        if form.repeated:
            return [*chain.from_iterable(map(form.read, argument))]
        return form.read(argument)
    except Unreadable as error:
        problem = str(error)
    raise click.BadParameter(problem, ctx, _parameter(ctx, plan.name))


def _parameter(ctx: click.Context, name: str) -> click.Parameter | None:
    return next((each for each in ctx.command.params if each.name == name), None)


def request_of(ctx: click.Context, cls: type[Input]) -> Any:
    """Return the request that the command line gives: by options, or as a whole.

    Raises:
        click.UsageError: it breaks a rule; the message names the option and the rule.
    """
    values = given(ctx, cls)
    if (whole := ctx.params["request"]) is not None:
        return _from_document(ctx, cls, whole, values)
    for plan in plan_of(cls):
        if plan.required and plan.name not in values:
            raise click.MissingParameter(ctx=ctx, param=_parameter(ctx, plan.name))
    try:
        return cls(**values)
    except InvalidInput as error:
        head, rest = _split(error.field)
        problem = f"{rest} {_in_options(cls, error.rule)}".strip()
    raise click.BadParameter(problem, ctx, _parameter(ctx, head))


def _from_document(
    ctx: click.Context, cls: type[Input], source: str, values: Mapping[str, Any]
) -> Any:
    """Build a request from its wire form, as Akool's pages print it."""
    if values:
        extra = ", ".join(f"--{dashed(name)}" for name in values)
        raise click.UsageError(f"--request is the whole request: leave out {extra}", ctx)
    try:
        document = json_of(source if source == "-" else f"@{source.removeprefix('@')}")
        if not isinstance(document, dict):
            raise Unreadable("must hold a JSON object")
        return cls.from_wire(document)
    except Unreadable as error:
        problem = str(error)
    except InvalidInput as error:
        wire_names = {plan.name: plan.wire_name for plan in plan_of(cls)}
        head, rest = _split(error.field)
        problem = f"{wire_names.get(head, head)}{rest} {_in_words(error.rule)}"
    raise click.BadParameter(problem, ctx, _parameter(ctx, "request"))


def _split(field: str) -> tuple[str, str]:
    """Split a field's name from the way into its value."""
    head, *rest = re.split(r"(?=[.\[])", field, maxsplit=1)
    return head, "".join(rest)


def _in_options(cls: type[Input], rule: str) -> str:
    """Return a rule that speaks of fields as one that speaks of options."""
    rule = _in_words(rule)
    for name in sorted((plan.name for plan in plan_of(cls)), key=len, reverse=True):
        if "_" in name.rstrip("_"):  # a single word may be just that
            rule = re.sub(rf"(?<![-\w]){name}\b(=(?=\W))?", f"--{dashed(name)}", rule)
    return rule


def _in_words(rule: str) -> str:
    for kind, words in _KINDS.items():
        rule = rule.replace(kind, words)
    return rule
