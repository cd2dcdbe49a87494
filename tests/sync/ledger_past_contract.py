"""What every ledger must do with the past: versions of rows and memories, moments, books of rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from ledger_values import DAY, FULL_MEMORY, HOUR, NOW, Make, commit, complete, memories, message, ref, task

from duban.rules.memory import Closing, Memory
from duban.sync.ledger import Judged, Ledger, Moment, Rules

BOOK = Rules("b1", {"LAG-02": "d1", "clock response": "d2"}, '{"params": {}}')


def judged(at: datetime, *, book: Rules = BOOK, sources: tuple[str, ...] = ("rd",), tables: str = "[]", **rest) -> Judged:
    return Judged(book, Moment(at, f"run{at:%d%H%M}", sources, book.fingerprint, f"t{len(tables)}", **rest), tables)


def titles(ledger: Ledger, since: datetime = NOW - DAY) -> set[tuple[str, str, datetime | None, datetime | None]]:
    found = ledger.versions("rd", "tasks", since=since)
    return {(v.item.ref.record, v.item.title, v.since, v.until) for v in found}


class PastContract:
    def test_a_row_that_changes_leaves_its_old_version(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a", title="1"), task("b", title="b")), now=NOW)
            commit(ledger, complete(task("a", title="2"), task("b", title="b")), now=NOW + HOUR)
            commit(ledger, complete(task("a", title="2"), task("b", title="b")), now=NOW + 2 * HOUR)
            assert titles(ledger) == {
                ("a", "1", NOW, NOW + HOUR), ("a", "2", NOW + HOUR, None), ("b", "b", NOW, None)
            }  # fmt: skip
            assert titles(ledger, NOW + 2 * HOUR) == {("a", "2", NOW + HOUR, None), ("b", "b", NOW, None)}

    def test_own_cells_are_no_new_version(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a", title="1")), now=NOW)
            assert commit(ledger, complete(task("a", title="1", own=(("alert_level", "红"),))), now=NOW + HOUR).changed == 1
            assert titles(ledger) == {("a", "1", NOW, None)}

    def test_two_versions_at_one_moment_are_one(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a", title="0")), now=NOW - HOUR)
            commit(ledger, complete(task("a", title="1")), now=NOW)
            commit(ledger, complete(task("a", title="2")), now=NOW)
            assert titles(ledger) == {("a", "0", NOW - HOUR, NOW), ("a", "2", NOW, None)}

    def test_a_row_that_was_away_has_a_hole_in_its_past(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a", title="1"), task("b")), now=NOW)
            commit(ledger, complete(task("b")), now=NOW + HOUR)
            assert ("a", "1", NOW, NOW + HOUR) in titles(ledger)
            commit(ledger, complete(task("a", title="1"), task("b")), now=NOW + 3 * HOUR)
            assert {each for each in titles(ledger) if each[0] == "a"} == {
                ("a", "1", NOW, NOW + HOUR), ("a", "1", NOW + 3 * HOUR, None)
            }  # fmt: skip

    def test_what_was_remembered_comes_back_as_it_was(self, make: Make) -> None:
        later = replace(FULL_MEMORY, findings=(), judged=())
        with make() as ledger:
            commit(ledger, complete(task("a")), memories={ref("a"): FULL_MEMORY}, now=NOW)
            commit(ledger, memories={ref("a"): later}, now=NOW + HOUR)
            commit(ledger, memories={ref("a"): Memory()}, now=NOW + 2 * HOUR)
            assert ledger.memories_since("rd", "tasks", since=NOW) == [
                (ref("a"), FULL_MEMORY, NOW + HOUR), (ref("a"), later, NOW + 2 * HOUR),
                (ref("a"), Memory(written_at=FULL_MEMORY.written_at), None),  # a judgement does not say what was written
            ]  # fmt: skip
            assert len(ledger.memories_since("rd", "tasks", since=NOW + 2 * HOUR)) == 2
            ledger.import_state({"version": 1, "items": [{"source": "rd", "table": "tasks", "record": "a"}]}, now=NOW + 3 * HOUR)
            assert [until for *_, until in ledger.memories_since("rd", "tasks", since=NOW + 3 * HOUR)] == [NOW + 3 * HOUR, None]

    def test_a_deleted_row_leaves_its_past_and_its_messages(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a"), task("b")), memories={ref("a"): FULL_MEMORY}, messages=[message("k1")])
            commit(ledger, complete(task("b")), now=NOW + DAY)
            assert commit(ledger, complete(task("b")), now=NOW + 40 * DAY).purged == 1
            assert ("a", "", NOW, NOW + DAY) in titles(ledger)
            assert ledger.memories_since("rd", "tasks", since=NOW) == [(ref("a"), FULL_MEMORY, NOW + 40 * DAY)]
            (kept,) = ledger.messages()
            assert (kept.key, kept.rule, kept.to, kept.created_at) == ("k1", "LAG-02", ("张磊",), NOW)

    def test_forgetting_takes_the_past_along(self, make: Make) -> None:
        with make() as ledger:
            commit(ledger, complete(task("a", title="1")), memories={ref("a"): FULL_MEMORY})
            commit(ledger, complete(task("a", title="2")), memories={ref("a"): Memory(human="x")}, now=NOW + HOUR)
            ledger.forget("A")
            assert titles(ledger) == {("a", "2", NOW + HOUR, None)}
            assert ledger.memories_since("rd", "tasks", since=NOW) == []

    def test_moments_name_their_rules_and_tables(self, make: Make) -> None:
        with make() as ledger:
            assert ledger.last_moment() is None
            commit(ledger, judged=judged(NOW, held=(("rd", "tasks"),)))
            commit(ledger, judged=judged(NOW + HOUR, sources=("mk",), tables="[1]", book=Rules("b2", {}, "{}")))
            first, second = ledger.moments()
            assert (first.at, first.book, first.held, first.sources) == (NOW, "b1", (("rd", "tasks"),), ("rd",))
            assert ledger.last_moment() == second
            assert ledger.last_moment({"rd"}) == first
            assert ledger.document("b1") == BOOK.text
            assert ledger.document(second.tables) == "[1]"
            assert ledger.document("nothing") is None
            assert ledger.books() == {"b1": BOOK.digests, "b2": {}}

    def test_a_moment_counts_when_something_changed_or_an_hour_began(self, make: Make) -> None:
        with make() as ledger:
            for minutes, rows in ((0, ["1"]), (5, ["1"]), (10, ["2"]), (15, ["2"]), (60, ["2"])):
                now = NOW + timedelta(minutes=minutes)
                commit(ledger, complete(*(task("a", title=title) for title in rows)), now=now, judged=judged(now))
            assert [moment.landmark for moment in ledger.moments()] == [True, False, True, False, True]

    def test_the_past_ends_somewhere(self, make: Make) -> None:
        with make() as ledger:
            for minutes in (0, 5):
                now = NOW + timedelta(minutes=minutes)
                commit(ledger, complete(task("a", title="1")), now=now, judged=judged(now, tables="[1]"))
            commit(ledger, complete(task("a", title="2")), now=NOW + DAY, judged=judged(NOW + DAY))
            commit(ledger, now=NOW + 95 * DAY, judged=judged(NOW + 95 * DAY))
            assert [moment.at for moment in ledger.moments()] == [NOW, NOW + DAY, NOW + 95 * DAY]
            commit(ledger, now=NOW + 450 * DAY, judged=judged(NOW + 450 * DAY))
            assert [moment.at for moment in ledger.moments()] == [NOW + 95 * DAY, NOW + 450 * DAY]
            assert titles(ledger, NOW - DAY) == {("a", "2", NOW + DAY, None)}
            assert ledger.document("t3") is None
            assert set(ledger.books()) == {"b1"}

    def test_books_move_with_the_state(self, make: Make) -> None:
        closed = Memory(status="已完成", closing=Closing(NOW, "b1", "按时完成", NOW + HOUR))
        with make() as ledger:
            commit(ledger, complete(task("a")), memories={ref("a"): closed}, judged=judged(NOW))
            document = json.loads(json.dumps(ledger.export_state()))
        with make() as other:
            other.import_state(document, now=NOW + DAY)
            assert other.books() == {"b1": BOOK.digests}
            assert memories(other)[ref("a")].closing == closed.closing
            assert other.document("b1") is None  # what it says is not moved, only what it decides by
            commit(other, judged=judged(NOW + DAY))
            assert other.document("b1") == BOOK.text
