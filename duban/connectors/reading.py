"""Rows of one table -> items of the common model.

A :class:`Reader` is made per read, fed with pages and asked for a :class:`Reading`. Converters are prepared per column,
equal values are shared, so that a million rows are read quickly and stay small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, Page, Row
from duban.connectors.columns import TableMapping
from duban.connectors.own import own_of
from duban.connectors.owncells import own_value
from duban.connectors.statuses import Statuses, normal_status
from duban.connectors.values import Bad, Converter, converter, text_of
from duban.errors import SchemaChanged
from duban.item import STATUS_FLAG, STATUS_TEXT, Field, Item, Kind, Ref, Value, fields_of, item_type_field, places_of

_OwnReader = Callable[[Cell], "tuple[str, Value] | None"]
_WAIVER: Mapping[str, Field] = {
    "extend_to": Field("extend_to", "date", "延期至", "Extended to"),
    "approved_by": Field("approved_by", "person", "批准人", "Approved by"),
    "reason": Field("reason", "text", "原因", "Reason"),
    "valid_until": Field("valid_until", "date", "有效期", "Valid until"),
}
_REMEMBERED = 20_000


class _Step(NamedTuple):
    """How one column of one kind is read. ``human``: a cell here makes the row more than a blank one."""

    place: int
    column: str
    key: str
    convert: Converter
    human: bool


class _Plan(NamedTuple):
    """How the rows of one kind are read."""

    kind: Kind
    empty: tuple[Value, ...]
    steps: tuple[_Step, ...]
    status: tuple[int, int, int] | None


@dataclass(slots=True)
class Reading:
    """What a read gave so far: items in first-seen order, and what was left out.

    ``rows`` counts every row of every page, ``blank`` those without any human cell, ``strange`` the texts of the kind
    column that name no kind of this table (their rows are no items); ``problems`` are sentences about defaults.
    ``total`` is what the tool says, where it says so.
    """

    items: list[Item] = field(default_factory=list)
    pages: int = 0
    rows: int = 0
    blank: int = 0
    strange: Counter[str] = field(default_factory=Counter)
    total: int | None = None
    problems: tuple[str, ...] = ()


class Reader:
    """Reads one table once.

    ``source`` and ``table`` become the items' refs; ``aliases`` are the directory's (case-folded name -> department).
    Raises ``SchemaChanged`` when the column that tells the rows' kinds is gone: nothing can be read without it.
    """

    def __init__(
        self, source: str, table: str, mapping: TableMapping, *, zone: ZoneInfo, aliases: Mapping[str, str],
        statuses: Statuses,
    ) -> None:  # fmt: skip
        if mapping.kind_values is not None and mapping.kind_column is None:
            # the mapper reports this problem before every other
            raise SchemaChanged(f"{mapping.problems[0]}; without it no row of {table} can be read")
        self._source, self._table, self._mapping, self._statuses = source, table, mapping, statuses
        self._zone, self._aliases = zone, aliases
        self._problems: list[str] = []
        self._plans = {kind: self._plan(kind) for kind in mapping.kinds}
        self._own = tuple(
            (mapping.own[own.key].id, _own_reader(own.key, own.type, zone))
            for own in own_of(mapping.kinds) if own.key in mapping.own
        )  # fmt: skip
        self._waiver = tuple(
            (key, column.id, converter(_WAIVER[key], column, zone, {})) for key, column in mapping.waiver.items()
        )
        self._kinds = _kind_texts(mapping)
        self._human = {step.column for plan in self._plans.values() for step in plan.steps if step.human}
        self._human |= {mapping.kind_column.id} if mapping.kind_column is not None else set()
        self._done = mapping.done.id if mapping.done is not None else None
        self._items: dict[str, Item] = {}
        self._left_out: dict[str, str | None] = {}
        self._counts = Reading()

    def read(self, pages: Iterable[Page]) -> Reading:
        """Read all pages. The connector's exceptions come through; :meth:`result` has what was read until then."""
        for page in pages:
            self.add(page)
        return self.result()

    def add(self, page: Page) -> None:
        """Read one page. A row that was seen before is replaced and keeps its place."""
        counts = self._counts
        counts.pages += 1
        counts.rows += len(page.rows)
        counts.total = page.total if page.total is not None else counts.total
        for row in page.rows:
            self._add(row)

    def result(self) -> Reading:
        """Return what was read so far."""
        left = self._left_out.values()
        return Reading(
            list(self._items.values()), self._counts.pages, self._counts.rows, sum(text is None for text in left),
            Counter(text for text in left if text is not None), self._counts.total, tuple(self._problems),
        )  # fmt: skip

    # --- rows

    def _add(self, row: Row) -> None:
        plan, text = self._plan_of(row)
        item = None if plan is None else self._item(plan, row)
        if item is not None:
            self._items[row.record] = item
            self._left_out.pop(row.record, None)
            return
        self._items.pop(row.record, None)
        self._left_out[row.record] = text if plan is None and self._is_filled(row) else None

    def _plan_of(self, row: Row) -> tuple[_Plan | None, str]:
        column = self._mapping.kind_column
        if column is None:
            return self._plans[self._mapping.kinds[0]], ""
        text = text_of(row.cells.get(column.id), self._zone)
        kind = self._kinds.get(normal_status(text)) if text else None
        return (None if kind is None else self._plans[kind]), text

    def _is_filled(self, row: Row) -> bool:
        human = self._human
        return any(id_ in human and _counts(cell) for id_, cell in row.cells.items()) or bool(human & row.bad.keys())

    def _item(self, plan: _Plan, row: Row) -> Item | None:
        cells = row.cells
        values = list(plan.empty)
        bad: list[tuple[str, str]] = []
        filled = False
        for place, column, key, convert, human in plan.steps:
            cell = cells.get(column)
            if cell is None:
                continue
            value = convert(cell)
            if value is None:
                continue
            if type(value) is Bad:
                bad.append((key, value.text))
            else:
                values[place] = value  # type: ignore[assignment]  # a cast costs as much as the conversion
            filled = filled or (human and cell is not False)
        if row.bad:
            broken = [step for step in plan.steps if step.column in row.bad]
            bad += [(step.key, row.bad[step.column]) for step in broken]
            filled = filled or any(step.human for step in broken)
        if not filled and not self._kind_is_human(row):
            return None
        if plan.status is not None:
            self._status(values, plan.status, cells)
        own = self._own_cells(cells if not row.bad else {**row.bad, **cells})
        waiver = self._waiver_cells(row, bad) if self._waiver and plan.kind == "task" else ()
        return Item(
            Ref(self._source, self._table, row.record), plan.kind, tuple(values), own, tuple(bad), row.url, waiver
        )

    def _own_cells(self, cells: Mapping[str, Cell]) -> tuple[tuple[str, Value], ...]:
        found = []
        for id_, read in self._own:
            cell = cells.get(id_)
            if cell is not None:
                pair = read(cell)
                if pair is not None:
                    found.append(pair)
        return tuple(found)

    def _waiver_cells(self, row: Row, bad: list[tuple[str, str]]) -> tuple[tuple[str, Value], ...]:
        """Return the cells of an approved extension; one that does not parse is added to ``bad``."""
        found: list[tuple[str, Value]] = []
        for key, column, convert in self._waiver:
            value = Bad(row.bad[column]) if column in row.bad else convert(row.cells.get(column))
            if isinstance(value, Bad):
                bad.append((f"waiver.{key}", value.text))
            elif value is not None:
                found.append((key, value))
        return tuple(found)

    def _kind_is_human(self, row: Row) -> bool:
        column = self._mapping.kind_column
        return column is not None and row.cells.get(column.id) is not None

    def _status(self, values: list[Value], places: tuple[int, int, int], cells: Mapping[str, Cell]) -> None:
        at, text_at, flag_at = places
        text = values[at]
        if isinstance(text, str):
            values[text_at] = text
            values[at], values[flag_at] = self._statuses.read(text)
        # Teambition: a task that the tool itself calls done is done, whatever its state is called.
        if self._done is not None and values[at] is None and cells.get(self._done) is True:
            values[at] = "已完成"

    # --- preparation

    def _plan(self, kind: Kind) -> _Plan:
        places, mapped = places_of(kind), self._mapping.fields[kind]
        empty: list[Value] = [None] * len(places)
        steps = []
        for entry in fields_of(kind):
            if entry.key in mapped:
                column = mapped[entry.key]
                steps.append(
                    _Step(places[entry.key], column.id, entry.key, self._converter(entry, column), _is_human(column))
                )
            elif entry.key in self._mapping.defaults:
                empty[places[entry.key]] = self._default(entry, self._mapping.defaults[entry.key])
        status = (places["status"], places[STATUS_TEXT], places[STATUS_FLAG]) if "status" in places else None
        return _Plan(kind, tuple(empty), tuple(steps), status)

    def _converter(self, entry: Field, column: Column) -> Converter:
        return converter(entry, column, self._zone, self._aliases)

    def _default(self, entry: Field, raw: object) -> Value:
        cell = tuple(map(str, raw)) if isinstance(raw, (list, tuple)) else raw
        value = self._converter(entry, Column(entry.key, entry.zh, "text"))(cast("Cell", cell))
        if isinstance(value, Bad):
            self._problems.append(f"defaults gives {entry.key} the value {value.text!r}, which is no {entry.type}")
            return None
        return value


