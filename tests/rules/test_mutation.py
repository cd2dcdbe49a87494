"""The mutation run itself: which changes it makes, that it sees them killed, and that a test that is gone is missed."""

from __future__ import annotations

from collections import Counter

import pytest
from mutation.conditions import changes
from mutation.mutants import REMOVED, Mutant, mutants, mutated
from mutation.running import Outcome, Trial, rate, summary

from duban.rules.book import pack_files
from duban.rules.language.parse import LanguageError, parse
from duban.yamlfile import Document, read_document

GUIDE, MESSAGES = map(read_document, pack_files("guide"))
SMALL = """
params: {patience: 3, answer: {hours: 2, mode: wall}, report_at: "18:00", work_windows: ["09:00-18:00"], strict: true, share: 0.25}
patterns: {re_word: '[|]a|b(c|d)'}
tables: {steps: [[未开始, 进行中]]}
suppression: [{of: task, when: status == "取消", keep: [TEAM-02]}]
rules:
  - {id: TEAM-01, name: x, of: task, when: open, test: lag_days > patience, level: warn, text: x, need: [due], to: [owner, R_head]}
"""


@pytest.mark.parametrize(("text", "found"), [
    ("lag_days >= 3", ["lag_days > 3", "lag_days >= 2", "lag_days >= 4"]),
    ("a == b", ["a != b"]),
    ('status in ["甲", "乙"]', ['status not in ["甲", "乙"]', 'status in ["乙"]', 'status in ["甲"]']),
    ("a not in b", ["a in b"]),
    ("a and b and c", ["a or b and c", "a and b or c", "b and c", "a and c", "a and b"]),
    ("(a or b) and c", ["(a or b) or c", "c", "(a or b)", "(a and b) and c", "(b) and c", "(a) and c"]),
    ("not a", ["a"]),
    ("closed", ["not closed"]),
    ("empty(a)", ["given(a)"]),
    ("not empty(a)", ["empty(a)", "not given(a)"]),
    ("any(t in tasks, t.open)", ["all(t in tasks, t.open)"]),
    ("wd(first(a, b), today) > 5", ["wd(first(a, b), today) >= 5", "wd(a, today) > 5", "wd(b, today) > 5",
                                   "wd(first(a, b), today) > 4", "wd(first(a, b), today) > 6"]),
    ("a - 1d", ["a + 1d", "a - 0d", "a - 2d"]),
])  # fmt: skip
def test_changes_of_a_condition(text, found):
    assert [change.text for change in changes(text)] == found


def test_every_change_of_the_guide_s_conditions_can_still_be_read():
    for rule in GUIDE.value["rules"]:
        for text in filter(None, (rule.get("when"), rule["test"], *rule.get("let", {}).values())):
            for change in changes(text):
                assert change.text != text
                try:
                    parse(change.text)
                except LanguageError as error:  # pragma: no cover
                    pytest.fail(f"{rule['id']}: {change.text}: {error}")


def test_changes_of_a_file():
    found = {(mutant.sort, mutant.what) for mutant in mutants(Document(SMALL, "small.yaml"))}
    assert {
        ("parameter", "patience: 3 -> 2"), ("parameter", "patience: 3 -> 4"), ("parameter", "hours: 2 -> 1"),
        ("parameter", "hours: 2 -> 3"), ("clock mode", "mode: wall -> workday24"), ("clock mode", "mode: wall -> workhours"),
        ("parameter", "report_at: 18:00 -> 17:59"), ("parameter", "report_at: 18:00 -> 18:01"),
        ("parameter", "work_windows: 09:00-18:00 -> 09:01-18:00"), ("window", "work_windows: without 09:00-18:00"),
        ("parameter", "strict: True -> False"), ("parameter", "share: 0.25 -> 0.24"), ("parameter", "share: 0.25 -> 0.26"),
        ("pattern", "without [|]a"), ("pattern", "without b(c|d)"), ("pair", "steps: without ['未开始', '进行中']"),
        ("suppression", 'suppression: without status == "取消"'), ("suppression", "keep: without TEAM-02"),
        ("opposite", "open -> not open"), ("gate", "when: without open"), ("comparison", "> -> >="),
        ("level", "level: warn -> critical"), ("need", "need: without due"), ("recipient", "to: without owner"),
        ("recipient", "to: without R_head"),
    } <= found  # fmt: skip


