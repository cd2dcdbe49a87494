"""What exists in the simulated tenant besides tables: applications, people, switches, ids, time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from duban.sandbox.server import Clock

if TYPE_CHECKING:
    from duban.sandbox.feishu.table import Base

DEFAULT_SCOPES = ("bitable:app", "wiki:wiki:readonly")


def digest(*parts: object) -> str:
    """Return twelve stable letters and digits for the given parts."""
    return hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class Switches:
    """How the simulator decides what the facts leave open; every one may be changed while it runs.

    Marks: W weak or unknown fact (section 13), T a trouble that can be switched on.
    """

    gateway_status: int = 400  # W: HTTP status of token, scope and quota errors (200 was reported too)
    limits_enabled: bool = True  # request rates of section 2, on the service's clock
    limit_status: int = 429  # old APIs answer 400
    monthly_quota: int | None = None  # T: calls a month over all applications, then 99991403
    batch_limit: int = 1000  # W: 500 in older pages
    row_limit: int = 50_000  # W: depends on the plan
    answer_limit: int | None = None  # T: bytes of records in one answer, then 1254030
    token_seconds: int = 7200
    token_on_last_search_page: bool = False  # W: lists of fields, tables and records send one anyway
    exact_date_includes_day: bool = False  # W: is 10:00 on day D greater than ExactDate D?
    seconds_dates: Literal["refuse", "store"] = "refuse"  # W: a date in seconds is 1254064, or lands in January 1970
    repeated_create: Literal["first", "refuse"] = "first"  # W: same client_token: first answer again, or 1254608
    client_token_seconds: float = 86_400.0  # W
    creator_as_list: bool = True  # W: example and text of the page disagree
    replica_lag: float = 0.0  # T: seconds after which a read sees what was written
    write_hold: float = 0.0  # T: seconds after a write in which another one conflicts
    conflict_scope: Literal["base", "table"] = "base"  # W
    conflict_on_reads: bool = False  # T: reads beside a write conflict as well
    writes_until_not_ready: int | None = None  # T: so many writes without a pause, then 1254607
    idle_seconds: float = 2.0  # the pause that ends 1254607
    error_details: bool = True  # `error` with a log id in every refusal


@dataclass(slots=True)
class App:
    """One self-built application and the tokens it was given: token -> when it ends (service clock, seconds)."""

    id: str
    secret: str
    scopes: frozenset[str]
    tokens: dict[str, float] = field(default_factory=dict)
    current: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the tenant. The open_id differs per application, the others do not."""

    name: str
    union_id: str
    user_id: str
    en_name: str = ""
    email: str = ""

    def id_as(self, kind: str, app: str) -> str:
        """Return this person's id as ``open_id``, ``union_id`` or ``user_id``, as ``app`` sees it."""
        if kind == "union_id":
            return self.union_id
        return self.user_id if kind == "user_id" else "ou_" + digest(app, self.union_id)


class World:
    """Everything the endpoints share. State changes happen under ``lock``."""

    def __init__(self, clock: Clock, lock: threading.RLock) -> None:
        self.clock, self.lock, self.switches = clock, lock, Switches()
        self.apps: dict[str, App] = {}
        self.people: dict[str, Person] = {}
        self.bases: dict[str, Base] = {}
        self.nodes: dict[str, str] = {}  # wiki node token -> base token
        self.created_options: list[tuple[str, str, str]] = []  # (table, column, option) that API writes created
        self.answered: dict[tuple[str, str], tuple[float, str, Any]] = {}  # (app, client token) -> first answer
        self.page_token_epoch = 0
        self._count = 0

    def now_ms(self) -> int:
        """Return the service's time in milliseconds, as cells hold it."""
        return int(self.clock.now() * 1000)

    def new_id(self, prefix: str) -> str:
        """Return a fresh id such as ``recf3a90c12b7d4``: the same ones in every run."""
        self._count += 1
        return prefix + digest(prefix, self._count)

    def person(self, name: str) -> Person:
        """Return the person of this name, who is known from now on."""
        if name not in self.people:
            self.people[name] = Person(name, "on_" + digest("union", name), "u_" + digest("user", name))
        return self.people[name]

    def find_person(self, id: str, kind: str, app: str) -> Person | None:  # noqa: A002 - the service's word
        """Return who has this id for this application."""
        return next((person for person in self.people.values() if person.id_as(kind, app) == id), None)

    def any_person(self, text: str) -> Person:
        """Return the person of this name or of any of these ids: what a seed may say."""
        for person in self.people.values():
            ids = {person.union_id, person.user_id, *(person.id_as("open_id", app) for app in self.apps)}
            if text in ids:
                return person
        return self.person(text)

    def add_app(self, app_id: str, secret: str, scopes: Iterable[str]) -> App:
        """Register an application."""
        self.apps[app_id] = App(app_id, secret, frozenset(scopes))
        return self.apps[app_id]
