"""The life cycle of a lagging task (catalogue section 7), step by step and at its edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from example_world import further_traces, key
from rules_world import QUIET, Timeline, at, with_params

from duban.rules.ladder import CLEARED, ESCALATED, EXPLAINED, MINOR, NORMAL, OVERDUE, SENT, SOON

TRACES = key()["lifecycle_traces"] | further_traces()
ANSWER = {"滞后原因": "返工", "调整计划": "增加1人", "调整后完成日期": "2024-07-31"}
_COMPARED = ("DUE-", "LAG-", "EXP-", "ACC-")


def compared(rules) -> list[str]:
    return [rule for rule in rules if rule.startswith(_COMPARED) or rule in {"ESC-01", "SLA-01", "STA-06"}]


def quiet(**cells) -> Timeline:
    return Timeline.of({**QUIET, **cells})


# --- the traces of the answer key


@pytest.mark.parametrize("name", [name for name in TRACES if name.startswith("TR-")])
def test_trace(name):
    trace = TRACES[name]
    line = quiet(截止日期=trace["start"]["预计完成日期"], 计划开始=trace["start"].get("开始日期", "2024-07-01"))
    for number, step in enumerate(trace["steps"]):
        now = str(step["now"])
        cells = {**step.get("set", {}), "最近更新": f"{now[:10]} 08:00"}
        cells = {{"预计完成日期": "截止日期", "进展": "状态"}.get(name, name): value for name, value in cells.items()}
        verdict = line.run(now, **cells)
        found = {
            "state": verdict.state, "rules": compared(verdict.rules), "sends": line.sent["T1"],
            "lag_days": verdict.lag_days, "explain_deadline": f"{verdict.alert.explain_deadline:%Y-%m-%d %H:%M}"
            if verdict.alert.explain_deadline else None,
        }  # fmt: skip
        wanted = {name: step[name] for name in found if name in step} | {"rules": sorted(step["rules"])}
        wanted |= {"explain_deadline": str(step["explain_deadline"])} if "explain_deadline" in step else {}
        assert {name: found[name] for name in wanted} == wanted, f"step {number} at {now}"
        before = verdict.memory
        again = line.run(now)
        assert (again.memory, again.rules, line.sent["T1"]) == (before, verdict.rules, []), f"repeat of step {number}"


# --- transitions, one by one: (cells at the start, moments with changes) -> state, moves, templates


def noticed(**cells) -> Timeline:
    """A task whose notice went out on Monday 2024-07-22 09:00 (due 07-17), to be answered by Wednesday 09:00."""
    line = quiet(**cells)
    assert line.run("2024-07-22 09:00").state == SENT
    assert line.sent["T1"] == ["进度预警通知"]
    return line


def test_t1_and_t2_tell_once_each():
    line = quiet()
    assert (line.run("2024-07-15 09:00").moves, line.sent["T1"]) == (("T1",), ["临期提醒"])
    assert (line.run("2024-07-16 09:00").moves, line.sent["T1"]) == ((), [])
    assert (line.run("2024-07-18 09:00").moves, line.sent["T1"]) == (("T2",), ["滞后提醒"])
    assert (line.run("2024-07-19 09:00").moves, line.sent["T1"]) == ((), [])


def test_t3_stores_what_the_notice_was_about():
    verdict = noticed().run("2024-07-22 09:05")
    alert = verdict.alert
    assert (alert.notices, alert.baseline_due, alert.due_cell) == (1, date(2024, 7, 17), date(2024, 7, 17))
    assert (alert.at, alert.explain_deadline) == (at("2024-07-22 09:00"), at("2024-07-24 09:00"))


def test_t4_due_date_moved_later():
    line = quiet()
    assert line.run("2024-07-18 09:00").state == MINOR
    verdict = line.run("2024-07-18 10:00", 截止日期="2024-07-19")
    assert (verdict.state, verdict.moves, line.sent["T1"]) == (SOON, ("T4",), ["临期提醒"])
    assert line.run("2024-07-18 11:00", 截止日期="2024-08-30").state == NORMAL


@pytest.mark.parametrize("status", ["待审核", "已完成", "取消"])
def test_t4_task_ends_before_any_notice(status):
    line = quiet()
    line.run("2024-07-18 09:00")
    verdict = line.run("2024-07-18 10:00", 状态=status)
    assert (verdict.state, verdict.moves, verdict.alert.notices) == (NORMAL, ("T4",), 0)


def test_t4_rest_days_after_a_due_friday():
    line = quiet(截止日期="2024-07-19")
    assert line.run("2024-07-19 09:00").state == SOON
    saturday = line.run("2024-07-20 09:00")
    assert (saturday.state, saturday.lag_days) == (NORMAL, 0)  # past, but no workday was lost
    assert line.run("2024-07-22 09:00").state == MINOR


def test_t5_reminders_while_the_time_runs():
    line = noticed()
    verdict = line.run("2024-07-23 10:00", 滞后原因="返工")
    assert compared(verdict.rules) == ["EXP-02", "LAG-02"]
    verdict = line.run("2024-07-24 08:00", 截止日期="2024-08-01")
    assert compared(verdict.rules) == ["EXP-02", "EXP-05", "LAG-02", "SLA-01"]
    assert (verdict.state, verdict.lag_days) == (SENT, 5)  # the baseline stays


def test_t6_answer_at_the_very_deadline_is_in_time():
    line = noticed()
    verdict = line.run("2024-07-25 18:00", **ANSWER, 说明提交时间="2024-07-24 09:00")
    # judged by the answer's time; but the run of 07-22 09:00 is the last that did not see it, so nothing is dated back
    assert (verdict.moves, verdict.sla, verdict.alert.explained_at) == (("T6",), "按时完成", at("2024-07-24 09:00"))
    assert verdict.effective_due == date(2024, 7, 31)
    assert line.sent["T1"] == ["说明已收到"]


def test_t9_nobody_dates_an_answer_back():
    line = noticed()
    assert line.run("2024-07-24 12:00").state == OVERDUE
    verdict = line.run("2024-07-24 13:00", **ANSWER, 说明提交时间="2024-07-23 08:00")
    assert (verdict.moves, verdict.sla) == (("T9",), "超时完成")
    assert verdict.alert.explained_at == at("2024-07-24 12:00")
    assert "EXP-03" in verdict.rules


def test_the_record_of_lateness_is_by_the_time_that_counts():
    line = noticed()
    line.run("2024-07-24 12:00")
    verdict = line.run("2024-07-24 13:00", **ANSWER)  # no 说明提交时间 at all
    assert compared(verdict.rules) == ["EXP-03"]
    assert "2024-07-24 13:00" in next(f.text for f in verdict.findings if f.rule == "EXP-03")
    verdict = line.run("2024-08-02 18:00", 说明提交时间="2024-08-01")
    assert compared(verdict.rules) == ["LAG-01"]  # the week is over, and the cell changes nothing any more


def test_t7_and_t8_in_one_run_tell_only_the_escalation():
    line = noticed()
    verdict = line.run("2024-07-25 09:01")
    assert (verdict.state, verdict.moves, line.sent["T1"]) == (ESCALATED, ("T7", "T8"), ["升级上报"])
    assert verdict.alert.escalated_at == at("2024-07-25 09:01")
    assert verdict.alert.escalated_to == "市场部负责人,市场部上级"  # no project names an initiator: R's head stands in


def test_t10_second_lag_escalates_at_once():
    line = noticed()
    line.run("2024-07-23 09:00", **ANSWER)
    assert line.run("2024-08-01 09:00").state == EXPLAINED
    verdict = line.run("2024-08-05 09:00")
    assert (verdict.state, verdict.moves) == (SENT, ("T10",))
    assert sorted(line.sent["T1"]) == ["升级上报", "进度预警通知"]
    alert = verdict.alert
    assert (alert.notices, alert.baseline_due, alert.accepted_due, alert.explained_at) == (2, date(2024, 7, 31), None, None)
    assert alert.escalated_at == at("2024-08-05 09:00")
    assert compared(verdict.rules) == ["EXP-04", "LAG-02"]


def test_after_t10_the_old_explanation_does_not_count():
    line = noticed()
    line.run("2024-07-23 09:00", **ANSWER)
    line.run("2024-08-05 09:00")
    verdict = line.run("2024-08-05 10:00")
    assert verdict.state == SENT
    assert "EXP-02" not in verdict.rules
    assert "不算答复" in next(f.text for f in verdict.findings if f.rule == "LAG-02")
    verdict = line.run("2024-08-06 10:00", 调整后完成日期="2024-08-20")
    assert (verdict.moves, verdict.effective_due) == (("T6",), date(2024, 8, 20))


def test_edits_after_the_answer_count_only_for_the_next_notice():
    line = noticed()
    line.run("2024-07-23 09:00", **ANSWER)
    verdict = line.run("2024-07-25 09:00", 调整后完成日期="2024-09-30")
    assert (verdict.state, verdict.effective_due) == (EXPLAINED, date(2024, 7, 31))


@pytest.mark.parametrize("status", ["待审核", "已完成", "取消"])
@pytest.mark.parametrize("answered", [False, True])
def test_t11_clears_and_keeps_history(status, answered):
    line = noticed()
    if answered:
        line.run("2024-07-23 09:00", **ANSWER)
    verdict = line.run("2024-07-23 10:00", 状态=status)
    assert (verdict.state, verdict.moves, line.sent["T1"]) == (CLEARED, ("T11",), ["预警解除"])
    assert (verdict.sla, verdict.alert.notices) == ("按时完成" if answered else "不适用", 1)
    assert verdict.lag_days == (0 if status == "待审核" else None)


def test_t11_after_a_long_outage_tells_only_the_last_step():
    line = noticed()
    verdict = line.run("2024-07-30 10:00", 状态="已完成", 实际完成="2024-07-23")
    assert (verdict.state, line.sent["T1"]) == (CLEARED, ["预警解除"])


def test_t12_reopened_starts_a_new_cycle():
    line = noticed()
    line.run("2024-07-23 09:00", **ANSWER)
    line.run("2024-07-23 10:00", 状态="待审核")
    verdict = line.run("2024-07-24 10:00", 状态="进行中")
    assert (verdict.state, verdict.moves) == (SENT, ("T12", "T3"))  # due 07-17 again: five workdays late
    assert (verdict.alert.cycle, verdict.alert.notices, verdict.effective_due) == (2, 1, date(2024, 7, 17))
    assert line.sent["T1"] == ["进度预警通知"]
    assert line.run("2024-07-24 11:00").state == SENT  # the explanation of the cycle before is no answer


def test_t12_with_a_later_due_date_starts_quietly():
    line = noticed()
    line.run("2024-07-23 10:00", 状态="待审核")
    verdict = line.run("2024-07-24 10:00", 状态="进行中", 截止日期="2024-08-30")
    assert (verdict.state, verdict.moves, line.sent["T1"]) == (NORMAL, ("T12",), [])
    assert verdict.alert.cycle == 2


def test_t12_a_bare_day_of_the_cycle_before_is_no_answer():
    line = noticed()
    line.run("2024-07-24 08:00", **ANSWER, 说明提交时间="2024-07-24")
    line.run("2024-07-24 12:00", 状态="待审核")
    line.run("2024-07-24 15:00", 状态="进行中")
    assert line.run("2024-07-24 16:00").state == SENT


def test_t13_paused_freezes_the_step_but_not_the_clock():
    line = noticed()
    verdict = line.run("2024-07-23 10:00", 状态="暂停", 最新进展="等待供应商")
    assert (verdict.state, verdict.moves, compared(verdict.rules), verdict.lag_days) == (SENT, (), [], None)
    verdict = line.run("2024-07-24 09:01")
    assert (verdict.state, compared(verdict.rules), line.sent["T1"]) == (OVERDUE, ["EXP-01"], ["催办"])
    verdict = line.run("2024-07-24 10:00", **ANSWER)
    assert (verdict.state, verdict.moves) == (EXPLAINED, ("T9",))


def test_t13_paused_before_any_notice_never_climbs():
    line = quiet()
    line.run("2024-07-18 09:00")
    verdict = line.run("2024-07-30 09:00", 状态="暂停", 滞后原因="缺料")
    assert (verdict.state, verdict.moves) == (MINOR, ())
    verdict = line.run("2024-07-31 09:00", 状态="进行中")
    assert (verdict.state, verdict.lag_days) == (SENT, 10)  # days spent paused are not subtracted


def test_t14_unknown_status_keeps_the_step_and_the_clock():
    line = noticed()
    verdict = line.run("2024-07-23 10:00", 状态="快好了")
    assert (verdict.state, verdict.moves, verdict.lag_days) == (SENT, (), None)
    assert line.run("2024-07-24 09:01").state == OVERDUE
    assert line.run("2024-07-24 10:00", 状态="已完成", 实际完成="2024-07-24").state == CLEARED


# --- explanations: convention C9


def test_explained_before_any_notice_moves_the_date_without_a_notice():
    line = quiet()
    line.run("2024-07-18 09:00")
    verdict = line.run("2024-07-19 09:00", **ANSWER)
    assert (verdict.state, verdict.effective_due, verdict.lag_days) == (NORMAL, date(2024, 7, 31), 0)
    verdict = line.run("2024-08-05 09:00")  # late on the offered date: the first notice, no escalation
    assert (verdict.state, verdict.alert.notices, verdict.alert.baseline_due) == (SENT, 1, date(2024, 7, 31))
    assert compared(verdict.rules) == ["LAG-02"]
    assert line.run("2024-08-05 10:00").state == SENT  # what was offered before is no answer


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2024-07-23", "2024-07-23 23:59"),  # a bare day is its last minute,
        ("2024-07-24", "2024-07-24 08:00"),  # but never later than now,
        ("2024-12-31 09:00", "2024-07-24 08:00"),  # nor is the future
        (None, "2024-07-24 08:00"),  # an empty cell: the first run that sees it
        ("下周五", "2024-07-24 08:00"),  # so is one that does not parse
    ],
)
def test_the_time_that_counts(cell, moment):
    line = noticed()
    verdict = line.run("2024-07-24 08:00", **ANSWER, 说明提交时间=cell)
    assert verdict.alert.explained_at == at(moment)
    assert verdict.state == EXPLAINED
    assert ("DQ-01" in verdict.rules) is (cell == "下周五")


@pytest.mark.parametrize("new_due", ["2024-07-23", "下周五", None])
def test_an_answer_without_a_date_ahead_is_incomplete(new_due):
    line = noticed()
    verdict = line.run("2024-07-24 08:00", **{**ANSWER, "调整后完成日期": new_due})
    assert verdict.state == SENT
    assert ("EXP-02" in verdict.rules) is (new_due != "2024-07-23")  # all three are given there, but the day is over


def test_the_day_of_the_answer_itself_is_ahead_enough():
    assert noticed().run("2024-07-23 10:00", **{**ANSWER, "调整后完成日期": "2024-07-23"}).state == EXPLAINED


# --- imported states (C25)


def imported(now: str, **state) -> tuple[Timeline, object]:
    line = quiet(_state=state, _previous_status="进行中")
    return line, line.run(now)


def test_imported_deadline_without_its_start_keeps_the_deadline():
    line, verdict = imported("2024-07-23 10:00", state=SENT, explain_deadline="2024-07-24 09:00", baseline_due="2024-07-17")
    assert (verdict.state, verdict.alert.explain_deadline, verdict.alert.at) == (SENT, at("2024-07-24 09:00"), at("2024-07-22 09:00"))
    assert (verdict.alert.notices, line.sent["T1"]) == (1, [])
    verdict = line.run("2024-07-24 09:01")
    assert (verdict.state, compared(verdict.rules)) == (OVERDUE, ["EXP-01", "LAG-02"])


def test_imported_notice_without_any_time_never_starts_a_clock():
    line, verdict = imported("2024-07-23 10:00", state=SENT, notices=1, baseline_due="2024-07-17")
    assert (verdict.state, verdict.alert.at, compared(verdict.rules)) == (SENT, None, ["LAG-02"])
    assert line.run("2024-08-23 10:00").state == SENT
    assert line.run("2024-08-23 11:00", **{**ANSWER, "调整后完成日期": "2024-09-02"}).state == EXPLAINED


@pytest.mark.parametrize(("cell", "sla", "rules"), [
    ("2024-07-23 18:00", "按时完成", []), ("2024-07-24 18:00", "超时完成", ["EXP-03"]), (None, "不适用", []),
])  # fmt: skip
def test_imported_answer_is_judged_by_its_cell(cell, sla, rules):
    line = quiet(_state={"state": EXPLAINED, "at": "2024-07-22 09:00", "explain_deadline": "2024-07-24 09:00", "notices": 1,
                         "baseline_due": "2024-07-17"}, **ANSWER, 说明提交时间=cell)  # fmt: skip
    verdict = line.run("2024-07-25 09:00")
    assert (verdict.state, verdict.effective_due, verdict.sla) == (EXPLAINED, date(2024, 7, 31), sla)
    assert compared(verdict.rules) == rules


def test_imported_state_of_the_first_notice_knows_its_due_cell():
    _, verdict = imported("2024-07-23 10:00", state=SENT, at="2024-07-22 09:00", baseline_due="2024-07-16", notices=1)
    assert "EXP-05" in verdict.rules  # the cell says 07-17, the baseline stands for what it said
    _, verdict = imported("2024-07-23 10:00", state=SENT, at="2024-07-22 09:00", baseline_due="2024-07-16", notices=2)
    assert "EXP-05" not in verdict.rules


# --- parameters


def test_a_changed_mode_re_derives_a_running_deadline():
    line = quiet(截止日期="2024-07-16")
    assert line.run("2024-07-19 09:00").alert.explain_deadline == at("2024-07-23 09:00")
    line.book = with_params(explain={"hours": 48, "mode": "wall"})
    verdict = line.run("2024-07-22 09:00")
    assert (verdict.alert.explain_deadline, verdict.state) == (at("2024-07-21 09:00"), OVERDUE)
    line.book = with_params(explain={"hours": 72, "mode": "workday24"})
    verdict = line.run("2024-07-22 10:00")
    assert (verdict.alert.explain_deadline, verdict.state, verdict.sla) == (at("2024-07-24 09:00"), SENT, "计时中")
    assert compared(verdict.rules) == ["LAG-02"]


def test_review_that_does_not_stop_the_lag():
    line = Timeline.of(dict(QUIET), book=with_params(review_stops_lag=False))
    assert line.run("2024-07-22 09:00", 状态="待审核", 成果物链接="https://example.com/1").state == SENT
    verdict = line.run("2024-07-24 09:01")
    assert (verdict.state, verdict.lag_days, compared(verdict.rules)) == (OVERDUE, 5, ["EXP-01", "LAG-02"])
    assert verdict.sla == "已超时"
    assert line.run("2024-07-24 10:00", 状态="已完成", 实际完成="2024-07-24").state == CLEARED


def test_due_on_a_rest_day_rolled_forward():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-20"}, book=with_params(due_on_nonworkday="next_workday"))
    assert line.run("2024-07-20 09:00").state == SOON
    verdict = line.run("2024-07-23 09:00")
    assert (verdict.state, verdict.lag_days, verdict.effective_due) == (MINOR, 1, date(2024, 7, 20))
    assert "PLN-12" in verdict.rules
    assert line.run("2024-07-25 09:00").alert.baseline_due == date(2024, 7, 20)


def test_lag_in_calendar_days():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-19"}, book=with_params(lag_unit="calendar"))
    verdict = line.run("2024-07-20 09:00")
    assert (verdict.state, verdict.lag_days) == (MINOR, 1)
    assert line.run("2024-07-22 09:00").state == SENT


def test_progress_behind_plan_as_notice():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-31", "进度": 10}, book=with_params(progress_lag_counts_as_notice=True))
    verdict = line.run("2024-07-15 09:00")
    assert (verdict.state, verdict.lag_days, compared(verdict.rules)) == (SENT, 0, ["LAG-02"])
    verdict = line.run("2024-07-16 09:00", **ANSWER)
    assert verdict.state == EXPLAINED  # an accepted plan is judged by its date, not noticed again at once
    assert compared(verdict.rules) == []


def test_progress_notice_and_due_date_are_one_ladder():
    line = Timeline.of({**QUIET, "进度": 10}, book=with_params(progress_lag_counts_as_notice=True))
    assert compared(line.run("2024-07-16 09:00").rules) == ["LAG-02"]  # not DUE-01 beside it
    line = Timeline.of({**QUIET, "进度": 10}, book=with_params(progress_lag_counts_as_notice=True))
    assert compared(line.run("2024-07-18 09:00").rules) == ["LAG-02"]  # nor LAG-01


# --- holidays


@pytest.mark.parametrize(("due", "now", "deadline"), [
    ("2024-07-16", "2024-07-19 16:00", "2024-07-23 16:00"),  # Friday: over the weekend
    ("2024-09-10", "2024-09-13 16:00", "2024-09-18 16:00"),  # the Saturday is a make-up workday, then two days off
    ("2024-09-25", "2024-09-30 10:00", "2024-10-09 10:00"),  # over National Day
    ("2024-09-10", "2024-09-15 11:00", "2024-09-20 00:00"),  # found on a day off: counts from the next workday on
])  # fmt: skip
def test_deadlines_over_rest_days(due, now, deadline):
    verdict = quiet(截止日期=due, 计划开始="2024-06-03").run(now)
    assert (verdict.state, verdict.alert.explain_deadline) == (SENT, at(deadline))


def test_shadow_states_are_forgotten_when_a_table_goes_live():
    """Nobody was told of them, so their clocks never started."""
    line = noticed()
    item = line.items["T1"]
    item.memory = replace(item.memory, alert=replace(item.memory.alert, shadow=True))
    line.told.clear()
    verdict = line.run("2024-07-25 09:01")
    assert (verdict.state, verdict.alert.at, line.sent["T1"]) == (SENT, at("2024-07-25 09:01"), ["进度预警通知"])
