"""The messages of a live avatar, beside those of the vendor's code; no time passes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from akool_async.streaming.messages import AGORA, Pace, chat
from benchmarks import vendor_chunker
from benchmarks.bench import Bench
from benchmarks.report import Goal, Section, Table, number

TEXT = """\
What a live avatar is sent for a text of 6 000 characters on Agora's data channel, beside the code
on Akool's page "Streaming Avatar Integration", in Python rule by rule. *Halves* are emoji that were
cut in half: one message ends with the first half, the next begins with the other. *Last* is when
the last message leaves, the first one at 0; *worst second* has the most bytes of all seconds, ends
included, of which Agora allows 6 000. No message is sent, and no time passes."""

LETTERS = 6_000
MID = "msg-1723629433573"

TEXTS: Mapping[str, str] = {
    "letters": "The quick brown fox jumps over the lazy dog. ",
    "CJK": "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少",
    "quotes": '"',
    "emoji": "\N{PARTY POPPER}\N{GRINNING FACE} ",
}

_HALF = re.compile("[\ud800-\udfff]")


class Sent(NamedTuple):
    """The messages of a text, and when they leave."""

    messages: Sequence[bytes]
    moments: Sequence[float]

    @property
    def size(self) -> int:
        """The bytes of all messages."""
        return sum(map(len, self.messages))

    @property
    def halves(self) -> int:
        """The characters that were cut in half."""
        parts = [json.loads(message)["pld"]["text"] for message in self.messages]
        return sum(len(_HALF.findall(part)) for part in parts) // 2

    @property
    def worst(self) -> int:
        """The bytes of the second that has most of them."""
        sent = list(zip(self.moments, map(len, self.messages), strict=True))
        return max(sum(size for at, size in sent if 0 <= at - begin <= 1) for begin, _ in sent)


def messages(bench: Bench) -> Section:
    """Count the messages and bytes of four texts."""
    section = Section("messages", "Messages to a live avatar", TEXT)
    head = ["", "", "messages", "bytes", "halves", "last (s)", "worst second"]
    table, worst = Table(head), 0
    for name, words in TEXTS.items():
        text = (words * LETTERS)[:LETTERS]
        both = {"akool_async": ours(text), "the page's code": theirs(text)}
        for way, sent in both.items():
            cells = (number(len(sent.messages)), number(sent.size), str(sent.halves))
            table.rows.append((name, way, *cells, f"{sent.moments[-1]:.2f}", number(sent.worst)))
        worst = max(worst, both["akool_async"].worst)
        few, many = (len(each.messages) for each in both.values())
        section.goals.append(
            Goal(f"messages to a live avatar, 6 000 {name}, × the page's code", 0.75, few / many)
        )
    bench.say("counted")
    section.goals.append(
        Goal("bytes to a live avatar in one second, of 6 000 allowed", 6000, worst, "{:.0f}")
    )
    section.tables = [table]
    return section


def ours(text: str) -> Sent:
    """Cut a text with the package, and send it by its pace."""
    some, pace, now = chat(text, MID), Pace(AGORA), 0.0
    moments: list[float] = []
    for message in some:
        now += pace.delay(len(message), now)
        pace.sent(len(message), now)
        moments.append(now)
    return Sent(some, moments)


def theirs(text: str) -> Sent:
    """Cut and send a text as the page's code does."""
    some = vendor_chunker.messages(text, MID)
    return Sent(some, vendor_chunker.moments(some))
