"""What goes wrong: sources that are down, pages that are missing, lost answers, meddling people, killed processes."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from played import NOW, World, duban, only, process, world

from duban.sandbox.example.scenario import Line, read_scenario
from duban.sync.ledger.schema import slots

LATER = "2024-07-24T14:00:00+08:00"
FEW = {"RD-02", "RD-03", "RD-06", "MK-01", "MK-06", "MK-07", "MK-11", "SL-01", "SL-02", "SL-04", "IS-01", "DS-01", "PJ-01"}


def few(folder: Path) -> Any:
    """Serve a few rows of every tool: what they wait for, what is late, what is escalated."""
    sheets = ("tb_rd", "fs_task", "at_tasks", "fs_issue", "fs_project")
    return world(folder, only(read_scenario(), *sheets, rows=FEW))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    with few(tmp_path / "small") as played:
        played.import_state()
        yield played


@pytest.fixture
def synced(small: World) -> World:
    done = small.sync()
    assert (done.code, done.json["changes"]["written"]) == (0, len(FEW)), done.err
    return small


def judged(document: Any, *sources: str) -> dict[str, Any]:
    return {item["record"]: item for item in document["items"] if item["source"] in sources}


# --- reading


def test_a_source_that_is_down_keeps_its_findings_and_harms_no_other(synced: World) -> None:
    before = duban("findings", "-c", synced.config, "--now", NOW, "--json").json
    synced.seeded.edit("MK-11", {"进展": "待审核", "提交审核时间": "2024-07-24 09:50"})
    synced.seeded.teambition.stop()
    done = synced.sync()
    assert done.code == 3
    document = done.json
    reads = {table["table"]: table["read"] for table in document["tables"]}
    assert reads == {"rd_tasks": "failed", "tasks": "complete", "problems": "complete", "projects": "complete", "channel": "complete"}
    assert next(table["error"] for table in document["tables"] if table["table"] == "rd_tasks")
    assert judged(document, "rd") == judged(before, "rd")
    assert judged(document, "sales") == judged(before, "sales")
    assert "LAG-05" in synced.item(document, "MK-06")["rules"]  # its upstream stands in the tool that is down
    assert synced.own()["MK-11"]["预警状态"] == "正常"  # the others are served as ever
    assert {message["code"] for message in document["messages"]} <= {"MK-11"}


def test_half_a_read_resolves_nothing(tmp_path: Path) -> None:
    scenario = only(read_scenario(), "at_tasks", rows={"SL-04"})
    late = scenario.lines[0]
    more = [Line(f"X-{n}", "at_tasks", {**late.cells, "Task ID": f"X-{n}", "Blocked by": ""}, {}) for n in range(110)]
    with world(tmp_path / "paged", replace(scenario, lines=(*scenario.lines, *more))) as played:
        played.change_config(limits={"records": 1000, "share": 1.0})
        first = played.sync()
        assert first.code == 0, first.err
        assert len([m for m in first.json["messages"] if m["template"] == "进度预警通知"]) == 111
        gone, done_now = played.names("channel") - {"X-1"}, "X-1"
        played.seeded.edit(done_now, {"Status": "Done", "Completed on": "2024-07-24"})
        place = played.seeded.place_of("X-109")
        place.table.delete_row(place.records["X-109"])  # type: ignore[attr-defined]
        before = played.rows()
        # the second page is refused, for good: 404 is not worth repeating
        played.seeded.airtable.fault("status", place.address["table"], after=1, status=404, body={"error": "NOT_FOUND"})
        partial = played.sync(now=LATER)
        assert partial.code == 3
        table = partial.json["tables"][0]
        assert (table["read"], table["rows"]) == ("partial", 100)
        assert judged(partial.json, "sales").keys() == judged(first.json, "sales").keys()
        assert {item["state"] for item in partial.json["items"]} == {"滞后预警已发"}
        assert (partial.json["messages"], partial.json["changes"]["written"]) == ([], 0)
        assert played.rows() == before
        whole = played.sync(now=LATER)
        assert whole.code == 0
        assert played.item(whole.json, done_now)["state"] == "已解除"
        assert "预警解除" in [m["template"] for m in whole.json["messages"] if m["code"] == done_now]
        assert len(whole.json["items"]) == len(gone) == 110


def test_a_table_that_lost_its_rows_is_not_believed(synced: World) -> None:
    place = synced.seeded.place_of("MK-01")
    for record in list(place.records.values()):
        place.table.delete_row(record)  # type: ignore[attr-defined]
    done = synced.sync(now=LATER)
    assert done.code == 3
    table = next(table for table in done.json["tables"] if table["table"] == "tasks")
    assert table["read"] == "partial"
    assert "--accept-missing" in table["error"]
    assert synced.item(done.json, "MK-11")["rules"] == ["LAG-01"]
    accepted = synced.sync("--accept-missing", now=LATER)
    assert accepted.code == 0
    assert "tasks" not in {item["table"] for item in accepted.json["items"]}


# --- writing


@pytest.mark.parametrize("tool", ["feishu", "airtable", "teambition"])
def test_a_lost_answer_is_read_back_and_nothing_is_written_twice(small: World, tool: str) -> None:
    writes = {"feishu": "batch_update", "airtable": "PATCH", "teambition": "customfield/update"}[tool]
    service = small.seeded.services[tool]  # type: ignore[index]
    service.fault("drop_after", writes)
    human = small.human()
    done = small.sync()
    assert done.code == 0, done.out
    assert done.json["changes"]["written"] == len(FEW)
    assert small.human() == human
    again = small.sync().json
    assert (again["changes"]["planned"], again["messages"]) == (0, [])


def test_a_row_deleted_while_it_is_written_costs_no_other_its_cells(small: World) -> None:
    place, service = small.seeded.place_of("SL-04"), small.seeded.airtable
    answer = service.handle

    def deleting(request: Any) -> Any:  # somebody deletes the row between our reading and our writing
        if request.method == "PATCH" and "SL-04" in place.records:
            place.table.delete_row(place.records.pop("SL-04"))  # type: ignore[attr-defined]
        return answer(request)

    service.handle = deleting  # type: ignore[method-assign]
    done = small.sync()
    assert done.code == 3
    assert len(done.json["failures"]) == 1
    assert "deleted" in done.json["failures"][0]["error"]
    assert done.json["changes"]["written"] == len(FEW) - 1
    assert small.own()["SL-02"]["Alert level"] == "红"
    service.handle = answer  # type: ignore[method-assign]
    assert small.sync().code == 0


def test_an_own_cell_that_a_person_changed_is_restored_and_that_is_said_once(synced: World) -> None:
    whole = synced.own()
    synced.seeded.edit("RD-03", {"预警级别": "绿"})
    synced.seeded.edit("SL-02", {"Alert level": "绿", "Notice count": None})
    synced.seeded.edit("MK-11", {"触发规则": "没事"})
    done = synced.sync()
    restored = {entry["record"]: sorted(entry["columns"]) for entry in done.json["restored"]}
    record = {name: synced.seeded.place_of(name).records[name] for name in ("RD-03", "SL-02", "MK-11")}
    assert restored == {
        record["RD-03"]: ["预警级别"], record["SL-02"]: ["Alert level", "Notice count"], record["MK-11"]: ["触发规则"],
    }  # fmt: skip
    assert done.json["messages"] == []
    assert synced.own() == whole
    assert synced.sync().json["restored"] == []


def test_people_may_edit_while_duban_writes(small: World) -> None:
    """Human cells end as the last person left them, whatever is going on meanwhile."""
    last: dict[str, str] = {}
    over = threading.Event()

    def people() -> None:
        chance = random.Random(7)
        number = 0
        while not over.is_set():
            name, heading = chance.choice((("RD-02", "滞后原因"), ("MK-07", "最新进展记录"), ("SL-02", "Notes"), ("RD-03", "备注")))
            number += 1
            last[name, heading] = f"第{number}次修改"  # type: ignore[index]
            small.seeded.edit(name, {heading: f"第{number}次修改"})
            time.sleep(0.003)

    before = small.human()
    team = threading.Thread(target=people)
    team.start()
    try:
        codes = [small.sync().code for _ in range(2)]
    finally:
        over.set()
        team.join()
    assert codes == [0, 0]
    assert len(last) == 4
    rows = small.rows()
    assert {key: rows[key[0]][key[1]] for key in last} == last  # type: ignore[index]
    touched = {"SL-02": {"Notes", "Last modified"}, "MK-07": {"最新进展记录"}, "RD-02": {"滞后原因"}, "RD-03": {"备注"}}

    def untouched(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {n: {h: c for h, c in cells.items() if h not in touched.get(n, ())} for n, cells in rows.items()}

    assert untouched(small.human()) == untouched(before)
    assert small.sync().code == 0
    assert small.sync().json["changes"]["planned"] == 0


# --- killed


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], set[str], list[int]]:
    """What a sync that nobody kills leaves: cells, messages' keys, and how many calls reading and all of it took."""
    with few(tmp_path_factory.mktemp("whole") / "small") as played:
        played.import_state()
        document = played.sync().json
        calls = sum(each["read"] for each in document["requests"].values())
        return played.own(), document, {m["key"] for m in document["messages"]}, [calls, len(played.journal)]


