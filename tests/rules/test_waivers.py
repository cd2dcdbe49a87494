"""What a named person approved: extensions that move the due date, rules that are waived for a time, and what of it counts."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from duban.errors import ConfigError
from duban.item import Item, Person, Ref, make_item
from duban.people import Directory
from duban.rules.evaluate import Judging, Verdict, judge
from duban.rules.explain import explain_item
from duban.rules.givens import snapshot
from duban.rules.selftest import DIRECTORY, run_tests
from duban.rules.waiverfile import KEYS, read_waivers
from duban.rules.waivers import NO_GRANTS, Waiver, Waivers, Why, grants_of
from duban.rules.waiverschema import waivers_schema
from duban.yamlfile import Document
from tests.rules import example_world
from tests.rules.rules_world import QUIET, ZONE, Timeline, at, clocks, given, guide, overlay

ROOT = Path(__file__).parent.parent.parent
TODAY = date(2024, 7, 24)
LEAD = "市场部上级"


@dataclass
class Office(Timeline):
    """A timeline with approvals: those of a file, and the cells of the first item's own columns."""

    waivers: Waivers = field(default_factory=Waivers)
    columns: dict[str, Any] = field(default_factory=dict)

    def again(self, now: datetime) -> dict[str, tuple[Verdict, list[str]]]:
        shot = snapshot(self.items, self.unmapped, DIRECTORY, ZONE, self.last)
        own = tuple((key, value) for key, value in self.columns.items() if value is not None)
        shot = replace(shot, waivers=self.waivers, items=[shot.items[0]._replace(waiver=own), *shot.items[1:]])
        self.judging = judge(self.book, shot, now=now, zone=ZONE, clocks=clocks(), directory=DIRECTORY)
        answer = {}
        for name, verdict in zip(self.items, self.judging.judgement().verdicts, strict=True):
            fresh = [notice for notice in verdict.notices if notice.key not in self.told]
            self.told |= {notice.key for notice in fresh}
            self.items[name].memory = verdict.memory
            self.sent = {name: [(n.rule, n.template) for n in fresh]}
            answer[name] = verdict, [n.template for n in fresh]
        self.last = now
        return answer


def office(*waivers: Waiver, columns: dict[str, Any] | None = None, book: Any = None, **cells: Any) -> Office:
    return Office(given({**QUIET, **cells}), book or guide(), waivers=Waivers(waivers), columns=columns or {})


def extension(to: str, **rest: Any) -> Waiver:
    return Waiver(LEAD, "供应商推迟", "waivers.yaml:2", **{"items": ("T1",), "extend_to": date.fromisoformat(to), **rest})


def waived(*rules: str, **rest: Any) -> Waiver:
    return Waiver(LEAD, "集中测试", "waivers.yaml:9", **{"items": ("T1",), "rules": rules, **rest})


# --- extensions and the ladder


def test_an_extension_moves_the_due_date_and_with_it_the_whole_ladder() -> None:
    late = office().run("2024-07-24 10:00")
    assert (late.rules, late.lag_days, late.effective_due) == (("LAG-02",), 5, date(2024, 7, 17))
    o = office(extension("2024-07-26"))
    v = o.run("2024-07-24 10:00")
    assert (v.rules, v.state, v.lag_days, v.effective_due) == (("DUE-01",), "临期", 0, date(2024, 7, 26))
    assert (v.approved.extensions, v.approved.grants.extended_to) == (1, date(2024, 7, 26))
    assert o.run("2024-07-29 10:00").rules == ("LAG-01",)
    notice = o.run("2024-07-31 10:00")
    assert (notice.rules, notice.lag_days, notice.alert.baseline_due) == (("LAG-02",), 3, date(2024, 7, 26))


def test_an_extension_to_an_earlier_day_changes_nothing() -> None:
    v = office(extension("2024-07-10")).run("2024-07-24 10:00")
    assert (v.lag_days, v.effective_due, v.approved.extensions) == (5, date(2024, 7, 17), 1)


def test_a_task_without_a_due_date_is_due_on_the_approved_day() -> None:
    v = office(extension("2024-07-19"), 截止日期=None).run("2024-07-24 10:00")
    assert (v.lag_days, v.effective_due) == (3, date(2024, 7, 19))


def test_the_latest_of_several_extensions_counts_and_each_is_counted() -> None:
    v = office(extension("2024-07-26"), extension("2024-07-19"), extension("2024-07-26")).run("2024-07-24 10:00")
    assert (v.effective_due, v.approved.extensions) == (date(2024, 7, 26), 2)


