"""A saved plan: read back, checked, and applied exactly - but never over a row that has changed since.

``duban apply`` reads the tables of the plan again (own columns only). A row whose own cells no longer hold the plan's
``before`` is stale: it is reported and left alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Schema
from duban.connectors.columns import TableMapping, map_columns
from duban.connectors.own import own_of
from duban.connectors.owncells import OwnValue, own_cell, own_value, same
from duban.errors import ConfigError, ConnectorError, PlanError
from duban.item import Ref, Value
from duban.sync.apply import NoIntents, Outcome, Writer, Written
from duban.sync.ledger import Intent, Ledger
from duban.sync.ledger.values import Cycle
from duban.sync.plan import CellChange, Change
from duban.sync.setup import Setup, Source

_KEYS = {"version", "now", "config", "changes", "messages", "held"}


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved. Cells are (heading, own key, before, after)."""

    now: datetime
    config: str
    changes: Sequence[tuple[Ref, str, Sequence[tuple[str, str, Any, Any]], tuple[str, ...]]]
    messages: Sequence[Mapping[str, Any]]
    held: Sequence[Mapping[str, Any]]


def read_plan(path: Path) -> SavedPlan:
    """Read a saved plan. Raises ``PlanError`` when there is none or it is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"there is no plan {path}; make one with 'duban plan -o {path}'") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PlanError(f"{path} is not a plan: {error}; make one with 'duban plan -o {path}'") from None
    if not isinstance(data, dict) or not data.keys() >= _KEYS or data["version"] != 1:
        raise PlanError(f"{path} is not a plan of this version; make one with 'duban plan -o {path}'")
    try:
        return _saved_plan(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanError(f"{path} is damaged ({error!r}); make it again with 'duban plan -o {path}'") from None


def _saved_plan(data: Mapping[str, Any]) -> SavedPlan:
    changes = [_saved_change(change) for change in _list(data["changes"])]
    if len({ref for ref, *_ in changes}) < len(changes):
        raise ValueError("a row stands there twice")
    now = datetime.fromisoformat(data["now"])
    if now.tzinfo is None:
        raise ValueError("now has no offset")
    held = [{"source": _text(table["source"]), "table": _text(table["table"])} for table in _list(data["held"])]
    return SavedPlan(now, _text(data["config"]), changes, _list(data["messages"]), held)


def _saved_change(data: Mapping[str, Any]) -> tuple[Ref, str, list[tuple[str, str, Any, Any]], tuple[str, ...]]:
    ref = Ref(_text(data["source"]), _text(data["table"]), _text(data["record"]))
    cells = [
        (name, _text(cell["field"]), _value(cell["before"]), _value(cell["after"]))
        for name, cell in data["cells"].items()
    ]
    return ref, _text(data["code"]), cells, tuple(_text(rule) for rule in _list(data["rules"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _value(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if value is not None and not isinstance(value, str) and not number:
        raise TypeError(f"{value!r} is nothing that an own cell holds")
    return value


def must_fit(saved: SavedPlan, setup: Setup) -> None:
    """Raise ``PlanError`` when the configuration is not the one that the plan was made with."""
    if saved.config != setup.fingerprint:
        raise PlanError(
            "the configuration, rules, calendar or directory changed since this plan was made; "
            "make it again with 'duban plan'"
        )


def apply_plan(
    saved: SavedPlan, setup: Setup, ledger: Ledger, writer: Writer, *, run: str, now: datetime
) -> list[Written]:
    """Write a saved plan and return one outcome per change, in its order.

    Raises ``PlanError`` when the configuration is not the one that the plan was made with.
    """
    must_fit(saved, setup)
    held = {(table["source"], table["table"]) for table in saved.held}
    sources = {source.name: source for source in setup.sources}
    outcomes: dict[Ref, Written] = {}
    ready: list[Change] = []
    for key in dict.fromkeys((ref.source, ref.table) for ref, *_ in saved.changes):
        changes = [change for change in saved.changes if (change[0].source, change[0].table) == key]
        refused = _refusal(key, held, sources)
        if refused is not None:
            outcomes.update((ref, Written(ref, *refused)) for ref, *_ in changes)
            continue
        found, rest = _compare(changes, sources[key[0]], key[1], setup.zone, writer)
        ready += found
        outcomes.update((written.ref, written) for written in rest)
    if ready:
        outcomes.update((written.ref, written) for written in _write(ready, ledger, writer, run, now))
    return [outcomes[ref] for ref, *_ in saved.changes]


def _refusal(
    key: tuple[str, str], held: set[tuple[str, str]], sources: Mapping[str, Source]
) -> tuple[Outcome, str] | None:
    source = sources.get(key[0])
    if source is None or key[1] not in source.modes:
        return "skipped", f"the configuration has no table {key[0]}/{key[1]} any more; make a new plan"
    if source.modes[key[1]] != "live":
        return "skipped", f"the table {key[0]}/{key[1]} is in shadow mode; set mode: live to write into it"
    if key in held:
        return "held", f"the table {key[0]}/{key[1]} was held; look at the plan and run 'duban sync --yes'"
    return None


def _compare(
    changes: Sequence[tuple[Ref, str, Sequence[tuple[str, str, Any, Any]], tuple[str, ...]]],
    source: Source, table: str, zone: ZoneInfo, writer: Writer,
) -> tuple[list[Change], list[Written]]:  # fmt: skip
    """Sort a table's changes into those that may be written and those that are stale or cannot be."""
    settings = next(each for each in source.tables if each.label == table)
    try:
        schema = source.connector.describe(table)
        mapping = map_columns(settings, schema)
        rows = _own_cells(source, table, schema, mapping, zone)
    except (ConnectorError, ConfigError) as error:
        return [], [Written(ref, "failed", str(error)) for ref, *_ in changes]
    writer.schemas = {**writer.schemas, (source.name, table): schema}
    ready, rest = [], []
    for ref, code, cells, rules in changes:
        own = rows.get(ref.record)
        problem = "the row is not there any more; make a new plan" if own is None else _stale(cells, own, zone)
        if problem is not None:
            rest.append(Written(ref, "stale", problem))
            continue
        made = [_cell_change(cell, mapping, zone) for cell in cells]
        broken = next((text for text in made if isinstance(text, str)), None)
        if broken is not None:
            rest.append(Written(ref, "failed", broken))
        else:
            ready.append(Change(ref, code, tuple(cell for cell in made if isinstance(cell, CellChange)), rules))
    return ready, rest


