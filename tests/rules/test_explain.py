"""Explanations: every rule with its reason, every clock with segments that add up, the ladder, who is told."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from example_world import NOW, ZONE, directory, key, snapshot
from rules_world import QUIET, Timeline, at, clocks, given, guide, overlay, with_params

from duban.item import Ref
from duban.rules.calendar import load_calendar
from duban.rules.clock import MODES, Clock
from duban.rules.evaluate import judge
from duban.rules.explain import explain, explain_item
from duban.rules.explainhistory import move_said
from duban.rules.explainwords import reason
from duban.rules.givens import read_given
from duban.rules.givens import snapshot as snapshot_of
from duban.rules.selftest import DIRECTORY
from duban.rules.tracing import NO_COLUMN, trace
from duban.wording import worded, worded_duration

ANSWER = {"滞后原因": "返工", "调整计划": "增加1人", "调整后完成日期": "2024-07-31"}


ROWS = {name: row for name, row in key()["findings"]["A"].items() if not name.startswith("table:")}


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


FOUND = [(record, rule) for record, row in ROWS.items() for rule in row["rules"]]


@pytest.mark.parametrize(("record", "rule"), FOUND, ids=lambda part: part)
def test_every_finding_of_the_key_has_its_rule_its_values_and_its_people_in_both_languages_and_as_json(record, rule):
    explanation = explained()[record]
    entry = json.loads(json.dumps({each["rule"]: each for each in explanation.to_json()["judged"]}))[rule]
    assert (entry["holds"], entry["outcome"], entry["text"]) == (True, "holds", tried(explanation, rule).text)
    assert {term["state"] for term in entry["terms"]} == {"true"}
    assert entry["values"]
    for language in ("zh", "en"):
        text = explanation.text(language)
        (start,) = [line for line in text.splitlines() if line.startswith(f"* {rule} ")]
        part = text[text.index(start) + len(start) :].split("\n* ")[0]
        assert tried(explanation, rule).text in start
        for term in tried(explanation, rule).trace.terms:
            assert f"{term.part}: {term.text}" in part
            for seen in term.values:
                assert f"{seen.text} = " in part
        if entry["level"] != "info":  # somebody is told of it, and by which role
            assert any(name in part for name in ("通知: ", "told: "))
            assert entry["to"]
            assert all(person["name"] and person["role"] for group in ("to", "cc", "esc") for person in entry[group])


@pytest.mark.parametrize("record", [r for r, row in ROWS.items() if "deadline" in row or "explain_deadline" in row])
def test_the_clocks_of_the_key_are_explained_to_the_minute(record):
    """The deadline of the key, and segments whose counted time reaches exactly it."""
    row, explanation = ROWS[record], explained()[record]
    wanted = at(str(row.get("deadline") or row["explain_deadline"]))
    (life,) = [life for life in explanation.clocks if life.deadline == wanted and life.name != "escalation"]
    assert life.state == row["sla"]
    before = clocks().segments(life.start, life.deadline, life.mode)
    assert sum((part.counted for part in before), timedelta(0)) == life.duration
    document = next(each for each in explanation.to_json()["clocks"] if each["name"] == life.name)
    assert sum(part["seconds"] for part in document["segments"]) == document["wall_seconds"]
    assert sum(part["counted_seconds"] for part in document["segments"]) == document["counted_seconds"]
    for language in ("zh", "en"):
        text = explanation.text(language)
        assert worded(life.deadline, language) in text
        for part in life.segments:
            assert worded_duration(part.length, language) in text


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
    assert "通知: 张磊 (负责人), 陈志远 (负责部门负责人)" in text
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
    assert "市场部负责人 (owner; 外包小林 is not in the directory; told instead: R_head)" in of(line).text("en")
    assert "市场部负责人 (负责人；通讯录中没有外包小林；改为通知负责部门负责人)" in of(line).text("zh")


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


# --- years without data, suppression, repeated people


def test_a_year_without_data_is_said_where_workdays_were_counted_in_it():
    line = Timeline.of({**QUIET, "截止日期": "2030-12-26"})
    line.run("2030-12-31 09:00")
    explanation = of(line)
    assert explanation.to_json()["uncovered_years"] == [2030, 2031]  # the 48 hours reach into 2031
    assert "! 2030、2031年没有放假安排数据，该年的工作日按周一至周五计算（CFG-02）" in explanation.text("zh")
    assert "! there is no holiday data for 2030, 2031: Monday to Friday is used there (CFG-02)" in explanation.text("en")
    assert [finding.rule for finding in line.judging.judgement().system] == ["CFG-02"]
    quiet = Timeline.of(QUIET)
    quiet.run("2024-07-22 09:00")
    assert of(quiet).uncovered == ()
    wall = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2031-07-19 17:00", "责任人": "张三"})
    wall.run("2031-07-19 17:30")
    assert of(wall).uncovered == ()  # two hours by the clock on the wall ask no calendar


def test_rules_that_yield_to_others_name_them():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    line.run("2024-07-22 09:00")
    assert why(line, "LAG-01") == 'its gate does not hold: not holds("LAG-02") (holds("LAG-02") = yes)'
    assert why(line, "DUE-01", "zh") == '前提不成立：not holds("LAG-02")（holds("LAG-02") = 是）'
    assert why(line, "LAG-03") == 'its gate does not hold: status == "未开始" (status = 进行中)'


def test_a_rule_that_changed_after_the_closing_is_said_to_be_silent():
    line = Timeline.of({**QUIET, "状态": "已完成", "实际完成": "2024-07-10", "成果物链接": "https://example.com/x", "验收结果": "通过"})
    line.run("2024-07-11 09:00")
    line.book = overlay("rules: [{id: PLN-04, when: given(code), test: given(output)}]")
    verdict = line.run("2024-07-12 09:00")
    assert "PLN-04" not in verdict.rules
    assert tried(of(line), "PLN-04").trace.outcome == "closed"
    assert why(line, "PLN-04") == "the rule changed after this item was closed: it stands as it was judged then"
    assert not tried(of(line), "PLN-04").text


def test_one_person_in_several_roles_is_told_once_with_all_of_them():
    line = Timeline.of({**QUIET, "负责人": "市场部负责人", "截止日期": "2024-07-17"})
    line.run("2024-07-22 09:00")
    (person,) = tried(of(line), "LAG-02").to
    assert (person.name, person.role, person.also) == ("市场部负责人", "owner", ("R_head", "initiator"))
    assert "通知: 市场部负责人 (负责人、负责部门负责人、发起部门联络人)" in of(line).text("zh")


def test_seconds_are_shown_so_that_what_is_read_adds_up():
    line = Timeline.of({"of": "issue", "编号": "Q1", "提出时间": "2024-07-22T09:00:29.5+08:00", "响应时间": "2024-07-22T10:40:05+08:00",
                        "解决方案": "重启", "责任人": "张三"})  # fmt: skip
    line.run("2024-07-22 12:00")
    text, english = of(line).text("zh"), of(line).text("en")
    assert "  2024-07-22 09:00:29.5 (周一) -> 2024-07-22 10:40:05 (周一)  计时 1小时39分钟35.5秒" in text
    assert "  共经过1小时39分钟35.5秒，计时1小时39分钟35.5秒" in text
    assert "clock response: 2 h, deadline 2024-07-22 11:00:29.5 (Mon), 按时完成" in english
    assert "running 1 h 39 min 35.5 s" in english


# --- worlds made up by chance, in zones with daylight saving

STATUSES = ["未开始", "进行中", "待审核", "已完成", "暂停", "取消", "快好了", None]


def chance_rows(dice: random.Random, zone: ZoneInfo, around: datetime) -> list[dict[str, object]]:
    def moment(hours: int) -> str:
        return (around + timedelta(hours=dice.uniform(-hours, hours / 8))).astimezone(zone).isoformat(timespec="minutes")

    def day(days: int) -> str:
        return str((around + timedelta(days=dice.uniform(-days, days / 2))).date())

    rows: list[dict[str, object]] = []
    for number in range(6):
        task = {**QUIET, "编号": f"T{number}", "状态": dice.choice(STATUSES), "截止日期": dice.choice([day(20), None]),
                "计划开始": day(30), "负责人": dice.choice(["李四", "外包", None]), "进度": dice.choice([None, 0, 40, 100])}  # fmt: skip
        if dice.random() < 0.3:
            task |= {"滞后原因": "返工", "调整计划": dice.choice([None, "加人"]), "调整后完成日期": day(20), "说明提交时间": moment(90)}
        rows.append(task)
        issue = {"of": "issue", "编号": f"Q{number}", "提出时间": moment(90), "责任人": "李四", "状态": dice.choice(["进行中", "已完成"])}
        if dice.random() < 0.6:
            issue |= {"响应时间": moment(80), "解决方案": dice.choice([None, "重启"])}
        rows.append(issue)
        rows.append({
            "of": "dispute", "编号": f"D{number}", "涉及部门": ["市场部", "法务部"], "提出时间": moment(120),
            "上报时间": dice.choice([None, moment(60)]), "上报对象": "上级领导", "决策结果": dice.choice([None, "按市场部方案"]),
        })  # fmt: skip
        rows.append({
            "of": "risk", "编号": f"K{number}", "等级": dice.choice(["重大", "一般", None]), "识别时间": moment(60),
            "meeting_at": dice.choice([None, moment(40)]),
        })  # fmt: skip
    return rows


@cache
def in_mode(mode: str):
    """The guide with all its clocks in one mode."""
    clocked = ("explain", "escalate_after_explain", "issue_response", "dispute_submit", "dispute_decide", "risk_meeting")
    return with_params(**{name: {**guide().params[name], "mode": mode} for name in clocked})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Asia/Shanghai", "2024-10-01T10:00+00:00"),
        ("Europe/Berlin", "2024-10-27T01:10+00:00"),  # the night in which an hour comes twice
        ("Europe/Berlin", "2024-03-31T03:30+00:00"),  # and in which one is left out
        ("America/New_York", "2024-11-03T06:30+00:00"),
    ],
)
def test_every_explanation_of_a_random_world_adds_up(zone, around, mode):
    here, dice = ZoneInfo(zone), random.Random(f"{zone} {around} {mode}")
    calendar = load_calendar(["CN"], here)
    clock = Clock(calendar)
    book, middle = in_mode(mode), datetime.fromisoformat(around)
    mistakes: list[str] = []
    items = read_given(chance_rows(dice, here, middle), here, lambda _, sentence: mistakes.append(sentence))
    assert mistakes == []
    lives, states = 0, set()
    for now in (middle - timedelta(hours=50), middle - timedelta(minutes=25), middle + timedelta(hours=30)):
        judging = judge(book, snapshot_of(items, {}, DIRECTORY, here, None), now=now, zone=here, clocks=clock, directory=DIRECTORY)
        by_ref = {each.ref: each for each in items.values()}
        for context in judging.world.contexts:
            explanation = explain_item(judging, context)
            assert sorted(each.trace.rule.id for each in explanation.tried if each.trace.holds) == list(explanation.verdict.rules)
            json.dumps(explanation.to_json())
            check_printed(explanation.text("zh"))
            text = explanation.text(dice.choice(["zh", "en"]))
            assert all(f"* {rule} " in text for rule in explanation.verdict.rules)
            for life in explanation.clocks:
                lives, states = lives + 1, states | {life.state}
                check_life(life, clock, context, here)
            by_ref[context.item.ref].memory = explanation.verdict.memory
    assert lives > 15
    assert len(states) >= 3


def printed(text: str) -> timedelta:
    """A duration as the Chinese explanation prints it."""
    found = re.fullmatch(r"(?:(\d+)小时)?(?:(\d+)分钟)?(?:([\d.]+)秒)?", text)
    assert found, text
    hours, whole, seconds = found.groups(default="0")
    return timedelta(hours=int(hours), minutes=int(whole), seconds=float(seconds))


def check_printed(text: str) -> None:
    """What a person reads adds up: the stretches of every clock to its total, those that run to what it counted."""
    parts: list[tuple[str, timedelta]] = []
    for line in text.splitlines():
        if line.startswith("时钟 "):
            parts = []
        if found := re.fullmatch(r"  .* -> .*\)  (计时|暂停|休息日|非工作时间) (.*)", line):
            parts.append((found[1], printed(found[2])))
        if found := re.fullmatch(r"  共经过(.*)，计时(.*)", line):
            assert sum((length for _, length in parts), timedelta()) == printed(found[1])
            assert sum((length for kind, length in parts if kind == "计时"), timedelta()) == printed(found[2])


def check_life(life, clock: Clock, context, zone: ZoneInfo) -> None:
    """The lengths add up, the counted time is the clock's own, and what it shows follows from them."""
    wall = life.end.astimezone(UTC) - life.start.astimezone(UTC)
    assert sum((part.length for part in life.segments), timedelta(0)) == life.wall == max(wall, timedelta(0))
    assert sum((part.counted for part in life.segments), timedelta(0)) == life.counted
    for part in life.segments:
        assert part.end.astimezone(UTC) - part.start.astimezone(UTC) == part.length > timedelta(0)
    assert life.counted == max(timedelta(0), clock.elapsed(life.start, life.end, life.mode, context.department))
    over = life.end.astimezone(UTC) > life.deadline.astimezone(UTC)
    wanted = {True: {"已超时", "超时完成"}, False: {"计时中", "即将超时", "按时完成"}}[over]
    assert life.state in wanted, (life, zone)
    assert (life.counted > life.duration) <= over  # a clock may stand at its deadline over a weekend
