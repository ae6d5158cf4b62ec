"""A simulated Akool whose images have several files, each with a content of its own."""

from __future__ import annotations

import msgspec
from aiohttp import web

from akool_async import Status
from akool_async.endpoints import GenerateImage, GetImage, Image
from akool_async.simulator import Simulator
from akool_async.simulator.media import picture

IMAGE = GenerateImage(prompt="A tree")


def show_several(simulator: Simulator, files: int = 3) -> None:
    """Let each image of a simulated Akool have so many files, the first one included.

    Address `?n=2` is that of the second. What `simulator.fault` did before, it still does.
    """
    before = simulator.fault

    async def several(name: str, request: web.Request) -> web.StreamResponse | None:
        if before is not None and (answer := await before(name, request)) is not None:
            return answer
        if name == "image.get":
            return web.json_response({"code": 1000, "msg": "OK", "data": _image(request)})
        if name == "media" and "n" in request.query:
            return web.Response(body=content_of(request.query["n"]), content_type="image/png")
        return None

    def _image(request: web.Request) -> object:
        job = simulator.world.jobs[request.query["image_model_id"]]
        image: Image = simulator.world.snapshot(job, simulator.url)
        if image.status is Status.COMPLETED:
            # The first picture is repeated there, as for an image of v4.
            others = [f"{image.image}?n={number}" for number in range(2, files + 1)]
            image = msgspec.structs.replace(image, upscaled_urls=(image.image, *others))
        return GetImage.parse.encode(image)

    simulator.fault = several


def content_of(number: int | str) -> bytes:
    """Return the content of a further file."""
    return picture(f"picture {number}", "of several").content
