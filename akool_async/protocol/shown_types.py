"""The types of fields as they are shown: plain ones, without the rules in their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Struct

from akool_async.protocol.fields import Files, OneEach, extras, inner_of
from akool_async.protocol.filling import meaning_field


def shown_signature(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature of a class of inputs with plain types; what is required comes first."""
    fields = [each.replace(annotation=_annotation(each)) for each in signature.parameters.values()]
    fields.sort(key=lambda each: each.default is not inspect.Parameter.empty)
    return signature.replace(parameters=fields)


def _annotation(parameter: inspect.Parameter) -> Any:
    """Return a parameter's plain type; several values are taken where each becomes a job."""
    shown = accepted(plain(parameter.annotation))
    several = any(isinstance(each, OneEach) for each in extras(parameter.annotation))
    return shown | GenericAlias(Sequence, (shown,)) if several else shown


def plain(hint: Any) -> Any:
    """Return a type without the rules in its annotations."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        takes_files = any(isinstance(each, Files) for each in args[1:])
        return plain(args[0]) | Path if takes_files else plain(args[0])
    if origin in {Union, UnionType}:
        shown = plain(args[0])
        for arg in args[1:]:
            shown |= plain(arg)
        return shown
    return GenericAlias(Sequence, (plain(args[0]),)) if origin is Sequence else hint


def accepted(hint: Any) -> Any:
    """Return a plain type with what is taken in place of nested values."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        shown = accepted(args[0])
        for arg in args[1:]:
            shown |= accepted(arg)
        return shown
    if origin is Sequence:
        item = accepted(args[0])
        several = GenericAlias(Sequence, (item,))
        return item | several if inner_of(args[0]) else several
    return _or_its_text(hint) if _is_input(hint) else hint


def _is_input(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _or_its_text(cls: type[Struct]) -> Any:
    """Return a class, and the text or path that stands for it, if any does."""
    field = meaning_field(cls)
    if field is None:
        return cls
    return cls | str if field.files is None else cls | str | Path
