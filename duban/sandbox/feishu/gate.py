"""What stands before every endpoint: token, monthly quota, request rate, scope, the document's own rights."""

from __future__ import annotations

import math
import secrets
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from duban.sandbox.feishu.call import Call
from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.world import App, World
from duban.sandbox.server import Request

HALF_HOUR = 1800.0


class Rate(NamedTuple):
    """At most ``requests`` in ``window`` seconds per endpoint and application."""

    requests: int
    window: float


class Gate:
    """Admits requests, or raises :class:`Refusal`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._calls_by_month: dict[str, int] = {}

    def issue(self, body: Any) -> dict[str, Any]:
        """Answer the token endpoint: the same token while at least half an hour of it is left (section 1)."""
        given = body if isinstance(body, dict) else {}
        app = self._world.apps.get(str(given.get("app_id")))
        if app is None:
            raise Refusal(10003)
        if given.get("app_secret") != app.secret:
            raise Refusal(10014)
        now, life = self._world.clock.now(), self._world.switches.token_seconds
        if app.tokens.get(app.current, 0.0) - now < min(HALF_HOUR, life / 4):
            app.current = "t-" + secrets.token_hex(16)
            app.tokens[app.current] = now + life
        left = int(app.tokens[app.current] - now)
        return {"code": 0, "msg": "ok", "tenant_access_token": app.current, "expire": left}

    def admit(self, request: Request, name: str, scopes: tuple[str, ...], rate: Rate) -> App:
        """Return the application that asks."""
        app = self._app(request.headers.get("authorization", ""))
        self._count_month()
        self._meter(name, app, rate)
        if not app.scopes & set(scopes):
            raise Refusal(
                99991672, f"Access denied. One of the following scopes is required: [{', '.join(scopes)}].",
                permission_violations=[{"type": "action_scope_required", "subject": scope} for scope in scopes],
            )  # fmt: skip
        return app

    def _app(self, header: str) -> App:
        if not header.startswith("Bearer ") or len(header) <= len("Bearer "):
            raise Refusal(99991661)
        token = header.removeprefix("Bearer ")
        if not token.startswith(("t-", "u-")):
            raise Refusal(99991671)
        for app in self._world.apps.values():
            if app.tokens.get(token, 0.0) > self._world.clock.now():
                return app
        raise Refusal(99991663)

    def _count_month(self) -> None:
        month = (datetime.fromtimestamp(self._world.clock.now(), UTC) + timedelta(hours=8)).strftime("%Y-%m")
        self._calls_by_month[month] = self._calls_by_month.get(month, 0) + 1
        quota = self._world.switches.monthly_quota
        if quota is not None and self._calls_by_month[month] > quota:
            raise Refusal(99991403)

    def _meter(self, name: str, app: App, rate: Rate) -> None:
        if not self._world.switches.limits_enabled:
            return
        now = self._world.clock.now()
        recent = self._recent.setdefault((name, app.id), deque())
        while recent and now - recent[0] >= rate.window:
            recent.popleft()
        if len(recent) >= rate.requests:
            wait = max(1, math.ceil(recent[0] + rate.window - now))
            headers = {"x-ogw-ratelimit-limit": str(rate.requests), "x-ogw-ratelimit-reset": str(wait)}
            raise Refusal(99991400, status=self._world.switches.limit_status, headers=headers)
        recent.append(now)


def open_document(call: Call, *, writes: bool) -> None:
    """Find the base and table of the path and check what the document itself allows."""
    world, token = call.world, call.ids.get("app")
    if token is None:
        return
    base = world.bases.get(token)
    if base is None:
        raise Refusal(91402 if token in world.nodes else 1254040)
    right = base.rights.get(call.app.id)
    if right is None or (writes and right == "read"):
        raise Refusal(91403)
    call.base_ = base
    if "table" in call.ids:
        call.table_ = base.tables.get(call.ids["table"])
        if call.table_ is None:
            raise Refusal(1254041)
        if writes and call.blind:
            raise Refusal(1254302)


def admit_write(call: Call, busy_until: float) -> None:
    """Refuse a write to a base that is still busy with earlier ones (1254291, 1254607)."""
    switches, base, now = call.world.switches, call.base, call.world.clock.now()
    if now < busy_until and not call.flag("ignore_consistency_check"):
        raise Refusal(1254291)
    if now - base.last_write > switches.idle_seconds:
        base.streak = 0
    if switches.writes_until_not_ready is not None and base.streak >= switches.writes_until_not_ready:
        raise Refusal(1254607)
    if call.table_ is not None and call.table_.synced:
        raise Refusal(1254302, "The table is synced from another source and read-only.")
