"""Writing to Teambition: every type, silence, own fields only, lost answers, rights, the rate limit, stopping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from teambition_double import ZONE, Double, double

from duban.connectors.base import Cell, Receipt, Schema, Write
from duban.connectors.teambition import TeambitionConnector
from duban.errors import AuthError, Unavailable
from duban.item import Person

UPDATE = "customfield/update"


@pytest.fixture
def tb() -> Iterator[Double]:
    with double() as made:
        yield made


def ids_of(schema: Schema) -> dict[str, str]:
    return {column.name: column.id for column in schema.columns}


def push(connector: TeambitionConnector, *writes: tuple[str, Mapping[str, Cell]]) -> list[Receipt]:
    """Push cells given by heading."""
    schema = connector.describe("tasks")
    ids = ids_of(schema)
    ready = [Write(record, {ids[name]: cell for name, cell in cells.items()}) for record, cells in writes]
    return list(connector.push("tasks", schema, ready))


def read(tb: Double, task: str, heading: str) -> Any:
    return tb.project.row(task)[heading]


# --- every type, both ways


@pytest.mark.parametrize(
    ("kind", "cell", "stands", "sent"),
    [
        ("text", "RD-03 进行中", "RD-03 进行中", [{"id": "", "title": "RD-03 进行中"}]),
        ("number", 3.0, 3.0, [{"id": "", "title": "3"}]),
        ("number", 2.5, 2.5, [{"id": "", "title": "2.5"}]),
        (
            "date", datetime(2024, 7, 26, 10, 0, tzinfo=ZONE), datetime(2024, 7, 26, 2, 0, tzinfo=UTC),
            [{"id": "", "title": "2024-07-26T02:00:00.000Z"}],
        ),
        (
            "date", date(2024, 7, 26), datetime(2024, 7, 26, tzinfo=ZONE),
            [{"id": "", "title": "2024-07-25T16:00:00.000Z"}],
        ),
        ("dropDown", "红", "红", None),
        ("multipleChoice", ("绿", "红"), ["绿", "红"], None),
        ("lookup2", "person", ["张磊"], None),
    ],
)  # fmt: skip
def test_every_type_is_written_and_cleared(tb: Double, kind: str, cell: Any, stands: Any, sent: Any) -> None:
    tb.project.add_field("列", kind, ("绿", "红") if "o" in kind else ())
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    cell = (Person(tb.people["张磊"], "张磊"),) if cell == "person" else cell
    assert push(connector, (task, {"列": cell})) == [Receipt(task, "written")]
    assert read(tb, task, "列") == stands
    body = tb.service.requests(UPDATE)[-1].body
    assert sent is None or body["value"] == sent
    schema = connector.describe("tasks")
    own = ids_of(schema)["列"]
    (page,) = connector.pull("tasks", schema, [own])
    assert page.rows[0].cells[own] == (cell if not isinstance(cell, date) or isinstance(cell, datetime) else stands)
    assert push(connector, (task, {"列": None})) == [Receipt(task, "written")]
    assert read(tb, task, "列") is None
    assert tb.service.requests(UPDATE)[-1].body["value"] == []


def test_no_change_is_success(tb: Double) -> None:
    tb.project.add_field("预警级别", "dropDown", ("绿", "红"))
    task = tb.project.add_task({"标题": "t", "预警级别": "红", "更新时间": "2024-07-22 09:00"})
    before = read(tb, task, "更新时间")
    assert push(tb.connector(), (task, {"预警级别": "红"})) == [Receipt(task, "written")]
    assert tb.service.requests(UPDATE)[-1].answer["code"] == 204
    assert read(tb, task, "更新时间") == before


def test_writes_are_silent(tb: Double) -> None:
    tb.project.add_field("预警级别", "dropDown", ("绿", "红"))
    task = tb.project.add_task({"标题": "t", "执行者": "张磊"})
    assert push(tb.connector(), (task, {"预警级别": "红"}))[0].outcome == "written"
    assert tb.project.history(task) == []
    assert tb.service.notices(task) == []
    tb.project.edit(task, {"预警级别": "绿"}, by="李娜")  # a person's edit is seen
    assert len(tb.project.history(task)) == 1
    assert tb.service.notices(task)[0].users == [tb.people["张磊"]]


def test_the_operator_is_named_on_writes(tb: Double) -> None:
    tb.project.add_field("预警内容")
    task = tb.project.add_task({"标题": "t"})
    push(tb.connector(), (task, {"预警内容": "x"}))
    assert {entry.headers.get("x-operator-id") for entry in tb.service.requests(UPDATE)} == {tb.operator}


# --- only what was asked


def test_nothing_else_changes(tb: Double) -> None:
    for name in ("滞后原因", "预警内容", "触发规则"):
        tb.project.add_field(name)
    values = {"标题": "t", "截止时间": date(2024, 7, 20), "任务状态": "进行中", "滞后原因": "等第三方", "进度": 40}
    tasks = [tb.project.add_task(values) for _ in range(30)]
    before = [dict(row) for row in tb.project.rows()]
    receipts = push(tb.connector(), *((task, {"预警内容": f"w{task}", "触发规则": "LAG-02"}) for task in tasks))
    assert [receipt.outcome for receipt in receipts] == ["written"] * 30
    written = {"预警内容", "触发规则", "更新时间"}
    for old, new in zip(before, tb.project.rows(), strict=True):
        assert {k: v for k, v in new.items() if k not in written} == {k: v for k, v in old.items() if k not in written}
        assert new["预警内容"] == f"w{new['id']}"


def test_built_in_properties_are_never_written(tb: Double) -> None:
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    for column in schema.columns:
        (receipt,) = connector.push("tasks", schema, [Write(task, {column.id: "x"})])
        assert receipt.outcome == "failed", column
        assert column.name in (receipt.error or "")
    assert [entry for entry in tb.service.journal if entry.method != "GET"] == []


def test_an_unknown_choice_is_not_sent(tb: Double) -> None:
    tb.project.add_field("预警级别", "dropDown", ("绿",))
    tb.project.add_field("预警内容")
    good, bad = (tb.project.add_task({"标题": name}) for name in "gb")
    receipts = push(tb.connector(), (bad, {"预警内容": "x", "预警级别": "红"}), (good, {"预警级别": "绿"}))
    assert [receipt.outcome for receipt in receipts] == ["failed", "written"]
    assert receipts[0].error == "预警级别: there is no option 红; add it in Teambition"
    assert read(tb, bad, "预警内容") is None
    assert all(bad not in entry.path for entry in tb.service.requests(UPDATE))


def test_a_column_that_is_not_there_and_a_time_without_zone(tb: Double) -> None:
    tb.project.add_field("预警时间", "date")
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    own = ids_of(schema)["预警时间"]
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - the point of this test
    writes = [Write(task, {"nope": "x"}), Write(task, {own: naive}), Write(task, {own: 3.0})]
    receipts = list(connector.push("tasks", schema, writes))
    assert [receipt.outcome for receipt in receipts] == ["failed"] * 3
    assert "zone" in (receipts[1].error or "")


# --- one bad row


def test_bad_rows_are_named_and_the_others_written(tb: Double) -> None:
    tb.project.add_field("预警内容")
    tb.project.add_field("内部", attach=False)
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(5)]
    connector = tb.connector()
    schema = connector.describe("tasks")
    ids = ids_of(schema)
    tb.project.delete(tasks[1])
    hidden = tb.project.state.tasks[tasks[3]]
    hidden.visible = "involves"
    writes = [Write(task, {ids["预警内容"]: "x"}) for task in tasks]
    writes[4] = Write(tasks[4], {ids["预警内容"]: "x", ids["内部"]: "y"})
    receipts = list(connector.push("tasks", schema, writes))
    assert [receipt.record for receipt in receipts] == tasks
    assert [receipt.outcome for receipt in receipts] == ["written", "failed", "written", "failed", "failed"]
    assert "deleted" in (receipts[1].error or "")
    assert "right" in (receipts[3].error or "")
    assert (receipts[4].error or "").startswith("内部: ")
    assert read(tb, tasks[4], "预警内容") == "x"


def test_an_operator_without_rights_ends_the_push(tb: Double) -> None:
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(200)]
    tb.project.state.members = dict.fromkeys(tb.people.values(), 0)
    with pytest.raises(AuthError, match="rd/tasks: Teambition lets the operator write to no task"):
        push(tb.connector(), *((task, {"预警内容": "x"}) for task in tasks))
    assert len(tb.service.requests(UPDATE)) < 60


@pytest.mark.parametrize("style", ["http", "envelope", "flag"])
def test_refusals_in_every_style(tb: Double, style: str) -> None:
    tb.service.settings({"error_style": style})
    field = tb.project.add_field("列", "dropDown", ("红",))
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    tb.project.state.fields[field].choices.clear()  # the option was deleted since we looked
    (receipt,) = connector.push("tasks", schema, [Write(task, {field: "红"})])
    assert receipt.outcome == "failed"
    assert "列: " in (receipt.error or "")
    assert "400" in (receipt.error or "")


# --- lost answers


@pytest.mark.parametrize("kind", ["drop_after", "drop", "html_502", "html_200", "truncate", "empty", "status"])
def test_a_lost_answer_is_looked_up_before_it_is_repeated(tb: Double, kind: str) -> None:
    tb.project.add_field("预警内容")
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    tb.service.fault(kind, UPDATE)  # type: ignore[arg-type]
    assert push(connector, (task, {"预警内容": "x"})) == [Receipt(task, "written")]
    assert read(tb, task, "预警内容") == "x"
    applied = kind in {"drop_after", "truncate"}
    assert len(tb.service.requests(UPDATE)) == (1 if applied else 2)
    assert len(tb.service.requests("/v3/task/query")) == 1


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("number", 3.0), ("date", datetime(2024, 7, 26, 10, 0, 0, 123456, tzinfo=ZONE)), ("dropDown", "红"),
        ("multipleChoice", ("绿", "红")), ("lookup2", "person"), ("text", None),
    ],
)  # fmt: skip
def test_reading_back_knows_its_own_value(tb: Double, kind: str, cell: Any) -> None:
    tb.project.add_field("列", kind, ("绿", "红"))
    task = tb.project.add_task({"标题": "t", **({"列": "alt"} if kind == "text" else {})})
    tb.service.fault("drop_after", UPDATE)
    cell = (Person(tb.people["张磊"], "张磊"),) if cell == "person" else cell
    assert push(tb.connector(), (task, {"列": cell})) == [Receipt(task, "written")]
    assert len(tb.service.requests(UPDATE)) == 1


def test_an_outcome_that_stays_unknown(tb: Double) -> None:
    tb.project.add_field("预警内容")
    task = tb.project.add_task({"标题": "t"})
    tb.service.fault("status", UPDATE, times=99, status=500)
    (receipt,) = push(tb.connector(), (task, {"预警内容": "x"}))
    assert receipt.outcome == "unknown"
    assert "预警内容" in (receipt.error or "")
    assert len(tb.service.requests(UPDATE)) == 3


def test_a_task_that_vanished_while_the_answer_was_lost(tb: Double) -> None:
    tb.project.add_field("预警内容")
    task = tb.project.add_task({"标题": "t"})
    connector = tb.connector()
    tb.service.fault("body", "/v3/task/query", status=200, body={"code": 200, "result": []})
    tb.service.fault("drop", UPDATE)
    (receipt,) = push(connector, (task, {"预警内容": "x"}))
    assert receipt == Receipt(task, "failed", "the task does not exist any more (deleted)")


def test_a_service_that_went_down_ends_the_push(tb: Double) -> None:
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(5)]
    connector = tb.connector()
    schema = connector.describe("tasks")
    own = ids_of(schema)["预警内容"]
    tb.service.stop()
    with pytest.raises(Unavailable, match="could not be reached"):
        list(connector.push("tasks", schema, [Write(task, {own: "x"}) for task in tasks]))
    tb.service.start()


def test_the_fields_of_a_row_go_in_order(tb: Double) -> None:
    names = [f"f{number}" for number in range(6)]
    for name in reversed(names):
        tb.project.add_field(name)
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(30)]
    connector = tb.connector()
    push(connector, *((task, dict.fromkeys(names, "x")) for task in tasks))
    ids = ids_of(connector.describe("tasks"))
    for task in tasks:
        sent = [entry.body["customfieldId"] for entry in tb.service.requests(UPDATE) if task in entry.path]
        assert sent == [ids[name] for name in names]
