"""Reading tasks: by TQL within a project, by TQL over the organization (ids only), by ids, and the operator's own."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from duban.sandbox.teambition.answers import Done, Refusal, cut, page_size
from duban.sandbox.teambition.call import Call
from duban.sandbox.teambition.shapes import activity_shown, dependency_shown, task_shown, trace_shown
from duban.sandbox.teambition.tql import Around, BadQuery, compile_query
from duban.sandbox.teambition.world import Project, Task


class Listings:
    """Ordered answers of recent queries, valid until their project changes: paging through them stays linear."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], list[Task]] = OrderedDict()

    def tasks(self, call: Call, project: Project, query: str, *, archived: bool) -> list[Task]:
        """Return the tasks of a project that a query and the operator's rights leave, in order."""
        key = (project.id, project.revision, query, archived, call.user, call.now if "Of(" in query else 0)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._search(call, project, query, archived)
            while len(self._kept) > 8:
                self._kept.popitem(last=False)
        return found

    def _search(self, call: Call, project: Project, query: str, archived: bool) -> list[Task]:
        try:
            compiled = compile_query(query, Around(call.now, call.zone, call.user or None, project))
        except BadQuery as error:
            if call.quirks.bad_query == "empty":
                return []
            raise Refusal(400, f"TQL: {error}") from None
        found = [
            task for task in project.tasks.values()
            if (archived or not task.archived) and call.sees(task) and compiled.test(task)
        ]  # fmt: skip
        if call.quirks.moving_page and not compiled.order:
            found.sort(key=lambda task: task.updated)
        for key, descending in compiled.order:
            found.sort(key=key, reverse=descending)
        return found


def project_tasks(call: Call, listings: Listings) -> Done:
    """GET /v3/project/{p}/task/query: full tasks, 10 a page unless asked for more."""
    project = call.project()
    query, archived = call.request.param("q") or "", _archived(call)
    size = page_size(call.request.param("pageSize"), 10, call.quirks.largest_page, call.quirks.over_page)
    found = listings.tasks(call, project, query, archived=archived)
    done = cut(
        found, f"{project.id}|{query}|{archived}", size, call.request.param("pageToken"),
        render=lambda task: shown(call, project, task, "project"), total="totalSize",
    )  # fmt: skip
    if call.quirks.moving_page and found:
        found[0].updated = max(task.updated for task in found) + 1
        project.revision += 1
    return done


def count_tasks(call: Call, listings: Listings) -> Done:
    """GET /v3/project/{p}/task/count."""
    project = call.project()
    found = listings.tasks(call, project, call.request.param("q") or "", archived=_archived(call))
    return Done(len(found))


def search_ids(call: Call, listings: Listings) -> Done:
    """GET /v2/all-task/search: task ids over the organization; ``projectId = 'P'`` is what this subset knows of
    organization-level TQL beyond a project's own fields."""
    query = call.request.param("tql") or ""
    size = page_size(call.request.param("pageSize"), 50, 200, call.quirks.over_page)
    found: list[Task] = []
    for project in call.world.projects.values():
        if project.organization == call.caller.organization.id:
            found += listings.tasks(call, project, _without_project(query, project.id), archived=False)
    return cut(found, query, size, call.request.param("pageToken"), render=lambda task: task.id, total="totalSize")


def _without_project(query: str, project: str) -> str:
    for left in (f"projectId = '{project}'", f"projectId='{project}'"):
        if query.startswith(left):
            rest = query[len(left) :].strip()
            return rest.removeprefix("AND").strip()
    if query.startswith("projectId"):
        return "id = null"
    return query


def tasks_by_id(call: Call) -> Done:
    """GET /v3/task/query: by ids, by number or by parent; unknown ids are simply missing; no pages."""
    asked = [text for text in (call.request.param("taskId") or "").split(",") if text]
    if len(asked) > 50 and call.quirks.many_ids == "refuse":
        raise Refusal(400, "at most 50 ids")
    by_id = [pair for pair in map(call.world.task, asked) if pair is not None]
    found = by_id if asked else _by_number_or_parent(call)
    allowed = (call.request.param("fields") or "").replace(" ", "")
    wanted = {"id", *allowed.split(",")} if allowed else None
    answer = []
    for project, task in found:
        if project.organization == call.caller.organization.id and _may_see(call, project, task):
            full = shown(call, project, task, "ids")
            answer.append(full if wanted is None else {key: value for key, value in full.items() if key in wanted})
    return Done(answer)


