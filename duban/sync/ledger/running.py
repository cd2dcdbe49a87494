"""Runs, the daemon's schedule, and leases: who does what when.

A lease is our own guard against two cycles of one source at a time, whatever starts them. ``epoch`` grows with every
owner; before each write outside, the owner renews and stops when that fails, so a process that slept through its
lease does no harm (facts/scale-and-reliability section 2.5). Times come from the caller's clock: machines that share
a ledger need clocks that agree to well within a lease.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from duban.sync.ledger.codec import Decoder, instant_text, json_text
from duban.sync.ledger.schema import leases, runs, schedule
from duban.sync.ledger.upsert import Upsert, every_column_but
from duban.sync.ledger.values import Due, Lease, Run

KEEP_RUNS = timedelta(days=90)

NEW_RUN = Upsert(runs)
NEW_LEASE = Upsert(leases)
PUT_SCHEDULE = Upsert(schedule, every_column_but(schedule))

# --- runs


def begin(connection: Connection, run: Run) -> None:
    """Note that a run began; one that is known stays as it is. Runs older than 90 days are forgotten."""
    NEW_RUN.one(connection, {
        "id": run.id, "now": instant_text(run.now), "started": instant_text(run.started),
        "ended": instant_text(run.ended), "mode": run.mode, "result": run.result,
        "counts": json_text(dict(run.counts)), "config": run.config,
    })  # fmt: skip
    connection.execute(delete(runs).where(runs.c.started < instant_text(run.started - KEEP_RUNS)))


def end(connection: Connection, run: str, result: str, counts: Mapping[str, Any], at: datetime) -> None:
    """Note how a run ended."""
    values = {"result": result, "counts": json_text(dict(counts)), "ended": instant_text(at)}
    connection.execute(update(runs).where(runs.c.id == run).values(values))


def latest(connection: Connection, decoder: Decoder, limit: int) -> list[Run]:
    """Return the latest runs, newest first."""
    rows = connection.execute(select(runs).order_by(runs.c.started.desc(), runs.c.id.desc()).limit(limit))
    return [_run(row, decoder) for row in rows]


def _run(row: Any, decoder: Decoder) -> Run:
    now, started, ended = decoder.known_instant(row.now), decoder.known_instant(row.started), decoder.instant(row.ended)
    return Run(row.id, now, started, row.mode, row.config, ended, row.result, json.loads(row.counts))


# --- the schedule


def due(connection: Connection, decoder: Decoder) -> dict[str, Due]:
    """Return when each source is due."""
    return {
        row.source: Due(decoder.known_instant(row.next_due), decoder.instant(row.last_ok), row.consecutive_failures)
        for row in connection.execute(select(schedule))
    }


def set_due(connection: Connection, source: str, when: Due) -> None:
    """Set when a source is due."""
    PUT_SCHEDULE.one(connection, {
        "source": source, "next_due": instant_text(when.next_due), "last_ok": instant_text(when.last_ok),
        "consecutive_failures": when.consecutive_failures,
    })  # fmt: skip


# --- leases


def acquire(connection: Connection, source: str, owner: str, ttl: timedelta, now: datetime) -> Lease | None:
    """Take a source that nobody holds; ``None`` when somebody does."""
    until = now + ttl
    lapsed = leases.c.source == source, leases.c.until <= instant_text(now)
    values = {"epoch": leases.c.epoch + 1, "owner": owner, "until": instant_text(until)}
    taken = connection.execute(update(leases).where(*lapsed).values(values)).rowcount == 1
    if not taken:
        row = {"source": source, "epoch": 1, "owner": owner, "until": instant_text(until)}
        return Lease(source, owner, 1, until) if NEW_LEASE.one(connection, row) else None
    epoch = connection.execute(select(leases.c.epoch).where(leases.c.source == source)).scalar_one()
    return Lease(source, owner, epoch, until)


def renew(connection: Connection, lease: Lease, ttl: timedelta, now: datetime) -> Lease | None:
    """Hold a lease longer; ``None`` when it has lapsed or somebody else has the source: stop writing at once."""
    held = leases.c.source == lease.source, leases.c.epoch == lease.epoch, leases.c.until > instant_text(now)
    statement = update(leases).where(*held).values(until=instant_text(now + ttl))
    if connection.execute(statement).rowcount != 1:
        return None
    return Lease(lease.source, lease.owner, lease.epoch, now + ttl)


def release(connection: Connection, lease: Lease, now: datetime) -> None:
    """Give a lease back, if it is still ours."""
    ours = leases.c.source == lease.source, leases.c.epoch == lease.epoch, leases.c.until > instant_text(now)
    connection.execute(update(leases).where(*ours).values(until=instant_text(now)))
