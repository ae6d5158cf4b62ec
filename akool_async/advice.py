"""What to do about each of Akool's codes: one or two sentences, of which a message shows the first.

Every code has its own, so that nobody has to guess; `errors.CODES` has the codes' meanings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PARAMETERS: Final = (
    "Compare the parameters with the method's page."
    " Akool must be able to fetch each address: open it in a private window of a browser."
)
LATER: Final = (
    "Send it again later. If it fails each time, try other media, or ask Akool's support about the"
    " job's id."
)
CREDENTIAL: Final = (
    "Check the credential, or make a new key in your account at akool.com."
    " A key that was copied in part, or revoked, is refused like this."
)
ACCOUNT: Final = "Look at your account at akool.com: its plan, its payments, its verification."
CREDIT: Final = (
    'Buy credit at akool.com. With `Akool(on_credit="pause")` jobs wait until there is some.'
)
SLOWER: Final = (
    "Send fewer at once: lower `max_concurrency`. The client slows down and repeats such a request"
    " by itself; so another program may be using the same account."
)
IDS: Final = (
    "Check the id. Akool deletes results after 7 days, and an account sees only what is its own."
)
RIGHTS: Final = "Use the credential of the account that made it; some products need a plan."
STATE: Final = "Look at its state first: it was changed or deleted already, or is in use."

_SESSION_OVER: Final = "Open a new session: one that is over cannot be opened again."
_SESSION: Final = (
    "Open a new session. Close this one first, so that it is not paid for to its limit."
)
_SHORTER: Final = "Cut the video: Akool names the longest in `error.msg` or on the method's page."

CODES: Final[Mapping[int, str]] = {
    1003: PARAMETERS,
    1004: "Verify your account at akool.com, then send it again.",
    1005: SLOWER,
    1006: CREDIT,
    1007: "Name 8 faces at most in one request, and swap the others in a second one.",
    1008: IDS,
    1009: RIGHTS,
    1010: STATE,
    1011: "Do nothing, it has been done already. Ask for its state to see the outcome.",
    1013: "Give a video that has a sound track, or pass the recording as a parameter of its own.",
    1014: IDS,
    1015: LATER,
    1016: (
        "Give pictures in which the whole face is seen from the front, and landmarks from"
        " `faceswap.detect`. Then send it again."
    ),
    1017: "Check text and voice, then send it again.",
    1101: CREDENTIAL,
    1102: (
        "Give a credential that is not empty: `Akool(api_key)`, or the environment's"
        " AKOOL_API_KEY. A session or a proxy of yours may have removed the header."
    ),
    1103: "Pay the open bill at akool.com, then send it again.",
    1104: CREDIT,
    1105: LATER,
    1108: LATER,
    1109: CREDENTIAL,
    1110: LATER,
    1111: LATER,
    1112: "Give another recording of the voice, clear and without music, or send it again later.",
    1200: "Ask Akool's support: they have blocked the account.",
    1201: LATER,
    1202: "Use the job that you have: a video is translated into a language once.",
    1203: "Give a video with a sound track in which somebody speaks.",
    1204: _SHORTER,
    1205: LATER,
    1206: LATER,
    1207: "Give a smaller file: encode the video anew, or cut it.",
    1208: "Give a video that plays in a browser: MP4 with H.264 and AAC is safe.",
    1209: "Encode the video anew: MP4 with H.264 and AAC is safe.",
    1210: "Encode the video with fewer frames a second: 30 or less is safe.",
    1211: LATER,
    1212: LATER,
    1213: "Subscribe to a plan at akool.com: this product is for subscribers.",
    1214: "Wait until the avatar is made, then send it again.",
    1215: (
        "Try again in some minutes, all live avatars are in use."
        " Close sessions of your own that nobody talks in."
    ),
    1216: "Check the session's id, or open a new session.",
    1217: _SESSION,
    1218: _SESSION,
    1219: _SESSION_OVER,
    1220: "Give another video of the avatar: one person, from the front, in good light.",
    1221: "Subscribe to a plan at akool.com, then send it again.",
    1222: "Use the one that is there, or choose another name.",
    1223: "Delete an avatar that is not needed, or take a larger plan at akool.com.",
    1232: "Check the id, or list what is there with `knowledge.list`.",
    1233: "Choose another name, or change the one that is there.",
    1234: "Check the documents' addresses and sizes, then send it again.",
    1235: "Check the documents' addresses and sizes, then send it again.",
    1236: LATER,
    2001: (
        "Look before you send it again: the trouble is Akool's own, and a job may run all the"
        " same. `await akool.find(error)` looks for it."
    ),
}
"""By Akool's code."""

CAUSES: Final[Mapping[str, str]] = {
    "host": (
        'Check the network, `base_url` and `proxy`. With `Akool(on_outage="wait")` jobs wait'
        " until the host answers."
    ),
    "certificate": (
        "Check `base_url` and this machine's clock; a proxy that opens TLS needs its certificate"
        " among those that Python trusts."
    ),
    "machine": "Raise the limit of open files (`ulimit -n`), or lower `max_concurrency`.",
    "client": "Use the client inside `async with`, in the loop that opened it, and make a new one.",
}
"""By what kept a request from its answer."""

MODERATION: Final = "Change the text or the media: moderation refuses it, and will refuse it again."

_MODERATED: Final = re.compile(
    r"moderat|nsfw|sensitive|inappropriate|prohibited|violat|content policy|safety", re.IGNORECASE
)
"""Words in which vendors say that moderation refused something."""


def of_failure(code: object, reason: str) -> str:
    """Return what to do about a job that failed; empty if nothing is known.

    Args:
        code: The code in its result, if there is one.
        reason: Why it failed, in the vendor's words.
    """
    if _MODERATED.search(reason):
        return MODERATION
    return CODES.get(code, "") if isinstance(code, int) else ""


def first_sentence(text: str) -> str:
    """Return the first of some sentences, with its full stop."""
    first, stop, _ = text.partition(". ")
    return first + stop.rstrip()
