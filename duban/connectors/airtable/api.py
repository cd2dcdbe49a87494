"""pyairtable with our own transport: every page and every write passes the limits, the counters and the error table.

pyairtable alone sends a POST up to six times after a timeout, gives up on a 429 after 3 s, has no timeout at all and
takes credentials from a netrc file (facts/airtable section 12). Here its retries are off, its session is ours, and
:meth:`PacedApi.request` decides what is repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import pyairtable
import requests
from requests.utils import get_environ_proxies

from duban.connectors.airtable.answers import LOCK_OUT, TooFast, failure
from duban.connectors.base import Traffic
from duban.connectors.http import Transient, decoded, pooled_session, redact, transport_error, with_retries
from duban.connectors.limits import Limit, Pace
from duban.errors import ConnectorError, Rejected

TIMEOUT = (5, 30)  # seconds to connect, and between two bytes of the answer
PER_BASE, PER_TOKEN, WINDOW = 5, 50, 1.0


class Session(requests.Session):
    """A session that waits for its slots, counts, and knows lost answers from requests that were never sent."""

    def __init__(self, pace: Pace, traffic: Traffic, limits: Callable[[str], list[Limit]]) -> None:
        super().__init__()
        pooled = pooled_session()
        self.adapters, self.headers, self.verify = pooled.adapters, pooled.headers, pooled.verify
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # the service sets one for each visitor
        self._pace, self._traffic, self._limits, self._counting = pace, traffic, limits, threading.Lock()

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]  # pyairtable passes all by name
        """Send one request within the limits. Raises ``Transient`` when no answer came."""
        address, writing = str(url), is_write(str(method), str(url))
        options |= {"allow_redirects": False, "proxies": get_environ_proxies(address)}
        try:
            with self._pace.request(self._limits(address)):
                self._count("write" if writing else "read")
                answer = super().request(method, url, **options)
        except requests.RequestException as error:
            raise transport_error(error, writing=writing) from error
        if answer.status_code == 429:
            self._count("refused")
        return answer

    def _count(self, name: str) -> None:
        with self._counting:
            setattr(self._traffic, name, getattr(self._traffic, name) + 1)


class PacedApi(pyairtable.Api):
    """One token's access to Airtable. Thread-safe; field ids instead of names in every answer."""

    def __init__(self, token: str, *, base_url: str, pace: Pace, traffic: Traffic, names: Mapping[str, str]) -> None:
        super().__init__(token, timeout=TIMEOUT, retry_strategy=None, endpoint_url=base_url, use_field_ids=True)
        self.pace, self.traffic, self._token, self._names = pace, traffic, token, names
        self._owner = f"airtable:token:{sha256(token.encode()).hexdigest()[:16]}"
        self._prefix = urlsplit(str(self.build_url("x"))).path.removesuffix("x")
        self.session = Session(pace, traffic, self.limits)
        self.api_key = token  # puts the header on the session

    def limits(self, url: str) -> list[Limit]:
        """Return what a request to this address must keep: 50/s per token, 5/s per base."""
        limits = [Limit(self._owner, PER_TOKEN, WINDOW)]
        base = self._base(url)
        return [Limit(f"airtable:base:{base}", PER_BASE, WINDOW), *limits] if base else limits

    def _base(self, url: str) -> str | None:
        parts = urlsplit(url).path.removeprefix(self._prefix).split("/")
        if parts[0] == "meta":
            return parts[2] if len(parts) > 2 else None
        return parts[0] or None

    def _where(self, url: str) -> str:
        parts = urlsplit(url).path.removeprefix(self._prefix).split("/")
        base = self._base(url)
        table = parts[1] if parts[0] != "meta" and len(parts) > 1 else None
        return f"base {base}" + (f", table {self._names.get(table, table)}" if table else "")

    def request(
        self,
        method: str,
        url: str,
        fallback: tuple[str, str] | None = None,
        options: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
    ) -> Any:
        """Send one request until it is answered, and return the answer's body.

        Reads and refused requests are repeated; a write whose outcome is unknown never is: ``OutcomeUnknown``.
        """
        once = partial(super().request, method, url, fallback, options, params, json)
        writing = is_write(method, str(url))
        expected = _expected_key(method, str(url))

        def attempt() -> Any:
            body = once()
            if expected and not (isinstance(body, dict) and isinstance(body.get(expected), list)):
                raise Transient(f"Airtable answers {self._where(str(url))} without {expected!r}", unknown=writing)
            return body

        try:
            return with_retries(attempt, pace=self.pace, traffic=self.traffic, repeat_unknown=not writing)
        except requests.exceptions.InvalidJSONError as error:
            raise Rejected(f"the request cannot be sent to {self._where(str(url))}: not JSON") from error
        except ConnectorError as error:
            error.args = (redact(str(error), [self._token]),)
            raise

    def _process_response(self, response: requests.Response) -> Any:
        url, method = str(response.request.url), str(response.request.method)
        writing = is_write(method, url)
        body = decoded(response.content)
        if 200 <= response.status_code < 300:
            if not isinstance(body, dict):
                raise Transient(f"Airtable answers {self._where(url)} with something else than JSON", unknown=writing)
            return body
        error = failure(
            response.status_code, body, self._where(url), writing=writing,
            retry_after=response.headers.get("Retry-After"),
        )  # fmt: skip
        if isinstance(error, TooFast):
            # The answer does not say which limit it was: the base's, unless no base was asked.
            self.pace.freeze(self.limits(url)[:1], LOCK_OUT)
        raise error

    def close(self) -> None:
        """Give the pooled connections back."""
        self.session.close()


def is_write(method: str, url: str) -> bool:
    """Tell whether a request changes something: a long list of records is read by POST."""
    return method.upper() != "GET" and not urlsplit(url).path.endswith("/listRecords")


def _expected_key(method: str, url: str) -> str | None:
    """Return the list that a good answer must hold: pyairtable takes a page without it for the last one."""
    path = urlsplit(url).path.rstrip("/")
    if "/meta/" in path:
        return "tables" if path.endswith("/tables") else None
    return "records" if method.upper() in {"GET", "POST", "PATCH"} else None
