"""A run with files that is killed again and again pays for no row twice, and loses none."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.s3 import S3
    from tests.uploads.conftest import Photo

ROWS = range(-30, 31)
PROGRAM = """
import asyncio, sys
from pathlib import Path
from akool_async import Akool, CreateOutcomeUnknown, Face
from akool_async.endpoints import ImageReage

async def main():
    place, = sys.argv[1:]
    photos = sorted(Path().glob("*.jpg"))
    face = Face("https://example.com/face.jpg")
    async with Akool(uploads=place, journal="jobs.sqlite", max_concurrency=8) as akool:
        rows = (
            (f"row {years}", ImageReage(
                target_image=[face], face_reage=years, modify_image=photos[years % len(photos)]
            ))
            for years in range(-30, 31)
        )
        async for job in akool.map(rows):
            problem = job.exception()
            print(job.key, "unknown" if isinstance(problem, CreateOutcomeUnknown) else problem)

asyncio.run(main())
"""


async def test_killed_three_times_each_row_is_made_once(
    quick: Simulator, s3: S3, photo: Photo, tmp_path: Path
) -> None:
    photos = [photo(f"{n}.jpg", n) for n in range(5)]
    environment = os.environ | s3.environment
    environment |= {"AKOOL_BASE_URL": quick.url, "AKOOL_API_KEY": quick.api_key}

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, s3.place()],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    jobs = quick.world.jobs
    for made in (5, 20, 35):
        with begin() as killed:
            while len(jobs) < made and killed.poll() is None:  # noqa: ASYNC110 - of a process
                await asyncio.sleep(0.01)
            killed.kill()
    with begin() as last:
        written, _ = await asyncio.to_thread(last.communicate)
    ended = dict(line.rsplit(" ", 1) for line in written.splitlines())
    assert last.returncode == 0
    assert {*ended} == {f"row {years}" for years in ROWS}
    assert {*ended.values()} <= {"None", "unknown"}
    creates = Counter(job.request.to_wire()["face_reage"] for job in jobs.values())
    assert set(creates.values()) == {1}
    unsure = {key for key, problem in ended.items() if problem == "unknown"}
    assert {f"row {years}" for years in creates} | unsure == {*ended}
    digests = {f"akool/{hashlib.sha256(path.read_bytes()).hexdigest()}.jpg" for path in photos}
    assert {*s3.names()} == digests
