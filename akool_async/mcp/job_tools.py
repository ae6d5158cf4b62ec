"""The tools for jobs, as agents see them."""

from __future__ import annotations

from typing import Any, Final

from mcp.types import Tool, ToolAnnotations

from akool_async.mcp.schemas import JOB
from akool_async.mcp.watching import LONGEST_WAIT, USUAL_WAIT

_TOKEN: Final[dict[str, Any]] = {
    "token": {
        "type": "string",
        "description": "The token of a job, or its key; a start replies both. Tokens of other"
        " programs of this account work, too.",
    }
}


def _tool(
    name: str,
    description: str,
    properties: dict[str, Any],
    output: dict[str, Any],
    annotations: ToolAnnotations,
) -> Tool:
    required = [each for each in properties if each == "token"]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    schema |= {"required": required, "additionalProperties": False}
    return Tool(
        name=name,
        description=description,
        input_schema=schema,
        output_schema=output,
        annotations=annotations,
    )


_READS: Final = ToolAnnotations(read_only_hint=True)

STATUS: Final = _tool(
    "job_status", "Say how far a job is, without waiting. It costs nothing.", _TOKEN, JOB, _READS
)

RESULT: Final = _tool(
    "job_result",
    "Wait for a job, and return its result: the addresses of its files, when these expire, and what"
    " it cost. If the time is over first, the job goes on: call it again. It costs nothing.",
    _TOKEN
    | {
        "wait_seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": LONGEST_WAIT,
            "default": USUAL_WAIT,
            "description": "Seconds to wait.",
        }
    },
    JOB,
    _READS,
)

SAVE: Final = _tool(
    "job_save",
    "Save the files of a completed job in the allowed folder of this machine. Akool deletes its"
    " own copies after 7 days.",
    _TOKEN
    | {
        "path": {
            "type": "string",
            "description": "Where, relative to the folder; left out, files are named after the job."
            " A file that is there is not replaced.",
        },
        "show": {
            "type": "boolean",
            "default": False,
            "description": "Reply the picture, too, so that you can look at it, if it is small.",
        },
    },
    {
        "type": "object",
        "properties": {"saved": {"type": "array", "items": {"type": "string"}}},
        "required": ["saved"],
    },
    ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
)

CANCEL: Final = _tool(
    "job_cancel",
    "Cancel a job, where Akool can; a job that has ended stays as it is.",
    _TOKEN,
    JOB,
    ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
)

LIST: Final = _tool(
    "job_list",
    "List the latest jobs that agents started here, the newest first, with their tokens.",
    {"count": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20}},
    {
        "type": "object",
        "properties": {"jobs": {"type": "array", "items": {"type": "object"}}},
        "required": ["jobs"],
    },
    _READS,
)
