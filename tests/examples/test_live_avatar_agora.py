"""The live avatar's page with the real SDK of Agora, in a browser without a network."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import async_playwright, expect

from akool_async import Akool
from akool_async.simulator import Simulator
from examples.live_avatar.app import Deadlines, Setup, build_app, serving
from examples.live_avatar.door import AGORA
from tests.browser_network import CHROMIUM_ARGS, LoopbackNetwork
from tests.browsers import chromium
from tests.npm_packages import AGORA as SDK

REFUSED_BEFORE_JOINING = """
async () => {
  const client = AgoraRTC.createClient({ mode: "rtc", codec: "vp8" });
  try {
    await client.sendStreamMessage(new Uint8Array([1]), false);
  } catch (error) {
    return error.code;
  }
}
"""


async def test_the_real_sdk_sends_messages_once_joined_and_our_deadline_ends_its_join(
    agora_sdk: Path, inside_loopback: LoopbackNetwork
) -> None:
    asked: set[str] = set()
    setup = Setup({"Alma": "Alma"}, (300,), sdk=agora_sdk, deadlines=Deadlines(join=0.5))
    async with (
        Simulator() as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
        serving(build_app(akool, setup)) as url,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=list(CHROMIUM_ARGS)
        )
        page = await browser.new_page()
        page.on("request", lambda each: asked.add(urlsplit(each.url).hostname or ""))
        await page.goto(url)
        await page.click("#start")
        await expect(page.locator("body")).to_contain_text("did not open in time", timeout=60_000)
        assert await page.evaluate("AgoraRTC.VERSION") == SDK.version
        assert await page.evaluate(REFUSED_BEFORE_JOINING) == "INVALID_OPERATION"
        await browser.close()
        assert not simulator.sessions.running
        assert simulator.requests["streaming.session"] == simulator.requests["streaming.close"] == 1
    # It did try, at the hosts that the page's policy allows, and the network has seen it.
    assert inside_loopback.left()
    hosts = {".".join(each.split(".")[-2:]) for each in asked - {"127.0.0.1", ""}}
    assert hosts
    assert hosts <= {each.removeprefix("*.") for each in AGORA}