def test_an_accepted_explanation_later_than_the_extension_stays() -> None:
    o = office()
    o.run("2024-07-22 10:00")
    answered = o.run("2024-07-23 10:00", lag_reason="缺料", adjust_plan="加班", new_due="2024-08-09")
    assert (answered.state, answered.effective_due) == ("已说明", date(2024, 8, 9))
    o.waivers = Waivers((extension("2024-08-02"),))
    v = o.run("2024-07-24 10:00")
    assert (v.state, v.effective_due) == ("已说明", date(2024, 8, 9))
    o.waivers = Waivers((extension("2024-08-16"),))
    v = o.run("2024-08-14 10:00")
    assert (v.state, v.effective_due) == ("已说明", date(2024, 8, 16)), "late on the accepted date, but not on the approved"


def test_an_extension_takes_a_notice_back_and_says_so() -> None:
    o = office()
    assert o.run("2024-07-22 10:00").state == "滞后预警已发"
    o.waivers = Waivers((extension("2024-08-05"),))
    v = o.run("2024-07-23 10:00")
    assert (v.state, v.moves, v.rules, v.alert.cycle, v.alert.notices) == ("正常", ("T15",), (), 2, 0)
    (notice,) = v.notices
    assert (notice.rule, notice.template) == ("T15", "预警解除")
    assert set(notice.to) == {"李四", "市场部负责人"}
    assert notice.variables["notices"] == "1"
    assert "2024-08-05" in notice.variables["text"]
    again = o.again(at("2024-07-23 10:00"))["T1"]
    assert (again[0].moves, again[1]) == ((), []), "a second run at the same moment says nothing"
    late = o.run("2024-08-08 10:00")
    assert (late.state, late.alert.notices, late.alert.baseline_due) == ("滞后预警已发", 1, date(2024, 8, 5))
    assert ("LAG-02", "进度预警通知") in o.sent["T1"], "a notice of the new cycle, told anew"


def test_an_extension_that_is_near_tells_of_the_withdrawal_and_of_the_day() -> None:
    o = office()
    o.run("2024-07-22 10:00")
    o.waivers = Waivers((extension("2024-07-24"),))
    v = o.run("2024-07-23 10:00")
    assert (v.state, v.moves, v.rules) == ("临期", ("T15", "T1"), ("DUE-01",))
    assert ("T15", "预警解除") in o.sent["T1"]
    assert any(rule == "DUE-01" for rule, _ in o.sent["T1"])


def test_an_extension_that_has_lapsed_itself_takes_no_notice_back() -> None:
    o = office()
    o.run("2024-07-22 10:00")
    o.waivers = Waivers((extension("2024-07-18"),))
    v = o.run("2024-07-23 10:00")
    assert (v.state, v.moves, v.lag_days) == ("滞后预警已发", (), 3)


def test_a_paused_task_is_not_escalated_once_it_is_extended() -> None:
    o = office()
    o.run("2024-07-22 10:00")
    v = o.run("2024-07-23 10:00", 状态="暂停", 最新进展="等批复")
    assert v.state == "滞后预警已发"
    o.waivers = Waivers((extension("2024-08-05"),))
    v = o.run("2024-07-30 10:00")
    assert (v.state, v.moves) == ("正常", ("T15",))


def test_an_extension_that_expires_brings_the_finding_back_told_as_new() -> None:
    o = office(extension("2024-08-05", valid_until=date(2024, 8, 6)))
    assert o.run("2024-08-06 23:59").rules == ("LAG-01",)
    v = o.run("2024-08-07 00:01")
    assert (v.rules, v.lag_days, v.state) == (("LAG-02",), 15, "滞后预警已发")
    assert ("LAG-02", "进度预警通知") in o.sent["T1"]
    assert [(r.why, r.waiver.extend_to) for r in v.approved.grants.refused] == [("expired", date(2024, 8, 5))]
    assert v.approved.extensions == 1, "an expired extension is still one that was granted"


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [("2024-07-25", None, "early"), (None, "2024-07-23", "expired"), ("2024-07-24", "2024-07-24", None)],
)
def test_an_approval_counts_on_its_days_both_included(first: str | None, last: str | None, why: str | None) -> None:
    days = {
        "valid_from": first and date.fromisoformat(first), "valid_until": last and date.fromisoformat(last),
    }  # fmt: skip
    v = office(waived("LAG-02", **days)).run("2024-07-24 10:00")
    assert (v.rules, [refused.why for refused in v.approved.grants.refused]) == ((("LAG-02",), [why]) if why else ((), []))


# --- waived rules


