"""Who is told: the roles of the catalogue, resolved through the directory, with their fallbacks.

A recipient of a rule is a role (``owner``) or a role over a value (``heads(missing)``). Each person who cannot be found
- a vacant post, somebody unknown, an empty cell - is replaced by the head of the responsible department, then by the
initiator (catalogue section 3), and where nobody at all is found by the admin: nothing is dropped in silence. Every
step is kept as a reason, so that it can be explained. Nobody is named twice in one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from duban.item import Person
from duban.people import Department
from duban.rules.context import Context, split_names
from duban.wording import Language

Kind = Literal["empty", "stranger", "no_department", "vacant", "nobody", "instead", "default", "own_superior", "above",
               "choice", "otherwise"]  # fmt: skip

_POSTS: Mapping[str, tuple[str, str]] = {
    "head": ("负责人", "head"), "liaison": ("联络人", "liaison"), "superior": ("上级领导", "superior"),
}  # fmt: skip
_SENTENCES: Mapping[Kind, tuple[str, str]] = {
    "empty": ("没有填写{what}", "nobody is named as {what}"),
    "stranger": ("通讯录中没有{what}", "{what} is not in the directory"),
    "no_department": ("通讯录中没有部门{what}", "the directory has no department {what}"),
    "vacant": ("{what}空缺", "{what} is vacant"),
    "nobody": ("找不到任何人担任{what}", "nobody can be found as {what}"),
    "instead": ("改为通知{what}", "told instead: {what}"),
    "default": ("默认为{what}", "by default {what}"),
    "own_superior": ("{what}的上级领导就是本人", "{what} is their own superior"),
    "above": ("改为通知再上一级（{what}）", "told instead: the one above, {what}"),
    "choice": ("因为 {what}", "because {what}"),
    "otherwise": ("因为不满足 {what}", "because not: {what}"),
}
ROLE_NAMES: Mapping[str, tuple[str, str]] = {
    "owner": ("负责人", "owner"), "R_head": ("负责部门负责人", "R_head"), "A": ("审批方", "A"),
    "initiator": ("发起部门联络人", "initiator"), "initiator_head": ("发起部门负责人", "initiator_head"),
    "initiator_superior": ("发起部门上级领导", "initiator_superior"), "superior": ("上级领导", "superior"),
    "heads": ("部门负责人", "heads"), "liaisons": ("部门联络人", "liaisons"),
    "superiors": ("部门上级领导", "superiors"), "owners": ("负责人", "owners"), "acceptor": ("验收人", "acceptor"),
    "raiser": ("提出部门联络人", "raiser"), "submitted_to": ("上报对象", "submitted_to"), "admin": ("管理员", "admin"),
}  # fmt: skip


class Reason(NamedTuple):
    """One step on the way to a recipient; ``what`` is a name, a role, ``department/post`` or a condition."""

    kind: Kind
    what: str

    def said(self, language: Language) -> str:
        """Return the step in words."""
        place = language == "en"
        if self.kind == "vacant":
            department, _, post = self.what.rpartition("/")
            what = (f"{department}的{_POSTS[post][0]}", f"the {_POSTS[post][1]} of {department}")[place]
        else:
            what = ROLE_NAMES[self.what][place] if self.what in ROLE_NAMES else self.what
        return _SENTENCES[self.kind][place].format(what=what)


class Recipient(NamedTuple):
    """One person who is told, and why this one: the role, the steps that led to somebody else than the role names,
    and the further roles that mean the same person."""

    name: str
    role: str
    reasons: tuple[Reason, ...] = ()
    also: tuple[str, ...] = ()

    def why(self, language: Language) -> str:
        """Return the reasons in words, an empty text where the role alone says it."""
        return ("；" if language == "zh" else "; ").join(reason.said(language) for reason in self.reasons)


class Lost(NamedTuple):
    """Somebody whom a role means and who cannot be found."""

    reason: Reason


Found = Recipient | Lost


def _person(context: Context, person: Person, role: str) -> Found:
    name = context.world.directory.name_of(person)
    return Recipient(name, role) if name else Lost(Reason("stranger", person.name or person.id))


def _people(context: Context, people: Iterable[Person], role: str) -> list[Found]:
    return [_person(context, person, role) for person in people]


def _posts(context: Context, departments: Iterable[str | None], post: str, role: str) -> list[Found]:
    """The people in a post of departments."""
    found: list[Found] = []
    for named in filter(None, departments):
        department = context.world.directory.department(named)
        if department is None:
            found.append(Lost(Reason("no_department", named)))
            continue
        name = str(getattr(department, post))
        if not name:
            found.append(Lost(Reason("vacant", f"{department.name}/{post}")))
        else:
            found.append(_above(context, department, role) if post == "superior" else Recipient(name, role))
    return found


def _above(context: Context, department: Department, role: str) -> Recipient:
    """A department's superior; for one who would be told of himself, whoever is above him, where the directory knows.

    Of himself: he owns the item, or he heads the department too.
    """
    superior, directory = department.superior, context.world.directory
    concerned = {found.name for found in _owner(context, "owner") if isinstance(found, Recipient)} | {department.head}
    if superior not in concerned:
        return Recipient(superior, role)
    reason = Reason("own_superior", superior)
    for home in directory.homes(superior):
        if home.superior and home.superior not in concerned:
            return Recipient(home.superior, role, (reason, Reason("above", home.name)))
    return Recipient(superior, role, (reason,))


def _responsible(context: Context) -> list[str]:
    """The departments that do the work; a row without one stands for its owner's (C26)."""
    named = context.get("responsible_dept")
    return list(named) if named else list(context.departments(context.get("owner")))


