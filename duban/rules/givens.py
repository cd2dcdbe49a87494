"""The items of a rule test: what people write under ``given`` -> items, tables and what is remembered of them.

A field is named by its key or by any of its headings (``guide/fields.yaml``), Chinese or English. A value is written
as in a table: ``2024-07-31``, ``2024-07-22 09:00`` (local), ``80%``, ``市场部、研发部`` or a list. A date or number
that cannot be read is a cell that does not parse (DQ-01), as it would be in a tool. Words of the engine start with _:

* ``_name``: how the test calls the item, when it has no 编号;
* ``_tool``: the tool its table lives in (feishu, teambition, airtable, workbook; default workbook);
* ``_state``: the alert it starts from, with the keys of ``duban state export`` (state, at, explain_deadline, …);
* ``_previous_status``: its status in the run before.

Where the items name no project and there is exactly one, they belong to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, time
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from duban.item import KINDS, STATUS_FLAG, STATUS_TEXT, Field, Kind, Person, Ref, Value, fields_of, make_item, statuses
from duban.people import Directory
from duban.rules.context import TableView, split_names
from duban.rules.evaluate import Snapshot
from duban.rules.language.scope import STATES, STATUSES, field_names
from duban.rules.memory import Alert, Memory
from duban.yamlfile import nearest

_SOURCE = "test"
_DAY = re.compile(r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?")
_WORDS = ("of", "_name", "_tool", "_state", "_previous_status")
_SUBJECTS = ("system", "table")  # in expectations: findings about the system, about a table
_TOOLS = ("feishu", "teambition", "airtable", "workbook")
_ALERT = {each.name: each for each in fields(Alert)}
_ALERT_DAYS = frozenset({"baseline_due", "due_cell", "accepted_due"})
_ALERT_TIMES = frozenset({"at", "explain_deadline", "escalated_at", "cycle_at", "explained_at"})

Say = Callable[[Sequence["str | int"], str], None]  # a mistake: where in the test, the sentence


@dataclass(slots=True)
class Given:
    """One item of a test as written: its cells by field key, and where it starts from."""

    name: str
    kind: Kind
    tool: str
    cells: dict[str, Any]
    memory: Memory = field(default_factory=Memory)

    @property
    def ref(self) -> Ref:
        """The identity that the item has during the test."""
        return Ref(_SOURCE, f"{self.kind}_{self.tool}", self.name)


def moment(text: Any, zone: ZoneInfo) -> datetime | None:
    """Return the time that is written, local where it has no offset; ``None`` for anything else."""
    try:
        found = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return None
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)


def day(text: Any) -> date | None:
    """Return the day that is written (a time after it is dropped), ``None`` for anything else."""
    found = _DAY.match(str(text).strip())
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


@cache
def headings(kind: Kind) -> Mapping[str, str]:
    """Return every way to name a field of a kind in a test, case-folded -> its key."""
    known = [each for each in fields_of(kind) if each.type != "ignore"]
    names = {word.casefold(): each.key for each in reversed(known) for word in each.synonyms}
    names |= {word.casefold(): key for word, key in field_names(kind).items()}
    for each in known:
        names |= {word.casefold(): each.key for word in (each.zh, each.en, each.key)}
    return {name: key for name, key in names.items() if key not in {STATUS_TEXT, STATUS_FLAG}}


def read_cells(kind: Kind, written: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Return cells by field key; an unknown field is said, a field named twice too."""
    cells: dict[str, Any] = {}
    for name, value in written.items():
        key = headings(kind).get(name.strip().casefold())
        if key is None:
            near = nearest(name, headings(kind))
            say((name,), f"a {kind} has no field {name!r}" + (f"; did you mean {near!r}?" if near else ""))
        elif key in cells:
            say((name,), f"the field {key} is given twice")
        elif isinstance(value, Mapping):
            say((name,), f"{name} needs a value or a list of values")
        else:
            cells[key] = value
    return cells


def read_given(entries: Sequence[Mapping[str, Any]], zone: ZoneInfo, say: Say) -> dict[str, Given]:
    """Return the items of a test by name; what is wrong with them is said."""
    found: dict[str, Given] = {}
    for index, entry in enumerate(entries):
        given = _one(entry, index, zone, partial(_under, say, index))
        if given is None:
            continue
        if given.name in found:
            say((index,), f"two items are called {given.name}; give one of them another 编号 or _name")
        found[given.name] = given
    return found


def _under(say: Say, index: int, part: Sequence[str | int], sentence: str) -> None:
    say((index, *part), sentence)


def _one(entry: Mapping[str, Any], index: int, zone: ZoneInfo, say: Say) -> Given | None:
    kind = entry.get("of")
    if kind not in KINDS:
        near = nearest(str(kind), KINDS)
        say(("of",) if "of" in entry else (), f"an item needs of: {', '.join(KINDS)}" + _or(near))
        return None
    words = {key: value for key, value in entry.items() if key in _WORDS or key.startswith("_")}
    for key in set(words) - set(_WORDS):
        say((key,), f"unknown key {key!r}" + _or(nearest(key, _WORDS)))
    cells = read_cells(kind, {key: value for key, value in entry.items() if key not in words}, say)
    tool = str(words.get("_tool", "workbook"))
    if tool not in _TOOLS:
        say(("_tool",), f"there is no tool {tool!r}" + _or(nearest(tool, _TOOLS)))
    name = str(words.get("_name") or cells.get("code") or f"#{index + 1}")
    if name in _SUBJECTS:
        say(("_name",) if "_name" in words else (), f"{name} stands for the findings about it; give another _name")
    return Given(name, kind, tool, cells, _memory(words, zone, say))