def test_a_waived_rule_yields_no_finding_no_message_no_level_and_is_visible() -> None:
    o = office(waived("PLN-04", valid_until=date(2024, 7, 31)), 输出物=None, 截止日期="2024-08-30")
    v = o.run("2024-07-24 10:00")
    assert (v.rules, v.level, v.notices) == ((), "绿", ())
    assert {rule: waiver.approved_by for rule, waiver in v.approved.waived.items()} == {"PLN-04": LEAD}
    assert office(输出物=None, 截止日期="2024-08-30").run("2024-07-24 10:00").rules == ("PLN-04",)


@pytest.mark.parametrize(("pattern", "left"), [("LAG-02", ("PLN-04",)), ("LAG-*", ("PLN-04",)), ("*", ()), ("PLN-*", ("LAG-02",))])
def test_one_rule_a_group_or_all(pattern: str, left: tuple[str, ...]) -> None:
    assert office(waived(pattern), 输出物=None).run("2024-07-24 10:00").rules == left


def test_a_waived_notice_is_not_sent_and_one_that_was_sent_is_taken_back() -> None:
    o = office(waived("LAG-02", valid_until=date(2024, 7, 25)))
    v = o.run("2024-07-24 10:00")
    assert (v.rules, v.state, v.alert.notices, v.lag_days) == ((), "正常", 0, 5)
    v = o.run("2024-07-26 09:00")
    assert (v.rules, v.state, v.alert.notices) == (("LAG-02",), "滞后预警已发", 1)
    assert ("LAG-02", "进度预警通知") in o.sent["T1"]
    o.waivers = Waivers((waived("LAG-02"),))
    v = o.run("2024-07-26 10:00")
    assert (v.state, v.moves) == ("正常", ("T15",))


def test_a_waived_escalation_waits_until_the_waiver_ends() -> None:
    o = office(waived("ESC-01", valid_until=date(2024, 7, 29)))
    o.run("2024-07-22 10:00")
    v = o.run("2024-07-29 10:00")
    assert (v.state, v.rules, v.alert.escalated_at) == ("超时未说明", ("EXP-01", "LAG-02"), None)
    v = o.run("2024-07-30 10:00")
    assert (v.state, v.alert.escalated_at, v.alert.escalated_to) == ("已升级", at("2024-07-30 10:00"), "市场部负责人,市场部上级")
    assert ("ESC-01", "升级上报") in o.sent["T1"]


def test_a_waived_urge_is_told_when_its_waiver_ends() -> None:
    o = office(waived("EXP-01", valid_until=date(2024, 7, 24)))
    o.run("2024-07-22 10:00")
    v = o.run("2024-07-24 10:01")
    assert (v.state, v.rules, v.notices) == ("超时未说明", ("LAG-02",), ())
    v = o.run("2024-07-25 00:00")
    assert "EXP-01" in v.rules
    assert o.sent["T1"] == [("EXP-01", "催办")]
    assert o.again(at("2024-07-25 00:00"))["T1"][1] == []


def test_a_finding_that_was_told_before_it_was_waived_is_told_as_new_once() -> None:
    o = office(输出物=None, 截止日期="2024-08-30")
    o.run("2024-07-22 10:00")
    assert o.sent["T1"] == [("PLN-04", "规范提醒")]
    o.waivers = Waivers((waived("PLN-04", valid_until=date(2024, 7, 24)),))
    o.run("2024-07-23 10:00")
    assert o.sent["T1"] == []
    for now, sent in (("2024-07-25 10:00", [("PLN-04", "规范提醒")]), ("2024-07-25 10:00", []), ("2024-07-26 10:00", [])):
        o.run(now)
        assert o.sent["T1"] == sent, now
    o.waivers = Waivers((waived("PLN-04", valid_until=date(2024, 7, 29)),))
    o.run("2024-07-29 10:00")
    o.run("2024-07-30 10:00")
    assert o.sent["T1"] == [("PLN-04", "规范提醒")], "each time that it comes back"


def test_a_waived_rule_goes_on_silencing_what_it_silenced() -> None:
    book = overlay("""
rules:
  - {id: TEAM-01, name: 甲, of: task, test: empty(输出物), level: warn, text: 甲, to: [owner]}
  - {id: TEAM-02, name: 乙, of: task, test: 'empty(输出物) and not holds("TEAM-01")', level: warn, text: 乙, to: [owner]}
""")
    v = office(waived("TEAM-01"), book=book, 输出物=None, 截止日期="2024-08-30").run("2024-07-24 10:00")
    assert "TEAM-02" not in v.rules


def test_nothing_is_remembered_and_nothing_changes_without_an_approval() -> None:
    o = office(waived("LAG-02", items=("T9",)), 输出物=None)
    v = o.run("2024-07-24 10:00")
    plain = Timeline.of({**QUIET, "输出物": None}).run("2024-07-24 10:00")
    assert v == plain
    assert (v.memory.waived, v.memory.extended, v.approved.grants) == ((), (), NO_GRANTS)


