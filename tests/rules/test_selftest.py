"""The tests in rules files: what passes, what fails and what a failure says."""

from __future__ import annotations

import json
from functools import cache

import pytest
from rules_world import clocks, guide_documents, overlay

from duban.rules.book import merge, pack_files, read_book
from duban.rules.compiled import CompiledBook
from duban.rules.selftest import each_result, run_tests
from duban.rules.selftest import report as coverage
from duban.rules.testreport import TestReport
from duban.yamlfile import Document, read_document

TEAM = """
rules:
  - id: TEAM-01
    name: 高优先级任务无审核方
    of: task
    when: 优先级 in ["高", "紧急"] and 状态 != "已完成"
    test: empty(审核方)
    level: warn
    text: "{任务编号} 优先级为{优先级}，但没有审核方"
    to: [owner, R_head]
"""
EVENING = """
tests:
  - name: 周五傍晚的突发问题
    now: 2024-07-19T17:30:00+08:00
    rules: [ISS-*, SLA-01]
    given: [{of: issue, 编号: Q1, 提出时间: 2024-07-19 15:00, 责任人: 张三}]
    expect: {Q1: [ISS-02]}
    sends: {Q1: [突发问题超时]}
    steps:
      - now: 2024-07-19 18:00
        set: {Q1: {响应时间: 2024-07-19 17:50, 解决方案: 启用备用产线}}
        expect: {Q1: {rules: [ISS-03], sla: 超时完成, sla_due: 2024-07-19 17:00}}
        sends: {Q1: []}
"""


def run(text: str) -> TestReport:
    return run_tests(overlay(text))


def one(body: str, rules: str = TEAM) -> list[str]:
    """What is wrong with one test."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    report = run(f"{rules}tests:\n  - name: t\n{lines}\n")
    return [problem.message for problem in report.results[0].problems]


# --- the shipped pack's own tests


@cache
def shipped() -> tuple[CompiledBook, TestReport]:
    book = CompiledBook(read_book(["guide", "guide_tests"]))
    return book, run_tests(book)


def test_the_guide_s_tests_pass_and_cover_every_rule():
    book, report = shipped()
    assert report.passed, report.text()
    assert (report.never_fired, report.never_silent) == ((), ())
    assert report.counted == len(book.book.rules) == 93
    assert "rules compared: 93; 93 are seen to fire, 93 to keep silent" in report.text()
    assert report.to_json()["coverage"] == {"rules": 93, "fired": 93, "silent": 93, "never_fired": [], "never_silent": []}


def test_every_file_of_tests_in_the_pack_is_run():
    listed = pack_files("guide_tests")
    assert {path.parent for path in listed} == {listed[0].parent}
    assert set(listed) == set(listed[0].parent.glob("*.yaml"))


def test_a_test_that_is_dropped_is_missed_where_no_other_covers_its_rules():
    book, whole = shipped()
    for rule in book.book.rules:
        for seen, missed in (("fired", "never_fired"), ("silent", "never_silent")):
            rest = [result for result in whole.results if rule not in getattr(result, seen)]
            assert len(rest) < len(whole.results), rule
            assert rule in getattr(coverage(book, rest), missed)


def test_a_team_that_switches_a_rule_off_needs_no_test_of_it():
    report = coverage(overlay("rules: [{id: KIK-10, enabled: false}]"), [])
    assert report.counted == 0  # nothing is compared
    report = coverage(overlay("rules: [{id: KIK-10, enabled: false}]"), shipped()[1].results)
    assert report.counted == 92
    assert "KIK-10" not in report.never_fired


@pytest.mark.parametrize(("rule", "change"), [
    ("LAG-02", "rules: [{id: LAG-02, test: lag_days >= 2}]"), ("STA-05", "rules: [{id: STA-05, enabled: false}]"),
    ("ACC-02", "params: {review_workdays: 9}"), ("LAG-02", "params: {explain: {mode: wall}}"),
    ("SLA-01", "params: {sla_soon_fraction: 0.5}"), ("DSP-03", "rules: [{id: DSP-03, test: empty(submitted_to)}]"),
    ("DUE-01", "params: {due_soon_workdays: 1}"),
])  # fmt: skip
def test_a_changed_guide_breaks_them(rule, change):
    touching = [index for index, result in enumerate(shipped()[1].results) if rule in result.fired]
    documents = [*guide_documents(), *map(read_document, pack_files("guide_tests")), Document(change, "ours.yaml")]
    results = each_result(CompiledBook(merge(documents)), touching, clocks=clocks())
    assert not all(result.passed for result in results)


# --- what passes


def test_the_example_of_the_specification():
    report = run(EVENING)
    assert report.passed, report.text()
    assert report.text().splitlines()[-1] == "1 tests, 1 passed, 0 failed"


def test_a_team_s_own_rule():
    assert one("""
