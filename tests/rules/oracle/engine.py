"""The product's engine, asked about the same worlds: the only file here that knows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from duban.item import Item, Person, Ref, fields_of, make_item
from duban.people import Department, Directory
from duban.rules.book import merge, pack_files
from duban.rules.calendar import Calendar
from duban.rules.clock import Clock
from duban.rules.compiled import CompiledBook
from duban.rules.context import TableView
from duban.rules.evaluate import Judgement, Snapshot, Verdict, human_fingerprint, judge
from duban.rules.memory import Alert, Memory
from duban.yamlfile import Document, read_document
from tests.rules.oracle import days
from tests.rules.oracle.ladder import Imported
from tests.rules.oracle.world import DEFAULTS, Row, World

ZONE = ZoneInfo("Asia/Shanghai")
# What stands in own columns: a row is written when one of these changes.
WRITTEN = ("rules", "level", "state", "lag_days", "notices", "alert_at", "explain_deadline", "sla", "sla_due")


@cache
def _guide(switched_on: frozenset[str]) -> CompiledBook:
    files = [*map(read_document, pack_files("guide"))]
    if switched_on:
        lines = "".join(f"- {{id: {rule}, enabled: true}}\n" for rule in sorted(switched_on))
        files.append(Document(f"rules:\n{lines}", "ours.yaml"))
    return CompiledBook(merge(files))


@cache
def _book(switched_on: frozenset[str], changed: str) -> CompiledBook:
    guide = _guide(switched_on)
    params = dict(guide.params)
    for name, value in json.loads(changed).items():
        params[name] = {**params[name], **value} if isinstance(value, dict) else value
    return CompiledBook(replace(guide.book, params=params))


def book_of(world: World) -> CompiledBook:
    """The shipped pack with the parameters of a world that differ from the guide's."""
    changed = {name: value for name, value in world.params.items() if DEFAULTS[name] != value}
    if "weekly_meeting_minutes" in changed:
        changed["weekly_meeting_minutes"] = list(changed["weekly_meeting_minutes"])
    return _book(world.switched_on, json.dumps(changed, sort_keys=True))


@cache
def _clocks(calendar: days.Calendar, windows: tuple[str, ...]) -> Clock:
    return Clock(Calendar(ZONE, calendar.holidays, calendar.makeups, calendar.years).with_default_hours(windows))


@cache
def _people(departments: tuple[tuple[str, Any], ...]) -> Directory:
    return Directory({name: Department(name, d.head, d.superior, d.liaison, d.members) for name, d in departments})


class Engine:
    """The engine over a run of worlds: it remembers what it would have stored, and which messages went out."""

    def __init__(self, imports: Mapping[str, Imported], rows: Sequence[Row]) -> None:
        self.memories: dict[Ref, Memory] = {_ref(row): _memory(imports[row.uid]) for row in rows if row.uid in imports}
        self.last: datetime | None = None
        self.sent: set[str] = set()
        self.written: dict[Ref, dict[str, Any]] = {}

    def judge(self, world: World) -> dict[str, dict[str, Any]]:
        """What the engine says of every row, in the words of :func:`tests.rules.oracle.comparing.shown`."""
        now = world.now.replace(tzinfo=ZONE)
        tables = {
            (table.tool, table.name): TableView(
                table.tool,
                table.name,
                table.tool,
                table.mapped,
                last_read=self.last,
                machine_update=table.moves_updates,
            )
            for table in world.tables
        }
        snapshot = Snapshot(tables, [_item(row) for row in world.rows], self.memories)
        directory = _people(tuple(sorted(world.departments.items())))
        judgement = judge(
            book_of(world),
            snapshot,
            now=now,
            zone=ZONE,
            clocks=_clocks(world.calendar, world.params["work_windows"]),
            directory=directory,
        ).judgement()
        self.last = now
        self.memories |= {verdict.item.ref: verdict.memory for verdict in judgement.verdicts}
        answers = self._answers(world, judgement)
        for verdict in judgement.verdicts:
            self._write(verdict, {key: answers[verdict.item.ref.record][key] for key in WRITTEN}, now)
        return answers

    def _write(self, verdict: Verdict, cells: dict[str, Any], now: datetime) -> None:
        """Note, as a cycle does, that own cells were written because they differ from those of the run before."""
        ref = verdict.item.ref
        if self.written.get(ref) != cells:
            self.written[ref] = cells
            memory = replace(verdict.memory, written_at=now, human=human_fingerprint(verdict.item))
            self.memories[ref] = memory

    def _answers(self, world: World, judgement: Judgement) -> dict[str, dict[str, Any]]:
        answers: dict[str, dict[str, Any]] = {}
        for verdict in judgement.verdicts:
            fresh = [notice for notice in verdict.notices if notice.key not in self.sent and not notice.told]
            self.sent |= {notice.key for notice in verdict.notices}
            told = [(n.template, sorted(n.to), sorted(n.cc), sorted(n.esc)) for n in fresh]
            answers[verdict.item.ref.record] = {
                "rules": list(verdict.rules), "level": verdict.level, "state": verdict.state,
                "lag_days": verdict.lag_days, "notices": verdict.alert.notices,
                "alert_at": _plain(verdict.alert.at), "explain_deadline": _plain(verdict.alert.explain_deadline),
                "sla": verdict.sla, "sla_due": _plain(verdict.sla_due), "escalated_at": _plain(verdict.alert.escalated_at) if verdict.item.kind == "task" else None,
                "told": sorted(n.template for n in fresh), "people": sorted(told),
            }  # fmt: skip
        for table in world.tables:
            found = judgement.tables[table.tool, table.name]
            missing = sorted(found.missing)
            answers[table.name] = {"rules": [finding.rule for finding in found.findings], "missing": missing}
        answers["system"] = {"rules": [finding.rule for finding in judgement.system]}
        return answers


def _plain(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=None)


def _item(row: Row) -> Item:
    types = {field.key: field.type for field in fields_of(row.kind)}
    values = {key: _value(types.get(key, "text"), value) for key, value in row.cells.items() if _readable(row, key)}
    bad = tuple((key, "下周五") for key in sorted(row.bad) if row.mapped(key))
    return make_item(_ref(row), row.kind, values, bad=bad)


def _ref(row: Row) -> Ref:
    return Ref(row.table.tool, row.table.name, row.uid)


def _memory(imported: Imported) -> Memory:
    at = imported.alert_at and imported.alert_at.replace(tzinfo=ZONE)
    until = imported.explain_deadline and imported.explain_deadline.replace(tzinfo=ZONE)
    alert = Alert(
        imported.state,
        at,
        until,
        notices=imported.notices,
        baseline_due=imported.baseline_due,
        due_cell=imported.due_cell,
    )
    return Memory(status=imported.status, alert=alert, imported=True)


def _readable(row: Row, key: str) -> bool:
    return row.mapped("status" if key == "status_text" else key)


def _value(kind: str, value: Any) -> Any:
    if kind == "person":
        return tuple(Person("", name) for name in value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=ZONE)
    if isinstance(value, date | tuple | str):
        return value
    return float(value)


def mapped_keys(kind: str) -> tuple[str, ...]:
    """All fields of a kind that a table may have a column for."""
    return tuple(field.key for field in fields_of(kind) if field.type != "ignore")


def as_world_params(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The guide's parameters with some of them changed."""
    return {**DEFAULTS, **changed}
