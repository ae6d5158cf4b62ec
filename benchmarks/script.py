"""A night's script by hand, as one writes it: csv, aiohttp, a semaphore, sleep. It saves no files.

    python -m benchmarks.script PHOTOS.csv RESULTS.csv

Rows that stand in the results are left out when it is started again. It reads its server's address
from `AKOOL_BASE_URL`.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp

AT_ONCE = 100
CREATE = "/api/open/v3/faceswap/highquality/imgreage"
LOOK = "/api/open/v3/faceswap/result/listbyids"


async def main() -> None:
    """Do all rows that are not done."""
    source, target = map(Path, sys.argv[1:])
    done: set[str] = set()
    if target.exists():
        with target.open(newline="", encoding="utf-8") as file:
            done = {row[0] for row in csv.reader(file) if row}
    with source.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["key"] not in done]
    semaphore = asyncio.Semaphore(AT_ONCE)
    headers = {"x-api-key": os.environ["AKOOL_API_KEY"]}
    async with aiohttp.ClientSession(os.environ["AKOOL_BASE_URL"], headers=headers) as session:
        with target.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)

            async def do(row: dict[str, str]) -> None:
                async with semaphore:
                    writer.writerow([row["key"], await job(session, row)])
                    file.flush()

            await asyncio.gather(*(do(row) for row in rows))


async def job(session: aiohttp.ClientSession, row: dict[str, str]) -> str:
    """Create a job, and look at it until it is over; return the address of its result."""
    body = {
        "targetImage": [{"path": row["target_image"]}],
        "face_reage": int(row["face_reage"]),
        "modifyImage": row["modify_image"],
    }
    async with session.post(CREATE, json=body) as response:
        created: dict[str, Any] = await response.json()
    number = created["data"]["_id"]
    while True:
        await asyncio.sleep(0.5)
        async with session.get(LOOK, params={"_ids": number}) as response:
            found: dict[str, Any] = await response.json()
        state = found["data"]["result"][0]
        if state["faceswap_status"] == 3:
            return str(state["url"])
        if state["faceswap_status"] == 4:
            return "failed"


if __name__ == "__main__":
    asyncio.run(main())
