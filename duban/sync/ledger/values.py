"""The values that go into the ledger and come out of it, besides items and memories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from duban.item import Item, Ref, Value
from duban.rules.memory import Memory

ReadResult = Literal["complete", "partial", "failed"]
IntentState = Literal["planned", "sent", "done", "failed", "unknown", "superseded"]
MessageStatus = Literal["queued", "sending", "sent", "shadow", "failed", "known", "uncertain"]

OPEN_STATES: tuple[IntentState, ...] = ("planned", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class TableRead:
    """What one cycle learned of one table.

    ``items`` are the rows that were read, in any order: all of them after a complete read, what came before the end of
    a partial one, none after a failure. ``columns`` is the caller's fingerprint of the table's columns (JSON data) and
    is kept, like the count of rows, only from complete reads. ``accepted`` tells that the admin accepted a loss.
    """

    source: str
    table: str
    read: ReadResult
    items: Collection[Item] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class TableMemory:
    """What is remembered of one table: how it was last read (``read_at`` in run ``run``), and ``rows`` and ``columns``
    of its last complete read (0 and nothing when there was none)."""

    read: ReadResult
    read_at: datetime
    run: str
    rows: int
    columns: Mapping[str, Any]
    last_complete_at: datetime | None
    error: str | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """Own cells that are to be set in one row: written down before anything is sent.

    ``cells`` and ``before`` are values by own-column key, ``None`` for an empty cell. The ledger fills in the rest.
    """

    ref: Ref
    cells: Mapping[str, Value]
    before: Mapping[str, Value]
    id: str = ""
    run: str = ""
    state: IntentState = "planned"
    error: str | None = None
    planned_at: datetime | None = None
    sent_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told, once per ``key`` for ever. ``text`` is JSON data that the channels understand.

    ``status``: *queued* waits, *sending* was begun and not finished (sent again: at least once), *sent*, *failed* for
    good, *shadow* would have been sent, *known* was told before duban remembered, *uncertain* was begun too long ago
    to repeat safely.
    """

    key: str
    template: str
    rule: str | None
    ref: Ref
    code: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    text: Mapping[str, Any] = field(default_factory=dict)
    status: MessageStatus = "queued"
    attempts: int = 0
    error: str | None = None
    created_at: datetime | None = None
    tried_at: datetime | None = None
    next_at: datetime | None = None
    sent_at: datetime | None = None
    run: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The book of rules that judged: its fingerprint, the digests of its rules, and its text
    (``duban.rules.bookrecord``)."""

    fingerprint: str
    digests: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle as a replay needs it: when, which sources were read, and by which book was judged. ``tables`` is the
    fingerprint of how every table stood (``Ledger.document`` has the text); ``held`` are the tables of which nothing
    was remembered or said. A ``landmark`` changed something or is the first of its hour."""

    at: datetime
    run: str
    sources: tuple[str, ...]
    book: str
    tables: str
    held: tuple[tuple[str, str], ...] = ()
    landmark: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """What a cycle leaves of its judging: the rules, the moment, and the text that ``moment.tables`` stands for."""

    rules: Rules
    moment: Moment
    tables: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """Everything that one cycle found out and is about to do. What is not in it stays as it was.

    ``memories`` should hold only those that changed (``changed``): each one given is written. ``judged`` is what a
    replay needs; without it the cycle leaves no moment.
    """

    tables: Sequence[TableRead] = ()
    memories: Mapping[Ref, Memory] = field(default_factory=dict)
    intents: Sequence[Intent] = ()
    messages: Sequence[Message] = ()
    judged: Judged | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did: rows of the mirror that are new or different, gone, back again and purged; the intents with
    their ids, in the order given; the keys of the messages that were not known before."""

    changed: int = 0
    gone: int = 0
    resumed: int = 0
    purged: int = 0
    intents: tuple[Intent, ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One cycle in the ledger's list of runs. ``now`` is the moment judged, ``started`` and ``ended`` the clock's."""

    id: str
    now: datetime
    started: datetime
    mode: str
    config: str
    ended: datetime | None = None
    result: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """When the daemon is to read a source next, and how it went lately."""

    next_due: datetime
    last_ok: datetime | None = None
    consecutive_failures: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a source until a moment. ``epoch`` grows with every owner: it tells old from new."""

    source: str
    owner: str
    epoch: int
    until: datetime


def changed(old: Mapping[Ref, Memory], new: Mapping[Ref, Memory]) -> dict[Ref, Memory]:
    """Return the memories that differ from what the ledger gave: those that a commit has to write."""
    return {ref: memory for ref, memory in new.items() if old.get(ref) != memory}
