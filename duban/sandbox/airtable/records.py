"""Writing records of the simulated Airtable over HTTP: single and batch forms, upsert, and replies of the same shape.

At most 10 rows in a request, an empty list is refused, too; all or nothing (facts/airtable section 14, 17 to 23).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duban.sandbox.airtable.cells import Sight
from duban.sandbox.airtable.model import Base, Row, State, Table
from duban.sandbox.airtable.refusal import Refusal, row_missing
from duban.sandbox.airtable.writing import BATCH, Checked, Writer
from duban.sandbox.server import Request


class Records:
    """The writes that one request asks for. ``user`` is the author's id."""

    def __init__(self, state: State, base: Base, table: Table, user: str, *, always_bump: bool) -> None:
        self._state, self._base, self._table, self._user = state, base, table, user
        self._always_bump = always_bump

    def answer(self, request: Request, row: Row | None) -> Any:
        """Do one request and return its reply. ``row`` is the one that the path names. Raises ``Refusal``."""
        body = request.body if isinstance(request.body, dict) else {}
        if request.method == "DELETE":
            return self._delete(request, row)
        if request.method not in {"POST", "PATCH", "PUT"} or (request.method == "POST" and row is not None):
            raise Refusal(404, "NOT_FOUND", bare=True)
        writer = Writer(
            self._state, self._base, self._table, self._user,
            typecast=body.get("typecast") is True, always_bump=self._always_bump,
        )  # fmt: skip
        replace = request.method == "PUT"
        by_id = body.get("returnFieldsByFieldId") is True
        if row is not None or (request.method == "POST" and "records" not in body):
            done = writer.commit([writer.check(row, body.get("fields"), replace=replace)])
            return self._shown(done, by_id)[0]
        given = _batch(body.get("records"))
        if request.method == "POST":
            rows = writer.commit([writer.check(None, entry.get("fields")) for entry in given])
            return {"records": self._shown(rows, by_id)}
        if "performUpsert" in body:
            return self._upsert(writer, body["performUpsert"], given, replace=replace, by_id=by_id)
        named = [self._named(entry) for entry in given]
        checked = [
            writer.check(found, entry.get("fields"), replace=replace)
            for found, entry in zip(named, given, strict=True)
        ]  # fmt: skip
        return {"records": self._shown(writer.commit(checked), by_id)}

    def _named(self, entry: dict[str, Any]) -> Row:
        record = entry.get("id")
        if not isinstance(record, str):
            raise Refusal(422, "INVALID_RECORDS", "every record needs an id")
        if record not in self._table.rows:
            raise row_missing(record)
        return self._table.rows[record]

    def _upsert(
        self, writer: Writer, upsert: Any, given: list[dict[str, Any]], *, replace: bool, by_id: bool
    ) -> dict[str, Any]:
        keys = writer.merge_fields(upsert.get("fieldsToMergeOn") if isinstance(upsert, dict) else None)
        plans: list[Checked] = []
        for entry in given:
            known = self._named(entry) if entry.get("id") else None
            plan = writer.check(known, entry.get("fields"))
            if known is None:
                plan = plan._replace(row=writer.match(keys, plan))
            if replace:
                plan = writer.check(plan.row, entry.get("fields"), replace=True)
            plans.append(plan)
        rows = writer.commit(plans)
        pairs = list(zip(plans, rows, strict=True))
        return {
            "records": self._shown(rows, by_id),
            "createdRecords": [row.id for plan, row in pairs if plan.row is None],
            "updatedRecords": [row.id for plan, row in pairs if plan.row is not None],
        }

    def _delete(self, request: Request, row: Row | None) -> Any:
        writer = Writer(self._state, self._base, self._table, self._user)
        if row is not None:
            writer.delete(row)
            return {"id": row.id, "deleted": True}
        ids = [value for key, value in request.query if key.startswith("records")]
        rows = [self._named(entry) for entry in _batch([{"id": record} for record in ids])]
        for found in rows:
            writer.delete(found)
        return {"records": [{"id": found.id, "deleted": True} for found in rows]}

    def _shown(self, rows: Sequence[Row], by_id: bool) -> list[dict[str, Any]]:
        sight = Sight(self._state, self._base)
        return [sight.record(self._table, row, by_id=by_id) for row in rows]


def _batch(records: Any) -> list[dict[str, Any]]:
    if not isinstance(records, list) or not all(isinstance(entry, dict) for entry in records):
        raise Refusal(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "records" in the request body')
    if not 1 <= len(records) <= BATCH:
        raise Refusal(
            422, "INVALID_RECORDS", f"You must provide an array of up to {BATCH} record objects"
        )  # fmt: skip
    return records
