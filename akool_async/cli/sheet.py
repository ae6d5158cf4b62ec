"""The contact sheet of a demo: a page with every result, and the job that made it.

It is a file beside the results. It needs no script, and asks no host for anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.filesize import decimal

from akool_async.cli.demo_ending import IN_CODE, SHEET, SIMULATED, facts_of
from akool_async.cli.tally import RunJob, Stage, Tally
from akool_async.protocol.words import counted

_PLAYERS: Final = 24
"""Films of an operation that show their first picture at once. A browser has a limit of players,
and each of the others shows its picture when it is started."""

_KINDS: Final = {
    "image": (".gif", ".jpeg", ".jpg", ".png", ".webp"),
    "video": (".m4v", ".mov", ".mp4", ".webm"),
    "audio": (".aac", ".m4a", ".mp3", ".ogg", ".wav"),
}


def write_sheet(tally: Tally) -> Path:
    """Write the sheet of a run that is over, and return its path. Blocks.

    Raises:
        OSError: it cannot be written.
    """
    path = tally.folder / SHEET
    text = "\n".join(_page(tally, datetime.now(UTC)))
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _page(tally: Tally, now: datetime) -> Iterator[str]:
    style = resources.files("akool_async.cli").joinpath("sheet.css").read_text("utf-8")
    missing = [entry for entry in tally.entries if entry.path is None]
    groups = _groups(tally)
    yield from _head(tally, style, now)
    yield '<nav aria-label="Operations"><ul>'
    for name, entries in groups.items():
        yield f'<li><a href="#{escape(name)}">{escape(name)} ({len(entries)})</a></li>'
    if missing:
        yield f'<li><a href="#without">without a result ({len(missing)})</a></li>'
    yield '<li><a href="#code">in your code</a></li>\n</ul></nav>\n</header>\n<main>'
    for name, entries in groups.items():
        yield from _section(name, entries)
    if missing:
        yield from _without(missing, simulated=tally.simulated)
    yield '<h2 id="code">The same in your code</h2>'
    yield "<p>Three pictures of one photo: younger, older, and much older.</p>"
    yield '<pre tabindex="0" aria-labelledby="code" role="region">'
    yield f"<code>{escape(IN_CODE)}</code></pre>"
    yield "</main>\n</body>\n</html>\n"


def _groups(tally: Tally) -> dict[str, list[RunJob]]:
    """Return the saved results by operation: pictures first, then films, then sounds."""
    groups = {
        name: [entry for entry in entries if entry.path is not None]
        for name, entries in tally.by_operation.items()
    }
    order = [*_KINDS, ""]
    saved = [(name, entries) for name, entries in groups.items() if entries]
    return dict(sorted(saved, key=lambda group: order.index(_kind_of(group[1][0]))))


def _kind_of(entry: RunJob) -> str:
    """Return the kind of a file's media; an empty text for another file."""
    suffix = "" if entry.path is None else entry.path.suffix.lower()
    return next((kind for kind, suffixes in _KINDS.items() if suffix in suffixes), "")


def _head(tally: Tally, style: str, now: datetime) -> Iterator[str]:
    saved = counted(len(tally.saved), "result")
    title = f"{saved} of {counted(len(tally.entries), 'job')}"
    about = (
        "Made by <code>akool demo</code> against a simulated Akool, which draws all media itself:"
        " no account was needed, and nothing was paid."
        if tally.simulated
        else "Made by <code>akool demo --live</code> at Akool. Akool keeps results for 7 days;"
        " these files are yours."
    )
    yield "<!doctype html>"
    yield '<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}: akool demo</title>\n<style>{style}</style>"
    yield f"</head>\n<body>\n<header>\n<h1>{title}</h1>"
    yield f"<p>{about} A file has the name of its job's id.</p>"
    yield f'<p class="soft">{now:%d %B %Y, %H:%M} UTC</p>\n<dl>'
    for label, text in facts_of(tally):
        yield f"<div><dt>{escape(label)}</dt><dd>{escape(text)}</dd></div>"
    yield "</dl>"


def _policy(style: str) -> str:
    """Return a policy that lets the page load files beside it, and nothing from elsewhere."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    beside = "'self' file:"  # a page that is opened from a disk has no origin of its own
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src {beside};"
        f" media-src {beside}; base-uri 'none'; form-action 'none'"
    )


def _section(name: str, entries: Sequence[RunJob]) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
    yield f'<p class="soft">{counted(len(entries), "result")}</p>\n<ul class="cards">'
    for number, entry in enumerate(entries):
        media = _media(entry, at_once=number < _PLAYERS)
        yield f"<li><figure>{media}{_caption(entry)}</figure></li>"
    yield "</ul>"


def _media(entry: RunJob, *, at_once: bool) -> str:
    """Return a picture or a player; nothing for a file of another kind."""
    assert entry.path is not None
    kind = _kind_of(entry)
    href, text = quote(entry.path.name), escape(f"{entry.job.name} {entry.job.id}")
    if kind == "image":
        picture = f'<img loading="lazy" decoding="async" src="{href}" alt="Result of {text}">'
        return f'<a href="{href}">{picture}</a>'
    label = f'src="{href}" aria-label="Result of {text}"'
    if kind == "video":
        return (
            f'<video controls loop preload="{"metadata" if at_once else "none"}" {label}></video>'
        )
    return f'<audio controls preload="none" {label}></audio>' if kind else ""


def _caption(entry: RunJob) -> str:
    assert entry.path is not None
    name = escape(entry.path.name)
    took = "" if entry.seconds is None else f"{entry.seconds:.2f} s, "
    flaw = f'<br><span class="bad">{escape(entry.flaw)}</span>' if entry.flaw else ""
    return (
        f"<figcaption><b>{escape(entry.job.name)}</b>"
        f'<a href="{quote(entry.path.name)}"><code>{name}</code></a><br>'
        f'<span class="soft">{took}{decimal(entry.size)}</span>{flaw}</figcaption>'
    )


def _without(entries: Sequence[RunJob], *, simulated: bool) -> Iterator[str]:
    yield f'<h2 id="without">{counted(len(entries), "job")} without a result</h2>'
    if simulated:
        yield f"<p>{escape(SIMULATED)}</p>"
    yield '<div class="wide"><table aria-labelledby="without">'
    yield '<thead><tr><th scope="col">operation</th><th scope="col">job</th>'
    yield '<th scope="col">why</th><th scope="col" class="n">after</th></tr></thead>\n<tbody>'
    for entry in sorted(entries, key=lambda each: (each.job.name, each.reason)):
        took = "" if entry.seconds is None else f"{entry.seconds:.2f} s"
        why = entry.reason if entry.stage is not Stage.DONE else entry.flaw
        job = escape(entry.job.id or "not created")
        yield (
            f"<tr><td>{escape(entry.job.name)}</td><td><code>{job}</code></td>"
            f'<td class="bad">{escape(why)}</td><td class="n">{took}</td></tr>'
        )
    yield "</tbody></table></div>"
