"""Every path that the simulator answers, with its method, and which of them write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from duban.sandbox.teambition import catalogues, making, reads, transitions, writes
from duban.sandbox.teambition.answers import Done
from duban.sandbox.teambition.call import Call


class Route(NamedTuple):
    """One call of the service: its template is also its name for the rate limit."""

    template: str
    answer: Callable[[Call], Done]
    writes: bool


class Routes:
    """Finds the route of a method and a path, by the number of its parts."""

    def __init__(self, listings: reads.Listings) -> None:
        self._known: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for template, answer in _READS.items():
            self._add(template, answer, writes=False)
        for template, listing in _LISTINGS.items():
            self._add(template, lambda call, listing=listing: listing(call, listings), writes=False)
        for template, answer in _WRITES.items():
            self._add(template, answer, writes=True)

    def _add(self, template: str, answer: Callable[..., Done], *, writes: bool) -> None:
        method, path = template.split(" ")
        parts = tuple(path.strip("/").split("/"))
        self._known.setdefault((method, len(parts)), []).append((parts, Route(template, answer, writes)))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route and the ids in the path; fixed parts win over ids."""
        asked = path.strip("/").split("/")
        for parts, route in self._known.get((method, len(asked)), ()):
            ids = {part[1:-1]: given for part, given in zip(parts, asked, strict=True) if part[0] == "{"}
            if all(part == given or part[0] == "{" for part, given in zip(parts, asked, strict=True)):
                return route, ids
        return None


_READS: Mapping[str, Callable[[Call], Done]] = {
    "GET /org/info": catalogues.organization,
    "GET /org/member/list": catalogues.people,
    "POST /org/member/batchGet": catalogues.people_by_id,
    "GET /v3/project/query": catalogues.projects,
    "GET /v3/project/priority/list": catalogues.priorities,
    "GET /v3/project/{project}/member": catalogues.members,
    "GET /v3/project/{project}/scenariofieldconfig/search": catalogues.task_types,
    "GET /v3/project/{project}/taskflow/search": catalogues.taskflows,
    "GET /v3/project/{project}/taskflowstatus/search": catalogues.statuses,
    "GET /v3/project/{project}/taskflowstatus/{status}/executor/list": catalogues.status_movers,
    "GET /v3/project/{project}/taskflowstatus/{status}/validator/list": catalogues.status_validators,
    "GET /v3/project/{project}/customfield/search": catalogues.custom_fields,
    "GET /v3/customfield/{field}/choice/search": catalogues.choices,
    "GET /v3/project/{project}/stage/search": catalogues.stages,
    "GET /v3/project/{project}/tasklist/search": catalogues.tasklists,
    "GET /v3/project/{project}/tag/search": catalogues.tags,
    "GET /v3/project/{project}/sprint/search": catalogues.sprints,
    "GET /v3/task/query": reads.tasks_by_id,
    "GET /v3/task/dependency": reads.dependencies,
    "GET /v3/usertasks/search": reads.user_tasks,
    "GET /v3/task/{task}/tfs": catalogues.statuses_of_task,
    "GET /v3/task/{task}/activity/list": reads.activities,
    "GET /v3/task/{task}/traces": reads.traces,
}
_LISTINGS: Mapping[str, Callable[[Call, reads.Listings], Done]] = {
    "GET /v3/project/{project}/task/query": reads.project_tasks,
    "GET /v3/project/{project}/task/count": reads.count_tasks,
    "GET /v2/all-task/search": reads.search_ids,
}
_WRITES: Mapping[str, Callable[[Call], Done]] = {
    "POST /v3/task/create": making.create_task,
    "POST /v3/task/dependency/create": making.dependency,
    "POST /v3/task/dependency/{dependency}/delete": making.drop_dependency,
    "POST /v3/customfield/create": making.custom_field,
    "POST /v3/sfc/{type}/sf": making.attach_field,
    "POST /v3/task/{task}/comment": making.comment,
    "POST /v3/task/{task}/trace/create": making.trace,
    "POST /v3/task/{task}/customfield/update": writes.custom_field,
    "PUT /v3/task/{task}/taskflowstatus": transitions.move,
    "PUT /v3/task/{task}/content": writes.content,
    "PUT /v3/task/{task}/note": writes.note,
    "PUT /v3/task/{task}/dueDate": writes.due_date,
    "PUT /v3/task/{task}/startDate": writes.start_date,
    "PUT /v3/task/{task}/executor": writes.executor,
    "PUT /v3/task/{task}/involveMembers": writes.involved,
    "PUT /v3/task/{task}/priority": writes.priority,
    "PUT /v3/task/{task}/progress": writes.progress,
    "PUT /v3/task/{task}/storyPoint": writes.story_point,
    "PUT /v3/task/{task}/tag": writes.tags,
    "PUT /v3/task/{task}/stage/update": writes.stage,
    "PUT /v3/task/{task}/sprint": writes.sprint,
    "POST /v3/task/{task}/visible/update": writes.visible,
    "PUT /v3/task/{task}/archive": writes.archive,
    "POST /v3/task/{task}/restore": writes.restore,
    "POST /v3/task/{task}/delete": writes.delete,
}
