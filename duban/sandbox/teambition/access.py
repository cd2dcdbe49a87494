"""Who may come in: self-signed app tokens, personal tokens, the tenant and operator headers, 40 requests a second."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duban.sandbox.teambition.answers import Refusal
from duban.sandbox.teambition.world import App, Member, Organization, World


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the app or user behind the token, the tenant, and the person that the call acts as."""

    key: str
    organization: Organization
    operator: Member | None


def check_token(token: str, apps: Mapping[str, App], now: float) -> App:
    """Return the app of a token; anything wrong with it is a 401. ``now`` is in epoch seconds."""
    try:
        head, body, signature = token.split(".")
        header, claims = _decoded(head), _decoded(body)
        given = base64.urlsafe_b64decode(signature + "==")
        app = apps[claims["_appId"]]
        expires, issued = claims["exp"], claims["iat"]
    except (ValueError, KeyError, TypeError):
        raise Refusal(401, "invalid token") from None
    signed = f"{head}.{body}".encode()
    expected = (hmac.new(secret.encode(), signed, hashlib.sha256).digest() for secret in app.secrets)
    if header.get("alg") != "HS256" or not any(hmac.compare_digest(given, good) for good in expected):
        raise Refusal(401, "invalid token signature")
    if not isinstance(expires, int) or not isinstance(issued, int) or expires <= now or issued > now + 60:
        raise Refusal(401, "token expired or not yet valid")
    return app


def _decoded(part: str) -> dict[str, Any]:
    claims = json.loads(base64.urlsafe_b64decode(part + "=="))
    if not isinstance(claims, dict):
        raise TypeError(part)
    return claims


def admit(headers: Mapping[str, str], world: World, now: float) -> Caller:
    """Return the caller, or refuse: 401 for the token, 403 for the tenant or the operator."""
    token = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if headers.get("x-tenant-type", "organization") != "organization":
        raise Refusal(400, "X-Tenant-Type must be organization")
    if token in world.user_tokens:
        return _personal(world, world.user_tokens[token])
    app = check_token(token, world.apps, now)
    tenant = headers.get("x-tenant-id", "")
    if tenant not in app.organizations or tenant not in world.organizations:
        raise Refusal(403, "the app is not installed in this organization")
    organization = world.organizations[tenant]
    operator = headers.get("x-operator-id")
    if operator and (operator not in organization.members or organization.members[operator].disabled):
        raise Refusal(403, "the operator is not a member of the organization")
    return Caller(app.id, organization, organization.members[operator] if operator else None)


def _personal(world: World, user: str) -> Caller:
    for organization in world.organizations.values():
        if user in organization.members:
            return Caller(f"user:{user}", organization, organization.members[user])
    raise Refusal(401, "the user of this token is gone")


class Meter:
    """At most ``limit`` requests in any second for one (app, organization, route); counts what it let in."""

    def __init__(self, limit: int = 40) -> None:
        self.limit = limit
        self._seen: dict[tuple[str, str, str], deque[float]] = {}

    def admit(self, key: tuple[str, str, str], now: float, retry_after: float | None) -> None:
        """Let one request in, or refuse it with 429."""
        seen = self._seen.setdefault(key, deque())
        while seen and seen[0] <= now - 1.0:
            seen.popleft()
        if len(seen) >= self.limit:
            headers = {} if retry_after is None else {"Retry_After": f"{retry_after:g}"}
            raise Refusal(429, "too many requests", **headers)
        seen.append(now)
