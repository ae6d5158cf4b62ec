"""The pages of the site, made from those of the repository, where a code host shows them as well.

A page keeps its path under docs/. What it links to outside docs/ becomes a page too, with its path
in the repository: a README is the index of its folder, a file of code a page that shows it, and a
folder a list of what is in it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Final

import akool_async

ALWAYS: Final = (
    "README.md",  # the start page, as long as docs/index.md is not there
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks",
    "docs/decisions",
    "examples",
)
"""What the site has besides docs/, whether a page links to it or not."""
MEDIA: Final = frozenset({".gif", ".jpg", ".png", ".svg", ".webp"})
NAMES: Final = frozenset(name for name in akool_async.__all__ if name[0].isupper())
"""Public names with a heading in the reference of Python classes."""
QUIRKS: Final = "quirks.md"
"""The page that explains the numbers of quirks, each under an anchor of its name."""

_CODE: Final = re.compile(r"(^ *(`{3,}).*?^ *\2$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(\]\()([^)\s#]*)([^)\s]*\))")
_NUMBER: Final = re.compile(r"\b[TNW]\d{1,2}\b(?!\])")
_NAME: Final = re.compile(r'^<a id="([\w.]+)"></a>$', re.MULTILINE)
_SHOWN: Final = frozenset({".csv", ".html", ".ipynb", ".js", ".py", ".toml"})


def stage(root: Path, pages: Path) -> None:
    """Write the pages of a repository's site."""
    staging = _Staging(root, pages)
    for path in sorted((root / "docs").rglob("*.md")):
        staging.add(path.relative_to(root).as_posix())
    for source in ALWAYS:
        staging.add(source)
    shutil.copytree(root / "docs/site/assets", pages / "assets")


def title_of(text: str) -> str:
    """Return the first heading of a page, without its markup."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].replace("`", "") if found else ""


class _Staging:
    """Writes pages, and those that they link to, each once."""

    def __init__(self, root: Path, pages: Path) -> None:
        self._root = root
        self._pages = pages
        self._staged: set[str] = set()
        self._explains = (root / "docs" / QUIRKS).exists()

    def add(self, source: str) -> str:
        """Stage a file or a folder of the repository; return its path in the site."""
        path = self._root / source
        for index in ("README.md", "index.md"):
            if (path / index).is_file():
                return self.add(f"{source}/{index}")
        target = _target(source, is_folder=path.is_dir())
        if target not in self._staged:
            self._staged.add(target)
            self._write(path, source, self._pages / target)
        return target

    def _write(self, path: Path, source: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in MEDIA:
            shutil.copyfile(path, target)
            return
        if path.is_dir():
            text = "\n".join(_listing(path, source))
        elif path.suffix == ".md":
            text = path.read_text("utf-8")
        elif path.suffix == ".ipynb":
            text = "\n\n".join(_cells(path)) + "\n"
        else:
            text = _shown(path, source)
        own = PurePosixPath(target.relative_to(self._pages).as_posix())
        here = source if path.is_dir() else str(PurePosixPath(source).parent)
        target.write_text(self._for_the_site(text, here, own), "utf-8")

    def _for_the_site(self, text: str, here: str, own: PurePosixPath) -> str:
        """Return a page as the site's generator needs it.

        Args:
            text: The page as a code host needs it.
            here: The folder of the repository that its links begin at.
            own: Its path in the site.
        """
        # A link to a Python name leads to the heading that follows.
        parts = _CODE.split(_NAME.sub(r"[](){ #\1 }", text))
        prose = [self._explained(self._linked(each, here, own), own) for each in parts[::3]]
        blocks = self._names(prose, parts[1::3], own)
        return "".join(part for pair in zip(prose, [*blocks, ""], strict=True) for part in pair)

    def _names(self, prose: list[str], blocks: list[str], own: PurePosixPath) -> list[str]:
        """Return blocks of code as the site needs them: a public name is a link to what it is.

        In a guide that is each name's first mention; in the reference, each.
        """
        seen: set[str] = set()
        found: list[str] = []
        for before, block, after in zip(prose, blocks, prose[1:], strict=False):
            name = block.strip("`")
            line = before.rpartition("\n")[2]
            is_free = not (line.endswith("[") or after.startswith("]") or line.startswith("#"))
            if name in NAMES and is_free and name not in seen:
                if own.parts[0] != "reference":
                    seen.add(name)
                found.append(f"[{block}][akool_async.{name}]")
            elif "\n" in block:
                found.append(block)
            else:
                # A table of a code host needs a backslash before a bar; here it would be shown.
                found.append(block.replace("\\|", "|"))
        return found

    def _explained(self, text: str, own: PurePosixPath) -> str:
        """Return a text with each number of a quirk as a link."""
        if not self._explains or own.name == QUIRKS:
            return text
        page = relpath(QUIRKS, own.parent)
        return _NUMBER.sub(lambda found: f"[{found[0]}]({page}#{found[0].lower()})", text)

    def _linked(self, text: str, here: str, own: PurePosixPath) -> str:
        """Return a text whose links lead to pages of the site."""

        def led(found: re.Match[str]) -> str:
            begin, link, rest = found.groups()
            aim = normpath(f"{here}/{link}")
            if not link or "://" in link or aim.startswith("..") or not (self._root / aim).exists():
                return found[0]  # if it leads nowhere, the check of the built site says so
            return f"{begin}{relpath(self.add(aim), own.parent)}{rest}"

        return _LINK.sub(led, text)


def _target(source: str, *, is_folder: bool) -> str:
    """Return the path in the site of a file or a folder of the repository."""
    path = PurePosixPath(source)
    if path.parts[0] == "docs":
        path = PurePosixPath(*path.parts[1:])
    elif len(path.parts) == 1:
        path = PurePosixPath(path.name.lower())
    if is_folder:
        return str(path / "index.md")
    if path.name.lower() == "readme.md":
        return str(path.with_name("index.md"))
    return str(path) if path.suffix in {".md", *MEDIA} else f"{path}.md"


def _listing(folder: Path, source: str) -> Iterator[str]:
    """Yield the lines of a page that lists what is in a folder."""
    yield from (f"# {PurePosixPath(source).name.capitalize()}", "")
    if source == "docs/decisions":
        yield from ("What was decided, why, and what follows from it.", "")
    for path in sorted(folder.iterdir()):
        if path.suffix == ".md":
            yield f"- [{title_of(path.read_text('utf-8'))}]({path.name})"
        elif path.suffix in _SHOWN or (path / "README.md").is_file():
            yield f"- [`{path.name}`]({path.name})"
    yield ""


def _shown(path: Path, source: str) -> str:
    """Return a page that shows a file of code."""
    text = path.read_text("utf-8")
    fence = "`" * (3 + max(map(len, re.findall(r"^ *(`{3,})", text, re.MULTILINE)), default=0))
    return f"# {path.name}\n\n`{source}`\n\n{fence}{path.suffix[1:]}\n{text.rstrip()}\n{fence}\n"


def _cells(notebook: Path) -> Iterator[str]:
    """Yield the cells of a notebook as Markdown: texts, code, and what code has printed."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else f"```py\n{source}\n```"
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain") or ()
            if text:
                yield f"```text\n{''.join(text).rstrip()}\n```"
