"""The promises of a cycle, on a tool in memory: only own cells, idempotent, incomplete reads resolve nothing, held plans."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from duban.connectors.base import Column, Page, Receipt, Schema, Write
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import Table
from duban.errors import AuthError, Interrupted, Unavailable
from duban.notify.message import Message
from duban.sync.cycle import Result, look
from duban.sync.ledger import Ledger
from duban.sync.setup import HoldLimits, Source
from tests.sync.desk import HUMAN, ZONE, Desk, at, row

LATE = date(2024, 7, 17)
NOW = "2024-07-24 10:00"


class Box:
    """A channel that keeps what it is given."""

    name = "box"

    def __init__(self) -> None:
        self.kept: list[Message] = []

    def send(self, message: Message) -> None:
        self.kept.append(message)


def desk(path: Path, count: int = 12, **rest: object) -> Desk:
    rows = {f"r{n}": row(f"T-{n}") for n in range(count)}
    rows["r1"] = row("T-1", 截止日期=LATE)
    rows["r2"] = row("T-2", 输出物=None, 上游任务=("T-1",))
    return Desk(path, rows, **rest)  # type: ignore[arg-type]


def test_a_cycle_writes_own_cells_and_tells_once(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(box,))
    before = d.human()
    result = d.sync(NOW)
    assert result.exit_code == 0
    late = d.cells("r1")
    assert (late["预警级别"], late["预警状态"], late["触发规则"], late["滞后天数"]) == (
        "红",
        "滞后预警已发",
        "LAG-02",
        "5",
    )
    assert late["说明截止时间"] == "2024-07-26 10:00"
    assert d.cells("r2")["上游状态"] == "T-1 进行中 滞后5个工作日"
    assert d.human() == before
    told = {(m.template, m.code): (m.to, m.cc) for m in box.kept}
    assert told["进度预警通知", "T-1"] == (("张磊", "陈志远"), ("林晓雯",))
    assert ("规范提醒", "T-2") in told


def test_the_second_run_writes_and_says_nothing(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(box,))
    d.sync(NOW)
    said, wrote = len(box.kept), d.tool.traffic.write
    again = d.sync(NOW)
    assert (len(again.plan.changes), len(again.messages), len(box.kept), d.tool.traffic.write) == (0, 0, said, wrote)
    assert again.plan.unchanged == 12


def test_looking_writes_nothing_anywhere(tmp_path: Path) -> None:
    d = desk(tmp_path)
    looked = d.look(NOW)
    assert looked.judgement.verdicts[1].rules == ("LAG-02",)
    assert list(tmp_path.iterdir()) == []
    assert d.tool.traffic.write == 0


def test_shadow_mode_writes_and_sends_nothing_and_going_live_starts_afresh(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, mode="shadow", channels=(box,))
    shown = d.sync(NOW)
    assert len(shown.plan.changes) == 12
    assert (d.tool.traffic.write, box.kept) == (0, [])
    assert {status for _, status in shown.messages} == {"shadow"}
    assert d.sync(NOW).messages == []
    d.mode = "live"
    d.sync("2024-07-29 10:00")
    late = d.cells("r1")
    assert (late["预警状态"], late["预警时间"]) == ("滞后预警已发", "2024-07-29 10:00"), "nobody was told before"
    assert [m.template for m in box.kept if m.code == "T-1"] == ["进度预警通知"]


def test_a_plan_that_touches_too_much_is_held_and_nothing_of_it_happens(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, limits=HoldLimits(records=5), channels=(box,))
    held = d.sync(NOW)
    assert (held.exit_code, held.plan.held[0].changes, d.tool.traffic.write, box.kept) == (4, 12, 0, [])
    later = d.sync("2024-07-25 10:00", release=True)
    assert later.exit_code == 0
    assert d.cells("r1")["预警时间"] == "2024-07-25 10:00", "the clock starts when people are told"


def test_the_share_counts_from_fifty_rows_on(tmp_path: Path) -> None:
    assert desk(tmp_path / "a", 40).sync(NOW).exit_code == 0
    held = desk(tmp_path / "b", 60).sync(NOW)
    assert (held.exit_code, held.plan.held[0].limit) == (4, "share: 0.2 of 60 rows")


class Torn(MemoryConnector):
    """Ends a read after its first page."""

    torn = False

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        for number, page in enumerate(super().pull(table, schema, columns)):
            if self.torn and number == 1:
                raise Unavailable("the server did not answer")
            yield page


def torn(d: Desk) -> Torn:
    d.tool.__class__ = Torn
    assert isinstance(d.tool, Torn)
    return d.tool


def test_a_torn_read_resolves_nothing(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    d.edit("r1", 状态="已完成", 成果物链接="https://x", 实际完成=None)
    tool = torn(d)
    tool.torn = True
    wrote = tool.traffic.write
    result = d.sync("2024-07-24 11:00")
    assert (result.exit_code, result.looked.pulled[0].read, tool.traffic.write) == (3, "partial", wrote)
    verdict = next(v for v in result.looked.judgement.verdicts if v.item.ref.record == "r1")
    assert (verdict.rules, verdict.state, verdict.frozen) == (("LAG-02",), "滞后预警已发", True)
    tool.torn = False
    d.sync("2024-07-24 12:00")
    assert d.cells("r1")["预警状态"] == "已解除"


def test_refused_credentials_are_one_sentence_and_exit_3(tmp_path: Path) -> None:
    class Locked(MemoryConnector):
        def describe(self, table: str) -> Schema:
            raise AuthError("the token is not accepted; make a new one")

    d = desk(tmp_path)
    d.sync(NOW)
    d.tool.__class__ = Locked
    result = d.sync("2024-07-25 09:00")
    assert (result.exit_code, result.looked.pulled[0].error) == (3, "the token is not accepted; make a new one")
    assert len(result.looked.judgement.verdicts) == 12
    assert all(v.frozen for v in result.looked.judgement.verdicts)


@pytest.mark.parametrize("left", [0, 5])
def test_a_table_that_lost_its_rows_is_not_believed(tmp_path: Path, left: int) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    for number in range(left, 12):
        d.tool.delete("tasks", f"r{number}")
    result = d.sync("2024-07-24 11:00")
    assert (result.exit_code, result.looked.pulled[0].read) == (3, "partial")
    assert len(result.looked.judgement.verdicts) == 12
    d.accept_missing = True
    assert d.sync("2024-07-24 12:00").exit_code == 0


def test_a_schema_that_lost_most_columns_is_not_believed(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    for name in list(HUMAN)[2:]:
        d.tool.drop_column("tasks", name)
    result = d.sync("2024-07-24 11:00")
    assert result.looked.pulled[0].read == "partial"
    verdict = next(v for v in result.looked.judgement.verdicts if v.item.ref.record == "r1")
    assert verdict.rules == ("LAG-02",), "the mirror keeps the cells that the table lost"


def test_a_row_that_is_missing_once_is_judged_once_more(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    d.tool.delete("tasks", "r1")
    first = d.sync("2024-07-24 11:00")
    upstream = next(v for v in first.looked.judgement.verdicts if v.item.ref.record == "r2")
    assert "DQ-05" not in upstream.rules, "no tool has snapshots: one read proves no deletion"
    second = d.sync("2024-07-24 12:00")
    upstream = next(v for v in second.looked.judgement.verdicts if v.item.ref.record == "r2")
    assert "DQ-05" in upstream.rules


def test_an_own_cell_that_a_person_changed_is_restored_and_said_once(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.sync(NOW)
    d.edit("r1", 预警级别="绿")
    result = d.sync("2024-07-24 11:00")
    assert [(ref.record, names) for ref, names in result.restored] == [("r1", ("预警级别",))]
    assert d.cells("r1")["预警级别"] == "红"
    assert d.sync("2024-07-24 12:00").restored == []


def test_one_row_that_cannot_be_written_stops_no_other(tmp_path: Path) -> None:
    class Picky(MemoryConnector):
        def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
            for write in writes:
                if write.record == "r3":
                    yield Receipt(write.record, "failed", "the row is locked")
                else:
                    yield from super().push(table, schema, [write])

    d = desk(tmp_path)
    d.tool.__class__ = Picky
    result = d.sync(NOW)
    assert (result.exit_code, [(w.ref.record, w.error) for w in result.failures]) == (3, [("r3", "the row is locked")])
    assert d.cells("r4")["预警级别"] == "绿"
    assert "预警级别" not in d.cells("r3")


def test_a_table_without_own_columns_is_judged_and_never_written(tmp_path: Path) -> None:
    d = desk(tmp_path, own=("预警级别",))
    result = d.sync(NOW)
    assert d.cells("r1")["预警级别"] == "红"
    mapping = result.looked.pulled[0].mapping
    assert mapping is not None
    assert "预警状态" in mapping.missing_own
    bare = desk(tmp_path / "bare", own=())
    assert bare.sync(NOW).plan.changes == ()


def test_a_stop_before_writing_leaves_the_ledger_consistent(tmp_path: Path) -> None:
    stop = threading.Event()

    class Stopping(MemoryConnector):
        def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
            for number, write in enumerate(writes):
                if number == 4:
                    raise Interrupted("stopped on request")
                yield from super().push(table, schema, [write])

    d = desk(tmp_path)
    d.tool.__class__ = Stopping
    with pytest.raises(Interrupted):
        d.sync(NOW, stop=stop)
    assert "预警级别" not in d.cells("r9")
    d.tool.__class__ = MemoryConnector
    d.sync("2024-07-24 10:05")
    assert d.cells("r9")["预警级别"] == "绿"
    assert d.cells("r1")["预警时间"] == "2024-07-24 10:00", "the notice of the interrupted run stands"
    with Ledger.peek(d.url, zone=ZONE) as ledger:
        assert ledger.open_intents() == []


def test_an_explanation_ends_the_clock(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(box,))
    d.sync(NOW)
    d.edit("r1", 滞后原因="缺人", 调整计划="加人", 调整后完成日期=date(2024, 8, 9))
    d.sync("2024-07-25 10:00")
    assert (d.cells("r1")["预警状态"], d.cells("r1")["SLA状态"]) == ("已说明", "按时完成")
    assert [m.template for m in box.kept if m.code == "T-1"] == ["进度预警通知", "说明已收到"]


def test_what_is_in_a_source_that_was_never_read_is_not_missed(tmp_path: Path) -> None:
    d = desk(tmp_path)
    d.edit("r3", 上游任务=("MK-01",))
    other = Source("market", "memory", d.tool, (Table(name="elsewhere", holds="task"),), {"elsewhere": "live"})
    with Ledger.open(d.url, zone=ZONE) as ledger:
        looked = look(replace(d.setup(), others=(other,)), ledger, now=at(NOW))
        alone = look(d.setup(), ledger, now=at(NOW))
    rules = [next(v.rules for v in each.judgement.verdicts if v.item.ref.record == "r3") for each in (looked, alone)]
    assert rules == [(), ("DQ-05",)]


def test_our_own_writes_are_no_update_by_a_person(tmp_path: Path) -> None:
    """The tool moves 最近更新 itself, with a clock that is not ours: the row must still count as stale."""
    d = desk(tmp_path)
    d.edit("r5", 最近更新=at("2024-07-12 09:00"))
    columns = d.tool._columns["tasks"]
    place = next(n for n, column in enumerate(columns) if column.name == "最近更新")
    columns[place] = Column("最近更新", "最近更新", "modified", writable=False)
    assert "STA-05" in rules_of(d.sync(NOW), "r5")
    for moved, now in (("2024-07-24 10:00", "2024-07-24 10:05"), ("2026-01-01 00:00", "2024-07-25 10:00")):
        d.tool._rows["tasks"]["r5"]["最近更新"] = at(moved)
        assert "STA-05" in rules_of(d.sync(now), "r5"), "duban's own write"
    d.edit("r5", 交付标准="不少于5项")
    assert "STA-05" not in rules_of(d.sync("2024-07-26 10:00"), "r5")
    assert "STA-05" not in rules_of(d.sync("2024-07-30 10:00"), "r5")
    assert "STA-05" in rules_of(d.sync("2024-08-05 10:00"), "r5"), "five workdays after that edit"


def rules_of(result: Result, record: str) -> tuple[str, ...]:
    return next(v.rules for v in result.looked.judgement.verdicts if v.item.ref.record == record)


def test_after_a_time_in_shadow_the_new_notice_is_told(tmp_path: Path) -> None:
    box = Box()
    d = desk(tmp_path, channels=(box,))
    d.sync(NOW)
    d.mode = "shadow"
    d.edit("r1", 状态="待审核", 成果物链接="https://x", 提交审核时间=None)
    d.sync("2024-07-25 10:00")
    d.edit("r1", 状态="进行中")
    d.sync("2024-07-25 11:00")
    d.mode = "live"
    d.sync("2024-07-26 10:00")
    assert d.cells("r1")["预警时间"] == "2024-07-26 10:00"
    assert [m.template for m in box.kept if m.code == "T-1"].count("进度预警通知") == 2
