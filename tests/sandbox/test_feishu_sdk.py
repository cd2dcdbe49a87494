"""The official SDK, lark-oapi, against the simulator: what it sends is accepted, what it gets it understands."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from duban.sandbox.feishu import FeishuService, Table


@pytest.fixture(scope="module")
def lark() -> Any:
    """Import the SDK late: it takes more than a second (facts section 10), and warns about its own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("lark_oapi")


@pytest.fixture(scope="module")
def api(lark: Any) -> Any:
    return importlib.import_module("lark_oapi.api.bitable.v1")


@pytest.fixture(scope="module")
def service() -> Iterator[FeishuService]:
    made = FeishuService()
    made.add_app("cli_sdk_good", "sdkSecret")
    with made:
        yield made


@pytest.fixture
def table(service: FeishuService) -> Table:
    table = service.add_base("项目").add_table("任务")
    table.add_field("名称", 1)
    table.add_field("数字", 2)
    table.add_field("状态", 3, property={"options": ["进行中"]})
    for place in range(25):
        table.add_row({"名称": f"任务{place}", "数字": place, "状态": "进行中"})
    return table


@pytest.fixture
def client(lark: Any, service: FeishuService) -> Any:
    return sdk_client(lark, service, "cli_sdk_good", "sdkSecret")


def sdk_client(lark: Any, service: FeishuService, app: str, secret: str) -> Any:
    manager = importlib.import_module("lark_oapi.core.token.manager").TokenManager
    cache = importlib.import_module("lark_oapi.core.token.manager").LocalCache()
    manager.cache = cache  # one process-wide cache, keyed by the app id alone: another simulator's token would be used
    return (
        lark.Client.builder().app_id(app).app_secret(secret).domain(service.url).log_level(lark.LogLevel.ERROR).build()
    )


def test_search_with_pages(api: Any, client: Any, table: Table) -> None:
    names: list[str] = []
    token = None
    while True:
        body = api.SearchAppTableRecordRequestBody.builder().field_names(["名称", "数字"])
        body = body.automatic_fields(True).build()
        request = (
            api.SearchAppTableRecordRequest.builder().app_token(table.base.token).table_id(table.id)
            .user_id_type("union_id").page_size(10).request_body(body)
        )  # fmt: skip
        if token:
            request.page_token(token)
        answer = client.bitable.v1.app_table_record.search(request.build())
        assert answer.success(), answer.msg
        names += [item.fields["名称"][0]["text"] for item in answer.data.items]
        assert answer.data.items[0].last_modified_by.id.startswith("on_")
        if not answer.data.has_more:
            break
        token = answer.data.page_token
    assert names == [f"任务{place}" for place in range(25)]
    assert answer.data.total == 25


def test_search_without_body_and_with_a_filter(api: Any, client: Any, table: Table) -> None:
    bare = api.SearchAppTableRecordRequest.builder().app_token(table.base.token).table_id(table.id).build()
    assert client.bitable.v1.app_table_record.search(bare).data.total == 25
    condition = api.Condition.builder().field_name("数字").operator("isGreater").value(["22"]).build()
    found = api.FilterInfo.builder().conjunction("and").conditions([condition]).build()
    body = api.SearchAppTableRecordRequestBody.builder().filter(found).build()
    bare.request_body = bare.body = body
    assert client.bitable.v1.app_table_record.search(bare).data.total == 2
    condition.operator, condition.value = "isEmpty", None  # the SDK then sends no value at all
    assert client.bitable.v1.app_table_record.search(bare).code == 1254018


def test_fields_and_tables(api: Any, client: Any, table: Table) -> None:
    request = api.ListAppTableFieldRequest.builder().app_token(table.base.token).table_id(table.id).build()
    answer = client.bitable.v1.app_table_field.list(request)
    assert [(field.field_name, field.type, field.is_primary) for field in answer.data.items] == [
        ("名称", 1, True), ("数字", 2, False), ("状态", 3, False),
    ]  # fmt: skip
    assert answer.data.items[2].property.options[0].name == "进行中"
    tables = client.bitable.v1.app_table.list(api.ListAppTableRequest.builder().app_token(table.base.token).build())
    assert tables.data.items[0].table_id == table.id


def test_batch_update_and_batch_get(api: Any, client: Any, table: Table) -> None:
    first, second, *_ = table.records
    records = [{"record_id": first, "fields": {"数字": 99}}, {"record_id": second, "fields": {"名称": None}}]
    body = api.BatchUpdateAppTableRecordRequestBody.builder().records(records).build()
    request = (
        api.BatchUpdateAppTableRecordRequest.builder().app_token(table.base.token).table_id(table.id)
        .ignore_consistency_check(True).request_body(body).build()
    )  # fmt: skip
    answer = client.bitable.v1.app_table_record.batch_update(request)
    assert answer.success(), answer.msg
    assert [record.record_id for record in answer.data.records] == [first, second]
    table.delete_row(first)
    body = api.BatchGetAppTableRecordRequestBody.builder().record_ids([first, second]).automatic_fields(True).build()
    request = (
        api.BatchGetAppTableRecordRequest.builder().app_token(table.base.token).table_id(table.id).request_body(body)
    ).build()
    got = client.bitable.v1.app_table_record.batch_get(request)
    assert got.data.absent_record_ids == [first]
    assert "名称" not in got.data.records[0].fields  # a null in a plain dict clears


def test_legacy_list(api: Any, client: Any, table: Table) -> None:
    request = api.ListAppTableRecordRequest.builder().app_token(table.base.token).table_id(table.id).page_size(2)
    answer = client.bitable.v1.app_table_record.list(request.field_names('["数字"]').build())
    assert [item.fields for item in answer.data.items] == [{"数字": "0"}, {"数字": "1"}]


def test_errors_carry_code_and_log_id(api: Any, client: Any, table: Table) -> None:
    request = api.SearchAppTableRecordRequest.builder().app_token(table.base.token).table_id("tblNone").build()
    answer = client.bitable.v1.app_table_record.search(request)
    assert (answer.success(), answer.code) == (False, 1254041)
    assert answer.error["log_id"] == answer.get_log_id()


def test_wrong_secret(lark: Any, api: Any, service: FeishuService, table: Table) -> None:
    service.add_app("cli_sdk_bad", "another")
    client = sdk_client(lark, service, "cli_sdk_bad", "wrong")
    request = api.ListAppTableRequest.builder().app_token(table.base.token).build()
    with pytest.raises(lark.core.exception.ObtainAccessTokenException) as caught:
        client.bitable.v1.app_table.list(request)
    assert caught.value.code == 10014
