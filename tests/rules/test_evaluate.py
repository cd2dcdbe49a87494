"""Judging beyond the ladder: clocks of issues, disputes and risks, meetings, links, tables that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rules_world import QUIET, ZONE, Timeline, at, clocks, given, guide, with_params

from duban.rules.calendar import load_calendar
from duban.rules.clock import Clock
from duban.rules.evaluate import evaluate, human_fingerprint, judge
from duban.rules.givens import snapshot
from duban.rules.selftest import DIRECTORY

ISSUE = {"of": "issue", "编号": "Q1", "提出时间": "2024-07-22 10:00", "责任人": "张三", "提出部门": "客服部"}
RISK = {"of": "risk", "编号": "K1", "识别时间": "2024-07-22 11:00", "风险等级": "重大", "措施责任人": "张三"}
DISPUTE = {"of": "dispute", "编号": "D1", "提出时间": "2024-07-22 09:00", "涉及部门": ["研发部", "销售部"]}
PROJECT = {
    "of": "project", "编号": "P1", "项目名称": "新品上市", "阶段": "执行", "发起部门": "市场部", "执行启动日期": "2024-07-08",
    "参与部门": ["市场部", "研发部"],
}  # fmt: skip
MEETING = {"of": "meeting", "编号": "M1", "会议类型": "周例会", "已汇报部门": ["市场部", "研发部"], "周进度报告": "https://example.com/w"}


def only(verdict, *prefixes: str) -> list[str]:
    return [rule for rule in verdict.rules if rule.startswith(prefixes)]


def rules_of(line: Timeline, now: str, name: str) -> list[str]:
    return list(line.again(at(now))[name][0].rules)


def snapshot_of(*entries, **unmapped):
    return snapshot(given(*entries), unmapped, DIRECTORY, ZONE, None)


def judged(shot, now: str = "2024-07-22 10:00"):
    return judge(guide(), shot, now=at(now), zone=ZONE, clocks=clocks(), directory=DIRECTORY)


# --- the generic clock


@pytest.mark.parametrize(("now", "rules", "sla"), [
    ("2024-07-22 10:00", [], "计时中"),
    ("2024-07-22 11:29", [], "计时中"),
    ("2024-07-22 11:30", ["SLA-01"], "即将超时"),  # exactly a quarter is left
    ("2024-07-22 12:00", ["SLA-01"], "即将超时"),  # the deadline itself is in time
    ("2024-07-22 12:01", ["ISS-02"], "已超时"),
])  # fmt: skip
def test_response_clock(now, rules, sla):
    verdict = Timeline.of(ISSUE).run(now)
    assert (list(verdict.rules), verdict.sla, verdict.sla_due) == (rules, sla, at("2024-07-22 12:00"))


def test_a_first_run_may_find_an_issue_near_its_deadline():
    """Issue clocks start at their cell's time, so nothing is "started in this run" (C23)."""
    assert list(Timeline.of({**ISSUE, "提出时间": "2024-07-22 10:00"}).run("2024-07-22 11:45").rules) == ["SLA-01"]


def test_an_answer_counts_by_its_own_time_and_can_be_taken_back():
    line = Timeline.of(ISSUE)
    assert line.run("2024-07-22 13:00").sla == "已超时"
    verdict = line.run("2024-07-22 14:00", 响应时间="2024-07-22 11:50")
    assert verdict.sla == "已超时"  # no solution in it
    verdict = line.run("2024-07-22 14:00", 解决方案="换线")
    assert (verdict.sla, list(verdict.rules)) == ("按时完成", [])
    verdict = line.run("2024-07-22 15:00", 响应时间=None)
    assert (verdict.sla, verdict.sla_due) == ("已超时", at("2024-07-22 12:00"))  # resumed from the original start


def test_a_late_answer_is_listed_for_the_week():
    line = Timeline.of({**ISSUE, "响应时间": "2024-07-22 13:00", "解决方案": "换线"})
    assert list(line.run("2024-07-22 13:00").rules) == ["ISS-03"]
    assert list(line.run("2024-08-02 17:59").rules) == ["ISS-03"]  # W is still the week of 07-22
    assert list(line.run("2024-08-02 18:00").rules) == []  # Friday evening: the week of 07-29 is completed


