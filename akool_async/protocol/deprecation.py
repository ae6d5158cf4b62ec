"""What Akool no longer offers as it did: the note at an endpoint's class, or in a field's type."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

State: TypeAlias = Literal["gone", "unlisted", "superseded", "legacy"]

_WORDS: Final[dict[State, str]] = {
    "gone": "no longer available, as Akool says",
    "unlisted": "no longer in Akool's documentation",
    "superseded": "superseded, as Akool's overview shows",
    "legacy": "legacy, as Akool says",
}


class AkoolDeprecationWarning(DeprecationWarning):
    """A request uses what Akool no longer offers as it did; the message names what replaces it.

    It is given once for each endpoint in a process. `Akool(on_deprecated="ignore")` silences it,
    and so do Python's filters of warnings.
    """


class Deprecated(Struct, frozen=True, kw_only=True):
    """That an endpoint, or a field, is not to be used in new programs.

    It still works here. Whether it works at Akool, nobody knows.
    """

    since: str
    """The day on which Akool's pages began to say so, such as `2025-07-31`."""
    state: State = "unlisted"
    """`gone`: a page says that it is no longer available. `unlisted`: no page shows it any more.
    `superseded`: an overview names another endpoint in its place. `legacy`: a page calls it so."""
    instead: str = ""
    """What replaces it: the dotted name of an endpoint, such as `voice.tts`; an argument of the
    client, as `Akool(api_key=...)`; or another field. Empty if nothing does."""
    page: str = ""
    """Address of the page that says so, or that shows what replaces it."""

    @property
    def state_words(self) -> str:
        """What has become of it, and since when."""
        return f"{_WORDS[self.state]} since {self.since}"

    @property
    def advice(self) -> str:
        """What to use instead, as a sentence."""
        return f"Use `{self.instead}` instead." if self.instead else "Nothing replaces it."

    @property
    def note(self) -> str:
        """The sentences for a docstring and for `--help`."""
        return f"Deprecated: {self.state_words}. {self.advice}"


def with_note(docstring: str | None, deprecated: Deprecated) -> str | None:
    """Return a docstring with a note after its first paragraph; `None` if there is none."""
    if docstring is None:  # Python runs with -OO
        return None
    first, _, rest = docstring.partition("\n\n")
    # From Python 3.13 on, the compiler takes the indentation of docstrings away.
    below = (line for line in docstring.splitlines()[1:] if line.strip())
    indent = " " * min((len(line) - len(line.lstrip()) for line in below), default=0)
    paragraphs = [first.rstrip(), f"{indent}{deprecated.note}", *([rest] if rest.strip() else [])]
    return "\n\n".join(paragraphs) + ("" if rest.strip() else f"\n{indent}")
