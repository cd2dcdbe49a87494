"""What stands beside the simulators: a configuration that fits them, the directory, and what duban knew before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import yaml

from duban.sandbox.example.scenario import SOURCES, Line, Scenario, Sheet, Tool
from duban.sandbox.example.seed import Place, Seeded

# File in the folder's secrets/ -> which of the keys it holds.
SECRET_FILES: Mapping[str, str] = {
    "feishu-app-secret": "feishu_secret", "teambition-app-secret": "teambition_secret",
    "airtable-token": "airtable_token",
}  # fmt: skip
# `engine_state` of a row -> `alert` of the state document (spec section 4).
_ALERT = {
    "alert_state": "state", "alert_at": "at", "explain_deadline": "explain_deadline", "notice_count": "notices",
    "baseline_due": "baseline_due",
}  # fmt: skip


def config_text(seeded: Seeded, *, language: Literal["zh", "en"], head: str) -> str:
    """Return duban.yaml; the services must be serving. ``head`` is its first comment."""
    sources = [_source(seeded, tool, places) for tool, places in _by_tool(seeded).items()]
    data = {
        "timezone": seeded.scenario.zone.key, "language": language, "state": "sqlite:///duban.db", "mode": "live",
        "directory": "directory.yaml", "sources": sources,
    }  # fmt: skip
    return f"# {head}\n{_yaml(data)}"


def _by_tool(seeded: Seeded) -> dict[Tool, list[Place]]:
    tools: dict[Tool, list[Place]] = {}
    for tool in SOURCES:
        places = [place for place in seeded.places.values() if place.sheet.tool == tool]
        if places:
            tools[tool] = places
    return tools


def _source(seeded: Seeded, tool: Tool, places: Iterable[Place]) -> dict[str, Any]:
    keys, url = seeded.keys, seeded.services[tool].url
    about: Mapping[Tool, dict[str, Any]] = {
        "feishu": {
            "base_url": url, "app_id": keys.feishu_app, "app_secret": {"file": "secrets/feishu-app-secret"},
        },
        "teambition": {
            "base_url": f"{url}/api", "app_id": keys.teambition_app,
            "app_secret": {"file": "secrets/teambition-app-secret"}, "organization": seeded.organization,
            "operator": seeded.operator,
        },
        "airtable": {"base_url": url, "token": {"file": "secrets/airtable-token"}, "base": seeded.airtable_base},
    }  # fmt: skip
    return {"name": SOURCES[tool], "tool": tool, **about[tool], "tables": [_table(place) for place in places]}


def _table(place: Place) -> dict[str, Any]:
    sheet = place.sheet
    data: dict[str, Any] = {"name": sheet.label, **place.address, "holds": _holds(sheet)}
    return data | ({"defaults": dict(sheet.fixed)} if sheet.fixed else {})


def _holds(sheet: Sheet) -> Any:
    if sheet.by_column is None:
        return sheet.kinds[0]
    column, values = sheet.by_column
    return {"column": column, "values": dict(values)}


def directory_text(seeded: Seeded) -> str:
    """Return directory.yaml: departments, and everybody's ids in the three tools."""
    scenario = seeded.scenario
    data = {
        "departments": {name: dict(entry) for name, entry in scenario.departments.items()},
        "department_aliases": dict(scenario.aliases),
        "people": {name: dict(ids) for name, ids in seeded.people.items()},
    }
    return _yaml(data)


def state_document(seeded: Seeded) -> dict[str, Any]:
    """Return what was known at the run before, as ``duban state import`` takes it; times are local."""
    return {"version": 1, "items": [_state(seeded, line) for line in seeded.scenario.lines if line.state]}


def _state(seeded: Seeded, line: Line) -> dict[str, Any]:
    place = seeded.places[line.sheet]
    data: dict[str, Any] = {
        "source": place.sheet.source, "table": place.sheet.label, "record": place.records[line.name],
        "code": code_of(seeded.scenario, line),
    }  # fmt: skip
    if line.state.get("previous_status"):
        data["status"] = line.state["previous_status"]
    return data | {"alert": {_ALERT[key]: value for key, value in line.state.items() if key in _ALERT}}


def code_of(scenario: Scenario, line: Line) -> str:
    """Return the row's own code, which need not be its name in the file: a mirror row carries another one's."""
    headings = ("任务编号", "编号", "Task ID")
    known = [heading for heading in headings if heading in scenario.sheets[line.sheet].columns]
    return str(line.cells.get(known[0], "")) if known else ""


def json_text(document: Any) -> str:
    """Return a document as JSON text for a file."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _yaml(data: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118)
    return text
