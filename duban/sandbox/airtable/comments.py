"""Comments on records of the simulated Airtable: newest first, in pages, their author from the token.

Left out: reactions, attachments, user groups in mentions. Only one's own comments can be changed (weak fact).
"""

from __future__ import annotations

import re
from typing import Any

from duban.sandbox.airtable.listing import PAGE
from duban.sandbox.airtable.model import Row, State, Token, stamp
from duban.sandbox.airtable.refusal import Refusal, invalid
from duban.sandbox.server import Reply, Request

_MENTION = re.compile(r"@\[(usr[0-9A-Za-z]{14})\]")


def answer(state: State, token: Token, row: Row, comment: str | None, request: Request) -> Reply:
    """Answer one request below ``/{record}/comments``. Raises ``Refusal``."""
    if comment is None:
        if request.method == "GET":
            return Reply(200, _page(row, request))
        if request.method == "POST":
            return Reply(200, _create(state, token, row, request))
        raise Refusal(404, "NOT_FOUND", bare=True)
    found = next((known for known in row.comments if known["id"] == comment), None)
    if found is None:
        raise Refusal(404, "MODEL_ID_NOT_FOUND", "Comment not found")
    if found["author"]["id"] != token.user.id:
        raise Refusal(403, "INVALID_PERMISSIONS", "Only one's own comments can be changed")
    if request.method == "DELETE":
        row.comments.remove(found)
        return Reply(200, {"id": comment, "deleted": True})
    if request.method == "PATCH":
        found |= _text(state, request) | {"lastUpdatedTime": stamp(state.clock.now())}
        return Reply(200, found)
    raise Refusal(404, "NOT_FOUND", bare=True)


def _page(row: Row, request: Request) -> dict[str, Any]:
    size = int(request.param("pageSize") or PAGE)
    if not 1 <= size <= PAGE:
        raise invalid("pageSize must be between 1 and 100")
    newest = row.comments[::-1]
    offset = request.param("offset") or ""
    start = next((place for place, known in enumerate(newest) if known["id"] == offset), 0)
    rest = newest[start + size :]
    return {"comments": newest[start : start + size], "offset": rest[0]["id"] if rest else None}


def _create(state: State, token: Token, row: Row, request: Request) -> dict[str, Any]:
    text = _text(state, request)
    created: dict[str, Any] = {
        "id": state.ids.new("com"),
        "author": token.user.json(),
        "createdTime": stamp(state.clock.now()),
        "lastUpdatedTime": None,
        **text,
    }
    if request.body.get("parentCommentId"):
        created["parentCommentId"] = request.body["parentCommentId"]
    row.comments.append(created)
    return created


def _text(state: State, request: Request) -> dict[str, Any]:
    text = request.body.get("text") if isinstance(request.body, dict) else None
    if not isinstance(text, str) or not text:
        raise invalid("a comment needs a text")
    mentioned = {
        user.id: {"id": user.id, "type": "user", "displayName": user.name, "email": user.email}
        for user in (state.users.get(found) for found in _MENTION.findall(text))
        if user is not None
    }
    return {"text": text} | ({"mentioned": mentioned} if mentioned else {})