def test_a_mutant_changes_one_place_and_nothing_else():
    before = Document(SMALL, "small.yaml")
    mutant = Mutant("TEAM-01", "gate", ("rules", 0, "when"), REMOVED, "")
    after = mutated(before, mutant)
    assert "when" not in after.value["rules"][0]
    assert before.value == Document(SMALL, "small.yaml").value
    assert {**after.value["rules"][0], "when": "open"} == before.value["rules"][0]
    assert mutant.place(before) == "small.yaml:7"


def test_every_rule_and_every_part_of_the_guide_is_changed():
    made = list(mutants(GUIDE))
    assert {rule["id"] for rule in GUIDE.value["rules"]} <= {mutant.of for mutant in made}
    assert {mutant.path[0] for mutant in made} == {"params", "patterns", "tables", "clocks", "ladder", "suppression", "rules"}
    assert len(made) > 1200
    assert len(made) == len({(mutant.path, str(mutant.value)) for mutant in made})


# --- what becomes of them

LATE = """
tests:
  - name: 滞后三天
    now: 2024-07-24 10:00
    rules: [LAG-01, LAG-02]
    given:
      - {of: task, 编号: 两天, 状态: 进行中, 截止日期: 2024-07-22, 负责人: 张三}
      - {of: task, 编号: 三天, 状态: 进行中, 截止日期: 2024-07-19, 负责人: 张三}
    expect: {两天: [LAG-01], 三天: [LAG-02]}
"""
EARLY = """
  - name: 滞后一天
    now: 2024-07-24 10:00
    rules: [LAG-01]
    given: [{of: task, 编号: 一天, 状态: 进行中, 截止日期: 2024-07-23, 负责人: 张三}]
    expect: {一天: [LAG-01]}
"""


def trial(tests: str) -> Trial:
    return Trial(GUIDE, [MESSAGES, Document(tests, "tests.yaml")])


def fates(tests: str, of: str) -> dict[str, str]:
    some = [mutant for mutant in mutants(GUIDE) if mutant.of == of]
    return {outcome.mutant.what: outcome.fate for outcome in trial(tests).outcomes(some)}


def test_a_test_that_is_dropped_lets_a_mutant_survive():
    name = "lag_minor_days"
    assert fates(LATE + EARLY, name) == {f"{name}: 1 -> 0": "survived", f"{name}: 1 -> 2": "killed"}
    assert fates(LATE, name) == {f"{name}: 1 -> 0": "survived", f"{name}: 1 -> 2": "survived"}


def test_what_the_loader_rejects_is_neither_killed_nor_survived():
    refused = Mutant("LAG-01", "condition", ("rules", _index("LAG-01"), "test"), "lag_dais >= 1", "misspelt")
    flipped = GUIDE.value["rules"][_index("LAG-02")]["test"].replace(">= lag_notice_days", "> lag_notice_days")
    killed = Mutant("LAG-02", "comparison", ("rules", _index("LAG-02"), "test"), flipped, "flipped")
    outcomes = list(trial(LATE).outcomes([refused, killed]))
    assert [(outcome.fate, outcome.by) for outcome in outcomes] == [("refused", ""), ("killed", "滞后三天")]
    assert rate(outcomes) == 100


def test_the_summary_names_survivors_with_their_place():
    mutant = Mutant("LAG-02", "comparison", ("rules", _index("LAG-02"), "test"), "lag_days > 2", "3 -> 2")
    lines = list(summary([Outcome(mutant, "guide.yaml:7", "survived"), Outcome(mutant, "", "killed"), Outcome(mutant, "", "refused")]))
    assert lines[0] == "survived guide.yaml:7 LAG-02 [comparison] 3 -> 2"
    assert lines[-1] == "3 mutants: 1 killed, 1 survived, 1 refused at load (not counted): 50.0 %"


def test_tests_that_fail_already_are_refused():
    with pytest.raises(ValueError, match="滞后三天"):
        trial(LATE.replace("三天: [LAG-02]", "三天: []"))


# --- the shipped pack: a sample of what `make mutants` runs


def test_a_sample_of_the_guide_s_mutants_is_killed():
    everything = Trial(GUIDE, [MESSAGES, *map(read_document, pack_files("guide_tests"))])
    sample = list(mutants(GUIDE))[7::120]
    outcomes = list(everything.outcomes(sample))
    assert Counter(outcome.fate for outcome in outcomes)["killed"] >= 8
    assert rate(outcomes) >= 80, "\n".join(summary(outcomes))


def _index(rule_id: str) -> int:
    return next(index for index, rule in enumerate(GUIDE.value["rules"]) if rule["id"] == rule_id)
