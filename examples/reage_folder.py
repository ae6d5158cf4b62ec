"""Make the people in a folder's photos ten years older. Started again, it goes on.

AKOOL_API_KEY=... AKOOL_UPLOADS=s3://my-bucket/akool python examples/reage_folder.py photos/
"""

import asyncio
import os
import sys
from pathlib import Path

from akool_async import Akool
from akool_async.endpoints import AgeFaces

UPLOADS = os.environ.get("AKOOL_UPLOADS")  # a bucket of yours: Akool reads addresses only


async def main(photos: list[Path]) -> None:
    rows = [(photo.stem, AgeFaces(photo, years=10)) for photo in photos]
    async with Akool(uploads=UPLOADS, journal="aged.sqlite", save_to="aged/{key}{ext}") as akool:
        async for job in akool.progress(akool.map(rows), total=len(rows)):
            if not job.succeeded:
                print(f"{job.key}: {job.exception()}")


if __name__ == "__main__":
    asyncio.run(main(sorted(Path(sys.argv[1]).glob("*.jpg"))))
