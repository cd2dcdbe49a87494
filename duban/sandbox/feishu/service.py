"""The service itself: one request from the gate to the answer, and the way to seed and to trouble it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from duban.sandbox.feishu.call import Call
from duban.sandbox.feishu.gate import Gate, admit_write, open_document
from duban.sandbox.feishu.refusal import TEXTS, Refusal
from duban.sandbox.feishu.routes import TOKEN, Route, find_route
from duban.sandbox.feishu.table import Base
from duban.sandbox.feishu.world import DEFAULT_SCOPES, App, Person, Switches, World, digest
from duban.sandbox.server import Reply, Request, Service


class FeishuService(Service):
    """Feishu Bitable (多维表格) as a local server: strict, and odd where the real one is (facts section 12, 1-31, 38).

    Seed: ``add_app``, ``add_person``, ``add_base`` -> ``base.add_table`` -> ``table.add_field``, ``table.add_row``; be
    a person: ``table.edit``, ``rename_field``, ``delete_field``, ``delete_row``; look: ``table.dump``. ``switches``
    decides what the facts leave open; ``POST /_sandbox/settings`` sets them by name. The clock is the service's own:
    while it stands still no request ever leaves a rate window, so let it run or switch ``limits_enabled`` off.

    Left out: events, subscriptions, webhooks, bots and messages (items 32-37); uploads (``base.files`` holds the
    tokens of seeded files); creating bases, tables and views; views that filter or hide; the formula language of the
    legacy list's ``filter`` and ``sort`` (both refused); changing a field's type; deletions under replica lag (seen at
    once); user tokens; several tenants; the Base v3 family.
    """

    name = "feishu"

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.clock, self.lock)
        self._gate = Gate(self.world)
        self._in_flight: dict[str, int] = {}
        self._beside_a_write: set[int] = set()  # ids of requests that arrived while a write was under way
        self._busy_until: dict[str, float] = {}
        self._answers = 0

    # --- seeding and control

    @property
    def switches(self) -> Switches:
        """How open facts are decided, and what troubles are on."""
        return self.world.switches

    @property
    def created_options(self) -> list[tuple[str, str, str]]:
        """Options that API writes brought into being: (table id, column, option)."""
        return self.world.created_options

    def settings(self, changes: Mapping[str, Any]) -> None:
        """Change switches, or what every service has, by name."""
        for key, value in changes.items():
            if hasattr(self.switches, key):
                setattr(self.switches, key, value)
            else:
                super().settings({key: value})

    def add_app(self, app_id: str, secret: str, scopes: Iterable[str] = DEFAULT_SCOPES) -> App:
        """Register a self-built application with its granted scopes."""
        with self.lock:
            return self.world.add_app(app_id, secret, scopes)

    def add_person(self, name: str, *, union_id: str = "", user_id: str = "", email: str = "") -> Person:
        """Register a person, with fixed ids where they matter."""
        with self.lock:
            known = self.world.person(name)
            person = Person(name, union_id or known.union_id, user_id or known.user_id, email=email)
            self.world.people[name] = person
            return person

    def add_base(self, name: str, *, token: str | None = None, time_zone: str = "Asia/Shanghai") -> Base:
        """Add a base. Every application known by now gets manage rights on it (``share`` and ``unshare`` change that).

        It can also be reached through the wiki node ``base.wiki_node``.
        """
        with self.lock:
            base = Base(self.world, name, token or self.world.new_id("bascn"), time_zone)
            self.world.bases[base.token] = base
            self.world.nodes[base.wiki_node] = base.token
            for app in self.world.apps.values():
                base.share(app.id)
            return base

    def trouble(
        self, code: int, match: str = "", *, times: int = 1, after: int = 0, status: int | None = None,
        applied: bool = False,
    ) -> None:  # fmt: skip
        """Answer the next matching requests with a code of section 4; ``applied`` does the request all the same."""
        refusal = Refusal(code, status=status)
        status = refusal.http_status(structure=False, gateway=self.switches.gateway_status)
        body = {"code": code, "msg": TEXTS.get(code, "Fail"), "error": {"log_id": digest("log", code)}}
        self.fault("body", match, times=times, after=after, status=status, body=body, applied=applied)

    def expire_page_tokens(self) -> None:
        """Make every page token given out so far stale."""
        with self.lock:
            self.world.page_token_epoch += 1

    def revoke_tokens(self) -> None:
        """Make every tenant token given out so far invalid, as resetting the secret does."""
        with self.lock:
            for app in self.world.apps.values():
                app.tokens.clear()
                app.current = ""

    # --- one request

    def answer(self, request: Request) -> tuple[Reply | None, Any]:
        """Do one request, remembering which ones are under way: writes to one base must not overlap."""
        route, ids = find_route(request.method, request.path) or (None, {})
        key = self._lock_key(ids)
        writes = route is not None and route.writes
        with self.lock:
            if self._in_flight.get(key):
                self._beside_a_write.add(id(request))
            if writes:
                self._in_flight[key] = self._in_flight.get(key, 0) + 1
        try:
            return super().answer(request)
        finally:
            with self.lock:
                self._beside_a_write.discard(id(request))
                if writes:
                    self._in_flight[key] -= 1

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        self._answers += 1
        log_id = digest("log", self._answers)
        found = find_route(request.method, request.path)
        try:
            if request.path == TOKEN and request.method == "POST":
                return Reply(200, self._gate.issue(request.body), {"X-Tt-Logid": log_id})
            if found is None:
                return Reply(404, "404 page not found", {"X-Tt-Logid": log_id}, content_type="text/plain")
            data = self._done(request, *found)
        except Refusal as refusal:
            return self._refused(refusal, log_id, structure=found is not None and found[0].structure)
        return Reply(200, {"code": 0, "msg": "success", "data": data}, {"X-Tt-Logid": log_id})

    def _done(self, request: Request, route: Route, ids: Mapping[str, str]) -> dict[str, Any]:
        app = self._gate.admit(request, route.name, route.scopes, route.rate)
        call = Call(self.world, request, app, ids)
        open_document(call, writes=route.writes)
        self._check_overlap(call, request, route)
        data = route.answer(call)
        if route.writes:
            now = self.clock.now()
            call.base.last_write, call.base.streak = now, call.base.streak + 1
            self._busy_until[self._lock_key(ids)] = now + self.switches.write_hold
        return data

    def _check_overlap(self, call: Call, request: Request, route: Route) -> None:
        beside = id(request) in self._beside_a_write
        if beside and (route.writes or self.switches.conflict_on_reads) and not call.flag("ignore_consistency_check"):
            raise Refusal(1254291)
        if route.writes:
            admit_write(call, self._busy_until.get(self._lock_key(call.ids), 0.0))

    def _lock_key(self, ids: Mapping[str, str]) -> str:
        base = ids.get("app", "")
        return f"{base}/{ids.get('table', '')}" if self.switches.conflict_scope == "table" else base

    def _refused(self, refusal: Refusal, log_id: str, *, structure: bool) -> Reply:
        body: dict[str, Any] = {"code": refusal.code, "msg": refusal.text}
        if self.switches.error_details or refusal.details:
            body["error"] = {"log_id": log_id, **refusal.details}
        status = refusal.http_status(structure=structure, gateway=self.switches.gateway_status)
        return Reply(status, body, {"X-Tt-Logid": log_id, **refusal.headers})
