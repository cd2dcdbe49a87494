"""The JSON Schema of rules files: the shipped pack and sound files pass, misspelt ones do not."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from duban.rules.book import pack_files
from duban.rules.entries import RulesFile
from duban.rules.schema import rules_schema
from duban.yamlfile import Document, read_document

VALIDATOR = jsonschema.Draft202012Validator(rules_schema())
# Mistakes of form, which a schema can see; what conditions and names mean is for the loader.
FORM = {
    "unknown_key", "unknown_top_key", "bad_level", "bad_kind", "missing_id", "bad_id", "rule_is_a_text", "need_misspelt",
    "param_mode", "param_clock_key", "param_negative_hours", "param_choice", "param_fraction", "list_not_mapping",
    "test_key_misspelt", "test_without_given",
}  # fmt: skip


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(rules_schema())
    assert rules_schema()["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("path", [*pack_files("guide"), *pack_files("guide_tests")], ids=lambda path: path.name)
def test_the_shipped_pack_validates(path):
    assert [error.message for error in VALIDATOR.iter_errors(read_document(path).value)] == []


def test_every_key_of_a_rules_file_is_described():
    assert set(rules_schema()["properties"]) == set(RulesFile.model_fields)
    rule = rules_schema()["$defs"]["RuleEntry"]
    assert rule["required"] == ["id"]
    assert rule["additionalProperties"] is False
    described = [name for name, entry in rule["properties"].items() if "description" in entry]
    assert {"id", "of", "when", "test", "level", "text", "to", "need", "clock", "once_per"} <= set(described)


def test_short_forms_are_allowed():
    text = """
params: {lag_notice_days: 2, issue_response: {mode: workhours}, work_windows: ["09:00-18:00"]}
rules:
  - {id: TEAM-01, name: x, of: task, test: open, level: warn, text: x, to: [owner, {if: open, then: R_head}]}
  - {id: TEAM-02, name: {zh: x, en: y}, of: [issue, risk], test: not closed, level: info, text: {zh: x}}
  - {id: ISS-02, enabled: false}
tests:
  - {name: t, now: 2024-07-19 10:00, given: [{of: task, 编号: T1, _state: 正常}], expect: {T1: [TEAM-01]}}
"""
    assert [error.message for error in VALIDATOR.iter_errors(Document(text, "x").value)] == []


@pytest.mark.parametrize("name", sorted(FORM))
def test_mistakes_of_form_are_seen_by_the_schema(name):
    assert not VALIDATOR.is_valid(read_document(Path(__file__).parent / "mistakes" / f"{name}.yaml").value)
