"""What stands before every endpoint of the simulated Feishu: tokens, scopes, rates, quota, document rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from feishu_client import APP, NOW, SECRET, Client, at

from duban.sandbox.feishu import FeishuService, Table


@pytest.fixture
def service() -> Iterator[FeishuService]:
    made = FeishuService()
    made.clock.set(NOW)
    made.add_app(APP, SECRET)
    with made:
        yield made


@pytest.fixture
def table(service: FeishuService) -> Table:
    table = service.add_base("项目").add_table("任务")
    table.add_field("名称", 1)
    return table


@pytest.fixture
def client(service: FeishuService, table: Table) -> Iterator[Client]:
    made = Client(service)
    made.get_token()
    yield made
    made.session.close()


def test_token_answer_is_flat_and_kept_while_half_an_hour_is_left(service: FeishuService, client: Client) -> None:
    first = client.get_token()
    assert set(first) == {"code", "msg", "tenant_access_token", "expire"}
    assert first["expire"] == 7200
    service.clock.advance(5400 - 1)
    same = client.get_token()
    assert (same["tenant_access_token"], same["expire"]) == (first["tenant_access_token"], 1801)
    service.clock.advance(2)
    renewed = client.get_token()
    assert renewed["tenant_access_token"] != first["tenant_access_token"]
    client.token = first["tenant_access_token"]  # the old one works until its own end
    table = next(iter(next(iter(service.world.bases.values())).tables.values()))
    assert client.code("POST", f"{at(table)}/records/search") == 0
    service.clock.advance(1800)
    assert client.code("POST", f"{at(table)}/records/search") == 99991663


@pytest.mark.parametrize(
    ("header", "code"),
    [({}, 99991661), ({"Authorization": "Bearer x-123"}, 99991671), ({"Authorization": "Bearer t-123"}, 99991663)],
)
@pytest.mark.parametrize("status", [400, 200])
def test_bad_tokens(client: Client, table: Table, header: dict[str, str], code: int, status: int) -> None:
    client.service.switches.gateway_status = status
    answer = client.raw("GET", at(table.base), headers=header)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["X-Tt-Logid"]


def test_bad_credentials(client: Client) -> None:
    client.secret = "wrong"
    assert client.get_token()["code"] == 10014
    client.app = "cli_nobody"
    assert client.get_token()["code"] == 10003


def test_scopes_and_document_rights(service: FeishuService, client: Client, table: Table) -> None:
    service.add_app("cli_poor", "s", scopes=["base:record:retrieve"])
    poor = Client(service, "cli_poor", "s")
    poor.get_token()
    refused = poor.call("GET", f"{at(table)}/fields")
    assert refused["code"] == 99991672
    assert "base:field:read" in {entry["subject"] for entry in refused["error"]["permission_violations"]}
    stranger = poor.raw("POST", f"{at(table)}/records/search")  # scope granted, but no collaborator
    assert (stranger.status_code, stranger.json()["code"]) == (403, 91403)
    table.base.share("cli_poor", "read")
    assert poor.code("POST", f"{at(table)}/records/search") == 0
    table.base.share(APP, "read")
    assert client.update(table, ("recx", {}))["code"] == 91403
    poor.session.close()


def test_rates_are_kept_per_endpoint_on_its_own_clock(service: FeishuService, client: Client, table: Table) -> None:
    path = f"{at(table)}/records/search"
    assert [client.code("POST", path) for _ in range(20)] == [0] * 20
    refused = client.raw("POST", path)
    assert (refused.status_code, refused.json()["code"]) == (429, 99991400)
    assert refused.headers["x-ogw-ratelimit-limit"] == "20"
    assert refused.headers["x-ogw-ratelimit-reset"] == "1"
    assert client.code("GET", f"{at(table)}/fields") == 0  # another endpoint, another limit
    service.clock.advance(0.99)
    service.switches.limit_status = 400
    assert client.raw("POST", path).status_code == 400
    service.clock.advance(0.01)
    assert client.code("POST", path) == 0
    service.switches.limits_enabled = False
    assert {client.code("POST", path) for _ in range(30)} == {0}


def test_monthly_quota_starts_again_with_the_month(service: FeishuService, client: Client, table: Table) -> None:
    service.switches.monthly_quota = 2
    assert [client.code("GET", at(table.base)) for _ in range(3)] == [0, 0, 99991403]
    service.clock.advance(8 * 86_400)
    client.get_token()
    assert client.code("GET", at(table.base)) == 0


def test_unknown_ids(client: Client, table: Table) -> None:
    base = table.base
    assert client.code("POST", "/bitable/v1/apps/bascnNone/tables/tblNone/records/search") == 1254040
    assert client.raw("GET", "/bitable/v1/apps/bascnNone").status_code == 404
    assert client.raw("POST", f"{at(base)}/tables/tblNone/records/search").status_code == 200
    assert client.code("POST", f"{at(base)}/tables/tblNone/records/search") == 1254041
    assert client.raw("PUT", f"{at(table)}/fields/fldNone", json={"field_name": "x", "type": 1}).status_code == 404
    assert client.raw("GET", "/nothing/here").status_code == 404


def test_wiki_node_is_no_app_token_but_leads_to_one(client: Client, table: Table) -> None:
    base = table.base
    assert client.code("GET", f"/bitable/v1/apps/{base.wiki_node}") == 91402
    node = client.data("GET", "/wiki/v2/spaces/get_node", params={"token": base.wiki_node})["node"]
    assert (node["obj_type"], node["obj_token"]) == ("bitable", base.token)
    assert client.code("GET", "/wiki/v2/spaces/get_node", params={"token": "wikNone"}) == 131005
    base.unshare(APP)
    assert client.code("GET", "/wiki/v2/spaces/get_node", params={"token": base.wiki_node}) == 131006


def test_requests_need_no_content_type_and_no_body(client: Client, table: Table) -> None:
    assert client.code("POST", f"{at(table)}/records/search", data=b"") == 0
    assert client.code("POST", f"{at(table)}/records/search", data=b'{"field_names":["\xe5\x90\x8d\xe7\xa7\xb0"]}') == 0
    assert client.code("POST", f"{at(table)}/records/search", data=b"{broken") == 1254000


def test_switches_by_control_request(service: FeishuService, client: Client) -> None:
    answer = client.session.post(service.url + "/_sandbox/settings", json={"batch_limit": 500, "round_trip": 0.0})
    assert answer.status_code == 200
    assert service.switches.batch_limit == 500


def test_base_meta_tables_and_revisions(client: Client, table: Table) -> None:
    table.base.time_zone = "Asia/Beijing"
    app = client.data("GET", at(table.base))["app"]
    assert (app["time_zone"], app["is_advanced"], app["name"]) == ("Asia/Beijing", False, "项目")
    before = client.data("GET", f"{at(table.base)}/tables")["items"][0]["revision"]
    record = table.add_row({"名称": "甲"})
    client.update(table, (record, {"名称": "乙"}), (record, {"名称": "丙"}))
    tables = client.data("GET", f"{at(table.base)}/tables")
    assert tables["items"][0]["revision"] == before + 2
    assert (tables["has_more"], bool(tables["page_token"])) == (False, True)  # a token although nothing follows