now: 2024-07-19 10:00
given:
  - {of: task, 编号: T1, Priority: 高, 状态: 进行中}
  - {of: task, 编号: T2, priority: 高, 状态: 进行中, 审核方: 法务部}
  - {of: task, _name: done, 优先级: 高, 状态: 已完成}
expect: {T1: [TEAM-01], T2: [], done: []}
""") == []


def test_steps_remember_like_cycles():
    ladder = """
now: 2024-07-22 09:00
rules: ["LAG-*", "EXP-*", "ESC-*", SLA-01]
given:
  - {of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 张三, 负责部门: 研发部}
steps:
  - expect: {T1: {rules: [LAG-02], state: 滞后预警已发, lag_days: 3, explain_deadline: 2024-07-24 09:00, level: 红, notices: 1}}
    sends: {T1: [进度预警通知]}
  - {now: 2024-07-22 09:00, expect: {T1: {state: 滞后预警已发}}, sends: {T1: []}}
  - {now: 2024-07-24 09:01, expect: {T1: [EXP-01, LAG-02]}, sends: {T1: [催办]}}
  - now: 2024-07-24 10:00
    set: {T1: {滞后原因: 返工, 调整计划: 加急, 调整后完成日期: 2024-07-31}}
    expect: {T1: {rules: [EXP-03], state: 已说明, effective_due: 2024-07-31, sla: 超时完成}}
    sends: {T1: [说明已收到]}
"""
    assert one(ladder, "") == []


def test_parameters_and_missing_columns_of_a_test():
    assert one("""
now: 2024-07-19 10:00
rules: [LAG-*]
params: {lag_notice_days: 1, explain: {hours: 24}}
given: [{of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-18}]
expect: {T1: {rules: [LAG-02], explain_deadline: 2024-07-22 10:00}}
""", "") == []
    assert one("""
now: 2024-07-19 10:00
given: [{of: task, 编号: T1, 状态: 进行中, 优先级: 高}]
unmapped: {task: [审核方]}
expect: {T1: []}
""") == []


def test_starting_from_a_state():
    assert one("""
now: 2024-07-24 10:00
rules: [EXP-*, STA-02]
given:
  - {of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 张三, _previous_status: 未开始,
     _state: {state: 滞后预警已发, at: 2024-07-22 09:00, explain_deadline: 2024-07-24 09:00, baseline_due: 2024-07-17}}
  - {of: task, 编号: T2, 状态: 已完成, _previous_status: 进行中, _state: 正常}
expect: {T1: {rules: [EXP-01], state: 超时未说明}, T2: [STA-02]}
sends: {T1: [催办]}
""", "") == []


def test_items_of_several_kinds_belong_to_the_one_project():
    assert one("""
now: 2024-07-24 10:00
rules: [MTG-03, VIS-01]
given:
  - {of: project, 项目名称: 新品, 参与部门: [市场部, 研发部]}
  - {of: meeting, _name: M1, 会议类型: 周例会, 开始: 2024-07-23 10:00, 已汇报部门: 市场部}
  - {of: task, 编号: T1, 可见性: involves, _tool: teambition}
  - {of: task, 编号: T2, 可见性: involves}
expect: {M1: [MTG-03], T1: [VIS-01], T2: []}
""", "") == []


def test_compared_are_the_file_s_own_rules_else_all():
    text = "now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, 状态: 进行中, 优先级: 高}]\nexpect: {T1: [TEAM-01]}"
    assert one(text) == []  # many rules of the guide hold too
    missing = one(text.replace("[TEAM-01]", "[]"), "")
    assert any("PLN-04 is not expected, but holds" in message for message in missing)


def test_findings_of_tables_and_of_the_system():
    assert one("""
