"""What must be remembered of an item between two cycles so that the next one judges rightly.

Values only: the ledger stores them, ``evaluate`` takes the old ones and returns the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

NORMAL = "正常"


@dataclass(frozen=True, slots=True)
class Alert:
    """Where an item stands in the life cycle of catalogue section 7. Times are aware, dates are local.

    ``cycle`` grows when a resolved task becomes active again (T12, at ``cycle_at``: explanations before it do not
    count); ``notices`` counts the notices of this cycle.
    ``shadow`` tells that the state was reached without anybody being told, because the table was in shadow mode.
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


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything remembered of one item.

    ``status`` is the canonical status of the present span, ``previous_status`` that of the span before.
    ``explanation`` is the fingerprint of the three explanation cells as last seen; ``explained_seen_at`` the first run
    that saw this set, ``explained_unseen_at`` the last run that did not (convention C9). ``human`` is the fingerprint
    of the cells that people edit and ``human_at`` when they last changed; ``written_at`` when duban last wrote the row
    (convention C17). ``findings`` are the rules that held at the last judgement, kept for tables that cannot be read.
    ``baseline`` holds the values a table was signed with. ``imported`` marks a state that came from ``state import``
    and was not judged since: its messages count as told.
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
