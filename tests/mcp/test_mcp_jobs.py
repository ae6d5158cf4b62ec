"""Jobs of agents: started, watched, saved, found after a restart; nothing is paid for twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from mcp.types import ImageContent, ResourceLink

from akool_async.mcp.folder import LARGEST_SHOWN, picture
from akool_async.simulator import Simulator
from tests.mcp.agents import PICTURE, REAGE, agent


def creates(simulator: Simulator, name: str = "image.create") -> int:
    return simulator.requests[name]


async def test_a_picture_is_made_waited_for_and_saved(quick: Simulator, tmp_path: Path) -> None:
    told: list[Any] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with agent(quick, folder=tmp_path) as maker:
        started = await maker.data("image_create", **PICTURE)
        assert started["operation"] == "image.create"
        assert started["estimated_credits"] == 1
        answer = await maker.client.call_tool(
            "job_result", {"token": started["token"]}, progress_callback=note
        )
        done: Any = answer.structured_content
        assert done["status"] == "completed"
        assert done["expires_at"]
        links = [each.uri for each in answer.content if isinstance(each, ResourceLink)]
        assert links == done["urls"]
        saved = await maker.call("job_save", token=started["token"], show=True)
        file = Path(saved.structured_content["saved"][0])
        assert file.parent == tmp_path
        assert any(isinstance(each, ImageContent) for each in saved.content)
        again = await maker.data("job_save", token=started["key"])
        assert again["saved"] == [str(file)]
    assert told
    assert "image.create" in told[-1][2]
    assert creates(quick) == 1


async def test_the_same_call_again_is_the_same_job(quick: Simulator, tmp_path: Path) -> None:
    journal = tmp_path / "agents.sqlite"
    async with agent(quick, journal=journal) as hasty:
        one, two = await asyncio.gather(
            hasty.data("image_create", **PICTURE), hasty.data("image_create", **PICTURE)
        )
        assert one["token"] == two["token"]
        third = await hasty.data("image_create", **PICTURE)
        assert third["repeated"]
        assert "another `key`" in third["note"]
        assert creates(quick) == 1
        other = await hasty.data("image_create", **PICTURE, key="take 2")
        assert other["token"] != one["token"]
        assert creates(quick) == 2
    async with agent(quick, journal=journal) as restarted:
        assert (await restarted.data("image_create", **PICTURE))["token"] == one["token"]
        listed = (await restarted.data("job_list"))["jobs"]
        assert [each["key"] for each in listed] == ["take 2", one["key"]]
        done = await restarted.data("job_result", token="take 2")
        assert done["status"] == "completed"
    assert creates(quick) == 2


async def test_a_recipe_is_the_same_job_after_a_restart(quick: Simulator, tmp_path: Path) -> None:
    journal = tmp_path / "agents.sqlite"
    async with agent(quick, journal=journal, unpriced=2) as first:
        started = await first.data("reage_photo", **REAGE)
    async with agent(quick, journal=journal) as second:
        again = await second.data("reage_photo", **REAGE)
        assert again["repeated"]
        assert again["token"] == started["token"]
        done = await second.data("job_result", token=started["key"])
        assert done["status"] == "completed"
    assert creates(quick, "reage.image") == 1


async def test_jobs_that_are_not_held_any_more_are_found(
    quick: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.mcp.desk.MOST_HELD", 1)
    async with agent(quick) as busy:
        tokens: dict[str, str] = {}
        for key in ("one", "two", "three"):
            tokens[key] = (await busy.data("image_create", **PICTURE, key=key))["token"]
            await busy.data("job_result", token=key)
        for key, token in tokens.items():
            for name in (key, token):
                seen = await busy.data("job_status", token=name)
                assert seen["status"] == "completed"
                assert seen["urls"]
    assert creates(quick) == 3


async def test_one_key_is_no_two_requests(quick: Simulator) -> None:
    async with agent(quick) as muddled:
        started = await muddled.data("image_create", prompt="a cat", key="one")
        assert "another `key`" in await muddled.error("image_create", prompt="a dog", key="one")
        shown = await muddled.data("image_create", prompt="a bird", dry_run=True)
        assert shown["spent_credits"] == 1
        assert (await muddled.data("job_status", token="one"))["id"] == started["id"]
    assert creates(quick) == 1


async def test_a_dry_run_sends_nothing(quick: Simulator) -> None:
    async with agent(quick) as careful:
        shown = await careful.data("image_create", **PICTURE, dry_run=True)
        assert shown["estimated_credits"] == 1
        assert not shown["would_ask"]
        assert (await careful.data("reage_photo", **REAGE, dry_run=True))["would_ask"]
        assert (await careful.data("job_list"))["jobs"] == []
    assert quick.requests.total() == 0


async def test_a_wait_ends_and_the_job_goes_on() -> None:
    async with Simulator(pace=50) as slow, agent(slow) as waiting:
        started = await waiting.data("image_create", **PICTURE)
        seen = await waiting.data("job_result", token=started["token"], wait_seconds=0.05)
        assert seen["status"] in {"queued", "processing"}
        assert "again" in seen["note"]
        seen = await waiting.data("job_status", token=started["token"])
        assert seen["status"] in {"queued", "processing"}
        refused = await waiting.error("job_cancel", token=started["token"])
        assert "cancel" in refused


async def test_a_token_of_another_program_is_looked_up(quick: Simulator) -> None:
    async with agent(quick) as one:
        started = await one.data("image_create", **PICTURE)
        await one.data("job_result", token=started["token"])
    async with agent(quick) as other:
        seen = await other.data("job_status", token=started["token"])
        assert seen["status"] == "completed"
        assert seen["urls"]


async def test_errors_say_what_to_do_and_nothing_of_the_inside(quick: Simulator) -> None:
    async with agent(quick) as clumsy:
        wrong = await clumsy.error("reage_photo", url="nothing", years=20)
        assert "http or https" in wrong
        assert "nothing is paid" in wrong
        assert "prompt" in await clumsy.error("image_create", text="a cat")
        assert "job_list" in await clumsy.error("job_status", token="no such job")
        assert "job_list" in await clumsy.error("job_status", token="akj1.broken")
        assert "`token`" in await clumsy.error("job_status", token=7)
        assert "key" in await clumsy.error("image_create", **PICTURE, key=7)
        assert "dry_run" in await clumsy.error("image_create", **PICTURE, dry_run="yes")
        # An agent could be talked into sending results to a stranger.
        stranger = await clumsy.error("image_create", **PICTURE, webhook_url="https://evil.example")
        assert "no argument 'webhook_url'" in stranger
        assert "no tool" in await clumsy.error("account_token")
    assert quick.requests.total() == 0


async def test_a_failed_job_says_why() -> None:
    async with Simulator(pace=0.02, fail_rate=1.0) as failing, agent(failing) as unlucky:
        started = await unlucky.data("image_create", **PICTURE)
        answer = await unlucky.call("job_result", token=started["token"])
        assert answer.is_error
        data: Any = answer.structured_content
        assert data["status"] == "failed"
        assert data["error"]["type"] == "JobFailed"
        assert data["error"]["token"] == started["token"]
        assert "Traceback" not in answer.model_dump_json()


async def test_only_addresses_of_the_web_are_links(quick: Simulator) -> None:
    async def answer(name: str, request: web.Request) -> web.Response | None:
        if name != "image.get":
            return None
        job = {"_id": request.query["image_model_id"], "image_status": 3}
        data = {**job, "image": "file:///etc/hostname"}
        return web.json_response({"code": 1000, "msg": "OK", "data": data})

    quick.fault = answer
    async with agent(quick) as curious:
        started = await curious.data("image_create", **PICTURE)
        done = await curious.call("job_result", token=started["token"])
        assert done.structured_content["urls"] == ["file:///etc/hostname"]
        assert not any(isinstance(each, ResourceLink) for each in done.content)


class LostReplies:
    """A fault of a simulated Akool: a proxy answers creates of pictures, as if Akool had not."""

    async def __call__(self, name: str, _request: web.Request) -> web.Response | None:
        """Answer a create; let the simulator answer everything else."""
        return web.Response(status=502, text="bad gateway") if name == "image.create" else None


async def test_a_job_in_doubt_is_not_sent_again(tmp_path: Path) -> None:
    journal = tmp_path / "agents.sqlite"
    async with Simulator() as lossy:
        lossy.fault = LostReplies()
        async with agent(lossy, journal=journal, limit=5) as unlucky:
            for _ in range(2):
                told = await unlucky.error("image_create", **PICTURE)
                assert "may be paid for" in told
                assert "another `key`" not in told
            shown = await unlucky.data("image_create", prompt="a dog", dry_run=True)
            assert shown["spent_credits"] == 1
        async with agent(lossy, journal=journal) as restarted:
            assert "may be paid for" in await restarted.error("image_create", **PICTURE)
        assert creates(lossy) == 1


async def test_a_job_that_was_refused_may_be_started_again(quick: Simulator) -> None:
    quick.world.credit = 0
    async with agent(quick) as poor:
        assert "quota" in await poor.error("image_create", **PICTURE)
        quick.world.credit = 10
        shown = await poor.data("image_create", **PICTURE, dry_run=True)
        assert shown["spent_credits"] == 0
        assert not shown["repeated"]
        started = await poor.data("image_create", **PICTURE)
        assert not started.get("repeated")
        assert started["token"]
        await poor.data("job_result", token=started["token"])


async def test_a_failed_job_is_tried_again_under_another_key() -> None:
    async with Simulator(pace=0.02, fail_rate=1.0) as failing, agent(failing) as stubborn:
        started = await stubborn.data("image_create", **PICTURE)
        await stubborn.call("job_result", token=started["token"])
        assert "another `key`" in await stubborn.error("image_create", **PICTURE)
        assert creates(failing) == 1


async def test_no_file_leaves_the_folder(quick: Simulator, tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "mine.png").write_text("mine")
    async with agent(quick, folder=folder) as sly:
        started = await sly.data("image_create", **PICTURE)
        await sly.data("job_result", token=started["token"])
        for path in ("../x.png", "/x.png", "link/x.png", "a/../../x.png", "a\0b"):
            assert "allowed folder" in await sly.error(
                "job_save", token=started["token"], path=path
            )
        kept = await sly.error("job_save", token=started["token"], path="mine.png")
        assert "is there already" in kept
        inside = await sly.data("job_save", token=started["token"], path="sub/cat.png")
        assert inside["saved"] == [str(folder / "sub" / "cat.png")]
    assert not any(outside.iterdir())
    assert (folder / "mine.png").read_text() == "mine"


async def test_only_files_in_the_folder_are_uploaded(quick: Simulator, tmp_path: Path) -> None:
    async with agent(quick, folder=tmp_path, takes_files=True, unpriced=0) as sly:
        for path in ("../secret.png", "/etc/hostname", "file:///etc/hostname"):
            assert "allowed folder" in await sly.error("reage_photo", url=path)
    async with agent(quick, folder=tmp_path, unpriced=0) as without:
        assert "http or https" in await without.error("reage_photo", url="photo.png")
    assert quick.requests.total() == 0


def test_a_model_is_shown_small_pictures_only(tmp_path: Path) -> None:
    for name, size, shown in (
        ("cat.png", LARGEST_SHOWN, True),
        ("large.png", LARGEST_SHOWN + 1, False),
        ("cat.svg", 10, False),
        ("cat.mp4", 10, False),
    ):
        file = tmp_path / name
        file.write_bytes(bytes(size))
        assert (picture(file) is not None) is shown
