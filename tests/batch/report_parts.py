"""Runs that tests report on, and their pages as programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from akool_async import Akool
from akool_async.batch import run
from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.record import write_record
from akool_async.endpoints import TTS, Face, ImageReage
from akool_async.simulator import Behaviour, Simulator
from akool_async.uploads import LocalFile

HOSTILE: Final = (
    "</td></table><script>document.title='taken'</script>"
    "<img src=x onerror=\"document.title='taken'\"> \"'& {{ 7*7 }} javascript:alert(1)"
)
QUICK: Final = Behaviour(pace=0.01, omit_rate=0.0, instant_audio_rate=0.0)
FAILING: Final = Behaviour(pace=0.01, omit_rate=0.0, fail_rate=1.0, instant_audio_rate=0.0)


class Bucket:
    """Takes files, and keeps none."""

    async def upload(self, file: LocalFile) -> str:
        """Return an address where nothing is."""
        return f"https://files.example.com/{quote(file.path.name)}"


def client(simulator: Simulator) -> Akool:
    """Return a client of a simulated Akool."""
    return Akool(
        api_key=simulator.api_key, base_url=simulator.url, uploads=Bucket(), max_concurrency=8
    )


def speech(number: int) -> tuple[str, TTS]:
    """Return a row that is spoken."""
    return f"speech-{number}", TTS(input_text=f"Text {number}. {HOSTILE}", voice_id="voice")


def portrait(key: str, source: str | Path) -> tuple[str, ImageReage]:
    """Return a row that makes a face older."""
    return key, ImageReage(
        target_image=[Face(path=source, opts="1,1:2,2:3,3:4,4")],
        face_reage=20,
        modify_image=source,
    )


async def carried_out(
    simulator: Simulator, rows: Any, out: Path, behaviour: Behaviour = QUICK, **options: Any
) -> list[Outcome]:
    """Carry rows out against a simulated Akool; return what became of them."""
    simulator.world.behaviour = behaviour
    return [each async for each in run(rows, client(simulator), out=out, **options)]


def told(folder: RunFolder, **arguments: Any) -> None:
    """Write `run.json` as `akool run rows.jsonl` does."""
    write_record(folder, {"manifest": ["rows.jsonl"], "out": str(folder.root), **arguments})


class Element:
    """An element of a page: its name, attributes and text."""

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text = ""


class Page(HTMLParser):
    """A page as a browser without scripts reads it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Take in an element."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in {"meta", "img", "input", "col", "link"}:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Take in an element's end."""
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Take in text, for all elements around it."""
        for each in self._open:
            each.text += data

    def named(self, name: str) -> list[Element]:
        """Return all elements of a name."""
        return [each for each in self.elements if each.name == name]

    @property
    def rows(self) -> dict[str, Element]:
        """All rows of the run, by id."""
        return {each.attributes["id"]: each for each in self.named("tr") if "id" in each.attributes}

    @property
    def figures(self) -> dict[str, str]:
        """The figures that stand first."""
        names = [each.text for each in self.named("dt")]
        values = [each.text for each in self.named("dd")]
        return dict(zip(names, values, strict=True))

    @property
    def loaded(self) -> list[str]:
        """The addresses that it loads by itself, or would play."""
        return [each.attributes["src"] for each in self.elements if "src" in each.attributes]

    @property
    def commands(self) -> list[str]:
        """The commands that it shows."""
        return [each.text for each in self.named("code")]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours in hex, as WCAG 2 defines it: 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(each * 2 for each in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