@pytest.mark.parametrize("closing", [{"解决时间": "2024-07-22 15:00"}, {"状态": "已完成"}, {"状态": "取消"}])
def test_a_closed_issue_without_an_answer_is_judged_no_further(closing):
    verdict = Timeline.of({**ISSUE, **closing}).run("2024-07-23 10:00")
    assert (list(verdict.rules), verdict.sla) == ([], "不适用")


def test_a_table_that_cannot_record_the_answer_has_no_clock():
    line = Timeline.of(ISSUE, issue=["responded_at"])
    verdict = line.run("2024-07-22 13:00")
    assert (list(verdict.rules), verdict.sla, verdict.sla_due) == ([], "不适用", None)
    table = next(iter(line.judging.judgement().tables.values()))
    assert "responded_at" in table.missing


def test_a_table_without_a_solution_column_takes_the_answer_alone():
    line = Timeline.of({**ISSUE, "响应时间": "2024-07-22 11:00"}, issue=["solution"])
    assert line.run("2024-07-22 13:00").sla == "按时完成"


@pytest.mark.parametrize(("mode", "deadline"), [
    ("wall", "2024-07-20 18:30"), ("workday24", "2024-07-22 18:30"), ("workhours", "2024-07-24 18:00"),
])  # fmt: skip
def test_dispute_clock_modes(mode, deadline):
    dispute = {**DISPUTE, "协商未果时间": "2024-07-19 18:30"}
    line = Timeline.of(dispute, book=with_params(dispute_submit={"hours": 24, "mode": mode}))
    assert line.run("2024-07-19 19:00").sla_due == at(deadline)


def test_a_dispute_decided_in_time():
    line = Timeline.of({**DISPUTE, "上报时间": "2024-07-22 12:00", "上报对象": "上级领导"})
    assert list(line.run("2024-07-24 12:00").rules) == []
    assert list(line.run("2024-07-24 12:01").rules) == ["DSP-04"]
    verdict = line.run("2024-07-25 12:00", 决策结果="按研发部意见", 决策时间="2024-07-24 10:00")
    assert (list(verdict.rules), verdict.sla) == ([], "按时完成")


@pytest.mark.parametrize(("submitted_to", "fits"), [
    ("上级领导", True), ("研发部上级", True), ("市场部", True), ("市场部负责人", True), ("市场部联络人", True),
    ("研发部", False), ("研发部负责人", False), ("王五", False), (None, False), ("研发部、上级领导", True),
])  # fmt: skip
def test_who_may_decide_a_dispute(submitted_to, fits):
    line = Timeline.of({**DISPUTE, "上报时间": "2024-07-22 12:00", "上报对象": submitted_to}, PROJECT)
    assert ("DSP-03" in line.run("2024-07-22 13:00").rules) is not fits


def test_an_initiator_who_is_a_party_may_not_decide():
    line = Timeline.of({**DISPUTE, "涉及部门": ["市场部", "研发部"], "上报时间": "2024-07-22 12:00", "上报对象": "市场部"}, PROJECT)
    assert "DSP-03" in line.run("2024-07-22 13:00").rules


def test_a_planned_risk_meeting_is_not_held():
    line = Timeline.of({**RISK, "专项会议开始": "2024-07-23 15:00"})
    assert only(line.run("2024-07-23 11:01"), "RSK", "SLA") == ["RSK-01"]
    verdict = line.run("2024-07-23 15:00")
    assert (only(verdict, "RSK"), verdict.sla) == (["RSK-02", "RSK-03"], "超时完成")


@pytest.mark.parametrize("closing", ["已关闭", "已完成", "取消", "关闭"])
def test_closed_risks(closing):
    verdict = Timeline.of({**RISK, "状态": closing}).run("2024-07-30 11:00")
    assert (list(verdict.rules), verdict.sla) == ([], "不适用")


# --- meetings, weeks, projects


def test_a_week_without_workdays_needs_no_meeting():
    line = Timeline.of({**PROJECT, "执行启动日期": "2012-09-03"})
    assert "MTG-01" in rules_of(line, "2012-09-29 18:00", "P1")  # a make-up Saturday ends the week of 09-24
    assert "MTG-01" not in rules_of(line, "2012-10-08 10:00", "P1")  # 10-01 to 10-07 were all off
    line = Timeline.of({**PROJECT, "执行启动日期": "2024-02-05"})
    assert "MTG-01" in rules_of(line, "2024-02-18 18:00", "P1")  # Spring Festival, but for this make-up Sunday