def _owner(context: Context, role: str) -> list[Found]:
    key = "measure_owner" if context.item.kind == "risk" else "owner"
    return _people(context, context.get(key) or (), role)


def _departments_or_people(context: Context, values: Sequence[str], role: str) -> list[Found]:
    """Departments stand for their heads; everything else is a person's name."""
    found: list[Found] = []
    for value in values:
        known = context.world.directory.department(value) is not None
        found += _posts(context, [value], "head", role) if known else _people(context, [Person("", value)], role)
    return found


def _accountable(context: Context, role: str) -> list[Found]:
    return _departments_or_people(context, context.get("accountable") or (), role)


def _acceptor(context: Context, role: str) -> list[Found]:
    """验收人; by default, and for one who is unknown, whoever approves."""
    named = _people(context, context.get("acceptor") or (), role)
    if any(isinstance(found, Recipient) for found in named):
        return named
    steps = (*(found.reason for found in named if isinstance(found, Lost)), Reason("default", "A"))
    approving = _accountable(context, role)
    return [each._replace(reasons=steps) if isinstance(each, Recipient) else each for each in approving] or named


def _raiser(context: Context, role: str) -> list[Found]:
    """The liaison of the department that raised the matter, where there is none its head; or the person who did."""
    raised_by = context.get("raised_by")
    if not raised_by:
        return []
    liaison = _posts(context, [raised_by], "liaison", role)
    if isinstance(liaison[0], Recipient):
        return liaison
    return _departments_or_people(context, [str(raised_by)], role)


def _superior(context: Context, role: str) -> list[Found]:
    """上级领导 of the responsible department; of each party of a dispute (A28)."""
    departments = context.get("parties") or () if context.item.kind == "dispute" else _responsible(context)
    return _posts(context, departments, "superior", role)


def _submitted_to(context: Context, role: str) -> list[Found]:
    """Those whom the cell names; 上级领导 without a name are the superiors of the parties."""
    found: list[Found] = []
    for name in split_names(str(context.get("submitted_to") or "")):
        found += _superior(context, role) if name == "上级领导" else _departments_or_people(context, [name], role)
    return found


