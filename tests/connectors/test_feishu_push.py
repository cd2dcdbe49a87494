"""Writing own cells through the connector: batches, bad rows, conflicts, lost answers, options, foreign cells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from feishu_rig import NOW, OPTIONS, ZONE, Rig, close_rig, make_rig, push

from duban.connectors.base import Cell, Write
from duban.connectors.limits import Pace
from duban.errors import AuthError, Rejected, Unavailable

UPDATE, GET, FIELDS = "batch_update", "batch_get", "GET /open-apis/bitable"
AT = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)
OWN = ("预警级别", "预警内容", "预警时间", "滞后天数")


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


def human(rig: Rig) -> dict[str, dict[str, Any]]:
    return {record: {k: v for k, v in row.items() if k not in OWN} for record, row in rig.table.dump().items()}


def test_cells_are_set_cleared_and_nothing_else_changes(rig: Rig) -> None:
    ids = fill(rig, 3)
    rig.table.edit(ids[1], {"预警内容": "旧", "预警级别": "绿"})
    before, connector = human(rig), rig.connector()
    cleared = rig.cells(预警内容=None, 预警级别=None)
    assert outcomes(push(connector, [Write(ids[0], own(rig)), Write(ids[1], cleared)])) == ["written"] * 2
    rows = rig.table.dump()
    assert {k: rows[ids[0]][k] for k in OWN} == {"预警级别": "红", "预警内容": "滞后3天", "预警时间": AT, "滞后天数": 3}
    assert not set(OWN) & set(rows[ids[1]])
    assert human(rig) == before
    sent = rig.service.requests(UPDATE)[0].body["records"]
    assert sent[0]["fields"]["预警时间"] == 1_721_786_400_000
    assert sent[1]["fields"] == {"预警内容": None, "预警级别": None}


@pytest.mark.parametrize(("rows", "calls"), [(0, 0), (1, 1), (500, 1), (501, 2), (1200, 3)])
def test_batches(rig: Rig, rows: int, calls: int) -> None:
    rig.service.switches.batch_limit = 500
    ids = fill(rig, rows)
    connector = rig.connector()
    receipts = push(connector, [Write(record, own(rig)) for record in ids])
    assert [receipt.record for receipt in receipts] == ids
    assert set(outcomes(receipts)) <= {"written"}
    assert rig.count(UPDATE) == calls == connector.traffic.write
    assert all(row["预警级别"] == "红" for row in rig.table.dump().values())


def test_receipts_come_batch_by_batch_and_one_row_twice_keeps_its_order(rig: Rig) -> None:
    ids = fill(rig, 600)
    connector = rig.connector()
    stream = connector.push("tasks", connector.describe("tasks"), [Write(record, own(rig)) for record in ids])
    assert next(stream).outcome == "written"
    assert rig.count(UPDATE) == 1
    assert len(list(stream)) == 599
    twice = [Write(ids[0], own(rig, days=1.0)), Write(ids[0], own(rig, days=2.0)), Write(ids[1], {})]
    assert outcomes(push(connector, twice)) == ["written"] * 3
    assert rig.table.dump()[ids[0]]["滞后天数"] == 2


# --- bad rows


def test_deleted_rows_are_found_and_the_others_written(rig: Rig) -> None:
    ids = fill(rig, 300)
    gone = {ids[0], ids[7], ids[299]}
    connector = rig.connector()
    for record in gone:
        rig.table.delete_row(record)
    receipts = push(connector, [Write(record, own(rig)) for record in ids])
    assert [receipt.record for receipt in receipts] == ids
    failed = {receipt.record: receipt.error for receipt in receipts if receipt.outcome == "failed"}
    assert set(failed) == gone
    assert all("1254043" in str(text) and "deleted" in str(text) and "log id" in str(text) for text in failed.values())
    assert all(row["滞后天数"] == 3 for row in rig.table.dump().values())
    assert rig.count(UPDATE) < 60  # by halves, not one by one


def test_cells_that_must_not_be_sent_fail_alone_and_no_option_is_ever_created(rig: Rig) -> None:
    ids = fill(rig, 4)
    rig.table.add_field("标签", 4, property={"options": ["甲"]})
    writes = [
        Write(ids[0], rig.cells(预警级别="紫")), Write(ids[1], own(rig)), Write(ids[2], rig.cells(标签=("甲", "乙"))),
        Write(ids[3], {"fldNone": "x"}),
    ]  # fmt: skip
    receipts = push(rig.connector(), writes)
    assert outcomes(receipts) == ["failed", "written", "failed", "failed"]
    assert "no option 紫" in str(receipts[0].error)
    assert "fldNone" in str(receipts[3].error)
    assert rig.service.created_options == []
    assert [option["name"] for option in rig.table.named("预警级别").options] == OPTIONS
    assert len(rig.service.requests(UPDATE)[0].body["records"]) == 1


def test_a_row_that_the_service_refuses(rig: Rig) -> None:
    ids = fill(rig, 8)
    connector = rig.connector()
    writes = [Write(record, own(rig)) for record in ids]
    writes[5] = Write(ids[5], rig.cells(预警内容="长" * 100_001))
    receipts = push(connector, writes)
    assert outcomes(receipts).count("failed") == 1
    assert "1254130" in str(receipts[5].error)


def test_a_table_full_of_bad_rows_is_not_taken_apart_for_ever(rig: Rig) -> None:
    ids = fill(rig, 500)
    rig.table.add_field("电话", 13)
    connector = rig.connector()
    receipts = push(connector, [Write(record, rig.cells(电话="没有")) for record in ids])
    assert set(outcomes(receipts)) == {"failed"}
    assert rig.count(UPDATE) < 150


# --- columns that change


def test_a_renamed_own_column_is_followed_by_its_id(rig: Rig) -> None:
    ids = fill(rig, 3)
    connector = rig.connector()
    schema = connector.describe("tasks")
    writes = [Write(record, own(rig)) for record in ids]
    rig.table.rename_field("预警内容", "说明")
    assert outcomes(push(connector, writes, schema)) == ["written"] * 3
    assert all(row["说明"] == "滞后3天" for row in rig.table.dump().values())
    assert rig.count(UPDATE) == 2


def test_a_deleted_own_column_fails_the_rows_that_need_it(rig: Rig) -> None:
    ids = fill(rig, 2)
    connector = rig.connector()
    schema = connector.describe("tasks")
    writes = [Write(ids[0], own(rig)), Write(ids[1], rig.cells(预警级别="黄"))]
    rig.table.delete_field("预警内容")
    receipts = push(connector, writes, schema)
    assert outcomes(receipts) == ["failed", "written"]
    assert "no column" in str(receipts[0].error)


def test_a_column_that_stays_hidden_fails_without_a_storm(rig: Rig) -> None:
    ids = fill(rig, 100)
    connector = rig.connector()
    rig.service.trouble(1254045, UPDATE, times=1000)
    receipts = push(connector, [Write(record, own(rig)) for record in ids])
    assert set(outcomes(receipts)) == {"failed"}
    assert "1254045" in str(receipts[0].error)
    assert rig.count(UPDATE) == 2


def test_an_option_that_was_removed_meanwhile_is_seen_with_the_new_columns(rig: Rig) -> None:
    ids = fill(rig, 2)
    connector = rig.connector()
    schema = connector.describe("tasks")
    writes = [Write(ids[0], own(rig)), Write(ids[1], own(rig, "黄"))]
    rig.table.named("预警级别").options.pop()
    rig.table.rename_field("预警内容", "说明")
    receipts = push(connector, writes, schema)
    assert outcomes(receipts) == ["failed", "written"]
    assert rig.service.created_options == []


def test_columns_that_were_listed_long_ago_are_listed_again(rig: Rig) -> None:
    """The list says that 红 exists and that 预警内容 is ours; both have changed hands since."""
    ids = fill(rig, 1)
    connector = rig.connector()
    schema, ours = connector.describe("tasks"), rig.column("预警内容")
    rig.table.rename_field("预警内容", "说明")
    rig.table.add_field("预警内容", 1)
    rig.table.edit(ids[0], {"预警内容": "人写的"})
    rig.table.named("预警级别").options.pop()
    rig.service.clock.advance(61)
    receipts = push(connector, [Write(ids[0], {ours: "机器写的"}), Write(ids[0], rig.cells(预警级别="红"))], schema)
    assert outcomes(receipts) == ["written", "failed"]
    row = rig.table.dump()[ids[0]]
    assert (row["预警内容"], row["说明"]) == ("人写的", "机器写的")
    assert rig.service.created_options == []


# --- busy


@pytest.mark.parametrize("code", [1254290, 1254291, 1254607, 1254002, 1255001, 2200, 99991400])
def test_passing_refusals_are_repeated(rig: Rig, code: int) -> None:
    ids = fill(rig, 2)
    rig.service.trouble(code, UPDATE, times=2)
    connector = rig.connector()
    assert outcomes(push(connector, [Write(record, own(rig)) for record in ids])) == ["written"] * 2
    assert rig.count(UPDATE) == 3
    assert connector.traffic.retried == 2
    assert 0.5 < rig.pace.waited < 10
    assert rig.count(GET) == 0  # nothing was unknown


@pytest.mark.parametrize("code", [1254291, 1254607, 1254002, 1255001])
def test_refusals_that_do_not_pass_end_the_push(rig: Rig, code: int) -> None:
    ids = fill(rig, 64)
    rig.service.trouble(code, UPDATE, times=10_000)
    with pytest.raises(Unavailable, match=str(code)):
        push(rig.connector(), [Write(record, own(rig)) for record in ids])
    assert rig.count(UPDATE) <= 17 * 5


def test_a_batch_that_is_too_much_goes_in_smaller_pieces(rig: Rig) -> None:
    ids = fill(rig, 100)
    rig.service.trouble(1254607, UPDATE, times=15)  # three whole rounds of tries
    assert set(outcomes(push(rig.connector(), [Write(record, own(rig)) for record in ids]))) == {"written"}
    assert len(rig.service.requests(UPDATE)[-1].body["records"]) == 50
    rig.service.switches.batch_limit = 30
    assert set(outcomes(push(rig.connector(), [Write(record, own(rig)) for record in ids]))) == {"written"}


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [(91403, AuthError, "document app"), (1254302, AuthError, "manage rights"), (1254041, Rejected, "no such table"),
     (99992402, Rejected, "parameter")],
)  # fmt: skip
def test_refusals_of_the_whole_request_stop_the_push(rig: Rig, code: int, kind: type[Exception], words: str) -> None:
    ids = fill(rig, 10)
    rig.service.trouble(code, UPDATE, times=100)
    with pytest.raises(kind, match=words):
        push(rig.connector(), [Write(record, own(rig)) for record in ids])
    assert rig.count(UPDATE) == 1


def test_one_writer_per_base_at_full_speed(rig: Rig) -> None:
    """Four threads on two tables of one base: the service sees no overlap, and refuses none."""
    other = rig.base.add_table("问题")
    for heading in ("名称", "预警内容"):
        other.add_field(heading, 1)
    rows = {"tasks": fill(rig, 8), "issues": [other.add_row({"名称": "x"}) for _ in range(8)]}
    tables = [{"name": "tasks", "app": rig.base.token, "table": rig.table.id},
              {"name": "issues", "app": rig.base.token, "table": other.id}]  # fmt: skip
    rig.service.clock.set(NOW, running=True)
    connector = rig.connector(*tables, pace=Pace())
    rig.service.round_trip = 0.02
    done: list[str] = []

    def work(table: str) -> None:
        schema = connector.describe(table)
        key = next(column.id for column in schema.columns if column.name == "预警内容")
        for record in rows[table]:
            done.extend(receipt.outcome for receipt in connector.push(table, schema, [Write(record, {key: "x"})]))

    threads = [threading.Thread(target=work, args=(table,)) for table in ("tasks", "issues") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["written"] * 32
    assert {entry.answer["code"] for entry in rig.service.journal} == {0}
    assert (connector.traffic.retried, connector.traffic.refused) == (0, 0)
