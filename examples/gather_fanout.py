"""Make the faces in several photos ten years older, all photos at the same time.

AKOOL_API_KEY=... python examples/gather_fanout.py https://.../ann.jpg https://.../bob.jpg
"""

import asyncio
import sys

from akool_async import Akool, Face

PHOTOS = [f"https://photos.example/{name}.jpg" for name in ("ann", "bob", "cleo", "dan", "eve")]


async def main(photos: list[str]) -> None:
    async with Akool() as akool:
        jobs = [
            akool.reage.image(target_image=[Face(photo)], face_reage=10, modify_image=photo)
            for photo in photos
        ]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        for photo, outcome in zip(photos, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                print(f"{photo}: {outcome}")
            else:
                print(f"{photo} -> {await outcome.save('aged/')}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or PHOTOS))
