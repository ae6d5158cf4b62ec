"""Three general tools in place of one for each endpoint, for models with little room."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar, cast

from mcp.types import CallToolResult, InputRequiredResult, Tool, ToolAnnotations

from akool_async.mcp.answers import Refusal, reply
from akool_async.mcp.consent import Call
from akool_async.protocol.words import nearest

_MOST: Final = 20


class _Entry(Protocol):
    @property
    def tool(self) -> Tool: ...
    @property
    def run(self) -> Any: ...


E = TypeVar("E")


class Compact:
    """Finds, describes and runs the tools of endpoints.

    Args:
        entries: The tools, by name.
    """

    def __init__(self, entries: Mapping[str, _Entry]) -> None:
        self._entries = entries

    def tools(self, make: Callable[[Tool, Any], E]) -> dict[str, E]:
        """Return the general tools, by name."""
        hints = [each.tool.annotations for each in self._entries.values()]
        reads = all(each is not None and each.read_only_hint for each in hints)
        use = USE.model_copy(update={"annotations": ToolAnnotations(read_only_hint=reads)})
        made = [make(FIND, self.find), make(DESCRIBE, self.describe), make(use, self.use)]
        return dict(zip((FIND.name, DESCRIBE.name, USE.name), made, strict=True))

    async def find(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """List the operations whose names or descriptions hold the words; all without words."""
        words = re.findall(r"\w+", str(given.get("words", "")).lower())
        rated = [(_hits(each.tool, words), each.tool) for each in self._entries.values()]
        best = sorted((-hits, tool.name) for hits, tool in rated if hits or not words)
        names = [name for _, name in (best[:_MOST] if words else best)]
        rows = [{"name": name, "summary": self._summary(name)} for name in names]
        return reply({"operations": rows})

    async def describe(self, _call: Call, given: Mapping[str, Any]) -> CallToolResult:
        """Return an operation's text and the schema of its arguments."""
        tool = self._entry(given.get("name")).tool
        data = {"name": tool.name, "description": tool.description, "arguments": tool.input_schema}
        return reply(data)

    async def use(
        self, call: Call, given: Mapping[str, Any]
    ) -> CallToolResult | InputRequiredResult:
        """Run an operation."""
        arguments: Any = given.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise Refusal("`arguments` must be an object.")
        entry, passed = self._entry(given.get("name")), cast("dict[str, Any]", arguments)
        answer: CallToolResult | InputRequiredResult = await entry.run(call, dict(passed))
        return answer

    def _summary(self, name: str) -> str:
        return (self._entries[name].tool.description or "").partition("\n\n")[0]

    def _entry(self, name: object) -> _Entry:
        named = str(name).replace(".", "_")
        if named in self._entries:
            return self._entries[named]
        near = nearest(named, self._entries)
        hint = f" Did you mean {near!r}?" if near else ""
        raise Refusal(f"There is no operation {name!r}.{hint} akool_find lists them.")


def _hits(tool: Tool, words: list[str]) -> int:
    text = f"{tool.name.replace('_', ' ')} {tool.description}".lower()
    return sum((word in text) + 2 * (word in tool.name) for word in words)


def _general(
    name: str, text: str, properties: dict[str, Any], *, reads: bool, required: tuple[str, ...]
) -> Tool:
    schema = {"type": "object", "properties": properties, "required": [*required]}
    return Tool(
        name=name,
        description=text,
        input_schema=schema | {"additionalProperties": False},
        annotations=ToolAnnotations(read_only_hint=reads),
    )


_NAME: Final[dict[str, Any]] = {"name": {"type": "string", "description": "Such as reage_photo."}}

FIND: Final = _general(
    "akool_find",
    "Find what Akool offers: faces swapped and aged, voices, pictures, videos, avatars.",
    {"words": {"type": "string", "description": "Words to look for; all operations without."}},
    reads=True,
    required=(),
)
DESCRIBE: Final = _general(
    "akool_describe", "Show the arguments of an operation.", _NAME, reads=True, required=("name",)
)
USE: Final = _general(
    "akool_use",
    "Run an operation. One that starts a paid job returns its token at once; job_result waits.",
    _NAME | {"arguments": {"type": "object", "description": "As akool_describe shows them."}},
    reads=False,
    required=("name",),
)
