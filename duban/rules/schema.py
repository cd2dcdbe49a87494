"""The JSON Schema of rules files, for editors (yaml-language-server) and for people who check before they load.

Made from the models of :mod:`entries`; what those cannot know is added by hand: the guide's field keys per rule, the
forms of a parameter, and what an item of a test looks like. What conditions say is checked when a file is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from duban.item import KINDS, fields_of
from duban.rules.book import ENGINE_PARAMS
from duban.rules.entries import ClockParameter, RulesFile
from duban.rules.language.scope import STATES, STATUSES
from duban.rules.recipients import OVER, ROLES

_TOOLS = ("feishu", "teambition", "airtable", "workbook")

_TIME = "[0-9０-９]{1,2}[:：][0-9０-９]{2}"
_WINDOW = rf"^\s*{_TIME}\s*[-–—~－～]\s*{_TIME}\s*$"


def rules_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a rules file."""
    schema = RulesFile.model_json_schema(mode="validation", by_alias=True)
    definitions: dict[str, Any] = schema["$defs"]
    definitions["ClockParameter"] = ClockParameter.model_json_schema()
    del definitions["ClockParameter"]["required"]  # a later pack may change one of its keys
    _params(schema["properties"]["params"])
    _rule(definitions["RuleEntry"]["properties"])
    _test(definitions["TestEntry"]["properties"])
    for part in _parts(schema):
        if isinstance(part.get("title"), str):
            del part["title"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rules file of duban", **schema}


def _params(params: dict[str, Any]) -> None:
    plain = [{"type": kind} for kind in ("number", "boolean", "string")]
    params["additionalProperties"] = {
        "anyOf": [
            *plain,
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"$ref": "#/$defs/ClockParameter"},
        ],
    }
    params["properties"] = {name: {} for name in sorted(ENGINE_PARAMS)} | {
        "lag_unit": {"enum": ["workday", "calendar"]},
        "due_on_nonworkday": {"enum": ["as_is", "next_workday"]},
        "review_stops_lag": {"type": "boolean"},
        "sla_soon_fraction": {"type": "number", "minimum": 0, "maximum": 1},
        "weekly_lookback_weeks": {"type": "integer", "minimum": 1, "maximum": 520},
        "work_windows": {"type": "array", "items": {"type": "string", "pattern": _WINDOW}, "minItems": 1},
        "explain": {"$ref": "#/$defs/ClockParameter"},
        "escalate_after_explain": {"$ref": "#/$defs/ClockParameter"},
    }


def _rule(properties: dict[str, Any]) -> None:
    keys = sorted({field.key for kind in KINDS for field in fields_of(kind)})
    for name in ("need", "wants"):
        for form in (properties[name], *properties[name].get("anyOf", ())):
            if form.get("type") == "array":
                form["items"] = {"enum": keys}
    properties["tools"]["items"] = {"enum": list(_TOOLS)}
    roles = {"type": "string", "examples": [*ROLES, *(f"{role}(…)" for role in OVER)]}
    for name in ("to", "cc", "esc"):
        properties[name]["items"] = {"anyOf": [roles, {"$ref": "#/$defs/Either"}]}


def _test(properties: dict[str, Any]) -> None:
    properties["given"]["items"] = {
        "type": "object",
        "required": ["of"],
        "description": "one item: its fields by key or by any heading",
        "properties": {
            "of": {"enum": list(KINDS)},
            "_name": {"description": "how the test calls an item without a code"},
            "_tool": {"enum": list(_TOOLS)},
            "_previous_status": {"enum": list(STATUSES)},
            "_state": {
                "description": "the alert it starts from",
                "anyOf": [
                    {"enum": list(STATES)},
                    {"type": "object", "properties": {"state": {"enum": list(STATES)}}},
                ],
            },
        },
    }
    properties["given"]["minItems"] = 1
    for name in ("unmapped", "swapped_headings"):
        properties[name]["propertyNames"] = {"enum": list(KINDS)}


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping of a schema."""
    if isinstance(part, dict):
        yield part
        for value in list(part.values()):
            yield from _parts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _parts(value)