# --- scopes


def _item(kind: str = "task", table: str = "tasks", **values: Any) -> Item:
    return make_item(Ref("rd", table, "r1"), kind, values)  # type: ignore[arg-type]


def _counts(waiver: Waiver, item: Item) -> bool:
    return bool(grants_of(Waivers((replace(waiver, rules=("*",)),)), item, DIRECTORY, TODAY).waivers)


TASK = _item(code="A1", project="新品", responsible_dept=("研发部", "市场部"), owner=(Person("", "张三"),))


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        ({"items": ("A1",)}, True), ({"items": ("rd/tasks/r1",)}, True), ({"items": ("A2",)}, False),
        ({"departments": ("市场部",)}, True), ({"departments": ("法务部",)}, False),
        ({"projects": ("新品",)}, True), ({"projects": ("旧品",)}, False),
        ({"tables": ("tasks",)}, True), ({"tables": ("rd/tasks",)}, True), ({"tables": ("market/tasks",)}, False),
        ({"items": ("A1",), "departments": ("法务部",)}, False), ({"projects": ("新品",), "tables": ("tasks",)}, True),
    ],
)  # fmt: skip
def test_every_scope_that_is_given_must_fit(scope: dict[str, Any], counts: bool) -> None:
    assert _counts(Waiver(LEAD, "因", **scope), TASK) is counts


def test_the_department_of_an_item() -> None:
    rd = Waiver(LEAD, "因", departments=("研发部",))
    assert _counts(rd, _item(owner=(Person("", "张三"),))), "where a row names none, the home of its owner"
    assert not _counts(rd, _item(owner=(Person("", "张三"),), responsible_dept=("市场部",)))
    assert _counts(rd, _item("dispute", parties=("研发部", "市场部")))
    assert _counts(rd, _item("risk", measure_owner=(Person("", "张三"),)))
    assert _counts(rd, _item("resource", provider="研发部"))
    assert not _counts(rd, _item("meeting"))
    assert _counts(Waiver(LEAD, "因", projects=("新品",)), _item("project", name="新品"))


def test_a_finding_about_a_table_is_waived_for_the_table_alone() -> None:
    def findings(waiver: Waiver) -> tuple[set[str], set[str]]:
        o = Office(given(QUIET), unmapped={"task": ["due"]}, waivers=Waivers((waiver,)))
        o.again(at("2024-07-24 10:00"))
        (verdict,) = o.judging.judgement().tables.values()
        return {finding.rule for finding in verdict.findings}, set(verdict.approved.waived)

    of_table = Waiver(LEAD, "旧表", rules=("CFG-01",), tables=("task_workbook",))
    assert findings(of_table) == (set(), {"CFG-01"})
    assert findings(replace(of_table, projects=("新品上市",))) == ({"CFG-01"}, set())
    assert findings(replace(of_table, tables=("other",))) == ({"CFG-01"}, set())
    assert findings(replace(of_table, valid_until=date(2024, 7, 23))) == ({"CFG-01"}, set())


# --- who may approve


@pytest.mark.parametrize("what", [{"rules": ("LAG-02",)}, {"extend_to": date(2024, 8, 5)}])
def test_nobody_grants_himself_anything(what: dict[str, Any]) -> None:
    v = office(Waiver("李四", "来不及", "w:2", items=("T1",), **what)).run("2024-07-24 10:00")
    assert v.rules == ("LAG-02",)
    assert [refused.why for refused in v.approved.grants.refused] == ["self"]
    assert v.approved.extensions == 0


def test_an_extension_is_for_tasks_alone() -> None:
    risk = _item("risk", code="A1", measure_due=TODAY)
    found = grants_of(Waivers((replace(extension("2024-08-05"), items=("A1",)),)), risk, DIRECTORY, TODAY)
    assert (found.extension, [refused.why for refused in found.refused]) == (None, ["no_task"])


# --- the row's own columns


def columns(to: date | None, by: str | None = "王五", **rest: Any) -> dict[str, Any]:
    return {"extend_to": to, "approved_by": (Person("", by),) if by else None, **rest}


