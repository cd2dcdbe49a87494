"""Histories made up by chance: a company, moments at and around its deadlines, and what people change in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

from tests.rules.oracle.chance import MINUTE, Chance, china, maybe, one_year
from tests.rules.oracle.companies import (
    MAKERS,
    OFF_BY_DEFAULT,
    STATUSES,
    Company,
    changed_params,
    climbers,
    company,
    directory,
    explanation,
    status_cells,
)
from tests.rules.oracle.days import DAY
from tests.rules.oracle.engine import as_world_params
from tests.rules.oracle.history import History, Step
from tests.rules.oracle.judge import Judgement, judge
from tests.rules.oracle.ladder import Imported, deadline_of
from tests.rules.oracle.world import Row, World


def made_up(seed: int) -> History:
    """The history of a seed, the same for ever: a whole company over a few runs, or a few late tasks over many."""
    chance = Chance(seed)
    climbing = chance.often(0.5)
    now = chance.at(chance.first_day())
    calendar = one_year(now.year) if chance.often(0.1) else china()
    people = directory(chance)
    switched_on = frozenset(OFF_BY_DEFAULT) if chance.often(0.3) else frozenset()
    params = as_world_params(changed_params(chance))
    rows = climbers(chance, now) if climbing else company(chance, now)
    history = History(tuple(rows.tables), calendar, people, (), params, switched_on)
    first = rows.snapshot()
    brought = climbing and calendar is china() and 2019 < now.year < 2026
    imports = {
        row.uid: _imported(history.world(Step(now, first)), chance, row)
        for row in first
        if brought and chance.often(0.3)
    }
    history = replace(history, imports=imports, steps=(Step(now, first),))
    pasts = history.pasts()
    steps: list[Step] = []
    written: dict[str, object] = {}
    for _ in range(chance.random.randint(8, 25) if climbing else chance.random.randint(1, 6)):
        steps.append(Step(now, rows.snapshot() if steps else first))
        judged = judge(history.world(steps[-1]), pasts)
        _write(rows, now, judged, written)
        now = _next_moment(chance, now, judged)
        for uid in rows.rows:
            _change(rows, uid, steps[-1].now, now, judged)
    return replace(history, steps=tuple(steps))


def _imported(world: World, chance: Chance, row: Row) -> Imported:
    """A state that somebody brought along."""
    state = chance.one(
        ("正常", "临期", "轻微滞后", "滞后预警已发", "滞后预警已发", "超时未说明", "已升级", "已说明", "已解除")
    )
    status = chance.one((*STATUSES, None))
    answered = all(row.filled(key) for key in ("lag_reason", "adjust_plan", "explained_at")) and row.get("new_due")
    if state == "已说明" and (not answered or row.bad):  # nothing would tell what was answered, or when
        state = "轻微滞后"
    if state in ("正常", "临期", "轻微滞后"):
        return Imported(status, state)
    due, at = chance.day_near(world.now - 2 * DAY, 7, 0), chance.past(world.now, (24, 48, 72, 96))
    notices = chance.one((1, 1, 2))
    until = deadline_of(world, "explain", at)
    return Imported(status, state, at, until, notices, due, maybe(chance, notices - 0.5, due))


def _next_moment(chance: Chance, now: datetime, judged: Judgement) -> datetime:
    """Soon, at a deadline give or take a minute, at a turn of a day, or days later."""
    deadlines = [
        moment for v in judged.rows.values() for moment in (v.explain_deadline, v.escalation_deadline, v.sla_due)
    ]
    ahead = [moment for moment in deadlines if moment is not None and moment > now]
    kind = chance.random.random()
    if ahead and kind < 0.45:
        moment = (
            chance.one(ahead) + chance.one((-1, 0, 1)) * MINUTE - chance.one((0, 0, 0, 12, 24)) * timedelta(hours=1)
        )
        moment += timedelta(seconds=chance.one((0, 0, 0, 1)))
        return max(moment + chance.one((0, 0, 0, 1, 3)) * DAY, now + MINUTE)
    if kind < 0.6:
        return now + timedelta(minutes=chance.one((1, 30, 120, 600)))
    return chance.at(now.date() + chance.random.randint(1, 4) * DAY)


def _change(rows: Company, uid: str, last: datetime, now: datetime, judged: Judgement) -> None:
    """What people do to a row between two runs: mostly nothing."""
    chance = rows.chance
    table, kind, cells = rows.rows[uid]
    before = dict(cells)
    if kind == "task":
        _change_task(chance, cells, now, judged.rows[uid].state if uid in judged.rows else "正常")
    elif chance.often(0.25):
        fresh = MAKERS[kind](chance, now)
        for key in chance.few(tuple(fresh), 3):
            if key not in ("status", "status_text"):
                cells[key] = fresh[key]
    if table.moves_updates:
        cells["last_update"] = before.get("last_update")
        seen = {key: value for key, value in cells.items() if value is not None}
        if seen != {key: value for key, value in before.items() if value is not None} and before.get("last_update"):
            moment = max(last + 3 * MINUTE, now - chance.random.randrange(300) * MINUTE)
            cells["last_update"] = cells["changed_by_hand_at"] = min(moment, now)


def _write(rows: Company, now: datetime, judged: Judgement, written: dict[str, object]) -> None:
    """The engine writes what it found; a tool that keeps 最近更新 by itself moves it."""
    for uid, verdict in judged.rows.items():
        found = (verdict.rules, verdict.level, verdict.state, verdict.lag_days, verdict.notices, verdict.alert_at,
                 verdict.explain_deadline, verdict.sla, verdict.sla_due)  # fmt: skip
        table, _, cells = rows.rows[uid]
        if table.moves_updates and cells.get("last_update") and written.get(uid) != found:
            cells.setdefault("changed_by_hand_at", cells["last_update"])
            cells["last_update"] = now + timedelta(seconds=2)
        written[uid] = found


def _change_task(chance: Chance, cells: dict[str, object], now: datetime, state: str) -> None:
    lagging = state in ("滞后预警已发", "超时未说明", "已升级")
    if chance.often(0.3 if lagging else 0.12):
        cells.update(explanation(chance, now))
    if chance.often(0.06):
        cells[chance.one(("lag_reason", "adjust_plan", "new_due", "explained_at"))] = None
    if chance.often(0.22):
        active = state == "已解除" and chance.often(0.6)
        cells.update(status_cells(chance, "进行中" if active else chance.one((*STATUSES, "进行中", "待审核", None))))
    if chance.often(0.08):
        cells["due"] = chance.day_near(now)
    if chance.often(0.15):
        fresh = MAKERS["task"](chance, now)
        key = chance.one(tuple(key for key in fresh if key not in ("status", "status_text", "lag_reason", "new_due")))
        cells[key] = fresh[key]
    if chance.often(0.3) and cells.get("last_update"):
        cells["last_update"] = datetime.combine(now.date(), time(8)) if now.hour >= 8 else now
