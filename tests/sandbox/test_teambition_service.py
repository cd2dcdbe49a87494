"""The simulated Teambition keeps its checklist (facts/teambition section 15), asked over HTTP as a stranger would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from teambition_world import APP, SECRET, Client, World

from duban.connectors.teambition.token import sign
from duban.sandbox.teambition import TeambitionService


@pytest.fixture
def w() -> Iterator[World]:
    world = World()
    with world.service:
        yield world
        world.client.session.close()


def query(w: World, q: str = "", **more: str) -> list[str]:
    tasks = w.client.get(f"/v3/project/{w.project.id}/task/query", q=q, pageSize="1000", **more)
    return [task["content"] for task in tasks]


# --- 1-5: paths, tokens, tenant, operator, envelope


def test_paths_and_methods(w: World) -> None:
    assert w.client.ask("GET", "/org/info", prefix="/gateway")[0] == 200
    assert w.client.refused("POST", "/org/info") == 404
    assert w.client.refused("GET", "/v3/task/update") == 404
    w.service.settings({"unknown_path": 421})
    assert w.client.refused("GET", "/nothing") == 421


@pytest.mark.parametrize(
    ("app", "secret", "shift"),
    [("other", SECRET, 0), (APP, "wrong-secret-wrong-secret-wrong-xx", 0), (APP, SECRET, -4000), (APP, SECRET, 300)],
)
def test_bad_tokens(w: World, app: str, secret: str, shift: int) -> None:
    w.client.headers["Authorization"] = f"Bearer {sign(app, secret, int(time.time()) + shift)}"
    assert w.client.refused("GET", "/org/info") == 401


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer a.b.c", "Bearer x", "Bearer e30.e30.e30", "Bearer bnVsbA.bnVsbA."]
)
def test_broken_tokens(w: World, token: str) -> None:
    w.client.headers["Authorization"] = token
    assert w.client.refused("GET", "/org/info") == 401


def test_tokens_go_by_the_machine_whatever_day_is_played(w: World) -> None:
    w.service.clock.set(datetime(2024, 7, 24, 2, tzinfo=UTC).timestamp())
    assert w.client.get("/org/info")["orgId"] == w.tenant
    assert w.client.ask("GET", "/org/info")[0] == 200
    w.service.wire_clock.advance(5000)
    assert w.client.refused("GET", "/org/info") == 401


def test_rotated_secrets_and_personal_tokens(w: World) -> None:
    w.service.add_app(APP, "the-new-secret-the-new-secret-xx")
    w.client.headers["Authorization"] = f"Bearer {sign(APP, 'the-new-secret-the-new-secret-xx', int(time.time()))}"
    assert w.client.get("/org/info")
    w.service.add_user_token("personal", w.zhang)
    w.client.headers = {"Authorization": "Bearer personal"}
    assert w.client.get("/org/info")


def test_tenant_and_operator(w: World) -> None:
    w.client.headers["x-TENANT-type"] = "organization"
    assert w.client.get("/org/info")
    w.client.headers["x-TENANT-type"] = "person"
    assert w.client.refused("GET", "/org/info") == 400
    del w.client.headers["x-TENANT-type"]
    w.client.headers["x-operator-id"] = "0" * 24
    assert w.client.refused("GET", "/org/info") == 403
    w.client.headers["x-operator-id"] = w.bot
    w.client.headers["X-Tenant-Id"] = "0" * 24
    assert w.client.refused("GET", "/org/info") == 403


def test_a_write_needs_an_operator_who_is_a_member(w: World) -> None:
    task = w.project.add_task({"标题": "t"})
    del w.client.headers["x-operator-id"]
    assert w.client.refused("PUT", f"/v3/task/{task}/content", {"content": "x"}) == 403
    assert w.client.refused("GET", "/v3/usertasks/search") == 403
    w.service.settings({"operator_required": False})
    assert w.client.ask("PUT", f"/v3/task/{task}/content", {"content": "x"})[0] == 200
    w.project.state.members = {w.zhang: 0}
    w.client.headers["x-operator-id"] = w.bot
    assert w.client.refused("PUT", f"/v3/task/{task}/content", {"content": "y"}) == 403


def test_a_private_task_is_hidden_only_from_operators(w: World) -> None:
    task = w.project.add_task({"标题": "secret", "可见性": "仅参与者可见", "执行者": "张磊"})
    assert query(w) == []
    assert w.client.get("/v3/task/query", taskId=task) == []
    w.client.headers["x-operator-id"] = w.zhang
    assert query(w) == ["secret"]
    del w.client.headers["x-operator-id"]
    assert query(w) == ["secret"]


def test_envelope_styles(w: World) -> None:
    status, body = w.client.ask("GET", f"/v3/project/{w.project.id}/task/query")
    assert list(body) == ["code", "errorMessage", "requestId", "nextPageToken", "totalSize", "result"]
    w.service.settings({"error_style": "envelope"})
    status, body = w.client.ask("GET", "/nothing")
    assert (status, body["code"], body["result"]) == (200, 404, None)
    w.service.settings({"error_style": "flag"})
    status, body = w.client.ask("GET", "/nothing")
    assert (status, body["success"], body["errorCode"]) == (200, False, "404")
    with pytest.raises(AttributeError):
        w.service.settings({"no_such_setting": 1})


# --- 7-11: pages, TQL, recycle bin, ids


def test_pages(w: World) -> None:
    for number in range(23):
        w.project.add_task({"标题": f"t{number}"})
    path = f"/v3/project/{w.project.id}/task/query"
    seen, token, sizes = [], "", []
    while True:
        _, body = w.client.ask("GET", path, pageToken=token)
        seen += [task["content"] for task in body["result"]]
        sizes.append(len(body["result"]))
        token = body["nextPageToken"]
        assert body["totalSize"] == 23
        if not token:
            break
    assert sizes == [10, 10, 3]
    assert seen == [f"t{number}" for number in range(23)]
    _, body = w.client.ask("GET", path)
    assert w.client.refused("GET", path, pageToken=body["nextPageToken"], pageSize="5") == 400
    assert w.client.refused("GET", path, pageToken=body["nextPageToken"], q="isDone = true") == 400
    assert w.client.refused("GET", path, pageToken="rubbish") == 400
    assert w.client.refused("GET", path, pageSize="0") == 400


def test_the_largest_page(w: World) -> None:
    for number in range(12):
        w.project.add_task({"标题": f"t{number}"})
    w.service.settings({"largest_page": 11})
    assert len(query(w)) == 11
    w.service.settings({"over_page": "refuse"})
    assert w.client.refused("GET", f"/v3/project/{w.project.id}/task/query", pageSize="12") == 400


def test_listing_many_tasks_stays_linear(w: World) -> None:
    """The list of a query is made once, however many pages are read: counted, not timed."""
    for number in range(3000):
        w.project.add_task({"标题": f"t{number}"})
    made = 0
    search = w.service._listings._search

    def counted(*arguments: Any) -> Any:
        nonlocal made
        made += 1
        return search(*arguments)

    w.service._listings._search = counted  # type: ignore[method-assign]
    path, token, seen = f"/v3/project/{w.project.id}/task/query", "", 0
    while True:
        _, body = w.client.ask("GET", path, pageSize="100", pageToken=token)
        seen += len(body["result"])
        token = body["nextPageToken"]
        if not token:
            break
    assert (seen, made) == (3000, 1)


def tql_world(w: World) -> None:
    w.service.clock.set(datetime(2024, 7, 24, 2, tzinfo=UTC).timestamp())  # Wednesday, 10:00 in Shanghai
    w.project.add_field("数", "number")
    w.project.add_field("选", "dropDown", ("甲", "乙"))
    w.project.add_field("文")
    a = {"标题": "a", "截止时间": date(2024, 7, 22), "数": 3, "选": "甲", "执行者": "张磊", "优先级": "紧急"}
    w.project.add_task(a)
    w.project.add_task({"标题": "b's", "截止时间": date(2024, 7, 24), "数": 12, "文": "x", "任务状态": "进行中"})
    w.project.add_task({"标题": "c d", "任务状态": "已完成", "完成时间": "2024-07-15 09:00", "备注": "b"})


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", "abc"), ("TQL:isDone=true", "c"), ("isDone = false", "ab"), ("isDone != true", "ab"),
        ("dueDate >= '2024-07-22T16:00:00.000Z'", "b"), ("dueDate < 2024-07-23T00:00:00+08:00", "a"),
        ("dueDate = null", "c"), ("dueDate != null", "ab"), ("accomplished > '2024-07-01T00:00:00Z'", "c"),
        ("executorId = {zhang}", "a"), ("executorId IN ('{zhang}', null)", "abc"), ("executorId NOT IN (null)", "a"),
        ("creatorId = me()", ""), ("priority = 1", "a"), ("title ~ 'b\\'s'", "b"), ('text ~ "b"', "bc"),
        ("content !~ 'c d'", "ab"), ("cf:{数} >= 12", "b"), ("cf:{数} != null", "ab"), ("cf:{选} = '甲'", "a"),
        ("cf:{文} = x", "b"), ("cf:{选} IN (甲,乙) OR isDone = true", "ac"),
        ("isDone = false AND (priority = 1 OR title ~ b)", "ab"), ("priority = 1 OR isDone = true AND title ~ a", "a"),
        ("dueDate < startOf(d)", "a"), ("dueDate >= startOf(w) AND dueDate <= endOf(d)", "ab"),
        ("accomplished >= startOf(w,-2w)", "c"), ("accomplished < startOf(M)", ""), ("accomplished > startOf(y)", "c"),
        ("exceedDueDate = true", "ab"), ("taskLayer = onlyTopLevel", "abc"), ("taskLayer = exceptTopLevel", ""),
        ("ORDER BY dueDate DESC", "bac"), ("dueDate != null ORDER BY priority DESC, created ASC", "ab"),
        ("uniqueId = 2", "b"), ("_executorId = {zhang}", "a"), ("tagId = null", "abc"),
    ],
)  # fmt: skip
def test_tql(w: World, q: str, found: str) -> None:
    tql_world(w)
    ids = {field.name: field.id for field in w.project.state.fields.values()} | {"zhang": w.zhang}
    assert "".join(text[0] for text in query(w, q.format(**ids))) == found
    if "ORDER" not in q:
        counted = w.client.get(f"/v3/project/{w.project.id}/task/count", q=q.format(**ids))
        assert counted == len(found)


@pytest.mark.parametrize(
    "q",
    [
        "foo = 1", "isDone ~ true", "priority >", "priority = high", "dueDate > soon", "title = 'x'", "(isDone = true",
        "isDone = true)", "isDone = true isDone = false", "ORDER BY note ASC", "ORDER BY created", "dueDate > null",
        "cf:000 = 1", "executorId > 3", "title ~ 'open", "dueDate > startOf(q)", "dueDate > nextWeek()", "and",
        "isDone = true and isDone = true", "priority IN 1",
    ],
)  # fmt: skip
def test_bad_tql(w: World, q: str) -> None:
    w.project.add_task({"标题": "a"})
    assert w.client.refused("GET", f"/v3/project/{w.project.id}/task/query", q=q) == 400
    w.service.settings({"bad_query": "empty"})
    assert query(w, q) == []


def test_recycle_bin_and_deletion(w: World) -> None:
    a, b = w.project.add_task({"标题": "a"}), w.project.add_task({"标题": "b"})
    assert w.client.ask("PUT", f"/v3/task/{a}/archive")[1]["code"] == 200
    assert w.client.ask("PUT", f"/v3/task/{a}/archive")[1]["code"] == 204
    assert query(w) == ["b"]
    assert query(w, includeArchived="true") == ["a", "b"]
    assert query(w, "isArchived = true", includeArchived="true") == ["a"]
    assert w.client.ask("POST", f"/v3/task/{a}/restore")[1]["code"] == 200
    assert query(w) == ["a", "b"]
    assert w.client.ask("POST", f"/v3/task/{b}/delete")[1]["code"] == 200
    assert w.client.refused("POST", f"/v3/task/{b}/delete") == 404
    assert query(w, includeArchived="true") == ["a"]


def test_tasks_by_id(w: World) -> None:
    ids = [w.project.add_task({"标题": f"t{number}"}) for number in range(60)]
    found = w.client.get("/v3/task/query", taskId=",".join([ids[3], "0" * 24, ids[1]]))
    assert [task["content"] for task in found] == ["t3", "t1"]
    assert found[0]["taskId"] == found[0]["id"] == ids[3]
    assert w.client.get("/v3/task/query", taskId=ids[0], fields="content,dueDate") == [
        {"id": ids[0], "content": "t0", "dueDate": None}
    ]
    assert w.client.refused("GET", "/v3/task/query", taskId=",".join(ids[:51])) == 400
    w.service.settings({"many_ids": "accept"})
    assert len(w.client.get("/v3/task/query", taskId=",".join(ids))) == 60
    assert w.client.refused("GET", "/v3/task/query") == 400
    assert [task["id"] for task in w.client.get("/v3/task/query", shortIds="RD-7")] == [ids[6]]


def test_organization_search_gives_ids(w: World) -> None:
    a = w.project.add_task({"标题": "a"})
    other = w.service.add_project("另一个")
    b = other.add_task({"标题": "b"})
    assert w.client.get("/v2/all-task/search", tql="") == [a, b]
    assert w.client.get("/v2/all-task/search", tql=f"projectId = '{other.id}'") == [b]


# --- 12-13: the task object


def test_the_task_object(w: World) -> None:
    w.service.clock.set(datetime(2024, 7, 24, 2, tzinfo=UTC).timestamp())
    task = w.project.add_task({"标题": "t", "截止时间": date(2024, 7, 20)})
    (shown,) = w.client.get(f"/v3/project/{w.project.id}/task/query")
    assert shown["dueDate"] == "2024-07-19T16:00:00.000Z"
    assert shown["startDate"] is None
    assert shown["uniqueId"] == "1"
    assert shown["customfields"] == []
    assert w.client.get("/v3/task/query", taskId=task)[0]["uniqueId"] == 1
    stamps = []
    for number in range(3):
        _, body = w.client.ask("PUT", f"/v3/task/{task}/content", {"content": f"t{number}"})
        stamps.append(body["result"]["updated"])
    assert stamps == sorted(set(stamps))
    assert stamps[-1] == "2024-07-24T02:00:00.003Z"


@pytest.mark.parametrize("style", ["int", "str", "mixed"])
def test_unique_id_styles(w: World, style: str) -> None:
    w.service.settings({"unique_id": style})
    for _ in range(4):
        w.project.add_task({"标题": "t"})
    kinds = {type(task["uniqueId"]) for task in w.client.get(f"/v3/project/{w.project.id}/task/query")}
    assert kinds == {"int": {int}, "str": {str}, "mixed": {int, str}}[style]


# --- 27-32: the limit, faults, state


def test_rate_limit(w: World) -> None:
    w.service.wire_clock.set(time.time())  # stands still: the window never moves on
    for _ in range(40):
        assert w.client.ask("GET", "/org/info")[0] == 200
    assert w.client.refused("GET", "/org/info") == 429
    assert w.client.ask("GET", "/org/member/list")[0] == 200  # another endpoint has its own limit
    w.service.wire_clock.advance(1.01)
    assert w.client.ask("GET", "/org/info")[0] == 200


@pytest.mark.parametrize("seconds", [None, 2.0])
def test_retry_after(w: World, seconds: float | None) -> None:
    w.service.settings({"retry_after": seconds})
    w.service.meter.limit = 0
    answer = w.client.session.get(f"{w.service.url}/api/org/info", headers=w.client.headers, timeout=5)
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == (None if seconds is None else "2")


def test_state_goes_out_and_in_again(w: World) -> None:
    field = w.project.add_field("f", "dropDown", ("甲",))
    task = w.project.add_task({"标题": "t", "f": "甲", "执行者": "张磊"})
    state = json.loads(json.dumps(w.service.dump()))
    with TeambitionService() as second:
        second.load(state)
        assert second.project(w.project.id).rows() == w.project.rows()
        client = Client(second, w.tenant, w.bot)
        choice = second.world.projects[w.project.id].fields[field].choices[0]
        body = {"customfieldId": field, "value": [{"id": choice.id, "title": "甲"}]}
        assert client.ask("POST", f"/v3/task/{task}/customfield/update", body)[1]["code"] == 204
        client.session.close()
    assert w.service.dump() == state


def test_ids_come_from_a_seed() -> None:
    first, second = TeambitionService(seed="a"), TeambitionService(seed="a")
    assert first.add_organization() == second.add_organization()
    assert len(first.add_organization()) == 24


def test_catalogues_are_cut_at_their_defaults(w: World) -> None:
    for number in range(120):
        w.project.add_field(f"f{number}")
        w.project.add_stage(f"s{number}")
        w.project.add_tag(f"t{number}")
        w.service.add_member(f"m{number}")
    base = f"/v3/project/{w.project.id}"
    for path in ("customfield/search", "stage/search", "tag/search", "member"):
        assert len(w.client.get(f"{base}/{path}")) == 10
        assert len(w.client.get(f"{base}/{path}", pageSize="100")) == 100
    assert len(w.client.get("/org/member/list")) == 30
    (only,) = w.client.get(f"{base}/customfield/search", q="f119")
    assert only["name"] == "f119"
    assert [one["name"] for one in w.client.get("/v3/project/query", projectIds=w.project.id)] == ["产品研发"]
    assert w.client.get(f"{base}/taskflow/search")[0]["name"] == "默认工作流"
    assert w.client.get(f"{base}/scenariofieldconfig/search")[0]["name"] == "任务"
    assert w.client.get(f"{base}/tasklist/search")[0]["title"] == "任务"
    assert w.client.get(f"{base}/sprint/search") == []
    _, people = w.client.ask("POST", "/org/member/batchGet", {"userIds": [w.zhang, "x"]})
    assert [person["name"] for person in people["result"]] == ["张磊"]
    assert w.client.refused("GET", f"/v3/project/{'0' * 24}/stage/search") == 404


# --- seeding as a person


def test_seeding_and_looking(w: World) -> None:
    w.project.add_field("任务编号")
    w.project.add_field("验收人", "lookup2")
    values = {
        "标题": "需求冻结", "任务编号": "RD-01", "执行者": "张磊", "任务状态": "已完成", "开始时间": "2024-06-26",
        "截止时间": date(2024, 7, 5), "完成时间": "2024-07-05", "进度": 100, "更新时间": "2024-07-05 17:20",
        "可见性": "项目成员可见", "验收人": ["机器人"],
    }  # fmt: skip
    row = w.project.row(w.project.add_task(values))
    assert {key: str(row[key])[:16] for key in ("开始时间", "截止时间", "完成时间", "更新时间")} == {
        "开始时间": "2024-06-26 00:00", "截止时间": "2024-07-05 00:00", "完成时间": "2024-07-05 00:00",
        "更新时间": "2024-07-05 17:20",
    }  # fmt: skip
    assert {key: row[key] for key in ("标题", "任务编号", "执行者", "任务状态", "进度", "可见性", "验收人")} == {
        "标题": "需求冻结", "任务编号": "RD-01", "执行者": "张磊", "任务状态": "已完成", "进度": 100,
        "可见性": "项目成员可见", "验收人": ["机器人"],
    }  # fmt: skip
    for wrong in ({"执行者": "无名"}, {"任务状态": "无此"}, {"无此列": 1}):
        with pytest.raises(LookupError):
            w.project.add_task({"标题": "x", **wrong})


def test_a_seeded_done_task_without_a_time_of_completion(w: World) -> None:
    task = w.project.add_task({"标题": "t", "任务状态": "已完成"})
    assert w.project.row(task)["完成时间"] is None
    other = w.project.add_task({"标题": "u"})
    w.project.edit(other, {"任务状态": "已完成"})
    assert w.project.row(other)["完成时间"] is not None
    w.project.edit(other, {"任务状态": "进行中"})
    assert w.project.row(other)["完成时间"] is None
