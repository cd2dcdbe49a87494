"""List records: parameters, filter, order, pages and their iterators (facts/airtable sections 4 and 14, 6 to 16).

An iterator belongs to its token, table and parameters (which the real service does is not known; a stranger's offset
is answered 422 INVALID_OFFSET_VALUE here) and dies after a time of silence. It is no snapshot: with ``drift``, rows
that come and go shift the later pages. Ids are sorted once per read and again only when rows came or went, so that a
read of 50,000 rows stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from duban.sandbox.airtable.cells import RowScope, Sight
from duban.sandbox.airtable.formula import CellError, text_of, truthy
from duban.sandbox.airtable.model import Field, Row, State, Table, View
from duban.sandbox.airtable.refusal import Refusal, invalid, unknown_field
from duban.sandbox.airtable.switches import Switches
from duban.sandbox.server import Request

PAGE, LONGEST_URL = 100, 16_000
_OFFSET = re.compile(r"(itr[0-9A-Za-z]{14})/(rec[0-9A-Za-z]{14})")
_TRUE = {"1", "true"}


class Listing(NamedTuple):
    """The parameters of one read, without the offset; field and sort names as they came."""

    fields: tuple[str, ...] | None
    formula: str
    sort: tuple[tuple[str, str], ...]
    view: str
    page_size: int
    most: int | None
    by_id: bool
    text: bool
    comments: bool


def from_query(request: Request) -> tuple[Listing, str]:
    """Read the parameters of a GET: (listing, offset)."""
    fields = [value for key, value in request.query if re.fullmatch(r"fields(\[\d*\])?", key)]
    metadata = [value for key, value in request.query if key.startswith("recordMetadata")]
    sort: dict[str, dict[str, str]] = {}
    for key, value in request.query:
        if place := re.fullmatch(r"sort\[(\d+)\]\[(field|direction)\]", key):
            sort.setdefault(place[1], {})[place[2]] = value
    plain = {key: value for key, value in request.query if "[" not in key and key != "fields"}
    listing = _listing(plain, fields or None, [sort[place] for place in sorted(sort, key=int)], metadata, request)
    return listing, plain.get("offset", "")


def from_body(request: Request) -> tuple[Listing, str]:
    """Read the parameters of a POST listRecords; ``timeZone`` and ``userLocale`` in the body are ignored."""
    body = request.body if isinstance(request.body, dict) else {}
    listing = _listing(
        body, body.get("fields"), body.get("sort") or [], body.get("recordMetadata") or [], request
    )  # fmt: skip
    return listing, str(body.get("offset") or "")


def _listing(plain: Mapping[str, Any], fields: Any, sort: Any, metadata: Any, request: Request) -> Listing:
    text = plain.get("cellFormat") == "string"
    if text and not (request.param("timeZone") and request.param("userLocale")):
        raise invalid("cellFormat string needs timeZone and userLocale")
    size, most = _integer(plain, "pageSize", 100), _integer(plain, "maxRecords", None)
    return Listing(
        fields=None if fields is None else tuple(map(str, fields)),
        formula=str(plain.get("filterByFormula") or ""),
        sort=tuple((str(entry.get("field")), _direction(entry)) for entry in sort),
        view=str(plain.get("view") or ""),
        page_size=PAGE if size is None else size,
        most=most,
        by_id=str(plain.get("returnFieldsByFieldId", "")).lower() in _TRUE,
        text=text,
        comments="commentCount" in metadata,
    )


def _direction(entry: Mapping[str, Any]) -> str:
    direction = str(entry.get("direction") or "asc")
    if direction not in {"asc", "desc"}:
        raise invalid("sort direction is asc or desc")
    return direction


def _integer(plain: Mapping[str, Any], name: str, highest: int | None) -> int | None:
    if plain.get(name) in {None, ""}:
        return None
    try:
        value = int(plain[name])
    except (TypeError, ValueError):
        raise invalid(f"{name} is not a number") from None
    if value < 1 or (highest is not None and value > highest):
        raise invalid(f"{name} must be between 1 and {highest or 'any number'}")
    return value


@dataclass(slots=True)
class _Iterator:
    owner: tuple[str, str, Listing]  # token, table, parameters
    used: float
    rows: list[str]
    version: tuple[int, int]
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # record id of the offset -> place, rows given


class Pages:
    """All running reads."""

    def __init__(self, state: State, switches: Switches) -> None:
        self._state, self._switches = state, switches
        self._running: dict[str, _Iterator] = {}
        self._answered = 0

    def expire(self) -> None:
        """Kill every running read, as a restart of the service does."""
        self._running.clear()

    def page(self, sight: Sight, table: Table, token: str, listing: Listing, offset: str) -> dict[str, Any]:
        """Answer one page. Raises ``Refusal``."""
        wanted = _wanted(table, listing)
        owner = (token, table.id, listing)
        self._forget_the_dead()
        if offset:
            name, iterator = self._continued(owner, offset)
            place, given = iterator.places[offset.rpartition("/")[2]]
        else:
            name = self._state.ids.new("itr")
            iterator = _Iterator(owner, 0.0, self._order(sight, table, listing), (table.version, table.shape))
            place = given = 0
        iterator.used = self._state.clock.now()
        self._refresh(iterator, sight, table, listing)
        size = self._size(listing)
        if listing.most is not None:
            size = min(size, listing.most - given)
        ids = iterator.rows[place : place + size]
        rows = [table.rows[record] for record in ids if record in table.rows]
        records = [sight.record(table, row, wanted, by_id=listing.by_id, text=listing.text) for row in rows]
        if listing.comments:
            for record, row in zip(records, rows, strict=True):
                if row.comments:
                    record["commentCount"] = len(row.comments)
        answer: dict[str, Any] = {"records": records}
        after, given = place + len(ids), given + len(records)
        if after < len(iterator.rows) and (listing.most is None or given < listing.most):
            following = iterator.rows[after]
            if not ids or iterator.places.get(following, (after, given)) != (after, given):
                # An offset names one place only, and an empty page must not send its reader round in a circle.
                name, iterator = self._state.ids.new("itr"), replace(iterator, places={})
            iterator.places[following] = (after, given)
            self._running[name] = iterator
            answer["offset"] = f"{name}/{following}"
        return answer

    def _forget_the_dead(self) -> None:
        oldest = self._state.clock.now() - self._switches.iterator_idle
        self._running = {name: found for name, found in self._running.items() if found.used >= oldest}

    def _continued(self, owner: tuple[str, str, Listing], offset: str) -> tuple[str, _Iterator]:
        parts = _OFFSET.fullmatch(offset)
        if parts is None:
            raise Refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        iterator = self._running.get(parts[1])
        if iterator is None:
            raise Refusal(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        if iterator.owner != owner or parts[2] not in iterator.places:
            raise Refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        return parts[1], iterator

    def _refresh(self, iterator: _Iterator, sight: Sight, table: Table, listing: Listing) -> None:
        if not self._switches.drift:
            return
        plain = not (listing.formula or listing.sort or listing.view)
        known, now = iterator.version, (table.version, table.shape)
        if known[1] != now[1] or (not plain and known[0] != now[0]):
            iterator.rows, iterator.version = self._order(sight, table, listing), now

    def _size(self, listing: Listing) -> int:
        self._answered += 1
        every = self._switches.short_pages
        if every and self._answered % every == 0:
            return 0 if self._answered % (2 * every) == 0 else max(1, listing.page_size // 2)
        return listing.page_size

    # --- which rows, in which order

    def _order(self, sight: Sight, table: Table, listing: Listing) -> list[str]:
        ids = sorted(table.rows)
        if self._switches.shuffle:
            self._state.ids.random.shuffle(ids)
        view = _view(table, listing.view)
        for formula in (view.formula if view else None, listing.formula):
            if formula:
                ids = _passing(sight, table, formula, ids)
        for name, direction in reversed(listing.sort or (view.sort if view else ())):
            found = table.field(name)
            if found is None:
                raise unknown_field(name)
            ids = _sorted(sight, table, ids, found, down=direction == "desc")
        return ids


def _wanted(table: Table, listing: Listing) -> list[Field] | None:
    if listing.fields is None:
        return None
    wanted = []
    for name in listing.fields:
        found = table.field(name)
        if found is None:
            raise unknown_field(name)
        wanted.append(found)
    return wanted


def _view(table: Table, name: str) -> View | None:
    if not name:
        return None
    view = table.view(name)
    if view is None:
        kind = "VIEW_ID_NOT_FOUND" if re.fullmatch(r"viw\w{14}", name) else "VIEW_NAME_NOT_FOUND"
        raise Refusal(422, kind, f"View {name} not found")
    return view


def _passing(sight: Sight, table: Table, formula: str, ids: list[str]) -> list[str]:
    compiled = sight.compile(table, formula)

    def passes(row: Row) -> bool:
        try:
            return truthy(compiled(RowScope(sight, table, row)))
        except CellError:
            return False

    return [record for record in ids if passes(table.rows[record])]


def _sorted(sight: Sight, table: Table, ids: list[str], by: Field, *, down: bool) -> list[str]:
    """Empty cells come first upwards; selects go by the order of their choices (third-party fact)."""
    places = {choice["name"]: place for place, choice in enumerate(by.choices())}

    def key(record: str) -> tuple[int, Any]:
        try:
            value = sight.value(table, table.rows[record], by)
        except CellError:
            value = None
        if value in (None, "", []):
            return 0, 0
        if isinstance(value, bool | int | float):
            return 1, float(value)
        if places and value in places:
            return 1, float(places[value])
        return 2, text_of(value)

    return sorted(ids, key=key, reverse=down)