now: 2024-07-24 10:00
rules: [CFG-*, RAC-05]
unmapped: {task: [状态, 输出物]}
swapped_headings: {issue: 咨询(I)}
given: [{of: task, 编号: T1, 截止日期: 2031-01-01}, {of: issue, 编号: Q1}]
expect:
  table: {task: {rules: [CFG-01], findings: {CFG-01: {names: [状态, 输出物], level: info, to: admin}}}, issue_workbook: [RAC-05]}
  system: {rules: [CFG-02], findings: {CFG-02: {names: "2031"}}}
""", "") == []
    short = "now: 2024-07-24 10:00\nrules: [CFG-01]\nunmapped: {task: 状态}\ngiven: [{of: task, 编号: T1}]\nexpect: {table: [CFG-01]}"
    assert one(short, "") == []
    assert one(short.replace("[CFG-01]}", "[]}"), "") == [
        "2024-07-24 10:00 table task_workbook: CFG-01 is not expected, but holds: 本表缺少规则所需字段：状态；请新增列，或在 columns 中指定，相关规则在此之前不适用; not empty(missing_fields)（状态）"
    ]


def test_rules_that_are_off_can_be_tested():
    off = "now: 2024-07-24 10:00\nrules: [RAC-06]\ngiven: [{of: task, 编号: T1, 负责部门: [研发部, 市场部]}]\nexpect: {T1: [RAC-06]}"
    assert one(off, "") == ["2024-07-24 10:00 T1: RAC-06 is expected, but does not hold: 规则已停用"]
    assert one(off + "\nenable: RAC-06", "") == []
    assert one(off + "\nenable: RAC-*", "") == []


def test_rules_without_their_columns():
    bare = "now: 2024-07-24 10:00\nrules: [PLN-*]\nunmapped: {task: 交付标准}\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: {not_applicable: [%s]}}"
    assert one(bare % "PLN-07, PLN-08, PLN-09", "") == []
    assert one(bare % "PLN-03, PLN-07, PLN-08", "") == [
        "2024-07-24 10:00 T1: PLN-03 is expected to be not applicable, but is: its table has every column that it needs",
        "2024-07-24 10:00 T1: PLN-09 is not applicable: 本表没有列：交付标准",
    ]


def test_a_table_that_could_not_be_read():
    unread = "now: 2024-07-24 10:00\nrules: [DQ-05]\ngiven: [{of: task, 编号: T1, 状态: 进行中, 上游任务: T9}]\nexpect: {T1: [DQ-05]}"
    assert one(unread, "") == []
    assert "does not hold: 尚未读到全部" in one(unread + "\nunread: task", "")[0]


MESSAGES = """
now: 2024-07-22 09:00
rules: [LAG-02, PLN-05]
given:
  - {of: project, 项目名称: 新品, 发起部门: 市场部}
  - {of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 张三, 负责部门: 研发部, 审批: 销售部}
  - {of: task, 编号: T2, 状态: 进行中, 负责人: 张三}
expect: {T1: {findings: {LAG-02: {level: critical, to: [张三, 研发部负责人], cc: [销售部负责人, 市场部联络人], esc: []}}}}
sends:
  T1: [{msg: 进度预警通知, rule: LAG-02, to: [张三, 研发部负责人], cc: [销售部负责人, 市场部联络人], esc: []}]
  T2: [{msg: 规范提醒, rule: PLN-05, to: [张三, 研发部负责人]}]
