"""Rules files: how packs are laid over each other, and what is said about mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_world import QUIET, Timeline, guide, guide_documents, overlaid, overlay

from duban.errors import ConfigError, Problem
from duban.rules.book import merge, pack_files, read_book
from duban.rules.compiled import CompiledBook
from duban.yamlfile import Document, read_document

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))
RULE = "rules: [{id: TEAM-01, name: 团队, of: task, test: empty(审核方), level: warn, text: x}]\n"


def problems(*texts: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        CompiledBook(merge([Document(text, f"{number}.yaml") for number, text in enumerate(texts)]))
    return list(caught.value.problems)


# --- layers


def test_the_shipped_pack_has_every_rule_of_the_catalogue():
    phases = {rule.entry.phase for rule in guide().book.rules.values()}
    assert len(guide().book.rules) == 93
    assert phases == {"系统", "启动", "规划", "执行准备", "执行", "监控", "收尾"}
    off = {rule.id for rule in guide().book.rules.values() if not rule.entry.enabled}
    assert off == {"RAC-04", "RAC-06", "RES-04", "MTG-04", "RPT-02", "ISS-04", "CHG-01"}


def test_a_later_file_changes_rules_by_key():
    book = overlaid("rules: [{id: LAG-01, level: critical, to: [owner]}, {id: ISS-02, enabled: false}]\n")
    before, after = guide().book.rules["LAG-01"].entry, book.rules["LAG-01"].entry
    assert (after.level, after.to, after.test) == ("critical", ("owner",), before.test)
    assert not book.rules["ISS-02"].entry.enabled
    assert len(book.rules) == len(guide().book.rules)


def test_places_point_into_the_file_that_said_it():
    rule = overlaid("rules: [{id: LAG-01, level: critical}]\n").rules["LAG-01"]
    assert rule.place("level").document.path == "ours.yaml"
    assert rule.place("test").document.path.endswith("guide.yaml")


def test_parameters_are_merged_key_by_key():
    params = overlaid("params: {issue_response: {mode: workhours}, lag_notice_days: 2}\n").params
    assert params["issue_response"] == {"hours": 2, "mode": "workhours", "requires_solution": True}
    assert (params["lag_notice_days"], params["lag_minor_days"]) == (2, 1)


def test_a_pack_may_override_one_language_of_a_message():
    book = overlaid("messages: {催办: {zh: {title: 请说明, body: x}}}\n")
    assert book.messages["催办"]["zh"]["title"] == "请说明"
    assert "en" in book.messages["催办"]


def test_a_new_rule_judges_and_is_told():
    verdict = Timeline.of({**QUIET, "审核方": None}, book=overlay(RULE)).run("2024-07-10 10:00")
    assert [finding.rule for finding in verdict.findings if finding.rule.startswith("TEAM")] == ["TEAM-01"]


def test_a_disabled_rule_never_holds():
    task = {**QUIET, "输出物": None}
    assert "PLN-04" in Timeline.of(task).run("2024-07-10 10:00").rules
    book = overlay("rules: [{id: PLN-04, enabled: false}]\n")
    assert "PLN-04" not in Timeline.of(task, book=book).run("2024-07-10 10:00").rules


def test_a_book_without_the_guide():
    book = CompiledBook(merge([Document(RULE, "ours.yaml")]))
    verdict = Timeline.of({**QUIET, "审核方": None}, book=book).run("2024-07-30 10:00")
    assert (verdict.rules, verdict.state) == (("TEAM-01",), "正常")


def test_a_rule_of_several_kinds_has_its_clock_and_message_per_kind():
    rule = guide().book.rules["SLA-01"]
    assert {kind: rule.clock_of(kind) for kind in rule.entry.of} == {
        "task": "explain", "issue": "response", "dispute": "submission", "risk": "risk_meeting",
    }  # fmt: skip
    assert rule.message_of("task") == "说明时限将到"
    assert rule.message_of("risk") == "时限将到"


def test_needed_fields_are_those_of_enabled_rules():
    needed = guide().needed_fields("task", "feishu")
    assert "visibility" not in needed  # VIS-01 is for Teambition
    assert "visibility" in guide().needed_fields("task", "teambition")
    assert {"consulted", "informed", "due", "status"} <= set(needed)
    assert not {"submitted_at", "latest_note", "acceptor"} & set(needed)  # C20: read with a fallback only


def test_rules_wait_for_those_that_they_ask():
    strata = guide().table_rules("task", frozenset({"upstream", "status", "due"}), "feishu").strata
    assert sorted(strata) == [0, 1]


# --- mistakes


@pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)
def test_every_seeded_mistake_is_refused_at_its_line(path):
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    line, _, part = head[0].removeprefix("# error: ").partition(" ")
    with pytest.raises(ConfigError) as caught:
        CompiledBook(merge([*guide_documents(), read_document(path)]))
    found = caught.value.problems
    assert all(problem.path == str(path) for problem in found)
    if path.stem != "not_yaml":  # the parser only notices on the next line that a bracket was never closed
        assert [problem for problem in found if problem.line == int(line) and part in problem.message], found
    if len(head) > 1 and head[1].startswith("# suggest: "):
        word = head[1].removeprefix("# suggest: ")
        assert any(f"did you mean {word!r}" in problem.message for problem in found), found


def test_the_corpus_is_large_and_names_suggestions():
    texts = [path.read_text(encoding="utf-8") for path in MISTAKES]
    assert len(texts) >= 80
    assert sum("# suggest: " in text for text in texts) >= 25


def test_all_mistakes_of_all_files_come_at_once():
    found = problems(
        "rules: [{id: A-01, name: x, of: task, test: statsu == 1, level: warn, text: '{tilte}', to: [ower]}]\n",
        "rules: [{id: A-02, name: x, of: issue, test: raised_at > 3, level: warn, text: x}]\nparams: {unused: 1}\n",
    )
    assert {(problem.path, problem.message.split(";")[0]) for problem in found} == {
        ("0.yaml", "there is no field of kind task called 'statsu'"),
        ("0.yaml", "there is no field of kind task called 'tilte'"),
        ("0.yaml", "there is no role 'ower'"),
        ("1.yaml", "datetime and number cannot be compared with >"),
        ("1.yaml", "no rule uses the parameter unused"),
    }


def test_a_mistake_of_a_rule_of_two_kinds_is_told_once():
    found = problems("rules: [{id: A-01, name: x, of: [issue, dispute], test: raised_at > 3, level: warn, text: x}]\n")
    assert len(found) == 1


def test_a_mistake_in_a_block_text_has_its_line():
    found = problems("rules:\n  - id: A-01\n    name: x\n    of: task\n    test: |\n      open and\n      statsu == 1\n    level: warn\n    text: x\n")
    assert [(problem.line, problem.column, problem.source.strip()) for problem in found] == [(7, 7, "statsu == 1")]


def test_text_in_two_languages_is_checked_in_both():
    found = problems("rules: [{id: A-01, name: x, of: task, test: open, level: warn, text: {zh: '{code}', en: '{cod}'}}]\n")
    assert [problem.message for problem in found] == ["there is no field of kind task called 'cod'; did you mean 'code'?"]


@pytest.mark.parametrize(("content", "says"), [
    (None, "there is no such file"), (b"", "the file is empty"), (b"# nothing\n", "the file is empty"),
    (b"rules: [\n", "not readable as YAML"), (b"\xff\xfe\x00", "not UTF-8"), (b"- a\n- b\n", "keys with values"),
    (b"just a text\n", "keys with values"), (b"rules: !!python/object:os.system {}\n", "tags"),
])  # fmt: skip
def test_files_that_are_no_rules_files(tmp_path, content, says):
    path = tmp_path / "ours.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_book(["guide", path])
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_shipped_files_are_named():
    assert [path.name for path in pack_files("guide")] == ["guide.yaml", "messages.yaml"]
    assert pack_files("guides.yaml") == [Path("guides.yaml")]


def test_messages_are_found_by_name_or_nearest():
    found = problems("rules: [{id: A-01, name: x, of: task, test: open, level: warn, text: x, msg: 催办}]\nmessages: {催辨: {}}\n")
    assert found[0].message == "there is no message template '催办'; did you mean '催辨'?"
