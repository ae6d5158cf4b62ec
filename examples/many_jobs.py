"""Run thousands of jobs from a stream of requests, and keep only a few of them in memory.

AKOOL_API_KEY=... python examples/many_jobs.py
"""

import asyncio
from collections.abc import Iterator

from akool_async import Akool
from akool_async.endpoints import SpeakText

COUNT = 2_000


def greetings(voice_id: str) -> Iterator[SpeakText]:
    """Yield one request after the other; a real program reads rows from a file or a database."""
    for number in range(1, COUNT + 1):
        yield SpeakText(input_text=f"Welcome, guest number {number}.", voice_id=voice_id)


async def main() -> None:
    done = failed = 0
    async with Akool(max_concurrency=500) as akool:
        voices = await akool.voice.list(type=2)  # Akool's own
        voice = next(each.voice_id for each in voices if each.voice_id)
        async for job in akool.map(greetings(voice)):
            error = job.exception()
            if error is None:
                done += 1  # to save the file here: await job.result().save("speech/")
            else:
                failed += 1
                print(f"{job.id}: {error}")
    print(f"{done} done, {failed} failed")


if __name__ == "__main__":
    asyncio.run(main())
