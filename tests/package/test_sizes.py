"""A class is read in one go, and a function stands on a screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "akool_async"
MODULES = sorted(PACKAGE.rglob("*.py"))

LARGEST_CLASS = 250
"""Lines of a class as it stands in its file, texts included: that much is read in one go."""
LONGEST_FUNCTION = 40
"""Lines of a function without the texts in it. `help()` shows them, and some name ten errors."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def is_text(node: ast.AST) -> bool:
    """Say whether a statement is a text: a docstring, or one under an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def too_large_in(source: str) -> Iterator[str]:
    """Yield the classes and functions that are too large, each with its lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and lines_of(node) > LARGEST_CLASS:
            yield f"class {node.name}: {lines_of(node)}"
        elif isinstance(node, FUNCTIONS):
            texts = [
                each for each in ast.walk(node) if isinstance(each, ast.stmt) and is_text(each)
            ]
            lines = lines_of(node) - sum(map(lines_of, texts))
            if lines > LONGEST_FUNCTION:
                yield f"{node.name}(): {lines}"


@pytest.mark.parametrize("module", MODULES, ids=lambda each: str(each.relative_to(PACKAGE)))
def test_no_class_and_no_function_is_too_large(module: Path) -> None:
    assert list(too_large_in(module.read_text(encoding="utf-8"))) == []


def test_what_is_too_large_is_noticed() -> None:
    doc = '    """Do it."""\n'
    body = "    pass\n"
    fits = f"def fits():\n{doc}{body * (LONGEST_FUNCTION - 1)}"
    long = f"async def long():\n{doc}{body * LONGEST_FUNCTION}"
    large = f"class Large:\n{doc}{body * (LARGEST_CLASS - 1)}"
    assert list(too_large_in(fits + long + large)) == ["long(): 41", "class Large: 251"]
