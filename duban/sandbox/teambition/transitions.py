"""Moving a task to another status: of its own workflow, not forbidden, by somebody who may, with what is required."""

from __future__ import annotations

from collections.abc import Mapping

from duban.sandbox.teambition.answers import NOTHING_CHANGED, Done, Refusal
from duban.sandbox.teambition.call import Call
from duban.sandbox.teambition.times import wire
from duban.sandbox.teambition.world import Project, Status, Task

_ATTRIBUTES: Mapping[str, str] = {"note": "note", "dueDate": "due", "startDate": "start", "executorId": "executor"}


def move(call: Call) -> Done:
    """PUT /v3/task/{t}/taskflowstatus: by taskflowstatusId, or by tfsName (first match in the task's workflow)."""
    project, task = call.task()
    target = _target(call, project, task)
    if target.id == task.status:
        return NOTHING_CHANGED
    source = project.statuses[task.status]
    if forbidden(call.quirks.reject_model, source, target):
        raise Refusal(400, "this move is not allowed")
    if target.movers and not _may_move(target, task, call.user):
        raise Refusal(403, "the operator may not move a task to this status")
    for name in target.required:
        if not (task.cells.get(name[3:]) if name.startswith("cf:") else getattr(task, _ATTRIBUTES[name])):
            raise Refusal(400, "MissingRequiredField")
    enter(task, target, call.now)
    told = {"old": source.name, "new": target.name, "note": call.body.get("tfsUpdateNote", "")}
    call.changed(project, task, "update.taskflowstatus", told)
    return Done({"taskflowstatusId": target.id, "updated": wire(task.updated)})


def _target(call: Call, project: Project, task: Task) -> Status:
    flow = project.flow_of(task)
    wanted, name = call.body.get("taskflowstatusId"), call.body.get("tfsName")
    for status in project.statuses.values():
        if (
            status.taskflow == flow
            and not status.deleted
            and (status.id == wanted or (not wanted and status.name == name))
        ):
            return status
    raise Refusal(400, "no such status in this task's workflow")


def forbidden(model: str, source: Status, target: Status) -> bool:
    """What rejectStatusIds forbids, in the three readings that facts/teambition section 7 leaves open."""
    if model == "R1":
        return source.id in target.reject
    if model == "R2":
        return target.id in source.reject
    return target.pos < source.pos and target.id not in source.reject


def _may_move(status: Status, task: Task, user: str) -> bool:
    special = {"task:executor": task.executor, "task:creator": task.creator}
    return any(special.get(subject, subject) == user for _, subject in status.movers)


def enter(task: Task, status: Status, now: int) -> None:
    """Put a task into a status: an end completes it, anything else opens it again."""
    task.status = status.id
    ended = status.kind in {"end", "finish"}
    if ended and not task.done:
        task.accomplished = now
    if not ended:
        task.accomplished = None
    task.done = ended
