"""Creates as an engine writes them down: claimed first if they have a key, then intended."""

from __future__ import annotations

from akool_async.journal import Entry, Intent, JobStore
from akool_async.journal import fingerprint as fingerprint_of

REQUEST = b'{"input_text":"Good morning."}'
PRINT = fingerprint_of("audio.tts", {"input_text": "Good morning."})
OTHER_PRINT = fingerprint_of("audio.tts", {"input_text": "Good night."})


def speech(
    key: str | None = None,
    *,
    request: bytes = REQUEST,
    fingerprint: str = PRINT,
    retry_failed: bool = False,
) -> Intent:
    """Make an intent."""
    return Intent(
        name="audio.tts",
        request=request,
        fingerprint=fingerprint,
        key=key,
        retry_failed=retry_failed,
    )


async def intend(store: JobStore, intent: Intent) -> int:
    """Claim an intent's key, if it has one, and write the intent whatever the row's state is."""
    if intent.key is None:
        return (await store.intend(intent)).row
    (claim,) = await store.claim([intent])
    if isinstance(claim, Exception):
        raise claim
    return (await store.intend(intent, claim.number if isinstance(claim, Entry) else claim)).row
