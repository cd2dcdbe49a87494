"""The JSON Schema of duban.yaml, for editors (yaml-language-server) and for people who check before they load.

Made from the models; three things are rewritten by hand, because pydantic's own form reads badly in an editor or
cannot know the guide: the choice of tool (if/then instead of oneOf, so that all tools are offered: facts/
rules-and-state section 3), the words of the guide per kind of item, and ``${NAME}`` for one of a few words.
"""

from __future__ import annotations

from typing import Any, get_args

from duban.config.file import File
from duban.config.references import LITERAL_KEYS
from duban.config.words import field_names, own_names
from duban.connectors.settings import (
    SECRET_KEYS,
    AirtableSource,
    FeishuSource,
    Source,
    TeambitionSource,
    WorkbookSource,
)
from duban.connectors.statuses import CANONICAL
from duban.item import KINDS, Kind, fields_of, own_columns

_SOURCES: tuple[type[Source], ...] = (FeishuSource, TeambitionSource, AirtableSource, WorkbookSource)
_TABLES = ("FeishuTable", "TeambitionTable", "AirtableTable", "WorkbookTable")
_REFERENCE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"
_ENVIRONMENT = {"type": "string", "pattern": _REFERENCE, "description": "${NAME}: an environment variable"}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of duban.yaml."""
    schema = File.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema["$defs"]
    definitions["Secret"] = _secret(literal=False)
    definitions["AppId"] = _secret(literal=True)
    definitions["Environment"] = _ENVIRONMENT
    for model in _SOURCES:
        properties = definitions[model.__name__]["properties"]
        for key in SECRET_KEYS & set(properties):
            properties[key]["$ref"] = "#/$defs/AppId" if key in LITERAL_KEYS else "#/$defs/Secret"
        _offer_environment(properties, "mode", "base_url")
    for name in _TABLES:
        _describe_words(definitions[name])
    for kinds, name in (*(((kind,), kind) for kind in KINDS), (KINDS, "several")):
        definitions |= _words(kinds, name)
    definitions["FeishuTable"]["anyOf"] = [{"required": ["app", "table"]}, {"required": ["url"]}]
    _offer_environment(schema["properties"], "mode", "language")
    schema["properties"]["sources"]["items"] = _by_tool()
    _drop_titles(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "duban.yaml", **schema}


def _secret(*, literal: bool) -> dict[str, Any]:
    forms: list[dict[str, Any]] = [
        {"type": "string", "minLength": 1, "not": {"pattern": r"\$\{"}}, _ENVIRONMENT,
    ] if literal else [_ENVIRONMENT]  # fmt: skip
    for key, value in (
        ("file", {"type": "string", "minLength": 1}),
        ("command", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
    ):
        forms.append({"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False})
    return {"description": "${NAME}, {file: path} or {command: [program, argument]}", "anyOf": forms}


def _by_tool() -> dict[str, Any]:
    tools = {get_args(model.model_fields["tool"].annotation)[0]: model.__name__ for model in _SOURCES}
    choices = [
        {
            "if": {"type": "object", "properties": {"tool": {"const": tool}}, "required": ["tool"]},
            "then": {"$ref": f"#/$defs/{name}"},
        }
        for tool, name in tools.items()
    ]
    tool = {"enum": list(tools), "description": "which tool this source is"}
    return {"type": "object", "required": ["tool"], "properties": {"tool": tool}, "allOf": choices}


def _describe_words(table: dict[str, Any]) -> None:
    """Let a table use the fields and own columns of its kind, and those of every kind when it holds several."""
    properties = table["properties"]
    properties["statuses"]["propertyNames"] = {"enum": list(CANONICAL)}
    _offer_environment(properties, "mode")
    by_kind = [_of_kind({"const": kind}, kind) for kind in KINDS]
    table["allOf"] = [*by_kind, _of_kind({"type": "object"}, "several")]


def _of_kind(holds: dict[str, Any], name: str) -> dict[str, Any]:
    fields, own = {"$ref": f"#/$defs/fields.{name}"}, {"$ref": f"#/$defs/writes.{name}"}
    return {
        "if": {"type": "object", "properties": {"holds": holds}, "required": ["holds"]},
        "then": {"properties": {"columns": fields, "defaults": fields, "writes": own}},
    }


def _words(kinds: tuple[Kind, ...], name: str) -> dict[str, Any]:
    """Return what may stand under columns, defaults and writes; editors complete from ``properties``."""
    known = field_names(kinds)
    every = [field for kind in kinds for field in fields_of(kind) if field.key in known]
    fields = {field.key: {"description": f"{field.zh} · {field.en}"} for field in every}
    own = {column.key: {"description": f"{column.zh} · {column.en}"} for kind in kinds for column in own_columns(kind)}
    return {
        f"fields.{name}": {"properties": fields, "propertyNames": {"enum": list(known)}},
        f"writes.{name}": {"properties": own, "propertyNames": {"enum": list(own_names(kinds))}},
    }


def _offer_environment(properties: dict[str, Any], *keys: str) -> None:
    for key in properties.keys() & set(keys):
        entry = properties[key]
        kept = {word: entry.pop(word) for word in ("description", "default", "title") if word in entry}
        known = entry.get("anyOf", [entry])
        properties[key] = {**kept, "anyOf": [*known, {"$ref": "#/$defs/Environment"}]}


def _drop_titles(node: Any) -> None:
    """Titles made from key names only repeat them."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for inner in node.values():
            _drop_titles(inner)
    elif isinstance(node, list):
        for inner in node:
            _drop_titles(inner)
