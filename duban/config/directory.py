"""directory.yaml -> :class:`duban.people.Directory`: departments, people and how each tool knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from duban.config.mistakes import mistakes
from duban.connectors.settings import Text
from duban.errors import ConfigError, Problem
from duban.people import Contact, Department, Directory
from duban.yamlfile import Document, nearest, read_document


def _vacant(value: Any) -> Any:
    return "" if value is None else value


def _digits(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Post = Annotated[str, BeforeValidator(_vacant, json_schema_input_type=str | None)]
Number = Annotated[str, BeforeValidator(_digits, json_schema_input_type=str | int)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DepartmentEntry(_Strict):
    """One department; every key may be left out."""

    head: Post = Field(default="", description="name of the head; empty = vacant")
    superior: Post = Field(default="", description="name of the leader above the head (上级领导)")
    liaison: Post = Field(default="", description="who speaks for the department in cross-department work")
    members: tuple[Text, ...] = Field(default=(), description="names of the members")
    aliases: tuple[Text, ...] = Field(default=(), description="other names of the department in the tools")


class PersonEntry(_Strict):
    """How one person is known to each tool and how to reach them; every key may be left out."""

    feishu: Text | None = Field(default=None, description="open_id (ou_…) or union_id (on_…)")
    teambition: Text | None = Field(default=None, description="Teambition user id")
    airtable: Text | None = Field(default=None, description="Airtable user id (usr…)")
    email: Text | None = Field(default=None, description="e-mail address")
    mobile: Number | None = Field(default=None, description="mobile number")


class DirectoryFile(_Strict):
    """The keys of directory.yaml."""

    departments: Mapping[str, DepartmentEntry] = Field(default_factory=dict, description="name: department")
    people: Mapping[str, PersonEntry] = Field(default_factory=dict, description="name: ids and addresses")
    department_aliases: Mapping[str, Text] = Field(default_factory=dict, description="other name: department")


def directory_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of directory.yaml."""
    schema = DirectoryFile.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "directory.yaml"}


def load_directory(path: Path) -> Directory:
    """Read directory.yaml; raises ``ConfigError`` with all its mistakes."""
    document = read_document(path)
    problems = list(_alias_problems(document)) + list(_identity_problems(document))
    file: DirectoryFile | None = None
    try:
        file = DirectoryFile.model_validate(document.value)
    except ValidationError as error:
        problems = [*mistakes(document, document.value, error, DirectoryFile), *problems]
    if problems or file is None:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    aliases: dict[str, list[str]] = {name: list(entry.aliases) for name, entry in file.departments.items()}
    for alias, name in file.department_aliases.items():
        aliases[name].append(alias)
    return Directory(
        departments={
            name: Department(name, entry.head, entry.superior, entry.liaison, entry.members, tuple(aliases[name]))
            for name, entry in file.departments.items()
        },
        people={
            name: Contact(name, **{key: value or "" for key, value in entry.model_dump().items()})
            for name, entry in file.people.items()
        },
    )


def _entries(document: Document, key: str) -> Mapping[str, Any]:
    entries = document.value.get(key) if isinstance(document.value, dict) else None
    return entries if isinstance(entries, dict) else {}


def _alias_problems(document: Document) -> Iterator[Problem]:
    """An alias that means two departments, or a department that is not there."""
    departments = _entries(document, "departments")
    owners = {name.strip().casefold(): name for name in departments}
    for name, entry in departments.items():
        aliases = entry.get("aliases") if isinstance(entry, dict) else None
        for place, alias in enumerate(aliases if isinstance(aliases, list) else ()):
            if isinstance(alias, str) and owners.setdefault(alias.strip().casefold(), name) != name:
                yield _two(document, ("departments", name, "aliases", place), alias, owners)
    for alias, name in _entries(document, "department_aliases").items():
        if not isinstance(name, str):
            continue
        if name not in departments:
            near = nearest(name, departments)
            hint = f"did you mean {near!r}?" if near else "add it to departments"
            yield document.problem(("department_aliases", alias), f"there is no department {name!r}; {hint}")
        elif owners.setdefault(alias.strip().casefold(), name) != name:
            yield _two(document, ("department_aliases", alias), alias, owners)


def _two(document: Document, place: tuple[str | int, ...], alias: str, owners: Mapping[str, str]) -> Problem:
    owner = owners[alias.strip().casefold()]
    message = f"{alias!r} already means {owner!r}; one name cannot mean two departments"
    return document.problem(place, message, on_key=place[0] == "department_aliases")


def _identity_problems(document: Document) -> Iterator[Problem]:
    """An id in a tool that belongs to two people: nobody could tell whom to warn."""
    owners: dict[tuple[str, str], str] = {}
    for name, entry in _entries(document, "people").items():
        for key, value in entry.items() if isinstance(entry, dict) else ():
            owner = owners.setdefault((key, str(value)), name)
            if key != "mobile" and value and owner != name:
                message = f"this {key} id is that of {owner!r} already; an id belongs to one person"
                yield document.problem(("people", name, key), message)
