"""`akool NAMESPACE VERB` for every endpoint there is, held against what Akool's pages print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click
import pytest
from aiohttp import web

from akool_async import Face, Operation, endpoints
from akool_async.cli.namespaces import commands_of
from akool_async.cli.statuses import BAD_INPUT, REFUSED
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.endpoints.forms import form_of
from akool_async.endpoints.namespace import Namespace
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol import token
from akool_async.protocol.documentation import summary
from akool_async.protocol.endpoint import Endpoint
from akool_async.protocol.fields import FieldPlan, plan_of
from akool_async.simulator import Simulator
from tests.cli.commands import Command, Ended, point_at
from tests.printed import typed

FIXTURES = Path(__file__).parents[1] / "fixtures"
IDS = "6593c94c0ef703e8c055e3c8,6582bf774e47940151d8fa1e"
"""What is put where the pages print no ids, which Akool would refuse."""


class Exchange(NamedTuple):
    """One documented exchange."""

    label: str
    name: str
    printed: Mapping[str, Any]

    @property
    def cls(self) -> type[Endpoint[Any]]:
        """The endpoint's class."""
        return ENDPOINTS[self.name]

    @property
    def plans(self) -> dict[str, FieldPlan]:
        """The endpoint's fields, by wire name."""
        return {plan.wire_name: plan for plan in plan_of(self.cls)}

    @property
    def wire(self) -> dict[str, Any]:
        """What the page sends, as it has to be to be taken."""
        sent: Mapping[str, Any] = self.printed.get("body", self.printed.get("query"))
        return {
            name: IDS if value == "" and self.plans[name].required else value
            for name, value in {**sent, **self.printed.get("stand_in", {})}.items()
            if value is not None
        }

    @property
    def document(self) -> dict[str, Any]:
        """The same with the numbers of a query, which are texts on the page, as numbers."""
        if self.cls.method != "GET":
            return self.wire
        return typed(self.wire)

    @property
    def reply(self) -> Mapping[str, Any]:
        """What the page answers."""
        answer: Mapping[str, Any] = self.printed.get("created", self.printed.get("reply"))
        return answer


def exchanges() -> Iterator[Exchange]:
    for name in ENDPOINTS:
        namespace, _, verb = ENDPOINTS[name].name.partition(".")
        for path in sorted(FIXTURES.glob(f"{namespace}/{verb}*.json")):
            if path.name.split(".")[0] == verb:
                yield Exchange(f"{name}: {path.stem}", name, json.loads(path.read_text("utf-8")))


ALL = list(exchanges())
every_exchange = pytest.mark.parametrize("exchange", ALL, ids=[each.label for each in ALL])


def arguments_of(exchange: Exchange) -> list[str]:
    """Write a documented request as a person would on the command line."""
    arguments = list[str]()
    for wire_name, value in exchange.wire.items():
        plan = exchange.plans[wire_name]
        option = plan.name.strip("_").replace("_", "-")
        if form_of(plan).flag:
            arguments.append(f"--{option}" if value else f"--no-{option}")
            continue
        for each in value if isinstance(value, list) else [value]:
            arguments += [f"--{option}", written(each)]
    return arguments


def written(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"path", "opts"}:
        return f"{value['path']}@{value['opts']}"
    return json.dumps(value)


class Received(NamedTuple):
    """One request that arrived."""

    name: str
    method: str
    target: str
    body: bytes


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    """Run one simulated Akool for all commands of this file."""
    with Simulator(pace=0.01, omit_rate=0.0).in_thread() as simulator:
        yield simulator
        simulator.fault = None


@pytest.fixture
def received(server: Simulator) -> Iterator[list[Received]]:
    """Note what arrives, and answer it as `server` does unless a test says otherwise."""
    requests: list[Received] = []

    async def note(name: str, request: web.Request) -> web.StreamResponse | None:
        requests.append(Received(name, request.method, request.raw_path, await request.read()))
        return None

    server.fault = note
    yield requests
    server.fault = None


def answer_with(server: Simulator, requests: list[Received], document: Mapping[str, Any]) -> None:
    async def answer(name: str, request: web.Request) -> web.StreamResponse | None:
        requests.append(Received(name, request.method, request.raw_path, await request.read()))
        return web.json_response(document)

    server.fault = answer