def test_the_weekly_meeting_of_the_completed_week():
    line = Timeline.of(PROJECT, {**MEETING, "开始": "2024-07-18 15:00", "结束": "2024-07-18 16:00"})
    assert "MTG-01" not in rules_of(line, "2024-07-26 17:59", "P1")  # W is the week of 07-15
    assert "MTG-01" in rules_of(line, "2024-07-26 18:00", "P1")  # now it is that of 07-22


def test_execution_that_begins_after_the_week_owes_no_meeting():
    line = Timeline.of({**PROJECT, "执行启动日期": "2024-07-20"})
    assert "MTG-01" not in rules_of(line, "2024-07-24 10:00", "P1")  # the last workday of W is Friday 07-19
    line = Timeline.of({**PROJECT, "执行启动日期": None})
    assert not set(rules_of(line, "2024-07-24 10:00", "P1")) & {"MTG-01", "CHK-01", "KIK-07", "PLN-10", "COM-01"}


def test_a_planned_kickoff_does_not_excuse():
    line = Timeline.of({**PROJECT, "启动会日期": "2024-07-25"})
    assert "KIK-07" in rules_of(line, "2024-07-24 10:00", "P1")
    assert "KIK-07" not in rules_of(line, "2024-07-25 10:00", "P1")


def test_a_meeting_in_the_future_is_judged_when_it_is_held():
    meeting = {**MEETING, "开始": "2024-07-25 15:00", "结束": "2024-07-25 17:00", "已汇报部门": ["市场部"], "周进度报告": None}
    line = Timeline.of(PROJECT, meeting)
    assert rules_of(line, "2024-07-25 14:59", "M1") == []
    assert rules_of(line, "2024-07-25 17:00", "M1") == ["MTG-02", "MTG-03"]
    assert rules_of(line, "2024-07-26 18:00", "M1") == ["MTG-02", "MTG-03"]
    assert rules_of(line, "2024-07-26 18:01", "M1") == ["MTG-02", "MTG-03", "RPT-01"]


def test_the_retrospective_is_due_five_workdays_after_the_last_task():
    done = {**QUIET, "状态": "已完成", "实际完成": "2024-07-12"}
    cancelled = {**QUIET, "编号": "T2", "状态": "取消"}
    line = Timeline.of(PROJECT, done, cancelled)
    assert "RVW-01" not in rules_of(line, "2024-07-19 10:00", "P1")
    assert "RVW-01" in rules_of(line, "2024-07-22 10:00", "P1")
    line.items["T2"].cells["status"] = "进行中"
    assert "RVW-01" not in rules_of(line, "2024-07-22 10:00", "P1")


def test_an_archived_project_with_open_items():
    archived = {**PROJECT, "阶段": "已归档"}
    open_issue = {**ISSUE, "所属项目": "新品上市"}
    line = Timeline.of(archived, {**QUIET, "状态": "已完成"}, open_issue)
    verdict = line.run("2024-07-24 10:00")
    assert "CLS-01" in verdict.rules
    assert "Q1" in next(finding.text for finding in verdict.findings if finding.rule == "CLS-01")
    line.items["Q1"].cells["status"] = "已完成"
    assert "CLS-01" not in rules_of(line, "2024-07-24 10:00", "P1")


# --- statuses and dates


@pytest.mark.parametrize(("before", "after", "skips"), [
    ("未开始", "进行中", False), ("进行中", "待审核", False), ("待审核", "已完成", False), ("待审核", "进行中", False),
    ("未开始", "暂停", False), ("待审核", "取消", False), ("暂停", "进行中", False), ("未开始", "已完成", True),
    ("进行中", "已完成", True), ("已完成", "进行中", True), ("已完成", "暂停", True), ("取消", "暂停", True),
    ("取消", "进行中", True), ("进行中", "未开始", True), ("已完成", "取消", False),
])  # fmt: skip
def test_status_transitions(before, after, skips):
    line = Timeline.of({**QUIET, "截止日期": "2024-08-30", "状态": before})
    line.run("2024-07-22 10:00")
    assert ("STA-02" in line.run("2024-07-22 11:00", 状态=after).rules) is skips
    assert ("STA-02" in line.run("2024-07-22 12:00").rules) is skips  # as long as the status stands


