"""The reference page, and what it takes to add an endpoint: a class, a binding, a fixture."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Meta, field

from akool_async import Akool, InvalidInput, Job, Status
from akool_async.cli.namespaces import commands_of
from akool_async.endpoints import (
    ENDPOINTS,
    OPERATIONS,
    RECIPES,
    AgoraCredentials,
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
    SpokenLanguage,
    Token,
    Voice,
)
from akool_async.endpoints.image import IMAGES, ImageOperation
from akool_async.endpoints.namespace import calls, submits
from akool_async.errors import CODES, PAGE_CODES
from akool_async.protocol.documentation import field_docs, summary
from akool_async.protocol.endpoint import Endpoint, Operation, Query, Recipe, Steps
from akool_async.protocol.fields import Url, plan_of
from akool_async.protocol.reply import Reply
from akool_async.protocol.value import Input, Value
from akool_async.protocol.wire import HttpResponse
from akool_async.simulator import Simulator

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "build_reference.py"
BOUND: dict[str, type[Endpoint[Any] | Recipe[Any]]] = {**ENDPOINTS, **RECIPES}


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """Import the script that writes the page."""
    spec = importlib.util.spec_from_file_location("build_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page() -> str:
    return (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


# The page


def test_the_reference_page_is_current() -> None:
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
    stale = tmp_path / "reference.md"
    stale.write_text(builder.page() + "\n", encoding="utf-8")
    monkeypatch.setattr(builder, "PAGE", stale)
    monkeypatch.setattr(sys, "argv", ["build_reference.py", "--check"])
    assert builder.main() == 1
    assert "is not current" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["build_reference.py"])
    assert builder.main() == 0
    assert stale.read_text(encoding="utf-8") == builder.page()


def row_of(page: str, name: str) -> list[str]:
    """Return the cells of the one row that is about a name."""
    (line,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_has_its_row(name: str, page: str) -> None:
    cls = ENDPOINTS[name]
    cells = row_of(page, name)
    assert cells[1] == f"`{cls.__name__}`"
    path = (cls.root + cls.path).removeprefix("/api/open/")
    assert cells[2] == f"{cls.method} `{path}`"
    if issubclass(cls, Operation):
        assert cells[3] == cls.family.name
    pages = (cls.docs, *cls.also_in)
    assert cells[-1] == ", ".join(f"[{page.rpartition('/')[2]}]({page})" for page in pages)


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_has_its_row(name: str, page: str) -> None:
    cells = row_of(page, name)
    assert cells[1:3] == [f"`{RECIPES[name].__name__}`", summary(RECIPES[name])]


@pytest.mark.parametrize("name", BOUND)
def test_each_parameter_is_in_its_endpoint_s_row(name: str, page: str) -> None:
    row = " ".join(row_of(page, name))
    for plan in plan_of(BOUND[name]):
        shown = f"**`{plan.name}`**" if plan.required else f"`{plan.name}`"
        assert shown in row
        assert plan.wire_name == plan.name or f"(`{plan.wire_name}`)" in row


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_row(code: int, page: str) -> None:
    assert f"\n| {code} | `{CODES[code].error.__name__}` | {CODES[code].sentence} |\n" in page


@pytest.mark.parametrize("address", PAGE_CODES)
def test_each_page_s_own_sentences_have_their_rows(address: str, page: str) -> None:
    for code, meaning in PAGE_CODES[address].items():
        row = f"| {code} | `{meaning.error.__name__}` | {meaning.sentence} | "
        (places,) = re.findall(rf"^{re.escape(row)}(.+) \|$", page, re.MULTILINE)
        assert f"({address})" in places


@pytest.mark.parametrize(
    "cls",
    [
        *dict.fromkeys(cls.family.result for cls in OPERATIONS.values()),
        *(Detection, Box, Voice, ListedAvatar, SpokenLanguage, Credit, Token, AgoraCredentials),
        *(Face, AvatarElement, ImageElement, AudioElement),
    ],
    ids=lambda cls: cls.__name__,
)
def test_what_requests_hold_and_replies_bring_has_its_fields(cls: type[Any], page: str) -> None:
    section = page.partition(f"\n### {cls.__name__}\n")[2].partition("\n#")[0]
    for part in msgspec.structs.fields(cls):
        assert f"| `{part.name}` " in section or f"| **`{part.name}`** " in section
        wired = issubclass(cls, Input) or part.encode_name == part.name
        assert wired or f"| `{part.encode_name}` |" in section


@pytest.mark.parametrize("cls", [Scale, Button, AvatarType, ContentType, Status])
def test_each_value_that_is_taken_is_named(cls: type[Enum], page: str) -> None:
    section = page.partition(f"\n### {cls.__name__}\n")[2].partition("\n#")[0]
    for member in cls:
        assert f"`{member.name}` = `{member.value}`" in section


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
    page = builder.page()
    cells = row_of(page, "image.paint")
    assert cells[1:4] == ["`PaintImage`", "POST `v3/content/image/paint`", "image"]
    assert cells[4].startswith("**`style`** `str`: Whose manner it is painted in.<br>")
    assert "`source` (`sourceImage`) `str \\| None`: Picture to begin with." in cells[4]
    assert "`strokes` `int` = `10`: How many strokes of the brush, at most 1000." in cells[4]
    assert cells[5] == "`Image`"
    assert row_of(page, "image.tally")[2] == "GET `v3/content/image/tally`"
    assert row_of(page, "image.paint_face")[2] == "Count the pictures, and paint one more."


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
    arguments = ["-p", "gallery_plugin", "-p", "no:cacheprovider", "-q", str(contract)]
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
