"""One call as its route sees it, the service's settings, and the one place where a task is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from duban.sandbox.server import Request
from duban.sandbox.teambition.access import Caller
from duban.sandbox.teambition.answers import Refusal
from duban.sandbox.teambition.world import Activity, Notice, Project, Task, World


@dataclass(slots=True)
class Quirks:
    """Everything that the facts leave open or that differs between tenants; each has the likelier value.

    ``error_style``: HTTP status = code, or HTTP 200 with the code inside, or ``flag`` (success false, errorCode).
    ``empty_cells``: empty custom fields are omitted, empty lists, or the whole key is missing (``none``).
    ``unique_id``: typed by route (text / number), always ``int`` or ``str``, or ``mixed`` from task to task.
    ``reject_model``: what rejectStatusIds means: R1 may not move INTO this status from there, R2 may not move from
    this one THERE, R3 allowed targets of moves backwards. ``unknown_path``: 404 or 421.
    ``many_ids``: more than 50 ids in /v3/task/query. ``bad_query``: 400 or an empty list.
    ``retry_after``: seconds named with a 429, or nothing. ``zoneless_dates``: refused, or taken as local.
    ``over_page``: a pageSize over the largest is cut or refused; ``largest_page`` is that of a project's task query.
    ``operator_required``: a write without x-operator-id is refused. ``float_pos``: positions get a fraction.
    ``moving_page``: after each page of tasks the first one is updated, and a query without an order goes by
    ``updated``, so that tasks slip from page to page.
    ``blank_dates``: empty dates are "" instead of null.
    """

    error_style: Literal["http", "envelope", "flag"] = "http"
    empty_cells: Literal["omit", "list", "none"] = "omit"
    unique_id: Literal["route", "int", "str", "mixed"] = "route"
    reject_model: Literal["R1", "R2", "R3"] = "R1"
    unknown_path: Literal[404, 421] = 404
    many_ids: Literal["refuse", "accept"] = "refuse"
    bad_query: Literal["error", "empty"] = "error"
    retry_after: float | None = None
    zoneless_dates: Literal["refuse", "accept"] = "refuse"
    over_page: Literal["cut", "refuse"] = "cut"
    largest_page: int = 1000
    operator_required: bool = True
    float_pos: bool = False
    moving_page: bool = False
    blank_dates: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has been let in: who, where, what, and the clock in milliseconds."""

    request: Request
    caller: Caller
    path: Mapping[str, str]
    world: World
    quirks: Quirks
    now: int
    zone: ZoneInfo

    @property
    def body(self) -> dict[str, Any]:
        """Return the JSON body; anything but an object is refused, nothing is an empty one."""
        if not self.request.raw:
            return {}
        if not isinstance(self.request.body, dict):
            raise Refusal(400, "the body must be a JSON object")
        return self.request.body

    @property
    def user(self) -> str:
        """Return the userId that acts, or an empty text."""
        return self.caller.operator.id if self.caller.operator else ""

    @property
    def zoneless(self) -> ZoneInfo | None:
        """Return the zone of dates without one, or None when they are refused."""
        return self.zone if self.quirks.zoneless_dates == "accept" else None

    def project(self, project_id: str | None = None) -> Project:
        """Return the project of the path (or the named one) that this caller may see."""
        project = self.world.projects.get(project_id or self.path.get("project", ""))
        if project is None or project.organization != self.caller.organization.id:
            raise Refusal(404, "no such project")
        if self.user and project.members is not None and self.user not in project.members:
            raise Refusal(403, "the operator is not a member of the project")
        return project

    def task(self) -> tuple[Project, Task]:
        """Return the task of the path and its project, for writing or looking into."""
        found = self.world.task(self.path["task"])
        if found is None or found[0].organization != self.caller.organization.id:
            raise Refusal(404, "no such task")
        project, task = found
        self.project(project.id)
        if not self.sees(task):
            raise Refusal(403, "the operator may not see this task")
        return project, task

    def sees(self, task: Task) -> bool:
        """A task for participants only is hidden from an operator who is none of them."""
        if task.visible != "involves" or not self.user:
            return True
        return self.user in {task.executor, task.creator, *task.involved}

    def flag(self, name: str) -> bool:
        """Return an optional yes or no of the body."""
        value = self.body.get(name, False)
        if not isinstance(value, bool):
            raise Refusal(400, f"{name} must be true or false")
        return value

    def changed(
        self, project: Project, task: Task, action: str, content: Mapping[str, Any], *, muted: bool = False
    ) -> None:
        """A write took effect: move ``updated``, write history and tell people, unless the body switched these off.

        ``muted`` says that this call knows the switches disableActivity and disableNotification.
        """
        record(
            self.world, project, task, action, content, by=self.user, at=self.now,
            activity=not (muted and self.flag("disableActivity")),
            notice=not (muted and self.flag("disableNotification")),
        )  # fmt: skip


def record(
    world: World,
    project: Project,
    task: Task,
    action: str,
    content: Mapping[str, Any],
    *,
    by: str,
    at: int,
    activity: bool = True,
    notice: bool = True,
) -> None:
    """Note one effective change: ``updated`` moves by at least 1 ms, history and notifications are kept."""
    task.updated = max(task.updated + 1, at)
    project.revision += 1
    if activity:
        line = Activity(world.new_id(), task.id, action, json.dumps(content, ensure_ascii=False), by, task.updated)
        world.activities.setdefault(task.id, []).append(line)
    told = sorted({*task.involved, *([task.executor] if task.executor else [])} - {by})
    if notice and told:
        world.notices.append(Notice(task.id, action, told, task.updated))