def _initiator(post: str) -> Callable[[Context, str], list[Found]]:
    return lambda context, role: _posts(context, [context.initiator], post, role)


ROLES: dict[str, Callable[[Context, str], list[Found]]] = {
    "owner": _owner,
    "R_head": lambda c, role: _posts(c, _responsible(c), "head", role),
    "A": _accountable,
    "initiator": _initiator("liaison"),
    "initiator_head": _initiator("head"),
    "superior": _superior,
    "initiator_superior": _initiator("superior"),
    "heads": lambda c, role: _posts(c, c.project.get("participating_depts") or (), "head", role),
    "acceptor": _acceptor,
    "raiser": _raiser,
    "submitted_to": _submitted_to,
    "admin": lambda _, role: [Recipient("admin", role)],
}

# Roles over a value of the rule: departments (texts or one text), or items.
OVER: dict[str, tuple[tuple[str, ...], Callable[[Context, Any, str], list[Found]]]] = {
    "heads": (("texts", "text"), lambda c, value, role: _posts(c, _texts(value), "head", role)),
    "liaisons": (("texts", "text"), lambda c, value, role: _posts(c, _texts(value), "liaison", role)),
    "superiors": (("texts", "text"), lambda c, value, role: _posts(c, _texts(value), "superior", role)),
    "owners": (("items", "links"), lambda _, value, role: [each for other in value or () for each in _of(other, role)]),
}

_FALLBACKS = ("R_head", "initiator")


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _of(other: Context, role: str) -> list[Found]:
    """Another item's owner, through that item's own fallbacks."""
    return [person._replace(role=role) for person in resolve(other, "owner")]


def resolve(context: Context, role: str, value: Any = ...) -> list[Recipient]:
    """Return who a role means for an item, each through the fallbacks; the admin where nobody at all can be found."""
    found = OVER[role][1](context, value, role) if value is not ... else ROLES[role](context, role)
    if not found:
        if value is not ... and not value:  # a list of nobody needs nobody in their place
            return []
        found = [Lost(Reason("empty" if role in _CELLS else "nobody", role))]
    people: list[Recipient] = []
    for each in found:
        people += [each] if isinstance(each, Recipient) else _instead(context, role, each.reason)
    reached = [person for person in people if person.name != "admin" or role == "admin"]
    return reached or people[:1]


_CELLS = frozenset({"owner", "A", "acceptor", "raiser", "submitted_to"})  # roles that a cell of the row names


def _instead(context: Context, role: str, reason: Reason) -> list[Recipient]:
    for fallback in _FALLBACKS:
        stand_ins = [each for each in ROLES[fallback](context, role) if isinstance(each, Recipient)]
        if fallback != role and stand_ins:
            return [each._replace(reasons=(reason, Reason("instead", fallback))) for each in stand_ins]
    return [Recipient("admin", role, (reason, Reason("instead", "admin")))]


def chosen(people: Iterable[Recipient], condition: str, *, holds: bool) -> list[Recipient]:
    """Return recipients with the condition that chose them among their reasons."""
    reason = Reason("choice" if holds else "otherwise", condition)
    return [person._replace(reasons=(reason, *person.reasons)) for person in people]


def without_repeats(*groups: Sequence[Recipient]) -> tuple[tuple[Recipient, ...], ...]:
    """Return the groups (to, cc, esc) with everybody only in the first one that names them.

    The roles of the repetitions are kept with the one that stays.
    """
    also: dict[str, dict[str, None]] = {}
    for person in (person for group in groups for person in group):
        also.setdefault(person.name, {})[person.role] = None
    seen: set[str] = set()
    cleaned = []
    for group in groups:
        kept = []
        for person in group:
            if person.name not in seen:
                seen.add(person.name)
                others = tuple(role for role in also[person.name] if role != person.role)
                kept.append(person._replace(also=others))
        cleaned.append(tuple(kept))
    return tuple(cleaned)
