"""What a compiled condition reads of one item: one :class:`Context` each (:mod:`world` is what they share).

A context holds the item's values and what the engine derived for it. Names here are the names of
``rules.language.scope``; nothing here knows a rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from duban.item import Item, Person, fields_of, places_of
from duban.rules.memory import Alert, Memory
from duban.rules.waivers import NO_GRANTS, Grants

if TYPE_CHECKING:
    from duban.rules.clocks import ClockReading
    from duban.rules.world import World

# Where the due date that counts comes from (C7): an accepted explanation, one offered before any notice, the notice's
# baseline, the due cell; or an approved extension that is later than any of these.
DueFrom = Literal["accepted", "offered", "baseline", "cell", "extended"]
_CLOSED_WORDS = {"issue": ("已完成", "取消"), "dispute": ("已完成", "取消"), "risk": ("已完成", "取消")}
_CLOSED_TEXTS = {"issue": (), "dispute": ("已决策",), "risk": ("已关闭", "关闭", "closed")}


@dataclass(frozen=True, slots=True)
class TableView:
    """One table as judging sees it.

    ``mapped`` holds the fields that have a column, per kind. ``complete`` tells that every row was read in this
    cycle; ``known`` that at least an earlier complete read is remembered. ``last_read`` is when the table was last
    read completely before this cycle. ``live`` is its mode.
    ``machine_update`` says that the tool itself moves 最近更新, also when duban writes (C17).
    """

    source: str
    name: str
    tool: str
    mapped: Mapping[str, frozenset[str]]
    complete: bool = True
    known: bool = True
    live: bool = True
    machine_update: bool = False
    last_read: datetime | None = None
    swapped_headings: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of item that the table holds."""
        return tuple(self.mapped)


