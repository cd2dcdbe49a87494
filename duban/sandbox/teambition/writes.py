"""Writing tasks: one field per call, as the service has it. A write that changes nothing answers code 204."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duban.sandbox.teambition.answers import NOTHING_CHANGED, Done, Refusal
from duban.sandbox.teambition.call import Call
from duban.sandbox.teambition.times import read_instant, wire
from duban.sandbox.teambition.values import accept
from duban.sandbox.teambition.world import CustomField, Project, Task


def _set(
    call: Call, where: tuple[Project, Task], name: str, value: Any, key: str, *, muted: bool = False, shown: Any = None
) -> Done:
    """Set one attribute of a task; ``key`` is its name on the wire."""
    project, task = where
    before = getattr(task, name)
    if before == value:
        return NOTHING_CHANGED
    setattr(task, name, value)
    call.changed(project, task, f"update.{key}", {"old": before, "new": value}, muted=muted)
    return Done({key: value if shown is None else shown, "updated": wire(task.updated)})


def _text(call: Call, key: str, largest: int | None = None) -> str:
    value = call.body.get(key)
    if not isinstance(value, str) or (largest is not None and not 0 < len(value) <= largest):
        raise Refusal(400, f"{key} must be a text" + (f" of 1 to {largest} characters" if largest else ""))
    return value


def instant(call: Call, key: str) -> int | None:
    """Return a date of the body; null clears it, a bare day or (by setting) a missing zone is refused."""
    if key not in call.body:
        raise Refusal(400, f"{key} is missing")
    value = call.body[key]
    if value is None:
        return None
    try:
        return read_instant(value, call.zoneless)
    except (TypeError, ValueError) as error:
        raise Refusal(400, f"{key}: {error}") from None


def content(call: Call) -> Done:
    """PUT /v3/task/{t}/content."""
    return _set(call, call.task(), "content", _text(call, "content", 500), "content")


def note(call: Call) -> Done:
    """PUT /v3/task/{t}/note."""
    return _set(call, call.task(), "note", _text(call, "note"), "note")


def due_date(call: Call) -> Done:
    """PUT /v3/task/{t}/dueDate."""
    value = instant(call, "dueDate")
    return _set(call, call.task(), "due", value, "dueDate", muted=True, shown=wire(value))


def start_date(call: Call) -> Done:
    """PUT /v3/task/{t}/startDate."""
    value = instant(call, "startDate")
    return _set(call, call.task(), "start", value, "startDate", muted=True, shown=wire(value))


def executor(call: Call) -> Done:
    """PUT /v3/task/{t}/executor; null takes the task away from everybody."""
    project, task = call.task()
    user = call.body.get("executorId")
    if user is not None:
        need_members(call, project, [user])
    return _set(call, (project, task), "executor", user, "executorId", muted=True)


def involved(call: Call) -> Done:
    """PUT /v3/task/{t}/involveMembers: replace, or add and take away."""
    project, task = call.task()
    value = merged(call.body, task.involved, "involveMembers", "addInvolvers", "delInvolvers")
    need_members(call, project, value)
    return _set(call, (project, task), "involved", value, "involveMembers", muted=True)


def merged(body: dict[str, Any], before: list[str], whole: str, add: str, take: str) -> list[str]:
    """Return a list of ids after a body that replaces it, or adds to it and takes from it."""
    lists = {key: body[key] for key in (whole, add, take) if key in body}
    if not lists or not all(isinstance(ids, list) and all(isinstance(i, str) for i in ids) for ids in lists.values()):
        raise Refusal(400, f"{whole}, {add} or {take} must be lists of ids")
    base = lists.get(whole, [one for one in before if one not in lists.get(take, [])])
    return list(dict.fromkeys([*base, *lists.get(add, [])]))


def need_members(call: Call, project: Project, users: list[Any]) -> None:
    """Refuse people who are not members of the project."""
    known = call.caller.organization.members
    for user in users:
        if user not in known or (project.members is not None and user not in project.members):
            raise Refusal(400, "not a member of the project")


def priority(call: Call) -> Done:
    """PUT /v3/task/{t}/priority: by number or by name."""
    project, task = call.task()
    wanted = call.body.get("priority"), call.body.get("priorityName")
    for known in call.caller.organization.priorities:
        if known.number == wanted[0] or (wanted[0] is None and known.name == wanted[1]):
            return _set(call, (project, task), "priority", known.number, "priority")
    raise Refusal(400, "no such priority")


def progress(call: Call) -> Done:
    """PUT /v3/task/{t}/progress."""
    value = call.body.get("progress")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise Refusal(400, "progress must be 0 to 100")
    return _set(call, call.task(), "progress", value, "progress", muted=True)


def story_point(call: Call) -> Done:
    """PUT /v3/task/{t}/storyPoint: a number's text."""
    return _set(call, call.task(), "story_point", _text(call, "storyPoint"), "storyPoint")


