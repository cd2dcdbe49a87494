"""Who is told: the roles of the catalogue, resolved through the directory, with their fallbacks.

A recipient of a rule is a role (``owner``) or a role over a value (``heads(missing)``). Somebody who cannot be found is
replaced by the head of the responsible department, then by the initiator (catalogue section 3); every step is kept as
a reason, so that it can be explained. Nobody is named twice in one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from duban.item import Person
from duban.rules.context import Context, split_names


class Recipient(NamedTuple):
    """One person who is told, and why this one: the role, and the fallback that was needed, if any."""

    name: str
    role: str
    why: str = ""


def _named(context: Context, people: Iterable[Person]) -> list[str]:
    directory = context.world.directory
    return [name for name in (directory.name_of(person) for person in people) if name]


def _post(context: Context, departments: Iterable[str | None], post: str) -> list[str]:
    found = (context.world.directory.department(name) for name in departments)
    return [
        str(getattr(department, post)) for department in found if department is not None and getattr(department, post)
    ]


def _responsible(context: Context) -> list[str]:
    """The departments that do the work; a row without one stands for its owner's (C26)."""
    named = context.get("responsible_dept")
    if named:
        return list(named)
    homes = context.departments(context.get("owner"))
    return list(homes)


def _owner(context: Context) -> list[str]:
    key = "measure_owner" if context.item.kind == "risk" else "owner"
    return _named(context, context.get(key) or ())


def _department_or_person(context: Context, values: Sequence[str]) -> list[str]:
    directory = context.world.directory
    names: list[str] = []
    for value in values:
        department = directory.department(value)
        if department is not None:
            names += [department.head] if department.head else []
        elif directory.name_of(Person("", value)):
            names.append(value)
    return names


def _accountable(context: Context) -> list[str]:
    return _department_or_person(context, context.get("accountable") or ())


def _acceptor(context: Context) -> list[str]:
    return _named(context, context.get("acceptor") or ()) or _accountable(context)


def _raiser(context: Context) -> list[str]:
    raised_by = context.get("raised_by")
    if not raised_by:
        return []
    return _post(context, [raised_by], "liaison") or _department_or_person(context, [str(raised_by)])


def _superior(context: Context) -> list[str]:
    """上级领导 of the responsible department; of each party of a dispute (A28)."""
    departments = context.get("parties") or () if context.item.kind == "dispute" else _responsible(context)
    return _post(context, departments, "superior")


def _submitted_to(context: Context) -> list[str]:
    text = str(context.get("submitted_to") or "")
    if context.is_superior(text):
        return _superior(context)
    return _department_or_person(context, split_names(text))


ROLES: dict[str, Callable[[Context], list[str]]] = {
    "owner": _owner,
    "R_head": lambda c: _post(c, _responsible(c), "head"),
    "A": _accountable,
    "initiator": lambda c: _post(c, [c.initiator], "liaison"),
    "initiator_head": lambda c: _post(c, [c.initiator], "head"),
    "superior": _superior,
    "initiator_superior": lambda c: _post(c, [c.initiator], "superior"),
    "heads": lambda c: _post(c, c.project.get("participating_depts") or (), "head"),
    "acceptor": _acceptor,
    "raiser": _raiser,
    "submitted_to": _submitted_to,
    "admin": lambda _: ["admin"],
}

# Roles over a value of the rule: departments (texts or one text), or items.
OVER: dict[str, tuple[tuple[str, ...], Callable[[Context, Any], list[str]]]] = {
    "heads": (("texts", "text"), lambda c, value: _post(c, _texts(value), "head")),
    "liaisons": (("texts", "text"), lambda c, value: _post(c, _texts(value), "liaison")),
    "superiors": (("texts", "text"), lambda c, value: _post(c, _texts(value), "superior")),
    "owners": (("items", "links"), lambda _, value: [name for other in value or () for name in _owner(other)]),
}

_FALLBACKS = ("R_head", "initiator")


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def resolve(context: Context, role: str, value: Any = ...) -> list[Recipient]:
    """Return who a role means for an item, through its fallbacks; empty when nobody at all can be found."""
    found = OVER[role][1](context, value) if value is not ... else ROLES[role](context)
    if found:
        return [Recipient(name, role) for name in found]
    if value is not ... and not value:  # a list of nobody needs nobody in their place
        return []
    for fallback in _FALLBACKS:
        names = ROLES[fallback](context) if fallback != role else []
        if names:
            return [Recipient(name, role, f"nobody is known as {role}: {fallback}") for name in names]
    return []


def without_repeats(*groups: Sequence[Recipient]) -> tuple[tuple[Recipient, ...], ...]:
    """Return the groups (to, cc, esc) with everybody only in the first one that names them."""
    seen: set[str] = set()
    cleaned = []
    for group in groups:
        kept = []
        for recipient in group:
            if recipient.name not in seen:
                seen.add(recipient.name)
                kept.append(recipient)
        cleaned.append(tuple(kept))
    return tuple(cleaned)