@pytest.mark.parametrize("moment", ["while reading", "at the first writes", "in the middle of writing", "near the end"])
def test_a_killed_sync_is_finished_by_the_next_one(
    tmp_path: Path, uninterrupted: tuple[dict[str, Any], dict[str, Any], set[str], list[int]], moment: str
) -> None:
    cells, _, keys, (reads, calls) = uninterrupted
    chance = random.Random(f"{moment} {time.time_ns()}")
    low, high = {
        "while reading": (1, reads - 1), "at the first writes": (reads, reads + 3),
        "in the middle of writing": (reads + 4, calls - 4), "near the end": (calls - 3, calls),
    }[moment]  # fmt: skip
    after = chance.randint(low, high)
    with few(tmp_path / "small") as played:
        played.import_state()
        human = played.human()
        with process("sync", "-c", played.config, "--now", NOW, "--json") as started:
            while len(played.journal) < after and started.poll() is None:
                time.sleep(0.001)
            if moment == "near the end":
                time.sleep(chance.uniform(0.0, 0.1))
            started.kill()
            started.communicate(timeout=30)
        assert started.returncode == -signal.SIGKILL or moment == "near the end"
        let_slots_run_out(played)
        told = exported(played)
        before = {key for key, status in told.items() if status == "sent"}
        done = played.sync()
        assert done.code == 0, (after, done.out)
        sent = {message["key"] for message in done.json["messages"] if message["status"] == "sent"}
        assert played.own() == cells, after
        assert played.human() == human
        assert sent | before == keys, after
        assert not sent & before, after  # one that was in flight when the process died is none of those marked as sent
        assert set(exported(played).values()) <= {"sent", "known"}
        again = played.sync().json
        assert (again["changes"]["planned"], again["messages"]) == (0, [])


def let_slots_run_out(played: World) -> None:
    """Let the forty seconds pass in which a request of the dead process might still arrive: until then its slots stay
    taken. The services' windows of one second are waited for in earnest."""
    soon = time.time() + 1.0
    with contextlib.closing(sqlite3.connect(played.ledger)) as ledger, ledger:
        ledger.execute(f"UPDATE {slots.name} SET free_at = ? WHERE free_at > ?", (soon, soon))


def exported(played: World) -> dict[str, str]:
    """Return the messages of the ledger: key -> status."""
    done = duban("state", "export", "-c", played.config)
    assert done.code == 0, done.err
    return {message["key"]: message["status"] for message in done.json["messages"]}
