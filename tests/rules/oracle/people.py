"""Who is told (catalogue section 3): the roles of a rule, resolved through the directory, with their fallbacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.rules.oracle.case import Case
from tests.rules.oracle.task_rules import RE_REVIEWER, inverted, unfinished_upstreams
from tests.rules.oracle.world import Row

# rule -> to / cc / esc, as rules.yaml lists them.
TOLD: dict[str, str] = {
    "DQ-01": "owner", "DQ-02": "owner", "DQ-03": "initiator R_head", "DQ-04": "initiator", "DQ-05": "owner",
    "KIK-01": "initiator / / initiator_head", "KIK-02": "initiator", "KIK-04": "initiator", "KIK-05": "initiator",
    "KIK-06": "initiator heads_of_missing", "KIK-07": "initiator", "KIK-08": "initiator", "KIK-09": "initiator",
    "PLN-01": "initiator", "PLN-02": "owner owner_of_u", "PLN-03": "owner", "PLN-04": "owner",
    "PLN-05": "owner R_head", "PLN-06": "R_head initiator", "PLN-07": "owner initiator",
    "PLN-09": "owner heads_of_missing", "PLN-10": "initiator", "PLN-11": "initiator",
    "RAC-01": "initiator", "RAC-02": "initiator", "RES-01": "head_of_req_dept",
    "RES-02": "head_of_provider initiator / head_of_req_dept", "RES-03": "initiator",
    "SGN-01": "heads_of_missing initiator", "COM-01": "initiator", "MTG-01": "initiator / / initiator_head",
    "MTG-03": "heads_of_missing", "RPT-01": "initiator", "ISS-01": "initiator / raiser",
    "ISS-02": "owner R_head / initiator raiser / initiator_head", "ISS-04": "owner R_head initiator",
    "DSP-01": "heads_of_parties / / judge_of_dispute", "DSP-03": "heads_of_parties", "DSP-04": "submitted_to initiator",
    "STA-01": "owner", "STA-02": "owner A", "STA-03": "owner", "STA-04": "owner", "STA-05": "owner / R_head",
    "STA-06": "owner R_head", "STA-07": "owner owner_of_u", "VIS-01": "owner",
    "CHK-01": "initiator / / initiator_head", "DUE-01": "owner", "LAG-01": "owner R_head",
    "LAG-02": "owner R_head / A initiator", "LAG-03": "owner R_head", "LAG-04": "owner R_head", "LAG-05": "owner R_head",
    "EXP-01": "owner R_head / initiator", "EXP-02": "owner", "EXP-04": "initiator_head superior / owner R_head",
    "EXP-05": "owner R_head initiator", "ESC-01": "initiator_head superior / owner R_head", "SLA-01": "owner",
    "RSK-01": "heads / / initiator_head initiator_superior", "RSK-02": "initiator", "RSK-03": "initiator",
    "RSK-04": "initiator", "RSK-05": "initiator", "RSK-06": "raiser initiator", "ACC-01": "owner",
    "ACC-02": "acceptor A", "ACC-03": "acceptor initiator", "ACC-04": "owner R_head / acceptor",
    "RVW-01": "initiator", "RVW-02": "initiator", "ARC-01": "initiator", "ARC-02": "initiator",
    "CLS-01": "initiator initiator_head", "T6": "initiator", "T9": "initiator",
    "T11": "owner R_head initiator",  # the catalogue does not say to whom: those who were warned
}  # fmt: skip
STEP_TELLS = {
    "T3": (("进度预警通知", "LAG-02"),), "T6": (("说明已收到", "T6"),), "T7": (("催办", "EXP-01"),),
    "T8": (("升级上报", "ESC-01"),), "T9": (("说明已收到", "T9"),),
    "T10": (("进度预警通知", "LAG-02"), ("升级上报", "EXP-04")), "T11": (("预警解除", "T11"),),
}  # fmt: skip
Found = list[str | None]  # None: somebody who cannot be found
Groups = tuple[list[str], list[str], list[str]]


def told_to(case: Case, rule: str) -> Groups:
    """The names in to, cc and esc; nobody stands in two of them."""
    parts = [part.split() for part in (*TOLD.get(rule, "").split("/"), "", "")][:3]
    seen: set[str] = set()
    groups: list[list[str]] = []
    for roles in parts:
        names = {name for role in roles for name in resolve(case, rule, role)} - seen
        seen |= names
        groups.append(sorted(names))
    return groups[0], groups[1], groups[2]


def resolve(case: Case, rule: str, role: str) -> list[str]:
    """Who a role means; each who cannot be found is replaced by R_head, then by the initiator, at last by the admin."""
    over = _asked(case, rule, role)
    if over is not None and not over:
        return []
    if role == "owner_of_u":
        found: Found = [name for task in over or () for name in _of_upstream(case, task)]
    else:
        found = _heads(case, over) if over is not None else ROLES[role](case)
    names = [name for each in found or [None] for name in ([each] if each else _instead(case, role))]
    return [name for name in names if name != "admin"] or ["admin"]


def _instead(case: Case, role: str) -> list[str]:
    for fallback in ("R_head", "initiator"):
        names = [name for name in ROLES[fallback](case) if name]
        if fallback != role and names:
            return names
    return ["admin"]


def _of_upstream(case: Case, task: Row) -> list[str]:
    """The owner of another task, or who stands in for him there."""
    return resolve(replace(case, row=task), "", "owner")


def _asked(case: Case, rule: str, role: str) -> list[Any] | None:
    """For roles like "heads of the missing departments": those departments; None for other roles."""
    row = case.row
    if role == "heads_of_missing":
        return _missing(case, rule)
    if role == "heads_of_parties":
        return list(row.items("parties"))
    if role in ("head_of_req_dept", "head_of_provider"):
        name = row.get("req_dept" if role == "head_of_req_dept" else "provider")
        return [name] if name else []
    if role == "owner_of_u":
        return inverted(case) if rule == "PLN-02" else unfinished_upstreams(case)
    return None


def _missing(case: Case, rule: str) -> list[str]:
    if rule == "PLN-09":
        demanded = RE_REVIEWER.findall(case.row.get("standard") or "")
        return [name for name in demanded if name not in case.row.items("reviewers")]
    keys = {
        "KIK-06": ("confirmed_depts",), "SGN-01": ("signed_plan_depts", "signed_resource_depts"),
        "MTG-03": ("reported_depts",),
    }[rule]  # fmt: skip
    return [name for key in keys for name in case.missing(key)]


# ---------- the directory


def known(case: Case) -> set[str]:
    """Everybody whom the directory names."""
    return {
        name for d in case.world.departments.values() for name in (d.head, d.superior, d.liaison, *d.members) if name
    }


def home(case: Case, person: str) -> str | None:
    """The department that a person belongs to: as head, liaison or member."""
    for name, d in case.world.departments.items():
        if person in (d.head, d.liaison, *d.members):
            return name
    return None


def _posts(case: Case, names: Iterable[str], post: str) -> Found:
    """The people in a post of departments; None for a vacant one and for a department that nobody knows."""
    departments = case.world.departments
    return [getattr(departments[name], post) or None if name in departments else None for name in names]


def _heads(case: Case, names: Iterable[str]) -> Found:
    return _posts(case, names, "head")


def _people(case: Case, names: Iterable[str]) -> Found:
    return [name if name in known(case) else None for name in names]


def _owner(case: Case) -> Found:
    return _people(case, case.row.items("measure_owner" if case.row.kind == "risk" else "owner"))


def _responsible(case: Case) -> list[str]:
    """负责部门; where there is none, the owner's department (C26)."""
    named = list(case.row.items("responsible_dept")) if case.row.kind == "task" else []
    people = case.row.items("owner") if case.row.kind in ("task", "issue") else ()
    return named or [name for person in people if (name := home(case, person))]


