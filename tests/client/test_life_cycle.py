"""Whatever happens to jobs, each of them takes each step of its life once, and in order."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from akool_async import Akool, Backoff, Event, Face, Job, KeyConflict, Retry
from akool_async.endpoints import TTS, AgeFaces, ImageReage
from akool_async.engine import EventName
from akool_async.simulator import Simulator

PHOTO = "https://photos.example/photo.png"

MAKERS: tuple[Callable[[int], Any], ...] = (
    lambda n: TTS(input_text=f"text {n}", voice_id="voice"),
    lambda n: ImageReage(target_image=[Face(PHOTO)], face_reage=n, modify_image=PHOTO),
    lambda n: AgeFaces(PHOTO, n),
)

LETTERS = {
    EventName.PREPARING: "p",
    EventName.QUEUED: "q",
    EventName.CREATING: "c",
    EventName.CREATED: "a",
    EventName.RESUMED: "r",
    EventName.STATUS: "s",
    EventName.SAVED: "v",
    EventName.UNSAVED: "v",
}
"""One for each step that is not an end; ends are `e`."""

LIFE = re.compile(
    r"""
    p?                # a recipe takes its steps
    (
        q (c? q)*     # without credit it is queued once more
        (c a?)?       # some end in the queue, others while they are created
      | r             # or it was accepted earlier
    )?                # or all was over before
    (?<![qcp]) s*     # only what was accepted has a status
    e                 # there is one end
    v?                # and at most one save after it
    |
    p? (q (c? q)* c?)? e # an end without being accepted
    """,
    re.VERBOSE,
)

Plan = tuple[int, str | None, str]
"""Which maker, under which key, and what is done to the job."""

plans = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([None, None, "K", "L"]),
        st.sampled_from(["leave", "leave", "await", "cancel", "hurry", "cancel late"]),
    ),
    min_size=1,
    max_size=6,
)
answers = st.lists(
    st.sampled_from(["yes", "yes", "yes", "no", "drop", "no credit", "same", "busy", "unreadable"]),
    max_size=8,
)


class Story(NamedTuple):
    """What happens, and under which settings."""

    first: list[Plan]
    second: list[Plan]
    answers: list[str]
    pause: float
    places: int
    fail_rate: float
    on_credit: str


stories = st.builds(
    Story,
    plans,
    plans,
    answers,
    st.sampled_from([0.0, 0.02, 0.05]),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from(["raise", "pause"]),
)


class Fate:
    """Answers creates as was drawn, and all else as the simulator does."""

    def __init__(self, drawn: Iterable[str]) -> None:
        self._drawn = iter(drawn)

    async def __call__(self, name: str, _request: web.Request) -> web.StreamResponse | None:
        """Answer."""
        if name not in {"audio.tts", "reage.image"}:
            return None
        answer = next(self._drawn, "yes")
        if answer == "drop":
            raise ConnectionResetError
        if answer == "unreadable":
            return web.Response(text="<html>")
        codes = {"no": 1003, "no credit": 1006, "busy": 1005}
        if answer in codes:
            return web.json_response({"code": codes[answer], "msg": answer})
        if answer == "same":  # two creates are answered with one id
            data = {"_id": "65f8017f56559aa67f0ecde7", "job_id": "same", "status": 1}
            return web.json_response({"code": 1000, "msg": "OK", "data": data})
        return None


class Lives:
    """A hook that writes down each job's life, as letters."""

    def __init__(self) -> None:
        self.of: dict[Job[Any], str] = {}
        self.steps: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Add a letter."""
        self.of[event.job] = self.of.get(event.job, "") + LETTERS.get(event.name, "e")
        self.steps[event.name] += 1


async def run(akool: Akool, drawn: list[Plan]) -> list[Job[Any]]:
    """Submit jobs, and do to them what was drawn."""
    jobs: list[Job[Any]] = []
    for number, (maker, key, deed) in enumerate(drawn):
        seconds: dict[str, Any] = {"timeout": 0.02} if deed == "hurry" else {}
        try:
            job = akool.submit(MAKERS[maker](number % 3), key=key, **seconds)
        except KeyConflict:
            continue
        jobs.append(job)
        if deed == "await":
            await asyncio.wait([asyncio.ensure_future(_ended(job))], timeout=0.1)
        elif deed == "cancel":
            await asyncio.gather(job.cancel(), return_exceptions=True)
        elif deed == "cancel late":
            await asyncio.sleep(0.02)
            await asyncio.gather(job.cancel(), return_exceptions=True)
    return jobs


async def _ended(job: Job[Any]) -> None:
    await asyncio.gather(job, return_exceptions=True)


def check(lives: Lives, jobs: list[Job[Any]], akool: Akool) -> None:
    """Check each job's life, and that the figures count the same steps."""
    for job in {*jobs, *lives.of}:
        assert job.done()
        job.exception()
        assert LIFE.fullmatch(lives.of[job]), lives.of[job]
    ends = {step: lives.steps[step] for step in ENDS if lives.steps[step]}
    counted: Counter[str] = Counter()
    for counts in akool.stats.jobs.values():
        counted.update({step: getattr(counts, step.removeprefix("job.")) for step in ENDS})
        assert counts.queued == counts.in_flight == 0
    assert +counted == ends


ENDS = (
    EventName.COMPLETED,
    EventName.FAILED,
    EventName.TIMED_OUT,
    EventName.CANCELLED,
    EventName.UNKNOWN,
    EventName.CLOSED,
    EventName.REFUSED,
    EventName.SAVED,
    EventName.UNSAVED,
)


async def live(story: Story) -> None:
    """Run jobs in one client, leave it, and take them up in another with the same journal."""
    with tempfile.TemporaryDirectory() as folder:
        settings_: dict[str, Any] = {
            "backoff": Backoff(initial=0.005, maximum=0.02),
            "retry": Retry(initial=0.001, throttled=0.001, maximum=0.002),
            "journal": Path(folder) / "jobs.sqlite",
            "save_to": Path(folder) / "results",
            "max_concurrency": story.places,
            "on_credit": story.on_credit,
        }
        async with Simulator(pace=0.02, omit_rate=0.0, fail_rate=story.fail_rate) as simulator:
            simulator.fault = Fate(story.answers)
            tokens: set[str] = set()
            for drawn in (story.first, story.second):
                lives = Lives()
                akool = Akool(
                    simulator.api_key, base_url=simulator.url, on_event=lives, **settings_
                )
                async with akool:
                    jobs = [akool.job(token) for token in tokens]
                    jobs += [job async for job in akool.recover()]
                    jobs += await run(akool, drawn)
                    akool.resume()
                    await asyncio.sleep(story.pause)
                    tokens = {job.token for job in jobs if job.id is not None}
                check(lives, jobs, akool)


@settings(max_examples=25)
@given(stories)
def test_each_job_takes_each_step_once_and_in_order(story: Story) -> None:
    async def within_a_minute() -> None:
        async with asyncio.timeout(60):
            await live(story)

    asyncio.run(within_a_minute())
