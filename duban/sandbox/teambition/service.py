"""The simulated Teambition Open API v3 (facts/teambition section 15), under ``/api`` and ``/gateway``.

Kept: tokens, tenants, operators, the envelope in its styles, paging with small defaults, TQL, silent no-op writes
(code 204), the rate limit, custom fields with their strictness, workflows, history, notifications, faults.
Left out: webhooks; OAuth and ``POST /appToken``; sprints beyond a list, files and their upload, rich text rendering,
tables and worktime; node workflows; moving a task to another parent, type or project; creating and editing projects,
workflows, statuses, people and organization fields; audit log and DingTalk ids; reminders and recurrence; the
platform-wide limit. All error texts are invented; only statuses and codes may be relied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from duban.sandbox.server import Clock, Reply, Request, Service
from duban.sandbox.teambition.access import Meter, admit
from duban.sandbox.teambition.answers import Done, Refusal, good, refused
from duban.sandbox.teambition.call import Call, Quirks
from duban.sandbox.teambition.reads import Listings
from duban.sandbox.teambition.routes import Routes
from duban.sandbox.teambition.seed import SeededProject, make_project
from duban.sandbox.teambition.world import App, Member, Notice, Organization, Priority, World

PREFIXES = ("/api", "/gateway")
SIMULATED_SECRET = "sim-secret-sim-secret-sim-secret"  # noqa: S105 - opens nothing but this simulator
# Public sources contradict each other on the numbers; these are the older ones, where 0 is nothing special.
_PRIORITIES = ((-10, "较低"), (0, "普通"), (1, "紧急"), (2, "非常紧急"))


class TeambitionService(Service):
    """One simulated platform: seed it with ``add_…``, start it, point a connector at ``url + '/api'``.

    ``clock`` says what time the tasks live in and may stand still on any day. Tokens and the rate limit go by
    ``wire_clock``, which runs with the machine's: a client signs with its own clock whatever day is being played.
    ``POST /_sandbox/settings`` sets :class:`Quirks` by name. ``zone`` is the tenant's, for seeded and time-of-day
    values. All seeding may also be done while serving.
    """

    name = "teambition"

    def __init__(self, *, seed: str = "duban", zone: str = "Asia/Shanghai", quirks: Quirks | None = None) -> None:
        super().__init__()
        self.world = World(seed=seed)
        self.quirks = quirks or Quirks()
        self.zone = ZoneInfo(zone)
        self.wire_clock = Clock()
        self.meter = Meter()
        self._listings = Listings()
        self._routes = Routes(self._listings)
        self._requests = 0

    # --- seeding, in plain Python

    def add_organization(self, name: str = "示例企业") -> str:
        """Add a tenant with the priorities 较低, 普通, 紧急, 非常紧急 = -10, 0, 1, 2 and return its id."""
        with self.lock:
            tenant = Organization(self.world.new_id(), name)
            tenant.priorities = [Priority(number, text) for number, text in _PRIORITIES]
            self.world.organizations[tenant.id] = tenant
            return tenant.id

    def set_priorities(self, priorities: Mapping[int, str], organization: str | None = None) -> None:
        """Say what the priority numbers mean in a tenant."""
        with self.lock:
            self._tenant(organization).priorities = [Priority(number, name) for number, name in priorities.items()]

    def add_app(
        self, app_id: str = "sim-app", secret: str = SIMULATED_SECRET, *, organizations: Iterable[str] = ()
    ) -> tuple[str, str]:
        """Add an app, installed in the given tenants (all there are when none is given): (app id, secret).

        Adding a known app again adds the secret: both are valid, as while a secret is being rotated.
        """
        with self.lock:
            app = self.world.apps.setdefault(app_id, App(app_id, [], []))
            app.secrets.append(secret)
            for tenant in list(organizations) or list(self.world.organizations):
                if tenant not in app.organizations:
                    app.organizations.append(tenant)
            return app_id, secret

    def add_member(self, name: str, *, organization: str | None = None, email: str = "") -> str:
        """Add a person to a tenant (the only one, when none is given) and return the userId."""
        with self.lock:
            person = Member(self.world.new_id(), self.world.new_id(), name, email)
            self._tenant(organization).members[person.id] = person
            return person.id

    def add_user_token(self, token: str, user: str) -> None:
        """Accept a personal token that acts as this user."""
        with self.lock:
            self.world.user_tokens[token] = user

    def add_project(
        self,
        name: str,
        *,
        organization: str | None = None,
        prefix: str = "",
        members: Iterable[str] | None = None,
        statuses: Iterable[tuple[str, str]] = (("待处理", "start"), ("进行中", "unset"), ("已完成", "end")),
    ) -> SeededProject:
        """Add a project with one workflow of these (name, kind) statuses and one task type.

        ``members`` are userIds; without them everybody of the organization is a member.
        """
        with self.lock:
            project = make_project(
                self.world, self._tenant(organization).id, name, prefix=prefix, members=members, now=self._now()
            )
            seeded = SeededProject(self, project)
            flow = seeded.add_taskflow("默认工作流", statuses)
            seeded.add_task_type("任务", flow)
            return seeded

    def project(self, project_id: str) -> SeededProject:
        """Return a project for further seeding or looking."""
        return SeededProject(self, self.world.projects[project_id])

    def notices(self, task: str | None = None) -> list[Notice]:
        """Return the notifications that people got, of one task or of all."""
        with self.lock:
            return [notice for notice in self.world.notices if task in {None, notice.task}]

    def dump(self) -> dict[str, Any]:
        """Return the whole state as JSON values."""
        with self.lock:
            state: dict[str, Any] = TypeAdapter(World).dump_python(self.world, mode="json")
            return state

    def load(self, state: Mapping[str, Any]) -> None:
        """Replace the whole state by a dumped one."""
        with self.lock:
            self.world = TypeAdapter(World).validate_python(state)
            self._listings = Listings()
            self._routes = Routes(self._listings)

    def settings(self, changes: Mapping[str, Any]) -> None:
        """Change :class:`Quirks` by name, or an attribute of the service; others raise ``AttributeError``."""
        known = {entry.name for entry in fields(Quirks)}
        for key, value in changes.items():
            if key in known:
                setattr(self.quirks, key, value)
            else:
                super().settings({key: value})

    # --- serving

    def handle(self, request: Request) -> Reply:
        """Answer one request in the envelope. Called under the lock."""
        self._requests += 1
        request_id = f"{self._requests:016x}"
        try:
            return good(self._answered(request), request_id)
        except Refusal as refusal:
            return refused(refusal, request_id, self.quirks.error_style)

    def _answered(self, request: Request) -> Done:
        prefix = next((prefix for prefix in PREFIXES if request.path.startswith(f"{prefix}/")), None)
        found = None if prefix is None else self._routes.find(request.method, request.path.removeprefix(prefix))
        if found is None:
            raise Refusal(self.quirks.unknown_path, "url not found")
        route, ids = found
        caller = admit(request.headers, self.world, self.wire_clock.now())
        limited = caller.key, caller.organization.id, route.template
        self.meter.admit(limited, self.wire_clock.now(), self.quirks.retry_after)
        if route.writes and caller.operator is None and self.quirks.operator_required:
            raise Refusal(403, "x-operator-id is needed for writing")
        return route.answer(Call(request, caller, ids, self.world, self.quirks, self._now(), self.zone))

    def _tenant(self, organization: str | None) -> Organization:
        if organization is not None:
            return self.world.organizations[organization]
        if len(self.world.organizations) != 1:
            raise LookupError("say which organization: there is none, or more than one")
        return next(iter(self.world.organizations.values()))

    def _now(self) -> int:
        return round(self.clock.now() * 1000)
