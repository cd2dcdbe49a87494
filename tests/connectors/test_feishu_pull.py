"""Reading a Bitable table through the connector: addresses, tokens, pages, restarts, what an empty answer means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from feishu_rig import APP_ID, NOW, ZONE, Rig, close_rig, make_rig, read

from duban.connectors.base import Page
from duban.errors import AuthError, Rejected, SchemaChanged, Unavailable
from duban.item import Person
from duban.sandbox.server import Reply, Request

SEARCH, FIELDS, TOKEN = "records/search", "/fields", "tenant_access_token"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = make_rig()
    yield made
    close_rig(made)


def fill(rig: Rig, count: int) -> list[str]:
    return [rig.table.add_row({"任务名称": f"任务{place}"}) for place in range(count)]


def titles(rig: Rig, rows: dict[str, Any]) -> list[str]:
    return [row.cells[rig.column("任务名称")] for row in rows.values()]


# --- where a table is


def test_a_row_as_the_contract_wants_it(rig: Rig) -> None:
    rig.service.add_person("张三", union_id="on_zhang")
    rig.table.add_field("最近更新", 1002)
    record = rig.table.add_row({"任务名称": "调研", "截止日期": datetime(2024, 7, 15, tzinfo=ZONE), "负责人": "张三"})
    connector = rig.connector()
    row = read(connector)[record]
    assert row.cells == {
        rig.column("任务名称"): "调研", rig.column("截止日期"): datetime(2024, 7, 15, tzinfo=ZONE),
        rig.column("负责人"): (Person("on_zhang", "张三"),), rig.column("最近更新"): datetime.fromtimestamp(NOW, ZONE),
    }  # fmt: skip
    assert row.url == f"https://feishu.cn/base/{rig.base.token}?table={rig.table.id}&record={record}"
    assert connector.describe("tasks").column(rig.column("预警级别")).options == ("绿", "黄", "红")


@pytest.mark.parametrize("wiki", [False, True])
def test_tables_by_url(rig: Rig, wiki: bool) -> None:
    record = fill(rig, 1)[0]
    connector = rig.connector({"name": "tasks", "url": rig.base.url(rig.table, wiki=wiki)})
    for _ in range(2):
        row = read(connector)[record]
    assert row.url is not None
    assert row.url.startswith(f"https://example.feishu.cn/base/{rig.base.token}?table={rig.table.id}&record=")
    assert rig.count("get_node") == int(wiki)  # asked once, kept for good
    assert rig.count(f"GET /open-apis/bitable/v1/apps/{rig.base.token}") == 1 + 2  # base once, columns each time


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "tasks", "table": "tbl"}, "give app and table"),
        ({"name": "tasks", "app": "bascn"}, "give app and table"),
        ({"name": "tasks", "url": "https://x.feishu.cn/docx/abc"}, "/base/"),
        ({"name": "tasks", "url": "https://x.feishu.cn/base/abc"}, r"\?table="),
    ],
)  # fmt: skip
def test_addresses_that_do_not_say_enough(rig: Rig, table: dict[str, str], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        rig.connector(table).describe("tasks")
    assert rig.service.journal == []


def test_wrong_places(rig: Rig) -> None:
    def error(**table: str) -> str:
        with pytest.raises(Rejected) as caught:
            read(rig.connector({"name": "tasks", **table}))
        return str(caught.value)

    assert "/wiki/" in error(app=rig.base.wiki_node, table=rig.table.id)  # a wiki token is no app_token
    assert "no such base" in error(app="bascnNone", table=rig.table.id)
    assert "no such table" in error(app=rig.base.token, table="tblNone")
    assert "no such wiki page" in error(url="https://x.feishu.cn/wiki/wikNone?table=tbl1")
    with pytest.raises(Rejected, match="no table nowhere"):
        rig.connector().describe("nowhere")


def test_the_zone_of_beijing_is_understood(rig: Rig) -> None:
    rig.base.time_zone = "Asia/Beijing"
    record = rig.table.add_row({"截止日期": datetime(2024, 7, 15, tzinfo=ZONE)})
    cell = read(rig.connector(zone=ZoneInfo("UTC")))[record].cells[rig.column("截止日期")]
    assert isinstance(cell, datetime)
    assert cell.isoformat() == "2024-07-15T00:00:00+00:00"  # the column shows days: the day counts, not the instant


# --- requests


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (500, 1), (501, 2), (1250, 3)])
def test_a_full_read_costs_no_request_too_many(rig: Rig, rows: int, pages: int) -> None:
    ids = fill(rig, rows)
    connector = rig.connector()
    assert list(read(connector)) == ids
    first = len(rig.service.journal)
    assert first == 3 + pages + (rows == 0)  # token, base, columns, pages; an empty answer is looked into
    read(connector)
    assert len(rig.service.journal) - first == 1 + pages + (rows == 0)
    assert connector.traffic.read == len(rig.service.journal)
    assert (connector.traffic.write, connector.traffic.retried, connector.traffic.refused) == (0, 0, 0)


def test_only_the_asked_columns_are_read(rig: Rig) -> None:
    record = rig.table.add_row({"任务名称": "调研", "预警内容": "旧"})
    connector = rig.connector()
    schema = connector.describe("tasks")
    [page] = connector.pull("tasks", schema, [rig.column("任务名称")])
    assert page.rows[0].cells == {rig.column("任务名称"): "调研"}
    assert rig.service.requests(SEARCH)[0].body == {"field_names": ["任务名称"]}
    assert page.total == 1
    assert record == page.rows[0].record


def test_more_columns_than_a_request_may_name(rig: Rig) -> None:
    for place in range(230):
        rig.table.add_field(f"列{place}", 1)
    record = rig.table.add_row({f"列{place}": str(place) for place in range(230)})
    connector = rig.connector()
    schema = connector.describe("tasks")
    assert len(schema.columns) == 237
    assert rig.count(FIELDS) == 3
    row = read(connector, schema=schema)[record]
    assert row.cells[rig.column("列229")] == "229"
    assert "field_names" not in rig.service.requests(SEARCH)[0].body
    rig.table.rename_field("列229", "改名")
    assert read(connector, schema=schema)[record].cells[rig.column("改名")] == "229"  # seen by its unknown key


def test_blank_rows_and_bad_cells_are_passed_on(rig: Rig) -> None:
    blank = rig.table.add_row({})
    odd = rig.table.add_row({"任务名称": "甲", "滞后天数": "很多"})  # a number column never holds this, a bug may
    rows = read(rig.connector())
    assert (rows[blank].cells, rows[blank].bad) == ({}, {})
    assert rows[odd].bad == {rig.column("滞后天数"): "很多"}
    assert rows[odd].cells == {rig.column("任务名称"): "甲"}


def test_full_speed_is_never_too_fast(rig: Rig) -> None:
    """Sixty pages from four tables at the simulator's own limit of twenty a second, in virtual time."""
    fill(rig, 7_500)
    tables = [{"name": f"t{place}", "app": rig.base.token, "table": rig.table.id} for place in range(4)]
    connector = rig.connector(*tables)
    for table in tables:
        assert len(read(connector, table["name"])) == 7_500
    assert rig.count(SEARCH) == 60
    assert connector.traffic.refused == 0
    assert {entry.status for entry in rig.service.journal} == {200}
    assert rig.pace.waited == pytest.approx(2.0, abs=0.01)  # sixty in three windows of one second


