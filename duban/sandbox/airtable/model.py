"""What the simulated Airtable remembers: users, tokens, bases, tables, fields, rows. Data with look-ups, no rules.

Cells are stored by field id in a form that survives renames: a select as its choice id, a person as the user id, a
link as record ids, a dateTime as UTC text; an empty cell is absent. ``raw`` holds answers of computed or future field
types that a test put there by hand.
"""

from __future__ import annotations

import random
import string
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from duban.sandbox.server import Clock

ROLES = ("none", "read", "comment", "edit", "create", "owner")
SCOPES = frozenset({
    "data.records:read", "data.records:write", "data.recordComments:read", "data.recordComments:write",
    "schema.bases:read", "schema.bases:write", "user.email:read",
})  # fmt: skip
_ALPHABET = string.ascii_letters + string.digits


def stamp(at: float) -> str:
    """Return a record's time stamp: UTC, whole seconds, written with ``.000Z`` (recorded so in live traffic)."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Ids:
    """Ids of Airtable's shape: three letters and 14 of [0-9A-Za-z]. A fixed seed gives fixed ids."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - ids of a simulator, not secrets

    def new(self, prefix: str) -> str:
        """Return a new id with this prefix."""
        return prefix + "".join(self.random.choices(_ALPHABET, k=14))


@dataclass(frozen=True, slots=True)
class User:
    """One person of the account."""

    id: str
    name: str
    email: str

    def json(self) -> dict[str, str]:
        """Return the person as cells and comments show them."""
        return {"id": self.id, "email": self.email, "name": self.name}


@dataclass(frozen=True, slots=True)
class Token:
    """One access token: whose it is, what it may do (``scopes``), and where (``roles`` by base id, None = every base
    with ``role``)."""

    text: str
    user: User
    scopes: frozenset[str]
    role: str
    roles: dict[str, str] | None

    def role_in(self, base: str) -> str:
        """Return the role in a base, ``none`` where the token does not reach."""
        return self.role if self.roles is None else self.roles.get(base, "none")


@dataclass(slots=True)
class Field:
    """One column. ``aggregate`` is a rollup's function, which the real metadata does not show; nor does it show
    ``closed``, that the field's permissions let nobody edit it."""

    id: str
    name: str
    type: str
    options: dict[str, Any] | None = None
    description: str | None = None
    aggregate: str = "SUM"
    closed: bool = False

    def option(self, name: str) -> Any:
        """Return one option, ``None`` where there is none."""
        return None if self.options is None else self.options.get(name)

    def choices(self) -> list[dict[str, Any]]:
        """Return a select's choices, in their order."""
        found = self.option("choices")
        return found if isinstance(found, list) else []

    def json(self) -> dict[str, Any]:
        """Return the field as the metadata shows it."""
        answer: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        if self.description is not None:
            answer["description"] = self.description
        if self.options is not None:
            answer["options"] = self.options
        return answer


@dataclass(slots=True)
class Row:
    """One record. ``touched`` says when and by whom each editable cell was last changed."""

    id: str
    number: int
    created: float
    created_by: str
    modified: float
    modified_by: str
    cells: dict[str, Any] = field(default_factory=dict)
    touched: dict[str, tuple[float, str]] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class View:
    """One view: a filter and an order. Hidden fields hide nothing from the API."""

    id: str
    name: str
    formula: str | None = None
    sort: tuple[tuple[str, str], ...] = ()
    visible: list[str] | None = None


@dataclass(slots=True)
class Table:
    """One table. ``version`` moves with every change, ``shape`` when rows come or go."""

    id: str
    name: str
    primary: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)
    description: str | None = None
    next_number: int = 1
    version: int = 0
    shape: int = 0

    def field(self, name: str) -> Field | None:
        """Return the field with this id or name."""
        if name in self.fields:
            return self.fields[name]
        return next((found for found in self.fields.values() if found.name == name), None)

    def view(self, name: str) -> View | None:
        """Return the view with this id or name."""
        return next((found for found in self.views if name in {found.id, found.name}), None)


@dataclass(slots=True)
class Base:
    """One base and its tables, by table id."""

    id: str
    name: str
    tables: dict[str, Table] = field(default_factory=dict)

    def table(self, name: str) -> Table | None:
        """Return the table with this id or name."""
        if name in self.tables:
            return self.tables[name]
        return next((found for found in self.tables.values() if found.name == name), None)


class State:
    """Everything one simulator remembers, with the clock, the lock and the ids that all parts share."""

    def __init__(self, clock: Clock, lock: threading.RLock, seed: int) -> None:
        self.clock, self.lock, self.ids = clock, lock, Ids(seed)
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.bases: dict[str, Base] = {}

    def user(self, name: str) -> User | None:
        """Return the user with this id, e-mail address or name."""
        if name in self.users:
            return self.users[name]
        return next((found for found in self.users.values() if name in {found.email, found.name}), None)
