"""The reference pages, and what it takes to add an endpoint: a class, a binding, a fixture."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Meta, field

from akool_async import Akool, InvalidInput, Job, NotFound, Status
from akool_async.cli.namespaces import commands_of
from akool_async.endpoints import (
    ENDPOINTS,
    OPERATIONS,
    RECIPES,
    AudioElement,
    AvatarElement,
    AvatarType,
    Box,
    Button,
    ContentType,
    Credit,
    Detection,
    Face,
    Image,
    ImageElement,
    ImageNamespace,
    ListedAvatar,
    Scale,
    SessionCredentials,
    SpokenLanguage,
    Token,
    Voice,
)
from akool_async.endpoints.image import IMAGES, ImageOperation
from akool_async.endpoints.namespace import calls, submits
from akool_async.errors import CODES, PAGE_CODES, meaning_of
from akool_async.protocol.documentation import field_docs, summary
from akool_async.protocol.endpoint import Endpoint, Operation, Query, Recipe, Steps
from akool_async.protocol.fields import Url, plan_of
from akool_async.protocol.reply import Reply
from akool_async.protocol.value import Input, Value
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator
from tests.clients import soon

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
SCRIPT = ROOT / "docs" / "build_reference.py"
BOUND: dict[str, type[Endpoint[Any] | Recipe[Any]]] = {**ENDPOINTS, **RECIPES}


@pytest.fixture(scope="module")
def builder() -> Iterator[ModuleType]:
    """Import the script that writes the pages, as it finds its own parts when it runs."""
    sys.path.insert(0, str(FOLDER.parent))
    yield import_module("build_reference")
    sys.path.remove(str(FOLDER.parent))


def page_of(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def section_of(page: str, heading: str) -> str:
    """Return the one section with a heading, up to the next heading of its level."""
    level = heading.partition(" ")[0]
    (section,) = re.findall(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", page, re.MULTILINE | re.DOTALL
    )
    return str(section)


def section_about(name: str) -> str:
    return section_of(page_of(name.partition(".")[0]), f"## akool.{name}")


def row_of(text: str, name: str) -> list[str]:
    """Return the cells of the one row that begins with a name."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


# The pages


def test_the_reference_pages_are_current() -> None:
    ended = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_page_that_is_not_current_is_refused(
    builder: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["build_reference.py", *arguments])
        status: int = builder.main()
        return status

    monkeypatch.setattr(builder, "FOLDER", tmp_path)
    pages = builder.pages()  # made once: half a second each time
    monkeypatch.setattr(builder, "pages", lambda: pages)
    assert run() == 0
    assert run("--check") == 0
    for spoil in ("audio.md", "of-old.md"):
        (tmp_path / spoil).write_text("stale", encoding="utf-8")
        assert run("--check") == 1
        assert "is not current" in capsys.readouterr().err
        assert run() == 0
        assert run("--check") == 0


@pytest.mark.parametrize(
    ("name", "called", "told"),
    [
        ("streaming.open", "akool.streaming.open(", "`grace`"),
        ("streaming.reap", "It is a coroutine: await it.", "`all`"),
        ("streaming.aiohttp_routes", ") -> BackendRoutes", "`authorize`"),
        ("streaming.asgi_app", ") -> BackendApp", "`silent_for`"),
        ("faceswap.live", ") -> LiveFaceswapSession", "`source_image`"),
    ],
)
def test_a_method_that_is_no_single_request_has_its_section_too(
    name: str, called: str, told: str
) -> None:
    section = section_about(name)
    assert called in section
    assert row_of(section, told.strip("`"))[1]


@pytest.mark.parametrize("name", BOUND)
def test_each_endpoint_and_recipe_has_its_section(name: str) -> None:
    cls = BOUND[name]
    section = section_about(name)
    # The number of a quirk is a link there.
    assert summary(cls) in re.sub(r"\[([TNW]\d+)\]\(\S+?\)", r"\1", section)
    assert f"`{name}`, class `{cls.__name__}`" in section
    if issubclass(cls, Endpoint):
        assert f"{cls.method} `{cls.root}{cls.path}`" in section
    if issubclass(cls, Operation | Recipe):
        assert f"result family `{cls.family.name}`" in section
        assert f") -> Job[{cls.family.result.__name__}]" in section
    for address in (cls.docs, *getattr(cls, "also_in", ())):
        assert f"]({address})" in section


