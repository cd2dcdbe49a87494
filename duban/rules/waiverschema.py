"""The JSON Schema of waivers files, for editors. What it cannot know (rules, people) is checked at load."""

from __future__ import annotations

from typing import Any

from duban.rules.waiverfile import KEYS, ROOT

_TEXT = {"type": "string", "pattern": r"\S"}
_DAY = {
    "type": "string",
    "pattern": r"^\s*\d{4}(-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|年\d{1,2}月\d{1,2}日)\s*$",
}
_NAME = {"anyOf": [_TEXT, {"type": "integer"}]}
_NAMES = {"anyOf": [*_NAME["anyOf"], {"type": "array", "items": _NAME, "minItems": 1}]}
_FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "item": (_NAMES, "编号: a code, or source/table/record; or a list"),
    "rules": (_NAMES, "规则: ids, a trailing * for any ending, all for every rule"),
    "extend_to": (_DAY, "延期至: the approved due date"),
    "approved_by": (_TEXT, "批准人: a name of the directory, not the owner's"),
    "reason": (_TEXT, "原因"),
    "valid_from": (_DAY, "生效日期: the first day on which it counts"),
    "valid_until": (_DAY, "有效期: the last day on which it counts; needed where rules are waived"),
    "department": (_NAMES, "部门: items of these departments"),
    "project": (_NAMES, "项目: items of these projects"),
    "table": (_NAMES, "表: items of these tables, by name or source/name"),
}


def waivers_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a waivers file."""
    properties = {
        name: {**form, "description": said} for key, (form, said) in _FORMS.items() for name in (key, *KEYS[key])
    }
    entry = {
        "type": "object", "additionalProperties": False, "properties": properties,
        "allOf": [
            _one_of("approved_by"), _one_of("reason"), _one_of("item", "department", "project", "table"),
            _one_of("rules", "extend_to"), {"if": _one_of("rules"), "then": _one_of("valid_until")},
            {"if": _one_of("extend_to"), "then": _one_of("item")},
        ],
    }  # fmt: skip
    entries = {"type": "array", "items": entry}
    whole = {
        "type": "object", "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
        "properties": dict.fromkeys(ROOT, entries),
    }  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "waivers.yaml", "anyOf": [whole, entries],
    }  # fmt: skip


def _one_of(*keys: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [name]} for key in keys for name in (key, *KEYS[key])]}
