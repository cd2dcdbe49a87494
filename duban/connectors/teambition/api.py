"""The service's calls: headers, limits, the envelope, pages. Nothing here knows columns or cells.

Reads go without ``x-operator-id``: with it the service shows only what that member may see, and a task for
participants only would vanish (facts/teambition sections 1.3 and 4). Writes name the operator, who then stands in the
task's history.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from duban.connectors.ahead import Peek, pages_ahead
from duban.connectors.base import Traffic
from duban.connectors.http import Answer, Http
from duban.connectors.limits import Limit, Pace
from duban.connectors.settings import TeambitionSource
from duban.connectors.teambition.signals import TokenRefused, TooFast, judge
from duban.connectors.teambition.token import Signer
from duban.errors import ConnectorError, SchemaChanged, Unavailable

PER_ENDPOINT, WINDOW = 40, 1.0  # facts/teambition section 2.3
CATALOGUE_PAGE = 100
BATCH = 50  # ids per call that every public client keeps to
_TOKEN = re.compile(rb'"nextPageToken"\s*:\s*"([^"\\]+)"')


class Slice(NamedTuple):
    """One page of a list and the total that the service names, if any."""

    entries: list[dict[str, Any]]
    total: int | None


class Api:
    """One app in one organization."""

    def __init__(
        self, settings: TeambitionSource, *, pace: Pace, traffic: Traffic, clock: Callable[[], float] = time.time
    ) -> None:
        app_id, secret = settings.app_id.reveal(), settings.app_secret.reveal()
        self._signer = Signer(app_id, secret, clock)
        self._tenant = {
            "X-Tenant-Id": settings.organization, "X-Tenant-Type": "organization", "Accept": "application/json",
        }  # fmt: skip
        self.organization, self._operator = settings.organization, settings.operator
        self._writing = threading.local()
        # The key is kept where slots are shared, so it must not show the app id.
        self._key = f"teambition/{hashlib.sha256(app_id.encode()).hexdigest()[:12]}/{settings.organization}"
        self._traffic, self._counting = traffic, threading.Lock()
        self._http = Http(
            settings.base_url, headers=self._headers, judge=self._judge, pace=pace, traffic=traffic,
            secrets=(secret, app_id),
        )  # fmt: skip

    def get(
        self, template: str, what: str, params: Mapping[str, Any] | None = None, *, peek: Peek | None = None, **ids: str
    ) -> dict[str, Any]:
        """Read: the answer's envelope. ``template`` names the endpoint for its limit; ``what`` is for messages;
        ``peek`` sees the raw answer first."""
        return self._call("GET", template, what, kind="read", params=params, ids=ids, peek=peek)

    def post_read(self, template: str, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Read by a POST: it may be repeated like any read."""
        return self._call("POST", template, what, kind="read", json=body)

    def post(self, template: str, what: str, body: Mapping[str, Any], **ids: str) -> dict[str, Any]:
        """Write. Raises ``OutcomeUnknown`` when it was sent and its answer was lost."""
        return self._call("POST", template, what, kind="write", json=body, ids=ids)

    def pages(
        self, template: str, what: str, params: Mapping[str, Any] | None = None, size: int = CATALOGUE_PAGE, **ids: str
    ) -> Iterator[Slice]:
        """Read a list page by page. The default page is 10, so the size is always sent and the token followed.

        A token that comes again and an empty page in the middle raise ``SchemaChanged``: the list was not read whole.
        """
        seen = set[str]()

        def ask(token: str | None, peek: Peek) -> dict[str, Any]:
            asked = {**(params or {}), "pageSize": size, **({"pageToken": token} if token else {})}
            return self.get(template, what, asked, peek=peek, **ids)

        def following(answer: Mapping[str, Any]) -> str | None:
            token = str(answer.get("nextPageToken") or "")
            if token and (token in seen or not entries_of(answer)):
                raise SchemaChanged(f"{what}: the pages went in a circle or ended early; the next cycle reads again")
            seen.add(token)
            return token or None

        for answer in pages_ahead(ask, following, _hint):
            total = answer.get("totalSize", answer.get("count"))
            yield Slice(entries_of(answer), total if type(total) is int else None)

    def listed(
        self, template: str, what: str, params: Mapping[str, Any] | None = None, **ids: str
    ) -> list[dict[str, Any]]:
        """Read a whole catalogue."""
        return [entry for page in self.pages(template, what, params, CATALOGUE_PAGE, **ids) for entry in page.entries]

    def tasks(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Read tasks by id, 50 at a time; those that do not exist are missing."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), BATCH):
            asked = ",".join(ids[start : start + BATCH])
            answer = self.get("/v3/task/query", "reading tasks back", {"taskId": asked})
            found.update((str(task.get("id") or task.get("taskId")), task) for task in entries_of(answer))
        return found

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _call(
        self,
        method: str,
        template: str,
        what: str,
        *,
        kind: Literal["read", "write"],
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        ids: Mapping[str, str] | None = None,
        peek: Peek | None = None,
    ) -> dict[str, Any]:
        path, limit = template.format(**(ids or {})), Limit(f"{self._key}{template}", PER_ENDPOINT, WINDOW)

        def ask() -> dict[str, Any]:
            self._writing.now = kind == "write"
            answer: dict[str, Any] = self._http.call(
                method, path, kind=kind, limits=(limit,), params=params, json=json, peek=peek
            )  # fmt: skip
            return answer

        try:
            try:
                return ask()
            except TokenRefused:  # refused before anything was done: a write may be sent again too
                self._signer.renew()
                return ask()
        except ConnectorError as error:
            error.args = (f"{what}: {error}",)
            raise

    def _headers(self) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self._signer.token()}", **self._tenant}
        if self._writing.now:
            headers["x-operator-id"] = self._operator
        return headers

    def _judge(self, answer: Answer, writing: bool) -> dict[str, Any]:
        try:
            return judge(answer, writing)
        except TooFast:
            with self._counting:
                self._traffic.refused += 1
            raise


def entries_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a list's answer: a list, null for an empty one, or an object around the list."""
    result = answer.get("result")
    if isinstance(result, Mapping):
        result = next((inner for inner in result.values() if isinstance(inner, list)), result)
    if result is None or result == "":
        return []
    if not isinstance(result, list):
        raise Unavailable("the answer holds no list; the next cycle reads again")
    return [entry for entry in result if isinstance(entry, dict)]


def _hint(content: bytes) -> str | None:
    """Return the token of a raw answer; in the texts of tasks, quotes are escaped."""
    found = _TOKEN.search(content)
    return found[1].decode("ascii", "replace") if found else None
