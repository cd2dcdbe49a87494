"""The JSON Schema of rules files."""

from __future__ import annotations

from typing import Any

from duban.rules.entries import RulesFile


def rules_schema() -> dict[str, Any]:
    """Return the JSON Schema of rules files."""
    return RulesFile.model_json_schema(by_alias=True)
