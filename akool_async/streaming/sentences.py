"""Sentences of a text that arrives piece by piece, such as a language model's answer. Pure: no I/O.

A sentence leaves as soon as the next character proves its end:

- a full stop, `!`, `?` or `…` with a blank behind it. Quotes and brackets that close behind the
  mark belong to the sentence;
- a mark of Chinese or Japanese (`。！？｡`), with anything behind it;
- the end of a line.

A full stop ends no sentence after a title (`Dr.`), a single letter (`z. B.`, `e.g.`), the number of
a list item or of a German date (`am 3. Mai`), nor inside a number or a name (`3.14`, `akool.com`).
Where a blank proves nothing (`etc.`, `No.`, `Henry II.`, `B.Sc.`, an ellipsis, a quote behind the
mark), the first character behind the blank decides: before a small letter, a digit or a dash the
sentence goes on. In doubt it goes on: a long sentence is heard late, a torn one is heard wrong.

A sentence of more than 400 characters is cut at a blank, and where none is, between two characters
as a reader sees them. Joined again, the sentences are the text: blanks between two sentences stand
at the beginning of the second one.
"""

# ruff: noqa: RUF001, RUF002, SIM905 - marks of many scripts are meant, and lists of words are read

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import Final, Literal

LONGEST: Final = 400
"""The most characters of a sentence."""

_WIDE = frozenset("。！？｡")
_MARKS = frozenset(".!?…؟۔।॥։።") | _WIDE
_CLOSING = "\"'”’“«»›‹)]}*_~`」』）】》〉〕］｝＂＇\ufe00\ufe01\ufe0e\ufe0f"
"""What belongs to the sentence before it, also Markdown's signs and the variants of a mark."""
_AFTER_MARK = _MARKS | frozenset(_CLOSING)
_DASHES = frozenset("-–—")
_LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")

_WORD = re.compile(r"[\w'’-]+\Z")
_LONGEST_WORD = 40
_ROMAN = re.compile(r"[IVX]{2,5}\Z")

