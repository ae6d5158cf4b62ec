"""Speak each text of a spreadsheet, in its column "text". Started again, it goes on.

AKOOL_API_KEY=... python examples/speak_spreadsheet.py texts.xlsx voice-nicole
"""

import asyncio
import sys

from akool_async import Akool, batch


async def main(texts: str, voice: str) -> None:
    reading = batch.RowOptions(
        operation="voice.tts", set={"voice_id": voice}, map={"text": "input_text"}
    )
    async for outcome in batch.run(texts, Akool(), out="speech", reading=reading):
        print(outcome.line, outcome.path or outcome.msg)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
