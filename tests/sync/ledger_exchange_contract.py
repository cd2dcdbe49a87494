"""What every ledger must do to move its state: export, import, states that wait for their row, forgetting."""

from __future__ import annotations

import json
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from ledger_values import (
    DAY,
    FULL_MEMORY,
    NOW,
    ZONE,
    Make,
    commit,
    complete,
    memories,
    message,
    mirror,
    ref,
    task,
)  # fmt: skip

from duban.errors import StateError
from duban.rules.memory import Alert, Memory
from duban.sync.ledger import Intent, Ledger


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
        before = Memory(status="未开始", status_since=NOW - 9 * DAY)
        commit(ledger, complete(task("a"), task("b")), memories={ref("a"): before})
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
                 "alert": {"state": "滞后预警已发", "at": "2024-07-22 09:00", "notices": 1,
                           "baseline_due": "2024-07-17"}},
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
        mine = Memory(status="进行中", status_since=NOW - 4 * DAY, imported=True)
        other = Memory(status="待审核", imported=True)
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
                "itms: is not a key of a state; did you mean items?",
                "items[1].alert.state (RD-02): should be one of 正常",
                "items[1].alert.notices (RD-02)",
                "items[1].alert.explain_deadlin (RD-02): is not a key of a state; did you mean explain_deadline?",
                "items[2].human_at: should be a time",
                "items[2].status: ",
                "messages[0].key",
                "messages[1].status",
                "messages[1].sent_at: day",
            ):
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
