"""Rules that change: what restate shows, what a sync then does, and that closed items are left alone."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from desk import ZONE, at, row
from ruled_desk import RuledDesk, ruled
from sqlalchemy import text

from duban.rules.bookrecord import CLOCK, book_from, book_text, changes, record_of
from duban.sync.comparison import restatement_document, restatement_lines
from duban.sync.ledger import Ledger
from duban.sync.report import findings_document, rules_changed

LONGER = "params: {explain: {hours: 96}}"
SOONER = "params: {lag_notice_days: 2}"


def desk(path: Path, mode: str = "live") -> RuledDesk:
    """A1 got its notice on Monday 09:00, so until Wednesday 09:00; A2 is two days late then; A3 is done."""
    rows = {
        "r1": row("A1", 截止日期=date(2024, 7, 17)), "r2": row("A2", 截止日期=date(2024, 7, 19)),
        "r3": row("A3", 状态="已完成", 成果物链接="https://x/1", 截止日期=date(2024, 7, 17)),
    }  # fmt: skip
    d = RuledDesk(path, rows, mode=mode)  # type: ignore[arg-type]
    d.sync("2024-07-22 09:00")
    return d


def by_code(found):
    return {each.item.code: each for each in found.items}


def test_a_longer_deadline_in_the_middle_of_a_running_clock(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync("2024-07-23 09:00")
    before = (tmp_path / "ledger.db").read_bytes()
    found = d.restate("2024-07-24 10:00", LONGER)
    assert (tmp_path / "ledger.db").read_bytes() == before
    a1 = by_code(found)["A1"]
    assert a1.went == ("EXP-01",)
    assert a1.moved["explain_deadline"] == (at("2024-07-24 09:00"), at("2024-07-26 09:00"))
    assert a1.moved["state"] == ("超时未说明", "滞后预警已发")
    assert a1.because == ("explain.hours 48 -> 96",)
    assert (found.opened, found.closed, found.known) == (2, 1, True)
    assert found.by_rule["EXP-01"] == (0, 1)
    a2 = by_code(found)["A2"]  # its notice would go out now, by either rules
    assert a2.moved == {"explain_deadline": (at("2024-07-26 10:00"), at("2024-07-30 10:00"))}

    d.rules = LONGER
    result = d.sync("2024-07-24 10:00")
    assert result.restated is not None
    assert rules_changed(result.restated, ZONE) == {
        "since": "2024-07-23T09:00:00+08:00", "changes": ["explain.hours 48 -> 96"], "items": 2
    }  # fmt: skip
    assert str(d.cells("r1")["说明截止时间"]).startswith("2024-07-26")
    assert d.sync("2024-07-24 10:00").restated is None
    assert d.restate("2024-07-24 10:00").items == []


def test_what_time_did_is_not_what_the_rules_did(tmp_path: Path) -> None:
    d = desk(tmp_path)
    same = d.restate("2024-07-25 10:00")
    assert (same.changes, same.items) == ([], [])
    assert same.passed == 2  # A1 is overdue and escalated, A2 has its notice, by any rules
    found = d.restate("2024-07-23 10:00", SOONER)
    assert list(by_code(found)) == ["A2"]
    assert by_code(found)["A2"].went == ("LAG-01",)
    assert by_code(found)["A2"].came == ("LAG-02",)
    assert by_code(found)["A2"].because == ("lag_notice_days 3 -> 2",)
    # By the old rules the reminder of the day before is told already, by the new ones the notice goes out.
    assert found.messages[1] == found.messages[0] + 1


def test_a_rule_that_is_removed(tmp_path: Path) -> None:
    off = "rules: [{id: LAG-01, enabled: false}]"
    d = desk(tmp_path)
    found = d.restate("2024-07-22 10:00", off)
    assert [each.text for each in found.changes] == ["rule LAG-01: switched off"]
    assert found.by_rule == {"LAG-01": (0, 1)}
    assert by_code(found)["A2"].moved["state"] == ("轻微滞后", "正常")
    d.rules = off
    result = d.sync("2024-07-22 10:00")
    assert result.plan.messages == ()
    assert d.cells("r2")["预警状态"] == "正常"


def test_a_version_that_only_counts_up(tmp_path: Path) -> None:
    second = "rules: [{id: LAG-02, version: 2}]"
    d = desk(tmp_path)
    found = d.restate("2024-07-22 10:00", second)
    assert [(each.text, each.wording) for each in found.changes] == [("rule LAG-02: version 1 -> 2", True)]
    assert found.items == []

    def versions():
        document = findings_document(d.look("2024-07-22 10:00"), ZONE)
        return {item["code"]: item["versions"] for item in document["items"]}

    assert versions()["A1"]["LAG-02"] == 1
    d.rules = second
    assert d.sync("2024-07-22 10:00").plan.messages == ()
    assert versions()["A1"]["LAG-02"] == 2
    with Ledger.peek(d.url, zone=ZONE) as ledger:
        (judged,) = [each for each in ledger.resolve(d.look("2024-07-22 10:00").snapshot.items[0].ref, "A1").judged if each.rule == "LAG-02"]
    assert (judged.version, judged.since) == (2, at("2024-07-22 09:00"))


def test_a_ledger_that_does_not_know_its_rules_says_so(tmp_path: Path) -> None:
    d = desk(tmp_path)
    with Ledger.open(d.url, zone=ZONE) as ledger, ledger._database.writing() as connection:
        connection.execute(text("UPDATE duban_documents SET text = '' WHERE what = 'rules'"))
    found = d.restate("2024-07-22 10:00", SOONER)
    assert not found.known
    assert found.items == []  # A2 is one day late: as it is remembered
    assert "not at hand" in "\n".join(restatement_lines(found, "en", ZONE))
    empty = RuledDesk(tmp_path / "empty", {})
    assert list(restatement_lines(empty.restate("2024-07-22 10:00"), "en", ZONE)) == ["no run is recorded yet: run duban sync once"]


def test_a_change_between_syncs_is_not_said_of_the_first_one(tmp_path: Path) -> None:
    d = RuledDesk(tmp_path, {"r1": row("A1")})
    assert d.sync("2024-07-22 09:00").restated is None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_report_says_the_same_as_the_document(tmp_path: Path, language) -> None:
    found = desk(tmp_path).restate("2024-07-24 10:00", LONGER)
    lines = list(restatement_lines(found, language, ZONE))
    assert lines[0] == lines[-1]
    assert any("EXP-01" in line and "A1" in line for line in lines)
    document = json.loads(json.dumps(restatement_document(found, ZONE)))
    item = next(item for item in document["items"] if item["code"] == "A1")
    assert item["goes"] == ["EXP-01"]
    assert item["before"]["explain_deadline"] == "2024-07-24T09:00:00+08:00"
    assert item["after"]["explain_deadline"] == "2024-07-26T09:00:00+08:00"
    assert document["by_rule"]["EXP-01"] == {"comes": 0, "goes": 1}
    assert (document["open"], document["closed"]) == (2, 1)


# --- closed items

STRICTER = """
rules:
  - {id: ACC-01, version: 2, test: "empty(成果物链接) or 成果物链接 == 'https://x/1'"}
  - {id: TEAM-01, name: 完成须有备注, of: task, test: "状态 == '已完成'", level: critical, text: "{任务编号} 已完成", to: [owner]}
