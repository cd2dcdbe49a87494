"""Ways in which a cycle could hurt people, found by reading it against the specification line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from duban.commands.act import outcome_of
from duban.connectors.base import Receipt, Schema, Write
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import Table
from duban.errors import Unavailable
from duban.notify.message import Message
from duban.sync.cells import alert_text
from duban.sync.cycle import run_cycle
from duban.sync.explaining import explained
from duban.sync.ledger import Ledger
from duban.sync.report import sync_document
from duban.sync.setup import HoldLimits, Source
from tests.sync.desk import OWN, ZONE, Desk, at, row
from tests.sync.test_cycle import LATE, NOW, Box, desk, rules_of

HOUR_LATER = "2024-07-24 11:00"


class Deaf:
    """A channel that takes nothing."""

    name = "deaf"

    def send(self, message: Message) -> None:
        raise Unavailable("the chat did not answer")


def test_a_row_that_is_missing_once_is_not_missed_because_another_came(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    d.tool.delete("tasks", "r1")
    d.edit("r99", **row("T-99"))  # as many rows as before
    assert "DQ-05" not in rules_of(d.sync(HOUR_LATER), "r2")
    assert "DQ-05" in rules_of(d.sync("2024-07-24 12:00"), "r2")


@pytest.mark.parametrize(("rows", "lost", "read"), [(3, 2, "partial"), (3, 1, "complete"), (2, 1, "complete")])
def test_more_than_half_counts_in_small_tables_too(tmp_path: Path, rows: int, lost: int, read: str) -> None:
    d = Desk(tmp_path, {f"r{n}": row(f"T-{n}") for n in range(rows)})
    d.sync(NOW)
    for number in range(lost):
        d.tool.delete("tasks", f"r{number}")
    assert d.sync(HOUR_LATER).looked.pulled[0].read == read


def test_the_share_is_not_passed_by_a_rounding_error(tmp_path: Path) -> None:
    d = Desk(tmp_path, {f"r{n}": row(f"T-{n}") for n in range(100)}, limits=HoldLimits(1000, 1.0))
    d.sync(NOW)
    d.limits = HoldLimits(1000, 0.29)
    for number in range(29):
        d.edit(f"r{number}", 截止日期=LATE)
    assert d.sync(HOUR_LATER).exit_code == 0, "29 of 100 rows are not more than 0.29"
    for number in range(30):
        d.edit(f"r{number}", 状态="已暂停")
    assert d.sync("2024-07-24 12:00").exit_code == 4


def test_a_table_that_goes_back_to_shadow_sends_nothing_that_waits(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(Deaf(),))
    assert d.sync(NOW).exit_code == 3
    d.mode, d.channels = "shadow", (box,)
    d.sync(HOUR_LATER)
    assert box.kept == []


def test_a_broken_emoji_in_a_cell_ends_nothing(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(box,))
    d.edit("r1", 任务名称="坏\ud83d字\x00\x0b")
    assert d.sync(NOW).exit_code == 0
    assert any(m.code == "T-1" for m in box.kept)
    again = d.sync(NOW)
    assert (again.exit_code, again.plan.changes, again.messages) == (0, (), [])


def test_long_texts_line_breaks_and_formulas_are_written_once(tmp_path: Path) -> None:
    d = desk(tmp_path, channels=(Box(),))
    d.edit("r1", 任务编号="=1+1\nX", 任务名称='=HYPERLINK("x")\n\n第二行😀' * 400, 输出物="  ", 交付标准=None)
    d.edit("r2", 上游任务=("=1+1\nX",))
    before = d.human()
    d.sync(NOW)
    assert len(str(d.cells("r1")["预警内容"])) <= 500
    assert d.human() == before
    again = d.sync(NOW)
    assert (again.plan.changes, again.messages) == ((), [])


def test_the_text_of_many_findings_is_in_one_language(tmp_path: Path) -> None:
    verdict = next(v for v in desk(tmp_path).look(NOW).judgement.verdicts if v.item.ref.record == "r2")
    many = tuple(verdict.findings) * 20
    assert len(alert_text(many)) <= 500
    assert "（另有" in alert_text(many)
    english = alert_text(tuple(finding._replace(name="Name", text="text " * 9) for finding in many), "en")
    assert english.isascii() or set(english) - set(map(chr, range(128))) == {"…"}
    assert len(english) <= 500


def test_a_row_is_explained_whatever_its_record_is_called(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.edit("任务表/5/a", **row("A/B/7"))
    looked = d.look(NOW)
    for what in ("rd/tasks/任务表/5/a", "A/B/7"):
        assert [str(each.item.ref) for each in explained(looked, d.setup(), what).items] == ["rd/tasks/任务表/5/a"]


def test_the_daemon_slows_down_only_for_a_source_that_cannot_be_read(tmp_path: Path) -> None:
    class Picky(MemoryConnector):
        def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
            yield from (Receipt(write.record, "failed", "the row is locked") for write in writes)

        def describe(self, table: str) -> Schema:
            if self.page_size == 1:
                raise Unavailable("the server did not answer")
            return super().describe(table)

    d = desk(tmp_path)
    d.tool.__class__ = Picky
    locked = outcome_of(d.sync(NOW), 0.1)
    assert (locked.good, locked.result) == (True, "incomplete")
    assert "the row is locked" in locked.counts["error"], "a night of failed writes must say why"
    d.tool.page_size = 1
    down = outcome_of(d.sync(HOUR_LATER), 0.1)
    assert (down.good, down.result, down.counts["error"]) == (False, "incomplete", "the server did not answer")


def test_sync_document_has_every_key_of_the_specification(tmp_path: Path) -> None:
    document = json.loads(json.dumps(sync_document(desk(tmp_path).sync(NOW), ZONE)))
    kinds = {
        "version": int, "now": str, "complete": bool, "tables": list, "items": list, "changes": dict, "failures": list,
        "messages": list, "requests": dict, "run": str,
    }  # fmt: skip
    assert {key: type(document[key]) for key in kinds} == kinds
    assert document["changes"].keys() >= {"planned", "written", "unchanged", "stale", "held", "failed"}
    assert all(type(value) is int for value in document["changes"].values())
    for message in document["messages"]:
        assert message.keys() >= {"template", "rule", "code", "to", "cc", "key", "status"}
        assert message["status"] in {"sent", "queued", "shadow", "failed"}
    for item in document["items"]:
        assert item.keys() >= {"source", "table", "record", "code", "kind", "title", "rules", "level", "state",
                               "lag_days", "alert_at", "explain_deadline", "sla", "sla_due", "notices", "texts"}  # fmt: skip
        assert item["rules"] == sorted(item["rules"]) == sorted(item["texts"])
    assert document["requests"] == {"rd": {"read": 3, "write": 2, "retried": 0}}


def test_what_a_never_read_source_holds_is_not_said_to_be_missing(tmp_path: Path) -> None:
    """The daemon's first cycle of one source comes before the first of another."""
    d = desk(tmp_path)
    d.edit("r3", 上游任务=("MK-01",))
    rows = {"r1": row("MK-01")}
    market = MemoryConnector("market", {"tasks": (d.tool.describe("tasks").columns, rows)})
    other = Source("market", "memory", market, (Table(name="tasks", holds="task"),), {"tasks": "live"})
    with Ledger.open(d.url, zone=ZONE) as ledger:
        alone = replace(d.setup(), others=(other,))
        for number, setup in enumerate((alone, alone.only(["market"]), alone)):
            now = at(NOW) + timedelta(minutes=number)
            run_cycle(setup, ledger, now=now, run=f"first{number}", clock=lambda: at(NOW))
            said = (None, None, "MK-01 进行中")[number]
            assert d.cells("r3").get("上游状态") == said
    d.edit("r3", 上游任务=("MK-02",))
    d.sync(HOUR_LATER)
    assert d.cells("r3")["上游状态"] == "MK-02 (not found)"


def test_a_table_with_half_of_its_own_columns_is_settled_after_one_run(tmp_path: Path) -> None:
    d = desk(tmp_path, own=OWN[::2])
    d.sync(NOW)
    assert d.sync(NOW).plan.changes == ()
