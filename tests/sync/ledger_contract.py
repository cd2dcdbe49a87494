"""What every ledger must do with one cycle after another: mirror, memories, intents, messages.

The contract runs on whatever database gives the fixture ``make``; ``test_ledger_contract`` has the list.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from ledger_values import (
    DAY,
    FULL_ALERT,
    FULL_ITEM,
    FULL_MEMORY,
    HOUR,
    NOW,
    ZONE,
    Make,
    commit,
    complete,
    left_at_default,
    memories,
    message,
    mirror,
    ref,
    task,
)  # fmt: skip

from duban.rules.memory import Alert, Memory
from duban.sync.ledger import Intent, Ledger, TableRead, changed


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
            assert memories(ledger) == {ref("a"): FULL_MEMORY}
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
            failed = TableRead("rd", "tasks", "failed", error="登录失败", accepted=True)
            commit(ledger, failed, run="r2", now=NOW + HOUR)
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
        one = Memory(status="进行中", status_since=NOW)
        many = {ref(f"r{n}"): replace(one, alert=Alert(notices=n % 3)) for n in range(1201)}
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
    CELLS: ClassVar[dict[str, Any]] = {"alert_level": "红", "lag_days": 5.0, "alert_at": NOW, "alert_text": None}

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

    def test_what_was_written_last_is_known_cell_by_cell(self, make: Make) -> None:
        with make() as ledger:
            assert ledger.last_written([ref("a")]) == {}
            (a,) = self.plan(ledger, "a")
            assert ledger.last_written([ref("a")]) == {}
            ledger.outcome(a, "done", at=NOW)
            red = commit(ledger, intents=[Intent(ref("a"), {"alert_level": "黄", "sla_state": "计时中"}, {})], run="r2")
            ledger.outcome(red.intents[0].id, "done", at=NOW)
            commit(ledger, memories={ref("a"): Memory(human="later")}, run="r3", now=NOW + 90 * DAY)
            known = ledger.last_written([ref("a"), ref("b")])
            assert known == {ref("a"): {**self.CELLS, "alert_level": "黄", "sla_state": "计时中"}}

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
            assert [(m.status, m.attempts) for m in ledger.pending_messages(now=NOW)] == [("sending", 1)]
            assert ledger.mark_sending("k1", at=NOW)
