"""Writes whose answer gets lost, writes among random edits and faults, and what is read after writing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from feishu_rig import APP_ID, OPTIONS, SECRET, ZONE, Rig, VirtualPace, close_rig, make_rig, push, read

from duban.connectors.base import Cell, Write

UPDATE, GET = "batch_update", "batch_get"
AT = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = make_rig()
    yield made
    close_rig(made)


def fill(rig: Rig, count: int) -> list[str]:
    return [rig.table.add_row({"任务名称": f"任务{place}", "负责人": "张三"}) for place in range(count)]


def own(rig: Rig, level: str = "红", days: float = 3.0) -> dict[str, Cell]:
    return rig.cells(预警级别=level, 预警内容=f"滞后{days:g}天", 预警时间=AT, 滞后天数=days)


def outcomes(receipts: list[Any]) -> list[str]:
    return [receipt.outcome for receipt in receipts]


@pytest.mark.parametrize(
    ("kind", "applied"), [("drop_after", True), ("drop", False), ("html_502", False), ("truncate", True)]
)
def test_a_lost_answer_is_read_back_before_anything_is_repeated(rig: Rig, kind: Any, applied: bool) -> None:
    ids = fill(rig, 250)
    connector = rig.connector()
    schema, revision = connector.describe("tasks"), rig.table.revision
    rig.service.fault(kind, UPDATE)
    assert set(outcomes(push(connector, [Write(record, own(rig)) for record in ids], schema))) == {"written"}
    assert rig.table.revision == revision + 1  # done once, not twice
    assert rig.count(UPDATE) == (1 if applied else 2)
    assert [len(entry.body["record_ids"]) for entry in rig.service.requests(GET)] == [100, 100, 50]


@pytest.mark.parametrize("applied", [True, False])
def test_a_time_out_of_the_service(rig: Rig, applied: bool) -> None:
    ids = fill(rig, 2)
    rig.service.trouble(1255040, UPDATE, applied=applied)
    assert outcomes(push(rig.connector(), [Write(record, own(rig)) for record in ids])) == ["written"] * 2
    assert rig.count(UPDATE) == (1 if applied else 2)


def test_a_lost_answer_with_edits_in_between(rig: Rig) -> None:
    """While nobody knows whether the write was done, a person deletes a row and changes an own cell of another."""
    ids = fill(rig, 3)
    connector = rig.connector()
    schema = connector.describe("tasks")
    rig.service.fault("drop_after", UPDATE)
    original = rig.pace.request

    def edit_before_reading_back(limits: Any) -> Any:
        if any("batch_get" in limit.key for limit in limits) and ids[0] in rig.table.records:
            rig.table.delete_row(ids[0])
            rig.table.edit(ids[1], {"预警级别": "绿"})
        return original(limits)

    rig.pace.request = edit_before_reading_back  # type: ignore[method-assign]
    receipts = push(connector, [Write(record, own(rig)) for record in ids], schema)
    assert outcomes(receipts) == ["failed", "written", "written"]
    assert "deleted" in str(receipts[0].error)
    assert rig.table.dump()[ids[1]]["预警级别"] == "红"
    assert [len(entry.body["records"]) for entry in rig.service.requests(UPDATE)] == [3, 1]


def test_answers_lost_for_good_are_unknown(rig: Rig) -> None:
    ids = fill(rig, 2)
    connector = rig.connector()
    rig.service.fault("drop", UPDATE, times=100)
    receipts = push(connector, [Write(record, own(rig)) for record in ids])
    assert outcomes(receipts) == ["unknown"] * 2
    assert rig.count(UPDATE) == 4
    rig.service._faults.clear()
    rig.service.fault("drop_after", UPDATE)
    rig.service.fault("drop", GET, times=100)
    receipts = push(connector, [Write(record, own(rig)) for record in ids])
    assert outcomes(receipts) == ["unknown"] * 2
    assert "reading back failed" in str(receipts[0].error)
    assert SECRET not in str(receipts)


def test_reading_back_from_a_replica_that_lags_does_no_harm(rig: Rig) -> None:
    ids = fill(rig, 2)
    rig.service.switches.replica_lag = 1.5
    rig.service.clock.advance(10)
    rig.service.fault("drop_after", UPDATE)
    assert set(outcomes(push(rig.connector(), [Write(record, own(rig)) for record in ids]))) <= {"written", "unknown"}
    assert all(row["滞后天数"] == 3 for row in rig.table.dump().values())


# --- everything together


@pytest.mark.parametrize("seed", range(12))
def test_only_own_cells_change_under_random_edits_and_faults(seed: int) -> None:
    """What people see of their own columns is what they typed, whatever happens to our writes."""
    chance, rig = random.Random(seed), make_rig()
    try:
        ids = fill(rig, 40)
        typed = {record: f"任务{place}" for place, record in enumerate(ids)}
        connector = rig.connector(pace=VirtualPace(rig.service))
        kinds = ["drop", "drop_after", "html_502", "truncate", "empty", "html_200"]
        codes = [1254291, 1254607, 1255040, 1254002, 1254290, 99991663]
        for step in range(12):
            if chance.random() < 0.5:
                target = chance.choice([UPDATE, GET, "search"])
                rig.service.fault(chance.choice(kinds), target, after=chance.randrange(2))
            if chance.random() < 0.5:
                rig.service.trouble(chance.choice(codes), chance.choice([UPDATE, GET]), applied=False)
            alive = [record for record in ids if record in rig.table.records]
            schema = connector.describe("tasks")
            victim = chance.choice(alive)
            if chance.random() < 0.3:
                rig.table.delete_row(victim)
            else:
                typed[victim] = f"改{step}"
                rig.table.edit(victim, {"任务名称": typed[victim]})
            level = chance.choice(OPTIONS)
            receipts = push(connector, [Write(record, own(rig, level, float(step))) for record in alive], schema)
            rows = rig.table.dump()
            for receipt in receipts:
                if receipt.outcome == "written" and receipt.record in rows:
                    assert rows[receipt.record]["滞后天数"] == step
                    assert rows[receipt.record]["预警级别"] == level
                if receipt.outcome == "failed":
                    assert receipt.record not in rows
            rig.service.clock.advance(60)
        assert {record: row["任务名称"] for record, row in rig.table.dump().items()} == {
            record: name for record, name in typed.items() if record in rig.table.records
        }
        assert all(row["负责人"] == ["张三"] for row in rig.table.dump().values())
        assert rig.service.created_options == []
    finally:
        close_rig(rig)


def test_written_cells_read_back_as_they_were_meant(rig: Rig) -> None:
    """A second run would write nothing: what is read equals what was written, cell by cell."""
    [record] = fill(rig, 1)
    rig.table.add_field("进度", 2, "Progress")
    rig.table.add_field("到期", 5, property={"date_formatter": "yyyy/MM/dd"})
    connector = rig.connector()
    cells = {**own(rig, days=0.0), **rig.cells(进度=33.3, 到期=AT.replace(hour=0) + timedelta(days=2))}
    assert outcomes(push(connector, [Write(record, cells)])) == ["written"]
    held = read(connector)[record].cells
    assert {key: held[key] for key in cells} == cells
    assert rig.service.world.apps[APP_ID].current
