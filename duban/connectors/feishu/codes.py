"""What Feishu's codes mean and what the connector does about each: the one table, and the judge that reads it.

The code in the JSON body decides, never the HTTP status: most refusals come with HTTP 200, and the same code has
other statuses on other pages (facts/feishu-bitable, sections 0.1 and 4). The status counts only without JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from duban.connectors.base import Traffic
from duban.connectors.http import Answer, Transient, redact
from duban.errors import AuthError, Rejected, Unavailable


class Action(Enum):
    """What is done about a code."""

    RETRY = auto()  # the same request again after growing pauses
    NOT_READY = auto()  # the same request again after longer pauses, then in smaller pieces
    TOO_FAST = auto()  # the same request again when the service says; counted, because it must never happen
    REAUTH = auto()  # drop the token, fetch one, ask once more
    AUTH = auto()  # a person must act: the source is done for this cycle
    LATER = auto()  # nothing to be done now; the next cycle tries again
    UNKNOWN = auto()  # it may have been done: writes read back, reads repeat
    RESTART = auto()  # a vague refusal: once or twice more, then smaller, or from page 1
    SMALLER = auto()  # ask for less, or send less, at a time
    COLUMNS = auto()  # the columns are not what they were: list them again
    ROW = auto()  # the row is gone
    VALUE = auto()  # one row's value is refused for good: of a batch, find the row
    REFUSE = auto()  # the request is refused for good, whatever rows it holds


class Code(NamedTuple):
    """One row of the table: what is done, and the code in words for the person who reads the error."""

    action: Action
    meaning: str


_BAD_APP = "app_id or app_secret is wrong; copy both again from the developer console"
_SCOPE = "the application lacks a permission; grant it in the developer console and publish a version"
_SHARE = "the application may not open this document; add it under … > more > add document app"
_ADVANCED = (
    "advanced permissions keep the application out; give it manage rights on the base, or a role that covers the table"
)
_NO_BASE = (
    "there is no such base; where the page's address contains /wiki/, give the whole address as url instead of app"
)
_BUSY = "the service is too busy"
_INTERNAL = "an internal error of the service"

CODES: Mapping[int, Code] = {
    99991400: Code(Action.TOO_FAST, "too many requests"),
    99991401: Code(Action.AUTH, "this machine's address is not on the application's list of allowed IPs"),
    99991403: Code(Action.AUTH, "the monthly quota of API calls is used up; it starts again next month"),
    99991661: Code(Action.AUTH, "the request carried no token"),
    99991662: Code(Action.AUTH, "the application is disabled; enable it in the developer console"),
    99991663: Code(Action.REAUTH, "the token is invalid or has ended"),
    99991664: Code(Action.REAUTH, "the token is not accepted"),
    99991665: Code(Action.REAUTH, "the token is not accepted"),
    99991671: Code(Action.AUTH, "the token has the wrong form"),
    99991672: Code(Action.AUTH, _SCOPE),
    99991673: Code(Action.AUTH, "the application is not installed in this tenant"),
    99991679: Code(Action.AUTH, _SCOPE),
    99992351: Code(Action.VALUE, "a person's id is not known"),
    99992361: Code(Action.VALUE, "a person's id belongs to another application"),
    99992402: Code(Action.REFUSE, "a parameter is not accepted"),
    10003: Code(Action.AUTH, _BAD_APP),
    10014: Code(Action.AUTH, _BAD_APP),
    10015: Code(Action.AUTH, _BAD_APP),
    2200: Code(Action.RETRY, _INTERNAL),
    5000: Code(Action.RETRY, _INTERNAL),
    91402: Code(Action.REFUSE, _NO_BASE),
    91403: Code(Action.AUTH, _SHARE),
    131002: Code(Action.REFUSE, "the wiki address is not accepted"),
    131005: Code(Action.REFUSE, "there is no such wiki page"),
    131006: Code(Action.AUTH, "the application may not open this wiki page; add it to the page as a document app"),
    1254000: Code(Action.REFUSE, "the request's JSON is not accepted"),
    1254001: Code(Action.REFUSE, "the request's body is not accepted"),
    1254002: Code(Action.RESTART, "the service failed without saying why"),
    1254003: Code(Action.REFUSE, _NO_BASE),
    1254004: Code(Action.REFUSE, "the table's id has the wrong form"),
    1254005: Code(Action.REFUSE, "the view's id has the wrong form"),
    1254006: Code(Action.ROW, "the record's id has the wrong form"),
    1254009: Code(Action.COLUMNS, "a column's id has the wrong form"),
    1254011: Code(Action.REFUSE, "the page size is not accepted"),
    1254015: Code(Action.COLUMNS, "a value does not fit its column's type"),
    1254016: Code(Action.COLUMNS, "the sort is not accepted"),
    1254018: Code(Action.COLUMNS, "the filter is not accepted"),
    1254024: Code(Action.COLUMNS, "a column does not exist under the name that was asked for"),
    1254030: Code(Action.SMALLER, "the answer would be too large"),
    1254036: Code(Action.LATER, "the base is being copied; try again in some minutes"),
    1254040: Code(Action.REFUSE, _NO_BASE),
    1254041: Code(Action.REFUSE, "there is no such table in the base"),
    1254042: Code(Action.REFUSE, "there is no such view in the table"),
    1254043: Code(Action.ROW, "the row was deleted"),
    1254044: Code(Action.COLUMNS, "a column was deleted"),
    1254045: Code(Action.COLUMNS, "a column does not exist under its name, or advanced permissions hide it"),
    1254060: Code(Action.VALUE, "a value is refused by its text column"),
    1254061: Code(Action.VALUE, "a value is refused by its number column"),
    1254062: Code(Action.VALUE, "a value is refused by its single-select column"),
    1254063: Code(Action.VALUE, "a value is refused by its multi-select column"),
    1254064: Code(Action.VALUE, "a value is refused by its date column"),
    1254065: Code(Action.VALUE, "a value is refused by its checkbox column"),
    1254066: Code(Action.VALUE, "a value is refused by its person column"),
    1254067: Code(Action.VALUE, "a value is refused by its link column"),
    1254068: Code(Action.VALUE, "a value is refused by its hyperlink column"),
    1254069: Code(Action.VALUE, "a value is refused by its attachment column"),
    1254072: Code(Action.VALUE, "a value is refused by its phone column"),
    1254074: Code(Action.VALUE, "a value is refused by its two-way link column"),
    1254104: Code(Action.SMALLER, "too many rows in one request"),
    1254112: Code(Action.TOO_FAST, "too many requests for one base"),
    1254130: Code(Action.VALUE, "the cell's content is too large"),
    1254290: Code(Action.TOO_FAST, "too many requests"),
    1254291: Code(Action.RETRY, "another program is writing to this base at the same time"),
    1254301: Code(Action.LATER, "advanced permissions were switched just now; try again in some minutes"),
    1254302: Code(Action.AUTH, _ADVANCED),
    1254303: Code(Action.VALUE, "the attachment does not belong to this base"),
    1254304: Code(Action.AUTH, _ADVANCED),
    1254306: Code(Action.AUTH, "the plan of the tenant or of the base's owner does not allow this"),
    1254607: Code(Action.NOT_READY, "the base is still busy with earlier edits"),
    1254608: Code(Action.UNKNOWN, "the service takes this for a repeat of an earlier request"),
    1255001: Code(Action.RETRY, _INTERNAL),
    1255002: Code(Action.RETRY, _INTERNAL),
    1255003: Code(Action.RETRY, _INTERNAL),
    1255005: Code(Action.RETRY, _INTERNAL),
    1255040: Code(Action.UNKNOWN, "the service did not finish in time"),
}
_SCOPE_CODES = frozenset({99991672, 99991679})
NOT_READY_PAUSE = 2.0  # seconds between tries; the pages advise "later", tools wait two and more


class Refused(Rejected):
    """A refusal of which the connector knows the code. ``action`` and ``code`` decide what happens next."""

    def __init__(self, message: str, *, code: int, action: Action) -> None:
        super().__init__(message)
        self.code, self.action = code, action


class NoScope(AuthError):
    """The application lacks the permission for this one interface; others may be open to it."""


class Passing(Transient):
    """A refusal worth repeating, with its code."""

    def __init__(self, message: str, *, code: int, action: Action, wait: float | None = None, unknown: bool = False):
        super().__init__(message, wait=wait, unknown=unknown)
        self.code, self.action = code, action


def action_of(error: BaseException) -> Action | None:
    """Return what the code behind an error asks for; also when all retries are used up."""
    cause = error if isinstance(error, Refused) else error.__cause__
    return cause.action if isinstance(cause, (Refused, Passing)) else None


_WELL = re.compile(rb"""\s*\{\s*"code"\s*:\s*0\s*,.*\}\s*\Z""", re.DOTALL)


def went_well(content: bytes) -> Mapping[str, Any] | None:
    """Return code 0 where an answer begins with it, as Feishu's do: the echo of 500 rows behind it needs no reading.
    ``None`` for every other answer, which is then read as a whole."""
    return {"code": 0} if _WELL.match(content) else None


def judge(*, source: str, traffic: Traffic, secrets: Sequence[str] = ()) -> Callable[[Answer, bool], Any]:
    """Return the judge of one source's answers: an answer's JSON, or the error its code stands for."""

    def read(answer: Answer, writing: bool) -> Any:
        body = answer.body
        if not isinstance(body, Mapping) or not isinstance(body.get("code"), int):
            raise _without_json(source, answer, writing=writing, traffic=traffic)
        if body["code"] == 0:
            return body
        raise _refusal(source, answer, writing=writing, traffic=traffic, secrets=secrets)

    return read


def _without_json(source: str, answer: Answer, *, writing: bool, traffic: Traffic) -> Exception:
    """Sort an answer of a proxy or gateway. A page with HTTP 200 says nothing about what was done (section 4)."""
    if answer.status == 429:
        traffic.refused += 1
        return Transient(f"{source}: Feishu answered HTTP 429", wait=_seconds(answer))
    if answer.status < 300 or answer.status >= 500:
        return Transient(f"{source}: Feishu answered HTTP {answer.status} without JSON", unknown=writing)
    if answer.status in {401, 403}:
        return AuthError(f"{source}: HTTP {answer.status} from something in front of Feishu; check proxy and base_url")
    return Refused(
        f"{source}: HTTP {answer.status} and no JSON; check that base_url is Feishu's", code=0, action=Action.REFUSE
    )


def _refusal(source: str, answer: Answer, *, writing: bool, traffic: Traffic, secrets: Sequence[str]) -> Exception:
    code = answer.body["code"]
    action, meaning = CODES.get(code) or _unlisted(answer)
    text = redact(f"{source}: Feishu {code}: {meaning}{_wanted(code, answer)}{_trace(answer)}", secrets)
    match action:
        case Action.AUTH:
            return NoScope(text) if code in _SCOPE_CODES else AuthError(text)
        case Action.LATER:
            return Unavailable(text)
        case Action.TOO_FAST:
            traffic.refused += 1
            return Passing(text, code=code, action=action, wait=_seconds(answer))
        case Action.RETRY:
            return Passing(text, code=code, action=action)
        case Action.NOT_READY:
            return Passing(text, code=code, action=action, wait=NOT_READY_PAUSE)
        case Action.UNKNOWN:
            return Passing(text, code=code, action=action, unknown=writing)
    return Refused(text, code=code, action=action)


def _unlisted(answer: Answer) -> Code:
    said = str(answer.body.get("msg", ""))[:200]
    if answer.status == 429:
        return Code(Action.TOO_FAST, said)
    return Code(Action.UNKNOWN if answer.status >= 500 else Action.VALUE, said)


def _wanted(code: int, answer: Answer) -> str:
    """Name the scopes that would do (99991672) and the parameters that are wrong (99992402)."""
    error = answer.body.get("error")
    if not isinstance(error, Mapping):
        return ""
    if code in _SCOPE_CODES:
        scopes = [str(entry.get("subject")) for entry in error.get("permission_violations") or ()]
        return f" (one of: {', '.join(scopes)})" if scopes else ""
    fields = [f"{entry.get('field')}: {entry.get('description')}" for entry in error.get("field_violations") or ()]
    return f" ({'; '.join(fields)})" if fields else ""


def _trace(answer: Answer) -> str:
    """Return the log id that Feishu's support asks for."""
    error = answer.body.get("error")
    log_id = answer.headers.get("X-Tt-Logid") or (error.get("log_id") if isinstance(error, Mapping) else None)
    return f" [log id {log_id}]" if log_id else ""


def _seconds(answer: Answer) -> float | None:
    """Return how long to keep away, as the gateway says; header names come in any case."""
    try:
        return float(answer.headers.get("x-ogw-ratelimit-reset") or "")
    except ValueError:
        return None
