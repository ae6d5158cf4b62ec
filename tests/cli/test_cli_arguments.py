"""How values are written on the command line: texts, files, faces, choices, documents."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import pytest
from aiohttp import web

from akool_async.cli.arguments import request_of
from akool_async.cli.fields import options_of
from akool_async.cli.tree import run
from akool_async.endpoints import (
    AnalyzeFrames,
    Button,
    HairSwap,
    ListModels,
    Scale,
    SpeakText,
)
from akool_async.endpoints.forms import form_of
from akool_async.protocol.fields import CommaSeparated, Flag, Url, plan_of
from akool_async.protocol.value import Input
from akool_async.simulator import Simulator

PHOTO = "https://photos.example/ann.jpg"
OPTS = "262,175:363,175:313,215:272,279"
AGED = ("--face-reage", "10", "--modify-image", PHOTO)
OLDER = ("reage", "image", "--target-image", PHOTO, *AGED)


class Outcome(NamedTuple):
    """What a command has sent, and how it has ended."""

    sent: Any
    status: int
    err: str


Command = Callable[..., Outcome]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    """Run one simulated Akool for all commands of this file."""
    with Simulator(pace=0.01).in_thread() as simulator:
        yield simulator


@pytest.fixture
def akool(
    server: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command in this process; return the body, or the address, that it sent."""
    sent: list[Any] = []

    async def note(_name: str, request: web.Request) -> web.StreamResponse | None:
        body = await request.read()
        sent.append(json.loads(body) if body else request.raw_path)
        return None

    server.fault = note
    monkeypatch.setenv("AKOOL_BASE_URL", server.url)
    monkeypatch.setenv("AKOOL_API_KEY", server.api_key)

    def command(*arguments: str, stdin: bytes = b"") -> Outcome:
        sent.clear()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        status = run(arguments)
        out, err = capsys.readouterr()
        assert not (status == 2 and (out or sent)), "a wrong command line sends nothing"
        assert status == 0 or re.fullmatch(r"akool.*: .+\n", err), "one line tells what is wrong"
        return Outcome(sent[-1] if sent else None, status, err)

    return command


def speech(*arguments: str) -> tuple[str, ...]:
    return ("audio", "tts", "--voice-id", "ann", "--input-text", *arguments)


# Texts


