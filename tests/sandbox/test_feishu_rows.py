"""Reading from the simulated Feishu: both dialects, live pages, filters, sorts, permissions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from feishu_client import APP, NOW, SECRET, Client, at

from duban.sandbox.feishu import FeishuService, Table

MIDNIGHT = 1_720_972_800_000  # 2024-07-15 00:00 in Shanghai


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
    return service.add_base("项目").add_table("任务")


def every_type(service: FeishuService, table: Table) -> str:
    """Fill one row with a cell of every type and return its id."""
    other = table.base.add_table("另一表")
    other.add_field("标题", 1)
    linked = other.add_row({"标题": "上游"})
    table.add_field("文本", 1)
    table.add_field("邮箱", 1, "Email")
    table.add_field("数字", 2)
    table.add_field("进度", 2, "Progress")
    table.add_field("单选", 3)
    table.add_field("多选", 4)
    table.add_field("日期", 5)
    table.add_field("勾选", 7)
    table.add_field("没勾", 7)
    table.add_field("人员", 11)
    table.add_field("电话", 13)
    table.add_field("链接", 15)
    table.add_field("附件", 17)
    table.add_field("单向", 18, property={"table_id": other.id})
    table.add_field("双向", 21, property={"table_id": other.id})
    table.add_field("公式", 20, formula=lambda row: f"{row['文本']}!")
    table.add_field("查找", 19)
    table.add_field("地点", 22)
    table.add_field("群", 23)
    table.add_field("阶段", 24)
    table.add_field("创建", 1001)
    table.add_field("修改", 1002)
    table.add_field("创建人", 1003)
    table.add_field("编号", 1005)
    table.add_field("空", 1)
    service.add_person("甲", union_id="on_jia", user_id="u_jia", email="jia@example.com")
    return table.add_row(
        {
            "文本": "你好", "邮箱": "a@b.c", "数字": 100, "进度": 0.66, "单选": "进行中", "多选": ["a", "b"],
            "日期": MIDNIGHT,
            "勾选": False, "人员": "甲", "电话": "+8613", "链接": "https://x.y", "附件": "图.png", "单向": [linked],
            "双向": [linked], "查找": 7, "地点": "北京", "群": "群A",
        },
        by="甲",
    )  # fmt: skip


def test_search_dialect(service: FeishuService, client: Client, table: Table) -> None:
    every_type(service, table)
    [item] = client.search(table, user_id_type="union_id")["items"]
    cells = item["fields"]
    person = {"id": "on_jia", "name": "甲", "en_name": "甲", "email": "jia@example.com", "avatar_url": ""}
    assert cells["文本"] == [{"type": "text", "text": "你好"}]
    assert cells["邮箱"] == [{"type": "url", "text": "a@b.c", "link": "mailto:a@b.c"}]
    assert (cells["数字"], cells["进度"], cells["单选"], cells["多选"]) == (100, 0.66, "进行中", ["a", "b"])
    assert (cells["日期"], cells["勾选"], cells["人员"]) == (MIDNIGHT, False, [person])
    assert cells["链接"] == {"text": "https://x.y", "link": "https://x.y"}
    assert cells["附件"][0]["name"] == "图.png"
    assert list(cells["单向"]) == ["link_record_ids"]
    assert cells["公式"] == {"type": 1, "value": [{"type": "text", "text": "你好!"}]}
    assert cells["查找"] == {"type": 2, "value": [7]}
    assert cells["地点"]["full_address"] == "北京"
    assert cells["创建"] == cells["修改"] == int(NOW * 1000)
    assert (cells["创建人"], cells["编号"]) == ([person], "1")
    assert not {"空", "没勾", "阶段"} & set(cells)  # empty, never touched, never sent
    assert set(item) == {"record_id", "fields"}


def test_legacy_dialect(service: FeishuService, client: Client, table: Table) -> None:
    record = every_type(service, table)
    answer = client.data("GET", f"{at(table)}/records")
    cells = answer["items"][0]["fields"]
    assert (cells["文本"], cells["邮箱"], cells["数字"], cells["进度"]) == ("你好", "a@b.c", "100", "0.66")
    [link] = cells["单向"]
    assert (link["text"], link["text_arr"], link["type"]) == ("上游", ["上游"], "text")
    assert cells["公式"] == [{"type": "text", "text": "你好!"}]
    assert cells["创建人"]["name"] == "甲"
    assert answer["page_token"]  # although has_more is false
    assert not answer["has_more"]
    odd = client.data(
        "GET", f"{at(table)}/records/{record}", params={"text_field_as_array": "True", "display_formula_ref": "1"}
    )["record"]["fields"]
    assert odd["文本"] == [{"type": "text", "text": "你好"}]
    assert odd["公式"]["type"] == 1


def test_people_are_named_as_asked(service: FeishuService, client: Client, table: Table) -> None:
    record = every_type(service, table)
    opened = client.search(table)["items"][0]["fields"]["人员"][0]["id"]
    assert opened.startswith("ou_")
    assert "id" not in client.search(table, user_id_type="user_id")["items"][0]["fields"]["人员"][0]  # scope missing
    service.add_app("cli_other", "s", ["bitable:app", "contact:user.employee_id:readonly"])
    table.base.share("cli_other")
    other = Client(service, "cli_other", "s")
    other.get_token()
    assert other.search(table)["items"][0]["fields"]["人员"][0]["id"] != opened  # open ids differ per application
    assert other.search(table, user_id_type="user_id")["items"][0]["fields"]["人员"][0]["id"] == "u_jia"
    body = {"record_ids": [record], "user_id_type": "union_id"}
    got = other.data("POST", f"{at(table)}/records/batch_get", json=body, params={"user_id_type": "open_id"})
    assert got["records"][0]["fields"]["人员"][0]["id"] == "on_jia"  # the body counts here
    other.session.close()


def rows(table: Table, count: int) -> list[str]:
    if not table.fields:
        table.add_field("名称", 1)
    return [table.add_row({"名称": f"行{place}"}) for place in range(count)]


def test_pages(client: Client, table: Table) -> None:
    ids = rows(table, 45)
    first = client.search(table)
    assert (len(first["items"]), first["total"], first["has_more"]) == (20, 45, True)
    second = client.search(table, page_token=first["page_token"])
    last = client.search(table, page_token=second["page_token"])
    assert [item["record_id"] for page in (first, second, last) for item in page["items"]] == ids
    assert "page_token" not in last
    path = f"{at(table)}/records/search"
    assert client.code("POST", path, params={"page_size": 0}) == 1254011
    assert client.code("POST", path, params={"page_size": 501}) == 99992402
    assert client.code("POST", path, params={"page_token": "garbage"}) == 1254002
    other = {"field_names": ["名称"]}
    assert client.code("POST", path, json=other, params={"page_token": first["page_token"]}) == 1254002
    client.service.expire_page_tokens()
    assert client.code("POST", path, params={"page_token": first["page_token"]}) == 1254002


def test_pages_are_live(client: Client, table: Table) -> None:
    ids = rows(table, 40)
    first = client.search(table)
    table.delete_row(ids[0])
    second = client.search(table, page_token=first["page_token"])
    assert ids[20] not in {item["record_id"] for item in second["items"]}  # a gap: no snapshot
    assert second["total"] == 39


def test_batch_get(client: Client, table: Table) -> None:
    ids = rows(table, 3)
    table.delete_row(ids[1])
    path = f"{at(table)}/records/batch_get"
    got = client.data("POST", path, json={"record_ids": ids, "automatic_fields": True, "with_shared_url": True})
    assert [record["record_id"] for record in got["records"]] == [ids[0], ids[2]]
    assert got["absent_record_ids"] == [ids[1]]
    assert got["records"][0]["last_modified_time"] == int(NOW * 1000)
    assert got["records"][0]["shared_url"].endswith(ids[0])
    assert client.code("POST", path, json={"record_ids": ["rec"] * 101}) == 99992402


def test_automatic_fields_move_with_cells_only(service: FeishuService, client: Client, table: Table) -> None:
    table.add_field("名称", 1)
    table.add_field("今天", 20, formula=lambda _: datetime.fromtimestamp(service.clock.now(), UTC))
    record = table.add_row({"名称": "甲"})

    def seen() -> dict[str, Any]:
        return client.search(table, {"automatic_fields": True})["items"][0]

    before = seen()
    service.clock.advance(60)
    after = seen()
    assert after["fields"]["今天"] != before["fields"]["今天"]
    assert after["last_modified_time"] == before["last_modified_time"]
    client.update(table, (record, {"名称": "乙"}))
    assert seen()["last_modified_time"] == before["last_modified_time"] + 60_000
    assert seen()["last_modified_by"]["name"] == f"应用 {APP}"
    service.clock.advance(-3600)
    client.update(table, (record, {"名称": "丙"}))
    assert seen()["last_modified_time"] == before["last_modified_time"] + 60_000  # never earlier than before


def filtered(client: Client, table: Table, *conditions: tuple[str, str, Any], conjunction: str = "and") -> list[str]:
    given = [dict(zip(("field_name", "operator", "value"), entry, strict=True)) for entry in conditions]
    body = {"filter": {"conjunction": conjunction, "conditions": given}}
    return ["".join(s["text"] for s in item["fields"]["名称"]) for item in client.search(table, body)["items"]]


@pytest.fixture
def filled(table: Table) -> Table:
    table.add_field("名称", 1)
    table.add_field("数字", 2)
    table.add_field("状态", 3)
    table.add_field("标签", 4)
    table.add_field("日期", 5)
    table.add_field("勾", 7)
    table.add_field("公式", 20, formula=lambda row: row["数字"])
    table.add_field("附件", 17)
    day = timedelta(days=1)
    start = datetime.fromtimestamp(MIDNIGHT / 1000, UTC)
    table.add_row({"名称": "a", "数字": 1, "状态": "完成", "标签": ["x"], "日期": start, "勾": True})
    table.add_row({"名称": "b", "数字": 2, "状态": "进行", "标签": ["x", "y"], "日期": start + timedelta(hours=10)})
    table.add_row({"名称": "c", "日期": start + day, "附件": "f"})
    return table


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (("名称", "contains", ["a"]), "a"), (("名称", "isNot", ["a"]), "bc"), (("名称", "is", ["c"]), "c"),
        (("数字", "isGreaterEqual", ["2"]), "b"), (("数字", "isLess", ["2"]), "a"), (("数字", "isEmpty", []), "c"),
        (("状态", "isNot", ["完成"]), "bc"), (("状态", "contains", ["完成", "进行"]), "ab"),
        (("标签", "is", ["x"]), "a"), (("标签", "contains", ["y"]), "b"), (("标签", "doesNotContain", ["y"]), "ac"),
        (("日期", "is", ["ExactDate", str(MIDNIGHT + 7_200_000)]), "ab"),  # cut to the day's own midnight
        (("日期", "isLess", ["ExactDate", str(MIDNIGHT + 90_000_000)]), "ab"), (("日期", "is", ["LastWeek"]), "abc"),
        (("日期", "is", ["CurrentMonth"]), "abc"), (("日期", "is", ["Today"]), ""), (("勾", "is", ["true"]), "a"),
        (("勾", "is", ["false"]), "bc"), (("附件", "isNotEmpty", []), "c"),
    ],
)  # fmt: skip
def test_filters(client: Client, filled: Table, condition: tuple[str, str, Any], names: str) -> None:
    assert "".join(filtered(client, filled, condition)) == names


@pytest.mark.parametrize(("inclusive", "names"), [(False, "c"), (True, "bc")])
def test_open_question_of_exact_date(client: Client, filled: Table, inclusive: bool, names: str) -> None:
    client.service.switches.exact_date_includes_day = inclusive
    assert "".join(filtered(client, filled, ("日期", "isGreater", ["ExactDate", str(MIDNIGHT)]))) == names


@pytest.mark.parametrize(
    "condition",
    [
        {"field_name": "日期", "operator": "isGreaterEqual", "value": ["Today"]},
        {"field_name": "日期", "operator": "isNot", "value": ["Today"]},
        {"field_name": "日期", "operator": "isGreater", "value": ["CurrentWeek"]},
        {"field_name": "勾", "operator": "isNot", "value": ["true"]},
        {"field_name": "公式", "operator": "is", "value": ["1"]},
        {"field_name": "状态", "operator": "isEmpty"},
        {"field_name": "状态", "operator": "is", "value": ["a", "b"]},
        {"field_name": "数字", "operator": "is", "value": [1]},
        {"field_name": "不存在", "operator": "is", "value": ["1"]},
        {"field_name": "名称", "operator": "like", "value": ["1"]},
    ],
)
def test_refused_filters(client: Client, filled: Table, condition: dict[str, Any]) -> None:
    body = {"filter": {"conjunction": "and", "conditions": [condition]}}
    assert client.code("POST", f"{at(filled)}/records/search", json=body) == 1254018


def test_children_sorts_and_unknown_keys(client: Client, filled: Table) -> None:
    a = {"field_name": "名称", "operator": "is", "value": ["a"]}
    c = {**a, "value": ["c"]}
    child = {"conjunction": "and", "conditions": [c]}
    both = {"filter": {"conjunction": "or", "conditions": [a], "children": [child]}}
    assert client.search(filled, both)["total"] == 2
    deep = {"filter": {"conjunction": "or", "children": [{"conjunction": "and", "children": [child]}]}}
    path = f"{at(filled)}/records/search"
    assert client.code("POST", path, json=deep) == 1254018
    down = client.search(filled, {"sort": [{"field_name": "数字", "desc": True}], "wrapper": {"filter": both}})
    assert [item["fields"].get("数字") for item in down["items"]] == [2, 1, None]
    assert client.code("POST", path, json={"sort": [{"field_name": "无"}]}) == 1254016
    assert client.code("POST", path, json={"field_names": ["无"]}) == 1254024
    assert client.code("POST", path, json={"view_id": "vewNone"}) == 1254042
    assert client.code("POST", path, json={"view_id": "vewNone", **both}) == 0  # ignored beside a filter


def test_advanced_permissions_show_nothing(client: Client, filled: Table) -> None:
    filled.base.is_advanced = True
    filled.base.share(APP, "edit")
    answer = client.search(filled)
    assert (answer["items"], answer["total"]) == ([], 0)
    ids = list(filled.records)
    got = client.data("POST", f"{at(filled)}/records/batch_get", json={"record_ids": ids})
    assert got["forbidden_record_ids"] == ids
    refused = client.raw("PUT", f"{at(filled)}/records/{ids[0]}", json={"fields": {"名称": "z"}})
    assert (refused.status_code, refused.json()["code"]) == (403, 1254302)
    filled.base.roles[APP] = {filled.id}
    assert client.search(filled)["total"] == 3


def test_answers_can_be_too_large(client: Client, table: Table) -> None:
    rows(table, 100)
    client.service.switches.answer_limit = 2000
    assert client.code("POST", f"{at(table)}/records/search", params={"page_size": 100}) == 1254030
    assert client.code("POST", f"{at(table)}/records/search", params={"page_size": 10}) == 0


def test_pages_of_a_large_table_cost_the_same(client: Client, table: Table) -> None:
    """Fifty thousand rows: the last page must not walk through, sort or copy all the rows before it."""
    rows(table, 50_000)
    first = client.search(table, page_size=500)
    order = table.order
    for _ in range(3):
        client.search(table, page_size=500, page_token=first["page_token"])
    assert table.order is order  # never made anew while no row comes or goes
    assert first["total"] == 50_000