"""


def test_messages_and_who_gets_them():
    assert one(MESSAGES, "") == []
    assert one(MESSAGES.replace("cc: [销售部负责人, 市场部联络人], esc: []}]", "cc: 销售部负责人}]"), "") == [
        "2024-07-22 09:00 T1: 进度预警通知 of LAG-02 goes cc 销售部负责人、市场部联络人, expected 销售部负责人"
    ]
    assert one(MESSAGES.replace("rule: PLN-05", "rule: PLN-06"), "") == [
        "2024-07-22 09:00 T2: no 规范提醒 of PLN-06 is sent; sent 规范提醒 of PLN-03 (张三)、规范提醒 of PLN-04 (张三)、规范提醒 of PLN-05 "
        "(张三; 研发部负责人)、规范提醒 of PLN-07 (张三; 市场部联络人)、规范提醒 of RAC-01 (市场部联络人)、规范提醒 of RAC-02 (市场部联络人)"
        .replace("(张三; 研发部负责人)", "(张三、研发部负责人)").replace("(张三; 市场部联络人)", "(张三、市场部联络人)")
    ]
    assert one(MESSAGES.replace("level: critical, to: [张三, 研发部负责人]", "level: warn, to: 张三"), "") == [
        "2024-07-22 09:00 T1: LAG-02 level expected warn, found critical",
        "2024-07-22 09:00 T1: LAG-02 to expected 张三, found 张三、研发部负责人",
    ]


def test_the_differences_say_why():
    found = one("""
now: 2024-07-22 09:00
rules: [LAG-02, LAG-01]
given: [{of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 张三}]
expect: {T1: {rules: [LAG-01], state: 轻微滞后, findings: {LAG-01: {level: warn}}}}
sends: {T1: [滞后提醒]}
steps: [{now: 2024-07-22 09:01, expect: {T1: [LAG-02]}, sends: {T1: [进度预警通知]}}]
""", "")
    assert len(found) == 5
    assert found[0].startswith("2024-07-22 09:00 T1: LAG-02 is not expected, but holds: 截止日期2024-07-17 (周三)已过，滞后3个工作日")
    assert "when: laddered（laddered = 是）" in found[0]
    assert "lag_days = 3" in found[0]
    assert found[1].startswith('2024-07-22 09:00 T1: LAG-01 is expected, but does not hold: 前提不成立：not holds("LAG-02")')
    assert found[2].startswith("2024-07-22 09:00 T1: LAG-01 is expected, but does not hold: 前提不成立")
    assert found[3] == (
        "2024-07-22 09:00 T1: state expected 轻微滞后, found 滞后预警已发（T3 滞后达到预警天数：发出预警，说明时限开始；截止日期 2024-07-17 (周三)）"
    )
    assert found[4] == "2024-07-22 09:00 T1: expected to send 滞后提醒, sent 进度预警通知 of LAG-02 (张三、研发部负责人)"
    again = one("""