class Context:
    """One item while it is judged. Slots only: a million of them must fit."""

    __slots__ = (
        "_clocks",
        "active",
        "alert",
        "answered_at",
        "bad",
        "closed",
        "due_from",
        "effective_due",
        "explained",
        "explanation_parts",
        "extensions",
        "grants",
        "hits",
        "human_update",
        "item",
        "ladder_due",
        "laddered",
        "lag_days",
        "memory",
        "moves",
        "open",
        "renewed",
        "table",
        "terminal",
        "v",
        "world",
    )  # fmt: skip

    def __init__(self, item: Item, table: TableView, memory: Memory, world: World) -> None:
        self.item, self.table, self.memory, self.world = item, table, memory, world
        self.v = item.values
        self.bad: Any = frozenset(key for key, _ in item.bad) if item.bad else None
        self.hits: tuple[str, ...] = ()
        self.grants: Grants = NO_GRANTS
        self.alert: Alert = memory.alert
        self.renewed: Memory = memory
        self.moves: tuple[str, ...] = ()
        self._clocks: dict[str, ClockReading] | None = None
        self.active = self.open = self.terminal = self.laddered = self.explained = False
        self.lag_days: int | None = None
        self.effective_due: date | None = None
        self.ladder_due: date | None = None
        self.due_from: DueFrom = "cell"
        self.answered_at: datetime | None = None
        self.explanation_parts = self.extensions = 0
        self.closed = _is_closed(item)
        self.human_update: datetime | None = self.last_human_update(memory)

    def last_human_update(self, memory: Memory) -> datetime | None:
        """Return the last change by a person (C17) that a memory holds; missing while 最近更新 is empty."""
        return None if self.get("last_update") is None else memory.human_at

    # --- the item and its neighbours

    def get(self, key: str) -> Any:
        """Return a field's value by key, as ``Item.get`` does."""
        place = places_of(self.item.kind).get(key)
        return None if place is None else self.v[place]

    @property
    def project(self) -> Context:
        """The project this item belongs to, or nobody: a project without values."""
        return self.world.project_of(self)

    @property
    def upstream(self) -> Sequence[Context]:
        """The tasks this one waits for; a code that several rows have stands for each of them."""
        return [found for link in self.get("upstream") or () for found in self.world.linked(self, link)]

    def collected(self, kind: str) -> Sequence[Context]:
        """Return the items of a kind that belong to this project."""
        return self.world.of_project(self, kind)

    def missing_links(self, links: Sequence[str] | None) -> tuple[str, ...]:
        """Return the links that lead to no row."""
        return tuple(link for link in links or () if not self.world.linked(self, link))

    @property
    def same_code(self) -> int:
        """How many rows of all tools have this code."""
        return len(self.world.with_code(self.item.code)) if self.item.code else 1

    @property
    def initiator(self) -> str | None:
        """The initiating department, of the item or of its project."""
        own = self.get("initiator_dept") or self.project.get("initiator_dept")
        return own if isinstance(own, str) else None

    @property
    def project_phase(self) -> str | None:
        """The phase of the item's project."""
        phase = self.project.get("phase")
        return phase if isinstance(phase, str) else None

    @property
    def unreadable_dates(self) -> tuple[str, ...]:
        """Date fields whose cell is not a date, by their Chinese names."""
        if not self.bad:
            return ()
        return tuple(f.zh for f in fields_of(self.item.kind) if f.key in self.bad and f.type in {"date", "datetime"})

    # --- what the ladder left here

    @property
    def status(self) -> str | None:
        """The canonical status, ``None`` when unknown."""
        return self.item.get("status")  # type: ignore[return-value]

    @property
    def previous_status(self) -> str | None:
        """The status before the present one."""
        return self.renewed.previous_status

    @property
    def status_since(self) -> datetime | None:
        """The run that first saw the present status; missing while the status is unknown."""
        return self.renewed.status_since if self.get("status") is not None else None

    @property
    def alert_state(self) -> str:
        """Where the item stands in the life cycle."""
        return self.alert.state

    @property
    def alert_at(self) -> datetime | None:
        """When the current notice was sent."""
        return self.alert.at

    @property
    def explain_deadline(self) -> datetime | None:
        """Until when the current notice is to be answered."""
        return self.alert.explain_deadline

    @property
    def notices(self) -> int:
        """Notices of this cycle."""
        return self.alert.notices

    @property
    def notice_outstanding(self) -> bool:
        """A notice was sent and not yet answered or resolved."""
        return self.alert.state in {"滞后预警已发", "超时未说明", "已升级"}

    @property
    def notice_sent_now(self) -> bool:
        """The notice is sent at this very moment (a second run at the same ``now`` says the same)."""
        return self.notice_outstanding and self.alert.at == self.world.now

    @property
    def explained_late(self) -> bool:
        """The last notice was answered after its deadline."""
        return bool(self.alert.explained_late)

    @property
    def explanation_note(self) -> str:
        """A sentence for an explanation that is older than the notice it should answer; else an empty text."""
        old = self.notice_outstanding and self.explanation_parts == 3 and not self.explained
        texts = {
            "zh": "；所填说明早于本次预警或日期已过，不算答复",
            "en": "; the explanation given does not answer this notice",
        }
        return texts[self.world.language] if old else ""

    @property
    def escalate_at(self) -> datetime | None:
        """When an unanswered notice is escalated."""
        return self.due_by(self.alert.explain_deadline, self.world.params.get("escalate_after_explain"))

    @property
    def stored_due(self) -> date | None:
        """The due cell as it was at the notice. Of an older state that did not store it the baseline stands in for a
        first notice (C25), and the present cell for a later one: nobody knows of a change."""
        if self.alert.due_cell is not None or any(step.move in {"T3", "T10"} for step in self.alert.history):
            return self.alert.due_cell
        due: date | None = self.alert.baseline_due if self.alert.notices == 1 else self.get("due")
        return due

    @property
    def changed_since_signing(self) -> tuple[str, ...]:
        """Fields that differ from the baseline stored when the table was signed."""
        now = dict(signed_values(self))
        names = {f.key: f.zh for f in fields_of(self.item.kind)}
        return tuple(names[key] for key, value in self.renewed.baseline if now.get(key) != value)

    def clock(self, name: str) -> ClockReading:
        """Return how a clock of the pack stands for this item."""
        if self._clocks is None:
            self._clocks = {}
        if name not in self._clocks:
            self._clocks[name] = self.world.read_clock(name, self)
        return self._clocks[name]

    def forget_clocks(self) -> None:
        """Read clocks anew: the ladder has moved."""
        self._clocks = None

    # --- functions of the language

    def is_workday(self, day: date | datetime | None) -> bool | None:
        """Whether a day is a workday."""
        found = self.day(day)
        return None if found is None else self.world.calendar.is_workday(found)

    def next_workday(self, day: date | datetime | None) -> date | None:
        """The first workday after a day."""
        found = self.day(day)
        return None if found is None else self.world.calendar.next_workday(found)

    def day(self, moment: date | datetime | None) -> date | None:
        """The local date of a moment."""
        if isinstance(moment, datetime):
            return moment.astimezone(self.world.zone).date()
        return moment

    def at(self, day: date | datetime | None, clock_time: str) -> datetime | None:
        """A local time on a day."""
        found = self.day(day)
        return None if found is None else datetime.combine(found, time.fromisoformat(clock_time), self.world.zone)

    def due_by(self, start: datetime | None, parameter: Mapping[str, Any] | None) -> datetime | None:
        """A start plus a clock parameter, in its mode."""
        return None if start is None or parameter is None else self.world.deadline(start, parameter, self.department)

    @property
    def department(self) -> str | None:
        """The department whose hours a clock of this item runs by: the responsible one, else the owner's."""
        responsible = self.get("responsible_dept")
        if responsible:
            return str(responsible[0])
        for person in self.get("owner") or ():
            home = self.world.directory.home(self.world.directory.name_of(person) or person.name)
            if home is not None:
                return home.name
        return None

    def minutes(self, duration: timedelta | None) -> float | None:
        """A duration in minutes."""
        return None if duration is None else duration.total_seconds() / 60

    def hours(self, duration: timedelta | None) -> float | None:
        """A duration in hours."""
        return None if duration is None else duration.total_seconds() / 3600

    def contains(self, text: str | None, part: str | None) -> bool | None:
        """Whether a text contains another."""
        return None if text is None or part is None else part in text

    def starts_with(self, text: str | None, part: str | None) -> bool | None:
        """Whether a text starts with another."""
        return None if text is None or part is None else text.startswith(part)

    def ends_with(self, text: str | None, part: str | None) -> bool | None:
        """Whether a text ends with another."""
        return None if text is None or part is None else text.endswith(part)

    def length(self, text: str | None) -> int | None:
        """How many characters a text has."""
        return None if text is None else len(text)

    def common(self, left: Sequence[str] | None, right: Sequence[str] | None) -> tuple[str, ...]:
        """What two lists share."""
        return tuple(member for member in left or () if member in (right or ()))

    def departments(self, people: Sequence[Person] | None) -> tuple[str, ...]:
        """The departments of people, each once."""
        homes = (self.world.directory.home(self.world.directory.name_of(p) or p.name) for p in people or ())
        return tuple(dict.fromkeys(home.name for home in homes if home is not None))

    def unknown_people(self, people: Sequence[Person] | None) -> tuple[str, ...]:
        """Those who are not in the directory."""
        return tuple(p.name or p.id for p in people or () if self.world.directory.name_of(p) is None)

    def is_person(self, text: str | None) -> bool | None:
        """Whether a text names somebody of the directory."""
        return None if text is None else self.world.directory.name_of(Person("", text)) is not None

    def is_superior(self, text: str | None) -> bool | None:
        """Whether a text names a 上级领导: the word itself, or a superior of the directory (C26)."""
        if text is None:
            return None
        return any(part == "上级领导" or part in self.world.directory.superiors for part in split_names(text))

    def stands_for(self, text: str | None, department: str | None) -> bool | None:
        """Whether a text names a department, its head or its liaison (C26)."""
        if text is None or department is None:
            return None
        found = self.world.directory.department(department)
        if found is None:
            return department in split_names(text)
        return any(
            part in {found.name, found.head, found.liaison} or self.world.directory.department(part) == found
            for part in split_names(text)
        )


def split_names(text: str) -> list[str]:
    """Split a text cell that lists names at 、 , ， ; ； / (C26)."""
    for separator in "，、；;/\n":
        text = text.replace(separator, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def signed_values(context: Context) -> tuple[tuple[str, str], ...]:
    """Return what a signed plan table fixes of a task, as text: due date, standard, R and A."""
    keys = ("due", "standard", "responsible_dept", "accountable")
    return tuple((key, str(context.get(key))) for key in keys)


def _is_closed(item: Item) -> bool:
    """Convention C21."""
    if item.kind not in _CLOSED_WORDS:
        return False
    if item.kind == "issue" and item.get("resolved_at") is not None:
        return True
    if item.kind == "dispute" and item.get("decision"):
        return True
    text = str(item.get("status_text") or "").strip().casefold()
    return item.get("status") in _CLOSED_WORDS[item.kind] or text in _CLOSED_TEXTS[item.kind]