# --- pages


def pages_with(rig: Rig, connector: Any, between: Any) -> list[Page]:
    """Read all pages, and let something happen in the service as soon as it has answered with the first one."""
    schema = connector.describe("tasks")
    answer, answered = rig.service.handle, []

    def handle(request: Request) -> Reply:
        reply = answer(request)
        if SEARCH in request.path:
            answered.append(request)
            if len(answered) == 1:
                between()
        return reply

    rig.service.handle = handle
    return list(connector.pull("tasks", schema, [column.id for column in schema.columns]))


def test_edits_between_pages_repeat_rows_but_never_break(rig: Rig) -> None:
    ids = fill(rig, 1000)

    def edit() -> None:
        rig.table.delete_row(ids[0])
        rig.table.edit(ids[999], {"任务名称": "改"})
        rig.table.add_row({"任务名称": "新"})

    pages = pages_with(rig, rig.connector(), edit)
    rows = {row.record: row for page in pages for row in page.rows}
    assert rows[ids[999]].cells[rig.column("任务名称")] == "改"
    assert "新" in titles(rig, rows)
    assert len(rows) == 1000  # the deleted one was seen before, one slipped through the gap: no snapshot
    assert ids[500] not in rows


@pytest.mark.parametrize("code", [1254002, 1254030])
def test_a_stale_page_token_starts_the_read_over(rig: Rig, code: int) -> None:
    ids = fill(rig, 1200)
    connector = rig.connector()
    rig.service.trouble(code, SEARCH, after=1)
    assert list(read(connector)) == ids
    tokens = [entry.query for entry in rig.service.requests(SEARCH)]
    assert ["page_token" in dict(query) for query in tokens][:3] == [False, True, False]


def test_expired_tokens_start_the_read_over_at_most_three_times(rig: Rig) -> None:
    ids = fill(rig, 600)
    connector = rig.connector()
    pages = pages_with(rig, connector, rig.service.expire_page_tokens)
    assert {row.record for page in pages for row in page.rows} == set(ids)
    rig.service.journal.clear()
    rig.service.trouble(1254002, SEARCH, times=100)
    with pytest.raises(Unavailable, match="start over"):
        read(connector)
    assert rig.count(SEARCH) == 4


