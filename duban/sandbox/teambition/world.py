"""The state of the simulated Teambition: plain values that can be dumped to JSON and loaded again.

Times are kept as whole milliseconds since the epoch, because the service answers UTC with milliseconds. Ids are 24 hex
digits made from a seed and a counter, so that two runs of one test see the same ids.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

Value = dict[str, str]  # one entry of a custom field: id, title, metaString


@dataclass(slots=True)
class App:
    """One application. Several secrets are valid together while one is being rotated."""

    id: str
    secrets: list[str]
    organizations: list[str]


@dataclass(slots=True)
class Member:
    """One person of an organization; ``id`` is the userId, ``member_id`` the id of the membership."""

    id: str
    member_id: str
    name: str
    email: str = ""
    disabled: bool = False


@dataclass(slots=True)
class Priority:
    """One priority: the number on a task means whatever the organization calls it."""

    number: int
    name: str
    color: str = "#808080"


@dataclass(slots=True)
class Organization:
    """One tenant."""

    id: str
    name: str
    members: dict[str, Member] = field(default_factory=dict)
    priorities: list[Priority] = field(default_factory=list)


@dataclass(slots=True)
class Choice:
    """One option of a custom field of a choice type; ``path`` is what a cascading field shows."""

    id: str
    value: str


@dataclass(slots=True)
class CustomField:
    """One custom field of a project; ``original`` is the organization's field that it copies."""

    id: str
    name: str
    type: str
    choices: list[Choice] = field(default_factory=list)
    subtype: str = ""
    object_type: str = ""
    original: str = ""
    created: int = 0


@dataclass(slots=True)
class Status:
    """One status of a taskflow. ``movers`` are (subjectType, subjectId), empty = everybody; ``required`` are fields
    that must be filled before a task may enter: an API field name, or ``cf:<id>``."""

    id: str
    name: str
    kind: str
    pos: int
    taskflow: str
    reject: list[str] = field(default_factory=list)
    movers: list[list[str]] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True)
class TaskType:
    """One task type (sfc): its workflow and the custom fields that its tasks have."""

    id: str
    name: str
    taskflow: str
    fields: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Named:
    """A board column, group, tag, sprint or taskflow: an id and a name."""

    id: str
    name: str
    parent: str = ""
    created: int = 0


@dataclass(slots=True)
class Task:
    """One task. Times are milliseconds; ``cells`` are custom fields by id, only the filled ones."""

    id: str
    number: int
    content: str
    tasklist: str
    stage: str
    type: str
    status: str
    creator: str
    created: int
    updated: int
    executor: str | None = None
    involved: list[str] = field(default_factory=list)
    note: str = ""
    tags: list[str] = field(default_factory=list)
    parent: str = ""
    ancestors: list[str] = field(default_factory=list)
    priority: int = 0
    story_point: str = ""
    progress: float = 0
    sprint: str = ""
    archived: bool = False
    visible: str = "members"
    pos: float = 65536
    start: int | None = None
    due: int | None = None
    accomplished: int | None = None
    done: bool = False
    cells: dict[str, list[Value]] = field(default_factory=dict)


@dataclass(slots=True)
class Activity:
    """One line of a task's history; ``content`` is JSON inside JSON, as the service sends it."""

    id: str
    task: str
    action: str
    content: str
    creator: str
    at: int


@dataclass(slots=True)
class Notice:
    """One notification that people got: who was told of what."""

    task: str
    action: str
    users: list[str]
    at: int


@dataclass(slots=True)
class Trace:
    """One progress report (进展) on a task."""

    id: str
    task: str
    title: str
    content: str
    status: int
    reminders: list[str]
    creator: str
    at: int


@dataclass(slots=True)
class Dependency:
    """One arrow between two tasks."""

    id: str
    source: str
    target: str
    kind: str
    lag: int
    at: int


@dataclass(slots=True)
class Project:
    """One project. ``members`` are userId -> role, or None for everybody of the organization."""

    id: str
    name: str
    organization: str
    prefix: str
    created: int
    members: dict[str, int] | None = None
    types: dict[str, TaskType] = field(default_factory=dict)
    taskflows: dict[str, Named] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    fields: dict[str, CustomField] = field(default_factory=dict)
    stages: dict[str, Named] = field(default_factory=dict)
    tasklists: dict[str, Named] = field(default_factory=dict)
    tags: dict[str, Named] = field(default_factory=dict)
    sprints: dict[str, Named] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    numbers: int = 0
    revision: int = 0

    def flow_of(self, task: Task) -> str:
        """Return the taskflow id of a task."""
        return self.types[task.type].taskflow


@dataclass(slots=True)
class World:
    """Everything that one simulator remembers."""

    seed: str = "duban"
    issued: int = 0
    apps: dict[str, App] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)  # task id -> project id
    activities: dict[str, list[Activity]] = field(default_factory=dict)  # by task id
    notices: list[Notice] = field(default_factory=list)
    traces: dict[str, list[Trace]] = field(default_factory=dict)
    dependencies: dict[str, Dependency] = field(default_factory=dict)
    user_tokens: dict[str, str] = field(default_factory=dict)  # personal token -> userId

    def new_id(self) -> str:
        """Return the next id: 24 hex digits."""
        self.issued += 1
        return hashlib.sha256(f"{self.seed}:{self.issued}".encode()).hexdigest()[:24]

    def task(self, task_id: str) -> tuple[Project, Task] | None:
        """Return a task and its project; None if it does not exist or was deleted."""
        project = self.projects.get(self.home.get(task_id, ""))
        return None if project is None else (project, project.tasks[task_id])

    def field_named(self, project: Project, name: str) -> CustomField | None:
        """Return a project's custom field by its heading."""
        return next((field for field in project.fields.values() if field.name == name), None)

    def member(self, user: str) -> Member | None:
        """Return a person of any organization."""
        return next((o.members[user] for o in self.organizations.values() if user in o.members), None)
