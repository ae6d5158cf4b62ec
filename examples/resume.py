"""Start a job in one process, and wait for it in another process.

AKOOL_API_KEY=... python examples/resume.py start          # prints a token
AKOOL_API_KEY=... python examples/resume.py finish TOKEN   # saves the result
"""

import asyncio
import sys

from akool_async import Akool, Face
from akool_async.endpoints import ImageReage

PHOTO = "https://photos.example/ann.jpg"


async def start() -> None:
    async with Akool() as akool:
        job = akool.reage.image(target_image=[Face(PHOTO)], face_reage=-10, modify_image=PHOTO)
        await job.created()
        print(job.token)


async def finish(token: str) -> None:
    async with Akool() as akool:
        swap = await akool.job(token, ImageReage)
        print(await swap.save("resumed/"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start"]:
            asyncio.run(start())
        case ["finish", token]:
            asyncio.run(finish(token))
        case _:
            sys.exit(__doc__)