def _or(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""


def _memory(words: Mapping[str, Any], zone: ZoneInfo, say: Say) -> Memory:
    memory, previous = Memory(), words.get("_previous_status")
    if previous is not None:
        if previous not in STATUSES:
            near = _or(nearest(str(previous), STATUSES))
            say(("_previous_status",), f"a status is one of {', '.join(STATUSES)}{near}")
        memory = replace(memory, status=str(previous), imported=True)
    state = words.get("_state")
    if isinstance(state, str):
        state = {"state": state}
    if state is None:
        return memory
    if not isinstance(state, Mapping):
        say(("_state",), "a state is written like {state: 滞后预警已发, at: 2024-07-22 09:00}")
        return memory
    values = {}
    for key, value in state.items():
        try:
            values[key] = _of_alert(key, value, zone)
        except ValueError as error:
            say(("_state", key), str(error))
    return replace(memory, alert=Alert(**values), imported=True)


def _of_alert(key: str, value: Any, zone: ZoneInfo) -> Any:
    """Return a value of an alert; raises ``ValueError`` with a sentence."""
    if key not in _ALERT:
        raise ValueError(f"a state has no {key!r}" + _or(nearest(key, _ALERT)))
    if key == "state" and value not in STATES:
        raise ValueError(f"a state is one of {', '.join(STATES)}" + _or(nearest(str(value), STATES)))
    if key not in _ALERT_DAYS | _ALERT_TIMES or value is None:
        return value
    found = day(value) if key in _ALERT_DAYS else moment(value, zone)
    if found is None:
        raise ValueError(f"{value!r} is no {'date' if key in _ALERT_DAYS else 'time'}; write it like 2024-07-22 09:00")
    return found


# --- cells -> values


def snapshot(
    given: Mapping[str, Given],
    unmapped: Mapping[str, Sequence[str]],
    directory: Directory,
    zone: ZoneInfo,
    last_read: datetime | None,
    *,
    swapped: Mapping[str, Sequence[str]] | None = None,
    unread: Sequence[str] = (),
) -> Snapshot:
    """Return what is judged at one moment of a test. ``swapped`` are the headings of RAC-05 per kind, ``unread`` the
    kinds that stand in a table which was never read completely."""
    projects = [each.cells["name"] for each in given.values() if each.kind == "project" and each.cells.get("name")]
    tables: dict[tuple[str, str], TableView] = {}
    items = []
    for kind in KINDS:
        if kind in unread:  # also where the test gives no row of it: nobody knows what such a table holds
            columns = frozenset(f.key for f in fields_of(kind))
            tables[_SOURCE, kind] = TableView(_SOURCE, kind, _TOOLS[-1], {kind: columns}, complete=False, known=False)
    for each in given.values():
        columns = frozenset(f.key for f in fields_of(each.kind)) - frozenset(unmapped.get(each.kind, ()))
        tables[_SOURCE, each.ref.table] = TableView(
            _SOURCE, each.ref.table, each.tool, {each.kind: columns}, last_read=last_read,
            swapped_headings=tuple((swapped or {}).get(each.kind, ())),
        )  # fmt: skip
        cells = {key: value for key, value in each.cells.items() if key in columns}
        if len(projects) == 1 and each.kind != "project" and "project" in columns and not cells.get("project"):
            cells["project"] = projects[0]
        values, bad = _values(each.kind, cells, directory, zone)
        items.append(make_item(each.ref, each.kind, values, bad=tuple(bad.items())))
    return Snapshot(tables, items, {each.ref: each.memory for each in given.values()})


def _values(
    kind: Kind, cells: Mapping[str, Any], directory: Directory, zone: ZoneInfo
) -> tuple[dict[str, Value], dict[str, str]]:
    values: dict[str, Value] = {}
    bad: dict[str, str] = {}
    for each in fields_of(kind):
        written = cells.get(each.key)
        if written is None or written in ("", []):
            continue
        value = _value(each, written, directory, zone)
        if value is None and each.key != "status":
            bad[each.key] = str(written)
        values[each.key] = value
    if "status" in values:
        values |= _status(str(cells["status"]))
    return values, bad


def _value(each: Field, written: Any, directory: Directory, zone: ZoneInfo) -> Value:
    match each.type:
        case "person":
            return tuple(Person("", name) for name in _names(written))
        case "links" | "multi_select":
            return tuple(_canonical(each, name, directory) for name in _names(written))
        case "number" | "percent":
            return _number(written)
        case "date":
            return day(written)
        case "datetime":
            found = moment(written, zone)
            bare = day(written) if found is None else None
            return datetime.combine(bare, time(0), zone) if bare is not None else found
        case _:
            return _canonical(each, str(written).strip(), directory)


def _names(written: Any) -> Iterator[str]:
    yield from map(str, written) if isinstance(written, list) else split_names(str(written))


def _number(written: Any) -> float | None:
    try:
        return float(str(written).strip().rstrip("%"))
    except ValueError:
        return None


def _canonical(each: Field, text: str, directory: Directory) -> str:
    if each.departments:
        return directory.aliases.get(text.casefold(), text)
    for canonical, others in each.values:
        if text.casefold() in {canonical.casefold(), *(other.casefold() for other in others)}:
            return canonical
    return text


@cache
def _known_statuses() -> Mapping[str, tuple[str, str | None]]:
    return {synonym.casefold(): (canonical, flag) for synonym, canonical, flag in statuses()}


def _status(text: str) -> dict[str, Value]:
    plain = unicodedata.normalize("NFKC", text).strip()
    canonical, flag = _known_statuses().get(plain.casefold(), (None, None))
    return {"status": canonical, STATUS_TEXT: plain, STATUS_FLAG: flag}