def test_an_unknown_status_between_two_known_ones_is_no_step():
    line = Timeline.of({**QUIET, "截止日期": "2024-08-30"})
    line.run("2024-07-22 10:00")
    verdict = line.run("2024-07-22 11:00", 状态="快好了")
    assert only(verdict, "STA", "DUE", "LAG", "ACC") == ["STA-01"]
    assert only(line.run("2024-07-22 12:00", 状态="待审核"), "STA") == []


def test_paused_tasks_are_silent_but_for_a_few_rules():
    task = {**QUIET, "状态": "暂停", "审批": None, "交付标准": None, "实际完成": "2024-07-10", "负责人": "外包小林", "_tool": "teambition"}
    verdict = Timeline.of({**task, "可见性": "involves"}).run("2024-07-24 10:00")
    assert list(verdict.rules) == ["DQ-03", "STA-03", "STA-06", "VIS-01"]


def test_cancelled_tasks_are_silent():
    task = {**QUIET, "状态": "取消", "审批": None, "负责人": "外包小林", "截止日期": "下周五", "实际完成": "2025-01-01"}
    assert list(Timeline.of(task).run("2024-07-24 10:00").rules) == []


@pytest.mark.parametrize(("cells", "rule"), [
    ({"截止日期": "下周五"}, "DQ-01"),
    ({"截止日期": "2024-06-28"}, "DQ-02"),
    ({"实际完成": "2024-07-25", "状态": "已完成"}, "DQ-02"),
    ({"截止日期": "2024-10-12"}, None),  # a make-up Saturday is a workday
    ({"截止日期": "2024-10-13"}, "PLN-12"),
])  # fmt: skip
def test_dates(cells, rule):
    found = only(Timeline.of({**QUIET, **cells}).run("2024-07-10 10:00"), "DQ", "PLN-12")
    assert found == ([rule] if rule else [])


def test_staleness_ignores_duban_s_own_writes():
    task = {**QUIET, "截止日期": "2024-08-30", "最近更新": "2024-07-10 09:00"}
    shot = snapshot_of(task)
    tables = {key: replace(table, machine_update=True) for key, table in shot.tables.items()}
    first = judged(replace(shot, tables=tables)).judgement().verdicts[0]
    # duban writes at 07-22 10:00:05, the tool moves 最近更新 with it, no human cell changes
    written = replace(first.memory, written_at=at("2024-07-22 10:00") + timedelta(seconds=5))
    moved = snapshot_of({**task, "最近更新": "2024-07-22 10:00"})
    written = replace(written, human=human_fingerprint(moved.items[0]))
    after = judged(replace(moved, tables=tables, memories={first.item.ref: written}), "2024-07-23 10:00")
    assert "STA-05" in after.judgement().verdicts[0].rules
    plain = judged(replace(moved, memories={first.item.ref: written}), "2024-07-23 10:00")  # a tool that only people move
    assert "STA-05" not in plain.judgement().verdicts[0].rules


# --- links between tools


def test_links_find_rows_of_other_tools_and_duplicate_codes_mean_any():
    upstream = {**QUIET, "编号": "U1", "状态": "进行中", "截止日期": "2024-07-08", "_tool": "teambition"}
    twin = {**QUIET, "编号": "U1", "_name": "U1b", "状态": "已完成", "_tool": "airtable"}
    task = {**QUIET, "截止日期": "2024-08-30", "上游任务": "U1、U9"}
    line = Timeline.of(task, upstream, twin)
    verdict = line.run("2024-07-15 10:00")
    assert only(verdict, "DQ", "PLN-02", "STA-07", "LAG") == ["DQ-05", "LAG-05", "PLN-02", "STA-07"]
    assert verdict.upstream == "U1 进行中 滞后5个工作日,U1 已完成,U9 (not found)"


def test_a_link_may_lead_to_a_table_that_was_never_read():
    shot = snapshot_of({**QUIET, "上游任务": "U9"})
    assert "DQ-05" in judged(shot).judgement().verdicts[0].rules
    other = next(iter(shot.tables.values()))
    unread = replace(other, name="unread", complete=False, known=False)
    tables = {**shot.tables, ("test", "unread"): unread}
    assert "DQ-05" not in judged(replace(shot, tables=tables)).judgement().verdicts[0].rules
    tables = {**shot.tables, ("test", "unread"): replace(unread, known=True)}
    assert "DQ-05" in judged(replace(shot, tables=tables)).judgement().verdicts[0].rules


