"""What ``duban explain`` finds for a word, over a ledger: items, tables, rules; before, after and without a cycle."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest

from duban.connectors.base import Column
from duban.errors import ConfigError
from duban.sync.explaining import Explained, explained
from duban.sync.ledger import Ledger
from tests.sync.desk import ZONE, Desk, at, row

MONDAY, WEDNESDAY = "2024-07-22 09:00", "2024-07-24 10:00"


def desk(path: Path, count: int = 6, **rest: object) -> Desk:
    rows = {f"r{n}": row(f"T-{n}") for n in range(count)}
    rows["r1"] = row("T-1", 截止日期=at("2024-07-17 00:00").date())
    rows["r2"] = row("T-2", 输出物=None, 上游任务=("T-1",))
    rows["r3"] = row("T-2", 负责人=None)  # the same code in two rows
    rows["r4"] = row(None, 任务名称="没有编号")
    return Desk(path, rows, **rest)  # type: ignore[arg-type]


def ask(d: Desk, what: str, now: str = WEDNESDAY) -> Explained:
    return explained(d.look(now), d.setup(), what)


# --- which thing is meant


def test_every_item_with_the_code_is_explained(tmp_path: Path) -> None:
    found = ask(desk(tmp_path), "T-2")
    assert [each.item.ref.record for each in found.items] == ["r2", "r3"]
    assert all("DQ-04" in each.verdict.rules for each in found.items)
    assert [text.split("  ")[0] for text in found.texts("zh")] == ["T-2 任务T-2", "T-2 任务T-2"]


@pytest.mark.parametrize("what", ["rd/tasks/r4", "rd/tasks/r2"])
def test_a_row_is_found_by_its_ref(tmp_path: Path, what: str) -> None:
    (found,) = ask(desk(tmp_path), what).items
    assert str(found.item.ref) == what


@pytest.mark.parametrize("what", ["tasks", "rd/tasks"])
def test_a_table_is_explained(tmp_path: Path, what: str) -> None:
    (table,) = ask(desk(tmp_path), what).tables
    document = json.loads(json.dumps(table.to_json(), ensure_ascii=False))
    assert (document["source"], document["table"], document["complete"], document["rules"]) == ("rd", "tasks", True, ["CFG-01"])
    found = {each["rule"]: each for each in document["judged"]}
    assert set(found) == {"CFG-01", "RAC-05"}
    assert found["CFG-01"]["values"]["missing_fields"]
    assert found["CFG-01"]["terms"] == [{"part": "test", "text": "not empty(missing_fields)", "state": "true"}]
    assert (found["RAC-05"]["outcome"], found["RAC-05"]["values"]) == ("false", {"swapped_headings": []})
    assert document["not_applicable"]["task"]["PLN-09"] == ["reviewers"]
    assert "* CFG-01 字段未映射 [绿]" in table.text("zh")
    assert "PLN-09: 本表没有列：审核方" in table.text("zh")
    assert "RAC-05 RACI letter and word disagree: does not hold: not empty(swapped_headings)" in table.text("en")
    assert "PLN-09: not applicable, no column for Reviewers" in table.text("en")


def test_a_table_rule_is_explained_by_every_table_and_a_system_rule_by_the_system(tmp_path: Path) -> None:
    d = desk(tmp_path)
    assert [table.table.name for table in ask(d, "CFG-01").tables] == ["tasks"]  # type: ignore[union-attr]
    (quiet,) = ask(d, "CFG-02").tables
    assert quiet.to_json()["rules"] == []
    assert "CFG-02 工作日历未覆盖: 不成立" in quiet.text("zh")
    d.edit("r5", 截止日期=at("2031-03-03 00:00").date())
    (loud,) = ask(d, "CFG-02").tables
    assert loud.to_json()["rules"] == ["CFG-02"]
    assert loud.to_json()["judged"][0]["values"] == {"uncovered_years": ["2031"]}
    assert loud.text("en").startswith("the system  2024-07-24 10:00 (Wed)\n* CFG-02")


def test_a_rule_is_explained_over_all_items(tmp_path: Path) -> None:
    d = desk(tmp_path)
    (rule,) = ask(d, "LAG-02").rules
    document = rule.to_json()
    assert (document["asked"], [each["code"] for each in document["holds"]]) == (6, ["T-1"])
    assert document["test"].startswith("lag_days >=")
    assert "问过 6 项，成立 1 项" in rule.text("zh")
    assert "* T-1 (rd/tasks/r1): " in rule.text("zh")
    (absent,) = ask(d, "PLN-09").rules
    assert (absent.asked, absent.elsewhere) == (0, (("rd/tasks", "本表没有列：审核方"),))
    (elsewhere,) = ask(d, "VIS-01").rules
    assert elsewhere.elsewhere == (("rd/tasks", "只用于 teambition"),)
    (off,) = ask(d, "RAC-04").rules
    assert "规则已停用" in off.text("zh")


@pytest.mark.parametrize(
    ("what", "near"),
    [("T-11", "T-1"), ("t-5", "T-5"), ("taks", "tasks"), ("LAG-20", "LAG-02"), ("rd/tasks/r9", "rd/tasks/r"), ("", None)],
)
def test_an_unknown_word_gets_the_nearest(tmp_path: Path, what: str, near: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(desk(tmp_path), what)
    assert f"there is no item {what}, and no table or rule of that name" in str(caught.value)
    assert (f"did you mean {near}" if near else "duban findings lists them") in str(caught.value)


# --- what is remembered


def story(d: Desk) -> None:
    for moment, cells in (
        ("2024-07-18 09:00", {}), (MONDAY, {}), ("2024-07-23 10:00", {}),
        ("2024-07-24 10:00", {}), ("2024-07-25 11:00", {"滞后原因": "返工", "调整计划": "加1人"}),
    ):  # fmt: skip
        d.edit("r1", 最近更新=at(moment), **cells)
        d.sync(moment, release=True)


def test_the_history_is_in_the_ledger(tmp_path: Path) -> None:
    d = desk(tmp_path)
    story(d)
    (found,) = ask(d, "T-1", "2024-07-26 10:00").items
    assert [(step.move, step.at.isoformat()) for step in found.steps.history] == [  # type: ignore[union-attr]
        ("T2", "2024-07-18T09:00:00+08:00"), ("T3", "2024-07-22T09:00:00+08:00"), ("T7", "2024-07-24T10:00:00+08:00"),
        ("T8", "2024-07-25T11:00:00+08:00"),
    ]  # fmt: skip
    assert found.to_json()["ladder"]["history"][1]["cause"]["rule"] == "LAG-02"
    assert found.to_json()["escalated_to"] == "陈志远,高明"  # the initiator is not known here


def test_a_look_ahead_shows_what_would_happen_and_stores_nothing(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(MONDAY, release=True)
    for _ in "twice":
        (found,) = ask(d, "T-1", "2024-07-30 10:00").items
        assert [step.move for step in found.steps.history] == ["T3", "T7", "T8"]  # type: ignore[union-attr]
        assert found.steps.moves == ("T7", "T8")  # type: ignore[union-attr]


def test_explaining_before_the_first_cycle_and_in_the_past(tmp_path: Path) -> None:
    d = desk(tmp_path)
    (first,) = ask(d, "T-1").items
    assert [step.move for step in first.steps.history] == ["T3"]  # type: ignore[union-attr]
    assert not (tmp_path / "ledger.db").exists()
    d.sync(WEDNESDAY, release=True)
    (past,) = ask(d, "T-1", MONDAY).items  # the notice is not yet sent then: its clock has not begun
    assert past.to_json()["clocks"] == []
    assert past.steps.lag_days == 3  # type: ignore[union-attr]


def test_the_history_moves_with_the_state(tmp_path: Path) -> None:
    d = desk(tmp_path)
    story(d)
    with Ledger.open(d.url, zone=ZONE) as ledger:
        document = json.loads(json.dumps(ledger.export_state()))
    (kept,) = (item["alert"]["history"] for item in document["items"] if item["code"] == "T-1")
    assert [step["move"] for step in kept] == ["T2", "T3", "T7", "T8"]
    assert kept[0]["cause"] == {"due": "2024-07-17", "due_from": "cell", "lag_days": "1", "rule": "LAG-01"}
    with Ledger.open(f"sqlite:///{tmp_path / 'other.db'}", zone=UTC) as other:
        other.import_state(document, now=at(WEDNESDAY))
        again = json.loads(json.dumps(other.export_state()))
    moved = next(item["alert"]["history"] for item in again["items"] if item["code"] == "T-1")
    assert [(step["move"], step["cause"]) for step in moved] == [(step["move"], step["cause"]) for step in kept]


def test_going_live_is_a_cause(tmp_path: Path) -> None:
    d = desk(tmp_path, mode="shadow")
    d.sync(MONDAY)
    d.mode = "live"
    d.sync(WEDNESDAY, release=True)
    (found,) = ask(d, "T-1").items
    assert [(step.move, step.before, step.after) for step in found.steps.history] == [  # type: ignore[union-attr]
        ("T3", "正常", "滞后预警已发"), ("live", "滞后预警已发", "正常"), ("T3", "正常", "滞后预警已发"),
    ]  # fmt: skip


# --- tables that could not be read


def test_a_frozen_row_says_so_and_keeps_its_findings(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(MONDAY, release=True)
    for record in ("r0", "r1", "r3", "r4", "r5"):  # a loss: the table counts as read in part
        d.tool.delete("tasks", record)
    (found,) = ask(d, "T-1").items
    assert found.to_json()["frozen"] is True
    assert "没有完整读到" in found.text("zh")
    assert "its table was not read completely" in found.text("en")
    held = {each.trace.rule.id: each.trace.outcome for each in found.tried if each.trace.holds}
    assert sorted(held) == list(found.verdict.rules)
    assert ask(d, "tasks").tables[0].to_json()["complete"] is False
    assert "这次没有完整读到" in ask(d, "tasks").texts("zh")[0]


def test_a_row_that_is_missing_once_is_explained_from_the_mirror(tmp_path: Path) -> None:
    d = desk(tmp_path, count=12)
    d.sync(MONDAY, release=True)
    d.tool.delete("tasks", "r2")
    (found,) = [each for each in ask(d, "T-2").items if each.item.ref.record == "r2"]
    assert found.to_json()["frozen"] is True
    assert sorted(each.trace.rule.id for each in found.tried if each.trace.holds) == list(found.verdict.rules)
    assert "PLN-04" in found.verdict.rules


def test_a_column_that_is_new_is_seen(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.tool.add_column("tasks", Column("审核方", "审核方", "text"))
    (found,) = ask(d, "rd/tasks/r0").items
    assert "reviewers" not in found.unmapped
