"""A real browser: how it is started, what its pages complain of and ask for, and what axe finds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.npm_packages import AXE

PATIENCE = 60_000
"""Milliseconds after which a page is given up: a busy machine is no failure."""

Open: TypeAlias = Callable[..., Page]
"""Open a page."""

expect.set_options(timeout=PATIENCE)


def chromium() -> str:
    """Return the path of Chromium; skip the test where there is none, or fail in the gate."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is not None:
        return path
    problem = "the browser tests need Chromium: apt-get install chromium fonts-dejavu-core"
    if os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail(problem)
    pytest.skip(problem)


@contextmanager
def launched(*args: str) -> Iterator[Browser]:
    """Run Chromium without a window."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=args or ["--no-sandbox"])
        yield browser
        browser.close()


class Contexts:
    """Contexts of a browser, and what their pages complain of and ask for.

    Args:
        browser: The browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._opened: list[BrowserContext] = []
        self.complaints: list[str] = []
        """Errors, and what is written on the console: a breach of a page's policy is, too."""
        self.asked: list[str] = []
        """The addresses of all requests."""

    @property
    def hosts(self) -> set[str]:
        """The hosts of the requests."""
        return {urlsplit(address).hostname or "" for address in self.asked}

    def open(self, width: int = 1280, height: int = 844, **options: Any) -> BrowserContext:
        """Open a context with a window of a size in pixels."""
        size = ViewportSize(width=width, height=height)
        context = self._browser.new_context(viewport=size, **options)
        self._opened.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda each: self.complaints.append(str(each.error)))
        context.on("console", lambda each: self.complaints.append(f"{each.type}: {each.text}"))
        context.on("request", lambda each: self.asked.append(each.url))
        return context

    def close(self) -> None:
        """Close all contexts."""
        for context in self._opened:
            context.close()


def check_with_axe(page: Page, axe_core: str, *, preload: bool = True) -> None:
    """Check that axe finds nothing that keeps anybody from using a page as it is now.

    Args:
        page: The page.
        axe_core: axe's script.
        preload: Whether axe loads the page's media and styles itself, as some of its rules need.
    """
    if not axe_core:
        pytest.skip(f"needs npm, and {AXE.name} {AXE.version} from its registry")
    found = page.evaluate(
        """async ([source, preload]) => {
            if (!window.axe) new Function(source)();
            const { violations, passes } = await window.axe.run({ preload });
            return {
                violations: violations.map(({ id, nodes }) => [id, nodes.map((x) => x.html)]),
                checked: passes.length > 10,
            };
        }""",
        [axe_core, preload],
    )
    assert found == {"violations": [], "checked": True}