# --- tables that could not be read, missing columns, years without data


def test_items_of_an_incomplete_table_keep_their_findings_and_say_nothing():
    shot = snapshot_of({**QUIET, "输出物": None})
    first = judged(shot).judgement().verdicts[0]
    assert "PLN-04" in first.rules
    kept = snapshot_of({**QUIET, "状态": "已完成"})
    tables = {key: replace(table, complete=False) for key, table in kept.tables.items()}
    verdict = judged(replace(kept, tables=tables, memories={first.item.ref: first.memory})).judgement().verdicts[0]
    assert verdict.frozen
    assert "PLN-04" in verdict.rules
    assert (verdict.notices, verdict.memory) == ((), first.memory)


def test_rules_without_their_columns_are_not_applicable_and_told_once():
    line = Timeline.of({**QUIET, "编号": "T1"}, {**QUIET, "编号": "T2"}, task=["reviewers", "consulted", "informed"])
    verdict = line.run("2024-07-10 10:00")
    assert not set(verdict.rules) & {"PLN-09", "RAC-03"}
    table = next(iter(line.judging.judgement().tables.values()))
    assert [finding.rule for finding in table.findings] == ["CFG-01"]
    assert set(table.missing) == {"reviewers", "consulted", "informed"}
    line = Timeline.of({**QUIET, "知会": None}, task=["consulted"])
    assert "RAC-03" in line.run("2024-07-10 10:00").rules  # informed is there, and empty


def test_a_year_without_holidays_is_said_aloud():
    def system(calendar):
        shot = snapshot_of({**QUIET, "截止日期": "2027-02-01"})
        found = evaluate(guide(), shot, now=at("2026-12-31 10:00"), zone=ZONE, calendar=calendar, directory=DIRECTORY)
        return [(finding.rule, finding.text[:5]) for finding in found.system]

    assert system(load_calendar(["CN"], ZONE)) == [("CFG-02", "2027年")]
    assert system(load_calendar(["none"], ZONE)) == []


def test_a_finished_task_asks_for_no_calendar():
    shot = snapshot_of({**QUIET, "状态": "已完成", "截止日期": "2031-02-03"})
    assert judged(shot).judgement().system == ()


# --- messages


def test_a_rule_s_message_goes_out_once():
    line = Timeline.of({**QUIET, "截止日期": "2024-08-30", "状态": "暂停"})
    line.run("2024-07-22 10:00")
    assert line.sent["T1"] == ["暂停需说明"]
    line.run("2024-07-23 10:00")
    assert line.sent["T1"] == []


def test_weekly_messages_go_out_once_a_week():
    line = Timeline.of(PROJECT)
    told = [line.again(at(now))["P1"][1] for now in ("2024-07-24 10:00", "2024-07-25 10:00", "2024-07-26 18:00")]
    assert told == [["核查缺失", "例会缺失"], [], ["核查缺失", "例会缺失"]]


def test_info_rules_are_never_told_on_their_own():
    task = {**QUIET, "截止日期": "2024-08-30", "交付标准": "画面精美"}
    line = Timeline.of(task)
    verdict = line.run("2024-07-22 10:00")
    assert (list(verdict.rules), verdict.level, verdict.notices) == (["PLN-08"], "绿", ())


def test_english_sentences():
    shot = snapshot_of({**QUIET, "截止日期": "2024-07-20"})
    found = evaluate(
        guide(), shot, now=at("2024-07-22 10:00"), zone=ZONE, calendar=clocks().calendar, directory=DIRECTORY, language="en"
    )
    texts = {finding.rule: finding.text for finding in found.verdicts[0].findings}
    assert texts["PLN-12"] == "the due date 2024-07-20 (Sat) is a rest day; move it or confirm it"


def test_judging_is_pure():
    shot = snapshot_of(QUIET, ISSUE, RISK, PROJECT)
    clock = Clock(load_calendar(["CN"], ZONE))
    answers = [
        judge(guide(), shot, now=at("2024-07-24 10:00"), zone=ZONE, clocks=clock, directory=DIRECTORY).judgement()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
