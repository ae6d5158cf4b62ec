"""What the site's reference of Python classes needs beyond the source: an extension of griffe.

- A class whose constructor msgspec makes from its fields is shown with that constructor.
- An attribute that the constructor takes has the type that it has there.
- The number of a quirk of Akool's, in a docstring, is a link to what it means, and so is a page.
- A namespace of the client leads to the page of its methods.
- Nothing says that an attribute is one, which its heading says: the search would show it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from griffe import (
    Attribute,
    Class,
    Extension,
    Function,
    Module,
    Object,
    Parameter,
    ParameterKind,
    Parameters,
)

VALUE = "akool_async.protocol.value.Value"
NUMBER = re.compile(r"(`[^`]*`)|\b([TNW]\d{1,2})\b")
PAGE = re.compile(r"\bdocs/(\w+)\.md\b")
LABELS = {"class-attribute", "instance-attribute", "property"}


class Docstrings(Extension):
    """Completes classes, and the texts of all."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Give the classes of values their constructors."""
        for cls in _classes(pkg):
            parents = [each.path for each in cls.mro()]
            if VALUE in parents and "__init__" not in cls.members:
                parameters = Parameters(*_parameters(cls))
                cls.set_member("__init__", Function("__init__", parameters=parameters))
            else:
                _type_attributes(cls)
        for cls in _classes(pkg):
            for member in cls.members.values():
                if not member.is_alias:
                    member.labels.difference_update(LABELS)

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Put links in, if the page of quirks is there."""
        if obj.docstring is not None and Path("pages/quirks.md").exists():
            text = NUMBER.sub(_linked, obj.docstring.value)
            obj.docstring.value = PAGE.sub(r"[\1](../\1.html)", text) + _methods(obj)


def _methods(obj: Object) -> str:
    """Return a link to the methods of a namespace, if it is one of the client's."""
    is_one = isinstance(obj, Attribute) and obj.parent and obj.parent.name == "Namespaces"
    if is_one and Path(f"pages/reference/{obj.name}.md").exists():
        return f" [Its methods](../reference/{obj.name}.html)."
    return ""


def _classes(module: Module) -> Iterator[Class]:
    for member in module.members.values():
        if member.is_alias:
            continue
        if isinstance(member, Class):
            yield member
        elif isinstance(member, Module):
            yield from _classes(member)


def _type_attributes(cls: Class) -> None:
    """Give an attribute without a type that of the constructor's parameter of its name."""
    constructor = cls.members.get("__init__")
    if isinstance(constructor, Function):
        for parameter in constructor.parameters:
            attribute = cls.members.get(parameter.name)
            if isinstance(attribute, Attribute) and attribute.annotation is None:
                attribute.annotation = parameter.annotation


def _parameters(cls: Class) -> Iterator[Parameter]:
    """Yield the parameters of a constructor: the fields, in order, without constants of classes."""
    yield Parameter("self", kind=ParameterKind.positional_or_keyword)
    given_by_name = str(cls.keywords.get("kw_only")) != "False"
    kind = ParameterKind.keyword_only if given_by_name else ParameterKind.positional_or_keyword
    fields: dict[str, Attribute] = {}
    for each in (*reversed(cls.mro()), cls):
        fields |= {name: field for name, field in each.members.items() if _is_field(field)}
    for name, field in fields.items():
        yield Parameter(
            name,
            annotation=field.annotation,
            kind=kind,
            default=None if field.value is None else field.value,
        )


def _is_field(member: object) -> TypeGuard[Attribute]:
    return (
        isinstance(member, Attribute)
        and member.annotation is not None
        and not member.name.startswith("_")
        and "instance-attribute" in member.labels  # else it is a constant of the class
    )


def _linked(found: re.Match[str]) -> str:
    code, number = found.groups()
    return code or f"[{number}](../quirks.html#{number.lower()})"
