"""Pieces of HTML for notebooks: cards, tables, players, a bar.

They take the colour of the text around them, so that they can be read in light and dark notebooks.
Styles are inline: notebooks on the web drop style sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Tone = Literal["waiting", "running", "good", "bad"]
"""What the colour of a card's edge says, beside its words."""
Kind = Literal["image", "video", "audio"]
"""A kind of media."""

_COLOURS: Final[Mapping[Tone, str]] = {
    "waiting": "#8a8f98",
    "running": "#2f81f7",
    "good": "#2da44e",
    "bad": "#d1424b",
}
_LINE: Final = "1px solid rgba(128,128,128,.4)"
_FONT: Final = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:14px"
_QUIET: Final = "opacity:.8"
_TABLE: Final = "border-collapse:collapse;margin:0;font-size:inherit;color:inherit"
_CELL: Final = (
    f"padding:.25em .6em;text-align:left;vertical-align:top;border:0;border-bottom:{_LINE};"
    "overflow-wrap:normal;max-width:24em"
)
_LONGEST: Final = 500
"""Characters of a text that are shown."""
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "avif", "bmp", "svg"), "image"),
    **dict.fromkeys(("mp4", "webm", "mov", "m4v"), "video"),
    **dict.fromkeys(("mp3", "wav", "m4a", "ogg", "oga", "flac", "aac", "opus"), "audio"),
}


def text(value: object) -> str:
    """Return a text for HTML: escaped, cut where it is long, and without control characters."""
    # A secret is a text whose repr hides it; `str` would show it.
    hides = isinstance(value, str) and type(value) is not str
    shown = repr(value) if hides else str(value)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…"
    if not shown.isprintable():  # half of a surrogate pair could not even be sent to a browser
        shown = "".join(each if each.isprintable() else " " for each in shown)
    return escape(shown)


def card(title: object, badge: object, tone: Tone, *parts: str) -> str:
    """Return a card.

    Args:
        title: What it is about.
        badge: The state, in a word.
        tone: The same as a colour.
        parts: HTML, one below the other; empty ones are left out.
    """
    edge = f"border:{_LINE};border-left:4px solid {_COLOURS[tone]};border-radius:6px"
    box = "padding:.6em .9em;margin:.3em 0;max-width:40em;box-sizing:border-box"
    head = (
        f"<b>{text(title)}</b>&ensp;"
        f'<span style="color:{_COLOURS[tone]}" aria-hidden="true">●</span> {text(badge)}'
    )
    below = "".join(f'<div style="margin-top:.35em">{each}</div>' for each in parts if each)
    style = f"{edge};{box};overflow-wrap:anywhere;line-height:1.4;{_FONT}"
    return f'<div style="{style}"><div>{head}</div>{below}</div>'


def quiet(*texts: object) -> str:
    """Return texts in one line, less prominent; empty ones are left out."""
    shown = " · ".join(text(each) for each in texts if each not in ("", None))
    return f'<span style="{_QUIET};{_FONT}">{shown}</span>' if shown else ""


def code(value: object) -> str:
    """Return a text that is copied, such as an id or a token."""
    style = "font-size:12px;background:none;color:inherit;padding:0;white-space:normal"
    return f'<code style="{style}">{text(value)}</code>' if value else ""


def is_web_address(address: str) -> bool:
    """Say whether a text is an address that a browser may follow: of http or https."""
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def kind_of(address: str) -> Kind | None:
    """Return the kind of media at an address, as its extension says."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return None
    return _KINDS.get(path.rpartition(".")[2].lower())


def link(address: str) -> str:
    """Return a link; the mere text of what is no address of the web."""
    if not is_web_address(address):
        return text(address)
    bare = address.partition("?")[0]
    shown = bare if bare == address else f"{bare}?…"  # a signed address is long
    safe = 'target="_blank" rel="noopener noreferrer"'
    return f'<a href="{escape(address)}" {safe}>{text(shown)}</a>'


def media(address: str, kind: Kind | None = None) -> str:
    """Return a picture or a player, with a link below it.

    Args:
        address: Where the media is.
        kind: What it is, where the address does not tell.
    """
    source = escape(address)
    size = "max-width:100%;max-height:22em;border-radius:4px;display:block"
    shown = {
        "image": f'<img src="{source}" alt="the result" loading="lazy" style="{size}"'
        ' referrerpolicy="no-referrer">',
        "video": f'<video src="{source}" controls preload="metadata" style="{size}"></video>',
        "audio": f'<audio src="{source}" controls preload="metadata" style="width:100%"></audio>',
    }
    known = kind_of(address) or kind
    player = shown[known] if known and is_web_address(address) else ""
    small = f'<div style="font-size:12px;margin-top:.2em">{link(address)}</div>'
    return player + small


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; on a narrow page it scrolls inside its own box."""
    head = "".join(f'<th style="{_CELL}">{text(each)}</th>' for each in columns)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{_cell(each)}</td>' for each in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div style="overflow-x:auto;{_FONT}"><table style="{_TABLE}">'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def fields(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names and values, one pair a line."""
    cell = "padding:.1em .8em .1em 0;text-align:left;vertical-align:top;border:0"
    lines = "".join(
        f'<tr><td style="{cell};{_QUIET}">{text(name)}</td>'
        f'<td style="{cell}">{_cell(value)}</td></tr>'
        for name, value in pairs
    )
    return f'<table style="{_TABLE}">{lines}</table>' if lines else ""


def folded(title: str, inside: str) -> str:
    """Return what is shown after a click."""
    return f"<details><summary>{text(title)}</summary>{inside}</details>" if inside else ""


def bar(ended: int, total: int | None, notes: object) -> str:
    """Return how many of several have ended, as a bar with figures."""
    of = "" if total is None else f" of {total}"
    part = 0 if not total else min(100, round(100 * ended / total))
    inner = f"height:100%;width:{part}%;background:{_COLOURS['running']};border-radius:3px"
    outer = "height:.5em;background:rgba(128,128,128,.3);border-radius:3px;max-width:40em"
    drawn = "" if total is None else f'<div style="{outer}"><div style="{inner}"></div></div>'
    said = f"<b>{ended}</b>{text(of)} ended · {text(notes)}"
    figures = f'<div style="margin-bottom:.2em">{said}</div>'
    return f'<div style="{_FONT}">{figures}{drawn}</div>'


def _cell(value: object) -> str:
    return link(value) if type(value) is str and is_web_address(value) else text(value)
