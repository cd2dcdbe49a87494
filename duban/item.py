"""What an item is: the common model that every tool's rows are read into. Imports nothing of duban.

Words (used unchanged in code, configuration, messages and documentation):

* **Ref** - an item's identity for ever: source, table, record id.
* **Kind** - ``project, task, issue, dispute, risk, meeting, resource``.
* **Field** - one attribute of a kind, from ``guide/fields.yaml``. A field of a table is *unmapped* (the table has no
  such column), *empty* (the cell is empty) or has a *value*. Whether it is mapped belongs to the table, so an item
  only knows empty (``None``) and values.

Typed values of fields, by ``Field.type``:

=================  ===============================================================================================
text, url, select  ``str``; a select with listed ``values`` holds the canonical one, or the tool's own text if unknown
multi_select       ``tuple[str, ...]``, never empty (an empty cell is ``None``)
person             ``tuple[Person, ...]``, never empty
links              ``tuple[str, ...]``: codes or record ids, in the order of the cell
number             ``float``
percent            ``float``, 80.0 means 80 %
date               ``datetime.date`` in the configured zone (a time of day in the cell is dropped: convention C6)
datetime           aware ``datetime`` in the configured zone; exactly 00:00 means that only a date was given (C6)
=================  ===============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, TypeAlias

import yaml

Kind = Literal["project", "task", "issue", "dispute", "risk", "meeting", "resource"]
KINDS: tuple[Kind, ...] = ("project", "task", "issue", "dispute", "risk", "meeting", "resource")
FieldType = Literal[
    "text", "url", "select", "multi_select", "person", "links", "number", "percent", "date", "datetime", "ignore"
]
Value: TypeAlias = "str | float | date | datetime | tuple[str, ...] | tuple[Person, ...] | None"

# Extra places at the end of every item that has a status: the cell's own text, and the flag that refines it
# (blocked, late_declared, at_risk, rework), because the canonical status alone forgets both.
STATUS_TEXT, STATUS_FLAG = "status_text", "status_flag"


class Ref(NamedTuple):
    """An item's identity for ever, in whatever tool it lives."""

    source: str
    table: str
    record: str

    def __str__(self) -> str:
        return f"{self.source}/{self.table}/{self.record}"


class Person(NamedTuple):
    """One person as a tool shows them: the tool's own id (empty where it has none) and the name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a kind. ``values`` maps each canonical option to its synonyms; ``departments`` marks a field
    that names departments, which are read through the directory's aliases."""

    key: str
    type: FieldType
    zh: str
    en: str
    synonyms: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    departments: bool = False


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """One column that duban alone writes (``guide/writeback.yaml``)."""

    key: str
    zh: str
    en: str
    type: Literal["single_select", "text", "datetime", "number"]
    values: tuple[str, ...]
    zh_issue_risk: str


class Item(NamedTuple):
    """One row of a tool as the common model sees it.

    ``values`` follow the order of :func:`fields_of` (``kind``); ``bad`` holds the cells that did not parse, as
    (field key, text of the cell): such a field counts as not empty but has no value. ``own`` are duban's own cells as
    they were read, by own-column key, in the column's own type. ``url`` opens the row for a person. ``waiver`` are the
    cells of the columns that hold an approved extension, by the keys of a table's ``waivers:``, without the empty ones.
    """

    ref: Ref
    kind: Kind
    values: tuple[Value, ...]
    own: tuple[tuple[str, Value], ...] = ()
    bad: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    waiver: tuple[tuple[str, Value], ...] = ()

    def get(self, key: str) -> Value:
        """Return the value of a field, ``None`` when it is empty, unmapped or not a field of this kind."""
        place = places_of(self.kind).get(key)
        return None if place is None else self.values[place]

    @property
    def code(self) -> str:
        """The 任务编号, or an empty text."""
        value = self.get("code")
        return value if isinstance(value, str) else ""

    @property
    def title(self) -> str:
        """What people call the item."""
        value = self.get(_TITLES[self.kind])
        return value if isinstance(value, str) else ""