now: 2024-07-22 09:00
rules: [LAG-02]
given: [{of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 张三}]
expect: {T1: [LAG-02]}
steps: [{now: 2024-07-22 09:01, sends: {T1: [进度预警通知]}}]
""", "")
    assert again == ["2024-07-22 09:01 T1: expected to send 进度预警通知, sent nothing"]


# --- what fails, and what it says

BARE = "now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\n"



@pytest.mark.parametrize(("body", "says"), [
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]", "asserts nothing"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: {}}", "nothing is asserted of this item"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nsteps: [{now: 2024-07-20 10:00}]", "asserts nothing"),
    ("given: [{of: task, 编号: T1}]\nexpect: {T1: []}", "this moment has no now"),
    ("now: 下周五\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: []}", "'下周五' is no time"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T2: []}", "no item of this test is called T2"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: [TEAM-02]}", "there is no rule TEAM-02; did you mean 'TEAM-01'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: [LAG-02]}", "LAG-02 is not among the rules that this test compares"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 截至日期: x}]\nexpect: {}", "a task has no field '截至日期'; did you mean '截止日期'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: tusk, 编号: T1}]\nexpect: {T1: []}", "did you mean 'task'?"),
    ("now: 2024-07-19 10:00\ngiven: [{编号: T1}]\nexpect: {T1: []}", "an item needs of:"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}, {of: task, 编号: T1}]\nexpect: {T1: []}", "two items are called T1"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, 任务编号: T2}]\nexpect: {T1: []}", "the field code is given twice"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _stat: 正常}]\nexpect: {T1: []}", "unknown key '_stat'; did you mean '_state'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _state: 滞后预警}]\nexpect: {T1: []}", "did you mean '滞后预警已发'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _state: {att: x}}]\nexpect: {T1: []}", "a state has no 'att'; did you mean 'at'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _state: {at: soon}}]\nexpect: {T1: []}", "'soon' is no time"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _tool: feishuu}]\nexpect: {T1: []}", "did you mean 'feishu'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, _previous_status: 完成}]\nexpect: {T1: []}", "a status is one of"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1, 状态: {a: b}}]\nexpect: {T1: []}", "needs a value or a list"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nrules: [TEEM-*]\nexpect: {T1: []}", "there is no rule TEEM-*"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: {stat: 正常}}", "stat cannot be expected; did you mean 'state'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: {alert_at: soon}}", "'soon' is no time"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: TEAM-01}", "write a list of rules"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nsends: {T1: [催版]}", "there is no message 催版; did you mean '催办'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nsends: {T1: [规范提醒]}", "规范提醒 is not listed"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nunmapped: {task: [审河方]}\nexpect: {T1: []}", "did you mean '审核方'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nunmapped: {taks: [审核方]}\nexpect: {T1: []}", "did you mean 'task'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nparams: {lag_notice_dais: 2}\nexpect: {T1: []}", "did you mean 'lag_notice_days'?"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nparams: {explain: {hours: -1}}\nexpect: {T1: []}", "greater than 0"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: []}\nsteps: [{now: 2024-07-18 10:00, expect: {T1: []}}]", "never goes back"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: []}\nsteps: [{now: 2024-07-20 10:00, set: {T1: {statu: x}}}]", "no field 'statu'"),
    ("now: 2024-07-19 10:00\ngiven: [{of: task, 编号: T1}]\nexpect: {T1: []}\nsteps: [{now: 2024-07-20 10:00, set: {T9: {status: x}}}]", "is called T9"),
    (BARE + "enable: RAC-4\nexpect: {T1: []}", "there is no rule RAC-4; did you mean 'RAC-04'?"),
    (BARE + "unread: [tsk]\nexpect: {T1: []}", "there is no kind 'tsk'; did you mean 'task'?"),
    (BARE + "swapped_headings: {taks: 咨询(I)}\nexpect: {T1: []}", "there is no kind 'taks'; did you mean 'task'?"),
    (BARE + "expect: {sistem: []}", "no item of this test is called sistem; did you mean 'system'?"),
    (BARE + "expect: {system: [LAG-002]}", "there is no rule LAG-002"),
    (BARE + "expect: {system: {state: 正常}}", "state cannot be expected"),
    (BARE + "expect: {table: {tasks: []}}", "this test has no table tasks; did you mean 'task'?"),
    (BARE + "expect: {table: 甲}", "write the tables by the kinds"),
    (BARE.replace("T1}]", "T1}, {of: issue, 编号: Q1}]") + "expect: {table: []}", "say which table: issue, issue_workbook, task, task_workbook"),
    (BARE.replace("编号: T1", "_name: system") + "expect: {system: []}", "system stands for the findings about it"),
    (BARE + "expect: {T1: {not_applicable: [TEAM-1]}}", "there is no rule TEAM-1; did you mean 'TEAM-01'?"),
    (BARE + "expect: {T1: {not_applicable: TEAM-01}}", "write a list of rules"),
    (BARE + "expect: {T1: {findings: [TEAM-01]}}", "write the rules with what is expected of each"),
    (BARE + "expect: {T1: {findings: {TEAM-1: {level: warn}}}}", "there is no rule TEAM-1; did you mean 'TEAM-01'?"),
    (BARE + "expect: {T1: {findings: {TEAM-01: {}}}}", "say of the finding one of level, names, to, cc, esc"),
    (BARE + "expect: {T1: {findings: {TEAM-01: {levl: warn}}}}", "levl cannot be expected of a finding; did you mean 'level'?"),
    (BARE + "expect: {T1: {findings: {TEAM-01: {level: 黄}}}}", "a level is one of info, warn, critical"),
    (BARE + "sends: {T1: [{msg: 规范提醒}]}", "say of which rule"),
    (BARE + "sends: {T1: [{msg: 催办, rule: EXP-1}]}", "there is no rule or transition EXP-1; did you mean 'EXP-01'?"),
])  # fmt: skip
def test_a_test_that_is_wrong_itself_fails(body, says):
    found = one(body)
    assert any(says in message for message in found), found


def test_all_mistakes_of_a_test_come_at_once_with_their_places():
    report = run("""
