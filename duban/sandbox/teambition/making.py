"""Making things: tasks, comments, progress reports, dependencies, custom fields."""

from __future__ import annotations

from typing import Any

from duban.sandbox.teambition.answers import Done, Refusal
from duban.sandbox.teambition.call import Call
from duban.sandbox.teambition.reads import shown
from duban.sandbox.teambition.shapes import dependency_shown, trace_shown
from duban.sandbox.teambition.times import wire
from duban.sandbox.teambition.transitions import enter
from duban.sandbox.teambition.values import TYPES, accept, choices_of
from duban.sandbox.teambition.world import (
    Activity,
    CustomField,
    Dependency,
    Project,
    Status,
    Task,
    TaskType,
    Trace,
    World,
)
from duban.sandbox.teambition.writes import instant, need_members

_CREATABLE = {"text", "number", "date", "dropDown", "multipleChoice"}


def create_task(call: Call) -> Done:
    """POST /v3/task/create. Reminders, story points and note modes are left out."""
    body = call.body
    project = call.project(body.get("projectId") or "")
    content = body.get("content")
    if not isinstance(content, str) or not 0 < len(content) <= 500:
        raise Refusal(400, "content must be a text of 1 to 500 characters")
    kind = _kind(body, project)
    status = _start(body, project, kind)
    task = blank_task(call.world, project, kind, status, content, by=call.user, now=call.now)
    people = [*body.get("involveMembers", []), *([body["executorId"]] if body.get("executorId") else [])]
    need_members(call, project, people)
    task.executor = body.get("executorId")
    task.involved = list(dict.fromkeys([*people, *([call.user] if call.user else [])]))
    task.due = instant(call, "dueDate") if "dueDate" in body else None
    task.start = instant(call, "startDate") if "startDate" in body else None
    task.note, task.progress = body.get("note", ""), body.get("progress", 0)
    task.visible = body.get("visible", "members")
    for cell in body.get("customfields", []):
        field = project.fields.get(cell.get("cfId", "")) or call.world.field_named(
            project, cell.get("customfieldName", "")
        )
        if field is None or field.id not in kind.fields:
            raise Refusal(400, "no such custom field on this task type")
        task.cells[field.id] = accept(field, cell.get("value"), call.world, call.zoneless)
    keep(call, project, task)
    return Done(shown(call, project, task, "ids"))


def _kind(body: dict[str, Any], project: Project) -> TaskType:
    wanted = body.get("scenariofieldconfigId")
    if wanted is None:
        return next(iter(project.types.values()))
    if wanted not in project.types:
        raise Refusal(400, "no such task type")
    return project.types[wanted]


def _start(body: dict[str, Any], project: Project, kind: TaskType) -> Status:
    wanted, name = body.get("taskflowstatusId"), body.get("tfsName")
    for status in sorted(project.statuses.values(), key=lambda status: status.pos):
        fits = (wanted or status.id) == status.id and (name or status.name) == status.name
        if fits and status.taskflow == kind.taskflow and status.kind == "start" and not status.deleted:
            return status
    raise Refusal(400, "a task starts in a status of kind start of its own workflow")


def blank_task(
    world: World, project: Project, kind: TaskType, status: Status, content: str, *, by: str, now: int
) -> Task:
    """Return a new task with nothing filled in but what every task has."""
    group, column = next(iter(project.tasklists)), next(iter(project.stages))
    project.numbers += 1
    task = Task(
        world.new_id(), project.numbers, content, group, column, kind.id, status.id, by, now, now,
        pos=65536 * project.numbers,
    )  # fmt: skip
    enter(task, status, now)
    return task


def keep(call: Call, project: Project, task: Task) -> None:
    """Put a new task into its project."""
    project.tasks[task.id] = task
    call.world.home[task.id] = project.id
    call.changed(project, task, "create", {"content": task.content})


