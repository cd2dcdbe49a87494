"""Writing to the simulated Feishu: codes by type, atomic batches, created options, conflicts, lag, fields."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from feishu_client import APP, NOW, SECRET, Client, at

from duban.sandbox.feishu import FeishuService, Table


@pytest.fixture
def service() -> Iterator[FeishuService]:
    made = FeishuService()
    made.clock.set(NOW)
    made.switches.limits_enabled = False
    made.add_app(APP, SECRET)
    with made:
        yield made


@pytest.fixture
def client(service: FeishuService) -> Iterator[Client]:
    made = Client(service)
    made.get_token()
    yield made
    made.session.close()


@pytest.fixture
def table(service: FeishuService) -> Table:
    table = service.add_base("项目").add_table("任务")
    table.add_field("文本", 1)
    table.add_field("数字", 2)
    table.add_field("评分", 2, "Rating", {"min": 1, "max": 5})
    table.add_field("单选", 3, property={"options": ["红", "黄"]})
    table.add_field("多选", 4)
    table.add_field("日期", 5)
    table.add_field("勾", 7)
    table.add_field("人员", 11)
    table.add_field("电话", 13)
    table.add_field("链接", 15)
    table.add_field("附件", 17)
    table.add_field("单向", 18, property={"table_id": table.id})
    table.add_field("公式", 20)
    table.add_field("修改", 1002)
    return table


@pytest.mark.parametrize(
    ("heading", "value", "code"),
    [
        ("文本", 5, 1254060), ("文本", "长" * 100_001, 1254130), ("数字", "5", 1254061), ("数字", True, 1254061),
        ("评分", 6, 1254061), ("单选", ["红"], 1254062), ("多选", "红", 1254063), ("日期", "2024-07-24", 1254064),
        ("日期", 1_721_786_400, 1254064), ("勾", 1, 1254065), ("人员", "甲", 1254066),
        ("人员", [{"id": "ou_x"}], 1254066),
        ("电话", "12a", 1254072), ("链接", "https://x", 1254068), ("附件", ["f"], 1254069),
        ("附件", [{"file_token": "f"}], 1254303), ("单向", "rec", 1254067), ("单向", ["recNone"], 1254067),
        ("公式", "x", 1254015), ("修改", 1, 1254015), ("无此列", "x", 1254045),
    ],
)  # fmt: skip
def test_values_are_refused_by_type_and_the_batch_with_them(
    client: Client, table: Table, heading: str, value: Any, code: int
) -> None:
    good, bad = table.add_row({"文本": "甲"}), table.add_row({"文本": "乙"})
    before, revision = table.dump(), table.revision
    answer = client.update(table, (good, {"文本": "变"}), (bad, {heading: value}))
    assert answer["code"] == code
    assert bad not in answer["msg"]  # no word about which record it was
    assert (table.dump(), table.revision) == (before, revision)


def test_seconds_may_land_in_1970(client: Client, table: Table) -> None:
    record = table.add_row({})
    client.service.switches.seconds_dates = "store"
    assert client.update(table, (record, {"日期": 1_721_786_400}))["code"] == 0
    assert table.dump()[record]["日期"].year == 1970


def test_merge_clear_and_echo(client: Client, table: Table) -> None:
    record = table.add_row({"文本": "甲", "数字": 3})
    answer = client.update(table, (record, {"文本": None, "人员": [], "单选": "红"}))
    [echoed] = answer["data"]["records"]
    assert echoed == {"id": record, "record_id": record, "fields": {"文本": None, "人员": [], "单选": "红"}}
    assert table.dump()[record] == {"数字": 3, "单选": "红", "修改": table.dump()[record]["修改"]}


def test_writing_unknown_options_creates_them(client: Client, table: Table) -> None:
    record = table.add_row({})
    client.update(table, (record, {"单选": "蓝", "多选": ["新", "新"]}))
    names = [option["name"] for option in table.named("多选").options]
    assert names == ["新", "新"]  # twice in one cell: two equal options
    created = [(heading, option) for _, heading, option in client.service.created_options]
    assert created == [("单选", "蓝"), ("多选", "新"), ("多选", "新")]
    client.update(table, (record, {"单选": "绿"}), (record, {"数字": "x"}))
    assert [option["name"] for option in table.named("单选").options] == ["红", "黄", "蓝"]  # refused: none created


def test_two_way_links(client: Client, table: Table) -> None:
    other = table.base.add_table("乙表")
    other.add_field("名称", 1)
    table.add_field("双向", 21, property={"table_id": other.id, "back_field_name": "反向"})
    row, target = table.add_row({}), other.add_row({"名称": "目标"})
    client.update(table, (row, {"双向": [target]}))
    assert other.dump()[target]["反向"] == [row]
    assert client.update(table, (row, {"双向": target}))["code"] == 1254074
    client.update(table, (row, {"双向": None}))
    assert "反向" not in other.dump()[target]


def test_batches_are_limited(client: Client, table: Table) -> None:
    client.service.switches.batch_limit = 500
    rows = [table.add_row({}) for _ in range(501)]
    assert client.update(table, *((row, {"数字": 1}) for row in rows))["code"] == 1254104
    path = f"{at(table)}/records"
    assert client.code("POST", f"{path}/batch_delete", json={"records": rows}) == 1254104
    assert len(client.data("POST", f"{path}/batch_delete", json={"records": rows[:500]})["records"]) == 500
    client.service.switches.row_limit = 1
    assert client.code("POST", path, json={"fields": {}}) == 1254103
    assert client.update(table, (rows[0], {}))["code"] == 1254043


def test_client_token(client: Client, table: Table) -> None:
    path, token = f"{at(table)}/records", str(uuid.uuid4())
    body = {"fields": {"文本": "甲"}}
    first = client.data("POST", path, json=body, params={"client_token": token})
    assert client.data("POST", path, json=body, params={"client_token": token}) == first
    assert len(table.records) == 1
    assert client.code("POST", path, json={"fields": {}}, params={"client_token": token}) == 1255006
    assert client.code("POST", path, json=body, params={"client_token": "1"}) == 1254037
    client.service.switches.repeated_create = "refuse"
    assert client.code("POST", path, json=body, params={"client_token": token}) == 1254608


def overlapping(client: Client, table: Table, **params: Any) -> list[int]:
    """Send two writes at the same time and return their codes."""
    row = table.add_row({})
    client.service.round_trip = 0.1
    codes: list[int] = []
    start = threading.Barrier(2)

    def write(value: int) -> None:
        own = Client(client.service)
        own.token = client.token
        start.wait()
        codes.append(own.update(table, (row, {"数字": value}), **params)["code"])
        own.session.close()

    threads = [threading.Thread(target=write, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.service.round_trip = 0.0
    return sorted(codes)


def test_overlapping_writes_conflict(client: Client, table: Table) -> None:
    assert overlapping(client, table) == [0, 1254291]
    assert overlapping(client, table, ignore_consistency_check="true") == [0, 0]
    row = table.add_row({})
    assert {client.update(table, (row, {"数字": value}))["code"] for value in range(5)} == {0}  # one after the other


def test_hold_and_not_ready(client: Client, table: Table) -> None:
    row = table.add_row({})
    client.service.switches.write_hold = 1.0
    assert [client.update(table, (row, {"数字": 1}))["code"] for _ in range(2)] == [0, 1254291]
    client.service.clock.advance(1)
    client.service.switches.write_hold = 0.0
    client.service.switches.writes_until_not_ready = 2
    assert [client.update(table, (row, {"数字": 1}))["code"] for _ in range(2)] == [0, 1254607]
    client.service.clock.advance(3)
    assert client.update(table, (row, {"数字": 1}))["code"] == 0


def test_replicas_lag_behind(client: Client, table: Table) -> None:
    row = table.add_row({"文本": "旧"})
    client.service.switches.replica_lag = 2.0
    client.service.clock.advance(10)
    client.update(table, (row, {"文本": "新"}))
    fresh = client.data("POST", f"{at(table)}/records", json={"fields": {"文本": "另"}})["record"]["record_id"]
    assert [item["fields"]["文本"][0]["text"] for item in client.search(table)["items"]] == ["旧"]
    assert client.update(table, (fresh, {"文本": "x"}))["code"] == 1254043
    client.service.clock.advance(2)
    assert [item["fields"]["文本"][0]["text"] for item in client.search(table)["items"]] == ["新", "另"]
    assert client.update(table, (fresh, {"文本": "x"}))["code"] == 0


def test_troubles_can_be_queued(client: Client, table: Table) -> None:
    row = table.add_row({})
    client.service.trouble(1255040, "batch_update", applied=True)
    answer = client.raw("POST", f"{at(table)}/records/batch_update",
                        json={"records": [{"record_id": row, "fields": {"数字": 7}}]})  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (504, 1255040)
    assert table.dump()[row]["数字"] == 7


def test_synced_tables_are_read_only(client: Client, table: Table) -> None:
    row, table.synced = table.add_row({}), True
    assert client.update(table, (row, {"数字": 1}))["code"] == 1254302


# --- fields


def test_rename_changes_every_key_at_once(client: Client, table: Table) -> None:
    row, before = table.add_row({"文本": "甲"}), table.named("文本").id
    table.rename_field("文本", " 正文 ")
    assert client.search(table)["items"][0]["fields"]["正文"]
    assert client.update(table, (row, {"文本": "x"}))["code"] == 1254045
    assert table.named("正文").id == before
    table.delete_field("正文")
    assert "正文" not in client.search(table)["items"][0]["fields"]


def test_fields_are_created_listed_and_replaced(client: Client, table: Table) -> None:
    path = f"{at(table)}/fields"
    options = [{"name": "正常", "color": 0}, {"name": "预警"}]
    body = {"field_name": " 预警 ", "type": 3, "property": {"options": options}}
    made = client.data("POST", path, json=body)["field"]
    assert made["field_name"] == "预警"
    assert all(option["id"].startswith("opt") for option in made["property"]["options"])
    assert client.code("POST", path, json=body) == 1254014
    assert client.code("POST", path, json={"field_name": "查", "type": 19}) == 1254015
    row = table.add_row({"预警": "正常"})
    unchanged = {"field_name": "预警", "type": 3, "property": made["property"]}
    assert client.code("PUT", f"{path}/{made['field_id']}", json=unchanged) == 1254606
    fewer = {**unchanged, "property": {"options": made["property"]["options"][1:]}}
    client.data("PUT", f"{path}/{made['field_id']}", json=fewer)
    assert "预警" not in table.dump()[row]  # its option is gone, and the cell with it
    listed = client.data("GET", path, params={"page_size": 10})
    assert (len(listed["items"]), listed["has_more"], listed["items"][0]["is_primary"]) == (10, True, True)
    rest = client.data("GET", path, params={"page_size": 10, "page_token": listed["page_token"]})
    assert (rest["has_more"], bool(rest["page_token"])) == (False, True)
    assert client.code("DELETE", f"{path}/{listed['items'][0]['field_id']}") == 1254015  # the primary field stays
    assert client.data("DELETE", f"{path}/{made['field_id']}")["deleted"] is True
