"""The vendor's own SDK works against the simulator: evidence that both speak the same protocol.

As it comes the SDK fails at two thirds of its calls and talks to the real host (facts/teambition section 12), so it is
patched as told there, and only its ``_without_preload_content`` calls are used: they skip its too strict models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from duban.sandbox.teambition import TeambitionService

pytest.importorskip("jwt", reason="the SDK needs PyJWT and does not declare it")
sdk = pytest.importorskip("teambition_oapi_sdk", reason="teambition-oapi-sdk is not installed")


class World:
    def __init__(self) -> None:
        self.service = TeambitionService()
        self.tenant = self.service.add_organization()
        app, secret = self.service.add_app()
        self.bot = self.service.add_member("机器人")
        self.project = self.service.add_project("产品研发")
        self.service.start()
        settings = sdk.Configuration(app, secret, host=f"{self.service.url}/api", ignore_operation_servers=True)
        settings.safe_chars_for_path_param = ""
        self.client = sdk.ApiClient(settings)
        self.client.set_default_header("X-Tenant-Type", "organization")
        self.who = {"x_tenant_id": self.tenant, "x_operator_id": self.bot, "_request_timeout": 5.0}
        self.tenant_only = {"x_tenant_id": self.tenant, "_request_timeout": 5.0}


@pytest.fixture
def w() -> Iterator[World]:
    world = World()
    yield world
    world.client.rest_client.pool_manager.clear()
    world.service.stop()


def body(answer: Any) -> Any:
    return json.loads(answer.data)


def test_reading(w: World) -> None:
    w.project.add_field("预警级别", "dropDown", ("绿", "红"))
    for number in range(12):
        w.project.add_task({"标题": f"t{number}", "预警级别": "红"})
    projects, tasks = sdk.ProjectApi(w.client), sdk.TaskApi(w.client)
    first = body(projects.search_project_tasks_v3_without_preload_content(w.project.id, q="isDone = false", **w.who))
    assert (len(first["result"]), first["totalSize"]) == (10, 12)
    rest = body(
        projects.search_project_tasks_v3_without_preload_content(
            w.project.id, q="isDone = false", page_token=first["nextPageToken"], **w.who
        )
    )
    assert [task["content"] for task in rest["result"]] == ["t10", "t11"]
    assert body(projects.count_project_tasks_v3_without_preload_content(w.project.id, **w.who))["result"] == 12
    fields = body(projects.search_project_custom_fileds_v3_without_preload_content(w.project.id, **w.tenant_only))
    assert [choice["value"] for choice in fields["result"][0]["choices"]] == ["绿", "红"]
    statuses = body(projects.search_taskflow_statuses_v3_without_preload_content(w.project.id, **w.tenant_only))
    assert [status["kind"] for status in statuses["result"]] == ["start", "unset", "end"]
    asked = ",".join(task["id"] for task in first["result"][:2])
    assert len(body(tasks.query_task_v3_without_preload_content(task_id=asked, **w.who))["result"]) == 2


def test_writing(w: World) -> None:
    field = w.project.add_field("预警级别", "dropDown", ("绿", "红"))
    task = w.project.add_task({"标题": "t"})
    tasks = sdk.TaskApi(w.client)
    request = {"customfieldId": field, "value": [{"title": "红"}], "disableActivity": True}
    codes = [
        body(tasks.update_task_cusom_field_v3_without_preload_content(
            task, update_task_cusom_field_v3_request=request, **w.who
        ))["code"]
        for _ in range(2)
    ]  # fmt: skip
    assert codes == [200, 204]
    assert w.project.row(task)["预警级别"] == "红"
    assert w.project.history(task) == []
    due = {"dueDate": "2024-07-19T16:00:00.000Z"}
    update = tasks.update_task_due_date_v3_without_preload_content
    assert body(update(task, update_task_due_date_v3_request=due, **w.who))["result"]["dueDate"][:10] == "2024-07-19"
    assert str(w.project.row(task)["截止时间"]) == "2024-07-20 00:00:00+08:00"


def test_a_wrong_secret(w: World) -> None:
    w.client.configuration.app_secret = "wrong-secret-wrong-secret-wrong-secret"
    answer = sdk.ProjectApi(w.client).count_project_tasks_v3_without_preload_content(w.project.id, **w.who)
    assert answer.status == 401