def _may_see(call: Call, project: Project, task: Task) -> bool:
    inside = not call.user or project.members is None or call.user in project.members
    return inside and call.sees(task)


def _by_number_or_parent(call: Call) -> list[tuple[Project, Task]]:
    parent, numbers = call.request.param("parentTaskId"), call.request.param("shortIds")
    if not parent and not numbers:
        raise Refusal(400, "taskId, parentTaskId or shortIds is needed")
    wanted = set((numbers or "").split(","))
    return [
        (project, task)
        for project in call.world.projects.values()
        for task in project.tasks.values()
        if (task.parent == parent if parent else f"{project.prefix}-{task.number}" in wanted)
    ]


def user_tasks(call: Call) -> Done:
    """GET /v3/usertasks/search: the operator's own tasks; the only read that cannot do without an operator."""
    if not call.user:
        raise Refusal(403, "x-operator-id is needed")
    roles = set((call.request.param("roleTypes") or "creator,executor,involveMember").split(","))
    size = page_size(call.request.param("pageSize"), 10, 100, call.quirks.over_page)
    found = [
        (project, task)
        for project in call.world.projects.values()
        if project.organization == call.caller.organization.id
        for task in project.tasks.values()
        if not task.archived and roles & _roles(call.user, task)
    ]
    token = call.request.param("pageToken")
    return cut(
        found,
        ",".join(sorted(roles)),
        size,
        token,
        render=lambda pair: shown(call, pair[0], pair[1], "ids"),
        total="totalSize",
    )


def _roles(user: str, task: Task) -> set[str]:
    held = {"creator": task.creator == user, "executor": task.executor == user, "involveMember": user in task.involved}
    return {role for role, has in held.items() if has}


def activities(call: Call) -> Done:
    """GET /v3/task/{t}/activity/list, oldest first unless ``orderBy=created_desc``."""
    _, task = call.task()
    wanted = set((call.request.param("actions") or "").split(",")) - {""}
    found = [line for line in call.world.activities.get(task.id, []) if not wanted or line.action in wanted]
    if (call.request.param("orderBy") or "created").endswith("_desc"):
        found.reverse()
    size = page_size(call.request.param("pageSize"), 10, 100, call.quirks.over_page)
    return cut(found, task.id, size, call.request.param("pageToken"), render=activity_shown, total="totalSize")


def traces(call: Call) -> Done:
    """GET /v3/task/{t}/traces, newest first."""
    _, task = call.task()
    found = call.world.traces.get(task.id, [])[::-1]
    size = page_size(call.request.param("pageSize"), 10, 100, call.quirks.over_page)
    return cut(found, task.id, size, call.request.param("pageToken"), render=trace_shown, total="totalCount")


def dependencies(call: Call) -> Done:
    """GET /v3/task/dependency?taskId=: every arrow that starts or ends at one of the tasks."""
    asked = set((call.request.param("taskId") or "").split(","))
    found = [arrow for arrow in call.world.dependencies.values() if asked & {arrow.source, arrow.target}]
    size = page_size(call.request.param("pageSize"), 10, 100, call.quirks.over_page)
    return cut(
        found,
        ",".join(sorted(asked)),
        size,
        call.request.param("pageToken"),
        render=dependency_shown,
        total="totalSize",
    )


def shown(call: Call, project: Project, task: Task, route: str) -> dict[str, Any]:
    """Return a task as this call's settings show it."""
    quirks = call.quirks
    full = task_shown(project, task, route=route, numbers=quirks.unique_id, empty_cells=quirks.empty_cells)
    if quirks.float_pos:
        full["pos"] = task.pos + 0.5
    if quirks.blank_dates:
        full |= {key: "" for key in ("startDate", "dueDate", "accomplishTime") if full[key] is None}
    return full


def _archived(call: Call) -> bool:
    return call.request.param("includeArchived", "false") == "true"
