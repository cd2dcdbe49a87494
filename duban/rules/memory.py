"""What must be remembered of an item between two cycles so that the next one judges rightly.

Values only: the ledger stores them, ``evaluate`` takes the old ones and returns the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

NORMAL = "正常"


@dataclass(frozen=True, slots=True)
class Transition:
    """One step that an alert went: ``move`` is a row of catalogue section 7 (T1 to T12), or ``live`` (nobody had been
    told before the table went live), ``rules`` (a changed parameter moved the deadline), ``imported`` or ``earlier``
    (where the record begins). ``at`` is the run's moment. ``cause`` are the facts that decided, as texts.
    """

    move: str
    at: datetime
    before: str
    after: str
    cause: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """Where an item stands in the life cycle of catalogue section 7. Times are aware, dates are local.

    ``cycle`` grows when a resolved task becomes active again (T12, at ``cycle_at``: explanations before it do not
    count); ``notices`` counts the notices of this cycle.
    ``shadow`` tells that the state was reached without anybody being told, because the table was in shadow mode.
    ``history`` are the transitions that led here, oldest first, over all cycles.
    """

    state: str = NORMAL
    at: datetime | None = None
    explain_deadline: datetime | None = None
    notices: int = 0
    baseline_due: date | None = None
    due_cell: date | None = None
    escalated_at: datetime | None = None
    escalated_to: str | None = None
    cycle: int = 1
    cycle_at: datetime | None = None
    accepted_due: date | None = None
    explained_at: datetime | None = None
    explained_late: bool | None = None
    sla: str = "不适用"
    shadow: bool = False
    history: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockPast:
    """What is remembered of one clock of an item whose entry says ``pause_when`` or ``reopens``. Times are aware.

    ``cycle`` counts from 1; ``since`` is the start of the present cycle where no cell says it: the run that saw the
    item open again. ``ended_at`` is the run that saw the cycle over. ``pauses`` are those of this cycle that are over,
    as the runs saw them; ``paused_since`` is the start of one that goes on.
    """

    name: str
    cycle: int = 1
    since: datetime | None = None
    ended_at: datetime | None = None
    paused_since: datetime | None = None
    pauses: tuple[tuple[datetime, datetime], ...] = ()


class Judged(NamedTuple):
    """By what a finding is held: the rule's version and the digest of all that decides it (:mod:`bookrecord`).

    ``since`` is the run from which on it has held without a break; ``None`` where that was not written down.
    """

    rule: str
    version: int
    digest: str
    since: datetime | None = None


class Closing(NamedTuple):
    """How an item was closed: by the run of ``at``, under the rules with the fingerprint ``book``; the state and
    deadline of the clock that its row shows, as they came out under those rules."""

    at: datetime
    book: str
    sla: str = ""
    sla_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything remembered of one item.

    ``status`` is the canonical status of the present span, ``previous_status`` that of the span before.
    ``explanation`` is the fingerprint of the three explanation cells as last seen; ``explained_seen_at`` the first run
    that saw this set, ``explained_unseen_at`` the last run that did not (convention C9). ``human`` is the fingerprint
    of the cells that people edit and ``human_at`` when they last changed; ``written_at`` when duban last wrote the row
    (convention C17). ``findings`` are the rules that held at the last judgement, kept for tables that cannot be read.
    ``baseline`` holds the values a table was signed with. ``imported`` marks a state that came from ``state import``
    and was not judged since: its messages count as told. ``clocks`` are those of which something must be remembered.
    ``judged`` tells by which version of its rule each finding is held, ``closing`` under which rules the item was
    closed: a change of rules leaves it alone from then on (:mod:`standing`). ``extended`` are the days to which the
    row's own columns extended it, as (day, first seen on); ``waived`` are (rule, "") while a finding is silenced and
    (rule, day) from the day on which it came back (:mod:`waivers`).
    """

    status: str | None = None
    status_since: datetime | None = None
    previous_status: str | None = None
    alert: Alert = field(default_factory=Alert)
    explanation: str | None = None
    explained_seen_at: datetime | None = None
    explained_unseen_at: datetime | None = None
    human: str | None = None
    human_at: datetime | None = None
    written_at: datetime | None = None
    findings: tuple[str, ...] = ()
    baseline: tuple[tuple[str, str], ...] = ()
    imported: bool = False
    clocks: tuple[ClockPast, ...] = ()
    judged: tuple[Judged, ...] = ()
    closing: Closing | None = None
    extended: tuple[tuple[str, str], ...] = ()
    waived: tuple[tuple[str, str], ...] = ()
