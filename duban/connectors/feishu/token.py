"""The tenant access token: fetched once, kept until half an hour before its end, dropped when it is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from duban.connectors.base import Traffic
from duban.connectors.feishu.codes import judge
from duban.connectors.http import Http
from duban.connectors.limits import Pace
from duban.connectors.settings import FeishuSource
from duban.errors import Unavailable

PATH = "/open-apis/auth/v3/tenant_access_token/internal"
EARLY = 1800.0  # Feishu gives a new token only in the last half hour of the old one (facts, section 1)


class TenantToken:
    """One application's token. Thread-safe: of many askers one fetches, the others wait for it.

    ``clock`` counts seconds and never goes back.
    """

    def __init__(
        self, settings: FeishuSource, *, pace: Pace, traffic: Traffic, clock: Callable[[], float]
    ) -> None:
        self._settings, self._clock, self._lock = settings, clock, threading.Lock()
        secrets = (settings.app_secret.reveal(),)
        self._http = Http(
            settings.base_url, headers=dict, judge=judge(source=settings.name, traffic=traffic, secrets=secrets),
            pace=pace, traffic=traffic, secrets=secrets,
        )  # fmt: skip
        self._value, self._renew_at = "", 0.0

    def get(self) -> str:
        """Return a token that is good for a while. Raises ``AuthError`` when the credentials are refused."""
        with self._lock:
            if not self._value or self._clock() >= self._renew_at:
                self._fetch()
            return self._value

    def drop(self, refused: str) -> None:
        """Forget a token that Feishu refused, unless somebody has fetched another one meanwhile."""
        with self._lock:
            if self._value == refused:
                self._value = ""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of an ordinary request."""
        return {"Authorization": f"Bearer {self.get()}"}

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _fetch(self) -> None:
        asked = {"app_id": self._settings.app_id.reveal(), "app_secret": self._settings.app_secret.reveal()}
        answer: Any = self._http.call("POST", PATH, kind="read", json=asked)
        value, life = answer.get("tenant_access_token"), answer.get("expire")
        if not isinstance(value, str) or not value or not isinstance(life, (int, float)):
            raise Unavailable(f"{self._settings.name}: Feishu's token answer has no token in it; check base_url")
        # A server with short tokens must not cost a token request per request.
        self._value, self._renew_at = value, self._clock() + max(life - EARLY, life / 2)