def tags(call: Call) -> Done:
    """PUT /v3/task/{t}/tag: replace, add, take away; by id or by name."""
    project, task = call.task()
    by_name = {tag.name: tag.id for tag in project.tags.values()}
    body: dict[str, Any] = {}
    for key in ("tagIds", "addTagIds", "delTagIds"):
        names = call.body.get(key.replace("Ids", "Names"))
        ids = [by_name.get(name, "") for name in names] if isinstance(names, list) else call.body.get(key)
        if ids is not None:
            body[key] = ids
    value = merged(body, task.tags, "tagIds", "addTagIds", "delTagIds")
    if any(tag not in project.tags for tag in value):
        raise Refusal(400, "no such tag")
    return _set(call, (project, task), "tags", value, "tagIds")


def visible(call: Call) -> Done:
    """POST /v3/task/{t}/visible/update; the OpenAPI document declares a real 204, here the envelope is kept."""
    value = call.body.get("visible")
    if value not in {"members", "involves"}:
        raise Refusal(400, "visible must be members or involves")
    return _set(call, call.task(), "visible", value, "visible", muted=True)


def stage(call: Call) -> Done:
    """PUT /v3/task/{t}/stage/update."""
    project, task = call.task()
    value = call.body.get("stageId")
    if value not in project.stages:
        raise Refusal(400, "no such stage")
    return _set(call, (project, task), "stage", value, "stageId")


def sprint(call: Call) -> Done:
    """PUT /v3/task/{t}/sprint; an empty id takes the task out."""
    project, task = call.task()
    value = call.body.get("sprintId") or ""
    if value and value not in project.sprints:
        raise Refusal(400, "no such sprint")
    return _set(call, (project, task), "sprint", value, "sprintId")


def custom_field(call: Call) -> Done:
    """POST /v3/task/{t}/customfield/update: one field; the whole value, or entries added and taken away.

    The switch disableNotification is taken too, as the call's sibling and its older version declare it.
    """
    project, task = call.task()
    field = _field(call, project)
    if field.id not in project.types[task.type].fields:
        raise Refusal(400, "the field is not on this task's type")
    before = task.cells.get(field.id, [])
    value = _custom_value(call, field, before)
    if value == before:
        return NOTHING_CHANGED
    if value:
        task.cells[field.id] = value
    else:
        task.cells.pop(field.id, None)
    told = {"customfieldId": field.id, "old": before, "new": value}
    call.changed(project, task, "update.customfield", told, muted=True)
    return Done({"updated": wire(task.updated)})


def _custom_value(call: Call, field: CustomField, before: list[dict[str, str]]) -> list[dict[str, str]]:
    if "value" in call.body:
        return accept(field, call.body["value"], call.world, call.zoneless)
    if "addValues" not in call.body and "delValues" not in call.body:
        raise Refusal(400, "value, addValues or delValues is needed")
    added = accept(field, call.body.get("addValues", []), call.world, call.zoneless)
    gone = accept(field, call.body.get("delValues", []), call.world, call.zoneless)
    kept = [entry for entry in before if entry not in gone]
    return kept + [entry for entry in added if entry not in kept]


def _field(call: Call, project: Project) -> CustomField:
    names: dict[str, Callable[[CustomField], str]] = {
        "customfieldId": lambda field: field.id,
        "customfieldName": lambda field: field.name,
        "customfieldInstanceId": lambda field: field.id,
    }
    for key, name in names.items():
        if key in call.body:
            found = next((field for field in project.fields.values() if name(field) == call.body[key]), None)
            if found is None:
                raise Refusal(400, "no such custom field")
            return found
    raise Refusal(400, "customfieldId is needed")


def archive(call: Call) -> Done:
    """PUT /v3/task/{t}/archive: into the recycle bin."""
    return _set(call, call.task(), "archived", True, "isArchived")


def restore(call: Call) -> Done:
    """POST /v3/task/{t}/restore: out of the recycle bin."""
    return _set(call, call.task(), "archived", False, "isArchived")


def delete(call: Call) -> Done:
    """POST /v3/task/{t}/delete: gone for ever."""
    project, task = call.task()
    del project.tasks[task.id], call.world.home[task.id]
    project.revision += 1
    return Done({"updated": wire(call.now)})
