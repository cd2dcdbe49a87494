"""How the service shows its objects: tasks with every key of facts/teambition section 4, and the catalogues."""

from __future__ import annotations

from typing import Any

from duban.sandbox.teambition.times import wire
from duban.sandbox.teambition.world import (
    Activity,
    CustomField,
    Dependency,
    Member,
    Named,
    Priority,
    Project,
    Status,
    Task,
    TaskType,
    Trace,
)


def number_shown(number: int, style: str, route: str) -> int | str:
    """Return a task's number as this route types it: text in a project's query, a number in the query by ids.

    ``style`` may also be ``int``, ``str``, or ``mixed``, which changes from task to task.
    """
    if style == "route":
        style = "str" if route == "project" else "int"
    elif style == "mixed":
        style = "str" if number % 2 else "int"
    return str(number) if style == "str" else number


def task_shown(project: Project, task: Task, *, route: str, numbers: str, empty_cells: str) -> dict[str, Any]:
    """Return a task. ``empty_cells``: custom fields without a value are left out (``omit``) or empty lists (``list``);
    with ``none`` the key ``customfields`` itself is missing from a task that has none filled."""
    shown: dict[str, Any] = {
        "id": task.id, "content": task.content, "note": task.note, "projectId": project.id,
        "tasklistId": task.tasklist, "stageId": task.stage, "sfcId": task.type, "tfsId": task.status,
        "executorId": task.executor, "creatorId": task.creator, "involveMembers": list(task.involved),
        "tagIds": list(task.tags), "parentTaskId": task.parent, "ancestorIds": list(task.ancestors),
        "priority": task.priority, "storyPoint": task.story_point, "progress": task.progress, "isDone": task.done,
        "isArchived": task.archived, "visible": task.visible, "uniqueId": number_shown(task.number, numbers, route),
        "pos": task.pos, "recurrence": [], "sprintId": task.sprint, "sourceId": "", "startDate": wire(task.start),
        "dueDate": wire(task.due), "accomplishTime": wire(task.accomplished), "created": wire(task.created),
        "updated": wire(task.updated),
    }  # fmt: skip
    if route == "ids":
        shown["taskId"] = task.id
    cells = [
        {
            "cfId": field_id,
            "type": project.fields[field_id].type,
            "value": [dict(entry) for entry in task.cells.get(field_id, ())],
        }
        for field_id in (project.types[task.type].fields if empty_cells == "list" else task.cells)
    ]
    if cells or empty_cells != "none":
        shown["customfields"] = cells
    return shown


def field_shown(project: Project, field: CustomField) -> dict[str, Any]:
    """Return one custom field of a project."""
    shown: dict[str, Any] = {
        "id": field.id, "name": field.name, "type": field.type, "subtype": field.subtype,
        "boundToObjectId": project.id, "boundToObjectType": "project", "originalId": field.original, "creatorId": "",
        "choices": [{"id": choice.id, "value": choice.value, "color": "#808080"} for choice in field.choices],
        "created": wire(field.created), "payload": {},
    }  # fmt: skip
    if field.object_type:
        shown["advancedCustomfield"] = {"id": field.id, "name": field.name, "objectType": field.object_type}
    return shown


def status_shown(status: Status) -> dict[str, Any]:
    """Return one status; its ``pos`` is a number here (some answers give it as text)."""
    return {
        "id": status.id, "name": status.name, "pos": status.pos, "taskflowId": status.taskflow,
        "rejectStatusIds": list(status.reject), "kind": status.kind, "creatorId": "", "originalId": "",
        "isDeleted": status.deleted,
        "isTaskflowstatusruleexector": bool(status.movers), "created": None, "updated": None,
    }  # fmt: skip


def type_shown(project: Project, kind: TaskType) -> dict[str, Any]:
    """Return one task type with the fields that its tasks have."""
    return {
        "id": kind.id, "name": kind.name, "icon": "task", "type": "task", "projectId": project.id,
        "taskflowId": kind.taskflow, "originalId": "", "isArchived": False, "source": "application.default",
        "scenariofields": [{"fieldType": "customfield", "customfieldId": cf, "required": False} for cf in kind.fields],
    }  # fmt: skip


def named_shown(project: Project, entry: Named, key: str = "name") -> dict[str, Any]:
    """Return a board column, group, tag, sprint or taskflow."""
    shown = {
        "id": entry.id, key: entry.name, "projectId": project.id, "created": wire(entry.created),
        "updated": wire(entry.created),
    }  # fmt: skip
    return shown | ({"tasklistId": entry.parent} if entry.parent else {})


def member_shown(member: Member) -> dict[str, Any]:
    """Return one person of the organization."""
    return {
        "memberId": member.member_id, "userId": member.id, "name": member.name, "email": member.email, "phone": "",
        "role": 0, "isDisabled": int(member.disabled), "employeeNumber": "",
    }  # fmt: skip


def priority_shown(priority: Priority, organization: str) -> dict[str, Any]:
    """Return one priority; its id is not the number that tasks carry."""
    return {
        "id": f"{organization[:16]}{priority.number + 100:08x}", "name": priority.name, "priority": priority.number,
        "color": priority.color, "organizationId": organization,
    }  # fmt: skip


def activity_shown(activity: Activity) -> dict[str, Any]:
    """Return one line of a task's history."""
    return {
        "id": activity.id, "action": activity.action, "content": activity.content, "message": "",
        "creatorId": activity.creator, "createTime": wire(activity.at), "updateTime": wire(activity.at),
    }  # fmt: skip


def trace_shown(trace: Trace) -> dict[str, Any]:
    """Return one progress report."""
    return {
        "id": trace.id, "title": trace.title, "content": trace.content, "status": trace.status, "raw": trace.content,
        "renderMode": "plain", "reminderIds": list(trace.reminders), "attachments": [], "creatorId": trace.creator,
        "created": wire(trace.at),
    }  # fmt: skip


def dependency_shown(dependency: Dependency) -> dict[str, Any]:
    """Return one dependency."""
    return {
        "id": dependency.id, "fromId": dependency.source, "toId": dependency.target, "kind": dependency.kind,
        "lagTime": dependency.lag, "scopes": [], "created": wire(dependency.at), "updated": wire(dependency.at),
    }  # fmt: skip
