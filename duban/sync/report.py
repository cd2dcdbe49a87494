"""The JSON documents of spec section 4, as plain data. Keys may be added, never renamed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Traffic
from duban.item import Value
from duban.notify.message import Message
from duban.rules.evaluate import Finding, Verdict
from duban.rules.granting import approved_data
from duban.sync.apply import Written
from duban.sync.cycle import Looked, Result
from duban.sync.plan import CellChange, Change, Plan
from duban.sync.pulling import Pulled
from duban.sync.restating import Restatement


def findings_document(looked: Looked, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``findings --json``. Items of sources that were not asked for are left out."""
    read = {(table.source, table.table) for table in looked.pulled}
    gone = looked.snapshot.doubtful
    verdicts = [
        v for v in looked.judgement.verdicts if (v.item.ref.source, v.item.ref.table) in read and v.item.ref not in gone
    ]
    return {
        "version": 1,
        "now": stamp(looked.now, zone),
        "complete": looked.complete,
        "tables": [_table(table, looked, verdicts) for table in looked.pulled],
        "items": [_item(verdict, zone) for verdict in verdicts],
        "system": [_finding(finding) for finding in looked.judgement.system],
        "waivers_unmatched": list(looked.unmatched_waivers),
    }


def _table(table: Pulled, looked: Looked, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    verdict = looked.judgement.tables[table.source, table.table]
    count = sum(1 for v in verdicts if (v.item.ref.source, v.item.ref.table) == (table.source, table.table))
    known = table.mapping is not None
    return {
        "source": table.source, "table": table.table, "tool": table.tool, "read": table.read, "items": count,
        "requests": table.requests, "error": table.error,
        "rules": [finding.rule for finding in verdict.findings] if known else [],
        "unmapped": list(verdict.missing) if known else [],
        "texts": {finding.rule: finding.text for finding in verdict.findings} if known else {},
        "own_missing": list(table.mapping.missing_own) if table.mapping else [],
        "mode": "live" if table.live else "shadow", "rows": table.rows, "pages": table.pages,
        "notes": list(table.notes), "waived": approved_data(verdict.approved)["waived"],
    }  # fmt: skip


def _item(verdict: Verdict, zone: ZoneInfo) -> dict[str, Any]:
    item, alert = verdict.item, verdict.alert
    return {
        "source": item.ref.source, "table": item.ref.table, "record": item.ref.record, "code": item.code,
        "kind": item.kind, "title": item.title, "rules": list(verdict.rules), "level": verdict.level,
        "state": verdict.state, "lag_days": verdict.lag_days, "alert_at": stamp(alert.at, zone),
        "explain_deadline": stamp(alert.explain_deadline, zone), "sla": verdict.sla,
        "sla_due": stamp(verdict.sla_due, zone), "notices": alert.notices,
        "versions": {each.rule: each.version for each in verdict.memory.judged},
        "texts": {finding.rule: finding.text for finding in verdict.findings},
        "effective_due": stamp(verdict.effective_due, zone), "url": item.url,
    } | approved_data(verdict.approved)  # fmt: skip


def _finding(finding: Finding) -> dict[str, Any]:
    return {"rule": finding.rule, "name": finding.name, "level": finding.level, "text": finding.text}


def sync_document(result: Result, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``sync --json``."""
    plan, outcomes = result.plan, [written.outcome for written in result.written]
    held = sum(table.changes for table in plan.held)
    return findings_document(result.looked, zone) | {
        "changes": {
            "planned": len(plan.changes), "written": outcomes.count("written"), "unchanged": plan.unchanged,
            "stale": outcomes.count("stale"), "held": held,
            "failed": len(outcomes) - outcomes.count("written") - outcomes.count("stale"),
        },
        "held": [_held(held) for held in plan.held],
        "failures": [
            {"source": w.ref.source, "table": w.ref.table, "record": w.ref.record, "error": w.error or w.outcome}
            for w in result.failures
        ],
        "problems": list(plan.problems),
        "restored": [
            {"source": ref.source, "table": ref.table, "record": ref.record, "columns": list(names)}
            for ref, names in result.restored
        ],
        "messages": [message_data(message, status) for message, status in result.messages],
        "requests": {name: _requests(traffic) for name, traffic in result.requests.items()},
        "run": result.run, "rules_changed": rules_changed(result.restated, zone),
    }  # fmt: skip


def rules_changed(restated: Restatement | None, zone: ZoneInfo) -> dict[str, Any] | None:
    """Return what ``sync`` and ``plan`` say of rules that changed since the last cycle."""
    if restated is None:
        return None
    return {
        "since": stamp(restated.since, zone), "changes": [change.text for change in restated.changes],
        "items": len(restated.items),
    }  # fmt: skip


def plan_document(plan: Plan, fingerprint: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``plan --json`` and what ``plan -o`` saves."""
    return {
        "version": 1, "now": stamp(plan.now, zone), "config": fingerprint,
        "changes": [_change(change, plan, zone) for change in plan.changes],
        "messages": [message_data(m, "shadow" if plan.is_shadow(m.ref) else "queued") for m in plan.messages],
        "held": [_held(held) for held in plan.held],
        "problems": list(plan.problems),
    }  # fmt: skip


def _change(change: Change, plan: Plan, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "source": change.ref.source, "table": change.ref.table, "record": change.ref.record, "code": change.code,
        "cells": {cell.name: _cell(cell, zone) for cell in change.cells}, "rules": list(change.rules),
        "mode": "shadow" if plan.is_shadow(change.ref) else "live",
    }  # fmt: skip


def _cell(cell: CellChange, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "field": cell.field,
        "before": plain(cell.before, zone),
        "after": plain(cell.after, zone),
        "column": cell.column,
    }


def _held(held: Any) -> dict[str, Any]:
    return {"source": held.source, "table": held.table, "changes": held.changes, "limit": held.limit}


def message_data(message: Message, status: str) -> dict[str, Any]:
    """Return one message as JSON data."""
    return message.data() | {"status": status}


def _requests(traffic: Traffic) -> dict[str, int]:
    return {"read": traffic.read, "write": traffic.write, "retried": traffic.retried}


def stamp(moment: datetime | date | None, zone: ZoneInfo) -> str | None:
    """Return a time as ISO 8601 with the zone's offset, a date as it is."""
    if isinstance(moment, datetime):
        return moment.astimezone(zone).isoformat(timespec="seconds")
    return moment.isoformat() if moment is not None else None


def plain(value: Value, zone: ZoneInfo) -> Any:
    """Return a value as JSON: times as ISO 8601, whole numbers without a point."""
    if isinstance(value, (datetime, date)):
        return stamp(value, zone)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return list(value) if isinstance(value, tuple) else value


def applied_document(written: Sequence[Written], run: str) -> dict[str, Any]:
    """Return ``apply --json``: one outcome per change of the plan."""
    outcomes = [each.outcome for each in written]
    return {
        "version": 1, "run": run,
        "changes": {
            "planned": len(outcomes), "written": outcomes.count("written"), "stale": outcomes.count("stale"),
            "held": outcomes.count("held"),
            "failed": sum(1 for outcome in outcomes if outcome not in {"written", "stale", "held"}),
        },
        "outcomes": [
            {"source": w.ref.source, "table": w.ref.table, "record": w.ref.record, "outcome": w.outcome}
            | {"error": w.error}
            for w in written
        ],
    }  # fmt: skip
