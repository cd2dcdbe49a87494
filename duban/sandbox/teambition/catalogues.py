"""The catalogues: projects, people, task types, statuses, fields, board columns, groups, tags, sprints, priorities.

All are paged with small defaults: an answer without pageSize is cut short silently, which is the classic trap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from duban.sandbox.teambition.answers import Done, Refusal, cut, page_size
from duban.sandbox.teambition.call import Call
from duban.sandbox.teambition.shapes import (
    field_shown,
    member_shown,
    named_shown,
    priority_shown,
    status_shown,
    type_shown,
)
from duban.sandbox.teambition.times import wire
from duban.sandbox.teambition.world import Project


def _paged(
    call: Call,
    entries: Iterable[Any],
    render: Callable[[Any], Any],
    *,
    default: int = 10,
    largest: int = 300,
    total: str = "totalSize",
    ids: str = "",
    name: Callable[[Any], str] = lambda entry: str(entry.name),
) -> Done:
    """Cut a catalogue after filtering it by ``q`` (a part of the name) and by a comma list of ids."""
    wanted = set((call.request.param(ids) or "").split(",")) - {""} if ids else set()
    part = call.request.param("q") or ""
    found = [entry for entry in entries if (not wanted or entry.id in wanted) and part in name(entry)]
    size = page_size(call.request.param("pageSize"), default, largest, call.quirks.over_page)
    query = f"{call.request.path}|{part}|{sorted(wanted)}"
    return cut(found, query, size, call.request.param("pageToken"), render=render, total=total)


def organization(call: Call) -> Done:
    """GET /org/info."""
    tenant = call.caller.organization
    return Done({"orgId": tenant.id, "name": tenant.name, "logo": "", "created": None, "labels": [], "parentId": ""})


def projects(call: Call) -> Done:
    """GET /v3/project/query."""
    mine = [project for project in call.world.projects.values() if project.organization == call.caller.organization.id]
    name = call.request.param("name") or ""
    return _paged(call, (project for project in mine if name in project.name), _project, ids="projectIds")


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.id, "name": project.name, "logo": "", "description": "", "organizationId": project.organization,
        "visibility": "project", "isTemplate": False, "creatorId": "", "isArchived": False, "isSuspended": False,
        "suspendedAt": None, "uniqueIdPrefix": project.prefix, "created": wire(project.created),
        "updated": wire(project.created), "startDate": None, "endDate": None, "sourceId": "", "labels": [],
        "customfields": [],
    }  # fmt: skip


def members(call: Call) -> Done:
    """GET /v3/project/{p}/member: ids and roles, no names."""
    project = call.project()
    known = call.world.organizations[project.organization].members
    entries = [person for person in known.values() if project.members is None or person.id in project.members]
    roles = project.members or {}

    def render(person: Any) -> dict[str, Any]:
        return {"id": person.member_id, "userId": person.id, "role": roles.get(person.id, 0), "roleIds": []}

    return _paged(call, entries, render, ids="userIds", total="count")


def people(call: Call) -> Done:
    """GET /org/member/list."""
    return _paged(
        call, call.caller.organization.members.values(), member_shown, default=30, largest=1000, total="count"
    )  # fmt: skip


def people_by_id(call: Call) -> Done:
    """POST /org/member/batchGet: a read although it is a POST; unknown ids are missing."""
    asked = call.body.get("userIds")
    if not isinstance(asked, list) or len(asked) > 100:
        raise Refusal(400, "userIds must be a list of at most 100")
    known = call.caller.organization.members
    return Done([member_shown(known[user]) for user in asked if user in known])


def task_types(call: Call) -> Done:
    """GET /v3/project/{p}/scenariofieldconfig/search."""
    project = call.project()
    return _paged(call, project.types.values(), lambda kind: type_shown(project, kind), default=50, ids="sfcIds")


def taskflows(call: Call) -> Done:
    """GET /v3/project/{p}/taskflow/search."""
    project = call.project()
    return _paged(call, project.taskflows.values(), lambda flow: named_shown(project, flow), ids="tfIds")


def statuses(call: Call) -> Done:
    """GET /v3/project/{p}/taskflowstatus/search: of every workflow of the project, deleted ones included."""
    project = call.project()
    flows = set((call.request.param("tfIds") or "").split(",")) - {""}
    found = [status for status in project.statuses.values() if not flows or status.taskflow in flows]
    return _paged(call, sorted(found, key=lambda status: status.pos), status_shown, ids="tfsIds")


def statuses_of_task(call: Call) -> Done:
    """GET /v3/task/{t}/tfs: the statuses of that task's own workflow."""
    project, task = call.task()
    flow = project.flow_of(task)
    return Done([status_shown(s) for s in project.statuses.values() if s.taskflow == flow and not s.deleted])


def status_movers(call: Call) -> Done:
    """GET /v3/project/{p}/taskflowstatus/{s}/executor/list."""
    status = call.project().statuses.get(call.path["status"])
    if status is None:
        raise Refusal(404, "no such status")
    return Done([{"subjectType": kind, "subjectId": subject} for kind, subject in status.movers])


def status_validators(call: Call) -> Done:
    """GET /v3/project/{p}/taskflowstatus/{s}/validator/list."""
    status = call.project().statuses.get(call.path["status"])
    if status is None:
        raise Refusal(404, "no such status")
    rules = [
        {"fieldType": "customfield", "customfieldId": name[3:]} if name.startswith("cf:") else {"fieldType": name}
        for name in status.required
    ]
    return Done([{"field": rule, "value": {"required": True}} for rule in rules])


def custom_fields(call: Call) -> Done:
    """GET /v3/project/{p}/customfield/search."""
    project = call.project()
    return _paged(call, project.fields.values(), lambda cf: field_shown(project, cf), ids="cfIds", total="total")


def choices(call: Call) -> Done:
    """GET /v3/customfield/{f}/choice/search: the levels of a cascading field."""
    for project in call.world.projects.values():
        field = project.fields.get(call.path["field"])
        if field is not None and project.organization == call.caller.organization.id:
            return _paged(call, field.choices, _level, name=lambda choice: str(choice.value))
    raise Refusal(404, "no such custom field")


def _level(choice: Any) -> dict[str, Any]:
    depth = choice.value.count("/")
    return {
        "id": choice.id,
        "value": choice.value.rsplit("/", 1)[-1],
        "fullPath": choice.value,
        "depth": depth,
        "hasChild": False,
    }


def stages(call: Call) -> Done:
    """GET /v3/project/{p}/stage/search."""
    project = call.project()
    return _paged(call, project.stages.values(), lambda stage: named_shown(project, stage), ids="stageIds")


def tasklists(call: Call) -> Done:
    """GET /v3/project/{p}/tasklist/search."""
    project = call.project()
    return _paged(
        call, project.tasklists.values(), lambda group: named_shown(project, group, "title"), ids="tasklistIds"
    )  # fmt: skip


def tags(call: Call) -> Done:
    """GET /v3/project/{p}/tag/search."""
    project = call.project()
    return _paged(call, project.tags.values(), lambda tag: named_shown(project, tag), ids="tagIds")


def sprints(call: Call) -> Done:
    """GET /v3/project/{p}/sprint/search."""
    project = call.project()
    return _paged(
        call, project.sprints.values(), lambda s: named_shown(project, s) | {"status": "active"}, ids="sprintIds"
    )


def priorities(call: Call) -> Done:
    """GET /v3/project/priority/list."""
    tenant = call.caller.organization
    listed = [priority_shown(priority, tenant.id) for priority in tenant.priorities]
    return Done(listed, {"defaultOptionId": listed[0]["id"] if listed else ""})