def test_columns_extend_when_day_and_approver_are_filled() -> None:
    v = office(columns=columns(date(2024, 8, 5), reason="等样品")).run("2024-07-24 10:00")
    assert (v.effective_due, v.approved.extensions) == (date(2024, 8, 5), 1)
    extension = v.approved.grants.extension
    assert extension is not None
    assert (extension.approved_by, extension.reason, extension.origin) == ("王五", "等样品", "column")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (columns(date(2024, 8, 5), None), "no_approver"),
        (columns(date(2024, 8, 5), "李四"), "self"),
        (columns(date(2024, 8, 5), "同意"), "unknown_approver"),
        (columns(date(2024, 7, 22), valid_until=date(2024, 7, 23)), "expired"),
    ],
)
def test_columns_that_do_not_count_are_said(cells: dict[str, Any], why: str) -> None:
    v = office(columns=cells).run("2024-07-24 10:00")
    assert (v.rules, v.approved.extensions) == (("LAG-02",), 0)
    assert [refused.why for refused in v.approved.grants.refused] == [why]


def test_an_approver_alone_extends_nothing_and_is_no_news() -> None:
    assert office(columns=columns(None)).run("2024-07-24 10:00").approved.grants.refused == ()


def test_a_day_that_cannot_be_read_does_not_count() -> None:
    item = _item(code="A1", due=TODAY)._replace(
        bad=(("waiver.extend_to", "下周"),), waiver=(("approved_by", (Person("", "王五"),)),)
    )
    (refused,) = grants_of(Waivers(), item, DIRECTORY, TODAY).refused
    assert refused.why == "unreadable"
    assert refused.waiver.approved_by == "王五"


def test_where_several_approve_one_who_is_not_the_owner_is_enough() -> None:
    both = (Person("", "李四"), Person("", "王五"))
    v = office(columns={"extend_to": date(2024, 8, 5), "approved_by": both}).run("2024-07-24 10:00")
    assert v.effective_due == date(2024, 8, 5)


def test_without_a_directory_every_name_is_taken() -> None:
    item = _item(code="A1")._replace(waiver=tuple(columns(date(2024, 8, 5), "某人").items()))
    assert grants_of(Waivers(), item, Directory(), TODAY).extended_to == date(2024, 8, 5)


def test_every_move_of_the_column_to_a_later_day_is_an_extension_on_record() -> None:
    o = office(columns=columns(date(2024, 7, 26)))
    counts = []
    for now, to, by in (
        ("2024-07-22 10:00", "2024-07-26", "王五"),
        ("2024-07-22 11:00", "2024-07-26", "王五"),
        ("2024-07-23 10:00", "2024-08-05", "王五"),
        ("2024-07-24 10:00", "2024-08-01", "王五"),  # back: no extension
        ("2024-07-25 10:00", "2024-08-09", None),  # nobody approved it yet
        ("2024-07-26 10:00", "2024-08-09", "王五"),
    ):
        o.columns = columns(date.fromisoformat(to), by)
        counts.append(o.run(now).approved.extensions)
    assert counts == [1, 1, 2, 2, 2, 3]
    o.columns = {}
    v = o.run("2024-07-29 10:00")
    assert v.approved.extensions == 3, "what is on record stays when the cells are cleared"
    assert v.memory.extended[1] == ("2024-08-05", "2024-07-23")


def test_a_day_in_file_and_column_is_one_extension() -> None:
    v = office(extension("2024-08-05"), columns=columns(date(2024, 8, 5))).run("2024-07-24 10:00")
    assert v.approved.extensions == 1


# --- explained


def explained(o: Office, language: str = "zh") -> str:
    assert isinstance(o.judging, Judging)
    (context,) = o.judging.world.contexts
    return explain_item(o.judging, context).text(language)  # type: ignore[arg-type]


def test_explain_says_who_waived_until_when_and_why() -> None:
    o = office(waived("PLN-04", valid_until=date(2024, 7, 31)), extension("2024-08-05"), 输出物=None)
    o.run("2024-07-24 10:00")
    text = explained(o)
    assert "PLN-04 缺少输出物" not in text or "已豁免" in text
    assert f"已豁免：{LEAD} 批准，有效期至 2024-07-31 (周三)，原因：集中测试（waivers.yaml:9）" in text
    assert "已延期1次" in text
    assert f"延期至 2024-08-05 (周一): {LEAD} 批准" in text
    assert "已批准的延期日期" in text
    english = explained(o, "en")
    assert f"waived by {LEAD}, until 2024-07-31 (Wed), reason: 集中测试 (waivers.yaml:9)" in english
    (context,) = o.judging.world.contexts
    document = explain_item(o.judging, context).to_json()
    assert document["waived"][0] | {"from": None} == {
        "rule": "PLN-04", "approved_by": LEAD, "reason": "集中测试", "from": None, "until": "2024-07-31",
        "origin": "waivers.yaml:9",
    }  # fmt: skip
    judged = {each["rule"]: each for each in document["judged"]}
    assert (judged["PLN-04"]["outcome"], judged["PLN-04"]["holds"]) == ("waived", False)
    assert judged["PLN-04"]["waiver"]["approved_by"] == LEAD
    assert (document["extensions"], document["extension"]["to"]) == (1, "2024-08-05")