def test_a_text_is_itself_a_file_or_standard_input(akool: Command, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("Guten Morgen,\nschöne Welt.\n".encode())
    assert akool(*speech("Hello.")).sent["input_text"] == "Hello."
    assert akool(*speech(f"@{file}")).sent["input_text"] == "Guten Morgen,\nschöne Welt."
    assert akool(*speech("-"), stdin=b"Bonjour.\n").sent["input_text"] == "Bonjour."
    assert akool(*speech("@@home")).sent["input_text"] == "@home"


def test_a_text_that_cannot_be_read_is_refused(akool: Command, tmp_path: Path) -> None:
    missing = akool(*speech(f"@{tmp_path}/none.txt"))
    assert missing.status == 2
    assert re.search(r"'--input-text': '.*/none\.txt' cannot be read: No such file", missing.err)
    binary = akool(*speech("-"), stdin=b"\xff\xfe\xff")
    assert (binary.status, "UTF-8" in binary.err) == (2, True)


def test_standard_input_is_read_for_one_option_only(akool: Command) -> None:
    ended = akool("audio", "tts", "--voice-id", "-", "--input-text", "-", stdin=b"Hello.")
    assert ended.status == 2
    assert "standard input can be read only once" in ended.err


def test_ids_are_repeated_or_separated_by_commas_or_lines(akool: Command) -> None:
    for arguments in (("--ids", "a", "--ids", "b"), ("--ids", "a,b"), ("--ids", "-")):
        ended = akool("faceswap", "delete", *arguments, stdin=b"a\nb\n")
        assert ended.sent == {"_ids": "a,b"}


def test_texts_that_are_no_ids_keep_their_commas() -> None:
    class Said(Input):
        lines: tuple[str, ...] = ()
        ids: CommaSeparated = ()

    lines, ids = (form_of(plan) for plan in plan_of(Said))
    assert lines.read("One, two.") == ["One, two."]
    assert ids.read("one,two") == ["one", "two"]


# Faces


@pytest.mark.parametrize(
    ("argument", "face"),
    [
        (PHOTO, {"path": PHOTO}),
        (f"{PHOTO}@{OPTS}", {"path": PHOTO, "opts": OPTS}),
        (
            f"https://photos.example/@ann/1,2.jpg@{OPTS}",
            {"path": "https://photos.example/@ann/1,2.jpg", "opts": OPTS},
        ),
        ("https://photos.example/@ann", {"path": "https://photos.example/@ann"}),
        (f'{{"path": "{PHOTO}", "opts": "{OPTS}"}}', {"path": PHOTO, "opts": OPTS}),
    ],
)
def test_a_face_is_an_address_with_or_without_landmarks(
    argument: str, face: dict[str, str], akool: Command
) -> None:
    ended = akool("reage", "image", "--target-image", argument, *AGED)
    assert ended.sent["targetImage"] == [face], ended.err


def test_faces_are_repeated_or_come_from_a_document(akool: Command, tmp_path: Path) -> None:
    faces = [{"path": PHOTO, "opts": OPTS}, {"path": f"{PHOTO}?2", "opts": OPTS}]
    document = json.dumps(faces)
    (tmp_path / "faces.json").write_text(document, encoding="utf-8")
    repeated = [f"--target-image={each['path']}@{each['opts']}" for each in faces]
    from_file = [f"--target-image=@{tmp_path}/faces.json"]
    for arguments in (repeated, from_file, ["--target-image", "-"]):
        ended = akool("reage", "image", *arguments, *AGED, stdin=document.encode())
        assert ended.sent["targetImage"] == faces


# Numbers, flags and choices


def test_numbers_may_be_below_zero(akool: Command) -> None:
    arguments = ("reage", "image", "--target-image", PHOTO, "--modify-image", PHOTO)
    assert akool(*arguments, "--face-reage", "-30").sent["face_reage"] == -30


def test_a_flag_is_switched_on_and_off(akool: Command) -> None:
    detect = ("faceswap", "detect", "--image-url", PHOTO)
    assert akool(*detect).sent["return_face_url"] is True
    assert akool(*detect, "--no-return-face-url").sent["return_face_url"] is False
    faces = ("--source-image", PHOTO, "--target-image", PHOTO)
    swap = ("faceswap", "image", "--modify-image", PHOTO, *faces)
    assert akool(*swap).sent["face_enhance"] == 0
    assert akool(*swap, "--face-enhance").sent["face_enhance"] == 1


@pytest.mark.parametrize(
    "argument", ["16:9", "sixteen-to-nine", "sixteen_to_nine", "SIXTEEN_TO_NINE"]
)
def test_a_choice_is_a_value_or_a_name(argument: str, akool: Command) -> None:
    ended = akool("image", "generate", "--prompt", "A hill.", "--scale", argument)
    assert ended.sent["scale"] == Scale.SIXTEEN_TO_NINE


@pytest.mark.parametrize("argument", ["2", "streaming", "Streaming"])
def test_a_choice_of_numbers_has_names_too(argument: str, akool: Command) -> None:
    assert akool("avatar", "list", "--type", argument).sent.endswith("?type=2&page=1&size=100")


def test_choices_are_shown_and_completed() -> None:
    class Refined(Input):
        """An example."""

        button: Button = Button.U1
        """What to make."""
        sizes: tuple[str, ...] = ()
        flag: Flag = True

    button, sizes, flag = options_of(Refined)
    assert button.metavar == "[U1|U2|U3|U4|V1|V2|V3|V4]"
    helps = (button.help, sizes.help, flag.help)
    assert helps == ("[default: U1]", "[repeatable]", "[default: flag]")
    found = button.shell_complete(click.Context(click.Command("refine")), "V")
    assert [each.value for each in found] == ["V1", "V2", "V3", "V4"]


def test_kinds_of_fields_that_no_endpoint_has_yet_have_forms() -> None:
    class Sent(Input):
        ratio: float = 1.0
        size: int | float = 1
        extra: dict[str, int] | None = None
        link: Url | None = None

    forms = [form_of(plan) for plan in plan_of(Sent)]
    assert [form.metavar for form in forms] == ["NUMBER", "JSON", "JSON", "URL|FILE"]
    assert forms[0].read("0.5") == 0.5
    assert forms[1].read("7") == 7
    assert forms[2].read('{"a": 1}') == {"a": 1}


def test_lists_of_numbers_are_repeated_or_separated_and_said_to_be_numbers() -> None:
    types, times = (form_of(plan_of(cls)[at]) for cls, at in ((ListModels, 0), (AnalyzeFrames, 1)))
    assert (types.metavar, times.metavar) == ("INTEGER", "NUMBER")
    assert types.read("1501,1502") == types.read("[1501, 1502]") == [1501, 1502]
    assert times.read("0 1.5") == [0.0, 1.5]
    assert types.read("video") == ["video"]  # the field refuses it with its rule


def test_the_names_in_a_json_document_are_in_the_help() -> None:
    options = {each.name: each.help or "" for each in options_of(HairSwap)}
    assert "As JSON, with source_url*, target_face_index" in options["mappings"]
    assert "those with * are required" in options["mappings"]
    spoken = {each.name: each.help or "" for each in options_of(SpeakText)}["voice_options"]
    assert spoken.startswith("How it is said. As JSON, with stability, ")
    assert "dict" not in spoken
    assert "*" not in spoken


@pytest.mark.parametrize(
    ("arguments", "sound"), [([], None), (["--sound"], True), (["--no-sound"], False)]
)
def test_a_switch_may_be_left_to_akool(arguments: list[str], sound: bool | None) -> None:  # noqa: FBT001
    class Filmed(Input):
        sound: bool | None = None
        """Whether the film has sound."""

    command = click.Command("film", params=[*options_of(Filmed), click.Option(["--request"])])
    request = request_of(command.make_context("film", arguments), Filmed)
    assert request == Filmed(sound=sound)
    assert request.to_wire() == ({} if sound is None else {"sound": sound})


# Pictures


def test_a_picture_is_a_file_base64_a_data_uri_or_standard_input(
    akool: Command, tmp_path: Path
) -> None:
    content = b"\x89PNG\r\n\x1a\n and more"
    encoded = base64.b64encode(content).decode()
    file = tmp_path / "ann.png"
    file.write_bytes(content)
    for argument in (str(file), f"@{file}", encoded, "-"):
        ended = akool("faceswap", "detect", "--img", argument, stdin=content)
        assert ended.sent["img"] == encoded, ended.err
    uri = f"data:image/png;base64,{encoded}"
    assert akool("faceswap", "detect-legacy", "--img", uri).sent["img"] == uri


@pytest.mark.parametrize("argument", ["ann.png", "@ann.png", "none\0such"])
def test_a_picture_that_is_not_there_is_not_sent_as_its_name(argument: str, akool: Command) -> None:
    ended = akool("faceswap", "detect", "--img", argument)
    assert ended.status == 2
    assert "'--img'" in ended.err


# Documents

ELEMENTS = [
    {"type": "audio", "url": "https://photos.example/a.mp3"},
    {
        "type": "avatar",
        "avatar_id": "ann",
        "scale_x": 1,
        "scale_y": 1,
        "offset_x": 0,
        "offset_y": 0,
    },
]
TALKING = ("video", "talking-avatar", "--avatar-from", "2")


def test_nested_elements_are_json_in_one_or_several_arguments(
    akool: Command, tmp_path: Path
) -> None:
    (tmp_path / "elements.json").write_text(json.dumps(ELEMENTS), encoding="utf-8")
    one_by_one = [f"--elements={json.dumps(each)}" for each in ELEMENTS]
    for arguments in (one_by_one, [f"--elements=@{tmp_path}/elements.json"]):
        assert akool(*TALKING, *arguments).sent["elements"] == ELEMENTS


def test_a_whole_request_comes_from_standard_input(akool: Command) -> None:
    request = {"targetImage": [{"path": PHOTO}], "face_reage": 10, "modifyImage": PHOTO}
    ended = akool("reage", "image", "--request", "-", stdin=json.dumps(request).encode())
    assert ended.sent == request


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ("{", "'--request': must be JSON: "),
        ("[]", "'--request': must hold a JSON object"),
        ('{"modifyImage": "x"}', "'--request': targetImage is required"),
        ('{"photo": "x"}', "'--request': photo is not a field"),
        (
            f'{{"modifyImage": "x", "face_reage": 10, "targetImage": [{{"path": "{PHOTO}"}}]}}',
            "'--request': modifyImage must be an http or https URL",
        ),
        (
            f'{{"modifyImage": "{PHOTO}", "face_reage": 10, "targetImage": [{{"path": "x"}}]}}',
            "'--request': targetImage[0].path must be an http or https URL",
        ),
    ],
)
def test_a_wrong_document_is_refused_in_akool_s_words(
    request_: str, rule: str, akool: Command
) -> None:
    ended = akool("reage", "image", "--request", "-", stdin=request_.encode())
    assert ended.status == 2
    assert rule in ended.err