_TITLES: Mapping[str, str] = {
    "task": "title", "project": "name", "risk": "desc", "dispute": "point", "issue": "point",
    "meeting": "meeting_type", "resource": "desc",
}  # fmt: skip


def guide_table(name: str) -> Any:
    """Return one of the guide's tables (``fields``, ``statuses``, ``writeback``) as plain data."""
    text = files("duban").joinpath("guide", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - our own packaged file


@cache
def fields_of(kind: Kind) -> tuple[Field, ...]:
    """Return the fields of a kind in their order, the kind's own ones first, then the common ones."""
    table = guide_table_cached("fields")
    entries: list[dict[str, Any]] = list(table[kind])
    if kind != "task":
        common = [entry for entry in table["common"] if kind != "project" or entry["key"] == "code"]
        entries += [entry for entry in common if entry["key"] not in {known["key"] for known in entries}]
    return tuple(_field(table, entry) for entry in entries if entry["key"] != "item_type")


@cache
def item_type_field() -> Field:
    """Return the column that tells issues from disputes in a table that holds both."""
    table = guide_table_cached("fields")
    return next(_field(table, entry) for entry in table["issue"] if entry["key"] == "item_type")


@cache
def guide_table_cached(name: str) -> Any:
    """Return a guide table, read once."""
    return guide_table(name)


def _field(table: Any, entry: dict[str, Any]) -> Field:
    while "as" in entry:
        kind, key = entry["as"].split(".")
        entry = next(candidate for candidate in table[kind] if candidate["key"] == key)
    return Field(
        key=entry["key"],
        type=entry["type"],
        zh=entry["zh"],
        en=entry["en"],
        synonyms=tuple(str(synonym) for synonym in entry.get("syn", ())),
        values=tuple((str(name), tuple(map(str, synonyms))) for name, synonyms in entry.get("values", {}).items()),
        departments=bool(entry.get("departments", False)),
    )


@cache
def places_of(kind: Kind) -> Mapping[str, int]:
    """Return where each field of a kind stands in ``Item.values``; status_text and status_flag come last."""
    places = {field.key: place for place, field in enumerate(fields_of(kind))}
    if "status" in places:
        places[STATUS_TEXT] = len(places)
        places[STATUS_FLAG] = len(places)
    return places


def make_item(ref: Ref, kind: Kind, values: Mapping[str, Value], **rest: Any) -> Item:
    """Build an item from values by field key; an unknown key raises ``KeyError``."""
    places = places_of(kind)
    row: list[Value] = [None] * len(places)
    for key, value in values.items():
        row[places[key]] = value
    return Item(ref, kind, tuple(row), **rest)


@cache
def own_columns(kind: Kind) -> tuple[OwnColumn, ...]:
    """Return the own columns that a table of this kind may have (catalogue section 6)."""
    every = tuple(
        OwnColumn(e["key"], e["zh"], e["en"], e["type"], tuple(e.get("values", ())), e.get("zh_issue_risk", e["zh"]))
        for e in guide_table_cached("writeback")
    )
    if kind == "task":
        return tuple(column for column in every if column.key != "sla_due")
    clocked = ("alert_level", "alert_rules", "alert_text", "sla_due", "sla_state", "escalated_to", "escalated_at")
    plain = ("alert_level", "alert_rules", "alert_text")
    wanted = clocked if kind in {"issue", "dispute", "risk"} else plain
    return tuple(column for column in every if column.key in wanted or column.key == "checked_at")


def statuses() -> Iterator[tuple[str, str, str | None]]:
    """Yield (synonym, canonical status, flag or None) of ``guide/statuses.yaml``, without the ambiguous ones."""
    table = guide_table_cached("statuses")
    for canonical in ("未开始", "进行中", "待审核", "已完成", "暂停", "取消"):
        yield from ((str(synonym), canonical, None) for synonym in table[canonical])
    for flag, entry in table["flags"].items():
        yield from ((str(synonym), entry["canonical"], flag) for synonym in entry["values"])


def ambiguous_statuses() -> tuple[str, ...]:
    """Return the statuses that are never mapped without the admin's word (STA-01)."""
    return tuple(map(str, guide_table_cached("statuses")["ambiguous"]))
