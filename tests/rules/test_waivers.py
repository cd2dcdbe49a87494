"""What a named person approved: extensions that move the due date, rules that are waived for a time, and what of it counts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from duban.item import Item, Person, Ref, make_item
from duban.people import Directory
from duban.rules.evaluate import Judging, Verdict, judge
from duban.rules.explain import explain_item
from duban.rules.givens import snapshot
from duban.rules.selftest import DIRECTORY, run_tests
from duban.rules.waivers import NO_GRANTS, Waiver, Waivers, grants_of
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


def an_item(kind: str = "task", table: str = "tasks", **values: Any) -> Item:
    return make_item(Ref("rd", table, "r1"), kind, values)  # type: ignore[arg-type]


def _counts(waiver: Waiver, item: Item) -> bool:
    return bool(grants_of(Waivers((replace(waiver, rules=("*",)),)), item, DIRECTORY, TODAY).waivers)


TASK = an_item(code="A1", project="新品", responsible_dept=("研发部", "市场部"), owner=(Person("", "张三"),))


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
    assert _counts(rd, an_item(owner=(Person("", "张三"),))), "where a row names none, the home of its owner"
    assert not _counts(rd, an_item(owner=(Person("", "张三"),), responsible_dept=("市场部",)))
    assert _counts(rd, an_item("dispute", parties=("研发部", "市场部")))
    assert _counts(rd, an_item("risk", measure_owner=(Person("", "张三"),)))
    assert _counts(rd, an_item("resource", provider="研发部"))
    assert not _counts(rd, an_item("meeting"))
    assert _counts(Waiver(LEAD, "因", projects=("新品",)), an_item("project", name="新品"))


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
    risk = an_item("risk", code="A1", measure_due=TODAY)
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
    item = an_item(code="A1", due=TODAY)._replace(
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
    item = an_item(code="A1")._replace(waiver=tuple(columns(date(2024, 8, 5), "某人").items()))
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


# --- beside everything else


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
