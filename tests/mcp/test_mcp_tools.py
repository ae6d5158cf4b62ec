"""Which tools agents get, and what these say of themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from akool_async import InvalidInput
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.mcp.calling import as_object
from akool_async.mcp.rules import Rules
from akool_async.mcp.schemas import call_tool, reply_schema, start_tool
from akool_async.mcp.toolbox import offered_classes
from akool_async.protocol.fields import plan_of
from akool_async.protocol.secret_fields import places_of
from akool_async.simulator import Simulator
from tests.contract.test_exchanges import CALLS, Exchange
from tests.mcp.agents import PHOTO, agent

CREDENTIALS = {"account.token", "faceswap.live_create", "streaming.session"}
"""What is left out: the reply is a credential."""

OFFERED = offered_classes(Rules())
JOB_TOOLS = {"job_status", "job_result", "job_list", "job_cancel", "job_save"}
LONGEST = 40
"""Clients put up to 24 characters before the name of a tool, and take 64."""


def tool_of(name: str) -> Any:
    cls = OFFERED[name]
    return start_tool(name, cls) if name in RECIPES or cls.starts_job else call_tool(name, cls)


def test_every_endpoint_and_recipe_is_a_tool_unless_it_returns_a_credential() -> None:
    assert {*OFFERED} == {*ENDPOINTS, *RECIPES} - CREDENTIALS


def test_names_are_those_that_every_client_takes() -> None:
    names = [tool_of(name).name for name in OFFERED]
    assert len(names) == len({*names})
    assert not {*names} & JOB_TOOLS
    assert all(re.fullmatch(f"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}", name) for name in names)


@pytest.mark.parametrize("name", OFFERED)
def test_a_tool_describes_itself_and_its_arguments(name: str) -> None:
    cls: Any = OFFERED[name]
    tool = tool_of(name)
    assert tool.description
    for schema in (tool.input_schema, tool.output_schema):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
    properties = tool.input_schema["properties"]
    fields = {plan.name for plan in plan_of(cls)} - {"webhook_url"}
    assert fields == properties.keys() - {"key", "dry_run"}
    assert not {"key", "dry_run"} & fields
    # A model knows nothing of our numbers for Akool's quirks.
    assert not re.search(r"\([TN]\d", tool.model_dump_json())
    assert not places_of(cls)


@pytest.mark.parametrize(
    ("name", "hints"),
    [
        ("video.list", (True, False, True)),
        ("reage.image", (False, False, True)),
        ("reage.photo", (False, False, True)),
        ("voice.delete", (False, True, True)),
        ("knowledge.create", (False, False, False)),
    ],
)
def test_hints_say_what_a_tool_does(name: str, hints: tuple[bool, bool, bool]) -> None:
    said = tool_of(name).annotations
    assert (said.read_only_hint, said.destructive_hint, said.idempotent_hint) == hints


def test_some_namespaces_and_tools_can_be_chosen() -> None:
    chosen = offered_classes(Rules(tools=("reage", "voice_tts", "image.create")))
    assert {"reage.image", "reage.photo", "voice.tts", "image.create"} <= chosen.keys()
    assert {name.partition(".")[0] for name in chosen} == {"reage", "voice", "image"}
    assert "voice.list" not in chosen
    with pytest.raises(InvalidInput, match="did you mean 'reage'"):
        offered_classes(Rules(tools=("raege",)))


async def test_an_agent_that_only_reads_gets_no_tool_that_changes_anything(
    quick: Simulator,
) -> None:
    async with agent(quick, read_only=True, compact=True) as small:
        described = (await small.client.list_tools()).tools
        assert all(each.annotations and each.annotations.read_only_hint for each in described)
        assert "no operation" in await small.error("akool_use", name="image_create")
    async with agent(quick, read_only=True) as reader:
        tools = (await reader.client.list_tools()).tools
        assert {"account_credit", "job_result", "video_list"} <= {each.name for each in tools}
        assert all(each.annotations and each.annotations.read_only_hint for each in tools)
        assert "no tool 'image_create'" in await reader.error("image_create", prompt="a cat")
    assert quick.requests.total() == 0


async def test_three_general_tools_stand_for_all_of_them(quick: Simulator) -> None:
    async with agent(quick, compact=True) as small:
        assert {"akool_find", "akool_describe", "akool_use"} == await small.names() - JOB_TOOLS
        found = await small.data("akool_find", words="older or younger photo")
        assert "reage_photo" in {each["name"] for each in found["operations"]}
        assert len((await small.data("akool_find"))["operations"]) == len(OFFERED)
        described = await small.data("akool_describe", name="image.create")
        assert "prompt" in described["arguments"]["properties"]
        started = await small.data(
            "akool_use", name="image_create", arguments={"prompt": "a cat", "key": "mine"}
        )
        assert (await small.data("job_result", token=started["token"]))["status"] == "completed"
        stranger = {"prompt": "a cat", "webhook_url": "https://evil.example"}
        refusal = await small.error("akool_use", name="image_create", arguments=stranger)
        assert "not for agents" in refusal
        assert "Did you mean" in await small.error("akool_use", name="image_creat")


@pytest.mark.parametrize("exchange", CALLS, ids=lambda each: each.label)
def test_documented_replies_fit_the_schemas_of_their_tools(exchange: Exchange) -> None:
    answer = as_object(exchange.value.decode(exchange.response("reply")))
    Draft202012Validator(reply_schema(exchange.cls)).validate(answer)


async def test_the_replies_of_calls_fit_their_schemas(quick: Simulator) -> None:
    # The client holds each reply against the tool's output schema.
    async with agent(quick) as asking:
        await asking.client.list_tools()
        assert await asking.data("account_credit") == {"credit": 10_000.0}
        for tool in ("avatar_list", "video_languages", "streaming_sessions"):
            assert "items" in await asking.data(tool)
        seen = await asking.data("faceswap_detect", image_url=PHOTO)
        assert seen["faces"]
        made = await asking.data("knowledge_create", name="Support")
        assert await asking.data("knowledge_delete", id=made["id"]) == {"done": True}
