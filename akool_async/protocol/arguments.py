"""What is wrong with the arguments of a call, in words: which are unknown, missing or too many.

Nothing here runs before a call has failed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Struct

from akool_async.errors import InvalidInput
from akool_async.protocol.words import did_you_mean, joined, nearest

if TYPE_CHECKING:
    import inspect

M = TypeVar("M", bound=Callable[..., Any])


def problem_with(cls: type[Struct], args: Sequence[Any], given: Mapping[str, Any]) -> str:
    """Return why a class cannot be called so, and what it takes; empty if the names are right."""
    import inspect  # not before it is needed

    spelt = {each.name: spelling(cls, each) for each in msgspec.structs.fields(cls)}
    parameters = list(inspect.signature(cls).parameters.values())
    return problem_of(f"{cls.__name__}()", parameters, args, given, spelt)


def problem_of(
    called: str,
    parameters: Sequence[inspect.Parameter],
    args: Sequence[Any],
    given: Mapping[str, Any],
    spelt: Mapping[str, str],
) -> str:
    """Return why something cannot be called so, and what it takes; empty if the names are right.

    Args:
        called: What is called.
        parameters: What it takes.
        args: What was given by position.
        given: What was given by name.
        spelt: The parameters as they are shown, such as with Akool's spelling.
    """
    placed = [each.name for each in parameters if each.kind < each.VAR_POSITIONAL]
    needed = [each.name for each in parameters if each.default is each.empty]
    unknown = {name: meant_by(name, spelt) for name in given if name not in spelt}
    there = {*placed[: len(args)], *given, *unknown.values()}
    missing = [spelt[name] for name in needed if name not in there]
    problems = [
        *_misplaced(placed, args, given),
        *(_unknown(name, spelt.get(meant, "")) for name, meant in unknown.items()),
    ]
    told = bool(problems)
    if missing:
        problems.append(f"misses {joined(missing)}")
    if not problems:
        return ""
    others = [each.name for each in parameters if each.name not in needed]
    takes = _takes(needed, others) if told else ""
    return f"{called} {'; '.join(problems)}{takes}"


def in_words_of(method: str, cls: Any, error: Exception) -> Exception:
    """Return what was raised about the arguments of a class in words about the method.

    Args:
        method: The method's name, as it is called.
        cls: The class that the method builds.
        error: What was raised. An error about something else is returned as it is.
    """
    if isinstance(error, InvalidInput):
        spelt = {each.name: spelling(cls, each) for each in msgspec.structs.fields(cls)}
        return error.told_of(method, spelt.get(error.field, error.field))
    own, text = f"{cls.__name__}() ", str(error)
    return TypeError(f"{method}() {text.removeprefix(own)}") if text.startswith(own) else error


def _misplaced(
    placed: Sequence[str], args: Sequence[Any], given: Mapping[str, Any]
) -> Iterator[str]:
    if len(args) > len(placed):
        most = joined(placed, "or") if placed else "nothing"
        yield f"takes {most} by position, and {len(args)} were given: name the others"
    twice = [name for name in placed[: len(args)] if name in given]
    if twice:
        yield f"got {joined(twice)} twice, by position and by name"


def _unknown(name: str, meant: str) -> str:
    hint = f": it takes {meant}" if meant else ""
    return f"got an unexpected keyword argument {name!r}{hint}"


def _takes(needed: Sequence[str], others: Sequence[str]) -> str:
    """Return a sentence about what is taken."""
    parts = [f"needs {joined(needed)}"] if needed else []
    parts += [f"may get {joined(others)}"] if others else []
    return f". It {', and '.join(parts) or 'takes nothing'}"


def spelling(cls: type[Struct], field: msgspec.structs.FieldInfo) -> str:
    """Return the name of a field, with the vendor's own where that differs."""
    if field.encode_name == field.name:
        return field.name
    vendor = getattr(getattr(cls, "family", None), "vendor", "Akool")
    return f"{field.name} ({vendor}: {field.encode_name})"


def meant_by(name: str, known: Mapping[str, str]) -> str:
    """Return which of some names is meant by another one; empty if none is alike.

    Args:
        name: What was written, in our spelling or the vendor's.
        known: How each name is shown.
    """
    folded = {_folded(each): each for each in known}
    folded |= {_folded(shown.partition(": ")[2]): each for each, shown in known.items()}
    folded.pop("", None)
    return folded.get(nearest(_folded(name), folded), "")


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").rstrip(")").lower()


def unknown_attribute(owner: str, name: str, known: Iterable[str], what: str = "attribute") -> str:
    """Return why something has no attribute of a name, with the nearest one that it has."""
    names = [each for each in known if not each.startswith("_")]
    return f"{owner} has no {what} {name!r}{did_you_mean(name, names)}"


def explains_arguments(method: M) -> M:
    """Let a method say, where its arguments are wrong, which are, and what it takes."""

    @functools.wraps(method)
    def explained(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError:
            import inspect

            _, *parameters = inspect.signature(method).parameters.values()
            names = {each.name: each.name for each in parameters}
            problem = problem_of(f"{method.__name__}()", parameters, args, kwargs, names)
            if not problem:
                raise
        raise TypeError(problem)

    return cast("M", explained)
