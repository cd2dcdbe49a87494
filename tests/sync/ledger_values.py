"""What the tests of the ledger put into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from duban.item import Item, Person, Ref, make_item
from duban.rules.memory import Alert, ClockPast, Closing, Judged, Memory, Transition
from duban.sync.ledger import Committed, Cycle, Ledger, Message, TableRead

Make = Callable[[], Ledger]

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ref(record: str, source: str = "rd", table: str = "tasks") -> Ref:
    return Ref(source, table, record)


def task(record: str, *, source: str = "rd", table: str = "tasks", **rest) -> Item:
    values = {key: rest.pop(key) for key in list(rest) if key not in {"own", "bad", "url"}}
    return make_item(ref(record, source, table), "task", {"code": record.upper(), **values}, **rest)


def complete(*items: Item, source: str = "rd", table: str = "tasks", **rest) -> TableRead:
    return TableRead(source, table, "complete", items, **rest)


def commit(ledger: Ledger, *reads: TableRead, run: str = "r1", now: datetime = NOW, **rest) -> Committed:
    return ledger.commit_cycle(Cycle(tables=reads, **rest), run=run, now=now)


def mirror(ledger: Ledger, source: str = "rd", table: str = "tasks") -> dict[str, Item]:
    return {item.ref.record: item for item in ledger.items(source, table)}


def memories(ledger: Ledger) -> dict[Ref, Memory]:
    return ledger.memories([("rd", "tasks")])


def message(key: str = "k1", **rest) -> Message:
    return Message(key, "进度预警通知", "LAG-02", ref("a"), "A", ("张磊",), ("陈志远",), {"title": "滞后"}, **rest)


FULL_ITEM = task(
    "full", title="物料设计\n“终稿” \U0001f680", due=date(2024, 7, 20), progress=80.5, upstream=("RD-01", "rec9"),
    owner=(Person("ou_1", "张磊"), Person("", "李娜")), responsible_dept=("研发部", "市场部"), status="进行中",
    status_text="Doing",
    status_flag="blocked", last_update=datetime(2024, 7, 24, 9, 30, 15, 123456, tzinfo=ZONE),
    submitted_at=datetime(2024, 7, 20, 0, 0, tzinfo=ZONE), url="https://example.com/r?a=1&b=二",
    own=(("alert_level", "红"), ("alert_at", datetime(2024, 7, 22, 9, 0, tzinfo=ZONE)), ("lag_days", 5.0),
         ("explain_deadline", date(2024, 7, 24))),
    bad=(("new_due", "下周五"),),
)  # fmt: skip
FULL_ALERT = Alert(
    state="已说明", at=NOW - DAY, explain_deadline=NOW + DAY, notices=2, baseline_due=date(2024, 7, 18),
    due_cell=date(2024, 7, 19), escalated_at=NOW - HOUR, escalated_to="周启航", cycle=3, cycle_at=NOW - 2 * DAY,
    accepted_due=date(2024, 7, 30), explained_at=NOW - timedelta(minutes=5, microseconds=7), explained_late=True,
    sla="超时完成", shadow=True,
    history=(
        Transition("T3", NOW - DAY, "正常", "滞后预警已发", (("rule", "LAG-02"), ("lag_days", "3"))),
        Transition("T6", NOW - HOUR, "滞后预警已发", "已说明"),
    ),
)  # fmt: skip
FULL_MEMORY = Memory(
    status="进行中", status_since=NOW - 3 * DAY, previous_status="未开始", alert=FULL_ALERT, explanation="e1",
    explained_seen_at=NOW - HOUR, explained_unseen_at=NOW - 2 * HOUR, human="h1", human_at=NOW - 4 * HOUR,
    written_at=NOW - 5 * HOUR, findings=("EXP-01", "LAG-02"), baseline=(("due", "2024-07-18"), ("owner", "张磊")),
    imported=True,
    clocks=(
        ClockPast("repair", 2, NOW - DAY, NOW - HOUR, NOW - 2 * HOUR, ((NOW - 5 * HOUR, NOW - 4 * HOUR),)),
        ClockPast("answer"),
    ),
    judged=(Judged("EXP-01", 1, "d1"), Judged("LAG-02", 3, "d2", NOW - DAY)),
    closing=Closing(NOW - HOUR, "b1", "超时完成", NOW - 2 * HOUR),
    extended=(("2024-08-05", "2024-07-20"), ("2024-08-12", "2024-07-24")), waived=(("LAG-04", ""), ("PLN-07", "2024-07-23")),
)  # fmt: skip


def left_at_default(value: object, default: object) -> list[str]:
    return [name for name in type(value).__dataclass_fields__ if getattr(value, name) == getattr(default, name)]
