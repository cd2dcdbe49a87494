"""Who works where: departments with head, superior, liaison and members, and how people are known to each tool.

Pure values; read from ``directory.yaml`` by ``config``, asked by rules (who is told) and messages (how to reach them).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from duban.item import Person


@dataclass(frozen=True, slots=True)
class Department:
    """One department; every name may be empty (a vacant post)."""

    name: str
    head: str = ""
    superior: str = ""
    liaison: str = ""
    members: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """One person: ids in the tools (``feishu`` may be an open_id or a union_id), e-mail, mobile."""

    name: str
    feishu: str = ""
    teambition: str = ""
    airtable: str = ""
    email: str = ""
    mobile: str = ""

    def ids(self) -> tuple[str, ...]:
        """Return everything by which a tool may name this person."""
        return tuple(filter(None, (self.feishu, self.teambition, self.airtable, self.email)))


@dataclass(frozen=True)
class Directory:
    """All departments and people. Look-ups return ``None`` for strangers; nothing raises."""

    departments: Mapping[str, Department] = field(default_factory=dict)
    people: Mapping[str, Contact] = field(default_factory=dict)

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Department name or alias, case-folded -> the department's name."""
        names = {department.name.casefold(): department.name for department in self.departments.values()}
        for department in self.departments.values():
            names.update((alias.casefold(), department.name) for alias in department.aliases)
        return names

    @cached_property
    def _by_id(self) -> Mapping[str, str]:
        return {tool_id: contact.name for contact in self.people.values() for tool_id in contact.ids()}

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        return {_form(name): name for name in (*self.people, *self._homes, *self.superiors)}

    @cached_property
    def _homes(self) -> Mapping[str, str]:
        homes: dict[str, str] = {}
        for department in self.departments.values():
            for name in (department.head, department.liaison, *department.members):
                if name:
                    homes.setdefault(name, department.name)
        return homes

    @cached_property
    def _every_home(self) -> Mapping[str, tuple[Department, ...]]:
        homes: dict[str, list[Department]] = {}
        for department in self.departments.values():
            for name in dict.fromkeys((department.head, department.liaison, *department.members)):
                homes.setdefault(name, []).append(department)
        return {name: tuple(found) for name, found in homes.items() if name}

    @cached_property
    def superiors(self) -> frozenset[str]:
        """Everybody who is the superior of some department."""
        return frozenset(department.superior for department in self.departments.values() if department.superior)

    def department(self, name: str | None) -> Department | None:
        """Return the department with this name or alias."""
        return self.departments.get(self.aliases.get((name or "").strip().casefold(), ""))

    def name_of(self, person: Person) -> str | None:
        """Return the directory's name for a person of a tool: by tool id first, then by name; ``None`` if unknown."""
        if person.id and person.id in self._by_id:
            return self._by_id[person.id]
        return self._by_name.get(_form(person.name))

    def home(self, name: str) -> Department | None:
        """Return the department a person belongs to, as head, liaison or member."""
        return self.departments.get(self._homes.get(name, ""))

    def homes(self, name: str) -> tuple[Department, ...]:
        """Return every department that names a person, in the directory's order."""
        return self._every_home.get(name, ())


def _form(name: str) -> str:
    """Return a name as it is compared: some tools and machines write é as two characters."""
    return unicodedata.normalize("NFC", name).strip()