def comment(call: Call) -> Done:
    """POST /v3/task/{t}/comment: kept as an activity; there is no way to change or delete it."""
    project, task = call.task()
    text, mentions = call.body.get("content"), call.body.get("mentionUserIds", [])
    if not isinstance(text, str) or not text or len(mentions) > 30:
        raise Refusal(400, "content is needed, and at most 30 mentions")
    if call.body.get("renderMode", "plain") not in {"plain", "markdown"}:
        raise Refusal(400, "renderMode must be plain or markdown")
    told = {"title": "", "comment": text, "mentions": mentions}
    call.changed(project, task, "comment", told)
    line: Activity = call.world.activities[task.id][-1]
    made = {
        "id": line.id, "creatorId": line.creator, "content": {"title": "", "comment": text},
        "createTime": wire(line.at),
        "updateTime": wire(line.at), "boundToObjectId": task.id, "boundToObjectType": "task",
    }  # fmt: skip
    return Done(made)


def trace(call: Call) -> Done:
    """POST /v3/task/{t}/trace/create: status 1 normal, 2 at risk, 3 overdue."""
    project, task = call.task()
    status = call.body.get("status", 1)
    if status not in {1, 2, 3}:
        raise Refusal(400, "status must be 1, 2 or 3")
    text = {key: call.body.get(key, "") for key in ("title", "content")}
    made = Trace(
        call.world.new_id(), task.id, text["title"], text["content"], status, call.body.get("reminderIds", []),
        call.user, call.now,
    )  # fmt: skip
    call.world.traces.setdefault(task.id, []).append(made)
    call.changed(project, task, "create.trace", text)
    return Done(trace_shown(made))


def dependency(call: Call) -> Done:
    """POST /v3/task/dependency/create."""
    body = call.body
    ends = body.get("fromId", ""), body.get("toId", "")
    if any(call.world.task(end) is None for end in ends) or ends[0] == ends[1]:
        raise Refusal(400, "fromId and toId must be two tasks")
    if body.get("kind") not in {"F->S", "F->F", "S->F", "S->S"}:
        raise Refusal(400, "no such kind of dependency")
    made = Dependency(call.world.new_id(), *ends, body["kind"], int(body.get("lagTime", 0)), call.now)
    call.world.dependencies[made.id] = made
    return Done(dependency_shown(made))


def drop_dependency(call: Call) -> Done:
    """POST /v3/task/dependency/{d}/delete."""
    if call.world.dependencies.pop(call.path["dependency"], None) is None:
        raise Refusal(404, "no such dependency")
    return Done({})


def custom_field(call: Call) -> Done:
    """POST /v3/customfield/create?projectId=: the answer's choices carry no ids.

    Fields of an organization are left out.
    """
    project = call.project(call.request.param("projectId") or "")
    name, kind = call.body.get("name"), call.body.get("type")
    if not isinstance(name, str) or not name or kind not in _CREATABLE or kind not in TYPES:
        raise Refusal(400, "name and a creatable type are needed")
    texts = [choice.get("value", "") for choice in call.body.get("choices", [])]
    field = CustomField(
        call.world.new_id(), name, kind, choices_of(texts, call.world.new_id), created=call.now
    )  # fmt: skip
    project.fields[field.id] = field
    bare = [{"value": text} for text in texts]
    return Done({"id": field.id, "name": name, "type": kind, "choices": bare, "boundToObjectId": project.id})


def attach_field(call: Call) -> Done:
    """POST /v3/sfc/{sfc}/sf?projectId=&fieldType=customfield&customfieldId=: put a field on a task type."""
    project = call.project(call.request.param("projectId") or "")
    kind = project.types.get(call.path["type"])
    field = call.request.param("customfieldId")
    if kind is None or field not in project.fields or call.request.param("fieldType") != "customfield":
        raise Refusal(400, "no such task type or field")
    if field not in kind.fields:
        kind.fields.append(field)
    return Done({"fieldType": "customfield", "customfieldId": field})
