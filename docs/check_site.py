"""What the generator does not see in the site that it has built: `problems` yields each of it.

- A link, an anchor, a picture or a script that leads nowhere, in the HTML as a browser gets it.
- What a browser would load from another host.
- A reference between Python names that was not resolved, and stands there in brackets.
- A page that the navigation does not have, and an entry of the navigation without a page.
- A public name that no page of the reference documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from posixpath import dirname, normpath
from typing import Final
from urllib.parse import unquote, urlsplit

PUBLIC: Final = (
    "akool_async",
    "akool_async.batch",
    "akool_async.crun",
    "akool_async.endpoints",
    "akool_async.journal",
    "akool_async.simulator",
    "akool_async.streaming",
    "akool_async.sync",
    "akool_async.testing",
    "akool_async.uploads",
    "akool_async.webhook",
)
"""Modules whose names a program may import, and the reference has."""
MODULES: Final = {*PUBLIC, "akool_async.errors"}
INNER: Final = frozenset(
    f"akool_async.endpoints.{name}"
    for name in (
        *("Analyzed", "AnalyzedSwap", "AudioOperation", "ByModel", "ByPage", "Deleted", "Executor"),
        *("FaceswapOperation", "GeneratedVideoOperation", "ImageOperation", "KnowledgeCommand"),
        *("Namespace", "OpenKept", "OpenLive", "Pages", "Removal", "StudioOperation", "SwapModel"),
        *("VideoOperation", "VoiceResourceOperation", "WholeReply"),
    )
)
"""What endpoints descend from, or are made of: no program imports it."""
PLUGIN: Final = {"akool_async.testing": ("akool_simulator", "armed")}
"""Modules that have no list of their public names."""

_LOADED: Final = {"audio", "embed", "iframe", "img", "link", "script", "source", "track", "video"}
_CODE: Final = {"code", "pre", "script", "style", "textarea"}
_UNRESOLVED: Final = re.compile(r"\]\[[^\]\s]*\]")
_IN_CSS: Final = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(https?:)?//""")


class Page(HTMLParser):
    """A page as it was built: its anchors, what it links to, and what a browser loads with it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []
        """What is neither code nor a tag."""
        self._in_code = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what the tag names."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self._in_code += tag in _CODE
        for name in ("href", "src", "poster"):
            if name in found:
                self.links.append(found[name])
                if tag in _LOADED:
                    self.loaded.append(found[name])

    def handle_endtag(self, tag: str) -> None:
        """Leave code."""
        self._in_code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._in_code:
            self.text.append(data)


def pages_of(site: Path) -> Mapping[str, Page]:
    """Return the pages of a site by their paths in it."""
    return {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def problems(site: Path, navigation: set[str], staged: set[str]) -> Iterator[str]:
    """Yield what is wrong with a site, a sentence each.

    Args:
        site: The folder of built pages.
        navigation: The sources of the pages in the navigation.
        staged: The sources of all pages.
    """
    pages = pages_of(site)
    yield from (f"navigation: {name} is no page" for name in sorted(navigation - staged))
    yield from (f"{name}: not in the navigation" for name in sorted(staged - navigation))
    for name, page in pages.items():
        yield from _loaded_elsewhere(name, page)
        yield from _broken(site, pages, name, page)
        yield from (f"{name}: {text} is not resolved" for text in _unresolved(page))
    for path in sorted(site.rglob("*.css")):
        if _IN_CSS.search(path.read_text("utf-8")):
            yield f"{path.relative_to(site)}: loads something from another host"
    yield from _undocumented(pages)


def _loaded_elsewhere(name: str, page: Page) -> Iterator[str]:
    for address in page.loaded:
        if urlsplit(address).netloc:
            yield f"{name}: a browser would load {address} from another host"


def _broken(site: Path, pages: Mapping[str, Page], name: str, page: Page) -> Iterator[str]:
    for link in dict.fromkeys(page.links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        aim = normpath(f"{dirname(name)}/{unquote(parts.path)}").lstrip("/") if parts.path else name
        if not (site / aim).is_file():
            yield f"{name}: {link} leads nowhere"
        elif parts.fragment and aim in pages:
            anchor = unquote(parts.fragment)
            if anchor not in pages[aim].anchors:
                yield f"{name}: {aim} has no anchor {anchor}"


def _unresolved(page: Page) -> list[str]:
    return _UNRESOLVED.findall("".join(page.text))


def _undocumented(pages: Mapping[str, Page]) -> Iterator[str]:
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    for module in PUBLIC:
        for name in public_names(module):
            if f"{module}.{name}" not in anchors:
                yield f"{module}.{name}: documented on no page"


def public_names(module: str) -> tuple[str, ...]:
    """Return the names that a program may import from a module, without modules."""
    loaded = import_module(module)
    names = PLUGIN.get(module) or getattr(loaded, "__all__", None) or dir(loaded)
    return tuple(name for name in names if f"{module}.{name}" not in {*MODULES, *INNER})