@pytest.fixture
def akool(bare: Command, server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in this process, with credentials in the environment."""
    point_at(server, monkeypatch)
    return bare


def verb_of(name: str) -> list[str]:
    """Return the words that name an endpoint on the command line."""
    namespace, _, verb = name.partition(".")
    return [namespace, verb.replace("_", "-")]


# Every endpoint


@every_exchange
def test_the_documented_example_given_by_options_is_sent_as_printed(
    exchange: Exchange, akool: Command, server: Simulator, received: list[Received]
) -> None:
    answer_with(server, received, exchange.reply)
    ended = akool(*verb_of(exchange.name), *arguments_of(exchange))
    assert (ended.status, len(received)) == (0, 1), ended.err
    check_sent(exchange, received[0])
    check_printed(exchange, ended)


@every_exchange
def test_the_documented_example_given_as_a_file_is_sent_as_printed(
    exchange: Exchange, akool: Command, server: Simulator, received: list[Received], tmp_path: Path
) -> None:
    answer_with(server, received, exchange.reply)
    file = tmp_path / "request.json"
    file.write_text(json.dumps(exchange.document), encoding="utf-8")
    ended = akool(*verb_of(exchange.name), "--request", str(file), "--json")
    assert (ended.status, len(received)) == (0, 1), ended.err
    check_sent(exchange, received[0])
    json.loads(ended.out)


def check_sent(exchange: Exchange, request: Received) -> None:
    """Compare a request with the printed one, and with that of the class."""
    address = urlsplit(request.target)
    assert request.method == exchange.cls.method
    expected = exchange.cls.from_wire(exchange.document).encode()
    assert address.path == urlsplit(expected.path).path
    if exchange.cls.method == "GET":
        assert request.target == expected.path
        return
    sent = json.loads(request.body)
    # An empty webhook means none.
    printed = {name: value for name, value in exchange.wire.items() if value != ""}
    assert {name: sent.get(name) for name in printed} == printed
    assert request.body == exchange.cls.from_wire(exchange.document).encode().body


def check_printed(exchange: Exchange, ended: Ended) -> None:
    """Look for what the page answers in what the command prints."""
    if issubclass(exchange.cls, Operation):
        reference = token.read(ended.out.strip())
        data = exchange.reply["data"]
        data = data if isinstance(data, list) else data.get("successList", data.get("list", data))
        row = data[0] if isinstance(data, list) else data
        assert (reference.name, reference.id) == (exchange.name, row["_id"])
        assert f"akool job {ended.out.strip()} --wait" in ended.err
    else:
        assert ended.out.strip()


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_has_an_exchange_to_be_tested_with(name: str) -> None:
    assert name in {exchange.name for exchange in ALL}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_to_its_result(
    name: str, akool: Command, received: list[Received], tmp_path: Path
) -> None:
    command = commands_of(name.partition(".")[0]).commands[verb_of(name)[1]]
    examples = {"URL|FILE": "https://photos.example/ann.jpg", "TEXT": "Nicole", "INTEGER": "10"}
    required = {plan.name for plan in plan_of(RECIPES[name]) if plan.required}
    arguments = [
        argument
        for option in command.params
        if isinstance(option, click.Option) and option.name in required
        for argument in (option.opts[0], examples[str(option.metavar)])
    ]
    ended = akool(*verb_of(name), *arguments, "--json", "--save", f"{tmp_path}/")
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)
    created = [each.name for each in received if each.name in endpoints.OPERATIONS]
    assert result["operation"] == token.read(result["token"]).name == created[-1]
    assert Path(result["saved"]).read_bytes()


# The tree


def test_the_namespaces_that_are_listed_are_those_that_there_are() -> None:
    found = [
        each
        for each in vars(endpoints).values()
        if isinstance(each, type) and issubclass(each, Namespace) and each is not Namespace
    ]
    assert {cls.title: summary(cls) for cls in found} == {
        title: row.summary for title, row in NAMESPACES.items()
    }


@pytest.mark.parametrize("title", NAMESPACES)
def test_a_namespace_lists_its_verbs_in_the_words_of_their_classes(
    title: str, akool: Command
) -> None:
    for arguments in ([title], [title, "--help"]):
        ended = akool(*arguments)
        assert (ended.status, ended.err) == (0, "")
        shown = " ".join(ended.out.split())
        for name, cls in [*ENDPOINTS.items(), *RECIPES.items()]:
            if name.startswith(f"{title}."):
                words = re.sub(r" \(T\d+[^)]*\)", "", summary(cls))
                assert f" {verb_of(name)[1]} {words}" in shown


@pytest.mark.parametrize("name", [*ENDPOINTS, *RECIPES])
def test_help_names_every_field_and_its_page_and_no_trap(name: str, akool: Command) -> None:
    ended = akool(*verb_of(name), "--help")
    assert (ended.status, ended.err) == (0, "")
    cls: Any = {**ENDPOINTS, **RECIPES}[name]
    for plan in plan_of(cls):
        option = plan.name.rstrip("_").replace("_", "-")
        assert re.search(rf"^  --{option}\b", ended.out, re.MULTILINE)
    assert f"  Akool's page: {cls.docs}\n" in ended.out
    assert not re.search(r"\bT\d", ended.out)


@pytest.mark.parametrize("name", [*ENDPOINTS, *RECIPES])
def test_no_two_options_of_a_command_share_a_name(name: str) -> None:
    namespace, verb = verb_of(name)
    params = commands_of(namespace).commands[verb].params
    spellings = [text for each in params for text in [*each.opts, *each.secondary_opts]]
    names = [each.name for each in params]
    assert len(set(spellings)) == len(spellings)
    assert len(set(names)) == len(names)
    assert "--help" not in spellings


def test_a_verb_that_does_not_exist_is_refused_in_one_line(akool: Command) -> None:
    ended = akool("reage", "sing")
    assert (ended.status, ended.out) == (2, "")
    assert re.fullmatch(r"akool reage: No such command 'sing'.*\n", ended.err)


# What calls print


VOICES = [
    {"voice_id": "voice-1", "name": "Nicole", "from": 3, "useCase": "news", "preview": ""},
    {"voice_id": "voice-2", "name": "Daniel", "from": 3},
]


def test_a_list_is_a_table_of_the_columns_that_are_not_empty(
    akool: Command, server: Simulator, received: list[Received]
) -> None:
    answer_with(server, received, {"code": 1000, "data": VOICES})
    ended = akool("audio", "voices", "--from", "3")
    assert (ended.status, ended.err) == (0, "")
    heading, _, *rows = ended.out.splitlines()
    assert heading.split() == ["voice_id", "name", "use_case", "from"]
    assert [row.split() for row in rows] == [
        ["voice-1", "Nicole", "news", "3"],
        ["voice-2", "Daniel", "3"],
    ]


def test_json_has_snake_case_names_and_everything(
    akool: Command, server: Simulator, received: list[Received]
) -> None:
    answer_with(server, received, {"code": 1000, "data": VOICES})
    voice, other = json.loads(akool("audio", "voices", "--json").out)
    assert (voice["voice_id"], voice["use_case"], voice["from"]) == ("voice-1", "news", 3)
    assert {"preview", "create_time", "id"} <= voice.keys() == other.keys()


def test_an_empty_list_says_so(akool: Command, server: Simulator, received: list[Received]) -> None:
    answer_with(server, received, {"code": 1000, "data": []})
    assert akool("audio", "voices") == (0, "", "There is none.\n")
    assert json.loads(akool("audio", "voices", "--json").out) == []


def test_what_the_account_has_left_is_one_line(akool: Command, server: Simulator) -> None:
    ended = akool("account", "credit")
    assert ended == (0, f"credit  {server.world.credit:g}\n", "")


def test_a_command_without_a_reply_says_that_it_is_done(akool: Command) -> None:
    assert akool("faceswap", "delete", "--ids", "a,b") == (0, "Done.\n", "")


AVATARS = [{"avatar_id": f"avatar-{number}", "name": "\x1b[31mAnn"} for number in range(5)]


def serve_pages(server: Simulator, seen: list[str]) -> None:
    """Serve five avatars, in pages."""

    async def answer(_name: str, request: web.Request) -> web.StreamResponse | None:
        page, size = int(request.query["page"]), int(request.query["size"])
        seen.append(request.raw_path)
        rows = AVATARS[(page - 1) * size : page * size]
        return web.json_response({"code": 1000, "data": {"count": 5, "result": rows}})

    server.fault = answer


def test_a_paged_list_is_one_page_unless_all_are_asked_for(
    akool: Command, server: Simulator, received: list[Received]
) -> None:
    assert received == []
    seen = list[str]()
    serve_pages(server, seen)
    ended = akool("streaming", "avatars", "--size", "2", "--page", "2")
    assert re.findall(r"avatar-\d", ended.out) == ["avatar-2", "avatar-3"]
    assert ended.err == "2 of 5; --all prints all.\n"
    assert len(seen) == 1
    ended = akool("streaming", "avatars", "--size", "2", "--all", "--json")
    assert [each["avatar_id"] for each in json.loads(ended.out)] == [
        each["avatar_id"] for each in AVATARS
    ]
    assert ended.err == ""
    assert len(seen) == 4


def test_what_a_server_says_does_not_steer_the_terminal(
    akool: Command, server: Simulator, received: list[Received]
) -> None:
    assert received == []
    serve_pages(server, [])
    assert "\x1b" not in akool("streaming", "avatars").out
    answer_with(server, received, {"code": 1015, "msg": "\x1b[31mred\nand a line"})
    ended = akool("streaming", "avatars")
    assert ended.status == REFUSED
    assert re.fullmatch(
        r"akool: streaming\.avatars: \[31mred and a line .*", ended.err.splitlines()[0]
    )


def test_a_detection_prints_faces_that_the_next_command_takes(
    akool: Command, received: list[Received]
) -> None:
    ended = akool("faceswap", "detect", "--image-url", "https://photos.example/ann.jpg")
    assert ended.status == 0, ended.err
    found = re.search(r"^faces +(\S+)$", ended.out, re.MULTILINE)
    assert found is not None
    picture = "https://photos.example/ann.jpg"
    rest = ("--face-reage", "10", "--modify-image", picture)
    assert akool("reage", "image", "--target-image", found[1], *rest).status == 0
    (face,) = json.loads(received[-1].body)["targetImage"]
    assert found[1] == f"{face['path']}@{face['opts']}"
    assert Face(**face)


def test_a_text_of_several_lines_keeps_them_and_milliseconds_are_a_time(akool: Command) -> None:
    offending = ("--content", "hate and a gun", "--type", "text", "--wait")
    ended = akool("moderation", "analyze", *offending)
    assert ended.status == 0, ended.err
    assert re.search(
        r"^result            - gun: found in the content\.\n"
        r"                  - hate: found in the content\.\n"
        r"                  Result: Non-Compliant$",
        ended.out,
        re.MULTILINE,
    )
    assert re.search(r"^create_time +20\d\d-\d\d-\d\d [\d:]{8} UTC$", ended.out, re.MULTILINE)


# The token of an account


def test_a_token_is_masked_unless_it_is_asked_for(akool: Command, server: Simulator) -> None:
    pair = ("--client-id", server.client_id, "--client-secret", server.api_key)
    for arguments in ((), ("--json",)):
        ended = akool("account", "token", *pair, *arguments)
        assert ended.status == 0
        assert "***" in ended.out
        assert not any(secret in ended.out + ended.err for secret in server.tokens)
    ended = akool("account", "token", *pair, "--show")
    assert ended.err == ""
    assert ended.out.strip() in server.tokens
    ended = akool("account", "token", *pair, "--show", "--json")
    assert json.loads(ended.out)["token"] in server.tokens


def test_a_pair_that_is_given_needs_no_other_credentials(
    akool: Command, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AKOOL_API_KEY")
    pair = ("--client-id", server.client_id, "--client-secret", server.api_key)
    assert akool("account", "token", *pair).status == 0


def test_an_api_key_makes_no_token(akool: Command) -> None:
    ended = akool("account", "token")
    assert (ended.status, ended.out) == (BAD_INPUT, "")
    assert re.fullmatch(
        r"akool: .* give --client-id and --client-secret, or set AKOOL_CLIENT_ID and"
        r" AKOOL_CLIENT_SECRET\n",
        ended.err,
    )


# What goes wrong


def test_missing_credentials_are_told_in_one_line(
    akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AKOOL_API_KEY")
    ended = akool("account", "credit")
    assert (ended.status, ended.out) == (BAD_INPUT, "")
    assert ended.err == (
        "akool: no credential: set AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and"
        " AKOOL_CLIENT_SECRET\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("AKOOL_BASE_URL", "http://akool.example"), ("AKOOL_API_KEY", "two words")],
)
def test_a_variable_that_cannot_be_used_is_named_and_not_shown(
    name: str, value: str, akool: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    ended = akool("account", "credit")
    assert (ended.status, ended.out) == (BAD_INPUT, "")
    assert re.fullmatch(rf"akool: {name} must be .*\n", ended.err)
    assert value not in ended.err


def test_a_refusal_is_one_line_with_code_and_akool_s_sentence(
    akool: Command, server: Simulator, received: list[Received]
) -> None:
    answer_with(server, received, {"code": 1006, "msg": "Your quota is not enough"})
    ended = akool("account", "credit")
    assert (ended.status, ended.out) == (REFUSED, "")
    said = ended.err.splitlines()[0]
    assert said == "akool: account.credit: Your quota is not enough [code 1006, HTTP 200]"
