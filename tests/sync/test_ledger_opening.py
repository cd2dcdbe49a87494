"""Opening, looking, upgrading, and every way in which that can go wrong."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_values import FULL_MEMORY, NOW, ZONE, commit, complete, memories, mirror, ref, task
from sqlalchemy import event, inspect, text

from duban.connectors.limits import Limit
from duban.errors import StateError
from duban.rules.memory import Alert, Memory
from duban.sync.ledger import Intent, Ledger, LedgerSlots
from duban.sync.ledger.database import Database, parse_url
from duban.sync.ledger.document import AlertState, ItemState, MessageState
from duban.sync.ledger.migrations import MIGRATIONS, Migration, applied, pending, upgrade
from duban.sync.ledger.opening import looked_at, opened
from duban.sync.ledger.schema import alerts
from duban.sync.ledger.schema import memories as memories_table
from duban.sync.ledger.values import Message


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/duban.db"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fill(url: str) -> None:
    with Ledger.open(url, zone=ZONE) as ledger:
        commit(ledger, complete(task("a")), memories={ref("a"): FULL_MEMORY})


def test_what_was_written_is_there_after_reopening(url: str) -> None:
    fill(url)
    with Ledger.open(url, create=False, zone=ZONE) as ledger:
        assert memories(ledger) == {ref("a"): FULL_MEMORY}
        assert ledger.pending() == ()


def test_sqlite_is_set_up_to_lose_nothing(url: str) -> None:
    with Ledger.open(url) as ledger, ledger._database.reading() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)):
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value


@pytest.mark.parametrize("empty_file", [False, True])
def test_a_ledger_is_not_made_unless_asked(url: str, tmp_path: Path, empty_file: bool) -> None:
    if empty_file:
        (tmp_path / "duban.db").touch()
    before = files(tmp_path)
    with pytest.raises(StateError, match="there is no ledger at"):
        Ledger.open(url, create=False)
    if not empty_file:
        assert files(tmp_path) == before


def test_peeking_where_nothing_is_leaves_nothing(url: str, tmp_path: Path) -> None:
    with Ledger.peek(url, zone=ZONE) as view:
        assert dict(view.tables()) == {}
        assert memories(view) == {}
        commit(view, complete(task("a")))
        assert set(mirror(view)) == {"a"}
    assert files(tmp_path) == {}
    (tmp_path / "duban.db").touch()
    with Ledger.peek(url) as view:
        assert view.told() == set()
    assert files(tmp_path) == {"duban.db": b""}


def test_peeking_sees_everything_and_changes_nothing(url: str, tmp_path: Path) -> None:
    fill(url)
    before = files(tmp_path)
    with Ledger.peek(url, zone=ZONE) as view:
        assert set(mirror(view)) == {"a"}
        assert memories(view) == {ref("a"): FULL_MEMORY}
        assert view.resolve(ref("a"), "A") == FULL_MEMORY
        with pytest.raises(StateError, match="readonly"):
            commit(view, complete())
    assert files(tmp_path) == before


def test_peeking_while_another_works(url: str) -> None:
    with Ledger.open(url, zone=ZONE) as ledger, Ledger.peek(url, zone=ZONE) as view:
        with ledger._database.writing():
            assert mirror(view) == {}
        commit(ledger, complete(task("a")))
        assert set(mirror(view)) == {"a"}


# --- upgrading


def _add_note(connection) -> None:
    connection.execute(text("ALTER TABLE duban_runs ADD COLUMN note TEXT"))


def _break(connection) -> None:
    connection.execute(text("ALTER TABLE duban_runs ADD COLUMN broken TEXT"))
    raise RuntimeError("stopped half-way")


LAST = MIGRATIONS[-1].number
NOTE, BROKEN = Migration(LAST + 1, "a note on runs", _add_note), Migration(LAST + 2, "broken", _break)


def columns(database: Database) -> set[str]:
    return {column["name"] for column in inspect(database.engine).get_columns("duban_runs")}


def test_an_older_ledger_is_upgraded_step_by_step(url: str) -> None:
    fill(url)
    database = Database(parse_url(url))
    with pytest.raises(RuntimeError, match="half-way"):
        upgrade(database, (*MIGRATIONS, NOTE, BROKEN))
    assert "note" in columns(database)
    assert "broken" not in columns(database)
    with database.reading() as connection:
        assert applied(connection) == {step.number for step in (*MIGRATIONS, NOTE)}
        assert pending(connection, name="x", known=(*MIGRATIONS, NOTE, BROKEN)) == (BROKEN,)
        assert all(at for (at,) in connection.execute(text("SELECT applied_at FROM duban_migrations")))
    assert upgrade(database, (*MIGRATIONS, NOTE)) == ()
    database.close()


def test_a_ledger_that_knew_no_pauses_of_clocks_learns_them(url: str) -> None:
    fill(url)
    database = Database(parse_url(url))
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE duban_memories DROP COLUMN clocks"))
        connection.execute(text("DELETE FROM duban_migrations WHERE name = 'pauses and cycles of clocks'"))
    database.close()
    with Ledger.open(url, zone=ZONE) as ledger:
        assert memories(ledger) == {ref("a"): replace(FULL_MEMORY, clocks=())}
        commit(ledger, memories={ref("a"): FULL_MEMORY})
        assert memories(ledger) == {ref("a"): FULL_MEMORY}


def test_a_ledger_without_a_past_begins_one(url: str) -> None:
    fill(url)
    database = Database(parse_url(url))
    with database.writing() as connection:
        for statement in (
            "ALTER TABLE duban_items DROP COLUMN since", "ALTER TABLE duban_memories DROP COLUMN judged",
            "ALTER TABLE duban_memories DROP COLUMN closing", "DROP TABLE duban_documents",
            "DROP TABLE duban_moments", "DROP TABLE duban_past",
            "DELETE FROM duban_migrations WHERE name = 'the past: versions of rules, rows and memories'",
        ):  # fmt: skip
            connection.execute(text(statement))
    database.close()
    with Ledger.open(url, zone=ZONE) as ledger:
        without = replace(FULL_MEMORY, judged=(), closing=None)
        assert memories(ledger) == {ref("a"): without}
        commit(ledger, complete(task("a", title="new")), memories={ref("a"): FULL_MEMORY}, now=NOW + timedelta(days=1))
        versions = {(v.item.title, v.since, v.until) for v in ledger.versions("rd", "tasks", since=NOW)}
        assert versions == {("", None, NOW + timedelta(days=1)), ("new", NOW + timedelta(days=1), None)}
        assert [memory for _, memory, _ in ledger.memories_since("rd", "tasks", since=NOW)] == [without, FULL_MEMORY]
    fresh, upgraded = (inspect(Database(parse_url(each)).engine) for each in (f"{url}.fresh", url))
    Ledger.open(f"{url}.fresh").close()
    for table in ("duban_documents", "duban_moments", "duban_past"):
        one, other = (
            {(c["name"], str(c["type"]), c["nullable"]) for c in each.get_columns(table)} for each in (fresh, upgraded)
        )
        assert one == other
        assert [i["name"] for i in fresh.get_indexes(table)] == [i["name"] for i in upgraded.get_indexes(table)]
        assert fresh.get_pk_constraint(table)["constrained_columns"] == upgraded.get_pk_constraint(table)["constrained_columns"]


def test_a_ledger_that_kept_no_histories_learns_them(url: str) -> None:
    fill(url)
    database = Database(parse_url(url))
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE duban_alerts DROP COLUMN history"))
        connection.execute(text("DELETE FROM duban_migrations WHERE name = 'the history of alerts'"))
    database.close()
    with Ledger.open(url, zone=ZONE) as ledger:
        without = replace(FULL_MEMORY, alert=replace(FULL_MEMORY.alert, history=()))
        assert memories(ledger) == {ref("a"): without}
        commit(ledger, memories={ref("a"): FULL_MEMORY})
        assert memories(ledger) == {ref("a"): FULL_MEMORY}


def test_a_new_ledger_has_seen_every_step(url: str) -> None:
    database = Database(parse_url(url))
    assert upgrade(database, (*MIGRATIONS, NOTE)) == (*MIGRATIONS, NOTE)
    assert "note" not in columns(database)  # the first step made the newest tables, the second was not run
    database.close()


def test_peeking_at_an_older_ledger_upgrades_a_copy(url: str, tmp_path: Path) -> None:
    fill(url)
    before = files(tmp_path)
    view = Ledger(looked_at(url, known=(*MIGRATIONS, NOTE)), ZONE)
    assert "note" in columns(view._database)
    assert memories(view) == {ref("a"): FULL_MEMORY}
    view.close()
    assert files(tmp_path) == before


@pytest.mark.parametrize("way", [Ledger.open, Ledger.peek])
def test_a_newer_ledger_is_refused(url: str, way) -> None:
    opened(url, create=True, known=(*MIGRATIONS, NOTE)).close()
    with pytest.raises(StateError, match=r"written by a newer duban .*upgrade duban"):
        way(url)


def test_many_may_open_a_new_ledger_at_once(url: str) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        try:
            Ledger.open(url).close()
        except BaseException as error:  # noqa: BLE001 - a thread hands every error over to the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# --- what goes wrong


def test_a_file_that_is_no_database(url: str, tmp_path: Path) -> None:
    (tmp_path / "duban.db").write_text("任务表\n" * 1000)
    for way in (Ledger.open, Ledger.peek):
        with pytest.raises(StateError, match="not a database; point 'state:' to a ledger"):
            way(url)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="unable to open database file; make its folder"):
        Ledger.open(f"sqlite:///{tmp_path}/none/duban.db")


@pytest.mark.parametrize(
    ("text_", "part"),
    [
        ("duban.db", "is not a database URL"),
        ("sqlite:///file:x.db?uri=true", "by a plain path"),
        ("nosuch://host/db", "of an unknown kind"),
        ("postgresql+psycopg://duban:hunter2@127.0.0.1:1/duban", "check that it can be reached"),
    ],
)
def test_an_address_that_leads_nowhere(text_: str, part: str) -> None:
    with pytest.raises(StateError, match=part) as caught:
        Ledger.open(text_)
    assert "hunter2" not in str(caught.value)


def test_a_ledger_that_somebody_keeps_locked(url: str, tmp_path: Path) -> None:
    with Ledger.open(url) as ledger, ledger.slots(lambda: 1000.0) as slots:
        slots.take(Limit("base", 2, 1.0), 40)
        other = sqlite3.connect(tmp_path / "duban.db", isolation_level=None)
        for database in (ledger._database, slots._database):
            event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 20"))
            database.engine.dispose()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked; another duban is writing"):
            commit(ledger, complete(task("a")))
        assert mirror(ledger) == {}  # reading goes on
        assert slots.take(Limit("base", 2, 1.0), 40) == (-1, 0.05)
        slots.release(Limit("base", 2, 1.0), 0, 1.0)  # lost: the slot stays taken until its time runs out
        other.execute("ROLLBACK")
        other.close()
        assert slots.take(Limit("base", 2, 1.0), 40)[0] == 1
        assert slots.take(Limit("base", 2, 1.0), 40) == (-1, 40.0)


def test_slots_need_a_ledger(url: str) -> None:
    with LedgerSlots.open(url, lambda: 0.0) as slots, pytest.raises(StateError, match="no such table"):
        slots.take(Limit("base", 1, 1.0), 40)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_ledger_that_may_not_be_written(url: str, tmp_path: Path) -> None:
    fill(url)
    (tmp_path / "duban.db").chmod(0o400)
    with pytest.raises(StateError, match="readonly"):
        fill(url)


# --- nothing forgotten


def test_every_field_of_the_values_has_its_column_and_its_key() -> None:
    key = {"source", "table_name", "record"}
    assert set(alerts.columns.keys()) - key == set(Alert.__dataclass_fields__) == set(AlertState.model_fields)
    kept = set(Memory.__dataclass_fields__) - {"alert"}
    assert set(memories_table.columns.keys()) - key - {"code", "written"} == kept
    assert kept <= set(ItemState.model_fields)
    of_message = set(Message.__dataclass_fields__) - {"ref"}
    assert of_message == set(MessageState.model_fields) - {"source", "table", "record"}


def test_old_runs_and_intents_do_not_pile_up(url: str) -> None:
    with Ledger.open(url, zone=ZONE) as ledger:
        for day in range(3):
            (planned,) = commit_intent(ledger, day)
            ledger.outcome(planned.id, "done", at=NOW + timedelta(days=20 * day))
        with ledger._database.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM duban_intents")).scalar() == 2


def commit_intent(ledger: Ledger, day: int):
    at = NOW + timedelta(days=20 * day)
    return commit(ledger, intents=[Intent(ref("a"), {}, {})], run=f"r{day}", now=at).intents