"""


def test_changed_rules_bring_nothing_new_on_a_closed_item(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.rules = STRICTER
    found = d.restate("2024-07-22 10:00")
    assert "A3" not in by_code(found)
    result = d.sync("2024-07-22 10:00")
    assert "A3" not in {message.code for message in result.plan.messages}
    assert d.cells("r3")["预警级别"] == "绿"

    # Closed under these rules, another is judged by them; opened again, so is the first.
    d.edit("r2", 状态="已完成", 成果物链接="https://x/1")
    assert "TEAM-01" in str(d.sync("2024-07-22 11:00") and d.cells("r2")["触发规则"])
    assert d.cells("r3")["预警级别"] == "绿"
    d.edit("r3", 状态="进行中")
    d.sync("2024-07-22 12:00")
    d.edit("r3", 状态="已完成")
    d.sync("2024-07-22 13:00")
    assert {"ACC-01", "TEAM-01"} <= set(str(d.cells("r3")["触发规则"]).split(","))


def test_rules_that_did_not_change_go_on_judging_closed_items(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.rules = SOONER  # ACC-01 reads nothing of the ladder
    d.sync("2024-07-22 10:00")
    d.edit("r3", 成果物链接="")
    d.sync("2024-07-22 11:00")
    assert d.cells("r3")["触发规则"] == "ACC-01"


def test_a_finding_of_a_closed_item_may_go_but_not_be_told_again(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.edit("r3", 成果物链接="")
    told = [message.key for message in d.sync("2024-07-22 10:00").plan.messages]
    assert any("ACC-01" in key for key in told)
    d.rules = "rules: [{id: ACC-01, once_per: ['成果物链接'], level: critical}]"
    assert d.sync("2024-07-22 11:00").plan.messages == ()
    assert d.cells("r3")["触发规则"] == "ACC-01"
    d.edit("r3", 成果物链接="https://x/1")
    d.sync("2024-07-22 12:00")
    assert d.cells("r3")["预警级别"] == "绿"


def test_a_state_from_elsewhere_stays_as_it_was_closed(tmp_path: Path) -> None:
    d = desk(tmp_path)
    with Ledger.open(d.url, zone=ZONE) as ledger:
        document = json.loads(json.dumps(ledger.export_state()))
    for books in (document["books"], []):  # with what the rules decided by, and without
        moved = RuledDesk(tmp_path / f"moved{len(books)}", d.rows, rules=STRICTER)
        with Ledger.open(moved.url, zone=ZONE) as ledger:
            ledger.import_state(document | {"books": books}, now=at("2024-07-22 09:30"))
        result = moved.sync("2024-07-22 10:00")
        assert "A3" not in {message.code for message in result.plan.messages}


# --- books as records


def test_a_book_can_be_read_back_and_put_in_force() -> None:
    book = ruled(STRICTER).book
    record = record_of(book)
    again = book_from(book_text(book), record.fingerprint, "the rules of then")
    assert record_of(again) == record
    assert changes(book, again) == []


def test_a_digest_covers_what_decides_a_rule_and_nothing_else() -> None:
    def moved(rules: str) -> set[str]:
        one, other = ruled("").record.digests, ruled(rules).record.digests
        return {name for name in one if one[name] != other[name]}

    assert moved("rules: [{id: LAG-02, version: 7, text: 别的话}]") == set()
    response = moved("params: {issue_response: {hours: 4}}")
    assert {"ISS-02", "ISS-03", CLOCK + "response"} <= response
    assert not {rule for rule in response if rule.startswith(("LAG", "ACC", "PLN"))}
    assert {"LAG-01", "LAG-02", "EXP-01", "ESC-01"} <= moved("params: {lag_notice_days: 1}")
    assert moved("rules: [{id: ACC-01, level: critical}]") == {"ACC-01"}


def test_differences_are_named_by_what_an_admin_wrote() -> None:
    new = "params: {lag_notice_days: 1, explain: {mode: wall}}\npatterns: {re_number: '[0-9]'}\nrules: [{id: PLN-01, enabled: false}]"
    assert [each.text for each in changes(ruled("").book, ruled(new).book)] == [
        "explain.mode workday24 -> wall", "lag_notice_days 3 -> 1", "rule PLN-01: switched off", "pattern re_number changed",
    ]  # fmt: skip
    gone = changes(ruled(STRICTER).book, ruled("").book)
    assert "rule TEAM-01 is gone" in [each.text for each in gone]
