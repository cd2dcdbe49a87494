"""Waivers and extensions: what a named person approved, and the one function that says what of it counts.

An *extension* moves the due date of items; a *waiver* silences rules for some items, for a time. They come from a
waivers file (:mod:`waiverfile`) or, extensions only, from columns of the row that people fill in. :func:`grants_of` is
asked by everybody - plan, daemon, reports, explain, rule tests - and nobody else decides. docs/waivers.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, NamedTuple

from duban.item import Item, Person
from duban.people import Directory
from duban.wording import Language, worded
from duban.yamlfile import nearest

Why = Literal["expired", "early", "self", "no_approver", "unknown_approver", "unreadable", "no_task"]

# Whose department an item is, per kind: the fields that name it; without one, the home of the person in charge.
_DEPARTMENTS: Mapping[str, tuple[str, ...]] = {
    "task": ("responsible_dept",), "dispute": ("parties",), "resource": ("provider",), "project": ("initiator_dept",),
}  # fmt: skip
_IN_CHARGE = ("owner", "measure_owner")
_REFUSED: Mapping[Why, tuple[str, str]] = {
    "expired": ("有效期已过", "it has expired"),
    "early": ("尚未生效", "it is not yet valid"),
    "self": ("批准人就是负责人本人，须由他人批准", "the approver is the owner; somebody else must approve"),
    "no_approver": ("没有批准人", "nobody approved it"),
    "unknown_approver": ("批准人不在通讯录中", "the directory does not know the approver"),
    "unreadable": ("日期无法识别", "its date cannot be read"),
    "no_task": ("只有任务有截止日期可延", "only a task has a due date to extend"),
}


@dataclass(frozen=True, slots=True)
class Waiver:
    """One approval. ``rules`` are ids, ``LAG-*`` for any ending, ``*`` for all; ``extend_to`` is a new due date.

    ``items`` are codes or ``source/table/record``, ``tables`` names or ``source/table``. Every scope that is given must
    fit. ``valid_from`` and ``valid_until`` are days, both included. ``origin`` says where it stands.
    """

    approved_by: str
    reason: str = ""
    origin: str = ""
    items: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    extend_to: date | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    def silences(self, rule: str) -> bool:
        """Tell whether a rule is among those waived."""
        return any(fnmatchcase(rule, pattern) for pattern in self.rules)

    def out_of_time(self, today: date) -> Why | None:
        """Return why the approval does not count on a day, ``None`` when it does."""
        if self.valid_until is not None and today > self.valid_until:
            return "expired"
        return "early" if self.valid_from is not None and today < self.valid_from else None


class Refused(NamedTuple):
    """An approval about an item that does not count, and why."""

    waiver: Waiver
    why: Why


@dataclass(frozen=True, slots=True)
class Grants:
    """What counts for one item today.

    ``extension`` is the extension in force with the latest date. ``waivers`` are the approvals in force that silence
    rules. ``dates`` are the days to which the file ever extended the item, ``asked`` the day that its own columns
    extend it to now.
    """

    extension: Waiver | None = None
    waivers: tuple[Waiver, ...] = ()
    refused: tuple[Refused, ...] = ()
    dates: tuple[date, ...] = ()
    asked: date | None = None

    @property
    def extended_to(self) -> date | None:
        """The approved due date, ``None`` without an extension in force."""
        return None if self.extension is None else self.extension.extend_to

    def waiver_of(self, rule: str) -> Waiver | None:
        """Return the approval that silences a rule, the one that lasts longest; ``None`` when none does."""
        found = [waiver for waiver in self.waivers if waiver.silences(rule)]
        return max(found, key=lambda waiver: waiver.valid_until or date.max, default=None)


NO_GRANTS = Grants()


@dataclass(frozen=True)
class Waivers:
    """All approvals of the waivers files, in their order."""

    entries: tuple[Waiver, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __add__(self, other: Waivers) -> Waivers:
        return Waivers((*self.entries, *other.entries))

    @cached_property
    def _by_item(self) -> Mapping[str, Sequence[Waiver]]:
        found: dict[str, list[Waiver]] = {}
        for waiver in self.entries:
            for name in dict.fromkeys(waiver.items):
                found.setdefault(name, []).append(waiver)
        return found

    @cached_property
    def _wide(self) -> tuple[Waiver, ...]:
        return tuple(waiver for waiver in self.entries if not waiver.items)

    def about(self, item: Item, directory: Directory) -> Iterator[Waiver]:
        """Yield the approvals whose scope an item is in."""
        named = self._by_item
        of_item = [*(named.get(item.code, ()) if item.code else ()), *named.get(str(item.ref), ())]
        for waiver in (*dict.fromkeys(of_item), *self._wide):
            if _concerns(waiver, item, directory):
                yield waiver

    def of_table(self, source: str, table: str, today: date) -> Grants:
        """Return what counts today for findings about a table itself."""
        about = [waiver for waiver in self._wide if _in_table(waiver, source, table) and waiver.tables
                 and not (waiver.departments or waiver.projects)]  # fmt: skip
        return Grants(waivers=tuple(waiver for waiver in about if waiver.out_of_time(today) is None))

    def strangers(self, items: Iterable[Item]) -> Iterator[str]:
        """Yield a sentence for every item and project that is named and is not there: the approval does nothing."""
        if not self:
            return
        items = tuple(items)
        named = {name for item in items for name in (item.code, str(item.ref)) if name} if self._by_item else set()
        projects = {_project(item) for item in items} - {""}
        for waiver in self.entries:
            for what, names, known in (("item", waiver.items, named), ("project", waiver.projects, projects)):
                for name in dict.fromkeys(names):
                    if name not in known:
                        near = nearest(name, known)
                        hint = f"; did you mean {near}?" if near else ""
                        yield f"{waiver.origin}: there is no {what} {name}{hint}"


NO_WAIVERS = Waivers()


# --- the one function


def grants_of(waivers: Waivers, item: Item, directory: Directory, today: date) -> Grants:
    """Return what counts for an item on a day (local date): the extension, the rules waived, what was refused and why.

    An approval counts from ``valid_from`` to ``valid_until``, both included, and never where the approver is the
    person in charge of the item. Pure.
    """
    if not waivers and not item.waiver:
        return NO_GRANTS
    refused: list[Refused] = []
    counting: list[Waiver] = []
    dates: list[date] = []
    owners = frozenset(_people(item, directory))
    for waiver in waivers.about(item, directory):
        why = _why_not(waiver, item, owners, today)
        if why is None:
            counting.append(waiver)
        else:
            refused.append(Refused(waiver, why))
        if waiver.extend_to is not None and why in {None, "expired"}:
            dates.append(waiver.extend_to)
    asked = _own_extension(item, directory, today, owners)
    if isinstance(asked, Refused):
        refused.append(asked)
    elif asked is not None:
        counting.append(asked)
    extensions = [waiver for waiver in counting if waiver.extend_to is not None and item.kind == "task"]
    return Grants(
        max(extensions, key=lambda waiver: waiver.extend_to or date.min, default=None),
        tuple(waiver for waiver in counting if waiver.rules),
        tuple(refused),
        tuple(sorted(set(dates))),
        asked.extend_to if isinstance(asked, Waiver) else None,
    )


def _why_not(waiver: Waiver, item: Item, owners: frozenset[str], today: date) -> Why | None:
    if waiver.approved_by in owners:
        return "self"
    if item.kind != "task" and not waiver.rules:
        return "no_task"
    return waiver.out_of_time(today)


def _own_extension(item: Item, directory: Directory, today: date, owners: frozenset[str]) -> Waiver | Refused | None:
    """Read the extension that the row's own columns say, where they name a day; an approver alone extends nothing."""
    cells: dict[str, Any] = dict(item.waiver)
    bad = {key.removeprefix(BAD): text for key, text in item.bad if key.startswith(BAD)}
    if "extend_to" not in cells.keys() | bad.keys():
        return None
    approvers = tuple(_names(cells.get("approved_by") or (), directory))
    asked = Waiver(
        "、".join(approvers) or str(bad.get("approved_by", "")), str(cells.get("reason") or ""), "column",
        extend_to=cells.get("extend_to"), valid_until=cells.get("valid_until"),
    )  # fmt: skip
    why = asked.out_of_time(today)
    if {"extend_to", "valid_until"} & bad.keys():
        why = "unreadable"
    elif not approvers:
        why = "no_approver"
    elif owners.issuperset(approvers):  # where several approve, one who is not in charge is enough
        why = "self"
    elif not any(_knows(directory, name) for name in approvers if name not in owners):
        why = "unknown_approver"
    return asked if why is None else Refused(asked, why)