@pytest.mark.parametrize("name", BOUND)
def test_each_endpoint_and_recipe_is_in_the_index(name: str) -> None:
    namespace = name.partition(".")[0]
    anchor = f"akool{name}".replace(".", "")
    assert f"| [`{name}`]({namespace}.md#{anchor}) | " in page_of("index")


@pytest.mark.parametrize("name", BOUND)
def test_each_parameter_has_its_line_and_its_row(name: str) -> None:
    section = section_about(name)
    signature = section.partition("```py\n")[2].partition("```")[0]
    for plan in plan_of(BOUND[name]):
        if name == "faceswap.detect" and plan.name == "return_face_url":
            continue  # the method does not take it
        cells = row_of(section, plan.name)
        assert re.search(rf"^ {{4}}{plan.name}: .+,$", signature, re.MULTILINE)
        assert cells[1] == ("" if plan.wire_name == plan.name else f"`{plan.wire_name}`")
        assert (cells[3] == "required") is plan.required


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_says_what_it_raises(name: str) -> None:
    raises = re.findall(r"^ +(\w+Error): ", inspect.getdoc(RECIPES[name]) or "", re.MULTILINE)
    assert re.findall(r"^Raises `(\w+)`", section_about(name), re.MULTILINE) == raises


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_code_of_an_endpoint_s_pages_is_in_its_section(name: str) -> None:
    cls = ENDPOINTS[name]
    section = section_about(name)
    for address in (cls.docs, *cls.also_in):
        for code in PAGE_CODES.get(address, {}):
            meaning = meaning_of((cls.docs, *cls.also_in), code)
            assert re.search(rf"`{meaning.error.__name__}` [\d, ]*\b{code}\b", section)