def test_a_whole_request_takes_no_options_beside_it(akool: Command) -> None:
    ended = akool("reage", "image", "--request", "-", *AGED, stdin=b"{}")
    assert ended.status == 2
    assert "leave out --face-reage, --modify-image" in ended.err


def test_a_request_from_a_file_that_is_not_there_is_refused(akool: Command) -> None:
    ended = akool("reage", "image", "--request", "none.json")
    assert ended.status == 2
    assert "'--request': 'none.json' cannot be read" in ended.err


# What is wrong is told by the option's name, in one line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (OLDER[:4], "Missing option '--face-reage'."),
        ((*OLDER, "--face-reage", "31"), "'--face-reage': must be from -30 to 30"),
        ((*OLDER, "--face-reage", "ten"), "'--face-reage': must be a whole number from -30 to 30"),
        ((*OLDER, "--modify-image", "ann.jpg"), "'--modify-image': must be an http or https URL"),
        ((*OLDER, "--target-image", PHOTO), "'--target-image': [0].opts is required"),
        (("audio", "voices", "--from", "5"), "'--from': must be one of 3, 4"),
        (
            ("image", "generate", "--prompt", "A hill.", "--scale", "5:4"),
            "'--scale': must be one of 1:1, 4:3,",
        ),
        (
            ("audio", "clone", "--input-text", "Hello."),
            "'--voice-url': exactly one of --voice-url and --voice-id must be given",
        ),
        ((*TALKING, "--elements", '{"type": "song"}'), "'--elements': [0]"),
        ((*TALKING, "--elements", "audio"), "'--elements': must be JSON"),
        (("faceswap", "results", "--ids", ","), "'--ids': must hold at least one id"),
        (("audio", "get", "--id", ""), "'--id': must not be empty"),
    ],
)
def test_a_wrong_value_names_its_option_and_the_rule(
    arguments: tuple[str, ...], told: str, akool: Command
) -> None:
    ended = akool(*arguments)
    assert ended.status == 2
    assert told in ended.err
