"""docs/agents.md, held against the code."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from akool_async.cli.mcp import command
from akool_async.endpoints import RECIPES
from akool_async.mcp.rules import LIMIT, Rules
from akool_async.mcp.texts import tool_name
from akool_async.mcp.toolbox import offered_classes
from tests.docs.pages import ROOT, blocks_of, text_of

PAGE = ROOT / "docs" / "agents.md"
TEXT = text_of(PAGE)
CONFIGURATIONS = [json.loads(block) for block in blocks_of(PAGE, "json")]


def test_the_page_lists_every_tool() -> None:
    lists = TEXT.partition("## All tools")[2].partition("\n## ")[0]
    starts, _, calls = lists.partition("These send one request:")
    listed = dict.fromkeys(re.findall(r"`(\w+)`", starts), True)
    listed |= dict.fromkeys(re.findall(r"`(\w+)`", calls), False)
    assert listed == {
        tool_name(name): name in RECIPES or cls.starts_job
        for name, cls in offered_classes(Rules()).items()
    }


def test_the_page_explains_every_option_and_the_usual_limit() -> None:
    options = [each.opts[0] for each in command.params]
    assert [each for each in options if each not in TEXT] == []
    default = next(each.default for each in command.params if each.name == "limit")
    assert default == LIMIT
    assert f"`--limit {LIMIT:g}`" in TEXT


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_configurations_of_clients_use_options_that_there_are(configuration: Any) -> None:
    servers = configuration.get("mcpServers") or configuration["servers"]
    for server in servers.values():
        if "url" in server:
            continue
        assert server["command"] == "akool"
        name, *arguments = server["args"]
        assert name == "mcp"
        command.make_context("mcp", arguments)
