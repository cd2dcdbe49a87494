"""What Teambition's answers mean and what is done about each: one table, by code (facts/teambition section 8).

There are two styles and both occur: an HTTP status other than 2xx, and HTTP 200 with another code in the envelope.
Texts of errors are no contract and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from duban.connectors.http import Answer, Transient, redact
from duban.errors import AuthError, ConnectorError, Rejected

Action = Literal["resign", "right", "gone", "refuse", "too fast", "again"]


class Signal(NamedTuple):
    """One row of the table: what to do, and what a person is told."""

    action: Action
    text: str


class TokenRefused(AuthError):
    """401: the token is bad, expired, or of an unknown app."""


class Forbidden(AuthError):
    """403: a right is missing, for the interface, the project or this one task."""


class Gone(Rejected):
    """404: no such thing, or not any more."""


class TooFast(Transient):
    """429: more than 40 requests a second for one app, organization and endpoint."""


DONE = frozenset({0, 200, 201, 204})
TABLE: Mapping[int, Signal] = {
    400: Signal("refuse", "the request is refused"),
    401: Signal("resign", "the token is not accepted; check app_id, app_secret and the clock of this machine"),
    403: Signal(
        "right",
        "a right is missing; check that the app has the permission, is published and installed in the organization, "
        "and that the operator is a member of the project who may do this",
    ),
    404: Signal("gone", "there is no such thing, or it was deleted; check base_url and the project's id"),
    409: Signal("refuse", "the request is in conflict with the data"),
    421: Signal("refuse", "the service does not know this address; check base_url"),
    422: Signal("refuse", "the request is refused"),
    429: Signal("too fast", "the service asks to go slower"),
}
_OTHER = Signal("refuse", "the service refuses the request")
_BROKEN = Signal("again", "the service failed")


def signal(code: int) -> Signal:
    """Return the table's row for a code; 5xx is the platform's own failure, anything unknown a refusal."""
    return TABLE.get(code, _BROKEN if 500 <= code <= 599 else _OTHER)


def judge(answer: Answer, writing: bool) -> dict[str, Any]:
    """Return the envelope of a good answer, or raise what its signal says."""
    body = answer.body
    if isinstance(body, dict):
        code = _code(answer.status, body)
        if code in DONE:
            return body
        raise failure(code, _detail(body), writing=writing, wait=_wait(answer.headers))
    if answer.status == 204:  # declared for one call: a real empty answer
        return {}
    if answer.status < 300:
        raise Transient("the answer is not JSON", unknown=writing)
    raise failure(answer.status, "", writing=writing, wait=_wait(answer.headers))


def _code(status: int, body: Mapping[str, Any]) -> int:
    """Return the code that counts: HTTP's when it is an error, else the envelope's; success flags are heeded."""
    if status >= 300:
        return status
    code = _number(body.get("code"))
    if code in DONE and (body.get("success") is False or body.get("errorCode") not in {None, "", 0, "0", 200, "200"}):
        return _number(body.get("errorCode")) or 400
    return code


def _number(code: object) -> int:
    try:
        return int(code or 0)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return 400  # a word instead of a number: some refusal


def failure(code: int, detail: str, *, writing: bool, wait: float | None) -> ConnectorError:
    """Return the error for a code; a write that met the platform's failure may have been done."""
    found = signal(code)
    text = f"{found.text} ({code}{detail})"
    match found.action:
        case "resign":
            return TokenRefused(text)
        case "right":
            return Forbidden(text)
        case "gone":
            return Gone(text)
        case "too fast":
            return TooFast(text, wait=wait)
        case "again":
            return Transient(text, wait=wait, unknown=writing)
        case _:
            return Rejected(text)


def _detail(body: Mapping[str, Any]) -> str:
    message = str(body.get("errorMessage") or body.get("message") or "")
    request = str(body.get("requestId") or "")
    return (f": {redact(message)[:200]}" if message else "") + (f", request {request[:64]}" if request else "")


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After, which is not documented but would be heeded; at most a minute."""
    try:
        return min(60.0, max(0.0, float(headers.get("Retry-After", ""))))
    except ValueError:
        return None
