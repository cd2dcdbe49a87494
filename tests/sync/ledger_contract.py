"""What every ledger must do, on whatever database. A test module makes it run by giving the fixture ``make``."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from duban.connectors.limits import Limit
from duban.errors import StateError
from duban.item import Item, Person, Ref, make_item
from duban.rules.memory import Alert, Memory
from duban.sync.ledger import Cycle, Due, Intent, Ledger, Message, Run, TableRead, changed

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


def commit(ledger: Ledger, *reads: TableRead, run: str = "r1", now: datetime = NOW, **rest):
    return ledger.commit_cycle(Cycle(tables=reads, **rest), run=run, now=now)


def mirror(ledger: Ledger, source: str = "rd", table: str = "tasks") -> dict[str, Item]:
    return {item.ref.record: item for item in ledger.items(source, table)}


def memories(ledger: Ledger) -> dict[Ref, Memory]:
    return ledger.memories([("rd", "tasks")])


def message(key: str = "k1", **rest) -> Message:
    return Message(key, "进度预警通知", "LAG-02", ref("a"), "A", ("张磊",), ("陈志远",), {"title": "滞后"}, **rest)


FULL_ITEM = task(
    "full", title="物料设计\n“终稿” \U0001f680", due=date(2024, 7, 20), owner=(Person("ou_1", "张磊"), Person("", "李娜")),
    responsible_dept=("研发部", "市场部"), upstream=("RD-01", "rec9"), progress=80.5, status="进行中", status_text="Doing",
    status_flag="blocked", last_update=datetime(2024, 7, 24, 9, 30, 15, 123456, tzinfo=ZONE),
    submitted_at=datetime(2024, 7, 20, 0, 0, tzinfo=ZONE), url="https://example.com/r?a=1&b=二",
    own=(("alert_level", "红"), ("alert_at", datetime(2024, 7, 22, 9, 0, tzinfo=ZONE)), ("lag_days", 5.0),
         ("explain_deadline", date(2024, 7, 24))),
    bad=(("new_due", "下周五"),),
)  # fmt: skip
FULL_ALERT = Alert(
    state="已说明", at=NOW - DAY, explain_deadline=NOW + DAY, notices=2, baseline_due=date(2024, 7, 18),
    due_cell=date(2024, 7, 19), escalated_at=NOW - HOUR, escalated_to="周启航", cycle=3, cycle_at=NOW - 2 * DAY, accepted_due=date(2024, 7, 30),
    explained_at=NOW - timedelta(minutes=5, microseconds=7), explained_late=True, sla="超时完成", shadow=True,
)  # fmt: skip
FULL_MEMORY = Memory(
    status="进行中", status_since=NOW - 3 * DAY, previous_status="未开始", alert=FULL_ALERT, explanation="e1",
    explained_seen_at=NOW - HOUR, explained_unseen_at=NOW - 2 * HOUR, human="h1", human_at=NOW - 4 * HOUR,
    written_at=NOW - 5 * HOUR, findings=("EXP-01", "LAG-02"), baseline=(("due", "2024-07-18"), ("owner", "张磊")),
    imported=True,
)  # fmt: skip


def left_at_default(value: object, default: object) -> list[str]:
    return [name for name in type(value).__dataclass_fields__ if getattr(value, name) == getattr(default, name)]


class MirrorContract:
    def test_items_come_back_as_they_were(self, make: Make) -> None:
        with make() as ledger:
            done = commit(ledger, complete(FULL_ITEM, task("plain")))
            back = mirror(ledger)
        assert done.changed == 2
        assert back == {"full": FULL_ITEM, "plain": task("plain")}
        assert back["full"].get("last_update").tzinfo is ZONE
        assert [type(v) for v in back["full"].values] == [type(v) for v in FULL_ITEM.values]
        assert type(back["full"].own[3][1]) is date

    def test_hostile_text_is_kept_or_cleaned_but_never_ends_a_cycle(self, make: Make) -> None:
        nasty = task("a", code="A\0\ud800", title="nul \0 broken \ud83d quote ' \" \\", lag_reason="x" * 100_000)
        with make() as ledger:
            commit(ledger, complete(nasty))
            assert mirror(ledger)["a"] == nasty
            assert commit(ledger, complete(nasty)).changed == 0

    def test_only_changed_rows_are_written(self, make: Make) -> None:
        with make() as ledger:
            rows = [task(f"r{n}", title=str(n)) for n in range(50)]
            assert commit(ledger, complete(*rows)).changed == 50
            assert commit(ledger, complete(*reversed(rows)), run="r2").changed == 0
            rows[7] = task("r7", title="other")
            rows[8] = task("r8", title="8", own=(("alert_level", "红"),))
            assert commit(ledger, complete(*rows), run="r3").changed == 2
            assert mirror(ledger)["r7"].title == "other"
            assert ledger.count("rd", "tasks") == 50

    def test_one_table_leaves_the_others_alone(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a")), complete(task("a", source="mk"), source="mk"))
            commit(ledger, complete())
            assert mirror(ledger) == {}
            assert list(mirror(ledger, "mk")) == ["a"]

    @pytest.mark.parametrize("read", ["partial", "failed"])
    def test_an_incomplete_read_proves_nothing_gone(self, make: Make, read: str) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a"), task("b")))
            seen = (task("b", title="new"),) if read == "partial" else ()
            done = commit(ledger, TableRead("rd", "tasks", read, seen, error="page 2"), now=NOW + 90 * DAY)
            assert (done.gone, done.purged) == (0, 0)
            assert set(mirror(ledger)) == {"a", "b"}
            assert mirror(ledger)["b"].title == ("new" if seen else "")

    def test_a_gone_row_keeps_its_memory_and_resumes(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a"), task("b")), memories={ref("a"): FULL_MEMORY})
            assert commit(ledger, complete(task("b")), now=NOW + DAY).gone == 1
            assert set(mirror(ledger)) == {"b"}
            assert commit(ledger, complete(task("b")), now=NOW + 2 * DAY).gone == 0
            done = commit(ledger, complete(task("a"), task("b")), now=NOW + 31 * DAY)
            assert (done.resumed, done.changed, done.purged) == (1, 1, 0)
            assert memories(ledger) == {ref("a"): FULL_MEMORY}

    def test_a_row_gone_for_a_month_is_forgotten_with_everything(self, make: Make) -> None:
        with make() as ledger:
            commit(
                ledger, complete(task("a"), task("b")), memories={ref("a"): FULL_MEMORY, ref("b"): Memory(human="h")},
                messages=[message()], intents=[Intent(ref("a"), {"alert_level": "红"}, {})],
            )  # fmt: skip
            commit(ledger, complete(task("b")), now=NOW + DAY)
            assert commit(ledger, complete(task("b")), now=NOW + 31 * DAY).purged == 0
            assert commit(ledger, complete(task("b")), now=NOW + 31 * DAY + timedelta(seconds=1)).purged == 1
            assert memories(ledger) == {ref("b"): Memory(human="h")}
            assert ledger.told() == set()
            assert ledger.open_intents() == []
            assert ledger.spans(ref("a")) == []
            assert commit(ledger, complete(task("a"), task("b"))).resumed == 0

    def test_tables_remember_how_they_were_read(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a"), columns={"fld1": "任务"}))
            commit(ledger, TableRead("rd", "tasks", "failed", error="登录失败", accepted=True), run="r2", now=NOW + HOUR)
            known = ledger.tables()["rd", "tasks"]
        assert (known.read, known.read_at, known.run, known.error) == ("failed", NOW + HOUR, "r2", "登录失败")
        assert (known.rows, known.columns, known.last_complete_at) == (1, {"fld1": "任务"}, NOW)
        assert known.accepted is True

    def test_a_table_never_read_completely_has_no_rows(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, TableRead("rd", "tasks", "partial", (task("a"),), columns={"x": 1}))
            known = ledger.tables()["rd", "tasks"]
        assert (known.rows, known.columns, known.last_complete_at) == (0, {}, None)

    def test_items_can_be_read_while_the_ledger_is_used(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(*(task(f"r{n}") for n in range(10))))
            for item in ledger.items("rd", "tasks"):
                commit(ledger, memories={item.ref: Memory(human=item.code)})
                assert ledger.memories([("rd", "tasks")])[item.ref].human == item.code


class MemoryContract:
    def test_everything_is_remembered(self, make: Make) -> None:
        assert left_at_default(FULL_MEMORY, Memory()) == []  # else a new field would go untested here
        assert left_at_default(FULL_ALERT, Alert()) == []
        with make() as ledger:
            commit(ledger, memories={ref("a"): FULL_MEMORY, ref("b"): Memory()})
            assert memories(ledger) == {ref("a"): FULL_MEMORY, ref("b"): Memory()}
            assert ledger.resolve(ref("a"), "") == FULL_MEMORY
            assert ledger.resolve(ref("c"), "C") is None
            assert ledger.memories([("rd", "other")]) == {}

    def test_what_is_not_passed_stays(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, memories={ref("a"): FULL_MEMORY, ref("b"): FULL_MEMORY})
            new = {ref("a"): replace(FULL_MEMORY, alert=Alert(), findings=()), ref("b"): FULL_MEMORY}
            fresh = changed(memories(ledger), new)
            assert set(fresh) == {ref("a")}
            commit(ledger, memories=fresh)
            assert memories(ledger) == new

    def test_status_spans_follow_the_status(self, make: Make) -> None:
        one, two, three = NOW, NOW + DAY, NOW + 2 * DAY
        with make() as ledger:
            commit(ledger, memories={ref("a"): Memory(status="未开始", status_since=one)})
            commit(ledger, memories={ref("a"): Memory(status="未开始", status_since=one, human="x")}, now=two)
            commit(ledger, memories={ref("a"): Memory(status="进行中", status_since=two)}, now=two)
            commit(ledger, memories={ref("a"): Memory()}, now=three)
            assert ledger.spans(ref("a")) == [("未开始", one, two), ("进行中", two, three)]
            commit(ledger, memories={ref("a"): Memory(status="待审核", status_since=three)}, now=three)
            commit(ledger, memories={ref("a"): Memory(status="已完成", status_since=three)}, now=three)
            assert ledger.spans(ref("a"))[2:] == [("已完成", three, None)]

    def test_many_at_once(self, make: Make) -> None:
        many = {ref(f"r{n}"): Memory(status="进行中", status_since=NOW, alert=Alert(notices=n % 3)) for n in range(1201)}
        with make() as ledger:
            commit(ledger, memories=many)
            assert memories(ledger) == many
            later = {r: replace(m, status="已完成", status_since=NOW + DAY, alert=Alert()) for r, m in many.items()}
            commit(ledger, memories=later)
            assert memories(ledger) == later
            assert ledger.spans(ref("r1200")) == [("进行中", NOW, NOW + DAY), ("已完成", NOW + DAY, None)]

    def test_a_naive_time_is_refused_and_nothing_is_kept(self, make: Make) -> None:
        with make() as ledger:
            with pytest.raises(ValueError, match="no zone"):
                commit(ledger, complete(task("a")), memories={ref("a"): Memory(human_at=datetime(2024, 7, 1))})  # noqa: DTZ001
            assert mirror(ledger) == {}


class IntentContract:
    CELLS = {"alert_level": "红", "lag_days": 5.0, "alert_at": NOW, "alert_text": None}

    def plan(self, ledger: Ledger, *records: str, run: str = "r1", now: datetime = NOW) -> list[str]:
        wanted = [Intent(ref(r), self.CELLS, {"alert_level": None}) for r in records]
        return [intent.id for intent in commit(ledger, intents=wanted, run=run, now=now).intents]

    def test_an_intent_is_noted_before_and_closed_after(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, memories={ref("a"): FULL_MEMORY})
            a, b = self.plan(ledger, "a", "b")
            ledger.sent([a, b], at=NOW + HOUR)
            known = ledger.open_intents("rd")
            assert [i.state for i in known] == ["sent", "sent"]
            assert known[0].cells == self.CELLS
            assert known[0].before == {"alert_level": None}
            assert (known[0].planned_at, known[0].sent_at, known[0].run) == (NOW, NOW + HOUR, "r1")
            ledger.outcomes([(a, "done", None), (b, "unknown", "timeout")], at=NOW + 2 * HOUR)
            assert [(i.id, i.state, i.error) for i in ledger.open_intents()] == [(b, "unknown", "timeout")]
            assert memories(ledger)[ref("a")] == replace(FULL_MEMORY, written_at=NOW + 2 * HOUR)
            assert ref("b") not in memories(ledger)
            ledger.outcome(b, "failed", at=NOW, error="1254043")
            assert ledger.open_intents() == []

    def test_a_judgement_does_not_undo_when_a_row_was_written(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, memories={ref("a"): Memory(human="1")})
            before = memories(ledger)[ref("a")]
            (a,) = self.plan(ledger, "a")
            ledger.outcome(a, "done", at=NOW + HOUR)
            commit(ledger, memories={ref("a"): replace(before, human="2")})
            assert memories(ledger)[ref("a")] == Memory(human="2", written_at=NOW + HOUR)

    def test_a_known_outcome_stays(self, make: Make) -> None:
        with make() as ledger:
            (a,) = self.plan(ledger, "a")
            ledger.outcome(a, "done", at=NOW)
            ledger.sent([a], at=NOW + HOUR)
            ledger.outcome(a, "unknown", at=NOW + HOUR)
            assert ledger.open_intents() == []

    def test_open_intents_are_closed_by_what_is_read(self, make: Make) -> None:
        with make() as ledger:
            sent, planned, other, unread = self.plan(ledger, "a", "b", "c", "d")
            ledger.sent([sent, other], at=NOW + HOUR)
            ledger.outcome(other, "unknown", at=NOW + HOUR)
            there = tuple((key, value) for key, value in self.CELLS.items() if value is not None)
            rows = [task("a", own=there), task("b", own=()), task("c", own=(*there[:-1], ("alert_at", NOW + DAY)))]
            assert ledger.close_observed(rows, run="r1", at=NOW + DAY) == {}
            verdicts = ledger.close_observed(rows, run="r2", at=NOW + DAY)
            assert verdicts == {sent: "done", planned: "superseded", other: "superseded"}
            assert [i.id for i in ledger.open_intents()] == [unread]
            assert memories(ledger)[ref("a")].written_at == NOW + HOUR
            assert ledger.open_intents("rd", run="r1") == []
            assert ledger.open_intents("mk") == []

    def test_a_commit_closes_them_too_and_a_new_plan_supersedes(self, make: Make) -> None:
        with make() as ledger:
            self.plan(ledger, "a", "b")
            commit(ledger, complete(task("a")), run="r2", now=NOW + DAY)
            assert [i.ref for i in ledger.open_intents()] == [ref("b")]
            (again,) = self.plan(ledger, "b", run="r3")
            assert [i.id for i in ledger.open_intents()] == [again]


class OutboxContract:
    def test_a_key_is_queued_once(self, make: Make) -> None:
        with make() as ledger:
            assert commit(ledger, messages=[message(), message(), message("k2")]).messages == ("k1", "k2")
            assert commit(ledger, messages=[message(), message("k3")], run="r2").messages == ("k3",)
            assert ledger.told() == {"k1", "k2", "k3"}
            assert ledger.told(["k1", "k9"]) == {"k1"}
            first = ledger.pending_messages(now=NOW)[0]
            assert first == replace(message(), created_at=NOW, run="r1")

    def test_what_was_only_shown_is_told_when_the_table_goes_live(self, make: Make) -> None:
        with make() as ledger:
            assert commit(ledger, messages=[message(status="shadow")]).messages == ("k1",)
            assert commit(ledger, messages=[message(status="shadow")]).messages == ()
            assert ledger.told() == set()
            assert ledger.told(shadow=True) == {"k1"}
            assert ledger.pending_messages(now=NOW) == []
            assert commit(ledger, messages=[message()], run="r2").messages == ("k1",)
            assert [m.key for m in ledger.pending_messages(now=NOW)] == ["k1"]
            assert commit(ledger, messages=[message(status="shadow")]).messages == ()
            assert ledger.told() == {"k1"}

    def test_sending(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, messages=[message("k1"), message("k2"), message("k3"), message("k4")])
            assert ledger.mark_sending("k1", at=NOW)
            ledger.mark_sent("k1", at=NOW + HOUR)
            assert not ledger.mark_sending("k1", at=NOW)
            ledger.mark_sending("k2", at=NOW)
            ledger.mark_failed("k2", "11232", retry_at=NOW + HOUR)
            assert [m.key for m in ledger.pending_messages(now=NOW)] == ["k3", "k4"]
            again = ledger.pending_messages(now=NOW + HOUR)[0]
            assert (again.key, again.attempts, again.error, again.tried_at) == ("k2", 1, "11232", NOW)
            ledger.mark_sending("k3", at=NOW)
            ledger.mark_failed("k3", "no such user")
            ledger.mark_sending("k4", at=NOW)
            ledger.mark_uncertain("k4", "too long ago")
            assert [m.key for m in ledger.pending_messages(now=NOW)] == []
            assert ledger.told() == {"k1", "k2", "k3", "k4"}
            assert ledger.pending_messages(now=NOW + DAY, source="mk") == []

    def test_what_a_crash_left_half_sent_is_sent_again(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, messages=[message()])
            ledger.mark_sending("k1", at=NOW)
            (left,) = ledger.pending_messages(now=NOW)
            assert (left.status, left.attempts) == ("sending", 1)
            assert ledger.mark_sending("k1", at=NOW)


class RunningContract:
    def test_runs(self, make: Make) -> None:
        with make() as ledger:
            ledger.begin(Run("r1", NOW, NOW, "live", "abc"))
            ledger.begin(Run("r2", NOW, NOW + HOUR, "shadow", "abc"))
            ledger.end("r1", "complete", {"written": 3}, at=NOW + HOUR)
            two, one = ledger.runs()
            assert one == Run("r1", NOW, NOW, "live", "abc", NOW + HOUR, "complete", {"written": 3})
            assert (two.id, two.ended, two.result) == ("r2", None, None)
            ledger.begin(Run("r3", NOW, NOW + 91 * DAY, "live", "abc"))
            assert [run.id for run in ledger.runs()] == ["r3"]

    def test_the_schedule(self, make: Make) -> None:
        with make() as ledger:
            assert ledger.schedule() == {}
            ledger.set_schedule("rd", Due(NOW))
            ledger.set_schedule("rd", Due(NOW + HOUR, NOW, 2))
            assert ledger.schedule() == {"rd": Due(NOW + HOUR, NOW, 2)}

    def test_a_lease_has_one_holder(self, make: Make) -> None:
        with make() as ledger:
            mine = ledger.lease("rd", "me", ttl=HOUR, now=NOW)
            assert mine is not None
            assert (mine.epoch, mine.until) == (1, NOW + HOUR)
            assert ledger.lease("rd", "you", ttl=HOUR, now=NOW + HOUR - timedelta(microseconds=1)) is None
            assert ledger.lease("mk", "you", ttl=HOUR, now=NOW) is not None
            longer = ledger.renew(mine, ttl=HOUR, now=NOW + HOUR / 2)
            assert longer is not None
            assert longer.until == NOW + HOUR * 1.5
            yours = ledger.lease("rd", "you", ttl=HOUR, now=NOW + 2 * HOUR)
            assert yours is not None
            assert yours.epoch == 2
            assert ledger.renew(mine, ttl=HOUR, now=NOW + 2 * HOUR) is None
            ledger.release(mine, now=NOW + 2 * HOUR)
            assert ledger.renew(yours, ttl=HOUR, now=NOW + 2 * HOUR) is not None
            ledger.release(yours, now=NOW + 2 * HOUR)
            assert ledger.renew(yours, ttl=HOUR, now=NOW + 2 * HOUR) is None
            third = ledger.lease("rd", "me", ttl=HOUR, now=NOW + 2 * HOUR)
            assert third is not None
            assert third.epoch == 3

    def test_a_lapsed_lease_cannot_be_renewed(self, make: Make) -> None:
        with make() as ledger:
            mine = ledger.lease("rd", "me", ttl=HOUR, now=NOW)
            assert ledger.renew(mine, ttl=HOUR, now=NOW + HOUR) is None


class SlotContract:
    def test_as_many_as_the_limit_and_free_again_after_the_answer(self, make: Make) -> None:
        clock, limit = [1_721_786_400.125], Limit("base", 2, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots, ledger.slots(lambda: clock[0]) as others:
            first, _ = slots.take(limit, 40)
            second, _ = others.take(limit, 30)
            assert {first, second} == {0, 1}
            assert slots.take(limit, 40) == (-1, 30.0)
            others.release(limit, second, 1.0)
            assert slots.take(limit, 40) == (-1, 1.0)
            clock[0] += 1.0
            assert slots.take(limit, 40)[0] == second
            clock[0] += 39.0
            assert others.take(limit, 40)[0] == first  # its holder never came back
            slots.release(limit, first, 0.0)  # and is too late now
            assert slots.take(limit, 40)[0] == -1

    def test_a_frozen_key_stays_frozen_through_a_release(self, make: Make) -> None:
        clock, limit = [1000.0], Limit("base", 2, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots:
            slot, _ = slots.take(limit, 10)
            slots.freeze(limit, 30)
            slots.release(limit, slot, 1.0)
            assert slots.take(limit, 10) == (-1, 30.0)
            assert slots.take(Limit("other", 1, 1.0), 10)[0] == 0

    def test_a_clock_that_was_wrong_does_not_block_for_ever(self, make: Make) -> None:
        clock, limit = [1_000_000.0], Limit("base", 1, 1.0)
        with make() as ledger, ledger.slots(lambda: clock[0]) as slots:
            slots.take(limit, 40)
            clock[0] -= 3600
            assert slots.take(limit, 40)[0] == 0

    def test_of_many_threads_each_slot_goes_to_one(self, make: Make) -> None:
        limit, got = Limit("base", 5, 1.0), []
        with make() as ledger, ledger.slots(lambda: 1000.0) as slots:
            threads = [threading.Thread(target=lambda: got.append(slots.take(limit, 40)[0])) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(got) == [-1] * 7 + [0, 1, 2, 3, 4]


class ExchangeContract:
    def test_export_and_import_are_lossless(self, make: Make) -> None:
        with make() as ledger:
            self.fill(ledger)
            document = json.loads(json.dumps(ledger.export_state(), ensure_ascii=False))
            known, said, spans = memories(ledger), ledger.told(shadow=True), ledger.spans(ref("a"))
        with make() as empty:
            assert empty.export_state() == {"version": 1, "items": [], "messages": []}
            empty.import_state(document, now=NOW + DAY)
            assert empty.export_state() == document
            assert memories(empty) == known
            assert empty.told(shadow=True) == said
            assert empty.spans(ref("a")) == spans
            empty.import_state(document, now=NOW + DAY)
            assert empty.export_state() == document

    def fill(self, ledger: Ledger) -> None:
        commit(ledger, complete(task("a"), task("b")), memories={ref("a"): Memory(status="未开始", status_since=NOW - DAY)})
        commit(
            ledger, memories={ref("a"): FULL_MEMORY, ref("b"): Memory(human="x")},
            messages=[message("k2", status="shadow"), message("k1")],
        )  # fmt: skip
        ledger.mark_sending("k1", at=NOW)
        ledger.import_state({"version": 1, "items": [{"code": "Z-9", "status": "待审核"}]}, now=NOW)

    def test_the_document_has_the_promised_shape(self, make: Make) -> None:
        with make() as ledger:
            self.fill(ledger)
            document = ledger.export_state()
        first = document["items"][0]
        assert (first["source"], first["table"], first["record"], first["code"]) == ("rd", "tasks", "a", "A")
        assert first["status"] == "进行中"
        assert first["alert"]["state"] == "已说明"
        assert first["alert"]["at"] == "2024-07-23T10:00:00+08:00"
        assert first["alert"]["baseline_due"] == "2024-07-18"
        assert first["explained_seen_at"] == "2024-07-24T09:00:00+08:00"
        assert document["items"][-1]["record"] is None
        assert document["messages"][0]["key"] == "k1"

    def test_a_document_may_say_little(self, make: Make) -> None:
        small = {
            "version": 1,
            "items": [
                {"source": "rd", "table": "tasks", "record": "a", "code": "A", "status": "进行中",
                 "alert": {"state": "滞后预警已发", "at": "2024-07-22 09:00", "notices": 1, "baseline_due": "2024-07-17"}},
                {"source": "rd", "table": "tasks", "record": "b", "written_at": "2024-07-22T01:00:00Z"},
            ],
            "messages": [{"key": "k7"}],
        }  # fmt: skip
        with make() as ledger:
            ledger.import_state(small, now=NOW)
            known = memories(ledger)
            assert ledger.told() == {"k7"}
            assert ledger.pending_messages(now=NOW) == []
        at = datetime(2024, 7, 22, 9, 0, tzinfo=ZONE)
        alert = Alert(state="滞后预警已发", at=at, notices=1, baseline_due=date(2024, 7, 17))
        assert known == {
            ref("a"): Memory(status="进行中", alert=alert, imported=True),
            ref("b"): Memory(written_at=at),
        }

    def test_an_import_replaces_what_it_names_and_nothing_else(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, memories={ref("a"): FULL_MEMORY, ref("b"): FULL_MEMORY}, messages=[message()])
            named = {"source": "rd", "table": "tasks", "record": "a", "status": "暂停"}
            ledger.import_state({"version": 1, "items": [named], "messages": [{"key": "k1"}]}, now=NOW)
            assert memories(ledger) == {ref("a"): Memory(status="暂停", imported=True), ref("b"): FULL_MEMORY}
            assert [m.key for m in ledger.pending_messages(now=NOW)] == ["k1"]

    def test_times_without_offset_are_local_where_the_caller_says(self, make: Make) -> None:
        entry = {"source": "rd", "table": "tasks", "record": "a", "human_at": "2024-07-22 09:00"}
        with make() as ledger:
            ledger.import_state({"version": 1, "items": [entry]}, now=NOW, zone=ZoneInfo("Europe/Berlin"))
            assert memories(ledger)[ref("a")].human_at == datetime(2024, 7, 22, 15, 0, tzinfo=ZONE)

    def test_a_state_known_by_its_code_waits_for_its_row(self, make: Make) -> None:
        document = {"version": 1, "items": [
            {"code": "A", "status": "进行中", "status_since": "2024-07-20 10:00"},
            {"code": "A", "source": "mk", "status": "暂停"},
            {"code": "A", "source": "mk", "table": "tasks", "status": "待审核"},
        ]}  # fmt: skip
        mine, other = Memory(status="进行中", status_since=NOW - 4 * DAY, imported=True), Memory(status="待审核", imported=True)
        with make() as ledger:
            ledger.import_state(document, now=NOW)
            waits = ledger.export_state()
            assert ledger.resolve(ref("a"), "A") == mine
            assert ledger.resolve(ref("a", "mk"), "A") == other
            assert ledger.memories([("rd", "tasks")], read=[task("a"), task("b")]) == {ref("a"): mine}
            assert memories(ledger) == {}
            commit(ledger, complete(task("a"), task("b")))
            assert memories(ledger) == {ref("a"): mine}
            assert ledger.spans(ref("a")) == [("进行中", NOW - 4 * DAY, None)]
            commit(ledger, complete(task("a", source="mk"), source="mk"))
            assert ledger.memories([("mk", "tasks")]) == {ref("a", "mk"): other}
            assert [(i["source"], i["record"]) for i in ledger.export_state()["items"]] == [
                ("mk", "a"), ("rd", "a"), ("mk", None),
            ]  # fmt: skip
        with make() as empty:
            empty.import_state(waits, now=NOW)
            assert empty.export_state() == waits

    def test_an_adopted_state_and_its_judgement_are_one_commit(self, make: Make) -> None:
        with make() as ledger:
            ledger.import_state({"version": 1, "items": [
                {"code": "A", "status": "进行中", "spans": [{"status": "未开始", "since": "2024-07-01 09:00"}]}
            ]}, now=NOW)  # fmt: skip
            judged = Memory(status="待审核", status_since=NOW, previous_status="进行中")
            commit(ledger, complete(task("a")), memories={ref("a"): judged})
            assert memories(ledger) == {ref("a"): judged}
            assert [span[0] for span in ledger.spans(ref("a"))] == ["未开始", "待审核"]

    def test_a_state_known_by_its_code_finds_a_row_that_is_known(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a"), task("a2", code="A")), memories={ref("a"): FULL_MEMORY})
            ledger.import_state({"version": 1, "items": [{"code": "A", "status": "暂停"}]}, now=NOW)
            assert memories(ledger) == {r: Memory(status="暂停", imported=True) for r in (ref("a"), ref("a2"))}
            assert [i["record"] for i in ledger.export_state()["items"]] == ["a", "a2"]

    def test_every_mistake_is_named_and_nothing_is_imported(self, make: Make) -> None:
        wrong = {
            "version": 1, "itms": [],
            "items": [
                {"code": "RD-01", "status": "进行中"},
                {"code": "RD-02", "alert": {"state": "滞后", "notices": "1", "explain_deadlin": "2024-07-22 09:00"}},
                {"source": "rd", "table": "tasks", "record": "a", "human_at": "2024-07-22", "status": 5},
            ],
            "messages": [{"status": "sent"}, {"key": "k1", "status": "gone", "sent_at": "2024-02-30 09:00"}],
        }  # fmt: skip
        with make() as ledger:
            with pytest.raises(StateError) as caught:
                ledger.import_state(wrong, now=NOW)
            for part in (
                "itms: is not a key of a state; did you mean items?", "items[1].alert.state (RD-02): should be one of 正常",
                "items[1].alert.notices (RD-02)", "items[1].alert.explain_deadlin (RD-02): is not a key of a state; "
                "did you mean explain_deadline?", "items[2].human_at: should be a time", "items[2].status: ",
                "messages[0].key", "messages[1].status", "messages[1].sent_at: day",
            ):  # fmt: skip
                assert part in str(caught.value)
            assert ledger.export_state() == {"version": 1, "items": [], "messages": []}

    @pytest.mark.parametrize(
        ("document", "part"),
        [
            ([], "the document"),
            ({"items": []}, "version"),
            ({"version": 2}, "version: should be 1"),
            ({"version": 1, "items": [{"status": "暂停"}]}, "neither record nor code"),
            ({"version": 1, "items": [{"record": "a", "source": "rd"}]}, "needs its source and table"),
            ({"version": 1, "items": [{"code": "A"}, {"code": "A"}]}, "items[1]: is the same item as items[0]"),
        ],
    )
    def test_a_document_that_makes_no_sense(self, make: Make, document: object, part: str) -> None:
        with make() as ledger, pytest.raises(StateError) as caught:
            ledger.import_state(document, now=NOW)
        assert part in str(caught.value)

    def test_forgetting(self, make: Make) -> None:
        with make() as ledger:
            commit(
                ledger, complete(task("a"), task("b")), memories={ref("a"): FULL_MEMORY, ref("b"): FULL_MEMORY},
                messages=[message()], intents=[Intent(ref("a"), {}, {})],
            )  # fmt: skip
            assert ledger.forget("A") == (ref("a"),)
            assert ledger.forget("A") == ()
            assert memories(ledger) == {ref("b"): FULL_MEMORY}
            assert ledger.told() == set()
            assert ledger.open_intents() == []
            assert set(mirror(ledger)) == {"a", "b"}
            assert ledger.forget(ref("b")) == (ref("b"),)
            ledger.import_state({"version": 1, "items": [{"code": "Z", "status": "暂停"}]}, now=NOW)
            ledger.forget("Z")
            assert ledger.export_state()["items"] == []


class LedgerContract(
    MirrorContract, MemoryContract, IntentContract, OutboxContract, RunningContract, SlotContract, ExchangeContract
):
    """All of it."""
