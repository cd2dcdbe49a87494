"""What a change of rules does to closed and open items, judged directly."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from rules_world import ZONE, at, clocks, overlay

from duban.item import Item, Ref, fields_of, make_item
from duban.rules.compiled import CompiledBook
from duban.rules.context import TableView
from duban.rules.evaluate import Snapshot, Verdict, judge
from duban.rules.memory import Memory
from duban.rules.selftest import DIRECTORY

SHORTER = "params: {issue_response: {hours: 1}}"
REF = Ref("s", "t", "q1")
RAISED = at("2024-07-24 09:00")


@cache
def book(text: str) -> CompiledBook:
    return overlay(text or "params: {}")


def issue(**values: object) -> Item:
    plain = {"code": "Q1", "project": "新品上市", "point": "断货", "raised_at": RAISED, "status_text": "处理中"}
    return make_item(REF, "issue", {**plain, **values})  # type: ignore[arg-type]


def judged(item: Item, rules: str, now: str, memory: Memory, *earlier: str, known: bool = True) -> Verdict:
    view = TableView("s", "t", "feishu", {"issue": frozenset(field.key for field in fields_of("issue"))})
    books = {book(text).record.fingerprint: book(text).record.digests for text in earlier} if known else {}
    snapshot = Snapshot({("s", "t"): view}, [item], {REF: memory}, books=books)
    judging = judge(book(rules), snapshot, now=at(now), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    return judging.judgement().verdicts[0]


RESPONDED = {"responded_at": at("2024-07-24 10:30"), "solution": "换供应商"}


def test_a_closed_issue_keeps_the_clock_it_was_closed_under() -> None:
    closed = issue(**RESPONDED, resolved_at=at("2024-07-24 11:00"))
    before = judged(closed, "", "2024-07-24 12:00", Memory())
    assert (before.sla, before.sla_due) == ("按时完成", at("2024-07-24 11:00"))
    assert "ISS-03" not in before.rules

    after = judged(closed, SHORTER, "2024-07-24 13:00", before.memory, "")
    assert (after.sla, after.sla_due) == ("按时完成", at("2024-07-24 11:00"))
    assert after.rules == before.rules
    assert after.notices == ()
    assert after.memory is before.memory

    # Nothing is known of the rules of then: nothing new either.
    assert judged(closed, SHORTER, "2024-07-24 13:00", before.memory, known=False).rules == before.rules
    # The same rules go on: a time that is corrected counts.
    corrected = replace_cells(closed, responded_at=at("2024-07-24 11:30"))
    late = judged(corrected, "", "2024-07-24 13:00", before.memory, "")
    assert late.sla == "超时完成"
    assert late.memory.closing is not None
    assert (late.memory.closing.at, late.memory.closing.sla) == (at("2024-07-24 12:00"), "超时完成")


def test_an_open_issue_is_judged_by_the_rules_in_force() -> None:
    open_ = issue(**RESPONDED)
    before = judged(open_, "", "2024-07-24 12:00", Memory())
    after = judged(open_, SHORTER, "2024-07-24 13:00", before.memory, "")
    assert (before.sla, after.sla) == ("按时完成", "超时完成")
    assert "ISS-03" in after.rules
    running = judged(issue(), SHORTER, "2024-07-24 09:30", Memory())
    assert running.sla_due == at("2024-07-24 10:00")
    assert judged(issue(), "", "2024-07-24 09:40", running.memory, SHORTER).sla_due == at("2024-07-24 11:00")


def test_an_issue_that_is_opened_again_is_judged_anew() -> None:
    closed = judged(issue(**RESPONDED, resolved_at=at("2024-07-24 11:00")), "", "2024-07-24 12:00", Memory())
    again = judged(issue(**RESPONDED), SHORTER, "2024-07-24 13:00", closed.memory, "")
    assert again.memory.closing is None
    assert again.sla == "超时完成"
    twice = judged(issue(**RESPONDED, resolved_at=at("2024-07-24 13:30")), SHORTER, "2024-07-24 14:00", again.memory, "")
    assert twice.memory.closing is not None
    assert twice.memory.closing.book == book(SHORTER).record.fingerprint
    assert twice.sla == "超时完成"


def test_findings_keep_their_version_and_since_when() -> None:
    first = judged(issue(), "", "2024-07-24 12:00", Memory())
    (held,) = [each for each in first.memory.judged if each.rule == "ISS-02"]
    assert (held.version, held.since) == (1, at("2024-07-24 12:00"))
    assert [each.rule for each in first.memory.judged] == list(first.rules)
    later = judged(issue(), "", "2024-07-24 13:00", first.memory)
    assert later.memory.judged == first.memory.judged
    second = "rules: [{id: ISS-02, version: 2, level: warn}]"
    (renewed,) = [e for e in judged(issue(), second, "2024-07-24 14:00", first.memory, "").memory.judged if e.rule == "ISS-02"]
    assert (renewed.version, renewed.since) == (2, held.since)
    assert renewed.digest != held.digest
    # Remembered by a release that kept no versions: since when is not known.
    older = replace(first.memory, judged=())
    assert {each.since for each in judged(issue(), "", "2024-07-24 13:00", older).memory.judged} == {None}


def replace_cells(item: Item, **values: object) -> Item:
    known = {field.key: item.get(field.key) for field in fields_of("issue") if item.get(field.key) is not None}
    return make_item(item.ref, "issue", {**known, **values})  # type: ignore[arg-type]