_NEVER_LAST = frozenset(
    # titles, and what stands before a name or a number
    "mr mrs ms mx dr drs prof st hon rev gen col maj capt lt sgt cmdr adm gov sen pres mt messrs "
    "mme mlle sr sra srta dra ud uds sig dott hr fr frl dipl vs cf viz eg ie approx incl excl ca "
    "bzw bzgl evtl ggf inkl exkl vgl zzgl nr str abb aufl bd hrsg kap mio mrd sog tel geb".split()
)
"""Words that stand before a full stop and never at the end of a sentence."""
_OFTEN_LAST = frozenset(
    "etc usw inc ltd co corp bros jr al no nos fig figs vol vols pp ed eds est max min std sek "
    "dept ave rep abs jh mwst jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""Words that stand before a full stop, and may be at the end of a sentence."""
_BEFORE_DATES = frozenset(
    "am der den dem des die das jeder jede jedes vom zum zur beim im seit ab bis".split()
)
"""German words before a number that counts: `am 3. Mai`."""
_WORDS_OF_ONE_LETTER = frozenset("IЯя")
_MOST_DIGITS = 2
"""A longer number counts nothing: it is a year or an amount, and may end a sentence."""

_JOINING = frozenset({"Mn", "Me", "Mc", "Cf", "Sk"})
"""Categories of accents, joiners and the colours of emoji, which belong to what is before them."""
_VIRAMA = 9
"""The combining class of the sign that joins two letters of an Indian script."""


class Sentences:
    """Cuts a text into sentences while it arrives; how it is split into pieces does not matter.

    Halves of a character, as JavaScript cuts them, are joined; one whose other half never comes
    becomes `�`. A blank sentence comes only of a text that ends with blanks, or has 400 in a row.
    """

    def __init__(self) -> None:
        self._text = ""
        self._half = ""

    def feed(self, piece: str) -> list[str]:
        """Take the next piece of the text; return the sentences whose end it proves."""
        sentences: list[str] = []
        for character in self._whole(piece):
            end = _proven_end(self._text, character)
            self._text += character
            if end:
                sentences.append(self._cut(end))
            if len(self._text) > LONGEST:
                sentences.append(self._cut(_place_to_cut(self._text)))
        return sentences

    def finish(self) -> str:
        """Take the end of the text; return what is left, which may be empty."""
        return self._text + ("\ufffd" if self._half else "")

    def _cut(self, end: int) -> str:
        sentence, self._text = self._text[:end], self._text[end:]
        return sentence

    def _whole(self, piece: str) -> str:
        """Return the characters of which both halves are there."""
        text = self._half + piece
        self._half = ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text.isascii():
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _proven_end(text: str, following: str) -> int:
    """Return where a sentence ends if the character behind the text proves that, else 0."""
    if following in _LINE_ENDS:
        return 0 if text.isspace() else len(text)
    last = text[-1:]
    if last not in _AFTER_MARK and not last.isspace():  # nearly always
        return 0
    core = text.rstrip()
    marked = core.rstrip(_CLOSING)
    mark = marked[-1:]
    if mark not in _MARKS:
        return 0
    if core == text:
        if following in _AFTER_MARK or joined(last, following):
            return 0
        if mark not in _WIDE and not following.isspace():
            return 0
    ends = mark in _WIDE or _ends(marked, following, closed=marked != core)
    return len(core) if ends else 0


def _ends(marked: str, following: str, *, closed: bool) -> bool:
    """Say whether a mark ends a sentence, with a blank behind it, and then this character.

    Args:
        marked: The text to the mark.
        following: The blank itself, or the first character behind it.
        closed: Whether a quote or a bracket closes behind the mark.
    """
    certainty = _certainty(marked)
    if certainty == "none" or (certainty == "certain" and not closed):
        return certainty == "certain"
    return not (
        following.isspace() or following.islower() or following.isdecimal() or following in _DASHES
    )


def _certainty(marked: str) -> Literal["certain", "doubtful", "none"]:
    """Say how much the mark at the end of a text, with a blank behind it, proves."""
    if marked.endswith(("…", "..")):
        return "doubtful"
    if not marked.endswith("."):
        return "certain"
    text = marked[:-1]
    found = _WORD.search(text, max(0, len(text) - _LONGEST_WORD))
    word = found.group() if found else ""
    before = text[: len(text) - len(word)]
    name = word.casefold()
    if _is_letter(word) or name in _NEVER_LAST or (word.isdecimal() and _counts(word, before)):
        return "none"
    if word.isdecimal():
        long = len(word) > _MOST_DIGITS or before.endswith((".", ",", ":"))
        return "certain" if long else "doubtful"
    doubtful = name in _OFTEN_LAST or _ROMAN.match(word) or before.endswith(".")
    return "doubtful" if doubtful else "certain"


def _is_letter(word: str) -> bool:
    """Say whether a word is one letter that stands for another word."""
    # Scripts without capitals, such as Korean, have words of one character.
    return len(word) == 1 and word.lower() != word.upper() and word not in _WORDS_OF_ONE_LETTER


def _counts(number: str, before: str) -> bool:
    """Say whether a number is that of a list item, or of a date in German."""
    words = before.split()
    first = not any(map(str.isalnum, before))
    dated = bool(words) and words[-1].casefold() in _BEFORE_DATES
    return first or (dated and len(number) <= _MOST_DIGITS)


def _place_to_cut(text: str) -> int:
    """Return where to cut a text that is too long by one character."""
    places = range(LONGEST, 0, -1)
    at_blanks = (at for at in places if text[at].isspace() and not _is_inside(text, at))
    anywhere = (at for at in places if not _is_inside(text, at))
    return next(chain(at_blanks, anywhere), LONGEST)


def _is_inside(text: str, place: int) -> bool:
    """Say whether a place in a text is inside of what a reader sees as one character."""
    before = text[:place]
    flags = len(before) - len(before.rstrip(_FLAG_LETTERS))
    if text[place] in _FLAG_LETTERS and flags % 2:  # two of them are a flag
        return True
    return joined(before[-1], text[place])


_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def joined(before: str, after: str) -> bool:
    """Say whether a reader sees two characters as one; in doubt, yes."""
    return (
        unicodedata.category(after) in _JOINING
        or unicodedata.category(before) == "Cf"
        or unicodedata.combining(before) == _VIRAMA
        or before + after == "\r\n"
        or after in "\u0e33\u0eb3\uff9e\uff9f"  # vowels of Thai and Lao, voice marks of Japanese
        or _is_later_jamo(after)
        or (_is_first_jamo(before) and (_is_first_jamo(after) or "\uac00" <= after <= "\ud7a3"))
    )


def _is_first_jamo(character: str) -> bool:
    """Say whether it begins a Korean syllable that is written in parts."""
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_later_jamo(character: str) -> bool:
    return "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb"
