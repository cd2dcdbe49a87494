"""What Airtable's answers mean and what is done about each: one table by status, then by type, never by message.

The type is read in all three forms that occur: ``{"error": {"type"}}``, ``{"error": "NOT_FOUND"}`` and
``{"errors": [{"error"}]}`` (facts/airtable section 7). A body that is not JSON counts as having no type.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from duban.connectors.http import Transient
from duban.errors import AuthError, ConnectorError, Rejected, SchemaChanged

LOCK_OUT = 30.0  # seconds that Airtable documents after a 429
LONGEST_WAIT = 120.0  # seconds: the most that a Retry-After may cost us

Action = Literal["repeat", "locked", "stop", "closed", "restart", "schema", "gone", "row", "refuse"]


class RowGone(Rejected):
    """A row that was named is not there any more."""


class RowRefused(Rejected):
    """Airtable refuses a value: of a batch, the rows that are in order can still be written one by one."""


class Closed(AuthError):
    """The role of the token's owner, or the permissions of one table or column, forbid a write."""


class IteratorGone(SchemaChanged):
    """The page iterator died: the read must start over at page one."""


class TooFast(Transient):
    """429: the base is locked for everybody. The wait happens in the base's slots."""

    def __init__(self, message: str) -> None:
        super().__init__(message, wait=0.0)


class Meaning(NamedTuple):
    """One row of the table: what to do, and the sentence for people."""

    action: Action
    text: str


_ACCESS = (
    "either the token does not reach this base or table (give it the base and the scopes data.records:read, "
    "data.records:write and schema.bases:read, and its owner the editor role), or the id is wrong"
)
_TABLE: dict[tuple[int, str | None], Meaning] = {
    (401, None): Meaning("stop", "the token is not valid or has expired; create a new one and put it in the settings"),
    (402, None): Meaning("stop", "the workspace needs payment"),
    (403, None): Meaning("stop", _ACCESS),
    (403, "INVALID_PERMISSIONS"): Meaning(
        "closed", "the role of the token's owner, or a field's permissions, forbid this; give the owner the editor role"
    ),
    (404, None): Meaning("schema", "there is no such address; check base_url, base and table"),
    (404, "TABLE_NOT_FOUND"): Meaning("schema", "there is no such table; check its id or name"),
    (404, "MODEL_ID_NOT_FOUND"): Meaning("gone", "the row was deleted"),
    (413, None): Meaning("row", "the request is too big"),
    (422, None): Meaning("row", "the request is refused"),
    (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"): Meaning("restart", "the page iterator expired"),
    (422, "INVALID_OFFSET_VALUE"): Meaning("restart", "the page offset is no longer valid"),
    (422, "UNKNOWN_FIELD_NAME"): Meaning("schema", "a column was deleted meanwhile; the next cycle reads the columns"),
    (422, "ROW_DOES_NOT_EXIST"): Meaning("gone", "the row was deleted"),
    (422, "MODEL_ID_NOT_FOUND"): Meaning("gone", "the row was deleted"),
    (422, "INVALID_VALUE_FOR_COLUMN"): Meaning("row", "a value is refused"),
    (422, "INVALID_MULTIPLE_CHOICE_OPTIONS"): Meaning("row", "the select has no such option"),
    (422, "INVALID_RECORDS"): Meaning("row", "the rows are refused"),
    (429, None): Meaning("locked", "too many requests"),
    (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED"): Meaning(
        "stop", "the workspace has used up its API calls of this month; wait, raise its plan, or poll less often"
    ),
}
_SERVER = Meaning("repeat", "the server failed")
_OTHER = Meaning("refuse", "an answer that Airtable does not document")


def meaning_of(status: int, kind: str | None) -> Meaning:
    """Look an answer up: by status and type, by status, else by the hundreds."""
    known = _TABLE.get((status, kind)) or _TABLE.get((status, None))
    if known is not None:
        return known
    return _SERVER if status >= 500 or status == 408 else _OTHER


def error_of(body: Any) -> tuple[str | None, str]:
    """Return type and message of an error body, in whichever form it has."""
    if not isinstance(body, dict):
        return None, ""
    listed = body.get("errors")
    error = body.get("error", listed[0] if isinstance(listed, list) and listed else None)
    if isinstance(error, dict):
        kind = error.get("type", error.get("error"))
        return (kind if isinstance(kind, str) else None), str(error.get("message") or "")
    return (error, "") if isinstance(error, str) else (None, "")


def failure(status: int, body: Any, where: str, *, writing: bool, retry_after: str | None = None) -> ConnectorError:
    """Return the error that an answer means. ``where`` names the base and table for people."""
    kind, message = error_of(body)
    action, text = meaning_of(status, kind)
    label = f"{status} {kind}" if kind else str(status)
    said = f": {message[:300]}" if message and action in {"row", "refuse", "schema", "gone"} else ""
    sentence = f"Airtable answers {label} for {where}: {text}{said}"
    match action:
        case "locked":
            return TooFast(sentence)
        case "repeat":
            wait = min(float(retry_after), LONGEST_WAIT) if retry_after and retry_after.isdigit() else None
            return Transient(sentence, wait=wait, unknown=writing)
        case _:
            return _ERRORS[action](sentence)


_ERRORS: dict[Action, type[ConnectorError]] = {
    "stop": AuthError, "closed": Closed, "restart": IteratorGone, "schema": SchemaChanged, "gone": RowGone,
    "row": RowRefused, "refuse": Rejected,
}  # fmt: skip