def test_explain_says_why_an_approval_does_not_count() -> None:
    o = office(columns=columns(date(2024, 8, 5), None))
    o.run("2024-07-24 10:00")
    assert "不算: 延期至 2024-08-05 (周一): - 批准" in explained(o)
    assert "没有批准人" in explained(o)
    assert "nobody approved it" in explained(o, "en")


def test_explain_tells_the_withdrawal() -> None:
    o = office()
    o.run("2024-07-22 10:00")
    o.waivers = Waivers((extension("2024-08-05"),))
    o.run("2024-07-23 10:00")
    assert "T15" in explained(o)
    assert "预警撤销" in explained(o)


# --- rule tests in rules files


TESTED = """
tests:
  - name: 豁免期内不提醒，期满恢复
    rules: [PLN-04, "LAG-*"]
    given: [{of: task, 编号: T1, 状态: 进行中, 截止日期: 2024-07-17, 负责人: 李四, 负责部门: 市场部}]
    waivers:
      - {编号: T1, 规则: PLN-04, 批准人: 市场部上级, 原因: 试点, 有效期: 2024-07-24}
      - {item: T1, extend_to: 2024-08-05, approved_by: 市场部负责人, reason: 缺料, valid_from: 2024-07-24}
    steps:
      - {now: 2024-07-22 10:00, expect: {T1: {rules: [LAG-02], waived: [PLN-04], extensions: 0}}}
      - {now: 2024-07-24 10:00, expect: {T1: {rules: [], waived: [PLN-04], extensions: 1, effective_due: 2024-08-05}}}
      - {now: 2024-07-25 10:00, expect: {T1: {rules: [PLN-04], waived: []}}}
"""


def test_rule_tests_may_have_approvals() -> None:
    report = run_tests(overlay(TESTED))
    assert [problem for result in report.results for problem in result.problems] == []


TABLE = """
tests:
  - name: 旧表缺列，已批准
    rules: [CFG-01, LAG-02]
    now: 2024-07-24 10:00
    given: [{of: task, 编号: T1, 状态: 进行中}]
    unmapped: {task: [due]}
    waivers: [{表: task_workbook, 规则: CFG-01, 批准人: 市场部上级, 原因: 旧表, 有效期: 2024-07-24}]
    expect: {table: {task: []}}
"""


def test_rule_tests_may_waive_what_is_said_of_a_table_and_a_waived_rule_is_not_silent() -> None:
    report = run_tests(overlay(TABLE))
    assert report.results[0].problems == ()
    assert "CFG-01" in report.never_silent
    (problem,) = run_tests(overlay(TABLE.replace("{task: []}", "{task: [CFG-01]}"))).results[0].problems
    assert "已豁免：市场部上级 批准" in problem.message
    expired = run_tests(overlay(TABLE.replace("有效期: 2024-07-24", "有效期: 2024-07-23")))
    assert "CFG-01 is not expected, but holds" in expired.results[0].problems[0].message


def test_mistakes_of_approvals_in_a_rule_test_are_said_at_their_place() -> None:
    report = run_tests(overlay(TESTED.replace("规则: PLN-04", "规则: PLN-4").replace("市场部负责人", "市场部负责")))
    (result,) = report.results
    assert [(problem.line, problem.column) for problem in result.problems[:2]] == [(7, 22), (8, 56)]
    assert "did you mean 'PLN-04'?" in result.problems[0].message


# --- the file

GOOD = """
waivers:
  - item: RD-02
    extend_to: 2024-08-05
    approved_by: 市场部上级
    reason: 供应商交期推迟
  - 规则: [LAG-04, "EXP-*", 全部]
    部门: 市场部
    项目: [新品, 旧品]
    表: rd/tasks
    批准人: 李四
    原因: 集中测试
    生效日期: 2024年7月1日
    有效期: 2024/7/31
"""


def read(tmp_path: Path, text: str, directory: Directory = DIRECTORY, tables: tuple[str, ...] = ()) -> Waivers:
    path = tmp_path / "waivers.yaml"
    path.write_text(text, encoding="utf-8")
    return read_waivers([path], rules=guide().book.rules, directory=directory, tables=tables)