def _own_cells(
    source: Source, table: str, schema: Schema, mapping: TableMapping, zone: ZoneInfo
) -> dict[str, dict[str, Value]]:
    types = {own.key: own.type for own in own_of(mapping.kinds)}
    columns = {column.id: key for key, column in mapping.own.items()}
    rows: dict[str, dict[str, Value]] = {}
    for page in source.connector.pull(table, schema, tuple(columns)):
        for row in page.rows:
            rows[row.record] = {
                key: own_value(row.cells.get(column, row.bad.get(column)), types[key], zone)
                for column, key in columns.items()
            }
    return rows


def _stale(cells: Sequence[tuple[str, str, Any, Any]], own: Mapping[str, Value], zone: ZoneInfo) -> str | None:
    for name, key, before, _ in cells:
        if not same(_revived(before, key, zone), own.get(key)):
            return f"{name} is no longer what the plan saw; make a new plan"
    return None


def _cell_change(cell: tuple[str, str, Any, Any], mapping: TableMapping, zone: ZoneInfo) -> CellChange | str:
    name, key, before, after = cell
    column = mapping.own.get(key)
    if column is None:
        return f"{name} ({key}) is no own column of this table, or not any more; make a new plan"
    if column.name != name:  # edited, or renamed since: what somebody looked at is not what would be written
        return f"the plan names the column {name!r} for {key}, which is {column.name!r}; make a new plan"
    wanted = _revived(after, key, zone)
    made = own_cell(wanted, column, zone)
    return made.problem or CellChange(column.id, column.name, key, _revived(before, key, zone), wanted, made.cell)


def _revived(value: Any, key: str, zone: ZoneInfo) -> OwnValue:
    """Return a value of a plan as it was: times are the only ones that JSON does not have."""
    if isinstance(value, str) and key in _times():
        try:
            return datetime.fromisoformat(value).astimezone(zone)
        except ValueError:
            return value
    return value  # type: ignore[no-any-return]


def _times() -> frozenset[str]:
    return frozenset(own.key for own in own_of(("task", "issue", "dispute", "risk")) if own.type == "datetime")


def _write(changes: list[Change], ledger: Ledger, writer: Writer, run: str, now: datetime) -> list[Written]:
    if not isinstance(writer.intents, NoIntents):
        intents = [
            Intent(c.ref, {x.field: x.after for x in c.cells}, {x.field: x.before for x in c.cells}) for c in changes
        ]
        committed = ledger.commit_cycle(Cycle(intents=intents), run=run, now=now)
        writer.ids = {intent.ref: intent.id for intent in committed.intents}
    return writer.write(changes)
