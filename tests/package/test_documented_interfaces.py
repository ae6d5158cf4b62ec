"""The package uses of its dependencies only what their documentation names."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import akool_async

ROOT = Path(akool_async.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

MODULES = {
    "aiohttp": {"aiohttp", "aiohttp.abc", "aiohttp.web"},
    "anyio": {"anyio", "anyio.abc", "anyio.from_thread", "anyio.to_thread"},
    "asyncio": {"asyncio", "asyncio.subprocess"},
    "msgspec": {"msgspec", "msgspec.json", "msgspec.msgpack", "msgspec.structs"},
}
"""By package: the modules whose names its documentation lists."""

MAY_BE_SUBCLASSED = {"asyncio.DatagramProtocol", "msgspec.Struct", "msgspec.StructMeta"}
"""Classes that their documentation tells users to subclass."""

PYTHON_S_OWN = {"_asdict", "_fields", "_name_", "_replace", "_value_"}
"""Names with an underscore that Python documents, of named tuples and enums."""

PROTOCOLS = {"_asyncio_future_blocking"}
"""Names that take part in a private protocol of asyncio."""


def complaints(source: str, own: set[str]) -> list[str]:
    """Return what a module does with a dependency that no documentation allows.

    Args:
        source: The module.
        own: The private names that the package itself defines.
    """
    tree = ast.parse(source)
    names = dict(imported(tree))
    found = [
        *(f"import {name}" for name in names.values() if not is_documented(name)),
        *(f"use {name}" for name in used(tree, names) if not is_documented(name)),
        *(f"subclass {name}" for name in bases(tree, names) if name not in MAY_BE_SUBCLASSED),
        *(f"touch {name}" for name in private_names(tree) if name in PROTOCOLS),
        *(f"reach for {name}" for name in reached_for(tree) if name not in own),
    ]
    return sorted(set(found))


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each local name that an import of a dependency binds, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in MODULES:
                    yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if node.module.partition(".")[0] in MODULES:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` as it is written; an empty text for anything else."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """Return the full name of something imported; an empty text for anything else."""
    first, dot, rest = dotted(node).partition(".")
    return f"{names[first]}{dot}{rest}" if first in names else ""


def used(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := full_name(node, names)):
            yield name


def bases(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (name for base in node.bases if (name := full_name(base, names)))


def is_documented(name: str) -> bool:
    """Say whether a module is documented, or a public name of such a module."""
    modules = MODULES[name.partition(".")[0]]
    if name in modules:
        return True
    home = max((each for each in modules if name.startswith(f"{each}.")), key=len, default="")
    member = name.removeprefix(f"{home}.").partition(".")[0]
    if not home or member.startswith("_"):
        return False
    value = getattr(importlib.import_module(home), member, None)
    return value is not None and not isinstance(value, ModuleType)


def private_names(tree: ast.AST) -> Iterator[str]:
    """Yield all private names in a module: variables, attributes, and texts that name them."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=str(name)):
                if is_private(name):
                    yield name


def reached_for(tree: ast.AST) -> Iterator[str]:
    """Yield the private attributes of other objects: `task._state`, `getattr(task, "_state")`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if is_private(name):
                yield name
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                args=[_, ast.Constant(value=str(name)), *_],
            ) if is_private(name):
                yield name


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.isidentifier()


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a module defines for classes of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                yield name  # into the namespace of a class


@cache
def own_names() -> set[str]:
    """Return the private names that the package may use: its own, and Python's documented ones."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in FILES)
    return {name for tree in trees for name in defined(tree)} | PYTHON_S_OWN


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_uses_only_documented_interfaces(file: Path) -> None:
    assert complaints(file.read_text(encoding="utf-8"), own_names()) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("from aiohttp.client_proto import ResponseHandler", "import"),
        ("from aiohttp.connector import Connection", "import"),
        ("import aiohttp.connector", "import"),
        ("from asyncio import events", "import"),
        ("from asyncio.futures import _chain_future", "import"),
        ("from msgspec._core import StructMeta", "import"),
        ("import anyio._backends._asyncio", "import"),
        ("import aiohttp\naiohttp.connector.Connection", "use"),
        ("import asyncio as aio\naio._get_running_loop()", "use"),
        ("import aiohttp\nclass Mine(aiohttp.TCPConnector): pass", "subclass"),
        ("from aiohttp import ClientRequest\nclass Mine(ClientRequest): pass", "subclass"),
        ("import asyncio\nclass Mine(asyncio.Future[int]): pass", "subclass"),
        ("class Mine:\n    _asyncio_future_blocking = False", "touch"),
        ("class Mine:\n    __slots__ = ('_asyncio_future_blocking',)", "touch"),
        ("def f(loop): loop._ready.append(1)", "reach for"),
        ("def f(task): return getattr(task, '_fut_waiter')", "reach for"),
    ],
)
def test_what_is_not_documented_is_found(source: str, complaint: str) -> None:
    assert any(found.startswith(complaint) for found in complaints(source, {"_mine"}))


@pytest.mark.parametrize(
    "source",
    [
        "import aiohttp\naiohttp.ClientSession().closed",
        "from aiohttp import web\nweb.Response()",
        "import asyncio\nasyncio.get_running_loop().call_soon(print)",
        "import msgspec\nclass Mine(msgspec.Struct): pass\nmsgspec.json.decode(b'')",
        "from anyio import to_thread\nto_thread.run_sync(print)",
        "class Mine:\n    def f(self, other): self._x = other._mine",
    ],
)
def test_what_is_documented_is_no_complaint(source: str) -> None:
    assert complaints(source, {"_mine"}) == []