tests:
  - name: wrong
    now: 2024-07-19 10:00
    given: [{of: task, 编号: T1, 截至日期: 2024-07-01}]
    expect: {T1: [LAG-20], T3: []}
""")
    found = [(problem.path, problem.line, problem.source[problem.column - 1 :][: problem.width]) for problem in report.results[0].problems]
    assert found == [("ours.yaml", 5, "截至日期"), ("ours.yaml", 6, "T3"), ("ours.yaml", 6, "LAG-20")]


def test_failures_say_what_differed_and_why():
    found = one("""
now: 2024-07-19 10:00
given:
  - {of: task, 编号: T1, 优先级: 高, 状态: 已完成}
  - {of: task, 编号: T2, 优先级: 高, 状态: 进行中}
expect: {T1: {rules: [TEAM-01], level: 红}, T2: []}
sends: {T1: [催办]}
""")
    assert found == [
        '2024-07-19 10:00 T1: TEAM-01 is expected, but does not hold: 前提不成立：状态 != "已完成"（状态 = 已完成）',
        "2024-07-19 10:00 T1: level expected 红, found 黄",
        "2024-07-19 10:00 T1: expected to send 催办, sent nothing",
        '2024-07-19 10:00 T2: TEAM-01 is not expected, but holds: T2 优先级为高，但没有审核方; when: 优先级 in ["高", "紧急"]（优先级 = 高）；when: 状态 != "已完成"（状态 = 进行中）；test: empty(审核方)（审核方 = —）',
    ]


@pytest.mark.parametrize(("change", "why"), [
    ("rules: [{id: ISS-02, enabled: false}]", "规则已停用"),
    ("params: {issue_response: {hours: 9}}", "不成立：breached"),
])  # fmt: skip
def test_a_changed_rule_breaks_its_test(change, why):
    report = run(change + "\n" + EVENING)
    assert not report.passed
    assert why in report.text()


def test_a_rule_of_another_kind_is_said():
    found = one("now: 2024-07-19 10:00\ngiven: [{of: issue, 编号: Q1}]\nexpect: {Q1: [TEAM-01]}")
    assert found == ["2024-07-19 10:00 Q1: TEAM-01 is expected, but does not hold: it is of task, this is a issue"]


# --- the report


def test_coverage_names_rules_that_are_never_seen_to_fire_or_to_stay_silent():
    two = TEAM + TEAM.replace("rules:\n", "").replace("TEAM-01", "TEAM-02").replace('状态 != "已完成"', "open")
    report = run(two + """
tests:
  - name: t
    now: 2024-07-19 10:00
    given: [{of: task, 编号: T1, 优先级: 高, 状态: 已完成}]
    expect: {T1: []}
""")
    assert report.passed
    assert report.never_fired == ("TEAM-01", "TEAM-02")
    assert report.never_silent == ()
    report = run(two + """
tests:
  - name: t
    now: 2024-07-19 10:00
    given: [{of: task, 编号: T1, 优先级: 高, 状态: 进行中}]
    expect: {T1: [TEAM-01, TEAM-02]}
""")
    assert (report.never_fired, report.never_silent) == ((), ("TEAM-01", "TEAM-02"))


def test_the_report_as_json():
    document = json.loads(json.dumps(run(EVENING.replace("[ISS-02]", "[]")).to_json(), ensure_ascii=False))
    (test,) = document["tests"]
    assert (document["passed"], test["passed"], test["name"], test["line"]) == (False, False, "周五傍晚的突发问题", 3)
    assert test["problems"][0]["line"] == 7
    assert "ISS-02 is not expected" in test["problems"][0]["message"]
    assert set(document["coverage"]) == {"rules", "fired", "silent", "never_fired", "never_silent"}


def test_no_tests_are_no_success():
    report = run_tests(CompiledBook(merge([Document(TEAM, "ours.yaml")])))
    assert not report.passed
    assert "there are no tests" in report.text()
