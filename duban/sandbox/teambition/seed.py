"""Filling a simulated project in plain Python, and looking at it: what a person does in the tool's own pages.

Headings are those of the pages: built-in properties by their Chinese names (or API names), custom fields by theirs; a
custom field wins over a built-in of the same name. A bare day is its local midnight, as scripts store it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from duban.sandbox.server import Clock
from duban.sandbox.teambition.call import record
from duban.sandbox.teambition.making import blank_task
from duban.sandbox.teambition.times import from_ms, seeded
from duban.sandbox.teambition.transitions import enter
from duban.sandbox.teambition.values import TYPES, choices_of, plain, stored
from duban.sandbox.teambition.world import Activity, CustomField, Named, Project, Status, Task, TaskType, World

BUILT_IN: Mapping[str, str] = {
    "标题": "content", "执行者": "executor", "开始时间": "start", "截止时间": "due", "任务状态": "status",
    "完成时间": "accomplished", "更新时间": "updated", "创建时间": "created", "可见性": "visible", "备注": "note",
    "进度": "progress", "参与者": "involved", "优先级": "priority", "任务列表": "stage",
    "executorId": "executor", "involveMembers": "involved", "startDate": "start", "dueDate": "due",
    "accomplishTime": "accomplished", "stageId": "stage", "taskflowstatus": "status",
}  # fmt: skip
_ATTRIBUTES = {
    "content", "executor", "start", "due", "status", "accomplished", "updated", "created", "visible", "note",
    "progress", "involved", "priority", "stage",
}  # fmt: skip
_SHOWN = (
    "标题", "执行者", "参与者", "开始时间", "截止时间", "任务状态", "完成时间", "更新时间", "可见性", "备注", "进度",
    "优先级", "任务列表",
)  # fmt: skip
_TIMES = {"start", "due", "accomplished", "updated", "created"}
_VISIBLE = {"项目成员可见": "members", "仅参与者可见": "involves"}


class Home(Protocol):
    """What a seeded project needs of its service."""

    world: World
    zone: ZoneInfo
    clock: Clock
    lock: Any


def make_project(
    world: World, organization: str, name: str, *, prefix: str, members: Iterable[str] | None, now: int
) -> Project:
    """Return a new, empty project with one group and one board column."""
    roles = None if members is None else dict.fromkeys(members, 0)
    project = Project(world.new_id(), name, organization, prefix, now, members=roles)
    group = Named(world.new_id(), "任务", created=now)
    project.tasklists[group.id] = group
    column = Named(world.new_id(), "任务列表", group.id, now)
    project.stages[column.id] = column
    world.projects[project.id] = project
    return project


class SeededProject:
    """One project: add fields, statuses and tasks, edit them as a person would, look at the tasks by heading."""

    def __init__(self, home: Home, project: Project) -> None:
        self._home, self.state = home, project

    @property
    def id(self) -> str:
        """Return the project's id."""
        return self.state.id

    # --- structure

    def add_taskflow(self, name: str, statuses: Iterable[tuple[str, str]] = ()) -> str:
        """Add a workflow with these (name, kind) statuses and return its id."""
        with self._home.lock:
            flow = Named(self._home.world.new_id(), name, created=self._now())
            self.state.taskflows[flow.id] = flow
            for status, kind in statuses:
                self.add_status(status, kind, taskflow=flow.id)
            return flow.id

    def add_status(self, name: str, kind: str = "unset", *, taskflow: str | None = None, **more: Any) -> str:
        """Add a status of kind start, unset or end to a workflow (the first, when none is given): its id.

        Further keywords: reject, movers, required, deleted, as in :class:`world.Status`.
        """
        with self._home.lock:
            flow = taskflow or next(iter(self.state.taskflows))
            position = 65536 * (1 + sum(status.taskflow == flow for status in self.state.statuses.values()))
            status = Status(self._home.world.new_id(), name, kind, position, flow, **more)
            self.state.statuses[status.id] = status
            return status.id

    def add_task_type(self, name: str, taskflow: str | None = None) -> str:
        """Add a task type with its workflow and return its id; it has no custom fields yet."""
        with self._home.lock:
            flow = taskflow or next(iter(self.state.taskflows))
            kind = TaskType(self._home.world.new_id(), name, flow)
            self.state.types[kind.id] = kind
            return kind.id

    def add_field(
        self,
        name: str,
        type: str = "text",  # noqa: A002 - the tool's word
        choices: Iterable[str] = (),
        *,
        attach: bool = True,
        object_type: str = "",
    ) -> str:
        """Add a custom field and put it on every task type (unless not to ``attach``): its id."""
        if type not in TYPES:
            raise LookupError(f"no custom field has the type {type}")
        with self._home.lock:
            new_id = self._home.world.new_id
            field = CustomField(new_id(), name, type, choices_of(choices, new_id), created=self._now())
            field.object_type = object_type or ("organizationMember" if type.startswith("lookup") else "")
            self.state.fields[field.id] = field
            for kind in self.state.types.values() if attach else ():
                kind.fields.append(field.id)
            return field.id

    def add_stage(self, name: str) -> str:
        """Add a board column and return its id."""
        with self._home.lock:
            stage = Named(self._home.world.new_id(), name, next(iter(self.state.tasklists)), self._now())
            self.state.stages[stage.id] = stage
            return stage.id

    def add_tag(self, name: str) -> str:
        """Add a tag and return its id."""
        with self._home.lock:
            tag = Named(self._home.world.new_id(), name, created=self._now())
            self.state.tags[tag.id] = tag
            return tag.id

    def rename_field(self, name: str, new: str) -> None:
        """Rename a custom field; its id stays."""
        with self._home.lock:
            self._field(name).name = new

    def remove_field(self, name: str) -> None:
        """Take a custom field away, with its values."""
        with self._home.lock:
            field = self._field(name)
            del self.state.fields[field.id]
            for kind in self.state.types.values():
                kind.fields = [one for one in kind.fields if one != field.id]
            for task in self.state.tasks.values():
                task.cells.pop(field.id, None)
            self.state.revision += 1

    # --- tasks

    def add_task(self, values: Mapping[str, Any], *, task_type: str | None = None, by: str = "") -> str:
        """Add a task exactly as given (nothing follows from a status, nobody is told) and return its id."""
        with self._home.lock:
            kind = self.state.types[task_type] if task_type else next(iter(self.state.types.values()))
            first = next(status for status in self.state.statuses.values() if status.taskflow == kind.taskflow)
            task = blank_task(self._home.world, self.state, kind, first, "", by=self._person(by) or "", now=self._now())
            self._fill(task, values)
            if not task.involved:
                task.involved = [user for user in dict.fromkeys((task.creator, task.executor)) if user]
            self.state.tasks[task.id] = task
            self._home.world.home[task.id] = self.id
            self.state.revision += 1
            return task.id

    def edit(self, task_id: str, values: Mapping[str, Any], *, by: str = "") -> None:
        """Change a task as a person does in the pages: ``updated`` moves, history and notifications are kept, a status
        of kind end completes it."""
        with self._home.lock:
            task, user = self.state.tasks[task_id], self._person(by) or ""
            before = task.status, task.done, task.accomplished
            self._fill(task, values)
            if task.status != before[0] and "完成时间" not in values:
                _, task.done, task.accomplished = before
                enter(task, self.state.statuses[task.status], self._now())
            record(
                self._home.world, self.state, task, "update", {"headings": list(values)}, by=user, at=self._now()
            )  # fmt: skip

    def delete(self, task_id: str) -> None:
        """Delete a task for ever."""
        with self._home.lock:
            del self.state.tasks[task_id], self._home.world.home[task_id]
            self.state.revision += 1

    def archive(self, task_id: str, *, archived: bool = True) -> None:
        """Put a task into the recycle bin, or take it out."""
        with self._home.lock:
            task = self.state.tasks[task_id]
            task.archived = archived
            record(self._home.world, self.state, task, "update.isArchived", {}, by="", at=self._now())

    def row(self, task_id: str) -> dict[str, Any]:
        """Return one task by heading; times are aware and local, people are names, empty is None."""
        with self._home.lock:
            task, state = self.state.tasks[task_id], self.state
            shown: dict[str, Any] = {"id": task.id}
            shown |= {heading: self._built_in(task, BUILT_IN[heading]) for heading in _SHOWN}
            for field in state.fields.values():
                shown[field.name] = plain(field, task.cells.get(field.id, []), self._home.zone)
            return shown

    def rows(self) -> list[dict[str, Any]]:
        """Return every task by heading, those in the recycle bin too."""
        return [self.row(task_id) for task_id in list(self.state.tasks)]

    def history(self, task_id: str) -> list[Activity]:
        """Return a task's history."""
        with self._home.lock:
            return list(self._home.world.activities.get(task_id, ()))

    # --- between headings and attributes

    def _fill(self, task: Task, values: Mapping[str, Any]) -> None:
        for heading, value in values.items():
            field = self._home.world.field_named(self.state, heading)
            if field is not None:
                cell = stored(field, value, self._home.world, self._people(), self._home.zone)
                task.cells.update({field.id: cell} if cell else {})
                if not cell:
                    task.cells.pop(field.id, None)
                continue
            attribute = BUILT_IN.get(heading, heading)
            if attribute not in _ATTRIBUTES:
                raise LookupError(f"the project {self.state.name} has no heading {heading}")
            self._assign(task, attribute, value)

    def _assign(self, task: Task, attribute: str, value: Any) -> None:
        if attribute in _TIMES:
            setattr(task, attribute, seeded(value, self._home.zone))
        elif attribute == "status":
            status = self._status(task, value)
            task.status, task.done = status.id, status.kind in {"end", "finish"}
            task.accomplished = task.accomplished if task.done else None
        elif attribute == "executor":
            task.executor = self._person(value)
        elif attribute == "involved":
            task.involved = [self._person(one) or "" for one in ([value] if isinstance(value, str) else value or ())]
        elif attribute == "visible":
            task.visible = _VISIBLE.get(value, value)
        elif attribute == "stage":
            task.stage = next(stage.id for stage in self.state.stages.values() if value in {stage.id, stage.name})
        elif attribute == "priority":
            task.priority = self._priority(value)
        else:
            setattr(task, attribute, value if value is not None else 0 if attribute == "progress" else "")

    def _status(self, task: Task, name: str) -> Status:
        flow = self.state.flow_of(task)
        for status in self.state.statuses.values():
            if status.taskflow == flow and name in {status.name, status.id}:
                return status
        raise LookupError(f"the workflow of this task has no status {name}")

    def _priority(self, value: object) -> int:
        known = self._home.world.organizations[self.state.organization].priorities
        return next(priority.number for priority in known if value in {priority.number, priority.name})

    def _people(self) -> dict[str, str]:
        known = self._home.world.organizations[self.state.organization].members.values()
        return {person.name: person.id for person in known}

    def _person(self, name: str | None) -> str | None:
        if not name:
            return None
        people = self._people()
        if name in people.values():
            return name
        if name not in people:
            raise LookupError(f"nobody is called {name}: add_member first")
        return people[name]

    def _field(self, name: str) -> CustomField:
        field = self._home.world.field_named(self.state, name)
        if field is None:
            raise LookupError(f"no custom field is called {name}")
        return field

    def _built_in(self, task: Task, attribute: str) -> Any:
        value = getattr(task, attribute)
        if attribute in _TIMES:
            return self._local(value)
        if attribute == "status":
            return self.state.statuses[value].name
        if attribute == "stage":
            return self.state.stages[value].name
        names = {user: name for name, user in self._people().items()}
        if attribute == "executor":
            return names.get(value)
        if attribute == "involved":
            return [names.get(user, user) for user in value]
        if attribute == "visible":
            return next(shown for shown, api in _VISIBLE.items() if api == value)
        if attribute == "priority":
            known = self._home.world.organizations[self.state.organization].priorities
            return next((priority.name for priority in known if priority.number == value), value)
        return value or (0 if attribute == "progress" else None)

    def _local(self, ms: int | None) -> datetime | None:
        return None if ms is None else from_ms(ms).astimezone(self._home.zone)

    def _now(self) -> int:
        return round(self._home.clock.now() * 1000)