def test_a_file_in_english_and_chinese(tmp_path: Path) -> None:
    first, second = read(tmp_path, GOOD, tables=("tasks", "rd/tasks")).entries
    assert first == Waiver(LEAD, "供应商交期推迟", "waivers.yaml:3", items=("RD-02",), extend_to=date(2024, 8, 5))
    assert second == Waiver(
        "李四", "集中测试", "waivers.yaml:7", departments=("市场部",), projects=("新品", "旧品"), tables=("rd/tasks",),
        rules=("LAG-04", "EXP-*", "*"), valid_from=date(2024, 7, 1), valid_until=date(2024, 7, 31),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["waivers: []", "[]", "豁免与延期: []"])
def test_a_file_may_have_no_approval(tmp_path: Path, text: str) -> None:
    assert not read(tmp_path, text)


def entry(**changes: str | None) -> str:
    """An entry that is right, with changed lines; ``None`` takes one away."""
    lines: dict[str, str | None] = {
        "item": "RD-02", "rules": "LAG-04", "extend_to": "2024-08-05", "approved_by": LEAD, "reason": "因",
        "valid_from": "2024-07-01", "valid_until": "2024-08-31",
    }  # fmt: skip
    return "waivers:\n- " + "\n  ".join(f"{k}: {v}" for k, v in {**lines, **changes}.items() if v is not None)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("waivers: 3", 1, 10, "must be a list"),
        ("waiver: []", 1, 1, "did you mean 'waivers'?"),
        ("3", 1, 1, "is a list of approvals"),
        ("waivers: [RD-02]", 1, 11, "is written with keys"),
        (entry(extend_too="2024-08-05"), 9, 3, "there is no key 'extend_too' here; did you mean 'extend_to'?"),
        (entry(批准=LEAD), 9, 3, "did you mean '批准人'?"),
        (entry(批准人=LEAD), 9, 3, "'批准人' and 'approved_by' are one key"),
        (entry(rules="LAG-40"), 3, 10, "there is no rule 'LAG-40'; did you mean 'LAG-04'?"),
        (entry(rules='[LAG-02, "LAX-*"]'), 3, 19, "there is no rule 'LAX-*'"),
        (entry(rules="CFG-02"), 3, 10, "switch it off with enabled: false"),
        (entry(rules="CFG-01"), 3, 10, "is about a table as a whole"),
        (entry(rules="[]"), 3, 10, "'rules' must not be empty"),
        (entry(approved_by=None), 2, 3, "it must be said who approved this"),
        (entry(approved_by='" "'), 5, 16, "it must be said who approved this"),
        (entry(approved_by="[李四, 王五]"), 5, 16, "'approved_by' must be one text"),
        (entry(approved_by="市场部上及"), 5, 16, "does not know the approver '市场部上及'; did you mean '市场部上级'?"),
        (entry(reason=None), 2, 3, "it must be said why"),
        (entry(valid_until="2024-08-04"), 8, 16, "it ends before the day that it extends to (2024-08-05)"),
        (entry(valid_until="2024-06-30", extend_to=None), 7, 16, "it ends before it begins"),
        (entry(valid_from="2024-08-06"), 7, 15, "it begins after the day it extends to"),
        (entry(valid_until=None), 3, 10, "add valid_until (有效期)"),
        (entry(extend_to="20240805"), 4, 14, "'extend_to' must be a date such as 2024-08-05"),
        (entry(extend_to="2024-02-30"), 4, 14, "must be a date"),
        (entry(extend_to="下周五"), 4, 14, "must be a date"),
        (entry(extend_to="2024-08-05 18:00"), 4, 14, "must be a date"),
        (entry(valid_from=""), 7, 3, "'valid_from' must be a date"),
        (entry(rules=None, extend_to=None), 2, 3, "add one of them"),
        (entry(item=None, extend_to=None), 2, 3, "say what it is for"),
        (entry(item=None, department="市场部"), 3, 14, "an extension names its items"),
        (entry(department="市场布"), 9, 15, "there is no department '市场布'; did you mean '市场部'?"),
        (entry(table="taks"), 9, 10, "there is no table 'taks'; did you mean 'tasks'?"),
        (entry(item="{a: b}"), 2, 9, "must be a text or a list of texts"),
    ],
)  # fmt: skip
def test_mistakes_of_a_file_are_said_where_they_stand(tmp_path: Path, text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text, tables=("tasks", "rd/tasks"))
    found = [(problem.line, problem.column) for problem in error.value.problems if said in problem.message]
    assert found == [(line, column)], error.value
    assert len(error.value.problems) == 1, error.value


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    one, two = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text("waivers:\n- {item: A, rules: LAG-1, valid_until: x}\n", encoding="utf-8")
    two.write_text("waivers:\n- {}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_waivers([one, tmp_path / "none.yaml", two], rules=guide().book.rules, directory=Directory())
    names = [Path(problem.path).name for problem in error.value.problems]
    assert (names.count("a.yaml"), names.count("none.yaml"), names.count("b.yaml")) == (4, 1, 4)


def test_an_item_that_is_nowhere_is_said(tmp_path: Path) -> None:
    waivers = read(tmp_path, GOOD)
    assert list(waivers.strangers([TASK])) == [
        "waivers.yaml:3: there is no item RD-02", "waivers.yaml:7: there is no project 旧品; did you mean 新品?",
    ]  # fmt: skip
    there = _item(code="RD-20")
    assert next(waivers.strangers([there])) == "waivers.yaml:3: there is no item RD-02; did you mean RD-20?"
    assert list(waivers.strangers([_item(code="RD-02", project="新品"), _item("project", name="旧品")])) == []


def test_the_worked_example_is_judged_as_ever_beside_approvals_for_others() -> None:
    def judged(waivers: Waivers) -> Any:
        shot = replace(example_world.snapshot(), waivers=waivers)
        return judge(
            guide(), shot, now=example_world.NOW, zone=ZONE, clocks=clocks(), directory=example_world.directory()
        ).judgement()  # fmt: skip

    elsewhere = Waiver("何静", "因", "w:1", projects=("另一个项目",), rules=("*",))
    assert judged(Waivers((elsewhere, replace(elsewhere, projects=(), items=("X-99",), extend_to=TODAY)))) == judged(Waivers())


def test_an_extension_never_makes_anything_later_than_it_was() -> None:
    rng = random.Random(20240724)
    for _ in range(150):
        due, to, now = (date(2024, 7, 1) + timedelta(days=rng.randrange(60)) for _ in range(3))
        cells = {"截止日期": due.isoformat()}
        plain = office(**cells).run(f"{now} 10:00")
        v = office(extension(to.isoformat()), **cells).run(f"{now} 10:00")
        assert (v.lag_days, v.effective_due) == ((plain.lag_days, due) if to <= due else (v.lag_days, to))
        assert v.lag_days <= plain.lag_days


# --- schema and documentation

VALIDATOR = jsonschema.Draft202012Validator(waivers_schema())
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "waivers.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_schema_is_one_and_takes_what_is_right() -> None:
    jsonschema.Draft202012Validator.check_schema(waivers_schema())
    for text in (GOOD, "[]", entry(), (ROOT / "examples" / "waivers.yaml").read_text(encoding="utf-8")):
        assert not list(VALIDATOR.iter_errors(Document(text, "w.yaml").value)), text


@pytest.mark.parametrize(
    "text",
    [
        "waivers: 3", "waiver: []", entry(extend_too="x"), entry(approved_by=None), entry(reason=None),
        entry(extend_to="20240805"), entry(valid_until=None), entry(rules=None, extend_to=None), entry(rules="[]"),
        entry(item=None, extend_to=None), entry(item=None, department="市场部"), entry(approved_by="[李四]"),
        entry(item="{a: b}"), entry(approved_by='" "'),
    ],
)  # fmt: skip
def test_schema_and_reader_refuse_the_same(tmp_path: Path, text: str) -> None:
    assert list(VALIDATOR.iter_errors(Document(text, "w.yaml").value))
    with pytest.raises(ConfigError):
        read(tmp_path, text)


def test_the_documentation_s_examples_are_right(tmp_path: Path) -> None:
    text = next(block for block in DOCUMENTED if block.startswith("# waivers.yaml"))
    entries = read(tmp_path, text, Directory()).entries
    assert [(each.items, each.rules, each.departments) for each in entries] == [
        (("RD-02",), (), ()), ((), ("LAG-04", "EXP-*"), ("研发部",)),
    ]  # fmt: skip
    tests = next(block for block in DOCUMENTED if block.startswith("tests:"))
    report = run_tests(overlay(tests))
    assert [problem for result in report.results for problem in result.problems] == []


def test_a_rule_may_count_the_extensions() -> None:
    book = overlay(next(block for block in DOCUMENTED if block.startswith("rules:")))
    twice = extension("2024-08-30"), extension("2024-08-16")
    (finding,) = office(*twice, book=book).run("2024-07-24 10:00").findings
    assert finding.text == "T1 已延期2次，现按2024-08-30 (周五)计，请上级关注"
    assert office(twice[0], book=book).run("2024-07-24 10:00").rules == ()


def test_every_key_and_every_reason_is_documented() -> None:
    text = (ROOT / "docs" / "waivers.md").read_text(encoding="utf-8")
    for key, others in KEYS.items():
        assert f"| `{key}` |" in text
        assert all(other in text for other in others if not other.isascii()), key
    for why in get_args(Why):
        assert f"`{why}`" in text