@pytest.mark.parametrize("name", BOUND)
async def test_each_example_runs(name: str) -> None:
    example = re.findall(r"^```py\n(.*?)^```$", section_about(name), re.MULTILINE | re.DOTALL)[1]
    code = compile(example, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    async with Simulator(pace=0.001) as simulator:
        client_id, secret = simulator.client_id, simulator.api_key
        async with Akool(
            client_id=client_id, client_secret=secret, base_url=simulator.url, **soon()
        ) as akool:
            with suppress(NotFound):  # ids of the documented exchanges name no simulated job
                await eval(code, {"akool": akool})  # noqa: S307 - our own pages
        assert simulator.requests[BOUND[name].name] > 0 or name in RECIPES


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_each_block_of_code_is_python(page: Path) -> None:
    for block in re.findall(r"^```py\n(.*?)^```$", page_of(page.stem), re.MULTILINE | re.DOTALL):
        is_signature = re.search(r"\) -> [^\n]+\n\Z", block) is not None
        code = (
            re.sub(r"\A[\w.]+", "def method", block).rstrip() + ": ..." if is_signature else block
        )
        compile(code, page.stem, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_row(code: int) -> None:
    meaning = CODES[code]
    cells = (f"`{meaning.error.__name__}`", meaning.sentence, meaning.advice_on(code))
    row = f"| {code} | {' | '.join(cells)} |"
    assert f"\n{row}\n" in page_of("codes")


@pytest.mark.parametrize("address", PAGE_CODES)
def test_each_page_s_own_sentences_have_their_rows(address: str) -> None:
    for code, meaning in PAGE_CODES[address].items():
        row = f"| {code} | `{meaning.error.__name__}` | {meaning.sentence} | "
        (places,) = re.findall(rf"^{re.escape(row)}(.+) \|$", page_of("codes"), re.MULTILINE)
        assert f"({address})" in places


@pytest.mark.parametrize(
    ("namespace", "cls"),
    [
        *{(n.partition(".")[0], cls.family.result): None for n, cls in OPERATIONS.items()},
        *(("faceswap", Detection), ("faceswap", Box), ("audio", Voice), ("avatar", ListedAvatar)),
        *(("video", SpokenLanguage), ("account", Credit), ("account", Token)),
        *(("streaming", SessionCredentials), ("faceswap", Face), ("reage", Face)),
        *(("video", AvatarElement), ("video", ImageElement), ("video", AudioElement)),
    ],
)
def test_what_requests_hold_and_replies_bring_has_its_fields(
    namespace: str, cls: type[Any]
) -> None:
    section = section_of(page_of(namespace), f"### {cls.__name__}")
    for part in msgspec.structs.fields(cls):
        cells = row_of(section, part.name)
        wired = issubclass(cls, Input) or part.encode_name == part.name
        assert wired or cells[1] == f"`{part.encode_name}`"


@pytest.mark.parametrize(
    ("namespace", "cls"),
    [
        *(("image", Scale), ("image", Button), ("avatar", AvatarType)),
        *(("moderation", ContentType), ("streaming", Status)),
    ],
)
def test_each_value_that_is_taken_is_named(namespace: str, cls: type[Enum]) -> None:
    section = section_of(page_of(namespace), f"### {cls.__name__}")
    for member in cls:
        assert f"`{member.name}` = `{member.value}`" in section


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_every_link_within_the_pages_leads_to_a_heading(page: Path) -> None:
    for file, anchor in re.findall(r"\]\((\w+\.md)?#([^)]+)\)", page.read_text(encoding="utf-8")):
        target = (page.parent / file if file else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        assert anchor in {
            re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings
        }


# What the classes say


@pytest.mark.parametrize(
    "cls", [*dict.fromkeys(BOUND.values()), Face, AvatarElement, ImageElement, AudioElement]
)
def test_each_field_says_what_it_is(cls: Any) -> None:
    docs = field_docs(cls)
    for plan in plan_of(cls):
        assert docs.get(plan.name), f"{cls.__name__}.{plan.name} has no text"
        assert docs[plan.name][0].isupper() or docs[plan.name][0].isdigit()
        assert docs[plan.name].endswith((".", ")"))


@pytest.mark.parametrize("cls", dict.fromkeys(BOUND.values()))
def test_each_endpoint_says_what_it_does_and_names_its_page(cls: type[Any]) -> None:
    assert summary(cls).endswith((".", ")"))
    assert cls.docs.startswith("https://docs.akool.com/")
    assert cls.name in BOUND


def test_a_field_s_text_is_the_nearest_one() -> None:
    assert field_docs(PaintImage)["webhook_url"] == "Where Akool also posts the outcome."
    assert field_docs(PaintFace)["style"] == "Whose manner it is painted in, and how."
    assert field_docs(int) == {}


# A new endpoint


class PaintImage(ImageOperation):
    """Paint a picture in a style."""

    path = "v3/content/image/paint"

    style: Annotated[str, Meta(min_length=1)]
    """Whose manner it is painted in."""
    source: Url | None = field(name="sourceImage", default=None)
    """Picture to begin with."""
    strokes: Annotated[int, Meta(ge=1, le=1000)] = 10
    """How many strokes of the brush, at most 1000."""


class Tally(Value):
    """How many pictures were painted."""

    paintings: int
    painters: str = ""


class CountPaintings(Query[Tally]):
    """Count the pictures that were painted."""

    path = "v3/content/image/tally"
    docs = "https://docs.akool.com/ai-tools-suite/image-generate"
    parse = Reply(Tally)

    since: Annotated[int, Meta(ge=1)]
    """The first year that counts."""


class PaintFace(Recipe[Image]):
    """Count the pictures, and paint one more."""

    family = IMAGES
    docs = "https://docs.akool.com/ai-tools-suite/image-generate"

    style: Annotated[str, Meta(min_length=1)]
    """Whose manner it is painted in,
    and how."""

    async def prepare(self, steps: Steps, /) -> Operation[Image]:
        """Count the pictures."""
        tally = await steps.call(CountPaintings(since=1900))
        return PaintImage(style=self.style, strokes=tally.paintings)


NEW = (PaintImage, CountPaintings, PaintFace)


@pytest.fixture
def gallery() -> Iterator[type[Any]]:
    """Bind the new endpoints, one line for each, and forget them afterwards."""

    class Gallery(ImageNamespace, title="image"):
        paint = submits(PaintImage)
        tally = calls(CountPaintings)
        paint_face = submits(PaintFace)

    yield Gallery
    for cls in NEW:
        for registry in (ENDPOINTS, OPERATIONS, RECIPES):
            registry.pop(cls.name, None)
        cls.name = ""


async def test_a_new_endpoint_is_on_the_client_and_in_the_simulator(gallery: type[Any]) -> None:
    async with (
        Simulator(pace=0.01) as simulator,
        Akool(simulator.api_key, base_url=simulator.url) as akool,
    ):
        namespace = gallery(akool)
        job: Job[Image] = namespace.paint(style="Klee", source="https://media.example/a.png")
        image = await job
        assert type(image) is Image
        assert image.url.startswith(simulator.url)
        assert job.name == simulator.world.jobs[image.id].name == "image.paint"
        assert await akool.job(job.token, PaintImage) == image
        assert type(await namespace.tally(since=1900)) is Tally
        assert (await namespace.paint_face(style="Klee")).url
        assert simulator.world.creates == {"image.paint": 2}


def test_a_new_endpoint_has_a_signature_and_checks_of_its_own(gallery: type[Any]) -> None:
    parameters = inspect.signature(gallery.paint).parameters
    assert [*parameters] == ["self", "style", "webhook_url", "source", "strokes"]
    assert PaintImage(style="Klee").to_wire() == {"style": "Klee", "strokes": 10}
    request = PaintImage(style="Klee", source="https://media.example/a.png").encode()
    assert (request.method, request.path) == ("POST", "/api/open/v3/content/image/paint")
    assert "sourceImage" in json.loads(request.body or b"")
    with pytest.raises(InvalidInput) as caught:
        PaintImage(style="Klee", strokes=1001)
    assert caught.value.field == "strokes"
    reply = HttpResponse(
        status=200, headers={}, body=b'{"code":1000,"data":{"paintings":3,"painters":null}}'
    )
    assert CountPaintings(since=1900).decode(reply) == Tally(paintings=3)


def test_a_new_endpoint_is_in_the_reference(gallery: type[Any], builder: ModuleType) -> None:
    page = builder.pages()[builder.FOLDER / "image.md"]
    section = section_of(page, "## akool.image.paint")
    assert "operation `image.paint`, class `PaintImage`" in section
    assert "POST `/api/open/v3/content/image/paint`" in section
    assert "result family `image`" in section
    assert ") -> Job[Image]" in section
    assert "\n    strokes: int = 10,\n" in section
    assert row_of(section, "style")[2:] == ["`str`", "required", "Whose manner it is painted in."]
    assert row_of(section, "source")[1:3] == ["`sourceImage`", "`str \\| Path \\| None`"]
    assert row_of(section, "strokes")[3] == "`10`"
    assert "GET `/api/open/v3/content/image/tally`" in section_of(page, "## akool.image.tally")
    recipe = section_of(page, "## akool.image.paint_face")
    assert "Count the pictures, and paint one more." in recipe


def test_a_new_endpoint_is_a_command(gallery: type[Any]) -> None:
    commands = commands_of("image").commands
    assert {"paint", "tally", "paint-face"} <= commands.keys()
    ended = CliRunner().invoke(commands["paint"], ["--help"])
    assert ended.exit_code == 0
    shown = " ".join(ended.output.split())
    assert "Paint a picture in a style." in shown
    assert "How many strokes of the brush, at most 1000." in shown


def test_what_was_added_is_forgotten_again() -> None:
    assert not {"image.paint", "image.tally", "image.paint_face"} & {*ENDPOINTS, *RECIPES}
    assert [cls.name for cls in NEW] == ["", "", ""]


def test_an_endpoint_without_its_documented_exchange_fails_the_contract(tmp_path: Path) -> None:
    plugin = """
        from akool_async.endpoints import ImageNamespace
        from akool_async.endpoints.image import ImageOperation
        from akool_async.endpoints.namespace import submits

        class PaintImage(ImageOperation):
            path = "v3/content/image/paint"

        class Gallery(ImageNamespace, title="image"):
            paint = submits(PaintImage)
    """
    (tmp_path / "gallery_plugin.py").write_text(textwrap.dedent(plugin), encoding="utf-8")
    contract = Path(__file__).with_name("test_exchanges.py")
    arguments = ["-p", "gallery_plugin", "-p", "no:cacheprovider", "-q", "-n", "0", str(contract)]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "-k", "has_a_documented_exchange"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    failed = [line for line in ended.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert "[image.paint]" in failed[0]
