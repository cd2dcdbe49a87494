"""The app token: a JWT (HS256) that the caller signs himself; there is no token call (facts/teambition section 1.1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable

LIFE = 3960  # seconds: 1.1 hours, as the vendor's SDK has it


def sign(app_id: str, secret: str, issued: int) -> str:
    """Return the token of an app, issued at a time in epoch seconds; the claims stand in the vendor's order."""
    claims = {"iat": issued, "exp": issued + LIFE, "_appId": app_id}
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_text(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def _part(claims: dict[str, object]) -> str:
    return _text(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Hands out one token per clock hour; :meth:`renew` signs one for this very second instead. Thread-safe.

    A token of the hour has 6 to 66 minutes left, so a clock that lags behind the service's may find it expired; the
    renewed one has the whole life again.
    """

    def __init__(self, app_id: str, secret: str, clock: Callable[[], float]) -> None:
        self._app_id, self._secret, self._clock, self._lock = app_id, secret, clock, threading.Lock()
        self._issued, self._token = -1, ""

    def token(self) -> str:
        """Return a valid token."""
        now = int(self._clock())
        hour = now // 3600 * 3600
        with self._lock:
            if not hour <= self._issued <= now:
                self._sign(hour)
            return self._token

    def renew(self) -> None:
        """Sign afresh after the service refused the token."""
        with self._lock:
            self._sign(int(self._clock()))

    def _sign(self, issued: int) -> None:
        self._issued, self._token = issued, sign(self._app_id, self._secret, issued)