BAD = "waiver."  # in Item.bad: a claimed cell that does not parse


def _concerns(waiver: Waiver, item: Item, directory: Directory) -> bool:
    return (
        _in_table(waiver, item.ref.source, item.ref.table)
        and (not waiver.projects or _project(item) in waiver.projects)
        and (not waiver.departments or not frozenset(waiver.departments).isdisjoint(_departments(item, directory)))
    )


def _in_table(waiver: Waiver, source: str, table: str) -> bool:
    return not waiver.tables or table in waiver.tables or f"{source}/{table}" in waiver.tables


def _project(item: Item) -> str:
    return item.title if item.kind == "project" else str(item.get("project") or "")


def _departments(item: Item, directory: Directory) -> Iterator[str]:
    named = [name for key in _DEPARTMENTS.get(item.kind, ()) for name in _listed(item.get(key))]
    if named:
        yield from named
        return
    homes = (directory.home(name) for name in _people(item, directory))
    yield from (home.name for home in homes if home is not None)


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _people(item: Item, directory: Directory) -> Iterator[str]:
    """The names of those in charge of an item."""
    for key in _IN_CHARGE:
        yield from _names(item.get(key) or (), directory)


def _names(people: Any, directory: Directory) -> Iterator[str]:
    for person in people:
        yield directory.name_of(person) or person.name or person.id


