"""The simulated Teambition's writes: custom fields, workflows, built-in properties, comments, new tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from teambition_world import World


@pytest.fixture
def w() -> Iterator[World]:
    world = World()
    with world.service:
        yield world
        world.client.session.close()


# --- 14-16, 26: custom fields


def field_call(w: World, task: str, field: str, value: Any, **more: Any) -> tuple[int, Any]:
    body = {"customfieldId": field, "value": value, **more}
    return w.client.ask("POST", f"/v3/task/{task}/customfield/update", body)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("text", [{"id": "", "title": "x"}], [("", "x")]),
        ("number", [{"title": "12.5"}], [("", "12.5")]),
        ("date", [{"title": "2026-03-16T08:00:00+08:00"}], [("", "2026-03-16T00:00:00.000Z")]),
        ("dropDown", [{"title": "乙"}], [("2", "乙")]),
        ("dropDown", [{"id": "2", "title": ""}], [("2", "乙")]),
        ("multipleChoice", [{"id": "1"}, {"title": "乙"}], [("1", "甲"), ("2", "乙")]),
        ("lookup2", [{"id": "zhang", "title": "zhang"}], [("zhang", "张磊")]),
        ("work", [{"metaString": '{"fileToken":"f"}', "title": "a.pdf"}], [("", "a.pdf")]),
        ("cascading", [{"title": "甲"}], [("1", "甲")]),
        ("commongroup", [{"id": "1", "title": "甲"}], [("1", "甲")]),
        ("rtf", [{"title": "<b>x</b>"}], [("", "<b>x</b>")]),
    ],
)
def test_custom_values_that_are_taken(w: World, kind: str, value: Any, stored: list[tuple[str, str]]) -> None:
    field = w.project.add_field("f", kind, ("甲", "乙"))
    task = w.project.add_task({"标题": "t"})
    ids = {str(n): c.id for n, c in enumerate(w.project.state.fields[field].choices, 1)} | {"zhang": w.zhang, "": ""}
    text = json.dumps(value).replace('"zhang"', f'"{w.zhang}"')
    value = [entry | ({"id": ids.get(entry["id"], entry["id"])} if "id" in entry else {}) for entry in json.loads(text)]
    assert field_call(w, task, field, value)[1]["code"] == 200
    (shown,) = w.client.get(f"/v3/project/{w.project.id}/task/query")
    (cell,) = shown["customfields"]
    assert (cell["cfId"], cell["type"]) == (field, kind)
    assert [(entry["id"], entry["title"]) for entry in cell["value"]] == [(ids[id_], title) for id_, title in stored]
    before = shown["updated"]
    assert field_call(w, task, field, value)[1] | {"requestId": ""} == {
        "code": 204, "errorMessage": "", "requestId": "", "result": None
    }  # fmt: skip
    assert w.client.get("/v3/task/query", taskId=task)[0]["updated"] == before
    assert field_call(w, task, field, [])[1]["code"] == 200
    assert w.client.get("/v3/task/query", taskId=task)[0]["customfields"] == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "x"), ("text", ["x"]), ("text", [{"title": 3}]), ("text", [{"title": "a"}, {"title": "b"}]),
        ("text", [{}]), ("number", [{"title": "viele"}]), ("number", [{"title": 3}]),
        ("date", [{"title": "2026-03-16"}]),
        ("date", [{"title": "2026-03-16T00:00:00"}]), ("dropDown", [{"title": "丙"}]), ("dropDown", [{"id": "9"}]),
        ("dropDown", [{"title": "甲"}, {"title": "乙"}]), ("lookup2", [{"id": "nobody"}]), ("work", [{"title": "f"}]),
    ],
)  # fmt: skip
def test_custom_values_that_are_refused(w: World, kind: str, value: Any) -> None:
    field = w.project.add_field("f", kind, ("甲", "乙"))
    task = w.project.add_task({"标题": "t"})
    assert field_call(w, task, field, value)[0] == 400
    assert w.project.row(task)["f"] is None


def test_fields_that_are_refused(w: World) -> None:
    loose = w.project.add_field("loose", attach=False)
    task = w.project.add_task({"标题": "t"})
    value = [{"id": "", "title": "x"}]
    assert field_call(w, task, loose, value)[0] == 400
    assert field_call(w, task, "0" * 24, value)[0] == 400
    assert w.client.refused("POST", f"/v3/task/{task}/customfield/update", {"cfId": loose, "value": value}) == 400
    kind = next(iter(w.project.state.types))
    query = {"projectId": w.project.id, "fieldType": "customfield", "customfieldId": loose}
    assert w.client.ask("POST", f"/v3/sfc/{kind}/sf", **query)[1]["code"] == 200
    assert field_call(w, task, loose, value)[0] == 200


def test_a_created_field_shows_its_choices_only_when_read_again(w: World) -> None:
    body = {"name": "预警级别", "type": "dropDown", "choices": [{"value": "绿"}, {"value": "红"}]}
    _, answer = w.client.ask("POST", "/v3/customfield/create", body, projectId=w.project.id)
    assert answer["result"]["choices"] == [{"value": "绿"}, {"value": "红"}]
    (read,) = w.client.get(f"/v3/project/{w.project.id}/customfield/search", cfIds=answer["result"]["id"])
    assert all(len(choice["id"]) == 24 for choice in read["choices"])


def test_empty_fields(w: World) -> None:
    field = w.project.add_field("f")
    w.project.add_task({"标题": "t"})
    w.service.settings({"empty_cells": "list"})
    (shown,) = w.client.get(f"/v3/project/{w.project.id}/task/query")
    assert shown["customfields"] == [{"cfId": field, "type": "text", "value": []}]
    w.service.settings({"empty_cells": "none"})
    (shown,) = w.client.get(f"/v3/project/{w.project.id}/task/query")
    assert "customfields" not in shown


def test_added_and_taken_entries(w: World) -> None:
    field = w.project.add_field("f", "multipleChoice", ("甲", "乙", "丙"))
    task = w.project.add_task({"标题": "t", "f": ["甲", "乙"]})
    body = {"customfieldId": field, "addValues": [{"title": "丙"}], "delValues": [{"title": "甲"}]}
    assert w.client.ask("POST", f"/v3/task/{task}/customfield/update", body)[1]["code"] == 200
    assert w.project.row(task)["f"] == ["乙", "丙"]


@pytest.mark.parametrize(("flags", "lines", "notices"), [
    ({}, 1, 1), ({"disableActivity": True}, 0, 1), ({"disableNotification": True}, 1, 0),
    ({"disableActivity": True, "disableNotification": True}, 0, 0),
])  # fmt: skip
def test_history_and_notifications(w: World, flags: dict[str, bool], lines: int, notices: int) -> None:
    field = w.project.add_field("f")
    task = w.project.add_task({"标题": "t", "执行者": "张磊"})
    field_call(w, task, field, [{"id": "", "title": "x"}], **flags)
    assert len(w.client.get(f"/v3/task/{task}/activity/list")) == lines
    assert len(w.service.notices(task)) == notices


# --- 17-22: workflows and built-in properties


def test_statuses(w: World) -> None:
    flow = w.project.add_taskflow("缺陷", (("待处理", "start"), ("关闭", "end"), ("推迟", "end")))
    w.project.add_status("旧", "unset", taskflow=flow, deleted=True)
    found = w.client.get(f"/v3/project/{w.project.id}/taskflowstatus/search", tfIds=flow)
    assert [(status["name"], status["kind"], status["isDeleted"]) for status in found] == [
        ("待处理", "start", False), ("关闭", "end", False), ("推迟", "end", False), ("旧", "unset", True)
    ]  # fmt: skip
    assert len(w.client.get(f"/v3/project/{w.project.id}/taskflowstatus/search", pageSize="50")) == 7


def status_ids(w: World) -> dict[str, str]:
    return {status.name: status.id for status in w.project.state.statuses.values()}


def test_moving_to_the_end_and_back(w: World) -> None:
    w.service.clock.set(datetime(2024, 7, 24, 2, tzinfo=UTC).timestamp())
    task = w.project.add_task({"标题": "t"})
    path = f"/v3/task/{task}/taskflowstatus"
    assert w.client.ask("PUT", path, {"tfsName": "已完成", "tfsUpdateNote": "好了"})[1]["code"] == 200
    (shown,) = w.client.get("/v3/task/query", taskId=task)
    assert (shown["isDone"], shown["accomplishTime"]) == (True, "2024-07-24T02:00:00.000Z")
    (line,) = w.client.get(f"/v3/task/{task}/activity/list")
    assert json.loads(line["content"]) == {"old": "待处理", "new": "已完成", "note": "好了"}
    assert w.client.ask("PUT", path, {"taskflowstatusId": status_ids(w)["进行中"]})[1]["code"] == 200
    (shown,) = w.client.get("/v3/task/query", taskId=task)
    assert (shown["isDone"], shown["accomplishTime"]) == (False, None)
    assert w.client.ask("PUT", path, {"tfsName": "进行中"})[1]["code"] == 204


def test_a_status_of_another_workflow(w: World) -> None:
    flow = w.project.add_taskflow("缺陷", (("关闭", "end"),))
    foreign = next(status.id for status in w.project.state.statuses.values() if status.taskflow == flow)
    task = w.project.add_task({"标题": "t"})
    assert w.client.refused("PUT", f"/v3/task/{task}/taskflowstatus", {"taskflowstatusId": foreign}) == 400


@pytest.mark.parametrize(
    ("model", "holder", "banned", "move", "allowed"),
    [
        ("R1", "已完成", "待处理", ("待处理", "已完成"), False), ("R1", "待处理", "已完成", ("待处理", "已完成"), True),
        ("R2", "待处理", "已完成", ("待处理", "已完成"), False), ("R2", "已完成", "待处理", ("待处理", "已完成"), True),
        ("R3", "已完成", "待处理", ("已完成", "待处理"), True), ("R3", "待处理", "已完成", ("已完成", "进行中"), False),
    ],
)  # fmt: skip
def test_reject_models(
    w: World, model: str, holder: str, banned: str, move: tuple[str, str], allowed: bool
) -> None:
    w.service.settings({"reject_model": model})
    ids = status_ids(w)
    w.project.state.statuses[ids[holder]].reject.append(ids[banned])
    task = w.project.add_task({"标题": "t", "任务状态": move[0]})
    status, _ = w.client.ask("PUT", f"/v3/task/{task}/taskflowstatus", {"tfsName": move[1]})
    assert status == (200 if allowed else 400)


def test_who_may_move_and_what_is_required(w: World) -> None:
    field = w.project.add_field("结论")
    w.project.add_status("评审", movers=[["allowedActors", "task:executor"]], required=["dueDate", f"cf:{field}"])
    task = w.project.add_task({"标题": "t", "执行者": "张磊"})
    path = f"/v3/task/{task}/taskflowstatus"
    assert w.client.refused("PUT", path, {"tfsName": "评审"}) == 403
    w.client.headers["x-operator-id"] = w.zhang
    assert w.client.refused("PUT", path, {"tfsName": "评审"}) == 400
    w.project.edit(task, {"截止时间": date(2024, 7, 1), "结论": "可"})
    assert w.client.ask("PUT", path, {"tfsName": "评审"})[0] == 200


@pytest.mark.parametrize(
    ("call", "body", "status"),
    [
        ("PUT dueDate", {"dueDate": "2024-07-19T16:00:00Z"}, 200),
        ("PUT dueDate", {"dueDate": "2024-07-20T00:00:00+08:00"}, 200),
        ("PUT dueDate", {"dueDate": None}, 200),
        ("PUT dueDate", {"dueDate": "2024-07-20"}, 400),
        ("PUT dueDate", {"dueDate": "2024-07-20T00:00:00"}, 400),
        ("PUT dueDate", {}, 400),
        ("PUT startDate", {"startDate": 5}, 400),
        ("PUT priority", {"priority": 1}, 200),
        ("PUT priority", {"priorityName": "较低"}, 200),
        ("PUT priority", {"priority": 77}, 400),
        ("PUT progress", {"progress": 55}, 200),
        ("PUT progress", {"progress": 101}, 400),
        ("PUT progress", {"progress": True}, 400),
        ("PUT content", {"content": ""}, 400),
        ("PUT content", {"content": "x" * 501}, 400),
        ("PUT note", {"note": "n"}, 200),
        ("PUT executor", {"executorId": "0"}, 400),
        ("PUT executor", {"executorId": "$zhang"}, 200),
        ("PUT involveMembers", {"addInvolvers": ["$zhang"]}, 200),
        ("PUT involveMembers", {"involveMembers": "x"}, 400),
        ("PUT tag", {"tagNames": ["重要"]}, 200),
        ("PUT tag", {"tagIds": ["0"]}, 400),
        ("PUT storyPoint", {"storyPoint": "3"}, 200),
        ("PUT stage/update", {"stageId": "0"}, 400),
        ("POST visible/update", {"visible": "involves"}, 200),
        ("POST visible/update", {"visible": "nobody"}, 400),
        ("POST comment", {"content": "嗨"}, 200),
        ("POST comment", {"content": "嗨", "mentionUserIds": ["u"] * 31}, 400),
        ("POST comment", {"content": "x", "renderMode": "html"}, 400),
        ("POST trace/create", {"title": "周报", "status": 3}, 200),
        ("POST trace/create", {"title": "周报", "status": 4}, 400),
        ("PUT dueDate", {"dueDate": None, "disableActivity": "yes"}, 400),
    ],
)  # fmt: skip
def test_writes_one_by_one(w: World, call: str, body: dict[str, Any], status: int) -> None:
    w.project.add_tag("重要")
    task = w.project.add_task({"标题": "t", "截止时间": date(2024, 1, 1)})
    method, path = call.split(" ")
    body = json.loads(json.dumps(body).replace("$zhang", w.zhang))
    before = w.project.row(task)
    assert w.client.ask(method, f"/v3/task/{task}/{path}", body)[0] == status
    assert (w.project.row(task)["更新时间"] > before["更新时间"]) == (status == 200)


def test_priorities_mean_what_the_tenant_says(w: World) -> None:
    w.service.set_priorities({-10: "较低", 0: "普通", 2: "非常紧急"})
    found = w.client.get("/v3/project/priority/list")
    assert [(one["priority"], one["name"]) for one in found] == [(-10, "较低"), (0, "普通"), (2, "非常紧急")]


def test_zoneless_dates_by_setting(w: World) -> None:
    w.service.settings({"zoneless_dates": "accept"})
    task = w.project.add_task({"标题": "t"})
    _, body = w.client.ask("PUT", f"/v3/task/{task}/dueDate", {"dueDate": "2024-07-20T00:00:00"})
    assert body["result"]["dueDate"] == "2024-07-19T16:00:00.000Z"


def test_a_body_that_is_no_object(w: World) -> None:
    task = w.project.add_task({"标题": "t"})
    assert w.client.refused("PUT", f"/v3/task/{task}/content", ["x"]) == 400


# --- 23-25: comments, traces, dependencies, new tasks


def test_comments_traces_dependencies(w: World) -> None:
    a, b = w.project.add_task({"标题": "a"}), w.project.add_task({"标题": "b"})
    w.client.ask("POST", f"/v3/task/{a}/comment", {"content": "请说明", "renderMode": "markdown"})
    (line,) = w.client.get(f"/v3/task/{a}/activity/list", actions="comment")
    assert json.loads(line["content"])["comment"] == "请说明"
    for title in ("一", "二"):
        w.client.ask("POST", f"/v3/task/{a}/trace/create", {"title": title, "status": 2})
    _, body = w.client.ask("GET", f"/v3/task/{a}/traces")
    assert [trace["title"] for trace in body["result"]] == ["二", "一"]
    assert body["totalCount"] == 2
    made = w.client.ask("POST", "/v3/task/dependency/create", {"fromId": a, "toId": b, "kind": "F->S"})[1]["result"]
    assert [arrow["toId"] for arrow in w.client.get("/v3/task/dependency", taskId=a)] == [b]
    assert w.client.refused("POST", "/v3/task/dependency/create", {"fromId": a, "toId": b, "kind": "X"}) == 400
    assert w.client.ask("POST", f"/v3/task/dependency/{made['id']}/delete")[0] == 200
    assert w.client.get("/v3/task/dependency", taskId=a) == []


def test_creating_a_task(w: World) -> None:
    field = w.project.add_field("f")
    body = {
        "projectId": w.project.id, "content": "new", "executorId": w.zhang, "dueDate": "2024-07-19T16:00:00.000Z",
        "customfields": [{"cfId": field, "value": [{"title": "x"}]}],
    }  # fmt: skip
    _, answer = w.client.ask("POST", "/v3/task/create", body)
    assert w.project.row(answer["result"]["id"])["f"] == "x"
    assert w.client.refused("POST", "/v3/task/create", body | {"tfsName": "已完成"}) == 400
    assert w.client.refused("POST", "/v3/task/create", body | {"content": ""}) == 400
    w.client.headers["x-operator-id"] = w.zhang
    mine = w.client.get("/v3/usertasks/search", roleTypes="executor")
    assert [task["content"] for task in mine] == ["new"]
