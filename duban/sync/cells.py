"""What a verdict writes: the value of every own column, by its key (``guide/writeback.yaml``, catalogue section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from duban.connectors.owncells import OwnValue
from duban.rules.evaluate import Finding, Verdict
from duban.wording import Language

LONGEST = 500
_PUNCTUATION: Mapping[Language, tuple[str, str]] = {"zh": ("：", "……（另有{}条）"), "en": (": ", "… ({} more)")}
_LOST = "(not found)"  # guide/writeback.yaml
_CLOCKED = frozenset({"issue", "dispute", "risk"})


def own_values(
    verdict: Verdict, now: datetime, language: Language = "zh", *, unread: bool = False
) -> dict[str, OwnValue]:
    """Return what duban's own cells of a row should hold; a key that is not there leaves the cell as it is (C8).

    ``unread`` says that a table with tasks was never read: an upstream task that is not found may be there.
    """
    values: dict[str, OwnValue] = {
        "alert_level": verdict.level,
        "alert_rules": ",".join(verdict.rules) or None,
        "alert_text": alert_text(verdict.findings, language) or None,
        "checked_at": now,
    }
    if verdict.item.kind == "task":
        values |= _task_values(verdict)
        if unread and _LOST in verdict.upstream:
            del values["upstream_state"]
    elif verdict.item.kind in _CLOCKED:
        values |= {
            "sla_due": verdict.sla_due,
            "sla_state": verdict.sla,
            "escalated_to": verdict.alert.escalated_to,
            "escalated_at": verdict.alert.escalated_at,
        }
    return values


def _task_values(verdict: Verdict) -> Mapping[str, OwnValue]:
    alert, status = verdict.alert, verdict.item.get("status")
    values: dict[str, OwnValue] = {
        "alert_state": alert.state,
        "alert_at": alert.at,
        "explain_deadline": alert.explain_deadline,
        "sla_state": verdict.sla,
        "escalated_to": alert.escalated_to,
        "escalated_at": alert.escalated_at,
        "notice_count": float(alert.notices) if alert.notices else None,
        "canonical_status": status if isinstance(status, str) else None,
        "upstream_state": verdict.upstream or None,
    }
    if verdict.lag_days is not None:
        values["lag_days"] = float(verdict.lag_days)
    return values


def alert_text(findings: tuple[Finding, ...], language: Language = "zh") -> str:
    """Return one line per finding, 500 characters at most; the last line says how many did not fit."""
    colon, rest = _PUNCTUATION[language]
    lines = [f"{finding.rule} {finding.name}{colon}{finding.text}" for finding in findings]
    text = "\n".join(lines)
    if len(text) <= LONGEST:
        return text
    kept: list[str] = []
    for line in lines:
        more = rest.format(len(lines) - len(kept))
        if len("\n".join([*kept, line, more])) > LONGEST:
            return "\n".join([*kept, more]) if kept else text[: LONGEST - 1] + "…"
        kept.append(line)
    return "\n".join(kept)