def test_too_large_answers_get_smaller_pages(rig: Rig) -> None:
    ids = fill(rig, 600)
    rig.service.switches.answer_limit = 20_000
    assert list(read(rig.connector())) == ids
    sizes = [dict(entry.query)["page_size"] for entry in rig.service.requests(SEARCH)]
    assert sizes[:3] == ["500", "250", "125"]
    rig.service.switches.answer_limit = 10
    with pytest.raises(Unavailable, match="too large"):
        read(rig.connector())


def test_a_base_that_is_not_ready_gets_time_and_smaller_pages(rig: Rig) -> None:
    ids = fill(rig, 600)
    rig.service.trouble(1254607, SEARCH, times=6)
    assert list(read(rig.connector())) == ids
    assert rig.pace.waited > 8
    rig.service.trouble(1254607, SEARCH, times=1000)
    with pytest.raises(Unavailable, match="busy with earlier edits"):
        read(rig.connector())


def test_a_page_token_that_comes_back_ends_the_read(rig: Rig) -> None:
    """A server that hands out one token for ever must not make an endless read, nor a complete one."""
    fill(rig, 3)
    body = {"code": 0, "data": {"items": [], "has_more": True, "page_token": "same"}}
    rig.service.fault("body", SEARCH, times=100, status=200, body=body)
    with pytest.raises(Unavailable, match="start over"):
        read(rig.connector())
    assert rig.count(SEARCH) == 8


@pytest.mark.parametrize("kind", ["drop", "html_502", "html_200", "empty", "truncate"])
def test_hiccups_of_the_network_are_repeated(rig: Rig, kind: Any) -> None:
    ids = fill(rig, 600)
    rig.service.fault(kind, SEARCH, after=1)
    connector = rig.connector()
    assert list(read(connector)) == ids
    assert connector.traffic.retried == 1
    rig.service.fault(kind, SEARCH, times=5)
    with pytest.raises(Unavailable):
        read(connector)


@pytest.mark.parametrize("items", [[{}], [5], 5, [{"record_id": "r", "fields": [1]}]])
def test_answers_of_another_shape(rig: Rig, items: Any) -> None:
    rig.service.fault("body", SEARCH, status=200, body={"code": 0, "data": {"items": items}})
    with pytest.raises(Unavailable, match="shape"):
        read(rig.connector())


def test_the_gateways_pause_is_kept(rig: Rig) -> None:
    fill(rig, 1)
    headers = {"X-Ogw-Ratelimit-Reset": "7", "X-Ogw-Ratelimit-Limit": "20"}
    rig.service.fault("body", SEARCH, status=400, body={"code": 99991400, "msg": "limit"}, headers=headers)
    connector = rig.connector()
    assert len(read(connector)) == 1
    assert 7 <= rig.pace.waited < 8
    assert (connector.traffic.refused, connector.traffic.retried) == (1, 1)


# --- columns that change


def test_a_renamed_column_is_followed(rig: Rig) -> None:
    fill(rig, 600)
    connector = rig.connector()
    name = rig.column("任务名称")
    schema = connector.describe("tasks")
    rig.table.rename_field("任务名称", "事项")  # after describe, before the first page
    assert all(row.cells[name] for row in read(connector, schema=schema).values())
    pages = pages_with(rig, connector, lambda: rig.table.rename_field("事项", "工作"))  # between two pages
    assert len({row.record for page in pages for row in page.rows if row.cells[name]}) == 600
    assert rig.count(FIELDS) == 1 + 1 + 2


def test_a_deleted_column_is_told(rig: Rig) -> None:
    fill(rig, 1)
    connector = rig.connector()
    schema = connector.describe("tasks")
    rig.table.delete_field("预警内容")
    with pytest.raises(SchemaChanged, match="deleted"):
        read(connector, schema=schema)


# --- empty answers


def test_empty_under_advanced_permissions_is_no_answer(rig: Rig) -> None:
    fill(rig, 3)
    connector = rig.connector()
    rig.base.is_advanced = True
    rig.base.share(APP_ID, "edit")
    with pytest.raises(AuthError, match="manage rights"):
        read(connector)
    rig.base.share(APP_ID, "manage")
    assert len(read(connector)) == 3


def test_a_truly_empty_table_is_believed_where_another_one_shows_rows(rig: Rig) -> None:
    rig.base.is_advanced = True
    other = rig.base.add_table("另一表")
    other.add_field("名称", 1)
    with pytest.raises(AuthError, match="one row"):
        read(rig.connector())
    other.add_row({"名称": "甲"})
    assert read(rig.connector()) == {}
    rig.base.is_advanced = False
    assert read(rig.connector()) == {}
