"""What language models read of the site: llms.txt, llms-full.txt, and each page as Markdown.

The format is that of https://llmstxt.org. Pages of Python classes, which the generator makes from
docstrings, have these docstrings as text.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from python_text import parameters_of, signature_text, type_text
from site_pages import title_of

from akool_async.protocol.documentation import field_docs

OPTIONAL: Final = "Background"
"""The part of the navigation that a model may leave out."""
_DIRECTIVE: Final = re.compile(r"^::: ([\w.]+)\n((?:    .*\n|\n(?=    ))*)", re.MULTILINE)
_NOTE: Final = re.compile(r"<!--.*?-->", re.DOTALL)


def write(settings: Mapping[str, Any], pages: Path, site: Path) -> None:
    """Write the texts of a site beside its pages.

    Args:
        settings: The generator's.
        pages: The folder of the sources.
        site: The folder of the built site.
    """
    intro = f"# {settings['site_name']}\n\n> {settings['site_description']}\n"
    index, full = [intro], [intro]
    for part in settings["nav"]:
        ((title, entry),) = part.items()
        sources = [entry] if isinstance(entry, str) else list(sources_in(entry))
        texts = {source: plain((pages / source).read_text("utf-8")) for source in sources}
        for source, text in texts.items():
            target = site / source
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            full.append(f"<!-- {source} -->\n\n{text}")
        heading = "Optional" if title == OPTIONAL else title
        index.append(f"## {heading}\n\n" + "".join(map(_line, texts, texts.values())))
    (site / "llms.txt").write_text("\n".join(index), "utf-8")
    (site / "llms-full.txt").write_text("\n".join(full), "utf-8")


def sources_in(nav: Any) -> Iterator[str]:
    """Yield the sources of the pages in a part of the navigation."""
    for entry in nav:
        for value in [entry] if isinstance(entry, str) else entry.values():
            yield from [value] if isinstance(value, str) else sources_in(value)


def plain(text: str) -> str:
    """Return a page without what only the generator reads, and with docstrings in their places."""
    text = _DIRECTIVE.sub(lambda found: "\n".join(_documented(found[1])), text)
    text = re.sub(r"^\[\]\(\)\{ #[\w.]+ \}\n+", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[(`\w+`)\]\[akool_async\.\w+\]", r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", _NOTE.sub("", text)).strip() + "\n"


def _line(source: str, text: str) -> str:
    about = _about(text)
    return f"- [{title_of(text)}]({source})" + (f": {about}" if about else "") + "\n"


def _about(text: str) -> str:
    """Return the first sentence of a page, if it begins with one."""
    after = text.partition("\n\n")[2].partition("\n\n")[0]
    if not after or after[0] in "#`|-<!>[*1":
        return ""
    line = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(after.split()))
    return re.split(r"(?<=[.:])\s", line)[0].rstrip(":")


def _documented(path: str) -> Iterator[str]:
    """Yield a Python name's documentation: its own, and that of its public members."""
    module, _, name = path.rpartition(".")
    documented = getattr(import_module(module), name)
    yield from (f"## {path}", "")
    yield from _called(name, documented)
    if isinstance(documented, type):
        yield from _members(documented)


def _called(name: str, documented: Any) -> Iterator[str]:
    """Yield how a function is called, and its docstring; of a class, the docstring alone."""
    if inspect.isroutine(documented):
        returned = type_text(inspect.signature(documented).return_annotation)
        called = f"async {name}" if inspect.iscoroutinefunction(documented) else name
        signature = signature_text(called, parameters_of(documented), returned)
        yield from ("```py", signature, "```", "")
    yield from (inspect.getdoc(documented) or "", "")


def _members(cls: Any) -> Iterator[str]:
    for name, text in field_docs(cls).items():
        if not name.startswith("_"):
            yield f"- `{name}`: {text}"
    yield ""
    seen = set(field_docs(cls))
    for each in cls.__mro__:
        if not each.__module__.startswith("akool_async"):
            continue
        for name, member in vars(each).items():
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            if isinstance(member, property) and member.fget is not None:
                returned = type_text(inspect.signature(member.fget).return_annotation)
                yield from (f"### {name}: `{returned}`", "", inspect.getdoc(member) or "", "")
            elif inspect.isfunction(member):
                yield from (f"### {name}", "", *_called(name, member))