def _knows(directory: Directory, name: str) -> bool:
    """Everybody is known where there is no directory."""
    if not directory.people and not directory.departments:
        return True
    return directory.name_of(Person("", name)) is not None


# --- how often an item was extended


def renewed_extensions(
    recorded: tuple[tuple[str, str], ...], grants: Grants, today: date
) -> tuple[tuple[str, str], ...]:
    """Return the extensions by column that are on record, as (extended to, first seen on), with the present one."""
    if grants.asked is None or (recorded and recorded[-1][0] == grants.asked.isoformat()):
        return recorded
    return (*recorded, (grants.asked.isoformat(), today.isoformat()))


def extension_count(recorded: Sequence[tuple[str, str]], grants: Grants) -> int:
    """Return how often an item was extended: each day of the file once, and each move of its column to a later day.

    A day that stands in both is one extension; a move back to an earlier day is none.
    """
    dates, before = {day.isoformat() for day in grants.dates}, ""
    count = len(dates)
    for day, _ in recorded:
        count += day > before and day not in dates
        before = day
    return count


# --- rules that are waived and come back


def renewed_waived(
    before: tuple[tuple[str, str], ...], silenced: Iterable[str], held: Iterable[str], today: date
) -> tuple[tuple[str, str], ...]:
    """Return what to remember of waived rules: (rule, "") while one is silent, (rule, day) from the day on which it
    came back. That day makes the finding's message a new one."""
    known, quiet, holding = dict(before), frozenset(silenced), frozenset(held)
    answer = dict.fromkeys(quiet, "")
    for rule, day in known.items():
        if rule in quiet:
            continue
        if day:
            answer[rule] = day
        elif rule in holding:
            answer[rule] = today.isoformat()
    return tuple(sorted(answer.items()))


# --- in words and as data


def waiver_said(waiver: Waiver, language: Language) -> str:
    """Return who approved, until when and why, in one phrase."""
    who, why, last = waiver.approved_by or "-", waiver.reason or "-", waiver.valid_until
    if language == "en":
        until = f"until {worded(last, 'en')}" if last else "without an end"
        return f"by {who}, {until}, reason: {why} ({waiver.origin})"
    until = f"有效期至 {worded(last)}" if last else "未限有效期"
    return f"{who} 批准，{until}，原因：{why}（{waiver.origin}）"


def refusal_said(refused: Refused, language: Language) -> str:
    """Return in one sentence why an approval does not count."""
    why = _REFUSED[refused.why][language == "en"]
    return f"{what_said(refused.waiver, language)}: {waiver_said(refused.waiver, language)}: {why}"


def what_said(waiver: Waiver, language: Language) -> str:
    """Return what an approval is for."""
    parts = []
    if waiver.extend_to is not None or not waiver.rules:
        to = worded(waiver.extend_to, language)
        parts.append(f"extended to {to}" if language == "en" else f"延期至 {to}")
    if waiver.rules:
        rules = ", ".join(waiver.rules)
        parts.append(f"waived {rules}" if language == "en" else f"豁免 {rules}")
    return (", " if language == "en" else "，").join(parts)


def waiver_data(waiver: Waiver) -> dict[str, Any]:
    """Return who approved and for how long, as JSON data."""
    return {
        "approved_by": waiver.approved_by, "reason": waiver.reason,
        "from": waiver.valid_from.isoformat() if waiver.valid_from else None,
        "until": waiver.valid_until.isoformat() if waiver.valid_until else None, "origin": waiver.origin,
    }  # fmt: skip


def extension_data(waiver: Waiver) -> dict[str, Any]:
    """Return an extension as JSON data."""
    return {"to": waiver.extend_to.isoformat() if waiver.extend_to else None, **waiver_data(waiver)}


def refusal_data(refused: Refused) -> dict[str, Any]:
    """Return an approval that does not count as JSON data."""
    return {"rules": list(refused.waiver.rules), **extension_data(refused.waiver), "why": refused.why}
