"""Reading Teambition: the token, the catalogues, every type of column, paging, and no trust in an empty answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from teambition_double import SECRET, ZONE, Double, double, pulled

from duban.connectors.teambition.cells import Undecoded, decode, read_date
from duban.connectors.teambition.listing import WAYS
from duban.connectors.teambition.properties import custom_column
from duban.connectors.teambition.token import Signer, sign
from duban.errors import SchemaChanged
from duban.item import Person


@pytest.fixture
def tb() -> Iterator[Double]:
    with double() as made:
        yield made


# --- the token


def test_token_vector() -> None:
    token = sign("sim-app", SECRET, 1767226834 // 3600 * 3600)
    head, claims, signature = token.split(".")
    assert base64.urlsafe_b64decode(claims + "==") == b'{"iat":1767225600,"exp":1767229560,"_appId":"sim-app"}'
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT"}
    assert signature == "BTrpIB-Ad7tFYJqjBRt-flO2mYnFNBCNvpzf4-Dz20w"


def test_one_token_per_hour_and_a_fresh_one_on_request() -> None:
    now = 1767226834.0
    signer = Signer("sim-app", SECRET, lambda: now)
    first = signer.token()
    now += 2000  # still in the same hour
    assert signer.token() == first == sign("sim-app", SECRET, 1767225600)
    now += 1000
    assert signer.token() == sign("sim-app", SECRET, 1767225600 + 3600)
    signer.renew()
    assert signer.token() == sign("sim-app", SECRET, int(now))
    now -= 7200  # the clock was put back: a token from the future would be refused
    assert signer.token() == sign("sim-app", SECRET, int(now) // 3600 * 3600)


def test_headers_and_no_operator_on_reads(tb: Double) -> None:
    tb.project.add_task({"标题": "a"})
    pulled(tb.connector())
    for entry in tb.service.requests("/api/"):
        assert entry.headers["x-tenant-id"] == tb.organization
        assert entry.headers["x-tenant-type"] == "organization"
        assert "x-operator-id" not in entry.headers


def test_a_task_for_participants_only_is_read(tb: Double) -> None:
    tb.project.add_task({"标题": "secret", "可见性": "仅参与者可见", "执行者": "张磊"})
    assert pulled(tb.connector())["secret"]["可见性"] == "involves"


# --- columns


def test_columns_of_a_project(tb: Double) -> None:
    kinds = {
        "text": "text", "rtf": "text", "number": "number", "date": "datetime", "dropDown": "select",
        "multipleChoice": "multi_select", "lookup": "person", "lookup2": "person", "work": "attachment",
        "cascading": "select", "commongroup": "select",
    }  # fmt: skip
    for kind in kinds:
        tb.project.add_field(f"F {kind}", kind, ("甲", "乙"))
    tb.project.add_field("relation", "lookup2", object_type="task")
    schema = tb.connector().describe("tasks")
    assert schema.title == "产品研发"
    custom = {column.name: column for column in schema.columns if column.field is None}
    assert {name: column.type for name, column in custom.items()} == {
        **{f"F {kind}": type_ for kind, type_ in kinds.items()}, "relation": "unknown"
    }  # fmt: skip
    assert custom["F dropDown"].options == ("甲", "乙")
    assert {name for name, column in custom.items() if not column.writable} == {
        "F rtf", "F work", "F cascading", "F commongroup", "relation"
    }  # fmt: skip
    built_in = {column.field: column for column in schema.columns if column.field}
    assert {field for field, column in built_in.items() if column.writable} == set()
    assert {field for field, column in built_in.items() if column.fallback} == {"code", "stage"}
    assert {column.id: field for field, column in built_in.items()} == {
        "content": "title", "executorId": "owner", "involveMembers": "participants", "startDate": "planned_start",
        "dueDate": "due", "accomplishTime": "actual_finish", "progress": "progress", "tfsId": "status",
        "updated": "last_update", "visible": "visibility", "note": "latest_note", "priority": "priority",
        "uniqueId": "code", "stageId": "stage", "isDone": "is_done",
    }  # fmt: skip
    assert built_in["last_update"].type == "modified"


def test_more_fields_than_a_default_page(tb: Double) -> None:
    for number in range(130):
        tb.project.add_field(f"field {number}")
    schema = tb.connector().describe("tasks")
    assert sum(column.field is None for column in schema.columns) == 130


def test_more_statuses_stages_and_people_than_a_default_page(tb: Double) -> None:
    for number in range(115):
        tb.project.add_status(f"状态{number}")
        tb.project.add_stage(f"列{number}")
        name = f"成员{number}"
        tb.service.add_member(name)
        tb.project.add_task({"标题": name, "任务状态": f"状态{number}", "执行者": name, "任务列表": f"列{number}"})
    found = pulled(tb.connector())
    assert len(found) == 115
    for number in range(115):
        row = found[f"成员{number}"]
        assert row["任务状态"] == f"状态{number}"
        assert row["任务列表"] == f"列{number}"
        assert [person.name for person in row["执行者"]] == [f"成员{number}"]  # type: ignore[attr-defined]


def test_built_in_cells(tb: Double) -> None:
    tb.service.set_priorities({0: "普通", 2: "非常紧急"})
    values = {
        "标题": "核心功能", "执行者": "张磊", "参与者": ["李娜", "吴迪"], "开始时间": date(2024, 7, 1),
        "截止时间": "2024-07-17 18:00", "任务状态": "进行中", "进度": 80, "备注": "一切正常",
        "更新时间": "2024-07-22 09:40", "优先级": "非常紧急",
    }  # fmt: skip
    tb.project.add_task(values)
    row = pulled(tb.connector())["核心功能"]
    assert row["执行者"] == (Person(tb.people["张磊"], "张磊"),)
    assert row["参与者"] == (Person(tb.people["李娜"], "李娜"), Person(tb.people["吴迪"], "吴迪"))
    assert row["开始时间"] == datetime(2024, 6, 30, 16, tzinfo=UTC)  # midnight in Shanghai: only a day was meant
    assert row["截止时间"] == datetime(2024, 7, 17, 18, tzinfo=ZONE)
    assert row["更新时间"] == datetime(2024, 7, 22, 9, 40, tzinfo=ZONE)
    assert row["任务状态"] == "进行中"
    assert row["进度"] == 80.0
    assert row["优先级"] == "非常紧急"
    assert row["任务 ID"] == "RD-1"
    assert row["是否完成"] is False
    assert "完成时间" not in row


@pytest.mark.parametrize("unique_id", ["route", "int", "str", "mixed"])
@pytest.mark.parametrize("empty_cells", ["omit", "list", "none"])
def test_odd_types_do_not_lose_a_page(tb: Double, unique_id: str, empty_cells: str) -> None:
    tb.project.add_field("说明")
    tb.service.settings(
        {"unique_id": unique_id, "empty_cells": empty_cells, "float_pos": True, "blank_dates": True}
    )  # fmt: skip
    for number in range(4):
        tb.project.add_task({"标题": f"t{number}"} | ({"说明": "有"} if number == 0 else {}))
    found = pulled(tb.connector())
    assert [row["任务 ID"] for row in found.values()] == ["RD-1", "RD-2", "RD-3", "RD-4"]
    assert [row.get("说明") for row in found.values()] == ["有", None, None, None]
    assert not any("截止时间" in row for row in found.values())


def test_custom_cells_of_every_type(tb: Double) -> None:
    values = {
        "文本": ("text", "甲"), "富文本": ("rtf", "<p>乙</p>"), "数": ("number", 12.5),
        "日": ("date", date(2026, 3, 16)),
        "单选": ("dropDown", "红"), "多选": ("multipleChoice", ["红", "绿"]), "人": ("lookup2", ["张磊", "李娜"]),
        "附件": ("work", ["报告.docx"]), "级联": ("cascading", "红"), "分类": ("commongroup", "绿"),
    }  # fmt: skip
    for name, (kind, _) in values.items():
        tb.project.add_field(name, kind, ("红", "绿"))
    tb.project.add_task({"标题": "t", **{name: value for name, (_, value) in values.items()}})
    row = pulled(tb.connector(), *values)["t"]
    assert row == {
        "标题": "t", "文本": "甲", "富文本": "<p>乙</p>", "数": 12.5, "日": datetime(2026, 3, 16, tzinfo=ZONE),
        "单选": "红", "多选": ("红", "绿"),
        "人": (Person(tb.people["张磊"], "张磊"), Person(tb.people["李娜"], "李娜")),
        "附件": ("报告.docx",), "级联": "红", "分类": "绿",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("number", [{"title": "zwölf"}], Undecoded("zwölf")),
        ("number", [{"title": "nan"}], Undecoded("nan")),
        ("number", [{"title": 3}], 3.0),
        ("date", [{"title": "下周五"}], Undecoded("下周五")),
        ("date", [{"title": "2026-03-16T00:00:00"}], Undecoded("2026-03-16T00:00:00")),
        ("date", [{"title": ""}], None),
        ("text", "not a list", "not a list"),
        ("text", [["a list"]], Undecoded('[["a list"]]')),
        ("text", [], None),
        ("text", None, None),
        ("dropDown", [{"id": "o1"}], "甲"),
        ("dropDown", [{"title": "甲"}, {"title": "乙"}], Undecoded("甲、乙")),
        ("brandNew", [{"title": "x"}, {"title": "y"}], "x\ny"),
    ],
)
def test_decoding(kind: str, value: object, cell: object) -> None:
    column = custom_column({"id": "c", "name": "n", "type": kind, "choices": [{"id": "o1", "value": "甲"}]})
    assert decode(column, value, ZONE) == cell


def test_a_bare_day_is_local_midnight() -> None:
    assert read_date("2026-03-16", ZONE) == datetime(2026, 3, 16, tzinfo=ZONE)


def test_a_cell_that_does_not_decode_is_bad_and_the_row_stays(tb: Double) -> None:
    tb.project.add_field("数", "number")
    task = tb.project.add_task({"标题": "t", "数": 1})
    tb.project.state.tasks[task].cells[next(iter(tb.project.state.fields))][0]["title"] = "viele"
    connector = tb.connector()
    schema = connector.describe("tasks")
    number = next(column.id for column in schema.columns if column.name == "数")
    (page,) = connector.pull("tasks", schema, ["content", number])
    assert page.rows[0].bad == {number: "viele"}
    assert page.rows[0].cells == {"content": "t"}
    assert page.rows[0].url == f"https://www.teambition.com/task/{task}"


# --- statuses


def test_equal_status_names_of_two_workflows(tb: Double) -> None:
    flow = tb.project.add_taskflow("缺陷流", (("待处理", "start"), ("关闭", "end")))
    kind = tb.project.add_task_type("缺陷", flow)
    tb.project.add_task({"标题": "bug", "任务状态": "待处理"}, task_type=kind)
    tb.project.add_task({"标题": "task", "任务状态": "待处理"})
    found = pulled(tb.connector())
    assert {row["任务状态"] for row in found.values()} == {"待处理"}
    ids = {task.status for task in tb.project.state.tasks.values()}
    assert len(ids) == 2


def test_a_status_without_a_name(tb: Double) -> None:
    tb.project.add_task({"标题": "open", "任务状态": "进行中"})
    done = tb.project.add_task({"标题": "done", "任务状态": "已完成"})
    for number in range(5):
        tb.project.add_task({"标题": f"more {number}"})
    for task in tb.project.state.tasks.values():
        task.status = "0" * 24
    connector = tb.connector()
    schema = connector.describe("tasks")
    rows = [row for page in connector.pull("tasks", schema, ["tfsId", "isDone"]) for row in page.rows]
    assert (rows[0].cells.get("tfsId"), rows[0].bad) == (None, {"tfsId": "0" * 24})
    assert (rows[1].cells["tfsId"], rows[1].bad) == ("已完成", {})
    assert rows[1].record == done
    assert rows[1].cells["isDone"] is True
    # fetched once, and once more for the unknown id, but not for every task
    assert len(tb.service.requests("taskflowstatus/search")) == 2


def test_a_status_that_is_added_while_we_read(tb: Double) -> None:
    tb.project.add_task({"标题": "a", "任务状态": "进行中"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    list(connector.pull("tasks", schema, ["tfsId"]))
    tb.project.add_status("待验收")
    tb.project.add_task({"标题": "b", "任务状态": "待验收"})
    rows = [row for page in connector.pull("tasks", schema, ["tfsId"]) for row in page.rows]
    assert [row.cells["tfsId"] for row in rows] == ["进行中", "待验收"]


def test_only_the_catalogues_that_are_needed(tb: Double) -> None:
    tb.project.add_task({"标题": "a", "执行者": "张磊"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    before = len(tb.service.journal)
    list(connector.pull("tasks", schema, ["content", "dueDate"]))
    assert [entry.path for entry in tb.service.journal[before:]] == [f"/api/v3/project/{tb.project.id}/task/query"]
    list(connector.pull("tasks", schema, ["executorId"]))
    assert len(tb.service.requests("batchGet")) == 1


# --- pages


def test_paging_over_many_tasks(tb: Double) -> None:
    for number in range(2345):
        tb.project.add_task({"标题": f"t{number}"})
    connector = tb.connector()
    pages = list(connector.pull("tasks", connector.describe("tasks"), ["content"]))
    assert [len(page.rows) for page in pages] == [1000, 1000, 345]
    assert {page.total for page in pages} == {2345}


def test_a_smaller_largest_page_is_found_and_remembered(tb: Double) -> None:
    tb.service.settings({"largest_page": 200, "over_page": "refuse"})
    for number in range(250):
        tb.project.add_task({"标题": f"t{number}"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    assert [len(page.rows) for page in connector.pull("tasks", schema, ["content"])] == [100, 100, 50]
    refused = [entry for entry in tb.service.journal if entry.status == 400]
    assert len(refused) == 1
    list(connector.pull("tasks", schema, ["content"]))
    assert [entry for entry in tb.service.journal if entry.status == 400] == refused


def test_edits_between_pages_lose_no_task(tb: Double) -> None:
    tb.service.settings({"moving_page": True, "largest_page": 100})
    for number in range(350):
        tb.project.add_task({"标题": f"t{number}", "创建时间": f"2024-07-01 {number // 60:02d}:{number % 60:02d}"})
    assert len(pulled(tb.connector(), "标题")) == 350


def test_the_recycle_bin_is_left_out(tb: Double) -> None:
    gone = tb.project.add_task({"标题": "gone"})
    tb.project.add_task({"标题": "here"})
    tb.project.archive(gone)
    assert set(pulled(tb.connector())) == {"here"}


# --- empty answers


def test_an_empty_project_is_empty(tb: Double) -> None:
    connector = tb.connector()
    (page,) = connector.pull("tasks", connector.describe("tasks"), ["content"])
    assert page.rows == []


@pytest.mark.parametrize("bad_query", ["error", "empty"])
def test_a_query_that_is_not_understood_is_left_out(
    tb: Double, bad_query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = tuple(way._replace(query=way.query and "nonsense ~ 1") for way in WAYS)
    monkeypatch.setattr("duban.connectors.teambition.listing.WAYS", ways)
    tb.service.settings({"bad_query": bad_query})
    tb.project.add_task({"标题": "a"})
    assert set(pulled(tb.connector())) == {"a"}


@pytest.mark.parametrize(
    "body", [{"code": 200, "result": []}, {"code": 200, "result": None}, {"code": 204, "result": None}]
)
def test_an_empty_list_is_never_all_tasks_vanished(tb: Double, body: dict[str, object]) -> None:
    tb.project.add_task({"标题": "a"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    tb.service.fault("body", "task/query", times=10, status=200, body=body)
    with pytest.raises(SchemaChanged, match="empty although"):
        list(connector.pull("tasks", schema, ["content"]))


def test_pages_that_go_in_a_circle(tb: Double) -> None:
    connector = tb.connector()
    schema = connector.describe("tasks")
    again = {"code": 200, "nextPageToken": "same", "result": [{"id": "1"}]}
    tb.service.fault("body", "task/query", times=10, status=200, body=again)
    with pytest.raises(SchemaChanged, match="circle"):
        list(connector.pull("tasks", schema, ["content"]))