def _initiating(case: Case) -> list[str]:
    own = case.row.get("initiator_dept") if case.row.kind in ("task", "project") else None
    name = own or (case.project.get("initiator_dept") if case.project else None)
    return [name] if name else []


def _departments_or_people(case: Case, names: Iterable[str]) -> Found:
    departments = case.world.departments
    return [each for n in names for each in (_heads(case, [n]) if n in departments else _people(case, [n]))]


def _acceptor(case: Case) -> Found:
    named = _people(case, case.row.items("acceptor"))
    return named if any(named) else _departments_or_people(case, case.row.items("accountable")) or named


def _raiser(case: Case) -> Found:
    """The liaison of the department that raised it, where there is none its head."""
    name = case.row.get("raised_by")
    if not name:
        return []
    liaison = _posts(case, [name], "liaison")
    return liaison if liaison[0] else _departments_or_people(case, [name])


def _superiors(case: Case) -> Found:
    names = case.row.items("parties") if case.row.kind == "dispute" else _responsible(case)
    return _posts(case, names, "superior")


def _submitted_to(case: Case) -> Found:
    """Whom the dispute was submitted to; 上级领导 without a name are the superiors of the parties."""
    told = [name.strip() for name in re.split("[、,，;；/]", case.row.get("submitted_to") or "")]
    found: Found = []
    for name in filter(None, told):
        found += _superiors(case) if name == "上级领导" else _departments_or_people(case, [name])
    return found


def _judge_of_dispute(case: Case) -> Found:
    """initiator_head, or the superior of each party when the initiator is a party."""
    initiating = _initiating(case)
    if initiating and initiating[0] in case.row.items("parties"):
        return _superiors(case)
    return _heads(case, initiating)


ROLES: dict[str, Callable[[Case], Found]] = {
    "owner": _owner,
    "R_head": lambda case: _heads(case, _responsible(case)),
    "A": lambda case: _departments_or_people(case, case.row.items("accountable")),
    "initiator": lambda case: _posts(case, _initiating(case), "liaison"),
    "initiator_head": lambda case: _heads(case, _initiating(case)),
    "initiator_superior": lambda case: _posts(case, _initiating(case), "superior"),
    "superior": _superiors,
    "heads": lambda case: _heads(case, case.project.items("participating_depts") if case.project else ()),
    "acceptor": _acceptor,
    "raiser": _raiser,
    "submitted_to": _submitted_to,
    "judge_of_dispute": _judge_of_dispute,
}
