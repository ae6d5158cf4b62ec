"""What `help()` shows of a method: its parameters, what it returns and raises, and Akool's page.

The texts are those under the fields of its class. They are read from the source when somebody asks
for them, and not before: most programs never do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Final, Self, TypeAlias, get_args, get_origin

from akool_async.protocol.endpoint import Endpoint, Recipe

Make: TypeAlias = Callable[[], str]


class LaterText(str):
    """A docstring of which the first part is there, and the whole is made when it is looked at.

    `help()` and its like take a docstring for a text and call its methods: each answers for the
    whole.

    Args:
        short: The first part: what the class says.
        make: Makes the whole text.
    """

    __slots__ = ("_make",)
    _make: Make

    def __new__(cls, short: str, make: Make) -> Self:
        """Make the text."""
        text = super().__new__(cls, short)
        text._make = cache(make)
        return text

    @property
    def short(self) -> str:
        """The first part."""
        return str.__str__(self)

    def __str__(self) -> str:
        return self._make()

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (self._make(),)


def _of_whole(name: str) -> Callable[..., Any]:
    def method(self: LaterText, *args: Any, **kwargs: Any) -> Any:
        wholes = [str(each) if isinstance(each, LaterText) else each for each in args]
        return getattr(str(self), name)(*wholes, **kwargs)

    method.__name__ = name
    return method


_METHODS: Final = (
    *("__len__", "__iter__", "__getitem__", "__contains__", "__eq__", "__ne__", "__hash__"),
    *("__repr__", "__add__", "__mod__", "__format__"),
    *(each for each in dir(str) if not each.startswith("_")),
)
"""What others call of a text: all of it answers for the whole."""


def _answer_for_the_whole() -> None:
    for name in _METHODS:
        setattr(LaterText, name, _of_whole(name))


_answer_for_the_whole()

_OF_ANY: Final[Mapping[str, str]] = {
    "InvalidInput": "an argument breaks a rule; nothing was sent.",
    "APIError": "Akool refused it; `error.advice` says what to do.",
    "TransportError": "no usable answer came.",
}
_NO_LOOP: Final = "no event loop runs here, or "
_OF_A_JOB: Final[Mapping[str, str]] = {
    "InvalidInput": "an argument breaks a rule; raised at once, and nothing was sent.",
    "RuntimeError": f"{_NO_LOOP}the client is closed; raised at once.",
    "APIError": "Akool refused it, and nothing was started; `error.advice` says what to do.",
    "CreateOutcomeUnknown": "nobody knows whether it was started; `akool.find(error)` looks.",
    "JobFailed": "Akool could not make it.",
    "JobTimeout": "it did not end within `job_timeout`; it goes on at Akool.",
    "TransportError": "no connection was made, or no usable answer came.",
}


def reply_of(cls: type[Any]) -> Any:
    """Return the type of reply that an endpoint's class names as its type parameter."""
    for each in cls.__mro__:
        for base in each.__dict__.get("__orig_bases__", ()):
            if issubclass(get_origin(base) or base, Endpoint):
                return get_args(base)[0]
    raise TypeError(f"{cls.__name__} does not say what it returns")


def result_of(cls: Any) -> Any:
    """Return the type of result of an operation or a recipe, or of the reply of a call."""
    return cls.family.result if starts_job(cls) else reply_of(cls)


def starts_job(cls: Any) -> bool:
    """Say whether a class is an operation or a recipe."""
    return issubclass(cls, Recipe) or bool(getattr(cls, "starts_job", False))


def doc_of(cls: Any, returned: Callable[[], Any], *, blocking: bool = False) -> LaterText:
    """Return the docstring of the method that builds a class.

    Args:
        cls: The class of the request.
        returned: Returns the type of what the method returns.
        blocking: Whether it is a method of the client for programs without an event loop.
    """
    make = partial(_whole, cls, returned, blocking=blocking)
    return LaterText(cls.__doc__ or "", make)


def _whole(cls: Any, returned: Callable[[], Any], *, blocking: bool) -> str:
    import inspect

    from akool_async.protocol.documentation import without_traps

    about, _, own = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("\n\nRaises:\n")
    how = _BLOCKING_HOW if blocking else _HOW
    parts = [about, *_arguments(cls), f"Returns:\n    {_named(returned())}{how[_kind(cls)]}"]
    parts.append("\n".join(_raises(cls, own, blocking=blocking)))
    if cls.docs:
        parts.append(f"Akool's page: {cls.docs}")
    return without_traps("\n\n".join(parts))


_HOW: Final[Mapping[str, str]] = {
    "job": ": a job, at once; `await` gives its result, or raises its error.",
    "list": ": `await` gives one page, `async for` all items.",
    "call": ": `await` gives it.",
}
_BLOCKING_HOW: Final[Mapping[str, str]] = {
    "job": ": a job, at once; `result()` waits for its result, or raises its error.",
    "list": ": iterate over it for all items; `.page()` gives one page.",
    "call": "",
}


def _kind(cls: Any) -> str:
    if starts_job(cls):
        return "job"
    return "list" if getattr(get_origin(reply_of(cls)), "__name__", "") == "Page" else "call"


def _arguments(cls: Any) -> Iterator[str]:
    lines = [*_lines_of(cls)]
    if lines:
        yield "\n".join(["Args:", *lines])


def _lines_of(cls: Any) -> Iterator[str]:
    import msgspec

    from akool_async.protocol.arguments import spelling
    from akool_async.protocol.documentation import field_docs

    texts = field_docs(cls)
    fields = {each.name: each for each in msgspec.structs.fields(cls)}
    for field in sorted(fields.values(), key=lambda each: not each.required):
        yield from _entry(spelling(cls, field), texts.get(field.name, ""))


def _raises(cls: Any, own: str, *, blocking: bool) -> Iterator[str]:
    yield "Raises:"
    for name, told in (_OF_A_JOB if starts_job(cls) else _OF_ANY).items():
        text = told.removeprefix(_NO_LOOP) if blocking else told
        if f"{name}: " not in own:
            yield from _entry(name, text)
    yield from filter(None, own.rstrip().splitlines())


def _entry(name: str, text: str) -> list[str]:
    from textwrap import wrap

    margins: Any = {"initial_indent": "    ", "subsequent_indent": "        "}
    return wrap(f"{name}: {text}", 96, break_on_hyphens=False, **margins)


def _named(hint: Any) -> str:
    """Return a type by the names of its classes, such as `Job[Video]`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is None:
        return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))
    inner = ", ".join("..." if arg is ... else _named(arg) for arg in args)
    return f"{getattr(origin, '__name__', origin)}[{inner}]"
