"""What an answer of the service looks like: the envelope in its styles, refusals, and pages with opaque tokens.

All error texts here are invented; only statuses and the envelope's keys are facts (facts/teambition sections 2 and 8).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from duban.sandbox.server import Reply


class Refusal(Exception):
    """The service says no: an HTTP status and an (invented) text."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass(frozen=True, slots=True)
class Done:
    """What a route returns: the result, and further keys of the envelope (nextPageToken, totals)."""

    result: Any
    extra: dict[str, Any] = field(default_factory=dict)
    code: int = 200


NOTHING_CHANGED = Done(None, code=204)


def good(done: Done, request_id: str) -> Reply:
    """Wrap a result. Paged answers carry their keys before ``result``, as an R client that reads by position saw."""
    head = {"code": done.code, "errorMessage": "", "requestId": request_id}
    return Reply(200, head | done.extra | {"result": done.result}, {"X-Request-Id": request_id})


def refused(refusal: Refusal, request_id: str, style: str) -> Reply:
    """Wrap a refusal in one of the styles: ``http``, ``envelope`` (HTTP 200) or ``flag`` (HTTP 200, success false)."""
    body: dict[str, Any] = {
        "code": refusal.status, "errorMessage": refusal.message, "requestId": request_id, "result": None,
    }  # fmt: skip
    if style == "flag":
        body = {
            "success": False,
            "errorCode": str(refusal.status),
            "errorMessage": refusal.message,
            "requestId": request_id,
        }
    headers = {name.replace("_", "-"): value for name, value in refusal.headers.items()}
    return Reply(refusal.status if style == "http" else 200, body, {"X-Request-Id": request_id, **headers})


def page_size(text: str | None, default: int, largest: int, over: str) -> int:
    """Return the size of a page; what is over the largest is refused or cut down, as ``over`` says."""
    if text is None or text == "":
        return default
    if not text.isdecimal() or int(text) < 1:
        raise Refusal(400, "pageSize must be a positive number")
    if int(text) > largest and over == "refuse":
        raise Refusal(400, f"pageSize must not exceed {largest}")
    return min(int(text), largest)


def cut(
    entries: Sequence[Any], query: str, size: int, token: str | None, *, render: Callable[[Any], Any], total: str
) -> Done:
    """Return one page of a list. The token is bound to the query and the size; a foreign one is refused.

    The list is asked anew for each page, so entries move between pages when the data changes: the service promises
    no snapshot.
    """
    bound = hashlib.sha256(f"{query}|{size}".encode()).hexdigest()[:12]
    start = 0
    if token:
        try:
            mark, offset = json.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise Refusal(400, "pageToken is not valid") from None
        if mark != bound:
            raise Refusal(400, "pageToken belongs to another query")
        start = int(offset)
    end = start + size
    following = ""
    if end < len(entries):
        following = base64.urlsafe_b64encode(json.dumps([bound, end]).encode()).decode()
    return Done([render(entry) for entry in entries[start:end]], {"nextPageToken": following, total: len(entries)})
