"""Explanations: every rule with its reason, every clock with segments that add up, the ladder, who is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from example_world import NOW, ZONE, directory, snapshot
from rules_world import QUIET, Timeline, at, clocks, given, guide, with_params

from duban.item import Ref
from duban.rules.evaluate import judge
from duban.rules.explain import explain, explain_item
from duban.rules.explainwords import move_said, reason
from duban.rules.givens import snapshot as snapshot_of
from duban.rules.selftest import DIRECTORY
from duban.rules.tracing import NO_COLUMN, trace

ANSWER = {"滞后原因": "返工", "调整计划": "增加1人", "调整后完成日期": "2024-07-31"}


@cache
def explained():
    judging = judge(guide(), snapshot(), now=NOW, zone=ZONE, clocks=clocks(), directory=directory())
    return {context.item.ref.record: explain_item(judging, context) for context in judging.world.contexts}


def of(line: Timeline):
    return explain_item(line.judging, line.judging.world.contexts[0])


def tried(explanation, rule: str):
    return next(each for each in explanation.tried if each.trace.rule.id == rule)


def why(line: Timeline, rule: str, language: str = "en") -> str:
    return reason(tried(of(line), rule).trace, language)


# --- the worked example


@pytest.mark.parametrize("record", list(explained()))
def test_every_finding_is_explained_and_nothing_else_is(record):
    explanation = explained()[record]
    assert sorted(each.trace.rule.id for each in explanation.tried if each.trace.holds) == list(explanation.verdict.rules)
    for each in explanation.tried:
        states = {part: [term.state for term in each.trace.terms if term.part == part] for part in ("when", "test")}
        if each.trace.outcome == "holds":
            assert set(states["when"] + states["test"]) == {"true"}
            assert each.text
            assert all(term.values for term in each.trace.terms)  # a condition without any value never changes
        elif each.trace.terms:
            assert set(states["when"] + states["test"]) != {"true"} or each.trace.outcome == "suppressed"
            assert reason(each.trace, "zh")
            assert reason(each.trace, "en")


@pytest.mark.parametrize("record", list(explained()))
def test_segments_add_up_to_the_elapsed_time(record):
    for life in explained()[record].clocks:
        wall = life.end.astimezone(UTC) - life.start.astimezone(UTC)
        assert life.wall == wall == sum((part.length for part in life.segments), timedelta(0))
        assert life.counted == sum((part.counted for part in life.segments), timedelta(0))
        assert life.counted == clocks().elapsed(life.start, life.end, life.mode)
        edges = [life.start, *(part.end for part in life.segments)]
        assert [part.start for part in life.segments] == edges[:-1]
        assert not life.segments or edges[-1] == life.end
        assert (life.counted > life.duration) is (life.state in {"已超时", "超时完成"})


def test_there_are_clocks_to_add_up():
    lives = [life for explanation in explained().values() for life in explanation.clocks]
    kinds = {part.kind for life in lives for part in life.segments}
    assert len(lives) > 25
    assert kinds == {"running", "rest_day"}
    assert {life.name for life in lives} >= {"explain", "escalation", "response", "submission", "decision", "risk_meeting"}
    assert any(life.stopped for life in lives)


@pytest.mark.parametrize("record", list(explained()))
def test_the_days_of_the_lag_are_listed(record):
    steps = explained()[record].steps
    if steps is not None and steps.lag_days is not None:
        assert len(steps.counted) == steps.lag_days
        assert all(clocks().calendar.is_workday(day) and day > steps.ladder_due for day in steps.counted)


@pytest.mark.parametrize("record", list(explained()))
def test_explanations_are_json_and_text(record):
    explanation = explained()[record]
    document = json.loads(json.dumps(explanation.to_json(), ensure_ascii=False))
    assert document["rules"] == list(explanation.verdict.rules)
    assert {each["rule"] for each in document["judged"] if each["holds"]} == set(document["rules"])
    for language in ("zh", "en"):
        text = explanation.text(language)
        assert all(rule in text for rule in document["rules"])
        assert "None" not in text
        assert "object at" not in text


def test_the_text_of_a_notice_not_answered():
    text = explained()["RD-02"].text("zh")
    assert "预警状态: 滞后预警已发 -> 超时未说明" in text
    assert "T7 时限已过而没有完整说明" in text
    assert "计滞后的截止日期: 2024-07-17 (周三) - 预警时的基准日期" in text
    assert "滞后: 5 个工作日 (07-18, 07-19, 07-22, 07-23, 07-24)" in text
    assert "时钟 explain: 48小时(不含休息日), 到期 2024-07-24 09:00 (周三), 已超时" in text
    assert "2024-07-22 09:00 (周一) -> 2024-07-24 10:00 (周三)  计时 49小时" in text
    assert "共经过49小时，计时49小时" in text
    assert "lag_days = 5" in text
    assert "通知: 张磊 (owner), 陈志远 (R_head)" in text
    english = explained()["RD-02"].text("en")
    assert "T7 the time is over without a complete answer" in english
    assert "49 h elapsed, 49 h counted" in english


def test_rest_days_are_told_apart():
    lives = {life.name: life for life in explained()["DS-04"].clocks}
    assert [(part.kind, part.length) for part in lives["decision"].segments] == [
        ("running", timedelta(hours=14)), ("rest_day", timedelta(hours=48)), ("running", timedelta(hours=58)),
    ]  # fmt: skip


def test_an_answered_clock_keeps_its_life():
    life = next(life for life in explained()["RD-14"].clocks if life.name == "explain")
    assert (life.start, life.end, life.stopped, life.state) == (
        at("2024-07-15 09:00"), at("2024-07-18 11:00"), True, "超时完成",
    )  # fmt: skip


# --- reasons


def test_reasons():
    line = Timeline.of({**QUIET, "状态": "暂停", "滞后原因": "缺料"}, task=["reviewers"])
    line.run("2024-07-24 10:00")
    assert why(line, "PLN-09") == "the table has no column for Reviewers"
    assert why(line, "PLN-09", "zh") == "本表没有列：审核方"
    assert why(line, "RAC-04") == "the rule is off"
    assert why(line, "VIS-01") == "only for teambition"
    assert why(line, "LAG-02", "zh") == '在 status == "暂停" 时不适用'
    assert why(line, "STA-06") == "does not hold: absent(lag_reason) (lag_reason = 缺料)"
    assert why(line, "DQ-02").startswith("unknown: planned_start > due or actual_finish > today (planned_start = 2024-07-01")
    line = Timeline.of(QUIET)
    line.run("2024-07-10 10:00")
    assert why(line, "ACC-02") == 'its gate does not hold: status == "待审核" (status = 进行中)'
    assert why(line, "LAG-04") == "its gate does not hold: given(progress) (progress = —)"
    assert why(line, "PLN-02") == "does not hold: not empty(inverted) (inverted = —)"
    assert tried(of(line), "PLN-03").text == ""


def test_a_gate_that_cannot_be_decided():
    line = Timeline.of({**QUIET, "状态": "快好了"}, {"of": "project", "编号": "P1", "项目名称": "新品上市"})
    line.run("2024-07-10 10:00")
    context = line.judging.world.contexts[1]
    found = trace(line.judging, context, guide().book.rules["MTG-01"])
    assert found.outcome == "gate_false"  # the phase is empty, and empty differs from 执行
    found = trace(line.judging, context, guide().book.rules["KIK-07"])
    assert (found.outcome, found.decisive.missing) == ("gate_unknown", ("exec_start",))


def test_a_kept_finding_of_a_table_that_could_not_be_read():
    shot = snapshot_of(given({**QUIET, "输出物": None}), {}, DIRECTORY, ZONE, None)
    first = judge(guide(), shot, now=at("2024-07-10 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    memory = first.judgement().verdicts[0].memory
    now_given = snapshot_of(given(QUIET), {}, DIRECTORY, ZONE, None)
    tables = {key: replace(table, complete=False) for key, table in now_given.tables.items()}
    kept = replace(now_given, tables=tables, memories={now_given.items[0].ref: memory})
    judging = judge(guide(), kept, now=at("2024-07-11 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    explanation = explain_item(judging, judging.world.contexts[0])
    assert tried(explanation, "PLN-04").trace.outcome == "kept"
    assert "沿用上次判断" in explanation.text("zh")


def test_values_that_have_no_column_are_said():
    line = Timeline.of(QUIET, task=["actual_finish"])
    line.run("2024-07-10 10:00")
    found = tried(of(line), "DQ-02").trace
    assert next(seen.value for term in found.terms for seen in term.values if seen.text == "actual_finish") is NO_COLUMN
    assert "actual_finish = no column" in reason(found, "en")


def test_fallbacks_of_recipients_are_told():
    line = Timeline.of({**QUIET, "负责人": "外包小林", "输出物": None})
    line.run("2024-07-10 10:00")
    assert "市场部负责人 (owner; nobody is known as owner: R_head)" in of(line).text("en")


# --- the ladder


@pytest.mark.parametrize(("cells", "source"), [
    ({}, "cell"), (ANSWER, "offered"),
])  # fmt: skip
def test_where_the_due_date_comes_from(cells, source):
    line = Timeline.of({**QUIET, **cells})
    line.run("2024-07-18 09:00")
    assert of(line).steps.due_from == source


def test_where_the_due_date_comes_from_after_a_notice():
    line = Timeline.of(QUIET)
    line.run("2024-07-22 09:00")
    line.run("2024-07-23 09:00", 截止日期="2024-08-30")
    steps = of(line).steps
    assert (steps.due_from, steps.moves, steps.lag_days) == ("baseline", ("T5",), 4)
    line.run("2024-07-23 10:00", **ANSWER)
    steps = of(line).steps
    assert (steps.due_from, steps.moves, steps.answered) == ("accepted", ("T6",), True)


@pytest.mark.parametrize(("status", "move"), [("暂停", "T13"), ("快好了", "T14")])
def test_frozen_steps_are_said(status, move):
    line = Timeline.of({**QUIET, "状态": status})
    line.run("2024-07-30 09:00")
    assert of(line).steps.moves == (move,)
    assert move in of(line).text()


def test_every_transition_has_a_sentence_in_both_languages():
    for number in range(1, 15):
        assert move_said(f"T{number}", "zh") != move_said(f"T{number}", "en")


def test_calendar_days_of_the_lag():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-19"}, book=with_params(lag_unit="calendar"))
    line.run("2024-07-22 09:00")
    steps = of(line).steps
    assert (steps.lag_days, [f"{day:%m-%d}" for day in steps.counted]) == (3, ["07-20", "07-21", "07-22"])


# --- asking


def test_an_item_is_found_by_ref_or_code():
    arguments = {"now": NOW, "zone": ZONE, "calendar": clocks().calendar, "directory": directory()}
    ref = Ref("teambition", "tb_rd", "RD-02")
    assert explain(guide(), snapshot(), ref, **arguments).item.ref == ref
    assert explain(guide(), snapshot(), "RD-02", language="en", **arguments).text().startswith("RD-02")
    with pytest.raises(LookupError, match="there is no item RD-99"):
        explain(guide(), snapshot(), "RD-99", **arguments)
    with pytest.raises(LookupError, match="2 items have the code SL-05"):
        explain(guide(), snapshot(), "SL-05", **arguments)


def test_off_hours_are_told_apart_too():
    book = with_params(issue_response={"hours": 2, "mode": "workhours", "requires_solution": True})
    line = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-19 17:00", "责任人": "张三"}, book=book)
    line.run("2024-07-22 09:30")
    (life,) = of(line).clocks
    assert [(part.kind, part.length) for part in life.segments] == [
        ("running", timedelta(hours=1)), ("off_hours", timedelta(hours=6)), ("rest_day", timedelta(hours=48)),
        ("off_hours", timedelta(hours=9)), ("running", timedelta(minutes=30)),
    ]  # fmt: skip
    assert (life.counted, life.wall) == (timedelta(hours=1.5), timedelta(hours=64.5))
    assert isinstance(life.start, datetime)