def _is_human(column: Column) -> bool:
    return not column.computed and column.type not in {"modified", "created"}


def _counts(cell: Cell) -> bool:
    return cell is not None and cell is not False and (not isinstance(cell, str) or bool(cell.strip()))


def _own_reader(key: str, own_type: str, zone: ZoneInfo) -> _OwnReader:
    known: dict[Cell, tuple[str, Value] | None] = {}

    def read(cell: Cell) -> tuple[str, Value] | None:
        if type(cell) is not str:
            return _pair(cell)
        if cell not in known:
            if len(known) >= _REMEMBERED:
                return _pair(cell)
            known[cell] = _pair(cell)
        return known[cell]

    def _pair(cell: Cell) -> tuple[str, Value] | None:
        value = own_value(cell, own_type, zone)  # type: ignore[arg-type]
        return None if value is None else (key, value)

    return read


def _kind_texts(mapping: TableMapping) -> Mapping[str, Kind]:
    """Return which texts of the kind column mean which kind: the configuration's, then the guide's own synonyms."""
    if mapping.kind_values is None:
        return {}
    texts: dict[str, Kind] = {}
    for kind, synonyms in item_type_field().values:
        if kind in mapping.kinds:
            texts.update((normal_status(text), kind) for text in synonyms)
    texts.update((normal_status(text), kind) for text, kind in mapping.kind_values.items())
    return texts

